/**
 * Key pairs with which this server proves itself as a client (RFC 7523 §2.2, `private_key_jwt`).
 */

import { createHash, createPublicKey, generateKeyPair } from 'node:crypto'
import type { CryptoKey } from 'oauth4webapi'
import type { JsonObject } from '../lib/json.ts'

export interface ClientKey {
  readonly kid: string
  /** PKCS #8, PEM. */
  readonly privateKey: string
  /** For the key set that the provider reads; no private member. */
  readonly publicJwk: JsonObject
}

const modulusBits = 2048

/** RSA, since every provider takes RS256. */
export async function createClientKey(): Promise<ClientKey> {
  const privateKey = await new Promise<string>((resolve, reject) => {
    generateKeyPair('rsa', { modulusLength: modulusBits }, (problem, _, key) => {
      if (problem === null) resolve(key.export({ type: 'pkcs8', format: 'pem' }).toString())
      else reject(problem)
    })
  })
  const { kty = '', n = '', e = '' } = createPublicKey(privateKey).export({ format: 'jwk' })
  // RFC 7638: the thumbprint of the required members in their order.
  const kid = createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url')
  return { kid, privateKey, publicJwk: { kty, n, e, kid, use: 'sig', alg: 'RS256' } }
}

export async function loadSigningKey(key: ClientKey): Promise<CryptoKey> {
  const der = Buffer.from(key.privateKey.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  return crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
}
