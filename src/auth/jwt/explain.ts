/**
 * Why a login of this mount would be accepted or refused (explain.md §3): the lists of checks that
 * logins go through, to their end, with the same I/O around them and no token at the end.
 */

import type { BackendContext } from '../../framework/backend.ts'
import type {
  AllRoles,
  ExplainAsked,
  ExplainedLogin,
  LoginExplainer,
  RoleVerdict,
} from '../../framework/explain.ts'
import { parseCompactJwt } from '../../jose/compact-jwt.ts'
import { member } from '../../lib/json.ts'
import { after, type Soon } from '../../lib/soon.ts'
import { turn } from '../../lib/turns.ts'
import {
  explainJwtLogin,
  explainOidcLogin,
  judgeJwtLogin,
  refuseAfterwards,
  type Explanation,
  type JwtLoginInput,
  type Presented,
} from '../../trust/decide.ts'
import type { Voucher } from './facts.ts'
import { loginOf, type JwtLogin, type Prepared } from './login.ts'
import type { OidcFinish } from './oidc-finish.ts'
import type { OidcProviders } from './oidc-provider.ts'
import type { JwtRoles } from './role.ts'
import { settleExplained } from './settle.ts'

/** The verdict about the signature, for all roles. */
type Verified = () => ReturnType<JwtLogin['verify']>

/** Roles that are judged before others have their turn. */
const rolesOfTurn = 20

export class JwtExplainer implements LoginExplainer {
  readonly #context: BackendContext
  readonly #login: JwtLogin
  readonly #roles: JwtRoles
  readonly #providers: OidcProviders
  readonly #finish: OidcFinish

  constructor(
    context: BackendContext,
    parts: {
      readonly login: JwtLogin
      readonly roles: JwtRoles
      readonly providers: OidcProviders
      readonly finish: OidcFinish
    },
  ) {
    this.#context = context
    this.#login = parts.login
    this.#roles = parts.roles
    this.#providers = parts.providers
    this.#finish = parts.finish
  }

  async explain(asked: ExplainAsked): Promise<ExplainedLogin> {
    const prepared = await this.#prepare(asked)
    const kind = asked.kind ?? prepared.record?.role_type ?? 'jwt'
    return kind === 'oidc' ? this.#explainOidc(asked, prepared) : this.#explainJwt(asked, prepared)
  }

