/** What the tests of the JWT method share: mounts on a real server, keys of all kinds, and what a refusal must look like. */

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import type { SignatureAlgorithm } from '../../src/jose/algorithms.ts'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import type { TestServer } from '../harness/test-server.ts'

export type Claims = Record<string, unknown>

/** The key K of the catalogue. */
export const keyK = makeJwtMaker('k1')
export const issuerUrl = 'https://iss/'
export const configS = { jwt_validation_pubkeys: [keyK.pem], bound_issuer: issuerUrl }

export const roleA = {
  role_type: 'jwt',
  bound_subject: 'sub1',
  bound_audiences: ['aud1', 'aud2'],
  user_claim: 'https://idp/user',
  groups_claim: 'https://idp/groups',
  claim_mappings: { first_name: 'name', '/org/primary': 'primary_org' },
  policies: 'test',
  period: '3s',
  ttl: '1s',
  max_ttl: '5s',
  num_uses: 12,
}

export const claimsA: Claims = {
  iss: issuerUrl,
  sub: 'sub1',
  aud: 'aud1',
  'https://idp/user': 'jeff',
  'https://idp/groups': ['foo', 'bar'],
}

/** A role that takes every token of K for audience `a`. */
export const plainRole = {
  role_type: 'jwt',
  user_claim: 'sub',
  bound_audiences: ['a'],
  token_policies: ['p'],
}

export const plainClaims: Claims = { iss: issuerUrl, sub: 'u', aud: 'a' }

let mountCount = 0

/** A new mount with that configuration; gives its path. */
export async function makeMount(root: ApiClient, config?: object, type = 'jwt'): Promise<string> {
  const path = `m${++mountCount}`
  await root.must(`sys/auth/${path}`, { type })
  if (config !== undefined) await root.must(`auth/${path}/config`, config)
  return path
}

export function login(
  server: TestServer,
  mount: string,
  role: string,
  jwt: unknown,
): Promise<ApiResult> {
  return server.client().write(`auth/${mount}/login`, { role, jwt })
}

export function assertStatus(result: ApiResult, status: number, note = ''): void {
  assert.equal(result.status, status, `${note} ${result.status} ${result.text}`)
}

/** A 400 with one element whose text says that. */
export function assertRefused(result: ApiResult, text: RegExp, note = ''): void {
  assertStatus(result, 400, note)
  assert.equal(result.body.errors.length, 1, note)
  assert.match(result.body.errors[0], text, note)
}

/** A refused login with that reason. */
export function assertReason(result: ApiResult, reason: string, note = ''): void {
  assertStatus(result, reason === 'source_address_refused' ? 403 : 400, note)
  assert.equal(result.headers['x-login-reason'], reason, `${note} ${result.text}`)
  assert.equal(result.body.auth, undefined)
}

export interface Signer {
  readonly pem: string
  readonly jwk: Record<string, unknown>
  readonly privateKey: KeyObject
}

export function makeSigner(alg: SignatureAlgorithm): Signer {
  const { privateKey, publicKey } = makePair(alg)
  return {
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    jwk: { ...publicKey.export({ format: 'jwk' }) },
    privateKey,
  }
}

function makePair(alg: SignatureAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519')
  if (!alg.startsWith('ES')) return generateKeyPairSync('rsa', { modulusLength: 2048 })
  const namedCurve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg as 'ES256']
  return generateKeyPairSync('ec', { namedCurve })
}

export function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString(
    'base64url',
  )
}

/** Signs with any of the ten algorithms. */
export function signAs(
  alg: SignatureAlgorithm,
  key: KeyObject,
  header: unknown,
  claims: unknown,
): string {
  const signed = `${part(header)}.${part(claims)}`
  const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`
  const options = alg.startsWith('PS')
    ? { padding: 6, saltLength: Number(alg.slice(2)) / 8 }
    : alg.startsWith('ES')
      ? ({ dsaEncoding: 'ieee-p1363' } as const)
      : {}
  const signature = sign(hash, Buffer.from(signed), { key, ...options })
  return `${signed}.${signature.toString('base64url')}`
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

export function fresh(claims: Claims): Claims {
  const at = nowSeconds()
  return { iat: at - 5, exp: at + 600, ...claims }
}

/** A call from another address of this machine. */
export function writeFrom(
  server: TestServer,
  localAddress: string,
  path: string,
  body: object,
  token?: string,
): Promise<ApiResult> {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body)
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port: server.port,
        localAddress,
        method: 'POST',
        path: `/v1/${path}`,
        agent: false,
        headers: {
          'content-length': Buffer.byteLength(text),
          ...(token === undefined ? {} : { 'x-vault-token': token }),
        },
      },
      (response) => {
        let answer = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (answer += chunk))
        response.on('end', () => {
          const headers = Object.fromEntries(
            Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
          )
          const parsed = answer === '' ? undefined : JSON.parse(answer)
          resolve({ status: response.statusCode ?? 0, headers, text: answer, body: parsed })
        })
      },
    )
    request.on('error', reject)
    request.end(text)
  })
}
