/**
 * What is wrong with the mount, found by looking (explain.md §7): its provider's documents, keys,
 * clock and client, then each role. It writes nothing and mints nothing.
 * Every call leaves by the guarded outbound door, and how often is bounded, since whoever
 * may read this path may cause them.
 */

import type { BackendContext, KeptLogin } from '../../framework/backend.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { Refusal } from '../../framework/refusal.ts'
import { reply } from '../../framework/reply.ts'
import { algorithmOf } from '../../jose/algorithms.ts'
import { encodeJson, isJsonArray, member, type JsonObject, type JsonValue } from '../../lib/json.ts'
import { nearestName } from '../../lib/nearest-name.ts'
import { shellWord } from '../../lib/shell-word.ts'
import { validateKeySourceConfig, type KeySourceConfig } from '../../oidc/key-source-config.ts'
import { readProviderMetadata, type ProviderMetadata } from '../../oidc/provider-metadata.ts'
import { cliRedirectUri } from '../../oidc/redirect-uri.ts'
import {
  examineSource,
  type Finding,
  type SourceExamination,
} from '../../oidc/source-examination.ts'
import {
  configRecord,
  type ConfigRecord,
  type JwtConfigs,
  type MountKind,
  type TrustRecord,
} from './config.ts'
import { issuerOfConfig, issuerRecord, type IssuerRecord, type JwtIssuers } from './issuers.ts'
import { issuersOf, lintPolicies, lintRecord } from './lint.ts'
import type { OidcProviders } from './oidc-provider.ts'
import { shownProviderConfig } from './provider-settings.ts'
import { examineRole, namesIn, type RoleFacts, type SeenGroups } from './role-examination.ts'
import { roleRecord, type RoleRecord } from './role-record.ts'
import type { JwtRoles } from './role.ts'

const rolesMax = 1_000
const loginsMax = 1_000
const groupsMax = 1_000
const issuersMax = 20
/** A mount and minute, whoever asks. */
const runsMax = 6
const minuteMs = 60_000

interface Parts {
  readonly configs: JwtConfigs
  readonly issuers: JwtIssuers
  readonly roles: JwtRoles
  readonly providers: OidcProviders
}

interface Placed extends Finding {
  /** Path of what it is about. */
  readonly where: string
  readonly command?: string
}

interface Examined {
  readonly findings: readonly Placed[]
  readonly rolesJudged: number
  readonly truncated: boolean
}

export class JwtDoctor {
  readonly #context: BackendContext
  readonly #parts: Parts
  #startedMs: readonly number[] = []

  constructor(context: BackendContext, parts: Parts) {
    this.#context = context
    this.#parts = parts
  }

  /** Throws a 429 when the mount was examined too often. */
  async examine(): Promise<Examined> {
    this.#takeRun()
    const trust = await this.#parts.configs.loadTrust()
    const { config, routes } = trust
    if (config === undefined && routes.length === 0) {
      return { findings: [this.#unconfigured()], rolesJudged: 0, truncated: false }
    }
    const ofConfig = config === undefined ? undefined : await this.#examineConfig(config)
    const named = await this.#examineIssuers(trust)
    const roles = await this.#examineRoles(trust, ofConfig?.provider)
    return {
      findings: [...(ofConfig?.findings ?? []), ...named, ...roles.findings],
      rolesJudged: roles.count,
      truncated: roles.truncated || routes.length > issuersMax,
    }
  }

  #takeRun(): void {
    const nowMs = this.#context.clock.monotonicMs()
    const recent = this.#startedMs.filter((startedMs) => nowMs - startedMs < minuteMs)
    if (recent.length >= runsMax) {
      const seconds = Math.ceil(((recent[0] ?? nowMs) + minuteMs - nowMs) / 1000)
      throw new Refusal('rate_limited', {
        text: `a mount may be examined ${runsMax} times a minute; ask again in ${seconds} s`,
        headers: { 'Retry-After': String(seconds) },
      })
    }
    this.#startedMs = [...recent, nowMs]
  }

  get #place(): string {
    return `auth/${this.#context.mount().path.slice(0, -1)}`
  }

