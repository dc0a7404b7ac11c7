/**
 * What a mount's provider adds to the claims before they are judged (jwt-oidc.md §5): groups and
 * user info, from the token itself or from the provider's directory. I/O of the check `provider`; a
 * provider that fails refuses the login, and never takes groups away from it.
 */

import type { BackendContext } from '../../framework/backend.ts'
import { isJsonObject, member, type JsonObject } from '../../lib/json.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { DirectoryCalls } from '../../oidc/directory-calls.ts'
import {
  fetchGoogleToken,
  parseGoogleCredential,
  type GoogleCredential,
} from '../../oidc/google-credentials.ts'
import { directoryScopes, GoogleDirectory } from '../../oidc/google-directory.ts'
import { fetchGraphGroups, graphEndpoint, ownMemberObjects } from '../../oidc/graph-groups.ts'
import { fetchOktaGroups } from '../../oidc/okta-groups.ts'
import { systemClusterFiles } from '../../platform/cluster-files.ts'
import { listOfValues } from '../../trust/claim-values.ts'
import { expressionFinds, priceOfExpression } from '../../trust/expression.ts'
import type { ProviderProblem } from '../../trust/login-facts.ts'
import { MatchWork } from '../../trust/match-work.ts'
import { assignReference, parseReference, resolveReference } from '../../trust/pointer.ts'
import {
  parseProvider,
  type GsuiteSettings,
  type OktaSettings,
  type ProviderSettings,
} from './provider-settings.ts'

type Provided = Result<JsonObject, ProviderProblem>

/** What of a role says where its users and groups are. */
export interface LookupRole {
  readonly user_claim: string
  readonly groups_claim: string
}

/** What of the mount's config a look-up goes by. */
interface ProviderPart {
  readonly provider_config: JsonObject
  readonly oidc_discovery_url: string
  readonly oidc_discovery_ca_pem: string
  readonly override_allowed_server_names: readonly string[]
  readonly unsupported_critical_cert_extensions: readonly string[]
}

/** Claims that say whom a token is from, for whom and when: nothing looked up replaces them. */
const registered = new Set('iss sub aud exp nbf iat jti azp nonce auth_time'.split(' '))

export class ProviderLookups {
  readonly #context: BackendContext

  constructor(context: BackendContext) {
    this.#context = context
  }

  /**
   * For one login. The access token is the one that came with it; empty when none did. Roles that
   * are judged for the same login share what was found.
   */
  forLogin(config: ProviderPart | undefined, accessToken: string): LoginLookups {
    return new LoginLookups(this.#context, config, accessToken)
  }

  /** Why the provider cannot be used as it is configured; asks nobody. */
  async check(config: ProviderPart): Promise<string | undefined> {
    const settings = settingsOf(config)
    if (!settings.ok) return settings.error
    if (settings.value.kind !== 'gsuite') return undefined
    const credential = await readCredential(settings.value)
    return credential.ok ? undefined : uninitialized(credential.error)
  }
}

export class LoginLookups {
  readonly #context: BackendContext
  readonly #config: ProviderPart | undefined
  readonly #accessToken: string
  readonly #known = new Map<string, Promise<Provided>>()
  #calls: DirectoryCalls | undefined

  constructor(context: BackendContext, config: ProviderPart | undefined, accessToken: string) {
    this.#context = context
    this.#config = config
    this.#accessToken = accessToken
  }

  provide(role: LookupRole, claims: JsonObject): Promise<Provided> {
    const key = `${role.user_claim}\0${role.groups_claim}`
    const known = this.#known.get(key) ?? this.#provide(role, claims)
    this.#known.set(key, known)
    return known
  }

  async #provide(role: LookupRole, claims: JsonObject): Promise<Provided> {
    if (this.#config === undefined) return ok(claims)
    const settings = settingsOf(this.#config)
    if (!settings.ok) return failed(settings.error)
    return this.#from(settings.value, role, claims)
  }

  #from(
    settings: ProviderSettings,
    role: LookupRole,
    claims: JsonObject,
  ): Promise<Provided> | Provided {
    switch (settings.kind) {
      case 'secureauth':
      case 'ibmisam':
        return splitGroups(settings.separator, role, claims)
      case 'azure':
        return role.groups_claim === '' ? ok(claims) : this.#azure(settings, role, claims)
      case 'gsuite':
        return this.#gsuite(settings, role, claims)
      case 'okta':
        return role.groups_claim === '' ? ok(claims) : this.#okta(settings, role, claims)
      case 'none':
      case 'kubernetes':
        return ok(claims)
    }
  }

