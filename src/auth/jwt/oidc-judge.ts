/**
 * From the provider's answer to a proven identity (jwt-oidc.md §4.3 steps 7 to 12): the same for
 * each mode.
 */

import type { Login } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import type { Refusal } from '../../framework/refusal.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { formPostRedirect, isRedirectAllowed } from '../../oidc/redirect-uri.ts'
import { isSourceAllowed } from '../../trust/source-address.ts'
import type { ConfigRecord } from './config.ts'
import { checkAnswerIssuer, errorRefusal } from './oidc-answer.ts'
import type { FinishInput } from './oidc-finish.ts'
import type { OidcServices } from './oidc-services.ts'
import type { OidcProvider } from './oidc-provider.ts'
import type { CallOutcome } from './provider-budget.ts'
import {
  failed,
  idTokenMissing,
  keptFailure,
  refusalOfKept,
  sourceRefused,
  tooManyCalls,
} from './oidc-refusals.ts'
import type { RoleRecord } from './role-record.ts'
import { signInLifeMs, type ProviderAnswer, type SignIn } from './sign-in.ts'

/** The exchange is refused a little before the sign-in is gone. */
const exchangeLifeMs = signInLifeMs - 1000

export interface Case {
  readonly config: ConfigRecord
  readonly record: RoleRecord
  readonly signIn: SignIn
  readonly answer: ProviderAnswer
  readonly request: Pick<
    BackendRequest<unknown>,
    'clientAddress' | 'nowMs' | 'requestId' | 'namespace'
  >
  readonly call: ProviderCall
}

/** The one call to the provider that a request may make for a code. */
export interface ProviderCall {
  /**
   * Taken from the budget. What was looked at before a transition may be another sign-in after it:
   * without this nobody is asked.
   */
  readonly isPaid: boolean
  /** Told afterwards: what came of it. */
  outcome: CallOutcome
}

export class OidcJudge {
  readonly #services: OidcServices

  constructor(services: OidcServices) {
    this.#services = services
  }

  async judge(one: Case): Promise<Result<Login, Refusal>> {
    const { config, record, answer, request } = one
    if (answer.result.kind === 'error') return err(errorRefusal(answer.result.error))
    if (!isSourceAllowed(this.#services.roles.compiled(record).source, request.clientAddress)) {
      return err(sourceRefused())
    }
    if (!mayStillComeBack(one)) {
      return err(
        failed('redirect_uri_refused', 'The role does not allow the redirect URI any more.'),
      )
    }
    const provider = await this.#services.providers.of(config)
    if (!provider.ok) return err(failed(provider.error.reason, provider.error.detail))
    const issuer = checkAnswerIssuer(answer, one.signIn, provider.value.metadata)
    if (issuer !== undefined) return err(issuer)
    return this.#prove(one, provider.value)
  }

  async #prove(one: Case, provider: OidcProvider): Promise<Result<Login, Refusal>> {
    const { record, signIn, answer, request } = one
    const { result } = answer
    const input = { provider, record, state: signIn, request }
    const isCodeFlow = signIn.responseType === 'code'
    switch (result.kind) {
      case 'id_token': {
        if (isCodeFlow) return err(tokenUnasked())
        const tokens = { idToken: result.idToken, accessToken: '', refreshToken: '' }
        return this.#services.finish.finish({ ...input, tokens, code: '' })
      }
      case 'code':
        return isCodeFlow ? this.#exchange(input, result.code, one.call) : err(codeUnasked())
      case 'refused':
        return err(refusalOfKept(result.failure))
      case 'error':
        return err(errorRefusal(result.error))
      case 'nothing':
        return err(codeMissing())
    }
  }

  async #exchange(
    input: Omit<FinishInput, 'tokens' | 'code'>,
    code: string,
    call: ProviderCall,
  ): Promise<Result<Login, Refusal>> {
    const { provider, state, request } = input
    if (!call.isPaid) return err(tooManyCalls())
    if (request.nowMs - state.startedAtMs > exchangeLifeMs) {
      return err(failed('state_unknown', 'The sign-in took too long.'))
    }
    const exchange = { code, redirectUri: state.redirectUri, verifier: state.verifier }
    call.outcome = 'in_vain'
    const tokens = await provider.client.exchangeCode(provider.metadata, exchange)
    if (tokens.ok) {
      call.outcome = 'answered'
      return this.#services.finish.finish({ ...input, tokens: tokens.value, code })
    }
    if (tokens.error.kind === 'no_id_token') {
      return err(idTokenMissing())
    }
    const cause = JSON.stringify(tokens.error.detail)
    return err(failed('code_exchange_failed', `Error exchanging oidc code: ${cause}.`))
  }

  /**
   * What may be kept of a posted answer until somebody spends it. A code is short. An ID token may
   * be long, and anybody can post one, also one of their own to a thousand sign-ins: it is kept
   * only when the provider has made it for this very one, and of any other only why it was refused.
   */
  async screen(one: Omit<Case, 'call'>): Promise<Result<ProviderAnswer, Refusal>> {
    const { answer, signIn, config } = one
    const { result } = answer
    if (result.kind === 'code' && signIn.responseType === 'id_token') return err(codeUnasked())
    if (result.kind !== 'id_token') return ok(answer)
    if (signIn.responseType === 'code') return err(tokenUnasked())
    const provider = await this.#services.providers.of(config)
    const isOwn =
      provider.ok &&
      (await this.#services.finish.isMadeFor(signIn.nonce, provider.value, result.idToken))
    if (isOwn) return ok(answer)
    const judged = await this.judge({ ...one, call: unpaidCall() })
    // A key that came meanwhile: then it is signed after all.
    if (judged.ok) return ok(answer)
    return ok({ ...answer, result: { kind: 'refused', failure: keptFailure(judged.error) } })
  }
}

/** The role as it is now decides where a sign-in may end, and not the one that began it. */
function mayStillComeBack({ record, signIn, request }: Case): boolean {
  const { redirectUri } = signIn
  const { allowed_redirect_uris: allowed } = record
  // A device has none.
  if (redirectUri === '') return true
  const posted = (allowed ?? []).map((uri) => formPostRedirect(uri, request.namespace))
  return isRedirectAllowed(redirectUri, [...(allowed ?? []), ...posted])
}

export function unpaidCall(): ProviderCall {
  return { isPaid: false, outcome: 'unasked' }
}

export function codeMissing(): Refusal {
  return failed('code_missing', 'No code or id_token received.')
}

function tokenUnasked(): Refusal {
  return failed('code_missing', 'The answer has an ID token where a code was asked for.')
}

function codeUnasked(): Refusal {
  return failed(
    'code_exchange_failed',
    'This sign-in asked for an ID token and has no code to exchange.',
  )
}
