/**
 * The end of every sign-in with OpenID Connect (jwt-oidc.md §4.9 to §4.11): what the
 * provider gave becomes a proven identity or a refusal. I/O around the pure decision of
 * `trust/decide-oidc.ts`.
 */

import type { BackendContext } from '../../framework/backend.ts'
import type { Login } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import type { LoginNote } from '../../framework/login-log.ts'
import type { Refusal } from '../../framework/refusal.ts'
import { parseCompactJwt } from '../../jose/compact-jwt.ts'
import { equalSecrets } from '../../lib/constant-time.ts'
import { encodeJson, member, type JsonObject } from '../../lib/json.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { after, type Soon } from '../../lib/soon.ts'
import type { ProviderTokens } from '../../oidc/oauth-client.ts'
import {
  decideOidcLogin,
  type OidcLoginInput,
  type Presented,
  type ProvenKey,
  type SignatureProblem,
} from '../../trust/decide.ts'
import { overlayUserInfo } from '../../trust/user-info.ts'
import { loginOf } from './login.ts'
import { noteOf } from './login-note.ts'
import { checkFailed } from './oidc-refusals.ts'
import type { OidcProvider } from './oidc-provider.ts'
import { ProviderLookups } from './providers.ts'
import type { RoleRecord } from './role-record.ts'
import type { JwtRoles } from './role.ts'
import { settle, type Answers, type Settled } from './settle.ts'
import type { SignIn } from './sign-in.ts'

export interface FinishInput {
  readonly provider: OidcProvider
  readonly record: RoleRecord
  readonly state: SignIn
  readonly tokens: ProviderTokens
  /** The code that was exchanged; empty when none was. */
  readonly code: string
  readonly request: Pick<BackendRequest<unknown>, 'clientAddress' | 'nowMs' | 'requestId'>
}

/** An ID token with what is known of the sign-in that it came with. */
export interface IdTokenCase {
  readonly provider: OidcProvider
  readonly record: RoleRecord
  readonly idToken: Presented
  readonly nonce: string | undefined
  readonly maxAge: OidcLoginInput['facts']['maxAge']
  readonly accessToken: string
  readonly code: string
  readonly request: Pick<BackendRequest<unknown>, 'clientAddress' | 'nowMs' | 'requestId'>
}

export class OidcFinish {
  readonly #context: BackendContext
  readonly #roles: JwtRoles
  readonly #lookups: ProviderLookups

  constructor(context: BackendContext, roles: JwtRoles) {
    this.#context = context
    this.#roles = roles
    this.#lookups = new ProviderLookups(context)
  }

  /** The proven identity; a refusal with its wire text otherwise. */
  async finish(input: FinishInput): Promise<Result<Login, Refusal>> {
    const { provider, record, tokens, request } = input
    const answers: Answers<OidcLoginInput> = {
      signature: ({ idToken }) =>
        after(this.verify(provider, idToken), (signature) => ({ signature })),
      user_info: async (_, claims) => {
        const overlaid = await this.#overlay(input, claims)
        this.#logClaims(record, overlaid, request.requestId)
        return { overlaid }
      },
      provider: async (_, claims) => ({
        provided: await this.#lookups
          .forLogin(provider.config, tokens.accessToken)
          .provide(record, claims),
      }),
    }
    const { clock } = this.#context
    const settled = await settle(this.#inputOf(input), decideOidcLogin, { answers, clock })
    const { decision } = settled
    const note = this.#note(settled, provider)
    if (decision.kind === 'refused') return err(checkFailed(decision.failure, note))
    const clientId = provider.config.oidc_client_id
    const login = loginOf({ outcome: decision.outcome, record, note }, { flow: 'oidc', clientId })
    const metadata = { ...login.metadata, ...providerTokens(record, tokens) }
    return ok({ ...login, metadata })
  }

  #note(
    { decision, input: judged, verifyMs, keysMs, decideMs }: Settled<OidcLoginInput>,
    { config }: OidcProvider,
  ): LoginNote {
    const times = { verifyMs, keysMs, decideMs }
    if (!this.#context.loginLog.isEnabled(decision.kind)) return times
    const { idToken, signature, facts } = judged
    return noteOf({
      ...times,
      kind: 'oidc',
      roleName: judged.role.name,
      role: judged.role,
      decision,
      signature,
      // With user info over them, where it was asked for: those are what the role looked at.
      claims: judged.overlaid ?? ('ok' in idToken && idToken.ok ? idToken.value.claims : undefined),
      issuer: facts.issuer,
      recordClaims: config.record_claims,
    })
  }

  /**
   * Whether the provider has made that token for the sign-in with this nonce, whatever else it
   * says.
   */
  async isMadeFor(nonce: string, provider: OidcProvider, idToken: string): Promise<boolean> {
    const token = parseCompactJwt(idToken, provider.algorithms)
    if (!token.ok) return false
    const named = member(token.value.claims, 'nonce')
    if (typeof named !== 'string' || !equalSecrets(named, nonce)) return false
    return (await this.verify(provider, token)).ok
  }

  #inputOf({ provider, record, state, tokens, code, request }: FinishInput): OidcLoginInput {
    return this.inputFor({
      provider,
      record,
      idToken: parseCompactJwt(tokens.idToken, provider.algorithms),
      nonce: state.mode === 'device' ? undefined : state.nonce,
      maxAge:
        state.maxAge > 0
          ? { seconds: state.maxAge, askedAtSeconds: Math.floor(state.startedAtMs / 1000) }
          : undefined,
      accessToken: tokens.accessToken,
      code,
      request,
    })
  }