  /** jwt-oidc.md §5.2: all groups when asked for, else where the token says that they are. */
  async #azure(
    { fetchGroups }: { readonly fetchGroups: boolean },
    role: LookupRole,
    claims: JsonObject,
  ): Promise<Provided> {
    const isThere = resolveReference(claims, parseReference(role.groups_claim)) !== undefined
    if (!fetchGroups && isThere) return ok(claims)
    const endpoint = fetchGroups ? ok(ownMemberObjects) : distributedClaim(role, claims)
    if (!endpoint.ok) return failed(`unable to find the groups: ${endpoint.error}`)
    if (endpoint.value === undefined) return ok(claims)
    if (this.#accessToken === '') {
      const detail =
        'the groups are at Microsoft Graph, and no access token came with the login ' +
        '(distributed_claim_access_token)'
      return err({ reason: 'groups_truncated', detail })
    }
    const groups = await fetchGraphGroups(this.#door(), endpoint.value, this.#accessToken)
    if (!groups.ok) return failed(`unable to fetch groups from Microsoft Graph: ${groups.error}`)
    return withGroups(role, claims, groups.value)
  }

  /** jwt-oidc.md §5.3. */
  async #gsuite(settings: GsuiteSettings, role: LookupRole, claims: JsonObject): Promise<Provided> {
    // A login through credentials that are gone fails whether it needs them or not.
    const credential = await readCredential(settings)
    if (!credential.ok) return failed(uninitialized(credential.error))
    const wantsGroups = settings.fetchGroups && role.groups_claim !== ''
    const wantsUser = settings.fetchUserInfo && settings.schemas !== ''
    if (!wantsGroups && !wantsUser) return ok(claims)
    const userId = resolveReference(claims, parseReference(role.user_claim))
    if (typeof userId !== 'string' || userId === '') {
      return failed('the user claim holds no name that Google could be asked about')
    }
    const directory = await this.#googleDirectory(settings, credential.value)
    if (!directory.ok) return failed(`unable to sign in to Google: ${directory.error}`)
    let provided = claims
    if (wantsUser) {
      const schemas = await directory.value.customSchemas(userId, settings.schemas)
      if (!schemas.ok) return failed(`unable to fetch user info from Google: ${schemas.error}`)
      const taken = Object.keys(schemas.value).find((name) => registered.has(name))
      if (taken !== undefined) return failed(`a custom schema is called ${taken}`)
      provided = { ...provided, ...schemas.value }
    }
    if (!wantsGroups) return ok(provided)
    const groups = await directory.value.groups(userId, settings)
    if (!groups.ok) return failed(`unable to fetch groups from Google: ${groups.error}`)
    return withGroups(role, provided, groups.value)
  }

  async #googleDirectory(
    settings: GsuiteSettings,
    credential: GoogleCredential,
  ): Promise<Result<GoogleDirectory, string>> {
    const { admin } = settings
    // A key is its own account; without one the named account signs.
    const principal = settings.serviceAccount === '' ? settings.principal : ''
    const identity = { credential, principal, admin }
    const nowSeconds = Math.floor(this.#context.clock.nowMs() / 1000)
    const token = await fetchGoogleToken(this.#door(), identity, directoryScopes, nowSeconds)
    return token.ok ? ok(new GoogleDirectory(this.#door(), token.value)) : token
  }

  /** jwt-oidc.md §5.4: the token's own list while it is surely whole, else Okta's. */
  async #okta(settings: OktaSettings, role: LookupRole, claims: JsonObject): Promise<Provided> {
    const claim = resolveReference(claims, parseReference(role.groups_claim))
    const listed = claim === undefined ? undefined : listOfValues(claim)
    if (!settings.fetchGroups || (listed !== undefined && listed.length < settings.groupsCap)) {
      // What is absent, or no list, is refused where groups are judged.
      if (listed === undefined || settings.filter === undefined) return ok(claims)
      return filtered(
        settings,
        role,
        claims,
        listed.filter((one) => typeof one === 'string'),
      )
    }
    const reference = settings.userIdClaim === '' ? role.user_claim : settings.userIdClaim
    const userId = resolveReference(claims, parseReference(reference))
    if (typeof userId !== 'string' || userId === '') {
      return failed(`claim ${JSON.stringify(reference.slice(0, 64))} holds no id of an Okta user`)
    }
    const { orgUrl, apiToken } = settings
    const groups = await fetchOktaGroups(this.#door(), orgUrl, userId, apiToken)
    if (!groups.ok) return failed(`unable to fetch groups from Okta: ${groups.error}`)
    return filtered(settings, role, claims, groups.value)
  }

  /** All calls of one login, so that they end together. */
  #door(): DirectoryCalls {
    const { outbound, clock } = this.#context
    const config = this.#config
    this.#calls ??= new DirectoryCalls({
      outbound,
      clock,
      caPem: config?.oidc_discovery_ca_pem ?? '',
      trust: {
        acceptedServerNames: config?.override_allowed_server_names ?? [],
        toleratedCriticalExtensions: config?.unsupported_critical_cert_extensions ?? [],
      },
    })
    return this.#calls
  }
}