  #unconfigured(): Placed {
    const where = `${this.#place}/config`
    return {
      code: 'config_missing',
      level: 'fail',
      where,
      what: 'The mount has no configuration and no named issuer: it trusts nobody.',
      fix: 'Say whose tokens it takes.',
      command: commandOf(where, { oidc_discovery_url: 'https://ISSUER' }),
    }
  }

  // ---------------------------------------------------------------- the configuration

  async #examineConfig(
    config: ConfigRecord,
  ): Promise<{ readonly findings: readonly Placed[]; readonly provider: JsonObject | undefined }> {
    const { configs } = this.#parts
    const isOidc = configs.kind(config) === 'oidc'
    const named = config.jwt_supported_algs
    const examined = await this.#examineSource(config, {
      // jwt-oidc.md §3.4: an ID token is signed with RS256 unless the mount says otherwise.
      algorithms: named.length === 0 && isOidc ? new Set(['RS256']) : configs.algorithms(named),
      fields:
        config.jwks_url === ''
          ? { ca: 'oidc_discovery_ca_pem', address: 'oidc_discovery_url' }
          : { ca: 'jwks_ca_pem', address: 'jwks_url' },
    })
    const issuer = examined.document?.issuer
    const found = [
      ...examined.findings,
      ...boundIssuer(config, issuer),
      ...(await this.#defaultRole(config)),
      ...(isOidc ? await this.#client(config, examined) : []),
    ]
    const where = `${this.#place}/config`
    const shown = configOf(config)
    return {
      provider: examined.document?.members,
      findings: found.map((finding) => placed(where, finding, shown)),
    }
  }

  async #examineSource(
    config: KeySourceConfig,
    about: Pick<Parameters<typeof examineSource>[0], 'algorithms' | 'fields'>,
  ): Promise<SourceExamination> {
    const checked = validateKeySourceConfig(config)
    if (!checked.ok) {
      const fix = 'Write the configuration anew.'
      const finding: Finding = { code: 'config_refused', level: 'fail', what: checked.error, fix }
      return { findings: [finding], document: undefined }
    }
    const { settings } = checked.value
    if (settings.kind !== 'kubernetes') return examineSource({ settings, ...about }, this.#context)
    const revision = this.#context.random.uuid()
    const { problem } = await this.#parts.configs.sources.check('doctor', revision, config)
    if (problem === undefined) return { findings: [], document: undefined }
    const fix = 'See that the server runs in the cluster with a service account of its own.'
    const finding: Finding = { code: 'cluster_unreachable', level: 'fail', what: problem.text, fix }
    return { findings: [finding], document: undefined }
  }

  async #defaultRole({ default_role: name }: ConfigRecord): Promise<readonly Finding[]> {
    const { roles } = this.#parts
    if (name === '' || (await roles.load(name)) !== undefined) return []
    const near = nearestName(name, await roles.names({ limit: rolesMax }))
    return [
      {
        code: 'default_role_unknown',
        level: 'fail',
        what: `default_role names ${JSON.stringify(name)}, and there is no such role.`,
        fix:
          near === undefined
            ? 'Name a role that there is, or write it.'
            : `Did you mean ${JSON.stringify(near)}?`,
        change: { default_role: near ?? '' },
      },
    ]
  }

  // ---------------------------------------------------------------- the client at the provider

  async #client(
    config: ConfigRecord,
    { document, findings }: SourceExamination,
  ): Promise<readonly Finding[]> {
    if (document === undefined) return []
    const metadata = readProviderMetadata(document)
    const isKnown = findings.some(({ code }) => code === 'algorithms_disjoint')
    const found = [
      ...endpointFindings(metadata),
      ...authMethodFindings(config, metadata),
      ...(isKnown ? [] : idTokenAlgorithms(config, document.members)),
    ]
    // What is wrong with the documents would be told once more by the token endpoint.
    const isSound = ![...findings, ...found].some(({ level }) => level === 'fail')
    return isSound ? [...found, ...(await this.#credentials(config, metadata))] : found
  }

  /** A made-up code tells a wrong secret from a right one: who is asked comes before what. */
  async #credentials(
    config: ConfigRecord,
    metadata: ProviderMetadata,
  ): Promise<readonly Finding[]> {
    const provider = await this.#parts.providers.of(config)
    if (!provider.ok) return []
    const text = (): string => this.#context.random.bytes(32).toString('base64url')
    const answer = await provider.value.client.exchangeCode(metadata, {
      code: text(),
      redirectUri: cliRedirectUri,
      verifier: text(),
    })
    if (answer.ok) return []
    const { kind, code, status, detail } = answer.error
    if (kind === 'unreachable') {
      const fix = 'See that the token endpoint is reachable from the machine of this server.'
      return [{ code: 'token_endpoint_unreachable', level: 'fail', what: `${detail}.`, fix }]
    }
    // An answer without an OAuth error says something of the client by its status alone.
    if (kind === 'refused' && code === '' && status !== 401) {
      return [
        {
          code: 'client_unknown',
          level: 'warn',
          what: `Whether the provider takes the credentials of the client is not known: ${detail}.`,
          fix: 'See what the log of the provider says about this request with a made-up code.',
        },
      ]
    }
    const isRefused = code === 'invalid_client' || code === 'unauthorized_client' || code === ''
    if (kind !== 'refused' || !isRefused) {
      return [
        {
          code: 'client',
          level: 'ok',
          what: 'The provider takes the credentials of the client.',
          fix: '',
        },
      ]
    }
    return [
      {
        code: 'client_refused',
        level: 'fail',
        what: `The provider does not take the credentials of the client ${JSON.stringify(config.oidc_client_id)}: ${detail}.`,
        fix: 'Copy the client secret from the provider anew, and see that the client id is that of the same application.',
        change: {},
      },
    ]
  }

  // ---------------------------------------------------------------- named issuers and roles

  async #examineIssuers({ config, routes }: TrustRecord): Promise<readonly Placed[]> {
    const found = await Promise.all(
      routes.slice(0, issuersMax).map(async ({ name, issuer }) => {
        const record = await this.#parts.issuers.load(name)
        if (record === undefined) return []
        const where = `${this.#place}/issuers/${name}`
        const { findings } = await this.#examineSource(record, {
          algorithms: this.#parts.configs.algorithms(record.jwt_supported_algs),
          fields:
            record.jwks_url === ''
              ? { ca: 'oidc_discovery_ca_pem', address: 'oidc_discovery_url' }
              : { ca: 'jwks_ca_pem', address: 'jwks_url' },
        })
        const isShadowing = config !== undefined && issuerOfConfig(config) === issuer
        const shadow: readonly Finding[] = isShadowing
          ? [
              {
                code: 'issuer_twice',
                level: 'warn',
                what: `The configuration of the mount is for ${JSON.stringify(issuer)} too; tokens of it come to this named issuer alone.`,
                fix: 'Keep one of the two.',
              },
            ]
          : []
        return [...findings, ...shadow].map((one) => placed(where, one, issuerOf(record)))
      }),
    )
    return found.flat()
  }

  /** Groups of the last logins through that role, as far as their records have them. */
  async #groupsOf(
    { name, groups_claim }: RoleRecord,
    logins: readonly KeptLogin[],
  ): Promise<SeenGroups> {
    const seen = new Set<string>()
    for (const { role, claims = {} } of logins) {
      if (groups_claim === '' || role !== name) continue
      const value = member(claims, groups_claim)
      if (!isJsonArray(value)) continue
      for (const one of value) if (typeof one === 'string' && seen.size < groupsMax) seen.add(one)
    }
    const all = [...seen]
    const withoutAlias = all.length === 0 ? [] : await this.#context.unmappedGroups?.(all)
    return { seen: all, withoutAlias: withoutAlias ?? [] }
  }

  async #examineRoles(
    trust: TrustRecord,
    provider: JsonObject | undefined,
  ): Promise<{
    readonly findings: readonly Placed[]
    readonly count: number
    readonly truncated: boolean
  }> {
    const { configs, roles } = this.#parts
    const mount = this.#context.mount()
    const names = await roles.names({ limit: rolesMax + 1 })
    const kind: MountKind | undefined = trust.config && configs.kind(trust.config)
    const issuers = issuersOf(trust)
    const logins = (await this.#context.keptLogins?.(loginsMax)) ?? []
    const findings: Placed[] = []
    for (const name of names.slice(0, rolesMax)) {
      const record = await roles.load(name)
      if (record === undefined) continue
      const facts: RoleFacts = {
        mountPath: mount.path,
        config: trust.config,
        kind,
        issuers,
        provider,
        groups: await this.#groupsOf(record, logins),
        lints: [
          ...lintRecord(record, { issuers, ttlSeconds: mount.defaultLeaseTtlSeconds }),
          ...(await lintPolicies(record, this.#context.unknownPolicies)),
        ],
      }
      const where = `${this.#place}/role/${name}`
      findings.push(...examineRole(record, facts).map((one) => placed(where, one, kept(record))))
    }
    if (names.length === 0) {
      findings.push({
        code: 'role_none',
        level: 'fail',
        where: `${this.#place}/role`,
        what: 'The mount has no role, so that nobody can log in.',
        fix: 'Write one.',
        command: commandOf(`${this.#place}/role/NAME`, {
          role_type: kind === 'oidc' ? 'oidc' : 'jwt',
          user_claim: 'sub',
          ...(kind === 'oidc'
            ? { allowed_redirect_uris: cliRedirectUri }
            : { bound_audiences: 'AUDIENCE' }),
        }),
      })
    }
    return { findings, count: Math.min(names.length, rolesMax), truncated: names.length > rolesMax }
  }
}

function boundIssuer(config: ConfigRecord, issuer: string | undefined): readonly Finding[] {
  const bound = config.bound_issuer
  if (issuer === undefined || bound === '' || bound === issuer || config.oidc_client_id !== '') {
    return []
  }
  return [
    {
      code: 'bound_issuer_differs',
      level: 'fail',
      what: `bound_issuer is ${JSON.stringify(bound)}, and the provider signs as ${JSON.stringify(issuer)}.`,
      fix: 'Bind the issuer of the discovery document, or leave bound_issuer out: it is compared anyway.',
      change: { bound_issuer: issuer },
    },
  ]
}

function endpointFindings(metadata: ProviderMetadata): readonly Finding[] {
  const missing = [
    ...(metadata.authorizationEndpoint === undefined ? ['authorization_endpoint'] : []),
    ...(metadata.tokenEndpoint === undefined ? ['token_endpoint'] : []),
  ]
  return missing.map((name) => ({
    code: `${name}_missing`,
    level: 'fail' as const,
    what: `The discovery document has no ${name} that may be used.`,
    fix: 'Use the discovery URL of an OpenID provider that people sign in at: that of a CI system has none.',
  }))
}

function authMethodFindings(
  { oidc_client_auth_method: method }: ConfigRecord,
  { tokenEndpointAuthMethods: offered }: ProviderMetadata,
): readonly Finding[] {
  if (method === '' || offered === undefined || offered.includes(method)) return []
  const [first] = offered.filter((one) => /^client_secret_(?:basic|post)$/.test(one))
  const isSecret = method.startsWith('client_secret_')
  return [
    {
      code: 'client_auth_unsupported',
      level: 'fail',
      what: `The client proves itself by ${method}; the provider takes ${offered.join(', ').slice(0, 256)}.`,
      fix: 'Use one of those.',
      ...(isSecret && first !== undefined ? { change: { oidc_client_auth_method: first } } : {}),
    },
  ]
}

/** What the provider says it signs ID tokens with, whatever its keys could do. */
function idTokenAlgorithms(config: ConfigRecord, provider: JsonObject): readonly Finding[] {
  const offered = namesIn(provider, 'id_token_signing_alg_values_supported').flatMap(
    (name) => algorithmOf(name) ?? [],
  )
  const named = config.jwt_supported_algs.map((name) => algorithmOf(name))
  const allowed = named.length === 0 ? ['RS256'] : named
  if (offered.length === 0 || offered.some((one) => allowed.includes(one))) return []
  return [
    {
      code: 'id_token_algorithms',
      level: 'fail',
      what: `The provider signs ID tokens with ${offered.join(', ')}; the mount takes ${allowed.join(', ')}.`,
      fix: 'Allow one that the provider signs with.',
      change: { jwt_supported_algs: offered },
    },
  ]
}

// ---------------------------------------------------------------- commands

/** What a write has to repeat, since it replaces all; undefined where a secret is among it. */
function configOf(config: ConfigRecord): JsonObject | undefined {
  const { provider_config: provider } = config
  const isSecret = Object.keys(shownProviderConfig(provider)).length < Object.keys(provider).length
  if (isSecret || config.jwks_pairs.length > 0) return undefined
  const shown = changed(configRecord.shown(config), configRecord.shown(configRecord.defaults))
  // The shell puts it in: it is shown to nobody, and stands in no history.
  return config.oidc_client_secret === ''
    ? shown
    : { ...shown, oidc_client_secret: '$CLIENT_SECRET' }
}

function issuerOf(record: IssuerRecord): JsonObject {
  return changed(issuerRecord.shown(record), issuerRecord.shown(issuerRecord.defaults))
}

/** Fields of a role that a write puts back when it leaves them out. */
const resetting = Object.entries(roleRecord.table)
  .filter(([, { leftOut }]) => leftOut === 'reset')
  .map(([name]) => name)

function kept(role: RoleRecord): JsonObject {
  const shown = roleRecord.shown(role)
  const usual = roleRecord.shown({ ...roleRecord.defaults, role_type: 'oidc' })
  const own = Object.entries(changed(shown, usual))
  return {
    role_type: role.role_type,
    ...Object.fromEntries(own.filter(([name]) => resetting.includes(name))),
  }
}

function changed(shown: JsonObject, usual: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(shown).filter(
      ([name, value]) => encodeJson(value) !== encodeJson(member(usual, name)),
    ),
  )
}

function placed(where: string, finding: Finding, stands: JsonObject | undefined): Placed {
  const { change, ...rest } = finding
  if (change === undefined || stands === undefined) return { ...rest, where }
  return { ...rest, where, command: commandOf(where, { ...stands, ...change }) }
}

function commandOf(where: string, fields: JsonObject): string {
  const words = Object.entries(fields).map(([name, value]) =>
    value === '$CLIENT_SECRET' ? `${name}="$CLIENT_SECRET"` : shellWord(`${name}=${textOf(value)}`),
  )
  return ['tokenstile write', shellWord(where), ...words].join(' ')
}

function textOf(value: JsonValue): string {
  if (typeof value === 'string') return value
  const isPlainList = isJsonArray(value) && value.every((one) => typeof one === 'string')
  return isPlainList ? value.join(',') : encodeJson(value)
}

export function doctorPath(doctor: JwtDoctor): PathDeclaration {
  return definePath({
    pattern: 'doctor',
    access: 'token',
    summary: 'What is wrong with the mount, and the command that mends it.',
    fields: {},
    operations: {
      read: {
        summary: 'Examine provider, keys, clock, client and roles; nothing is changed.',
        handler: async () => {
          const { findings, rolesJudged, truncated } = await doctor.examine()
          return reply.data({
            healthy: !findings.some(({ level }) => level === 'fail'),
            findings: findings.map(({ code, level, where, what, fix, command }) => ({
              code,
              level,
              where,
              what,
              fix,
              command: command ?? null,
            })),
            roles_judged: rolesJudged,
            truncated,
          })
        },
      },
    },
  })
}
