/**
 * Advice about a role that is valid and still risky (explain.md §6), as far as the role alone
 * tells.
 */

import { isJsonArray, isJsonObject, type JsonValue } from '../lib/json.ts'
import type { RoleRules } from './role-rules.ts'
import { quote } from './shown-value.ts'

export type LintCode =
  | 'audience_any'
  | 'glob_everything'
  | 'glob_crosses_owner'
  | 'subject_unowned'
  | 'per_run_user_claim'
  | 'no_bound_claims_public_issuer'
  | 'ttl_longer_than_token'
  | 'redirect_http_not_loopback'
  | 'policy_unknown'
  | 'metadata_key_reserved'

export interface Lint {
  readonly code: LintCode
  readonly text: string
}

/** What a lint means, for `data.lints` beside the reasons. */
export const lints: Readonly<Record<LintCode, { readonly title: string; readonly fix: string }>> = {
  audience_any: {
    title: 'The role names no audience',
    fix: 'Set bound_audiences to a name only this server uses, and have callers ask for it.',
  },
  glob_everything: {
    title: 'A glob matches every value',
    fix: 'Write a narrower pattern, or leave the claim out if only its presence matters.',
  },
  glob_crosses_owner: {
    title: 'A glob also matches names of other owners',
    fix: 'Write the owner in full up to its slash, and use the star behind it only.',
  },
  subject_unowned: {
    title: 'The subject can change hands',
    fix: 'Bind a number that is never given out again too, like repository_id or repository_owner_id.',
  },
  per_run_user_claim: {
    title: 'Every run becomes a new identity',
    fix: 'Choose a user_claim that stays the same between runs, like sub.',
  },
  no_bound_claims_public_issuer: {
    title: 'Anybody can get a token of this issuer',
    fix: 'Bind the organisation, project or repository in bound_claims or bound_subject.',
  },
  ttl_longer_than_token: {
    title: 'The issued token lives much longer than the one shown',
    fix: 'Lower token_ttl or token_max_ttl.',
  },
  redirect_http_not_loopback: {
    title: 'A redirect URI is plain http to another machine',
    fix: 'Use https, or http to localhost only.',
  },
  policy_unknown: {
    title: 'A policy of the role does not exist',
    fix: 'Write the policy, or correct its name in token_policies.',
  },
  metadata_key_reserved: {
    title: 'A metadata entry will be overwritten',
    fix: 'Choose another name in alias_metadata or claim_mappings.',
  },
}

/** Issuers from which anybody may obtain a signed token for any audience. */
const publicIssuers: ReadonlySet<string> = new Set([
  'https://token.actions.githubusercontent.com',
  'https://gitlab.com',
  'https://agent.buildkite.com',
  'https://app.terraform.io',
  'https://accounts.google.com',
  'https://oidc.vercel.com',
])

export function isPublicIssuer(issuer: string): boolean {
  return publicIssuers.has(issuer)
}

/** Claims that differ for every run of a job or every token. */
const perRunClaims: ReadonlySet<string> = new Set([
  'jti',
  'iat',
  'exp',
  'nbf',
  'run_id',
  'run_number',
  'run_attempt',
  'job_id',
  'pipeline_id',
  'build_number',
  'build_id',
  'sha',
  'check_run_id',
])

/** Where a claim of that name is no run: a pipeline of Buildkite is what a project is elsewhere. */
const lastingClaims: ReadonlyMap<string, string> = new Map([
  ['https://agent.buildkite.com', 'pipeline_id'],
])

const ownedClaims: ReadonlySet<string> = new Set([
  'sub',
  'repository',
  'project_path',
  'job_workflow_ref',
  'workflow_ref',
])

/** Bound claims that say who the caller is, and not only what kind of token it is. */
const formalClaims: ReadonlySet<string> = new Set(['iss', 'aud', 'ref', 'ref_type', 'environment'])

