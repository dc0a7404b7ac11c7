/**
 * The form of a backup: a line that says what it is, a line of JSON about the store, the store as
 * its engine keeps it, sealed as it lies there, and the SHA-256 of all that. Whoever receives one
 * checks it while it passes; nothing is made of one before its end was seen.
 */

import { createHash } from 'node:crypto'
import { isJsonObject, member, parseJson, requestJsonLimits } from './json.ts'
import { product } from './product.ts'
import { err, ok, type Result } from './result.ts'

const firstLine = `${product.name} backup 1\n`
const sumBytes = 32
/** Both lines together. */
const headBytesMax = 4096

/** About the store, and what of it follows. */
export interface BackupHeader {
  readonly engine: string
  /** Of the engine's own: what lies where in the store. */
  readonly format: number
  /** The store's own name for itself, which its copies keep. */
  readonly store: string
  readonly cluster_id: string
  readonly created: string
  readonly bytes: number
}

export interface CheckedBackup {
  readonly header: BackupHeader
  /** Where the store begins. */
  readonly offset: number
}

/** Puts lines and sum around the store's bytes. */
export async function* encodeBackup(
  header: BackupHeader,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const sum = createHash('sha256')
  const head = Buffer.from(`${firstLine}${JSON.stringify(header)}\n`)
  sum.update(head)
  yield head
  for await (const chunk of content) {
    sum.update(chunk)
    yield chunk
  }
  yield sum.digest()
}

/** Reads a backup as it passes, in pieces of any size. */
export class BackupCheck {
  readonly #sum = createHash('sha256')
  #head: Buffer | undefined = Buffer.alloc(0)
  #checked: CheckedBackup | undefined
  #problem: string | undefined
  /** The last bytes so far: they may be the sum. */
  #tail = Buffer.alloc(0)
  #passedBytes = 0

  /** What is already wrong with it, as half a sentence. */
  get problem(): string | undefined {
    return this.#problem
  }

  add(chunk: Uint8Array): void {
    if (this.#problem !== undefined) return
    this.#passedBytes += chunk.length
    if (this.#head !== undefined) this.#addToHead(chunk)
    if (this.#problem !== undefined) return
    const wanted = this.#checked === undefined ? Infinity : this.#totalBytes(this.#checked)
    if (this.#passedBytes > wanted) {
      this.#problem = 'is longer than it says itself'
      return
    }
    // A large piece is summed as it is; only its end is kept.
    if (chunk.length >= sumBytes) {
      this.#sum.update(this.#tail)
      const split = chunk.length - sumBytes
      this.#sum.update(chunk.subarray(0, split))
      this.#tail = Buffer.from(chunk.subarray(split))
      return
    }
    const joined = Buffer.concat([this.#tail, chunk])
    const split = Math.max(0, joined.length - sumBytes)
    this.#sum.update(joined.subarray(0, split))
    this.#tail = Buffer.from(joined.subarray(split))
  }

  /** After the last piece. */
  end(): Result<CheckedBackup, string> {
    if (this.#problem !== undefined) return err(this.#problem)
    const checked = this.#checked
    if (checked === undefined) return err('is no backup of this product')
    if (this.#passedBytes < this.#totalBytes(checked)) return err('was cut: its end is missing')
    return this.#sum.digest().equals(this.#tail)
      ? ok(checked)
      : err('was changed: its checksum is not that of its content')
  }

  #totalBytes({ header, offset }: CheckedBackup): number {
    return offset + header.bytes + sumBytes
  }

  #addToHead(chunk: Uint8Array): void {
    const room = headBytesMax - (this.#head?.length ?? 0)
    const head = Buffer.concat([this.#head ?? Buffer.alloc(0), chunk.subarray(0, room)])
    this.#head = head
    const known = head.subarray(0, firstLine.length).toString('latin1')
    if (!firstLine.startsWith(known)) {
      this.#problem = 'is no backup of this product, or of a version that this one does not know'
      return
    }
    const end = head.indexOf('\n', firstLine.length)
    if (end === -1) {
      if (head.length >= headBytesMax) this.#problem = 'has a damaged head'
      return
    }
    this.#head = undefined
    const header = parseHeader(head.toString('utf8', firstLine.length, end))
    if (header === undefined) this.#problem = 'has a damaged head'
    else this.#checked = { header, offset: end + 1 }
  }
}

function parseHeader(text: string): BackupHeader | undefined {
  const parsed = parseJson(text, requestJsonLimits)
  if (!parsed.ok || !isJsonObject(parsed.value)) return undefined
  const members = parsed.value
  const textOf = (name: string): string => {
    const value = member(members, name)
    return typeof value === 'string' ? value : ''
  }
  const numberOf = (name: string): number => {
    const value = member(members, name)
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : -1
  }
  const [bytes, format] = [numberOf('bytes'), numberOf('format')]
  if (bytes < 0 || format < 0) return undefined
  const header = {
    engine: textOf('engine'),
    format,
    store: textOf('store'),
    cluster_id: textOf('cluster_id'),
    created: textOf('created'),
    bytes,
  }
  return header.engine === '' || header.store === '' ? undefined : header
}
