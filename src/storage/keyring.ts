/**
 * The barrier: the keys that seal every record (AES-256-GCM, NIST SP 800-38D) and the counts that
 * bound their use.
 *
 * A keyring has numbered terms. The newest seals; older ones stay to open what they sealed. Besides
 * them it has one base key that never changes, from which keys for other purposes are derived, so
 * that a rotation does not invalidate what depends on those (the hashes that stand for token ids).
 *
 * Sealed record: format byte, term (4 bytes), nonce (12), ciphertext, tag (16). The record's key is
 * the associated data.
 */

import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import type { Random } from '../platform/random.ts'
import { RecordDamaged, StoreSealed } from './store.ts'

const sealedFormat = 1
const nonceBytes = 12
const tagBytes = 16
const headBytes = 1 + 4 + nonceBytes
const sealedBytesMin = headBytes + tagBytes
const keyBytes = 32

/**
 * Random nonces of 96 bits: one term seals less than 2^31 records, half of what SP 800-38D §8.3
 * allows.
 */
export const sealsPerTermMax = 2 ** 31

/** After so many seals the counts want to be saved. */
export const sealsUnsavedMax = 65_536

const termsMax = 10_000

/**
 * A record sealed under a term that this keyring does not have: another process may have rotated.
 */
export class TermUnknown extends RecordDamaged {}

interface Term {
  readonly number: number
  readonly installedAtMs: number
  readonly bytes: Buffer
  readonly key: KeyObject
}

export interface KeyringState {
  readonly format: number
  readonly base: string
  readonly terms: readonly {
    readonly term: number
    readonly installedAtMs: number
    readonly key: string
  }[]
}

export class Keyring {
  readonly #random: Random
  readonly #base: Buffer
  readonly #terms = new Map<number, Term>()
  #active: Term
  #unsavedSeals = 0
  #savedSeals = 0
  #onSealsDue: () => void = () => {}

  private constructor(random: Random, base: Buffer, terms: readonly Term[]) {
    const active = terms.at(-1)
    if (active === undefined) throw new Error('a keyring needs a term')
    this.#random = random
    this.#base = base
    this.#active = active
    for (const term of terms) this.#terms.set(term.number, term)
  }

  static create(random: Random, nowMs: number): Keyring {
    return new Keyring(random, random.bytes(keyBytes), [createTerm(random, 1, nowMs)])
  }