/** A record stays the same object while its stored bytes do: its options are read once. */
const known = new WeakMap<JsonObject, Result<ProviderSettings, string>>()

function settingsOf(config: ProviderPart): Result<ProviderSettings, string> {
  const { provider_config, oidc_discovery_url } = config
  const settings = known.get(provider_config) ?? parseProvider(provider_config, oidc_discovery_url)
  known.set(provider_config, settings)
  return settings
}

/** jwt-oidc.md §5.5. */
function splitGroups(separator: string, role: LookupRole, claims: JsonObject): Provided {
  if (role.groups_claim === '') return ok(claims)
  const groups = resolveReference(claims, parseReference(role.groups_claim))
  return typeof groups === 'string' ? withGroups(role, claims, groups.split(separator)) : ok(claims)
}

/**
 * OpenID Connect Core §5.6.2. Undefined when the token does not say that its groups are elsewhere:
 * then they are missing.
 */
function distributedClaim(
  role: LookupRole,
  claims: JsonObject,
): Result<string | undefined, string> {
  const names = member(claims, '_claim_names')
  if (names === undefined) return ok(undefined)
  const source = isJsonObject(names) ? member(names, role.groups_claim) : undefined
  if (source === undefined) return err('_claim_names does not name them')
  const sources = member(claims, '_claim_sources')
  const found =
    typeof source === 'string' && isJsonObject(sources) ? member(sources, source) : undefined
  const endpoint = isJsonObject(found) ? member(found, 'endpoint') : undefined
  const url = typeof endpoint === 'string' ? graphEndpoint(endpoint) : undefined
  return url === undefined ? err('_claim_sources has no address for them') : ok(url)
}

function filtered(
  { filter }: OktaSettings,
  role: LookupRole,
  claims: JsonObject,
  groups: readonly string[],
): Provided {
  if (filter === undefined) return withGroups(role, claims, groups)
  const work = new MatchWork()
  const kept: string[] = []
  for (const group of groups) {
    if (!work.pay(priceOfExpression(filter, group))) {
      return failed('the groups are too many or too long for groups_filter')
    }
    if (expressionFinds(filter, group)) kept.push(group)
  }
  return withGroups(role, claims, kept)
}

function withGroups(role: LookupRole, claims: JsonObject, groups: readonly string[]): Provided {
  const changed = assignReference(claims, parseReference(role.groups_claim), groups)
  return changed === undefined ? failed('unable to set the groups in the claims') : ok(changed)
}

function uninitialized(problem: string): string {
  return `error initializing provider gsuite: ${problem}`
}

function failed(detail: string): Result<never, ProviderProblem> {
  return err({ reason: 'provider_failed', detail })
}

/** Read again for each login, so that a key that was replaced is used at once. */
async function readCredential({
  serviceAccount,
}: GsuiteSettings): Promise<Result<GoogleCredential, string>> {
  const { readText, environment } = systemClusterFiles
  const given =
    serviceAccount === '' ? (environment['GOOGLE_APPLICATION_CREDENTIALS'] ?? '') : serviceAccount
  if (given === '') return err('could not find default credentials')
  if (given.trimStart().startsWith('{')) return parseGoogleCredential(given)
  try {
    return parseGoogleCredential(await readText(given))
  } catch {
    return err('the file of the service account could not be read')
  }
}
