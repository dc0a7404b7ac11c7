/**
 * What is wrong with a role of a mount, as far as role, mount and provider tell it together. Pure.
 */

import { isJsonArray, member, type JsonObject, type JsonValue } from '../../lib/json.ts'
import { cliRedirectUri, isRedirectAllowed, mountOfRedirect } from '../../oidc/redirect-uri.ts'
import type { Finding } from '../../oidc/source-examination.ts'
import { checkRoleRules } from '../../trust/role-checks.ts'
import { lints, type Lint } from '../../trust/role-lint.ts'
import type { ConfigRecord, MountKind } from './config.ts'
import type { RoleRecord } from './role-record.ts'

export interface RoleFacts {
  /** `jwt/`. */
  readonly mountPath: string
  readonly config: ConfigRecord | undefined
  readonly kind: MountKind | undefined
  /** Issuers whose tokens may come to the role. */
  readonly issuers: readonly string[]
  /** What the provider says about itself; undefined where it was not read. */
  readonly provider: JsonObject | undefined
  readonly lints: readonly Lint[]
  readonly groups: SeenGroups
}

/** Groups that logins of the role have brought. */
export interface SeenGroups {
  readonly seen: readonly string[]
  /** Those that are no alias of a group on this mount. */
  readonly withoutAlias: readonly string[]
}

export function examineRole(role: RoleRecord, facts: RoleFacts): readonly Finding[] {
  const ofKind = role.role_type === 'oidc' ? signInFindings(role, facts) : jwtFindings(role, facts)
  return [
    ...ofKind,
    ...claimFindings(role, facts),
    ...groupFindings(role, facts),
    ...facts.lints.map((lint) => lintFinding(role, lint)),
  ]
}

// ---------------------------------------------------------------- logins with a JWT

function jwtFindings(role: RoleRecord, { config }: RoleFacts): readonly Finding[] {
  const ofRole = role.bound_audiences ?? []
  const ofMount = config?.token_audiences ?? []
  if (ofRole.length === 0 || ofMount.length === 0) return []
  if (ofRole.some((audience) => ofMount.includes(audience))) return []
  return [
    {
      code: 'audiences_disjoint',
      level: 'fail',
      what: `The role takes the audience ${list(ofRole)} and the mount ${list(ofMount)}: a token needs one of each.`,
      fix: "Let the role take the mount's audience too.",
      change: { bound_audiences: [...ofRole, ...ofMount] },
    },
  ]
}

function claimFindings(role: RoleRecord, facts: RoleFacts): readonly Finding[] {
  const never = checkRoleRules(role).warnings.map(({ text }) => ({
    code: 'rule_matches_nothing',
    level: 'fail' as const,
    what: `${text.charAt(0).toUpperCase()}${text.slice(1)}.`,
    fix: 'Correct the rule, or take it out of the role.',
  }))
  return [...never, ...boundIssuer(role, facts)]
}

/** A bound `iss` beside the issuer that the mount demands already. */
function boundIssuer(role: RoleRecord, { issuers }: RoleFacts): readonly Finding[] {
  const known = issuers.filter((issuer) => issuer !== '')
  const bound = member(role.bound_claims ?? {}, 'iss')
  const [issuer] = known
  if (role.bound_claims_type !== 'string' || bound === undefined || issuer === undefined) return []
  const wanted = isJsonArray(bound) ? bound : [bound]
  if (known.some((one) => wanted.includes(one))) return []
  return [
    {
      code: 'bound_issuer_claim',
      level: 'fail',
      what: `The role binds iss to ${show(bound)}, and the mount takes tokens of ${list(known)} alone.`,
      fix: 'Bind the issuer of the mount, or leave iss out of the role.',
      change: { bound_claims: { ...role.bound_claims, iss: issuer } },
    },
  ]
}

