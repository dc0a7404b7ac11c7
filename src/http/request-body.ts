/** Bodies: read with a cap, decoded as JSON or as a form (platform.md §1.7). */

import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'

import { invalid, Refusal, type RefusalDetail } from '../framework/refusal.ts'
import { ByteGatherer } from '../lib/byte-gatherer.ts'
import { emptyObject, isJsonObject, type JsonLimits, type JsonObject } from '../lib/json.ts'
import { decodeInTurns, parseJsonInTurns } from '../lib/json-in-turns.ts'
import type { Turns } from '../lib/turns.ts'
import type { BodyShare } from './body-budget.ts'
import { parsePairs, requireNoRepeats } from './request-query.ts'

/** A form is for a handful of fields: its values are unescaped in one piece. */
const formBytesMax = 1_048_576

/**
 * What a piece counts for at least, where no token is asked for. Each chunk costs a microsecond or
 * two whatever is in it: half a million of one byte would stop everybody else for a second.
 */
const strangersPieceBytes = 64
/** The last piece of an honest body is as small as it happens to be. */
const smallPiecesBytes = 4096

/** The client went away before its request was complete; there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length']
  return length === undefined ? request.headers['transfer-encoding'] !== undefined : length !== '0'
}

/** Whether more bytes than that may come: a body in chunks does not tell. */
export function mayBeLonger(request: IncomingMessage, bytes: number): boolean {
  const length = request.headers['content-length']
  return length === undefined ? hasBody(request) : Number(length) > bytes
}

/** Refuses a length that is announced to be over the cap, before any byte is taken. */
export function requireLengthWithin(
  request: IncomingMessage,
  bytesMax: number,
  detail?: RefusalDetail,
): void {
  const length = request.headers['content-length']
  if (bytesMax >= 0 && length !== undefined && Number(length) > bytesMax) {
    throw new Refusal('body_too_large', detail)
  }
}

function noRoom(): Refusal {
  return new Refusal('unavailable', {
    text: 'too many large requests are being read at the moment; try again',
    headers: { 'Retry-After': '1' },
  })
}

export interface BodyLimits {
  /** A negative cap is none. */
  readonly bytesMax: number
  /** Whether anybody may send it. */
  readonly isOpen: boolean
}

/** All bytes of the body; stops taking them at the cap, or where there is no room for them. */
export function readBody(
  request: IncomingMessage,
  { bytesMax, isOpen }: BodyLimits,
  share: BodyShare,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const gathered = new ByteGatherer(bytesMax < 0 ? Infinity : bytesMax)
    let left = isOpen ? bytesMax + smallPiecesBytes : Infinity
    const onData = (chunk: Buffer): void => {
      left -= Math.max(chunk.length, strangersPieceBytes)
      const hasRoom = share.add(chunk.length)
      if (hasRoom && left >= 0 && gathered.add(chunk)) return
      gathered.forget()
      request.off('data', onData)
      request.pause()
      reject(hasRoom ? new Refusal('body_too_large') : noRoom())
    }
    request.on('data', onData)
    // A request that is closed before its end was cut off; most are closed after it.
    const onClose = (): void => reject(new ClientGone())
    request.once('end', () => {
      request.off('close', onClose)
      resolve(gathered.take())
    })
    request.once('close', onClose)
    request.on('error', ignoreError)
  })
}

function ignoreError(): void {
  // The close that follows tells the same.
}

/** Codings of the body are refused: what a small body inflates to is not bounded by its size. */
export function requirePlainBody(request: IncomingMessage): void {
  const coding = request.headers['content-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    throw new Refusal('media_type_unsupported', { text: 'the content coding is not supported' })
  }
}

/** What a body may cost, and whether it may say a thing twice. */
export interface BodyRules {
  readonly json: JsonLimits
  readonly repeats: 'refuse' | undefined
}

/**
 * The fields of a body; throws a refusal when it is not an object. A large one takes turns with
 * other requests.
 */
export async function parseBody(
  bytes: Buffer,
  contentType: string | undefined,
  { json, repeats }: BodyRules,
  turns: Turns,
): Promise<JsonObject> {
  if (bytes.length === 0) return emptyObject()
  // Bytes that are no UTF-8 would turn into replacement characters and be stored as something else.
  if (!isUtf8(bytes)) throw invalid('failed to decode JSON input: the text is not UTF-8')
  const text = await decodeInTurns(bytes, turns)
  if (contentType !== undefined && isForm(contentType) && !/^\s*[{[]/.test(text)) {
    if (bytes.length > formBytesMax) throw new Refusal('body_too_large')
    return parseForm(text, json.entriesMax, repeats)
  }
  const limits = repeats === 'refuse' ? ({ ...json, duplicates: 'refuse' } as const) : json
  const parsed = await parseJsonInTurns(text, limits, turns)
  if (parsed.ok) {
    if (isJsonObject(parsed.value)) return parsed.value
    // Vault compatibility: the Go client sends `null` for a write without fields.
    if (parsed.value === null) return emptyObject()
    throw invalid('failed to decode JSON input: the value is not an object')
  }
  if (/^[ \t\r\n]*$/.test(text)) return emptyObject()
  switch (parsed.error.kind) {
    case 'depth':
    case 'entries':
    case 'string_length':
      throw invalid(
        `failed to decode JSON input: refused JSON input due to high complexity: ${parsed.error.detail}`,
      )
    case 'syntax':
    case 'duplicate_member':
    case 'lone_surrogate':
      throw invalid(`failed to decode JSON input: ${parsed.error.detail}`)
  }
}

/** The media type alone, in lower case and without parameters. */
export function mediaType(contentType: string): string {
  const semicolon = contentType.indexOf(';')
  return (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase()
}

export function isForm(contentType: string): boolean {
  return mediaType(contentType) === 'application/x-www-form-urlencoded'
}

function parseForm(text: string, entriesMax: number, repeats: BodyRules['repeats']): JsonObject {
  const pairs = parsePairs(text.trim(), entriesMax)
  if (repeats === 'refuse') requireNoRepeats(pairs)
  const data = emptyObject()
  for (const [name, value] of pairs) {
    const present = data[name]
    data[name] = typeof present === 'string' ? `${present},${value}` : value
  }
  return data
}
