/**
 * The order of keys: by their UTF-8 bytes, as every engine keeps them. JavaScript compares UTF-16
 * units, which differs above U+D7FF.
 */

import { keyBytesMax, type KeyRange } from './store.ts'

const beyondPlain = /[\ud800-\uffff]/

/**
 * A text whose JavaScript order is the UTF-8 order of the key: surrogates are moved above the other
 * units. Nearly every key is its own order text.
 */
export function orderText(key: string): string {
  return beyondPlain.test(key) ? moveUnits(key, toOrder) : key
}

/** The key of an order text. */
export function keyOfOrderText(text: string): string {
  return beyondPlain.test(text) ? moveUnits(text, fromOrder) : text
}

export function compareKeys(a: string, b: string): number {
  const left = orderText(a)
  const right = orderText(b)
  return left < right ? -1 : left > right ? 1 : 0
}

export function isInRange(key: string, range: KeyRange): boolean {
  return compareKeys(key, range.start) >= 0 && compareKeys(key, range.end) < 0
}

/**
 * True for a key that an engine may hold. Half of a surrogate pair is none: all halves become the
 * same bytes, so two different keys would meet in one record.
 */
export function isStorableKey(key: string): boolean {
  // The sealed store marks what is no record with a leading zero byte.
  if (key.length === 0 || key.length > keyBytesMax || key.charCodeAt(0) === 0) return false
  if (!key.isWellFormed()) return false
  return key.length * 3 <= keyBytesMax || Buffer.byteLength(key) <= keyBytesMax
}

function moveUnits(text: string, move: (unit: number) => number): string {
  let moved = ''
  for (let i = 0; i < text.length; i++) moved += String.fromCharCode(move(text.charCodeAt(i)))
  return moved
}

function toOrder(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

function fromOrder(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xf800 ? unit + 0x800 : unit - 0x2000
}
