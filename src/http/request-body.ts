/** Bodies: read with a cap, decoded as JSON or as a form (platform contract §1.7). */

import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'

import { invalid, Refusal } from '../framework/refusal.ts'
import {
  emptyObject,
  isJsonObject,
  parseJson,
  requestJsonLimits,
  type JsonObject,
} from '../lib/json.ts'
import { parsePairs } from './request-query.ts'

/** The client went away before its request was complete; there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

const noBytes = Buffer.alloc(0)

export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length']
  return length === undefined ? request.headers['transfer-encoding'] !== undefined : length !== '0'
}

/** Refuses a length that is announced to be over the cap, before any byte is taken. */
export function requireLengthWithin(request: IncomingMessage, bytesMax: number): void {
  const length = request.headers['content-length']
  if (bytesMax >= 0 && length !== undefined && Number(length) > bytesMax) {
    throw new Refusal('body_too_large')
  }
}

/** All bytes of the body; stops taking them at the cap. A negative cap is none. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytesMax >= 0 && bytes > bytesMax) {
        request.off('data', onData)
        request.pause()
        chunks.length = 0
        reject(new Refusal('body_too_large'))
        return
      }
      chunks.push(chunk)
    }
    request.on('data', onData)
    // A request that is closed before its end was cut off; most are closed after it.
    const onClose = (): void => reject(new ClientGone())
    request.once('end', () => {
      request.off('close', onClose)
      const first = chunks[0]
      if (first === undefined) resolve(noBytes)
      else resolve(chunks.length === 1 ? first : Buffer.concat(chunks, bytes))
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

/** The fields of a body; throws a refusal when it is not an object. */
export function parseBody(bytes: Buffer, contentType: string | undefined): JsonObject {
  if (bytes.length === 0) return emptyObject()
  // Bytes that are no UTF-8 would turn into replacement characters and be stored as something else.
  if (!isUtf8(bytes)) throw invalid('failed to decode JSON input: the text is not UTF-8')
  const text = bytes.toString('utf8')
  if (contentType !== undefined && isForm(contentType) && !/^\s*[{[]/.test(text)) {
    return parseForm(text)
  }
  const parsed = parseJson(text, requestJsonLimits)
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

function isForm(contentType: string): boolean {
  return mediaType(contentType) === 'application/x-www-form-urlencoded'
}

function parseForm(text: string): JsonObject {
  const data = emptyObject()
  for (const [name, value] of parsePairs(text.trim(), requestJsonLimits.entriesMax)) {
    const present = data[name]
    data[name] = typeof present === 'string' ? `${present},${value}` : value
  }
  return data
}