  async explainRoles(asked: Omit<ExplainAsked, 'role'>, rolesMax: number): Promise<AllRoles> {
    const names = await this.#roles.names({ limit: rolesMax + 1 })
    const roles: RoleVerdict[] = []
    // Token, configuration and signature are the same for all.
    const shared = await this.#prepare({ ...asked, role: '' })
    let verdict: ReturnType<Verified> | undefined
    const signature = () => (verdict ??= this.#login.verify(shared))
    for (const name of names.slice(0, rolesMax)) {
      if (roles.length % rolesOfTurn === rolesOfTurn - 1) await turn(this.#context.clock)
      const verdict = await this.#verdictOf({ ...asked, role: name }, shared, signature)
      roles.push({ role: name, ...verdict })
    }
    return { roles, truncated: names.length > rolesMax }
  }

  /** Of one among many: no words are put together. */
  async #verdictOf(
    asked: ExplainAsked,
    shared: Prepared,
    signature: Verified,
  ): Promise<Omit<RoleVerdict, 'role'>> {
    const record = await this.#roles.load(asked.role)
    if (record === undefined || (asked.kind ?? record.role_type) === 'oidc') {
      const { explanation, login } = await this.explain(asked)
      return { reason: explanation.failure?.reason, login }
    }
    const role = this.#roles.compiled(record)
    const prepared = {
      ...shared,
      record,
      input: { ...shared.input, requestedRole: asked.role, role },
    }
    const isToken = asked.presented.kind === 'jwt'
    const known = isToken ? { ...this.#login.answers(prepared), signature } : {}
    const judged = await settleExplained(prepared.input, judgeJwtLogin, known)
    const { failure, outcome } = judged.explanation
    if (failure !== undefined || outcome === undefined) return { reason: failure?.reason }
    const voucher = this.#login.voucherOf(prepared, judged.input)
    return { reason: undefined, login: loginOf({ outcome, record, note: {} }, voucher) }
  }

  roleNames(limit: number): Promise<readonly string[]> {
    return this.#roles.names({ limit })
  }

  #prepare({ role, presented, clientAddress, nowMs, requestId }: ExplainAsked): Soon<Prepared> {
    const asked = { role, clientAddress, nowMs, requestId }
    if (presented.kind === 'jwt') return this.#login.prepare({ ...asked, jwt: presented.jwt })
    const { claims } = presented
    return after(this.#login.prepare({ ...asked, jwt: '', claims }), (prepared) =>
      // No signature is asked about, which would bring it.
      after(this.#login.withDiscovered(prepared), (found) =>
        found.ok ? { ...prepared, input: { ...prepared.input, config: found.value } } : prepared,
      ),
    )
  }

  async #explainJwt(asked: ExplainAsked, prepared: Prepared): Promise<ExplainedLogin> {
    const isToken = asked.presented.kind === 'jwt'
    const answers = isToken ? this.#login.answers(prepared) : {}
    const full = { ...prepared.input, explainToCaller: 'full' as const }
    const { explanation, input } = await settleExplained(full, explainJwtLogin, answers)
    const named = issuerOf(input.token)
    return this.#explained(prepared, explanation, input, {
      issuer: prepared.issuer?.record.issuer ?? named,
      voucher: this.#login.voucherOf(prepared, input),
    })
  }

  async #explainOidc(asked: ExplainAsked, prepared: Prepared): Promise<ExplainedLogin> {
    const { config, record } = prepared
    // Without a role or a provider there is nothing an ID token could be held against: the list of
    // the other kind says which is missing.
    if (config === undefined || record === undefined) return this.#explainJwt(asked, prepared)
    const provider = await this.#providers.of(config)
    if (!provider.ok) {
      const { reason, detail } = provider.error
      const explained = await this.#explainJwt(asked, prepared)
      const after = { reason, text: detail }
      const explanation = refuseAfterwards(explained.explanation, after, 'full', asked.requestId)
      return { ...explained, explanation }
    }
    const { presented } = asked
    const isToken = presented.kind === 'jwt'
    const idToken: Presented = isToken
      ? parseCompactJwt(presented.jwt, provider.value.algorithms)
      : { claims: presented.claims }
    const facts = this.#finish.inputFor({
      provider: provider.value,
      record,
      idToken,
      // Nobody knows any more with which sign-in it came.
      nonce: undefined,
      maxAge: undefined,
      accessToken: '',
      code: '',
      request: asked,
    })
    const full = { ...facts, explainToCaller: 'full' as const }
    const { explanation, input } = await settleExplained(
      full,
      explainOidcLogin,
      isToken
        ? {
            signature: async (one) => ({
              signature: await this.#finish.verify(provider.value, one.idToken),
            }),
            // There is no access token to ask with.
            user_info: (_, claims) => ({ overlaid: claims }),
          }
        : { user_info: (_, claims) => ({ overlaid: claims }) },
    )
    return this.#explained(prepared, explanation, input, {
      issuer: provider.value.metadata.issuer,
      voucher: { flow: 'oidc', clientId: provider.value.config.oidc_client_id },
    })
  }

  #explained(
    { record, input: asked }: Prepared,
    explanation: Explanation,
    { signature }: Pick<JwtLoginInput, 'signature'>,
    { issuer, voucher }: { readonly issuer: string | undefined; readonly voucher: Voucher },
  ): ExplainedLogin {
    const { requestedRole, config } = asked
    const { outcome } = explanation
    return {
      role: requestedRole === '' ? config.default_role : requestedRole,
      roleVersion: record?.version ?? 0,
      issuer,
      keyId: signature?.ok === true ? signature.value.keyId : undefined,
      explanation,
      login:
        outcome === undefined || record === undefined
          ? undefined
          : loginOf({ outcome, record, note: {} }, voucher),
    }
  }
}

function issuerOf(token: JwtLoginInput['token']): string | undefined {
  if (token === undefined) return undefined
  const claims = 'claims' in token ? token.claims : token.ok ? token.value.claims : undefined
  const iss = claims === undefined ? undefined : member(claims, 'iss')
  return typeof iss === 'string' ? iss : undefined
}
