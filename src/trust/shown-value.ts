/**
 * Values of tokens and requests as they appear in texts for people: quoted, cut, and with
 * everything escaped that could act on a terminal or hide (ASVS 16.4.1), and never a signature
 * part.
 */

import { encodeJson, isJsonArray, type JsonValue } from '../lib/json.ts'

const shownLengthMax = 128
/** Read of a long value before it is cut; enough to recognise a token at its start. */
const readLengthMax = 512
const listLengthMax = 8
/** What `maskTokens` puts in the place of a token. */
export const tokenMark = 'eyJ… (a token)'

/** A quoted string in the manner of Go's %q and JSON: printable characters stay as they are. */
export function quote(text: string): string {
  return JSON.stringify(cut(text)).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, escapeCharacter)
}

/** Any value in at most 128 characters of its own. */
export function showValue(value: JsonValue): string {
  if (typeof value === 'string') return quote(value)
  if (isJsonArray(value) && value.every((element) => typeof element === 'string')) {
    const shown = value.slice(0, listLengthMax).map(quote).join(', ')
    const more = value.length > listLengthMax ? ' …' : ''
    return value.length === 0 ? 'an empty list' : `[${cut(shown)}${more}]`
  }
  return cut(encodeJson(value)).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, escapeCharacter)
}

/** The same for a table: each string of a list on its own line, as it is and without quotes. */
export function showLines(value: JsonValue): readonly string[] {
  const each = isJsonArray(value) ? value : [value]
  const lines = each
    .slice(0, listLengthMax)
    .map((one) => (typeof one === 'string' ? quote(one).slice(1, -1) : showValue(one)))
  return each.length > listLengthMax ? [...lines, '…'] : lines
}

/** The beginning of a text, with what looks like a token taken out of it. */
export function maskTokens(text: string): string {
  const read = text.slice(0, readLengthMax)
  return read.includes('eyJ') ? read.replaceAll(/[\w-]+(?:\.[\w-]*)*/g, maskToken) : read
}

function cut(text: string): string {
  const masked = maskTokens(text)
  return masked.length > shownLengthMax ? `${masked.slice(0, shownLengthMax)}…` : masked
}

/** Words joined by dots are a token from an `eyJ` on that has two dots behind it. */
function maskToken(words: string): string {
  const start = words.indexOf('eyJ')
  const isToken = start !== -1 && words.slice(start).split('.', 3).length === 3
  return isToken ? `${words.slice(0, start)}${tokenMark}` : words
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
}
