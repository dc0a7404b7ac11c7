/**
 * How the root key and the shares of it go from one worker to another: sealed to the key of the one
 * worker that is meant, since the first process carries them and is to know none. X25519
 * (RFC 7748), HKDF-SHA-256 (RFC 5869), AES-256-GCM. Each worker draws its key pair when it starts
 * and keeps the private half to itself; nothing of it is ever stored.
 */

import {
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import type { Random } from '../../platform/random.ts'
import { openUnder, sealUnder } from '../../storage/keyring.ts'
import { RecordDamaged } from '../../storage/store.ts'

/** What a letter holds; one cannot be taken for another. */
export type LetterKind = 'root-key' | 'errand' | 'answer'

export interface Letter {
  /** The sender's half of the agreement, made for this letter alone. */
  readonly from: string
  readonly sealed: string
}

const keyBytes = 32

export class LetterBox {
  /** Where the others write to. */
  readonly publicKey: string
  readonly #privateKey: KeyObject

  constructor() {
    const pair = generateKeyPairSync('x25519')
    this.publicKey = encode(pair.publicKey)
    this.#privateKey = pair.privateKey
  }

  /** Undefined for a letter to somebody else, such as the worker that had this place before. */
  open(kind: LetterKind, letter: Letter): Buffer | undefined {
    const key = agree(this.#privateKey, decode(letter.from), letter.from + this.publicKey)
    try {
      return openUnder(key, kind, Buffer.from(letter.sealed, 'base64'))
    } catch (problem) {
      if (problem instanceof RecordDamaged) return undefined
      throw problem
    } finally {
      key.fill(0)
    }
  }
}

/** Seals to the box with that public key. The content stays the caller's, to be overwritten. */
export function writeLetter(to: string, kind: LetterKind, content: Buffer, random: Random): Letter {
  const pair = generateKeyPairSync('x25519')
  const from = encode(pair.publicKey)
  const key = agree(pair.privateKey, decode(to), from + to)
  const sealed = sealUnder(key, random, kind, content).toString('base64')
  key.fill(0)
  return { from, sealed }
}

function agree(privateKey: KeyObject, publicKey: KeyObject, parties: string): Buffer {
  const secret = diffieHellman({ privateKey, publicKey })
  const key = Buffer.from(hkdfSync('sha256', secret, parties, 'worker letter', keyBytes))
  secret.fill(0)
  return key
}

function encode(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).toString('base64')
}

function decode(text: string): KeyObject {
  return createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' })
}
