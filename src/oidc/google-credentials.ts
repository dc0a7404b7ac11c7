/**
 * Credentials for Google's APIs (jwt-oidc.md §5.3): the key of a service account, a service account
 * that signs without a key, or those of the machine; and the access token that each gives
 * (RFC 7523 §2.1).
 */

import { createPrivateKey, sign, type KeyObject } from 'node:crypto'
import { isJsonObject, member, parseJson, requestJsonLimits, type JsonObject } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { DirectoryCalls, DirectoryProblem } from './directory-calls.ts'

export interface ServiceAccountKey {
  readonly kind: 'service_account'
  readonly clientEmail: string
  readonly keyId: string
  readonly key: KeyObject
  readonly tokenUri: string
}

/** Of a person who has let this machine act for them. */
export interface AuthorizedUser {
  readonly kind: 'authorized_user'
  readonly clientId: string
  readonly clientSecret: string
  readonly refreshToken: string
}

export type GoogleCredential = ServiceAccountKey | AuthorizedUser

/** Who asks for a token, and for whom. */
export interface GoogleIdentity {
  readonly credential: GoogleCredential
  /** A service account in whose name the credential signs; empty for itself. */
  readonly principal: string
  /** The administrator of the Workspace who is impersonated; empty for nobody. */
  readonly admin: string
}

const userTokenUri = 'https://oauth2.googleapis.com/token'
const iamUrl = 'https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts'
const cloudScope = 'https://www.googleapis.com/auth/cloud-platform'
const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const lifeSeconds = 3600

/** Reads a key file of either kind; what is wrong with it is told without a part of it. */
export function parseGoogleCredential(text: string): Result<GoogleCredential, string> {
  const json = parseJson(text, requestJsonLimits)
  if (!json.ok || !isJsonObject(json.value)) return err('the credentials are no JSON object')
  const file = json.value
  switch (textOf(file, 'type')) {
    case 'service_account':
      return parseKey(file)
    case 'authorized_user': {
      const [clientId, clientSecret, refreshToken] = [
        textOf(file, 'client_id'),
        textOf(file, 'client_secret'),
        textOf(file, 'refresh_token'),
      ]
      if (clientId === '' || refreshToken === '') return err('the credentials are incomplete')
      return ok({ kind: 'authorized_user', clientId, clientSecret, refreshToken })
    }
    default:
      return err('the credentials are not of type service_account')
  }
}

function parseKey(file: JsonObject): Result<ServiceAccountKey, string> {
  const [clientEmail, keyId] = [textOf(file, 'client_email'), textOf(file, 'private_key_id')]
  const tokenUri = textOf(file, 'token_uri') || userTokenUri
  if (clientEmail === '') return err('the credentials have no client_email')
  try {
    const key = createPrivateKey(textOf(file, 'private_key'))
    if (key.asymmetricKeyType !== 'rsa') return err('the private_key is no RSA key')
    return ok({ kind: 'service_account', clientEmail, keyId, key, tokenUri })
  } catch {
    return err('the private_key of the credentials cannot be read')
  }
}

/** An access token with these scopes. */
export async function fetchGoogleToken(
  calls: DirectoryCalls,
  identity: GoogleIdentity,
  scopes: readonly string[],
  nowSeconds: number,
): Promise<Result<string, DirectoryProblem>> {
  const { credential, principal, admin } = identity
  if (principal === '') return ownToken(calls, credential, admin, scopes, nowSeconds)
  const own = await ownToken(calls, credential, '', [cloudScope], nowSeconds)
  if (!own.ok) return own
  const account = `${iamUrl}/${encodeURIComponent(principal)}`
  const headers = { authorization: `Bearer ${own.value}`, 'content-type': 'application/json' }
  if (admin === '') {
    const body = JSON.stringify({ scope: scopes })
    const url = `${account}:generateAccessToken`
    return tokenOf(await calls.ask({ method: 'POST', url, headers, body }), 'accessToken')
  }
  // Without a key of its own, Google signs what the account says.
  const claims = claimsOf(principal, admin, scopes, userTokenUri, nowSeconds)
  const body = JSON.stringify({ payload: JSON.stringify(claims) })
  const signing = { method: 'POST', url: `${account}:signJwt`, headers, body } as const
  const signed = tokenOf(await calls.ask(signing), 'signedJwt')
  return signed.ok ? exchange(calls, userTokenUri, { assertion: signed.value }) : signed
}

function ownToken(
  calls: DirectoryCalls,
  credential: GoogleCredential,
  admin: string,
  scopes: readonly string[],
  nowSeconds: number,
): Promise<Result<string, DirectoryProblem>> {
  if (credential.kind === 'authorized_user') {
    return exchange(calls, userTokenUri, {
      grant_type: 'refresh_token',
      client_id: credential.clientId,
      client_secret: credential.clientSecret,
      refresh_token: credential.refreshToken,
    })
  }
  const { clientEmail, tokenUri } = credential
  const claims = claimsOf(clientEmail, admin, scopes, tokenUri, nowSeconds)
  return exchange(calls, tokenUri, { assertion: signedBy(credential, claims) })
}

function claimsOf(
  iss: string,
  admin: string,
  scopes: readonly string[],
  aud: string,
  nowSeconds: number,
): JsonObject {
  const times = { iat: nowSeconds, exp: nowSeconds + lifeSeconds }
  const claims: JsonObject = { iss, scope: scopes.join(' '), aud, ...times }
  return admin === '' ? claims : { ...claims, sub: admin }
}

function signedBy({ key, keyId }: ServiceAccountKey, claims: JsonObject): string {
  const part = (value: JsonObject): string =>
    Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'RS256', typ: 'JWT', kid: keyId })}.${part(claims)}`
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`
}

async function exchange(
  calls: DirectoryCalls,
  url: string,
  form: Readonly<Record<string, string>>,
): Promise<Result<string, DirectoryProblem>> {
  const answer = await calls.ask({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: grantType, ...form }).toString(),
  })
  return tokenOf(answer, 'access_token')
}

function tokenOf(
  answer: Awaited<ReturnType<DirectoryCalls['ask']>>,
  name: string,
): Result<string, DirectoryProblem> {
  if (!answer.ok) return answer
  const { json } = answer.value
  const token = isJsonObject(json) ? textOf(json, name) : ''
  return token === '' ? err(`Google answered without ${name}`) : ok(token)
}

function textOf(object: JsonObject, name: string): string {
  const value = member(object, name)
  return typeof value === 'string' ? value : ''
}
