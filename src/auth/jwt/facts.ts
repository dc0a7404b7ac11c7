/**
 * What a token keeps of the claims that were proven at its login, and how that is read again at a
 * renewal. Only what the checks of a renewal look at is kept, so that a record stays small. Tokens
 * of earlier versions lack some of it: what is not there cannot be judged.
 */

import {
  emptyObject,
  encodeJson,
  isJsonObject,
  member,
  setMember,
  type JsonObject,
  type JsonValue,
} from '../../lib/json.ts'
import type { KeptFact } from '../../trust/login-check.ts'
import { parseReference, resolveReference } from '../../trust/pointer.ts'
import type { RoleRecord } from './role-record.ts'

const factCharsMax = 1024
/** As long as the issuer of a mount may be: without it nobody could tell whose token it is. */
const issuerCharsMax = 2048
/** Stands for a registered claim that the token has and that was too large to keep. */
const tooLarge = null
/** No role binds this audience: a role that has changed must not accept one that nobody knows. */
const unknownAudience = '\0 an audience that was too large to keep'

/** Who vouched for the claims: an issuer of the mount, or its provider towards that client. */
export type Voucher =
  | {
      readonly flow: 'jwt'
      readonly issuer: string | undefined
      /**
       * Thumbprint of the key, where the configuration itself names it: whoever takes it out trusts
       * it no more.
       */
      readonly key?: string | undefined
    }
  | { readonly flow: 'oidc'; readonly clientId: string }

/** `{ flow, issuer, key, client, iss, sub, aud, azp, claims: { <reference>: value } }`. */
export function keepFacts(
  role: Pick<RoleRecord, 'bound_claims'>,
  claims: JsonObject,
  voucher: Voucher,
): JsonObject {
  const kept = keepIssuer(claims, voucher)
  const bound: Record<string, JsonValue> = {}
  for (const reference of Object.keys(role.bound_claims ?? {})) {
    const value = resolveReference(claims, parseReference(reference))
    if (value !== undefined && isSmall(value, factCharsMax)) setMember(bound, reference, value)
  }
  if (Object.keys(bound).length > 0) kept['claims'] = bound
  return kept
}

/** Without the claims that a role binds: who vouched for whom, and for whom the token was made. */
export function keepIssuer(claims: JsonObject, voucher: Voucher): Record<string, JsonValue> {
  const kept: Record<string, JsonValue> = {}
  if (voucher.flow === 'oidc') {
    kept['flow'] = voucher.flow
    kept['client'] = voucher.clientId
  } else {
    if (voucher.issuer !== undefined) kept['issuer'] = voucher.issuer
    if (voucher.key !== undefined) kept['key'] = voucher.key
  }
  for (const name of voucher.flow === 'oidc'
    ? ['iss', 'sub', 'aud', 'azp']
    : ['iss', 'sub', 'aud']) {
    const value = member(claims, name)
    if (value !== undefined) kept[name] = isSmall(value, charsMaxOf(name)) ? value : tooLarge
  }
  return kept
}

/** Kept facts as the checks of a login read claims. */
export interface KeptLogin {
  readonly flow: 'jwt' | 'oidc'
  /** Name of the named issuer that vouched for it. */
  readonly issuer: string | undefined
  /**
   * Thumbprint of the configured key that vouched for it; undefined of published ones, and of
   * earlier versions.
   */
  readonly key: string | undefined
  readonly iss: string | undefined
  /**
   * Bound claims stand under their reference as the role wrote it, and no pointer is walked again.
   */
  readonly claims: JsonObject
  /** False for what cannot be judged any more. */
  readonly knows: (fact: KeptFact) => boolean
}

/**
 * `isSameVersion`: the login was accepted by this very version of the role, so that a claim that
 * was too large to keep cannot speak against it.
 */
export function readFacts(facts: JsonObject, isSameVersion: boolean): KeptLogin {
  const bound = member(facts, 'claims')
  const claims = emptyObject()
  if (isJsonObject(bound)) for (const [name, value] of Object.entries(bound)) claims[name] = value
  for (const name of ['iss', 'sub', 'aud', 'azp']) {
    const value = member(facts, name)
    if (value !== undefined) claims[name] = value
  }
  const isLarge = (name: string): boolean => member(facts, name) === tooLarge
  if (isLarge('aud')) claims['aud'] = unknownAudience
  const issuer = member(facts, 'issuer')
  const key = member(facts, 'key')
  const iss = member(facts, 'iss')
  return {
    flow: member(facts, 'flow') === 'oidc' ? 'oidc' : 'jwt',
    issuer: typeof issuer === 'string' ? issuer : undefined,
    key: typeof key === 'string' ? key : undefined,
    iss: typeof iss === 'string' ? iss : undefined,
    claims,
    knows(fact) {
      switch (fact) {
        case 'request':
          return true
        case 'iss':
          return !isLarge('iss')
        case 'sub':
        case 'aud':
          return !isSameVersion || !isLarge(fact)
        case 'client':
          return member(facts, 'client') !== undefined && !isLarge('aud') && !isLarge('azp')
        case 'bound_claims':
          return !isSameVersion
      }
    },
  }
}

function charsMaxOf(name: string): number {
  return name === 'iss' ? issuerCharsMax : factCharsMax
}

function isSmall(value: JsonValue, charsMax: number): boolean {
  return typeof value === 'string' ? value.length <= charsMax : encodeJson(value).length <= charsMax
}