/** Groups that change nothing: neither a group of this server nor the role knows them. */
function groupFindings(role: RoleRecord, { groups }: RoleFacts): readonly Finding[] {
  const given = role.group_policies ?? {}
  const unmapped = groups.withoutAlias.filter((name) => !Object.hasOwn(given, name))
  const near = unmapped.flatMap((name) => {
    const key = Object.keys(given).find((one) => likeGroup(one) === likeGroup(name))
    return key === undefined || groups.seen.includes(key) ? [] : [{ name, key }]
  })
  const [first] = near
  if (first !== undefined) {
    const added = Object.fromEntries(near.map(({ name, key }) => [name, given[key] ?? []]))
    return [
      {
        code: 'group_unmapped',
        level: 'warn',
        what: `Logins bring the group ${show(first.name)}, and the role has policies for ${show(first.key)}: nobody maps the first.`,
        fix: 'Write the group as tokens have it.',
        change: { group_policies: { ...given, ...added } },
      },
    ]
  }
  if (groups.seen.length === 0 || unmapped.length < groups.seen.length) return []
  return [
    {
      code: 'group_unmapped',
      level: 'warn',
      what: `The role takes groups from ${show(role.groups_claim)}, and nobody maps one of those that logins bring: ${list(unmapped)}.`,
      fix: 'Name the group with its policies in group_policies of the role; or make an external group with an alias of that name on this mount (identity/group, identity/group-alias).',
    },
  ]
}

/** The slash of a path of groups, white space and case are what is got wrong. */
function likeGroup(name: string): string {
  return name.trim().replace(/^\/+/, '').toLowerCase()
}

// ---------------------------------------------------------------- browser sign-ins

function signInFindings(role: RoleRecord, facts: RoleFacts): readonly Finding[] {
  if (facts.kind !== 'oidc') {
    return [
      {
        code: 'sign_in_without_client',
        level: 'fail',
        what: 'The role is for browser sign-ins, and the mount has no client at a provider.',
        fix: 'Give the mount oidc_client_id and oidc_client_secret; or make it a role for JWTs, with the audience of this server.',
      },
    ]
  }
  return [...redirects(role, facts), ...audiences(role, facts), ...scopes(role, facts)]
}

function redirects(role: RoleRecord, { mountPath }: RoleFacts): readonly Finding[] {
  const allowed = role.allowed_redirect_uris ?? []
  const mount = mountPath.slice(0, -1)
  const elsewhere = allowed.filter((uri) => {
    const leadsTo = mountOfRedirect(uri.replace('/ui/vault/auth/', '/v1/auth/'))
    return leadsTo !== undefined && leadsTo !== mount
  })
  const [first] = elsewhere
  if (first !== undefined) {
    const mended = allowed.map((uri) =>
      elsewhere.includes(uri)
        ? uri.replace(/(\/(?:v1|ui\/vault)\/auth\/).*(\/oidc\/callback)/, `$1${mount}$2`)
        : uri,
    )
    return [
      {
        code: 'redirect_other_mount',
        level: 'fail',
        what: `The redirect URI ${show(first)} leads to another mount than ${show(mountPath)}.`,
        fix: 'Write the path of this mount into the redirect URI, here and at the provider.',
        change: { allowed_redirect_uris: mended },
      },
    ]
  }
  if (role.callback_mode === 'device') return []
  if (role.callback_mode === 'direct') {
    if (allowed.some((uri) => mountOfRedirect(uri) === mount)) return []
    return [
      {
        code: 'redirect_direct_missing',
        level: 'fail',
        what: `A direct sign-in comes back to /v1/auth/${mount}/oidc/callback of this server, and no redirect URI of the role is that.`,
        fix: `Add https://THIS-SERVER/v1/auth/${mount}/oidc/callback to allowed_redirect_uris, and register it at the provider.`,
      },
    ]
  }
  if (isRedirectAllowed(cliRedirectUri, allowed)) return []
  return [
    {
      code: 'redirect_cli_missing',
      level: 'warn',
      what: `The command line comes back to ${cliRedirectUri}, and no redirect URI of the role is that.`,
      fix: 'Allow it, and register it at the provider, if people sign in from a terminal.',
      change: { allowed_redirect_uris: [...allowed, cliRedirectUri] },
    },
  ]
}

