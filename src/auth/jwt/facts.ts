/**
 * What a token keeps of the claims that were proven at its login, and how a later role is judged by them.
 * Only what the role's rules refer to is kept, so that a record stays small.
 */

import { err, ok, type Result } from '../../lib/result.ts'
import {
  emptyObject,
  encodeJson,
  isJsonObject,
  member,
  type JsonObject,
  type JsonValue,
} from '../../lib/json.ts'
import { checkAudience, checkAudienceBound, parseAudience } from '../../trust/audience.ts'
import { checkClaimRule } from '../../trust/claim-rules.ts'
import { literalReference, parseReference, resolveReference } from '../../trust/pointer.ts'
import type { CompiledRole } from '../../trust/role-rules.ts'
import type { RoleRecord } from './role-record.ts'

const factCharsMax = 1024
/** Stands for a registered claim that the token has and that was too large to keep. */
const tooLarge = null

/** `{ iss, sub, aud, claims: { <reference>: value } }`; too large a value is left out and cannot be judged again. */
export function keepFacts(
  role: RoleRecord,
  claims: JsonObject,
  flow: 'jwt' | 'oidc' = 'jwt',
): JsonObject {
  const kept: Record<string, JsonValue> = emptyObject()
  if (flow !== 'jwt') kept['flow'] = flow
  for (const name of ['iss', 'sub', 'aud']) {
    const value = member(claims, name)
    if (value !== undefined) kept[name] = isSmall(value) ? value : tooLarge
  }
  // A claim may be named __proto__.
  const bound = emptyObject()
  for (const reference of Object.keys(role.bound_claims ?? {})) {
    const value = resolveReference(claims, parseReference(reference))
    if (value !== undefined && isSmall(value)) bound[reference] = value
  }
  return Object.keys(bound).length === 0 ? kept : { ...kept, claims: bound }
}

function isSmall(value: JsonValue): boolean {
  return typeof value === 'string'
    ? value.length <= factCharsMax
    : encodeJson(value).length <= factCharsMax
}

export interface Judge {
  readonly role: CompiledRole
  /** The login was accepted by this very version of the role, so its own rules need no second look. */
  readonly isSameVersion: boolean
  readonly tokenAudiences: readonly string[]
}

/** Judges the kept facts by the role as it is now; the error says in one sentence which rule no longer holds. */
export function judgeFacts(judge: Judge, facts: JsonObject): Result<void, string> {
  // Contract §3.3: an ID token is for this server's own client, and no audience of the mount binds it.
  if (member(facts, 'flow') === 'oidc') return judgeRole({ ...judge, tokenAudiences: [] }, facts)
  const { tokenAudiences } = judge
  // An audience that was too large to keep cannot speak against a role that has not changed.
  const isUnknown = member(facts, 'aud') === tooLarge && judge.isSameVersion
  const audiences = parseAudience(member(facts, 'aud')) ?? []
  if (!isUnknown && !checkAudience(tokenAudiences, audiences).ok) {
    return err('no audience of this login is one that the mount still accepts')
  }
  return judgeRole(judge, facts)
}

function judgeRole(
  { role, isSameVersion, tokenAudiences }: Judge,
  facts: JsonObject,
): Result<void, string> {
  if (isSameVersion) return ok(undefined)
  const { rules } = role
  const audiences = parseAudience(member(facts, 'aud')) ?? []
  const isIdToken = member(facts, 'flow') === 'oidc'
  const subject = member(facts, 'sub')
  if (rules.bound_subject !== '' && subject !== rules.bound_subject) {
    return err("the role's bound_subject no longer matches the subject of this login")
  }
  const isBound = isIdToken || rules.bound_audiences.length > 0 || tokenAudiences.length > 0
  if (
    !checkAudience(rules.bound_audiences, audiences).ok ||
    !checkAudienceBound(isBound, audiences).ok
  ) {
    return err("the role's audiences no longer match the audience of this login")
  }
  const kept = member(facts, 'claims')
  const claims = isJsonObject(kept) ? kept : {}
  for (const rule of role.claimRules) {
    // Kept under the reference as the role wrote it, so that a pointer needs no second walk.
    if (!checkClaimRule({ ...rule, reference: literalReference(rule.reference.text) }, claims).ok) {
      return err(
        "the role's bound_claims no longer match, or name a claim that this login did not keep; log in again",
      )
    }
  }
  return ok(undefined)
}
