/**
 * Token texts, accessors and lease ids.
 *
 * A token is known inside by an id that grows with time, so that records land at the right edge of
 * the store's tree. The id is 12 bytes: 6 of milliseconds, 2 of a counter, 4 drawn when the process
 * starts, so that two nodes never make the same one. Outside it never shows: a token text is one
 * AES block that holds the id, followed by 16 random bytes; an accessor is the id in a block under
 * another key; a lease id likewise under a third. The accessor and the lease id therefore need no
 * index, and nothing can be derived from one about the others. Only a keyed hash of the 16 random
 * bytes is stored.
 */

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
} from 'node:crypto'
import { decodeBase62, encodeBase62 } from '../lib/base62.ts'
import { BoundedCache } from '../lib/bounded-cache.ts'
import type { Random } from '../platform/random.ts'
import type { Keyring } from '../storage/keyring.ts'

/** Gives a 32-byte key for a purpose, the same at every start. */
export type Subkey = (purpose: string) => Buffer

export const servicePrefix = 'hvs.'
export const batchPrefix = 'hvb.'

const idBytes = 12
const blockBytes = 16
const secretBytes = 16
const tokenChars = 48
/** Of a whole token text that nobody chose. */
export const serviceTextChars = servicePrefix.length + tokenChars
const accessorChars = 24
const counterMax = 0xffff

/**
 * One block at a time under one key; the cipher is kept, since making one costs more than using it.
 */
class Block {
  readonly #seal
  readonly #open

  constructor(key: Buffer) {
    // ECB is exact here: each input is one block, and all inputs are different.
    this.#seal = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false)
    this.#open = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false)
  }

  seal(id: string): Buffer {
    const block = Buffer.alloc(blockBytes)
    decodeId(id).copy(block)
    return this.#seal.update(block)
  }

  /** The id, or undefined when the block is not one of ours. */
  open(block: Buffer): string | undefined {
    const plain = this.#open.update(block)
    return plain.readUInt32BE(idBytes) === 0 ? encodeBase62(plain.subarray(0, idBytes)) : undefined
  }
}

function decodeId(id: string): Buffer {
  const bytes = decodeBase62(id)
  if (bytes === undefined || bytes.length !== idBytes) throw new TypeError('not a token id')
  return bytes
}

/** Below every id that was ever made. */
export const lowestTokenId = encodeBase62(Buffer.alloc(idBytes))

export interface ParsedTokenText {
  readonly id: string
  readonly hash: string
  readonly accessor: string
}

/**
 * Texts whose parts are remembered, since a token is used many times; they go with the process's
 * keys at the seal.
 */
const parsedMax = 20_000

export class TokenIds {
  readonly #parsed = new BoundedCache<string, ParsedTokenText>(parsedMax)
  readonly #nameHashes = new BoundedCache<string, string>(parsedMax)
  readonly #random: Random
  readonly #token: Block
  readonly #accessor: Block
  readonly #lease: Block
  readonly #leaseMac: KeyObject
  readonly #hash: KeyObject
  readonly #alias: KeyObject
  readonly #process: Buffer
  /** Behind texts, accessors and lease ids of a namespace: a dot and its id. */
  readonly suffix: string
  #lastMs = 0
  #counter = 0

  constructor(subkey: Subkey, random: Random, namespace = '') {
    this.suffix = namespace === '' ? '' : `.${namespace}`
    this.#random = random
    this.#token = new Block(subkey('token text'))
    this.#accessor = new Block(subkey('token accessor'))
    this.#lease = new Block(subkey('token lease'))
    this.#leaseMac = createSecretKey(subkey('token lease mac'))
    this.#hash = createSecretKey(subkey('token hash'))
    this.#alias = createSecretKey(subkey('name hash'))
    this.#process = random.bytes(4)
  }