/** An ID token is made out to the client: jwt-oidc.md §4.9, 10. */
function audiences(role: RoleRecord, { config }: RoleFacts): readonly Finding[] {
  const bound = role.bound_audiences ?? []
  const client = config?.oidc_client_id ?? ''
  if (bound.length === 0 || bound.includes(client)) return []
  return [
    {
      code: 'audience_not_client',
      level: 'fail',
      what: `The role takes the audience ${list(bound)}; an ID token is made out to the client ${show(client)}.`,
      fix: 'Add the id of the client to bound_audiences, or leave them empty.',
      change: { bound_audiences: [...bound, client] },
    },
  ]
}

/** Claims that a provider gives for a scope alone (OpenID Connect Core §5.4). */
const scopeOfClaim: Readonly<Record<string, string>> = {
  email: 'email',
  email_verified: 'email',
  name: 'profile',
  preferred_username: 'profile',
  nickname: 'profile',
  groups: 'groups',
}

function scopes(role: RoleRecord, { provider }: RoleFacts): readonly Finding[] {
  const offered = namesIn(provider, 'scopes_supported')
  const asked = role.oidc_scopes ?? []
  const claims = [role.user_claim, role.groups_claim, ...Object.keys(role.bound_claims ?? {})]
  const missing = claims.flatMap((claim) => {
    const scope = Object.hasOwn(scopeOfClaim, claim) ? scopeOfClaim[claim] : undefined
    if (scope === undefined || asked.includes(scope) || !offered.includes(scope)) return []
    return [{ claim, scope }]
  })
  const [first] = missing
  if (first === undefined) return []
  const wanted = [...new Set(missing.map(({ scope }) => scope))]
  return [
    {
      code: 'scope_missing',
      level: 'warn',
      what: `The role reads the claim ${show(first.claim)}, which providers give for the scope ${show(first.scope)}, and does not ask for it.`,
      fix: 'Ask for the scope.',
      change: { oidc_scopes: [...asked, ...wanted] },
    },
  ]
}

// ---------------------------------------------------------------- advice

function lintFinding(role: RoleRecord, { code, text }: Lint): Finding {
  const what = text.slice(text.indexOf(' ') + 1)
  const change = lintChange(role, code)
  return {
    code,
    level: 'warn',
    what,
    fix: lints[code].fix,
    ...(change === undefined ? {} : { change }),
  }
}

function lintChange(role: RoleRecord, code: Lint['code']): JsonObject | undefined {
  switch (code) {
    case 'ttl_longer_than_token':
      return { token_ttl: '15m', token_max_ttl: '1h', token_period: 0 }
    case 'per_run_user_claim':
      return { user_claim: 'sub', user_claim_json_pointer: false }
    case 'glob_crosses_owner':
      return role.bound_claims_type === 'glob' ? { bound_claims: narrowed(role) } : undefined
    default:
      return undefined
  }
}

/** `acme*` as `acme/*`. */
function narrowed(role: RoleRecord): JsonObject {
  const narrow = (value: JsonValue): JsonValue =>
    typeof value === 'string' && /^[\w:.-]+\*$/.test(value) ? `${value.slice(0, -1)}/*` : value
  return Object.fromEntries(
    Object.entries(role.bound_claims ?? {}).map(([claim, value]) => [
      claim,
      isJsonArray(value) ? value.map(narrow) : narrow(value),
    ]),
  )
}

// ---------------------------------------------------------------- texts

export function namesIn(provider: JsonObject | undefined, name: string): readonly string[] {
  const value = provider === undefined ? undefined : member(provider, name)
  return isJsonArray(value) ? value.filter((one) => typeof one === 'string') : []
}

function list(values: readonly string[]): string {
  const shown = values.slice(0, 4).map(show).join(' or ')
  return values.length > 4 ? `${shown} …` : shown
}

function show(value: JsonValue): string {
  return JSON.stringify(value).slice(0, 256)
}
