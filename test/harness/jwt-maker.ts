/** Keys and signed tokens for tests. */

import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

export interface JwtMaker {
  readonly pem: string
  readonly jwk: Record<string, unknown>
  readonly kid: string
  /** Signs these claims; `iat`, `nbf` and `exp` are set around now unless given. */
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): string
}

/** An ES256 key with a name. */
export function makeJwtMaker(kid = 'test-key', nowSeconds?: () => number): JwtMaker {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return maker(kid, privateKey, publicKey, nowSeconds ?? (() => Math.floor(Date.now() / 1000)))
}

/** An RS256 key, as most providers of the world have. */
export function makeRsaJwtMaker(kid = 'test-key'): JwtMaker {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return maker(kid, privateKey, publicKey, () => Math.floor(Date.now() / 1000))
}

function maker(
  kid: string,
  privateKey: KeyObject,
  publicKey: KeyObject,
  now: () => number,
): JwtMaker {
  return {
    kid,
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    jwk: { ...publicKey.export({ format: 'jwk' }), kid },
    sign(claims, header = {}) {
      const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const isRsa = privateKey.asymmetricKeyType === 'rsa'
      const head = part({ alg: isRsa ? 'RS256' : 'ES256', typ: 'JWT', kid, ...header })
      const at = now()
      const body = part({ iat: at - 5, nbf: at - 5, exp: at + 600, ...claims })
      const signature = sign('sha256', Buffer.from(`${head}.${body}`), {
        key: privateKey,
        dsaEncoding: 'ieee-p1363',
      })
      return `${head}.${body}.${signature.toString('base64url')}`
    },
  }
}
