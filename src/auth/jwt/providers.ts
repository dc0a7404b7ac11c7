/**
 * What a mount's provider adds to the claims before they are judged (jwt-oidc.md §5). Here are
 * those parts that need no network; a configuration that asks for a look-up is refused at its write
 * until that is built.
 */

import { err, ok, type Result } from '../../lib/result.ts'
import { member, type JsonObject, type JsonValue } from '../../lib/json.ts'
import type { ProviderProblem } from '../../trust/login-facts.ts'
import { assignReference, parseReference, resolveReference } from '../../trust/pointer.ts'

const known = ['azure', 'gsuite', 'okta', 'secureauth', 'ibmisam', 'kubernetes']

/** Members that make a provider call somebody, by their type. */
const strictTypes: Readonly<Record<string, 'boolean' | 'string' | 'integer'>> = {
  fetch_groups: 'boolean',
  fetch_user_info: 'boolean',
  groups_recurse_max_depth: 'integer',
  groups_cap: 'integer',
  org_url: 'string',
  api_token: 'string',
  user_id_claim: 'string',
  groups_filter: 'string',
  gsuite_service_account: 'string',
  gsuite_admin_impersonate: 'string',
  impersonate_principal: 'string',
  user_custom_schemas: 'string',
  domain: 'string',
}

const secretMembers = new Set(['gsuite_service_account', 'api_token'])

/** The first reason why this cannot be a provider configuration. */
export function checkProviderConfig(config: JsonObject): Result<void, string> {
  if (Object.keys(config).length === 0) return ok(undefined)
  const provider = member(config, 'provider')
  if (typeof provider !== 'string') return err("'provider' field not found in provider_config")
  if (!known.includes(provider)) {
    return err(`provider ${JSON.stringify(provider.slice(0, 64))} not found in custom providers`)
  }
  for (const [name, value] of Object.entries(config)) {
    const type = strictTypes[name.toLowerCase()]
    if (type !== undefined && !hasType(value, type)) {
      return err(`error initializing provider ${provider}: ${name} must be a ${type}`)
    }
  }
  for (const name of ['fetch_groups', 'fetch_user_info', 'groups_filter']) {
    const value = memberFolded(config, name)
    if (value !== undefined && value !== false && value !== '') {
      return err(
        `error initializing provider ${provider}: ${name} needs a look-up that this version cannot make yet`,
      )
    }
  }
  return ok(undefined)
}

function hasType(value: JsonValue, type: 'boolean' | 'string' | 'integer'): boolean {
  if (type === 'integer') return typeof value === 'number' && Number.isInteger(value)
  return typeof value === type
}

function memberFolded(config: JsonObject, name: string): JsonValue | undefined {
  for (const [key, value] of Object.entries(config)) if (key.toLowerCase() === name) return value
  return undefined
}

/** The configuration as a read shows it. */
export function shownProviderConfig(config: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(config).filter(([name]) => !secretMembers.has(name.toLowerCase())),
  )
}

/** The claims with what the provider makes of them. */
export function provideClaims(
  config: JsonObject,
  groupsClaim: string,
  claims: JsonObject,
): Result<JsonObject, ProviderProblem> {
  const provider = member(config, 'provider')
  if (groupsClaim === '' || (provider !== 'secureauth' && provider !== 'ibmisam')) return ok(claims)
  const reference = parseReference(groupsClaim)
  const groups = resolveReference(claims, reference)
  if (typeof groups !== 'string') return ok(claims)
  const list = groups.split(provider === 'secureauth' ? ',' : ' ')
  const changed = assignReference(claims, reference, list)
  return changed === undefined
    ? err({ reason: 'provider_failed', detail: 'unable to set the groups in the claims' })
    : ok(changed)
}