  /** What an ID token is judged by, whichever sign-in it came with. */
  inputFor(one: IdTokenCase): OidcLoginInput {
    const { provider, record, idToken, nonce, maxAge, accessToken, code, request } = one
    const { config, metadata } = provider
    const mount = this.#context.mount()
    return {
      mountPath: mount.path,
      role: this.#roles.compiled(record),
      compat: mount.compat,
      sourceAddress: request.clientAddress,
      idToken,
      signature: undefined,
      facts: {
        issuer: metadata.issuer,
        clientId: config.oidc_client_id,
        nonce,
        maxAge,
        accessToken,
        code,
      },
      overlaid: undefined,
      config: { has_provider: 'provider' in config.provider_config },
      provided: undefined,
      nowSeconds: Math.floor(request.nowMs / 1000),
      env: { nowMs: request.nowMs, randomBytes: (count) => this.#context.random.bytes(count) },
      explainToCaller: mount.explainToCaller,
      requestId: request.requestId,
    }
  }

  verify({ keys }: OidcProvider, token: Presented): Soon<Result<ProvenKey, SignatureProblem>> {
    if (!('ok' in token) || !token.ok)
      throw new Error('a signature was asked for a token that cannot be read')
    const cached = keys.verifyCached(token.value)
    const verdict = cached === 'needs_refresh' ? keys.verify(token.value) : cached
    return after(verdict, (verified) => {
      if (!verified.ok) return verified
      const { kid, thumbprint } = verified.value.key
      return ok({ keyId: kid, thumbprint })
    })
  }

  /** jwt-oidc.md §4.11, 3: user info is a help; a failure is told to the log and to nobody else. */
  async #overlay(
    { provider, tokens, request }: FinishInput,
    claims: JsonObject,
  ): Promise<JsonObject> {
    if (tokens.accessToken === '') return claims
    const { userinfoEndpoint, issuer } = provider.metadata
    const fields = { mount: this.#context.mount().path, request_id: request.requestId }
    if (userinfoEndpoint === undefined) {
      this.#context.logger.log('info', 'the provider has no userinfo endpoint', fields)
      return claims
    }
    const info = await this.#userInfo(provider, userinfoEndpoint, tokens.accessToken)
    const overlaid = info.ok ? overlayUserInfo(claims, info.value, issuer) : info
    if (overlaid.ok) return overlaid.value
    const { detail } = overlaid.error
    this.#context.logger.log('warn', 'user info was not used', { ...fields, detail })
    return claims
  }

  async #userInfo(
    provider: OidcProvider,
    endpoint: string,
    accessToken: string,
  ): Promise<Result<JsonObject, { readonly detail: string }>> {
    const info = await provider.client.userInfo(endpoint, accessToken)
    if (!info.ok) return info
    if (info.value.kind === 'claims') return ok(info.value.claims)
    const token = parseCompactJwt(info.value.text, provider.algorithms)
    if (!token.ok) return token
    const proven = await this.verify(provider, token)
    return proven.ok ? ok(token.value.claims) : proven
  }

  #logClaims(record: RoleRecord, claims: JsonObject, requestId: string): void {
    const { logger } = this.#context
    if (!record.verbose_oidc_logging || !logger.isEnabled('debug')) return
    logger.log('debug', 'claims of a sign-in', {
      mount: this.#context.mount().path,
      role: record.name,
      request_id: requestId,
      claims: encodeJson(claims),
    })
  }
}

/** jwt-oidc.md §4.11, 4: into the token's metadata and never into the alias. */
function providerTokens(record: RoleRecord, tokens: ProviderTokens): Record<string, string> {
  const values: Readonly<Record<string, string>> = {
    id_token: tokens.idToken,
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
  }
  const names = record.oauth2_metadata ?? []
  return Object.fromEntries(names.map((name) => [`oauth2_${name}`, values[name] ?? '']))
}
