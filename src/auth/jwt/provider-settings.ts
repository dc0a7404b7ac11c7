/**
 * `provider_config` as its provider reads it (jwt-oidc.md §5): options by their exact type, and
 * everything that can be found wrong without asking anybody.
 */

import { member, type JsonObject, type JsonValue } from '../../lib/json.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { parseExpression, type Expression } from '../../trust/expression.ts'

export type ProviderSettings =
  | { readonly kind: 'none' | 'kubernetes' }
  /** Groups stand in one text. */
  | { readonly kind: 'secureauth' | 'ibmisam'; readonly separator: string }
  | { readonly kind: 'azure'; readonly fetchGroups: boolean }
  | GsuiteSettings
  | OktaSettings

export interface GsuiteSettings {
  readonly kind: 'gsuite'
  /** Path of a file, or the JSON itself; empty for the credentials of the machine. */
  readonly serviceAccount: string
  readonly admin: string
  readonly principal: string
  readonly fetchGroups: boolean
  readonly fetchUserInfo: boolean
  readonly depthMax: number
  readonly schemas: string
  readonly domain: string
}

export interface OktaSettings {
  readonly kind: 'okta'
  readonly orgUrl: string
  readonly apiToken: string
  /** Empty for the user claim of the role. */
  readonly userIdClaim: string
  readonly groupsCap: number
  readonly filter: Expression | undefined
  readonly fetchGroups: boolean
}

const groupsCapDefault = 100
/** Each level is a search for every group of the one before. */
const depthLimit = 100

const secretMembers = new Set(['gsuite_service_account', 'api_token'])

/** The configuration as a read shows it. */
export function shownProviderConfig(config: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(config).filter(([name]) => !secretMembers.has(name.toLowerCase())),
  )
}

/** The settings, or the first reason why these cannot be any. */
export function parseProvider(
  config: JsonObject,
  discoveryUrl: string,
): Result<ProviderSettings, string> {
  if (Object.keys(config).length === 0) return ok({ kind: 'none' })
  const provider = member(config, 'provider')
  if (typeof provider !== 'string') return err("'provider' field not found in provider_config")
  const read = reading(config)
  const settings = settingsOf(provider, read, discoveryUrl)
  if (settings === undefined) {
    return err(`provider ${JSON.stringify(provider.slice(0, 64))} not found in custom providers`)
  }
  const problem = read.problem() ?? (settings.ok ? undefined : settings.error)
  if (problem !== undefined) return err(`error initializing provider ${provider}: ${problem}`)
  return settings
}

function settingsOf(
  provider: string,
  read: Reading,
  discoveryUrl: string,
): Result<ProviderSettings, string> | undefined {
  switch (provider) {
    case 'kubernetes':
      return ok({ kind: provider })
    case 'secureauth':
      return ok({ kind: provider, separator: ',' })
    case 'ibmisam':
      return ok({ kind: provider, separator: ' ' })
    case 'azure':
      return ok({ kind: provider, fetchGroups: read.flag('fetch_groups') })
    case 'gsuite':
      return gsuite(read)
    case 'okta':
      return okta(read, discoveryUrl)
    default:
      return undefined
  }
}

function gsuite(read: Reading): Result<GsuiteSettings, string> {
  const depthMax = read.count('groups_recurse_max_depth')
  if (depthMax < 0) return err("'groups_recurse_max_depth' must be at least 0")
  return ok({
    kind: 'gsuite',
    serviceAccount: read.text('gsuite_service_account'),
    admin: read.text('gsuite_admin_impersonate'),
    principal: read.text('impersonate_principal'),
    fetchGroups: read.flag('fetch_groups'),
    fetchUserInfo: read.flag('fetch_user_info'),
    depthMax: Math.min(depthMax, depthLimit),
    schemas: read.text('user_custom_schemas'),
    domain: read.text('domain'),
  })
}

function okta(read: Reading, discoveryUrl: string): Result<OktaSettings, string> {
  const fetchGroups = read.flag('fetch_groups')
  const given = read.text('org_url')
  const orgUrl = originOf(given === '' ? discoveryUrl : given)
  // Only a lookup asks there: a mount without discovery has no default.
  if ((fetchGroups || given !== '') && orgUrl?.startsWith('https://') !== true) {
    return err("'org_url' must be an https address with a host")
  }
  const apiToken = read.text('api_token')
  if (fetchGroups && apiToken === '') return err("'api_token' must be set with 'fetch_groups'")
  const cap = read.count('groups_cap')
  if (cap < 0) return err("'groups_cap' must be at least 0")
  const source = read.text('groups_filter')
  const filter = source === '' ? undefined : parseExpression(source)
  if (filter?.ok === false) return err(`'groups_filter': ${filter.error}`)
  return ok({
    kind: 'okta',
    orgUrl: orgUrl ?? '',
    apiToken,
    userIdClaim: read.text('user_id_claim'),
    groupsCap: cap === 0 ? groupsCapDefault : cap,
    filter: filter?.value,
    fetchGroups,
  })
}

function originOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { origin, hostname } = new URL(url)
  return hostname === '' ? undefined : origin
}

interface Reading {
  flag(name: string): boolean
  text(name: string): string
  count(name: string): number
  /** The first option of a wrong type. */
  problem(): string | undefined
}

/** Names are matched ignoring case, values by their very type: `"true"` is no boolean. */
function reading(config: JsonObject): Reading {
  const values = new Map(Object.entries(config).map(([name, value]) => [name.toLowerCase(), value]))
  let problem: string | undefined
  function of<T>(
    name: string,
    absent: T,
    type: string,
    is: (value: JsonValue) => T | undefined,
  ): T {
    const value = values.get(name)
    if (value === undefined || value === null) return absent
    const read = is(value)
    if (read === undefined) problem ??= `${name} must be a ${type}`
    return read ?? absent
  }
  return {
    flag: (name) =>
      of(name, false, 'boolean', (value) => (typeof value === 'boolean' ? value : undefined)),
    text: (name) =>
      of(name, '', 'string', (value) => (typeof value === 'string' ? value : undefined)),
    count: (name) =>
      of(name, 0, 'whole number', (value) =>
        typeof value === 'number' && Number.isInteger(value) ? value : undefined,
      ),
    problem: () => problem,
  }
}