/** `issuer` is the issuer of the mount, where it is known. */
export function lintRole(rules: RoleRules, issuer?: string): readonly Lint[] {
  const found: Lint[] = []
  const add = (code: LintCode, text: string): void => {
    found.push({ code, text: `[${code}] ${text}` })
  }
  if (rules.role_type === 'jwt' && (rules.bound_audiences ?? []).length === 0) {
    add(
      'audience_any',
      'The role names no audience, so it takes only tokens that are made for nobody in particular.',
    )
  }
  for (const [claim, pattern] of globsOf(rules)) {
    if (/^\*+$/.test(pattern)) {
      add('glob_everything', `The pattern for ${quote(claim)} matches every string.`)
    } else if (ownedClaims.has(claim) && crossesOwner(pattern)) {
      add(
        'glob_crosses_owner',
        `The pattern ${quote(pattern)} for ${quote(claim)} also matches other owners.`,
      )
    }
  }
  if (hasRenamableSubject(rules)) {
    add(
      'subject_unowned',
      'The role binds a repository by name only; whoever gets that name later gets in.',
    )
  }
  const isLasting = issuer !== undefined && lastingClaims.get(issuer) === rules.user_claim
  if (perRunClaims.has(rules.user_claim) && !isLasting) {
    add(
      'per_run_user_claim',
      `The user_claim ${quote(rules.user_claim)} makes a new identity for every run.`,
    )
  }
  if (issuer !== undefined && isPublicIssuer(issuer) && !namesCaller(rules)) {
    add(
      'no_bound_claims_public_issuer',
      `Anybody can get a token from ${quote(issuer)}, and the role binds no owner.`,
    )
  }
  for (const name of Object.keys(rules.alias_metadata)) {
    if (name === 'role' || Object.values(rules.claim_mappings ?? {}).includes(name)) {
      add(
        'metadata_key_reserved',
        `The entry ${quote(name)} of alias_metadata is always overwritten at login.`,
      )
    }
  }
  for (const target of Object.values(rules.claim_mappings ?? {})) {
    if (target.startsWith('oauth2_')) {
      add(
        'metadata_key_reserved',
        `Metadata names starting with oauth2_, like ${quote(target)}, belong to the server.`,
      )
    }
  }
  return found
}

function globsOf(rules: RoleRules): readonly (readonly [string, string])[] {
  if (rules.bound_claims_type === 'rules') {
    return Object.entries(rules.bound_claims ?? {}).flatMap(([claim, condition]) =>
      globsIn(condition).map((pattern) => [claim, pattern] as const),
    )
  }
  if (rules.bound_claims_type !== 'glob') return []
  return boundStrings(rules).filter(([, pattern]) => pattern.includes('*'))
}

/** The globs that let in, in a condition (jwt-oidc.md §2.10); those under "not" keep out. */
function globsIn(condition: JsonValue): readonly string[] {
  if (isJsonArray(condition)) return condition.flatMap(globsIn)
  if (!isJsonObject(condition)) return []
  return Object.entries(condition).flatMap(([name, operand]) => {
    if (name === 'glob') return strings(operand).filter((pattern) => pattern.includes('*'))
    return name === 'any_of' || name === 'all_of' ? globsIn(operand) : []
  })
}

function boundStrings(rules: RoleRules): readonly (readonly [string, string])[] {
  return Object.entries(rules.bound_claims ?? {}).flatMap(([claim, value]) =>
    strings(value).map((text) => [claim, text] as const),
  )
}

export function strings(value: JsonValue): readonly string[] {
  const list = isJsonArray(value) ? value : [value]
  return list.filter((element) => typeof element === 'string')
}

/** A star before the first slash leaves the owner open: `repo:acme*`, `*` + `/app`. */
function crossesOwner(pattern: string): boolean {
  const star = pattern.indexOf('*')
  const slash = pattern.indexOf('/')
  return (
    star !== -1 && (slash === -1 || star < slash) && /^(?:repo:|project_path:|[^:]*$)/.test(pattern)
  )
}

/** A GitHub-style subject without the numeric ids, and no id bound beside it. */
function hasRenamableSubject(rules: RoleRules): boolean {
  const claims = Object.keys(rules.bound_claims ?? {})
  if (claims.some((claim) => claim.endsWith('_id') || claim.endsWith('_ids'))) return false
  const subjects = boundStrings(rules)
    .filter(([claim]) => claim === 'sub')
    .map(([, text]) => text)
  return [rules.bound_subject, ...subjects].some((text) =>
    /^repo:[^@/:]+\/[^@:]+(?::|$)/.test(text),
  )
}

function namesCaller(rules: RoleRules): boolean {
  if (rules.bound_subject !== '') return true
  const bound = Object.entries(rules.bound_claims ?? {})
  return bound.some(([claim, value]) => !formalClaims.has(claim) && !isOnlyForbidden(value))
}

/** A condition that says only what a claim must not be leaves everybody else in. */
function isOnlyForbidden(value: JsonValue): boolean {
  return isJsonObject(value) && Object.keys(value).every((name) => name === 'not')
}
