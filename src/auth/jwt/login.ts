/**
 * Login with a JWT: I/O around the pure decision of `trust/decide.ts` (jwt-oidc.md §3). Load,
 * decide what needs no key, verify, decide the rest, hand the outcome to the core, which makes the
 * token.
 */

import type { BackendContext, MountFacts } from '../../framework/backend.ts'
import type { Login, Reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import type { LoginNote } from '../../framework/login-log.ts'
import { bindingOf, policiesOfGroups } from '../../framework/identity-settings.ts'
import { originFacts } from '../../framework/policy-origins.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { grantedBy, loginRefusal } from '../../framework/role-login.ts'
import { allAlgorithms } from '../../jose/algorithms.ts'
import { parseCompactJwt } from '../../jose/compact-jwt.ts'
import type { JsonObject } from '../../lib/json.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { after, type Soon } from '../../lib/soon.ts'
import type { KeySource } from '../../oidc/key-source.ts'
import type { KeyRefusal } from '../../oidc/key-verdict.ts'
import { field, type Input } from '../../schema/field.ts'
import type { StoreView } from '../../storage/store.ts'
import {
  decideJwtLogin,
  decideSelectingLogin,
  type JwtLoginInput,
  type LoginConfig,
  type LoginOutcome,
  type Presented,
} from '../../trust/decide.ts'
import type { RoleSelection as Selection, SelectingLoginInput } from '../../trust/role-choice.ts'
import type { CompiledRole } from '../../trust/role-rules.ts'
import type { ConfigRecord, JwtConfigs, TrustRecord } from './config.ts'
import { keepFacts, type Voucher } from './facts.ts'
import { claimedIssuer, loginConfig, type JwtIssuers, type NamedIssuer } from './issuers.ts'
import { noteOf } from './login-note.ts'
import { ProviderLookups, type LoginLookups } from './providers.ts'
import { roleNameCharsMax, type RoleRecord } from './role-record.ts'
import type { JwtRoles } from './role.ts'
import { RoleSelection } from './role-selection.ts'
import { settle, type Answers, type Settled } from './settle.ts'
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

export type LoginRequest = BackendRequest<Input<typeof loginFields>>

/** What a login is asked with; a login that is only explained asks with the same. */
export interface JwtAsked {
  /** Empty for the mount's default role. */
  readonly role: string
  readonly jwt: string
  /** In place of a token: to be explained, and never to log in with. */
  readonly claims?: JsonObject
  readonly clientAddress: string | undefined
  readonly nowMs: number
  readonly requestId: string
  /** For look-ups at the provider; none came when it is absent or empty. */
  readonly accessToken?: string | undefined
}

/** What the request of a login asks. */
export function askedBy({ input, clientAddress, nowMs, requestId }: LoginRequest): JwtAsked {
  const { role = '', jwt = '', distributed_claim_access_token: accessToken } = input
  return { role, jwt, clientAddress, nowMs, requestId, accessToken }
}

/** A role as the checks see it, with its record where it is one of `role/`. */
export interface FoundRole {
  readonly compiled: CompiledRole
  readonly record?: RoleRecord
}

type FindRole = (name: string, view: StoreView) => Soon<FoundRole | undefined>

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

/** The token, unless there is none, and the named issuer that it claims to be from. */
interface Read {
  readonly token: Presented | undefined
  readonly issuer: NamedIssuer | undefined
}

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

  async login(request: LoginRequest): Promise<Reply> {
    // Each wait is a place where the logins of a turn have come equally far: they go on together.
    const prepared = await this.prepare(askedBy(request))
    const selection = prepared.config?.role_selection ?? 'explicit'
    if (prepared.input.requestedRole === '' && selection !== 'explicit') {
      return this.#select(prepared, selection)
    }
    const { record } = prepared
    const answers = this.answers(prepared)
    const { clock } = this.#context
    const settled = await settle(prepared.input, decideJwtLogin, { answers, clock })
    const { decision, input } = settled
    const note = this.note(prepared, settled)
    if (decision.kind === 'refused') throw loginRefusal(decision.failure, prepared.mount, note)
    if (record === undefined) throw new Error('a login was accepted without a role')
    const voucher = this.voucherOf(prepared, input)
    return { kind: 'login', login: loginOf({ outcome: decision.outcome, record, note }, voucher) }
  }

  /** What a decision about it may ask outside. */
  answers(prepared: Prepared): Answers<JwtLoginInput> {
    return {
      signature: () => this.verify(prepared),
      provider: async ({ role }, claims) => ({
        provided: role && (await prepared.lookups.provide(role.rules, claims)),
      }),
    }
  }

  /** The roles that accept the token are its roles (jwt-oidc.md §2.11). */
  async #select(prepared: Prepared, selection: Selection): Promise<Reply> {
    let records: readonly RoleRecord[] = []
    const asked: SelectingLoginInput = { ...prepared.input, chosen: undefined }
    const { clock } = this.#context
    const answers: Answers<SelectingLoginInput> = {
      signature: () => this.verify(prepared),
      roles: async (proven, claims) => {
        const found = await this.#selection.choose(claims, selection, ({ record, role }) => {
          const named = { ...proven, role, requestedRole: role.name }
          const one = { ...prepared, record, input: named }
          return settle<JwtLoginInput>(named, decideJwtLogin, { answers: this.answers(one), clock })
        })
        records = found.records
        return { chosen: found.chosen }
      },
    }
    const settled = await settle(asked, decideSelectingLogin, { answers, clock })
    const { decision, input } = settled
    const [first, ...others] = records
    const names = records.map(({ name }) => name).join(',')
    const note = {
      ...this.note(prepared, settled),
      ...(names === '' ? {} : { role: names }),
    }
    if (decision.kind === 'refused') throw loginRefusal(decision.failure, prepared.mount, note)
    if (first === undefined) throw new Error('a login was accepted without a role')
    const voucher = this.voucherOf(prepared, input)
    const { outcome } = decision
    const login =
      others.length === 0
        ? loginOf({ outcome, record: first, note }, voucher)
        : { ...unitedLogin(outcome, records, voucher, input.sourceAddress), note }
    return { kind: 'login', login }
  }

  /** Who vouches for the login: the issuer, and the key where the mount names its keys. */
  voucherOf({ config, issuer }: Prepared, { signature }: JwtLoginInput): Voucher {
    const isConfigured = this.#keySource(config, issuer)?.hasKey !== undefined
    const key = isConfigured && signature?.ok === true ? signature.value.thumbprint : undefined
    return { flow: 'jwt', issuer: issuer?.name, key }
  }

  note(
    { issuer, config: mountConfig }: Prepared,
    { decision, input, verifyMs, keysMs, decideMs }: Settled<JwtLoginInput>,
    programClaims?: readonly string[],
  ): LoginNote {
    const { requestedRole, config, role, token, signature } = input
    if (!this.#context.loginLog.isEnabled(decision.kind)) return { verifyMs, keysMs, decideMs }
    return noteOf({
      verifyMs,
      keysMs,
      decideMs,
      kind: 'jwt',
      roleName: role?.name ?? (requestedRole === '' ? config.default_role : requestedRole),
      role,
      decision,
      signature,
      claims: token !== undefined && 'ok' in token && token.ok ? token.value.claims : undefined,
      issuer: issuer?.record.issuer,
      recordClaims: mountConfig?.record_claims,
      programClaims,
    })
  }

  /** Everything the decision needs that can be had without the network. */
  prepare(
    asked: JwtAsked,
    findRole: FindRole = (name, view) => this.#findRole(name, view),
  ): Soon<Prepared> {
    const requestedRole = asked.role
    return this.#context.store.look((view) =>
      after(this.#configs.loadTrust(view), (trust) => {
        const name = requestedRole === '' ? (trust.config?.default_role ?? '') : requestedRole
        const found = name === '' ? undefined : findRole(name, view)
        return after(found, (role) =>
          after(this.#read(asked.claims ?? asked.jwt, trust, view), (read) =>
            this.#prepared(asked, trust, role, read),
          ),
        )
      }),
    )
  }

  #prepared(
    asked: JwtAsked,
    trust: TrustRecord,
    role: FoundRole | undefined,
    { issuer, token }: Read,
  ): Prepared {
    const { random } = this.#context
    const mount = this.#context.mount()
    const input: JwtLoginInput = {
      mountPath: mount.path,
      config: loginConfig(trust, issuer),
      requestedRole: asked.role,
      role: role?.compiled,
      compat: mount.compat,
      token,
      sourceAddress: asked.clientAddress,
      signature: undefined,
      nowSeconds: Math.floor(asked.nowMs / 1000),
      env: { nowMs: asked.nowMs, randomBytes: (count) => random.bytes(count) },
      explainToCaller: mount.explainToCaller,
      requestId: asked.requestId,
    }
    const { config } = trust
    const lookups = this.#lookups.forLogin(config, asked.accessToken ?? '')
    return { config, issuer, record: role?.record, mount, input, lookups }
  }

  #findRole(name: string, view: StoreView): Soon<FoundRole | undefined> {
    return after(this.#roles.load(name, view), (record) =>
      record === undefined ? undefined : { record, compiled: this.#roles.compiled(record) },
    )
  }

  /** What there is to judge: a token, or claims in place of one. */
  #read(presented: string | JsonObject, trust: TrustRecord, view: StoreView): Soon<Read> {
    if (typeof presented === 'string') return this.#readToken(presented, trust, view)
    const token = { claims: presented }
    if (trust.routes.length === 0) return { token, issuer: undefined }
    const found = this.#issuers.find(trust, claimedIssuer(presented), view)
    return after(found, (issuer) => ({ token, issuer }))
  }

  /**
   * Reads the token, and finds the named issuer it claims to be from, which says what algorithms it
   * may use.
   */
  #readToken(jwt: string, trust: TrustRecord, view: StoreView): Soon<Read> {
    const { config, routes } = trust
    if (jwt.trim() === '') return { token: undefined, issuer: undefined }
    const ownAlgorithms = this.#configs.algorithms(config?.jwt_supported_algs ?? [])
    // Only a mount with named issuers has more to look up.
    if (routes.length === 0) {
      return { token: parseCompactJwt(jwt, ownAlgorithms), issuer: undefined }
    }
    const token = parseCompactJwt(jwt, allAlgorithms)
    if (!token.ok) return { token, issuer: undefined }
    const found = this.#issuers.find(trust, claimedIssuer(token.value.claims), view)
    return after(found, (issuer) => {
      const allowed =
        issuer === undefined
          ? ownAlgorithms
          : this.#configs.algorithms(issuer.record.jwt_supported_algs)
      // Read again for the refusal that a narrower list gives.
      return {
        token: allowed.has(token.value.header.alg) ? token : parseCompactJwt(jwt, allowed),
        issuer,
      }
    })
  }

  /** The verdict about the signature, and the issuer that the key source belongs to. */
  verify({ config, issuer, input }: Prepared): Soon<Pick<JwtLoginInput, 'signature' | 'config'>> {
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
    const verdict = cached === 'needs_refresh' ? source.verify(token.value) : cached
    return after(verdict, (verified) => {
      if (!verified.ok) return { signature: verified, config: input.config }
      const { kid, thumbprint } = verified.value.key
      const signature = ok({ keyId: kid, thumbprint })
      return after(this.withDiscovered({ config, issuer, input }), (discovered) =>
        // Without knowing its issuer, the key source vouches for nobody.
        discovered.ok
          ? { signature, config: discovered.value }
          : { signature: discovered, config: input.config },
      )
    })
  }

  /** What the mount is configured with, and the issuer that its discovery document names. */
  withDiscovered({
    config,
    issuer,
    input,
  }: Pick<Prepared, 'config' | 'issuer' | 'input'>): Soon<Result<LoginConfig, KeyRefusal>> {
    const source = issuer === undefined ? this.#keySource(config, issuer) : undefined
    if (source?.kind !== 'discovery' && source?.kind !== 'kubernetes') return ok(input.config)
    return source
      .discoveredIssuer()
      .then((found) => (found.ok ? ok({ ...input.config, discovered_issuer: found.value }) : found))
  }

  /** Exactly one source: keys are never tried across issuers. */
  #keySource(config: Prepared['config'], issuer: Prepared['issuer']): KeySource | undefined {
    if (issuer !== undefined) return this.#configs.sources.of(issuer.name, issuer.record)
    return config === undefined ? undefined : this.#configs.keySource(config)
  }
}

