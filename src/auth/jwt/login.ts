/**
 * Login with a JWT: I/O around the pure decision of `trust/decide.ts` (jwt-oidc.md §3). Load,
 * decide what needs no key, verify, decide the rest, hand the outcome to the core, which makes the
 * token.
 */

import type { BackendContext, MountFacts } from '../../framework/backend.ts'
import type { Login, Reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import type { LoginNote } from '../../framework/login-log.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { grantedBy, loginRefusal } from '../../framework/role-login.ts'
import { parseCompactJwt } from '../../jose/compact-jwt.ts'
import { err, ok } from '../../lib/result.ts'
import type { KeySource } from '../../oidc/key-source.ts'
import { field, type Input } from '../../schema/field.ts'
import type { StoreView } from '../../storage/store.ts'
import {
  decideJwtLogin,
  decideSelectingLogin,
  type Decision,
  type JwtLoginInput,
  type LoginOutcome,
} from '../../trust/decide.ts'
import type { RoleSelection as Selection, SelectingLoginInput } from '../../trust/role-choice.ts'
import type { CompiledRole } from '../../trust/role-rules.ts'
import { allAlgorithms, type ConfigRecord, type JwtConfigs, type TrustRecord } from './config.ts'
import { keepFacts, type Voucher } from './facts.ts'
import { claimedIssuer, loginConfig, type JwtIssuers, type NamedIssuer } from './issuers.ts'
import { noteOf } from './login-note.ts'
import { ProviderLookups, type LoginLookups } from './providers.ts'
import { roleNameCharsMax, type RoleRecord } from './role-record.ts'
import type { JwtRoles } from './role.ts'
import { RoleSelection } from './role-selection.ts'
import { settle, type Settled } from './settle.ts'
import { unitedLogin } from './united-roles.ts'

/** Above what a JWT may have, so that a longer one is refused for that very reason. */
const jwtFieldCharsMax = 524_288

export const loginFields = {
  role: field.lowerString({
    help: "Role to log in with; the mount's default_role when absent.",
    charsMax: roleNameCharsMax,
  }),
  jwt: field.string({
    help: 'The JWT, in its compact form.',
    secret: true,
    required: true,
    charsMax: jwtFieldCharsMax,
  }),
  distributed_claim_access_token: field.string({
    help: "Access token for the Azure provider's group lookup.",
    secret: true,
    charsMax: 16_384,
  }),
} as const

export type LoginInput = Input<typeof loginFields>

/**
 * What of the mount judges one token: a named issuer, or the classic configuration, or nothing that
 * fits.
 */
export interface Prepared {
  readonly config: ConfigRecord | undefined
  readonly issuer: NamedIssuer | undefined
  readonly record: RoleRecord | undefined
  readonly mount: MountFacts
  readonly input: JwtLoginInput
  readonly lookups: LoginLookups
}

/** A role as the checks see it, with its record where it is one of `role/`. */
export interface FoundRole {
  readonly compiled: CompiledRole
  readonly record?: RoleRecord
}

type FindRole = (name: string, view: StoreView) => Promise<FoundRole | undefined>

type ReadToken = ReturnType<typeof parseCompactJwt>

export class JwtLogin {
  readonly #context: BackendContext
  readonly #configs: JwtConfigs
  readonly #issuers: JwtIssuers
  readonly #roles: JwtRoles
  readonly #selection: RoleSelection
  readonly #lookups: ProviderLookups

  constructor(
    context: BackendContext,
    parts: {
      readonly configs: JwtConfigs
      readonly issuers: JwtIssuers
      readonly roles: JwtRoles
    },
  ) {
    this.#context = context
    this.#configs = parts.configs
    this.#issuers = parts.issuers
    this.#roles = parts.roles
    this.#selection = new RoleSelection(context, parts.roles)
    this.#lookups = new ProviderLookups(context)
  }

  async login(request: BackendRequest<LoginInput>): Promise<Reply> {
    const prepared = await this.prepare(request, (name, view) => this.#findRole(name, view))
    const selection = prepared.config?.role_selection ?? 'explicit'
    if (prepared.input.requestedRole === '' && selection !== 'explicit') {
      return this.#select(prepared, selection)
    }
    const { record } = prepared
    const { decision, input } = await this.#judge(prepared)
    const note = this.note(prepared, decision, input)
    if (decision.kind === 'refused') throw loginRefusal(decision.failure, prepared.mount, note)
    if (record === undefined) throw new Error('a login was accepted without a role')
    const voucher = this.voucherOf(prepared, input)
    return { kind: 'login', login: { ...loginOf(decision.outcome, record, voucher), note } }
  }

  #judge(prepared: Prepared): Promise<Settled<JwtLoginInput>> {
    return settle(prepared.input, decideJwtLogin, {
      signature: () => this.verify(prepared),
      provider: async ({ role }, claims) => ({
        provided: role && (await prepared.lookups.provide(role.rules, claims)),
      }),
    })
  }

  /** The roles that accept the token are its roles (jwt-oidc.md §2.11). */
  async #select(prepared: Prepared, selection: Selection): Promise<Reply> {
    let records: readonly RoleRecord[] = []
    const asked: SelectingLoginInput = { ...prepared.input, chosen: undefined }
    const { decision, input } = await settle(asked, decideSelectingLogin, {
      signature: () => this.verify(prepared),
      roles: async (proven, claims) => {
        const found = await this.#selection.choose(claims, selection, ({ record, role }) =>
          this.#judge({
            ...prepared,
            record,
            input: { ...proven, role, requestedRole: role.name },
          }),
        )
        records = found.records
        return { chosen: found.chosen }
      },
    })
    const [first, ...others] = records
    const names = records.map(({ name }) => name).join(',')
    const note = {
      ...this.note(prepared, decision, input),
      ...(names === '' ? {} : { role: names }),
    }
    if (decision.kind === 'refused') throw loginRefusal(decision.failure, prepared.mount, note)
    if (first === undefined) throw new Error('a login was accepted without a role')
    const voucher = this.voucherOf(prepared, input)
    const login =
      others.length === 0
        ? loginOf(decision.outcome, first, voucher)
        : unitedLogin(decision.outcome, records, voucher, input.sourceAddress)
    return { kind: 'login', login: { ...login, note } }
  }

  voucherOf({ config, issuer }: Prepared, { signature }: JwtLoginInput): Voucher {
    const isConfigured = this.#keySource(config, issuer)?.hasKey !== undefined
    const key = isConfigured && signature?.ok === true ? signature.value.thumbprint : undefined
    return { flow: 'jwt', issuer: issuer?.name, key }
  }

  note(
    { issuer }: Prepared,
    decision: Decision,
    { requestedRole, config, role, token, signature }: JwtLoginInput,
  ): LoginNote {
    if (!this.#context.loginLog.isEnabled(decision.kind)) return {}
    return noteOf({
      roleName: role?.name ?? (requestedRole === '' ? config.default_role : requestedRole),
      role,
      decision,
      signature,
      claims: token !== undefined && 'ok' in token && token.ok ? token.value.claims : undefined,
      issuer: issuer?.record.issuer,
    })
  }

  async #findRole(name: string, view: StoreView): Promise<FoundRole | undefined> {
    const record = await this.#roles.load(name, view)
    return record === undefined ? undefined : { record, compiled: this.#roles.compiled(record) }
  }

  /** Everything the decision needs that can be had without the network. */
  async prepare(request: BackendRequest<LoginInput>, findRole: FindRole): Promise<Prepared> {
    const { store, random } = this.#context
    const mount = this.#context.mount()
    const requestedRole = request.input.role ?? ''
    const jwt = (request.input.jwt ?? '').trim()
    const { trust, role, read } = await store.view(async (view) => {
      const found = await this.#configs.loadTrust(view)
      const name = requestedRole === '' ? (found.config?.default_role ?? '') : requestedRole
      return {
        trust: found,
        role: name === '' ? undefined : await findRole(name, view),
        // Only a mount with named issuers has more to look up.
        read: found.routes.length === 0 ? undefined : await this.#readToken(jwt, found, view),
      }
    })
    const { config } = trust
    const { issuer, token } = read ?? this.#readOwnToken(jwt, config)
    const input: JwtLoginInput = {
      mountPath: mount.path,
      config: loginConfig(trust, issuer),
      requestedRole,
      role: role?.compiled,
      compat: mount.compat,
      token,
      sourceAddress: request.clientAddress,
      signature: undefined,
      nowSeconds: Math.floor(request.nowMs / 1000),
      env: { nowMs: request.nowMs, randomBytes: (count) => random.bytes(count) },
      explainToCaller: mount.explainToCaller,
      requestId: request.requestId,
    }
    const accessToken = request.input.distributed_claim_access_token ?? ''
    const lookups = this.#lookups.forLogin(config, accessToken)
    return { config, issuer, record: role?.record, mount, input, lookups }
  }

  #readOwnToken(
    jwt: string,
    config: ConfigRecord | undefined,
  ): Pick<Prepared, 'issuer'> & { readonly token: ReadToken | undefined } {
    const algorithms = this.#configs.algorithms(config?.jwt_supported_algs ?? [])
    return { token: jwt === '' ? undefined : parseCompactJwt(jwt, algorithms), issuer: undefined }
  }

  /**
   * Reads the token, and finds the named issuer it claims to be from, which says what algorithms it
   * may use.
   */
  async #readToken(
    jwt: string,
    trust: TrustRecord,
    view: StoreView,
  ): Promise<Pick<Prepared, 'issuer'> & { readonly token: ReadToken | undefined }> {
    const { config } = trust
    if (jwt === '') return { token: undefined, issuer: undefined }
    const ownAlgorithms = this.#configs.algorithms(config?.jwt_supported_algs ?? [])
    const token = parseCompactJwt(jwt, allAlgorithms)
    if (!token.ok) return { token, issuer: undefined }
    const issuer = await this.#issuers.find(trust, claimedIssuer(token.value.claims), view)
    const allowed =
      issuer === undefined
        ? ownAlgorithms
        : this.#configs.algorithms(issuer.record.jwt_supported_algs)
    // Read again for the refusal that a narrower list gives.
    return {
      token: allowed.has(token.value.header.alg) ? token : parseCompactJwt(jwt, allowed),
      issuer,
    }
  }

  /** The verdict about the signature, and the issuer that the key source belongs to. */
  async verify({
    config,
    issuer,
    input,
  }: Prepared): Promise<Pick<JwtLoginInput, 'signature' | 'config'>> {
    const { token } = input
    if (token === undefined || 'claims' in token || !token.ok)
      return { signature: undefined, config: input.config }
    const source = this.#keySource(config, issuer)
    if (source === undefined) {
      const reason =
        claimedIssuer(token.value.claims) === undefined ? 'issuer_missing' : 'issuer_unknown'
      const detail = 'the mount trusts named issuers, and the token is from none of them'
      return { signature: err({ reason, detail }), config: input.config }
    }
    const cached = source.verifyCached(token.value)
    const verified = cached === 'needs_refresh' ? await source.verify(token.value) : cached
    if (!verified.ok) return { signature: verified, config: input.config }
    const { kid, thumbprint } = verified.value.key
    const signature = ok({ keyId: kid, thumbprint })
    const hasIssuer = source.kind === 'discovery' || source.kind === 'kubernetes'
    if (issuer !== undefined || !hasIssuer) return { signature, config: input.config }
    const discovered = await source.discoveredIssuer()
    // Without knowing its issuer, the key source vouches for nobody.
    if (!discovered.ok) return { signature: discovered, config: input.config }
    return { signature, config: { ...input.config, discovered_issuer: discovered.value } }
  }

  /** Exactly one source: keys are never tried across issuers. */
  #keySource(config: Prepared['config'], issuer: Prepared['issuer']): KeySource | undefined {
    if (issuer !== undefined) return this.#configs.sources.of(issuer.name, issuer.record)
    return config === undefined ? undefined : this.#configs.keySource(config)
  }
}

/** What the core makes a token from. */
export function loginOf(outcome: LoginOutcome, record: RoleRecord, voucher: Voucher): Login {
  return {
    ...grantedBy(record),
    alias: { name: outcome.aliasName, metadata: outcome.aliasMetadata },
    groups: outcome.groups,
    metadata: outcome.metadata,
    displayName: outcome.displayName,
    policies: outcome.tokenPolicies,
    boundCidrs: outcome.boundCidrs,
    facts: keepFacts(record, outcome.claims, voucher),
  }
}

export function loginPath(login: JwtLogin): PathDeclaration {
  return definePath({
    pattern: 'login',
    access: 'open',
    summary: 'Trades a JWT for a token.',
    fields: loginFields,
    operations: {
      write: { summary: 'Log in with a JWT.', handler: (request) => login.login(request) },
    },
  })
}