  /** A new id, greater than every earlier one of this process even when the clock goes back. */
  next(nowMs: number): string {
    if (nowMs > this.#lastMs) {
      this.#lastMs = nowMs
      this.#counter = 0
    } else if (++this.#counter > counterMax) {
      this.#lastMs++
      this.#counter = 0
    }
    const bytes = Buffer.allocUnsafe(idBytes)
    bytes.writeUIntBE(this.#lastMs, 0, 6)
    bytes.writeUInt16BE(this.#counter, 6)
    this.#process.copy(bytes, 8)
    return encodeBase62(bytes)
  }

  /**
   * Ids made from now on are greater than this one: what storage already holds when a process
   * starts.
   */
  startAfter(id: string): void {
    const bytes = decodeId(id)
    const ms = bytes.readUIntBE(0, 6)
    if (ms < this.#lastMs) return
    const counter = bytes.readUInt16BE(6)
    this.#counter = ms > this.#lastMs ? counter : Math.max(counter, this.#counter)
    this.#lastMs = ms
  }

  /** When the last id was made; 0 when there is none. */
  get lastMs(): number {
    return this.#lastMs
  }

  /** An id above every one made so far and below every later one. */
  highWater(nowMs: number): string {
    this.#lastMs = Math.max(nowMs, this.#lastMs)
    this.#counter = counterMax
    const bytes = Buffer.alloc(idBytes, 0xff)
    bytes.writeUIntBE(this.#lastMs, 0, 6)
    return encodeBase62(bytes)
  }

  /** A fresh token text for the id, and the hash under which it is stored. */
  issue(id: string): { readonly text: string; readonly hash: string } {
    const secret = this.#random.bytes(secretBytes)
    const own = encodeBase62(Buffer.concat([this.#token.seal(id), secret]))
    const text = servicePrefix + own + this.suffix
    return { text, hash: this.#hashOf(secret) }
  }

  /**
   * What a token text says about itself, or undefined when it cannot be one of ours. Proves
   * nothing: compare the hash.
   */
  parse(text: string): ParsedTokenText | undefined {
    const known = this.#parsed.get(text)
    if (known !== undefined) return known
    const parsed = this.#parse(text)
    if (parsed !== undefined) this.#parsed.set(text, parsed)
    return parsed
  }

  #parse(text: string): ParsedTokenText | undefined {
    const own = this.withoutSuffix(text)
    if (own?.length !== servicePrefix.length + tokenChars || !own.startsWith(servicePrefix)) {
      return undefined
    }
    const bytes = decodeBase62(own.slice(servicePrefix.length))
    if (bytes === undefined) return undefined
    const id = this.#token.open(bytes.subarray(0, blockBytes))
    if (id === undefined) return undefined
    return { id, hash: this.#hashOf(bytes.subarray(blockBytes)), accessor: this.accessor(id) }
  }

  /** Hash of a token text that its maker chose (`id` of auth/token/create). */
  customHash(text: string): string {
    return createHmac('sha256', this.#hash).update('custom\0').update(text).digest('base64url')
  }

  /** What stands before the namespace, or undefined for a text of another one. */
  withoutSuffix(text: string): string | undefined {
    const { suffix } = this
    if (suffix === '') return text
    return text.endsWith(suffix) ? text.slice(0, -suffix.length) : undefined
  }

  accessor(id: string): string {
    return encodeBase62(this.#accessor.seal(id)) + this.suffix
  }

  parseAccessor(text: string): string | undefined {
    const own = this.withoutSuffix(text)
    if (own?.length !== accessorChars) return undefined
    const block = decodeBase62(own)
    return block === undefined ? undefined : this.#accessor.open(block)
  }

  /** The last part of a token's lease id: "h" and 64 hex digits. */
  lease(id: string): string {
    const block = this.#lease.seal(id)
    const mac = createHmac('sha256', this.#leaseMac).update(block).digest()
    return `h${block.toString('hex')}${mac.toString('hex', 0, 16)}${this.suffix}`
  }

  parseLease(text: string): string | undefined {
    const own = this.withoutSuffix(text)
    if (own === undefined || !/^h[0-9a-f]{64}$/.test(own)) return undefined
    const id = this.#lease.open(Buffer.from(own.slice(1, 33), 'hex'))
    return id !== undefined && this.lease(id) === text ? id : undefined
  }

  /** A short keyed hash of a name, so that keys in storage tell nothing about it. */
  nameHash(scope: string, name: string): string {
    const known = this.#nameHashes.get(`${scope}:${name}`)
    if (known !== undefined) return known
    const hash = this.#hashName(scope, name)
    this.#nameHashes.set(`${scope}:${name}`, hash)
    return hash
  }

  #hashName(scope: string, name: string): string {
    return createHmac('sha256', this.#alias)
      .update(`${scope.length}:${scope}`)
      .update(name)
      .digest('base64url')
  }

  #hashOf(secret: Buffer): string {
    return createHmac('sha256', this.#hash).update(secret).digest('base64url')
  }
}

/** Token texts and hashes under keys that do not change when the barrier's key rotates. */
export function tokenIdsOf(keyring: Keyring, random: Random, namespace?: string): TokenIds {
  return new TokenIds((purpose) => keyring.subkey(purpose), random, namespace)
}

/** The namespace that a token text names behind its second dot; empty for one of the root. */
export function namespaceOfText(text: string): string {
  if (!text.startsWith(servicePrefix) && !text.startsWith(batchPrefix)) return ''
  const at = text.indexOf('.', servicePrefix.length)
  return at < 0 ? '' : text.slice(at + 1)
}