interface Accepted {
  readonly outcome: LoginOutcome
  readonly record: RoleRecord
  readonly note: LoginNote
}

/** What the core makes a token from. */
export function loginOf({ outcome, record, note }: Accepted, voucher: Voucher): Login {
  const byGroup = policiesOfGroups(record, outcome.groups)
  const areTemplates = record.token_policies_template_claims
  return {
    alias: { name: outcome.aliasName, metadata: outcome.aliasMetadata },
    groups: outcome.groups,
    identity: bindingOf(record, voucher.flow),
    metadata: outcome.metadata,
    displayName: outcome.displayName,
    policies: [...outcome.tokenPolicies, ...byGroup.flatMap(([, given]) => given)],
    boundCidrs: outcome.boundCidrs,
    facts: {
      ...keepFacts(record, outcome.claims, voucher),
      ...originFacts({ areTemplates, groups: byGroup }),
    },
    note,
    ...grantedBy(record),
  }
}

export function loginPath(login: JwtLogin): PathDeclaration {
  return definePath({
    pattern: 'login',
    access: 'open',
    isLogin: true,
    summary: 'Trades a JWT for a token.',
    fields: loginFields,
    operations: {
      write: { summary: 'Log in with a JWT.', handler: (request) => login.login(request) },
    },
  })
}