  /** The keyring with a further term, which is the active one. This one stays as it is. */
  withNewTerm(nowMs: number): Keyring {
    const number = this.#active.number + 1
    const terms = [...this.#terms.values()].map(copyTerm)
    if (terms.length >= termsMax) throw new Error('the keyring is full')
    const term = createTerm(this.#random, number, nowMs)
    return new Keyring(this.#random, Buffer.from(this.#base), [...terms, term])
  }

  get activeTerm(): number {
    return this.#active.number
  }

  get installedAtMs(): number {
    return this.#active.installedAtMs
  }

  /** Records sealed under the active term, as far as this process knows. */
  get encryptions(): number {
    return this.#savedSeals + this.#unsavedSeals
  }

  get unsavedSeals(): number {
    return this.#unsavedSeals
  }

  /** Takes the count that is not yet saved; whoever saves it adds it to the stored one. */
  takeUnsavedSeals(): number {
    const count = this.#unsavedSeals
    this.#unsavedSeals = 0
    this.#savedSeals += count
    return count
  }

  /** Sets the count that all processes together have saved for the active term. */
  setSavedSeals(count: number): void {
    this.#savedSeals = Math.max(this.#savedSeals, count)
  }

  /** Called, from within `seal`, each time the counts want to be saved. */
  onSealsDue(work: () => void): void {
    this.#onSealsDue = work
  }

  seal(keyText: string, plaintext: Buffer | string): Buffer {
    if (this.#terms.size === 0) throw new StoreSealed()
    if (this.encryptions >= sealsPerTermMax) {
      // Whoever owns the keyring rotates long before; without that, refusing beats a repeated
      // nonce.
      throw new Error('the active key has sealed as many records as it may')
    }
    if (++this.#unsavedSeals % sealsUnsavedMax === 0) this.#onSealsDue()
    return sealWith(this.#active, this.#random, keyText, plaintext)
  }

  open(keyText: string, sealed: Uint8Array): Buffer {
    if (this.#terms.size === 0) throw new StoreSealed()
    if (sealed.length < sealedBytesMin || sealed[0] !== sealedFormat) {
      throw new RecordDamaged(keyText)
    }
    const term = this.#terms.get(readTerm(sealed))
    if (term === undefined) throw new TermUnknown(keyText)
    return openWith(term.key, keyText, sealed)
  }

  /** A key for another purpose; the same after every rotation and restart. */
  subkey(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#base, '', purpose, keyBytes))
  }

  serialise(): Buffer {
    const state: KeyringState = {
      format: 1,
      base: this.#base.toString('base64'),
      terms: [...this.#terms.values()].map((term) => ({
        term: term.number,
        installedAtMs: term.installedAtMs,
        key: term.bytes.toString('base64'),
      })),
    }
    return Buffer.from(JSON.stringify(state))
  }

  /** Reads what `serialise` wrote; it was sealed, so it has that shape. */
  static parse(random: Random, bytes: Buffer): Keyring {
    const state = JSON.parse(bytes.toString()) as KeyringState
    if (state.format !== 1) throw new Error('the keyring has a newer format')
    const terms = state.terms.map((entry) =>
      termOf(entry.term, entry.installedAtMs, Buffer.from(entry.key, 'base64')),
    )
    return new Keyring(random, Buffer.from(state.base, 'base64'), terms)
  }

  /** Overwrites the key bytes that this object holds. It seals and opens nothing afterwards. */
  destroy(): void {
    this.#base.fill(0)
    for (const term of this.#terms.values()) term.bytes.fill(0)
    this.#terms.clear()
  }
}

/** Seals with one bare key, as the keyring itself is sealed under the root key. The term is 0. */
export function sealUnder(key: Buffer, random: Random, keyText: string, plaintext: Buffer): Buffer {
  return sealWith(termOf(0, 0, key), random, keyText, plaintext)
}

/** Opens what `sealUnder` sealed. */
export function openUnder(key: Buffer, keyText: string, sealed: Uint8Array): Buffer {
  if (sealed.length < sealedBytesMin || sealed[0] !== sealedFormat || readTerm(sealed) !== 0) {
    throw new RecordDamaged(keyText)
  }
  return openWith(createSecretKey(key), keyText, sealed)
}

function sealWith(term: Term, random: Random, keyText: string, plaintext: Buffer | string): Buffer {
  const nonce = random.bytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', term.key, nonce)
  cipher.setAAD(Buffer.from(keyText))
  // GCM is a stream: update gives the whole ciphertext and final gives nothing.
  const ciphertext =
    typeof plaintext === 'string' ? cipher.update(plaintext, 'utf8') : cipher.update(plaintext)
  cipher.final()
  const tag = cipher.getAuthTag()
  const sealed = Buffer.allocUnsafe(headBytes + ciphertext.length + tagBytes)
  sealed[0] = sealedFormat
  sealed.writeUInt32BE(term.number, 1)
  sealed.set(nonce, 5)
  sealed.set(ciphertext, headBytes)
  sealed.set(tag, headBytes + ciphertext.length)
  return sealed
}

function openWith(key: KeyObject, keyText: string, sealed: Uint8Array): Buffer {
  const tagAt = sealed.length - tagBytes
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(5, headBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAAD(Buffer.from(keyText))
  decipher.setAuthTag(sealed.subarray(tagAt))
  const plaintext = decipher.update(sealed.subarray(headBytes, tagAt))
  try {
    decipher.final()
  } catch {
    plaintext.fill(0)
    throw new RecordDamaged(keyText)
  }
  return plaintext
}

function readTerm(sealed: Uint8Array): number {
  const [, a = 0, b = 0, c = 0, d = 0] = sealed
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
}

function createTerm(random: Random, number: number, nowMs: number): Term {
  return termOf(number, nowMs, random.bytes(keyBytes))
}

function copyTerm(term: Term): Term {
  return termOf(term.number, term.installedAtMs, Buffer.from(term.bytes))
}

function termOf(number: number, installedAtMs: number, bytes: Buffer): Term {
  return { number, installedAtMs, bytes, key: createSecretKey(bytes) }
}
