/**
 * Signing keys of the practice provider: one per algorithm and generation. Rotation makes a new
 * generation and still publishes the last one.
 */

import { generateKeyPairSync, sign, type KeyObject, type SigningOptions } from 'node:crypto'
import { encodeJson, type JsonObject } from '../lib/json.ts'

export type PracticeAlgorithm = 'RS256' | 'ES256' | 'EdDSA'

export interface PracticeKey {
  readonly kid: string
  readonly alg: PracticeAlgorithm
  readonly privateKey: KeyObject
  readonly publicJwk: Readonly<Record<string, string>>
}

export const practiceAlgorithms: readonly PracticeAlgorithm[] = ['RS256', 'ES256', 'EdDSA']

export class PracticeKeys {
  #generation = 0
  #current: readonly PracticeKey[] = []
  #previous: readonly PracticeKey[] = []
  #stranger: readonly PracticeKey[] | undefined

  constructor() {
    this.rotate()
  }

  get generation(): number {
    return this.#generation
  }

  /** New keys sign from now on; the ones before stay published unless they are withdrawn. */
  rotate(options: { withdraw?: boolean } = {}): void {
    this.#previous = options.withdraw === true ? [] : this.#current
    this.#current = makeKeys(++this.#generation)
  }

  current(alg: PracticeAlgorithm): PracticeKey {
    return pick(this.#current, alg)
  }

  /** A key that was never published, under the name of the one that is. */
  stranger(alg: PracticeAlgorithm): PracticeKey {
    this.#stranger ??= makeKeys(this.#generation)
    return { ...pick(this.#stranger, alg), kid: this.current(alg).kid }
  }

  /** The JWK Set. */
  published(): string {
    const keys = [...this.#current, ...this.#previous].map((key) => key.publicJwk)
    return JSON.stringify({ keys })
  }
}

/** A JWT in compact form (RFC 7515 §7.1). */
export function signJwt(
  key: PracticeKey,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): string {
  const head = { alg: key.alg, typ: 'JWT', kid: key.kid, ...header }
  const signed = `${encode(head)}.${encode(claims)}`
  const options: SigningOptions = key.alg === 'ES256' ? { dsaEncoding: 'ieee-p1363' } : {}
  const hash = key.alg === 'EdDSA' ? null : 'sha256'
  const signature = sign(hash, Buffer.from(signed), { key: key.privateKey, ...options })
  return `${signed}.${signature.toString('base64url')}`
}

function makeKeys(generation: number): readonly PracticeKey[] {
  return practiceAlgorithms.map((alg) => {
    const { privateKey, publicKey } = makePair(alg)
    const kid = `practice-${alg.toLowerCase()}-${generation}`
    const members = publicKey.export({ format: 'jwk' }) as Record<string, string>
    return { kid, alg, privateKey, publicJwk: { ...members, kid, alg, use: 'sig' } }
  })
}

function makePair(alg: PracticeAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  switch (alg) {
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 })
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'EdDSA':
      return generateKeyPairSync('ed25519')
  }
}

function pick(keys: readonly PracticeKey[], alg: PracticeAlgorithm): PracticeKey {
  const key = keys.find((candidate) => candidate.alg === alg)
  if (key === undefined) throw new Error(`the practice provider has no ${alg} key`)
  return key
}

function encode(part: Readonly<Record<string, unknown>>): string {
  return Buffer.from(encodeJson(part as JsonObject)).toString('base64url')
}
