/** Keys and signed tokens for tests. */

import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

export interface JwtMaker {
  readonly pem: string
  readonly jwk: Record<string, unknown>
  readonly kid: string
  /** Signs these claims; `iat`, `nbf` and `exp` are set around now unless given. */
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): string
}

interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const systemSeconds = () => Math.floor(Date.now() / 1000)

/** An ES256 key with a name. */
export function makeJwtMaker(kid = 'test-key', nowSeconds?: () => number): JwtMaker {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return maker(kid, 'ES256', pair, nowSeconds ?? systemSeconds)
}

/** An RS256 key with a name: what most providers sign with. */
export function makeRsaJwtMaker(kid: string): JwtMaker {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return maker(kid, 'RS256', pair, systemSeconds)
}

function maker(
  kid: string,
  alg: 'ES256' | 'RS256',
  { privateKey, publicKey }: KeyPair,
  now: () => number,
): JwtMaker {
  return {
    kid,
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    jwk: { ...publicKey.export({ format: 'jwk' }), kid },
    sign(claims, header = {}) {
      const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const head = part({ alg, typ: 'JWT', kid, ...header })
      const at = now()
      const body = part({ iat: at - 5, nbf: at - 5, exp: at + 600, ...claims })
      // The encoding counts for ECDSA only.
      const signature = sign('sha256', Buffer.from(`${head}.${body}`), {
        key: privateKey,
        dsaEncoding: 'ieee-p1363',
      })
      return `${head}.${body}.${signature.toString('base64url')}`
    },
  }
}
