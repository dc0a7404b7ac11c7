/** Names of capabilities as bits of one number (platform.md §4.1, §4.4). */

import { member, type JsonObject } from '../../lib/json.ts'

export const capabilityBits = {
  deny: 1,
  create: 2,
  read: 4,
  update: 8,
  delete: 16,
  list: 32,
  sudo: 64,
  patch: 128,
  scan: 256,
} as const

export type Capability = keyof typeof capabilityBits

export type Operation =
  'read' | 'list' | 'create' | 'update' | 'delete' | 'patch' | 'scan' | 'help' | 'header'

/** The capability an operation needs; help needs none. */
export const bitOfOperation: Readonly<Record<Operation, number>> = {
  read: capabilityBits.read,
  // HEAD reads what GET reads (platform.md §1.5).
  header: capabilityBits.read,
  list: capabilityBits.list,
  create: capabilityBits.create,
  update: capabilityBits.update,
  delete: capabilityBits.delete,
  patch: capabilityBits.patch,
  scan: capabilityBits.scan,
  help: 0,
}

const alphabetical: readonly Capability[] = [
  'create',
  'delete',
  'list',
  'patch',
  'read',
  'scan',
  'sudo',
  'update',
]

/** Vault compatibility: resultant-acl has an order of its own (platform.md §2.8). */
const resultantOrder: readonly Capability[] = [
  'create',
  'delete',
  'list',
  'read',
  'sudo',
  'update',
  'patch',
  'scan',
]

/**
 * HashiCorp words for features that do not exist here: known, so that such policies load; they
 * grant nothing.
 */
const grantsNothing = new Set(['subscribe', 'recover'])

/** The bit of a word in `capabilities`; undefined for a word nobody knows. */
export function parseCapability(word: string): number | undefined {
  if (grantsNothing.has(word)) return 0
  return Object.hasOwn(capabilityBits, word) ? capabilityBits[word as Capability] : undefined
}

const { deny, create, read, update, delete: remove, list, sudo } = capabilityBits
const write = create | read | update | remove | list

const oldWords: JsonObject = { deny, read: read | list, write, sudo: write | sudo }

/** The bits of an old `policy = "word"`. */
export function parseOldPolicyWord(word: string): number | undefined {
  const bits = member(oldWords, word)
  return typeof bits === 'number' ? bits : undefined
}

/**
 * What `sys/capabilities` answers: alphabetical, `deny` alone when nothing is granted
 * (platform.md §2.5).
 */
export function listCapabilities(bits: number): string[] {
  return namesOf(bits, alphabetical)
}

export function listResultantCapabilities(bits: number): string[] {
  return namesOf(bits, resultantOrder)
}

/** Whether anything is granted. */
export function grantsAnything(bits: number): boolean {
  return bits !== 0 && (bits & capabilityBits.deny) === 0
}

function namesOf(bits: number, order: readonly Capability[]): string[] {
  return grantsAnything(bits)
    ? order.filter((name) => (bits & capabilityBits[name]) !== 0)
    : ['deny']
}
