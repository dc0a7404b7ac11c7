/**
 * The token of several roles at once (`role_selection=union`, jwt-oidc.md §2.11), and its renewal:
 * it has the policies of all of them, and of every limit the strictest.
 */

import type { RenewTerms } from '../../framework/backend.ts'
import { bindingOf, policiesOfGroups } from '../../framework/identity-settings.ts'
import { originFacts, type PolicyOrigins } from '../../framework/policy-origins.ts'
import type { Login } from '../../framework/reply.ts'
import { grantedBy } from '../../framework/role-login.ts'
import type { TokenSettings } from '../../framework/token-settings.ts'
import { emptyObject, isJsonObject, member, type JsonObject } from '../../lib/json.ts'
import type { LoginOutcome } from '../../trust/decide.ts'
import { keepFacts, type Voucher } from './facts.ts'
import type { RoleRecord } from './role-record.ts'

/** Kind of the role that its token names; the name is theirs, joined by commas. */
export const unitedKind = 'union'

export function unitedLogin(
  outcome: LoginOutcome,
  records: readonly RoleRecord[],
  voucher: Voucher,
  clientAddress: string | undefined,
): Login {
  const [first] = records
  if (first === undefined) throw new Error('a union has no role')
  const bound = emptyObject()
  for (const { bound_claims } of records) {
    for (const [reference, value] of Object.entries(bound_claims ?? {})) bound[reference] = value
  }
  const byGroup = groupPolicies(records, outcome.groups)
  const areTemplates = records.some((record) => record.token_policies_template_claims)
  const versions = Object.fromEntries(records.map(({ name, version }) => [name, version]))
  return {
    ...grantedBy(first),
    ...strictest(records),
    alias: { name: outcome.aliasName, metadata: outcome.aliasMetadata },
    groups: outcome.groups,
    identity: strictestBinding(records, voucher),
    metadata: outcome.metadata,
    displayName: outcome.displayName,
    policies: [...outcome.tokenPolicies, ...byGroup.flatMap(([, given]) => given)],
    boundCidrs: commonCidrs(records, clientAddress),
    role: { name: unitedName(records), kind: unitedKind, version: 0 },
    facts: {
      ...keepFacts({ bound_claims: bound }, outcome.claims, voucher),
      ...originFacts({ areTemplates, groups: byGroup }),
      versions,
    },
  }
}

/** Whoever one of them would not make known stays unknown, and groups reach no further. */
function strictestBinding(records: readonly RoleRecord[], { flow }: Voucher): Login['identity'] {
  const bindings = records.map((record) => bindingOf(record, flow))
  return {
    mode: bindings.some(({ mode }) => mode === 'token') ? 'token' : 'entity',
    existingOnly: bindings.some(({ existingOnly }) => existingOnly),
  }
}

/** A role's map speaks of the groups of its own claim; those of several claims are nobody's. */
function groupPolicies(
  records: readonly RoleRecord[],
  groups: readonly string[],
): PolicyOrigins['groups'] {
  const claims = new Set(records.map(({ groups_claim }) => groups_claim))
  return claims.size > 1 ? [] : records.flatMap((record) => policiesOfGroups(record, groups))
}

function unitedName(records: readonly RoleRecord[]): string {
  return records.map(({ name }) => name).join(',')
}

export function rolesOfUnion(name: string): readonly string[] {
  return name.split(',')
}

/** By which version of that role the login was accepted. */
export function versionInUnion(facts: JsonObject, name: string): number | undefined {
  const versions = member(facts, 'versions')
  const version = isJsonObject(versions) ? member(versions, name) : undefined
  return typeof version === 'number' ? version : undefined
}

export function unitedTerms(records: readonly TokenSettings[]): RenewTerms {
  const { ttlSeconds, maxTtlSeconds, periodSeconds } = strictest(records)
  return { ttlSeconds, maxTtlSeconds, periodSeconds }
}

/** What all of these roles allow: of each limit the strictest; 0 is none. */
function strictest(records: readonly TokenSettings[]): TokenTerms {
  const least = (pick: (record: TokenSettings) => number): number => {
    const set = records.map(pick).filter((limit) => limit > 0)
    return set.length === 0 ? 0 : Math.min(...set)
  }
  // A token that is renewed for ever is one only where each of them says so.
  const isPeriodic = records.every(({ token_period }) => token_period > 0)
  // Where not all of them are, a period is how long its role would let the token live.
  const ownTtl = ({ token_ttl, token_period }: TokenSettings): number =>
    isPeriodic || token_period === 0 ? token_ttl : token_period
  return {
    ttlSeconds: least(ownTtl),
    maxTtlSeconds: least(({ token_max_ttl }) => token_max_ttl),
    periodSeconds: isPeriodic ? least(({ token_period }) => token_period) : 0,
    explicitMaxTtlSeconds: least(({ token_explicit_max_ttl }) => token_explicit_max_ttl),
    numUses: least(({ token_num_uses }) => token_num_uses),
    noDefaultPolicy: records.some(({ token_no_default_policy }) => token_no_default_policy),
  }
}

type TokenTerms = Pick<
  Login,
  | 'ttlSeconds'
  | 'maxTtlSeconds'
  | 'periodSeconds'
  | 'explicitMaxTtlSeconds'
  | 'numUses'
  | 'noDefaultPolicy'
>

/**
 * Networks of a token that several roles gave: theirs where they agree, else the address that all
 * of them have let in.
 */
function commonCidrs(
  records: readonly TokenSettings[],
  clientAddress: string | undefined,
): readonly string[] {
  const [first] = records
  const isSame = records.every(
    (record) =>
      record.token_bound_cidrs.join() === first?.token_bound_cidrs.join() &&
      !record.token_strictly_bind_ip,
  )
  if (isSame) return first?.token_bound_cidrs ?? []
  return clientAddress === undefined ? [] : [clientAddress]
}
