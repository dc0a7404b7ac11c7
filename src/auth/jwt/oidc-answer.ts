/**
 * What a browser brings back from the provider, read once into one object (RFC 6749 §4.1.2,
 * jwt-oidc.md §4.3, §4.4). Pure.
 */

import { equalSecrets } from '../../lib/constant-time.ts'
import { mountOfRedirect } from '../../oidc/redirect-uri.ts'
import type { ProviderMetadata } from '../../oidc/provider-metadata.ts'
import type { Refusal } from '../../framework/refusal.ts'
import { failed, stateGone, stateLeftOut } from './oidc-refusals.ts'
import type { ProviderAnswer, SignIn } from './sign-in.ts'

/** The parameters as they came; empty or undefined when there was none. */
export interface AnswerParameters {
  readonly code?: string | undefined
  readonly id_token?: string | undefined
  readonly error?: string | undefined
  readonly iss?: string | undefined
}

/**
 * An error is the whole answer, whatever stands beside it. An ID token comes by a form only (OAuth
 * 2.0 Form Post Response Mode).
 */
export function readAnswer(
  origin: ProviderAnswer['origin'],
  parameters: AnswerParameters,
): ProviderAnswer {
  const { code = '', error = '', iss = '' } = parameters
  const idToken = origin === 'posted' ? (parameters.id_token ?? '') : ''
  return { origin, iss, result: resultOf({ code, error, idToken }) }
}

function resultOf({
  code,
  error,
  idToken,
}: Readonly<Record<'code' | 'error' | 'idToken', string>>): ProviderAnswer['result'] {
  if (error.trim() !== '') return { kind: 'error', error: error.trim().toLowerCase() }
  if (idToken !== '') return { kind: 'id_token', idToken }
  return code === '' ? { kind: 'nothing' } : { kind: 'code', code }
}

/**
 * RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6: what is not of the standards could say
 * anything to whoever reads the page.
 */
const knownErrors = new Set([
  'invalid_request',
  'unauthorized_client',
  'access_denied',
  'unsupported_response_type',
  'invalid_scope',
  'server_error',
  'temporarily_unavailable',
  'interaction_required',
  'login_required',
  'account_selection_required',
  'consent_required',
  'invalid_request_uri',
  'invalid_request_object',
  'request_not_supported',
  'request_uri_not_supported',
  'registration_not_supported',
])

export function errorRefusal(error: string): Refusal {
  if (!knownErrors.has(error)) {
    return failed('idp_error', 'The identity provider reported an error.')
  }
  return failed(error === 'access_denied' ? 'idp_denied' : 'idp_error', `OAuth error: ${error}`)
}

/** Of an answer that names no sign-in. */
export function statelessRefusal({ error = '' }: AnswerParameters): Refusal {
  const known = error.trim().toLowerCase()
  return knownErrors.has(known) ? stateLeftOut(known) : stateGone()
}

/** RFC 9207 §2.4: the answer comes from the provider that was asked. */
export function checkAnswerIssuer(
  answer: ProviderAnswer,
  signIn: SignIn,
  { issuer, sendsIssuer }: ProviderMetadata,
): Refusal | undefined {
  if (answer.iss === '') {
    // RFC 9207 §2.4: where an ID token was asked for, it names the issuer itself.
    if (signIn.responseType === 'id_token' || !sendsIssuer) return undefined
    if (!isReceivedHere(answer, signIn)) return undefined
    return failed(
      'issuer_missing',
      'The answer of the identity provider lacks the iss parameter that it announces.',
    )
  }
  if (equalSecrets(answer.iss, issuer)) return undefined
  return failed(
    'issuer_mismatch',
    'The iss parameter of the answer names another identity provider.',
  )
}

/**
 * The browser came to this server and not to a client, which may not know the parameter
 * (jwt-oidc.md §4.9).
 */
function isReceivedHere({ origin }: ProviderAnswer, signIn: SignIn): boolean {
  if (signIn.mode === 'direct' || signIn.begunBy === 'pages') return true
  return origin === 'posted' && mountOfRedirect(signIn.redirectUri) !== undefined
}
