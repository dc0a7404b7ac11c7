/**
 * Login with a JWT: I/O around the pure decision of `trust/decide.ts` (JWT contract §3). Load, decide what needs no
 * key, verify, decide the rest, hand the outcome to the core, which makes the token.
 */

import type { BackendContext, BackendRequest, Login, Reply } from '../../framework/backend.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { Refusal } from '../../framework/refusal.ts'
import { parseCompactJwt } from '../../jose/compact-jwt.ts'
import { field, type Input } from '../../schema/field.ts'
import { decideJwtLogin, type Decision, type JwtLoginInput, type LoginOutcome } from '../../trust/decide.ts'
import type { ConfigRecord, JwtConfigs } from './config.ts'
import { keepFacts } from './facts.ts'
import { provideClaims } from './providers.ts'
import type { JwtRoles, RoleRecord } from './role.ts'

const loginFields = {
  role: field.lowerString({ help: "Role to log in with; the mount's default_role when absent." }),
  jwt: field.string({ help: 'The JWT, in its compact form.', secret: true, required: true }),
  distributed_claim_access_token: field.string({
    help: "Access token for the Azure provider's group lookup.",
    secret: true,
  }),
} as const

export class JwtLogin {
  readonly #context: BackendContext
  readonly #configs: JwtConfigs
  readonly #roles: JwtRoles

  constructor(context: BackendContext, configs: JwtConfigs, roles: JwtRoles) {
    this.#context = context
    this.#configs = configs
    this.#roles = roles
  }

  async login(request: BackendRequest<Input<typeof loginFields>>): Promise<Reply> {
    const { config, record, input } = await this.#prepare(request)
    let step = decideJwtLogin(input)
    let judged: JwtLoginInput = input
    if (step.kind === 'needs_signature' && config !== undefined) {
      judged = { ...judged, ...(await this.#verify(config, judged)) }
      step = decideJwtLogin(judged)
    }
    if (step.kind === 'needs_provider' && config !== undefined) {
      const provided = provideClaims(config.provider_config, record?.groups_claim ?? '', judged)
      judged = { ...judged, provided }
      step = decideJwtLogin(judged)
    }
    if (step.kind !== 'decided') throw new Error('a login decision asked twice for the same')
    const { decision } = step
    if (!decision.accepted || !decision.proven || decision.outcome === undefined || record === undefined) {
      throw refusalOf(decision)
    }
    return { kind: 'login', login: loginOf(decision.outcome, record) }
  }

  /** Everything the decision needs that can be had without the network. */
  async #prepare(request: BackendRequest<Input<typeof loginFields>>): Promise<{
    readonly config: ConfigRecord | undefined
    readonly record: RoleRecord | undefined
    readonly input: JwtLoginInput
  }> {
    const { store, random } = this.#context
    const mount = this.#context.mount()
    const requestedRole = request.input.role ?? ''
    const { config, record } = await store.view(async (view) => {
      const found = await this.#configs.load(view)
      const name = requestedRole === '' ? (found?.default_role ?? '') : requestedRole
      return {
        config: found,
        record: name === '' ? undefined : await this.#roles.load(name, view),
      }
    })
    const jwt = (request.input.jwt ?? '').trim()
    const token =
      jwt === '' || config === undefined
        ? undefined
        : parseCompactJwt(jwt, this.#configs.algorithms(config))
    const input: JwtLoginInput = {
      mountPath: mount.path,
      config: {
        configured: config !== undefined,
        bound_issuer: config?.bound_issuer ?? '',
        discovered_issuer: undefined,
        token_audiences: config?.token_audiences ?? [],
        default_role: config?.default_role ?? '',
        has_provider: config !== undefined && 'provider' in config.provider_config,
      },
      requestedRole,
      role: record === undefined ? undefined : this.#roles.compiled(record),
      compat: mount.compat,
      token,
      sourceAddress: request.clientAddress,
      signature: undefined,
      nowSeconds: Math.floor(request.nowMs / 1000),
      env: { nowMs: request.nowMs, randomBytes: (count) => random.bytes(count) },
      explainToCaller: mount.explainToCaller,
      evaluateAll: false,
      requestId: request.requestId,
    }
    return { config, record, input }
  }

  /** The verdict about the signature, and the issuer that the key source belongs to. */
  async #verify(
    config: ConfigRecord,
    input: JwtLoginInput,
  ): Promise<Pick<JwtLoginInput, 'signature' | 'config'>> {
    const { token } = input
    if (token === undefined || 'claims' in token || !token.ok) return { signature: undefined, config: input.config }
    const source = this.#configs.keySource(config)
    const cached = source.verifyCached(token.value)
    const verified = cached === 'needs_refresh' ? await source.verify(token.value) : cached
    const hasIssuer = source.kind === 'discovery' || source.kind === 'kubernetes'
    const issuer = verified.ok && hasIssuer ? await source.discoveredIssuer() : undefined
    return {
      signature: verified.ok
        ? { ok: true, value: { keyId: verified.value.key.kid, thumbprint: verified.value.key.thumbprint } }
        : { ok: false, error: verified.error },
      config: {
        ...input.config,
        discovered_issuer: issuer?.ok === true ? issuer.value : undefined,
      },
    }
  }
}

function refusalOf(decision: Decision): Refusal {
  if (decision.reason === 'source_address_refused') {
    return new Refusal('token_refused', { reason: decision.reason })
  }
  return new Refusal('login_refused', {
    text: decision.text,
    sentence: decision.sentence,
    reason: decision.sentence === undefined ? undefined : decision.reason,
    ...(decision.status === 200 ? {} : { status: decision.status }),
  })
}

function loginOf(outcome: LoginOutcome, record: RoleRecord): Login {
  return {
    alias: { name: outcome.aliasName, metadata: outcome.aliasMetadata },
    groups: outcome.groups,
    metadata: outcome.metadata,
    displayName: outcome.displayName,
    policies: outcome.tokenPolicies,
    noDefaultPolicy: record.token_no_default_policy,
    ttlSeconds: record.token_ttl,
    maxTtlSeconds: record.token_max_ttl,
    periodSeconds: record.token_period,
    explicitMaxTtlSeconds: record.token_explicit_max_ttl,
    numUses: record.token_num_uses,
    tokenType: record.token_type,
    boundCidrs: outcome.boundCidrs,
    renewable: true,
    role: { name: record.name, kind: 'native', version: record.version },
    facts: keepFacts(record, outcome.claims),
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

