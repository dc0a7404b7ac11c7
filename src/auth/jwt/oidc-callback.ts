/** The way back from the provider: GET and POST `oidc/callback` (contract jwt-oidc.md §4.3, §4.4, §4.7). */

import type { BackendContext, BackendRequest, Login, Reply } from '../../framework/backend.ts'
import { Refusal } from '../../framework/refusal.ts'
import { confirmationCode } from '../../lib/confirmation-code.ts'
import { equalSecrets } from '../../lib/constant-time.ts'
import { err, type Result } from '../../lib/result.ts'
import { bareState, mountOfRedirect } from '../../oidc/redirect-uri.ts'
import { field, type Input } from '../../schema/field.ts'
import { reasons } from '../../trust/reasons.ts'
import { isSourceAllowed } from '../../trust/source-address.ts'
import {
  confirmationPage,
  donePage,
  errorPage,
  handOverPage,
  type Page,
} from '../../ui/flow-pages.ts'
import type { ConfigRecord } from './config.ts'
import type { OidcParts } from './oidc-parts.ts'
import type { OidcProvider } from './oidc-provider.ts'
import {
  failed,
  loginFailed,
  refused,
  sourceRefused,
  stateGone,
  toldBy,
  tokenRefused,
} from './oidc-refusals.ts'
import type { RoleRecord } from './role-record.ts'
import { signInLifeMs, type SignInState } from './sign-in-states.ts'

export const callbackFields = {
  state: field.string({ help: 'The state of the sign-in.' }),
  code: field.string({ help: 'The authorization code.', secret: true }),
  id_token: field.string({ help: 'The ID token of a form post.', secret: true }),
  client_nonce: field.string({ help: 'The secret the sign-in was started with.', secret: true }),
  iss: field.string({ help: 'Issuer of the answer (RFC 9207).' }),
  error: field.string({ help: 'What the provider refuses with.' }),
  error_description: field.string({ help: 'Logged only.' }),
  error_uri: field.string({ help: 'Logged only.' }),
  confirmation: field.string({ help: 'Direct mode: the person said yes.' }),
} as const

type CallbackRequest = BackendRequest<Input<typeof callbackFields>>

/** RFC 6749 §4.1.2.1. */
const knownErrors = new Set([
  'invalid_request',
  'unauthorized_client',
  'access_denied',
  'unsupported_response_type',
  'invalid_scope',
  'server_error',
  'temporarily_unavailable',
])

const notFinishedElsewhere = 'no_code'
/** The exchange is refused a little before the state is gone. */
const exchangeLifeMs = signInLifeMs - 1000

/** What the browser brought back, wherever it went through. */
interface ProviderAnswer {
  readonly code: string
  readonly idToken: string
  readonly error: string
  readonly errorDescription: string
  readonly errorUri: string
  readonly iss: string
}

interface Loaded {
  readonly config: ConfigRecord
  readonly state: SignInState
  readonly record: RoleRecord
}

export class OidcCallback {
  readonly #context: BackendContext
  readonly #parts: OidcParts

  constructor(context: BackendContext, parts: OidcParts) {
    this.#context = context
    this.#parts = parts
  }

  // ---------------------------------------------------------------- GET

  async get(request: CallbackRequest): Promise<Reply> {
    const config = await this.#requireConfig()
    const state = bareState(request.input.state ?? '')
    const found = await this.#parts.states.load(state)
    if (found === undefined || found.phase !== 'open' || found.mode === 'device') {
      throw stateGone()
    }
    return found.mode === 'client'
      ? this.#finishClient(request, config, state)
      : this.#finishDirect(request, config, state, found)
  }

  /** The state is gone after this, however it ends (contract §4.2). */
  async #finishClient(
    request: CallbackRequest,
    config: ConfigRecord,
    name: string,
  ): Promise<Reply> {
    const state = await this.#parts.states.take(name, ({ phase }) => phase === 'open')
    if (state === undefined) throw stateGone('state_used')
    const loaded = { config, state, record: await this.#requireRole(state) }
    const answer = answerOf(request.input, state)
    this.#requireNoError(request, answer)
    requireClientNonce(request.input.client_nonce ?? '', state)
    const result = await this.#judge(request, loaded, answer)
    if (!result.ok) throw result.error
    return { kind: 'login', login: result.value }
  }

  async #finishDirect(
    request: CallbackRequest,
    config: ConfigRecord,
    name: string,
    found: SignInState,
  ): Promise<Reply> {
    const record = await this.#requireRole(found)
    const isConfirmed =
      record.oidc_disable_confirmation || (request.input.confirmation ?? '') !== ''
    if (!isConfirmed) return this.#confirmation(request, name, found)
    // Of many callbacks with one state, one goes on.
    const state = await this.#parts.states.change(name, (one) =>
      one.phase === 'open' ? { ...one, phase: 'exchanging' } : undefined,
    )
    if (state === undefined) throw stateGone('state_used')
    const result = await this.#attempt(request, { config, state, record })
    if (!result.ok) {
      const failure = failureOf(result.error)
      await this.#parts.states.change(name, (one) => ({ ...one, phase: 'failed', failure }))
      return this.#errorPage(request, result.error)
    }
    const login = result.value
    await this.#parts.states.change(name, (one) => ({ ...one, phase: 'done', login }))
    return this.#page(donePage({ nonce: this.#nonce() }))
  }

  async #attempt(request: CallbackRequest, loaded: Loaded): Promise<Result<Login, Refusal>> {
    try {
      const answer = answerOf(request.input, loaded.state)
      this.#requireNoError(request, answer)
      return await this.#judge(request, loaded, answer)
    } catch (problem) {
      if (problem instanceof Refusal) return err(problem)
      throw problem
    }
  }

  /** Steps 7 to 12. */
  async #judge(
    request: CallbackRequest,
    { config, state, record }: Loaded,
    answer: ProviderAnswer,
  ): Promise<Result<Login, Refusal>> {
    if (!isSourceAllowed(this.#parts.roles.compiled(record).source, request.clientAddress)) {
      return err(sourceRefused())
    }
    const provider = await this.#parts.providers.of(config)
    if (!provider.ok) return err(failed(provider.error.reason, provider.error.detail))
    const issuer = checkAnswerIssuer(answer, state, provider.value)
    if (issuer !== undefined) return err(issuer)
    const input = { provider: provider.value, record, state, request }
    if (answer.code === '') {
      if (answer.idToken === '') {
        return err(failed('code_missing', 'No code or id_token received.'))
      }
      if (state.responseType !== 'id_token') {
        return err(failed('code_missing', 'The answer has an ID token where a code was asked for.'))
      }
      const tokens = { idToken: answer.idToken, accessToken: '', refreshToken: '' }
      return this.#parts.finish.finish({ ...input, tokens, code: '' })
    }
    if (state.responseType === 'id_token') {
      return err(
        failed(
          'code_exchange_failed',
          'This sign-in asked for an ID token and has no code to exchange.',
        ),
      )
    }
    if (request.nowMs - state.startedAtMs > exchangeLifeMs) {
      return err(failed('state_unknown', 'The sign-in took too long.'))
    }
    const { code } = answer
    const exchange = { code, redirectUri: state.redirectUri, verifier: state.verifier }
    const tokens = await provider.value.client.exchangeCode(provider.value.metadata, exchange)
    if (tokens.ok) return this.#parts.finish.finish({ ...input, tokens: tokens.value, code })
    const isMissing = tokens.error.kind === 'no_id_token'
    return err(
      isMissing
        ? refused('id_token_missing', `${tokenRefused} No id_token found in response.`)
        : failed(
            'code_exchange_failed',
            `Error exchanging oidc code: ${JSON.stringify(tokens.error.detail)}.`,
          ),
    )
  }

  #requireNoError(request: CallbackRequest, answer: ProviderAnswer): void {
    const code = answer.error.trim().toLowerCase()
    if (code === '') return
    this.#context.logger.log('warn', 'the identity provider refused a sign-in', {
      mount: this.#context.mount().path,
      request_id: request.requestId,
      error: JSON.stringify(answer.error.slice(0, 200)),
      error_description: JSON.stringify(answer.errorDescription.slice(0, 500)),
      error_uri: JSON.stringify(answer.errorUri.slice(0, 500)),
    })
    // What is not of the standard could say anything to whoever reads the page.
    if (!knownErrors.has(code))
      throw failed('idp_error', 'The identity provider reported an error.')
    throw failed(code === 'access_denied' ? 'idp_denied' : 'idp_error', `OAuth error: ${code}`)
  }

  // ---------------------------------------------------------------- POST

  async post(request: CallbackRequest): Promise<Reply> {
    const config = await this.#requireConfig()
    if (config.oidc_response_mode !== 'form_post') throw new Refusal('operation_unsupported')
    const { input } = request
    const name = bareState(input.state ?? '')
    // Kept before anything else is asked: the CLI posts with a loopback address, and finishes whatever this answers.
    const state = await this.#parts.states.change(name, (one) =>
      one.phase === 'open' && one.mode !== 'device'
        ? {
            ...one,
            posted: {
              code: input.code ?? '',
              idToken: input.id_token ?? '',
              error: input.error ?? '',
              iss: input.iss ?? '',
            },
          }
        : undefined,
    )
    if (state === undefined) {
      return this.#errorPage(request, stateGone())
    }
    if ((input.error ?? '') !== '') {
      this.#context.logger.log('warn', 'the identity provider posted an error', {
        mount: this.#context.mount().path,
        request_id: request.requestId,
        error: JSON.stringify((input.error ?? '').slice(0, 200)),
        error_description: JSON.stringify((input.error_description ?? '').slice(0, 500)),
      })
    }
    const mount = mountOfRedirect(state.redirectUri)
    if (mount === undefined) {
      return this.#errorPage(request, failed('redirect_uri_refused', 'Invalid redirect path.'))
    }
    if (state.mode === 'direct') return this.#postDirect(request, config, name, state)
    if (state.formPostRedirect) return redirectToUi(mount)
    return this.#page(handOverPage({ nonce: this.#nonce(), path: mount, state: name }))
  }

  async #postDirect(
    request: CallbackRequest,
    config: ConfigRecord,
    name: string,
    state: SignInState,
  ): Promise<Reply> {
    const record = await this.#requireRole(state)
    const asGet: CallbackRequest = {
      ...request,
      input: { ...request.input, code: notFinishedElsewhere },
    }
    return record.oidc_disable_confirmation
      ? this.#finishDirect(asGet, config, name, state)
      : this.#confirmation(asGet, name, state)
  }

  // ---------------------------------------------------------------- parts

  async #requireConfig(): Promise<ConfigRecord> {
    const config = await this.#parts.configs.load()
    if (config !== undefined) return config
    throw failed('config_missing', 'Could not load configuration.')
  }

  async #requireRole(state: SignInState): Promise<RoleRecord> {
    const record = await this.#parts.roles.load(state.role)
    if (record !== undefined) return record
    throw failed('role_unknown', 'Role could not be found.')
  }

  #confirmation(request: CallbackRequest, name: string, state: SignInState): Reply {
    const { input } = request
    const kept = ['code', 'iss', 'error', 'error_description', 'error_uri'] as const
    const parameters = new URLSearchParams({ state: name })
    for (const parameter of kept) {
      const value = input[parameter] ?? ''
      if (value !== '') parameters.set(parameter, value)
    }
    parameters.set('confirmation', '1')
    return this.#page(
      confirmationPage({
        nonce: this.#nonce(),
        address: state.address,
        role: state.role,
        mount: this.#context.mount().path,
        startedAt: new Date(state.startedAtMs).toISOString(),
        code: confirmationCode(name),
        confirmUrl: `/v1/${encodeURI(request.fullPath)}?${parameters.toString()}`,
      }),
    )
  }

  #errorPage(request: CallbackRequest, refusal: Refusal): Reply {
    const { text = refusal.message, reason } = toldBy(this.#context.mount(), refusal).detail
    const { summary, detail } = splitSummary(text)
    const page = errorPage({
      nonce: this.#nonce(),
      status: refusal.status,
      summary,
      detail,
      requestId: request.requestId,
      ...(reason === undefined
        ? {}
        : { reason, title: reasons[reason].title, fix: reasons[reason].fix }),
    })
    if (reason === undefined) return this.#page(page)
    return this.#page({ ...page, headers: { ...page.headers, 'X-Login-Reason': reason } })
  }

  #page(page: Page): Reply {
    return { kind: 'raw', ...page }
  }

  #nonce(): string {
    return this.#context.random.bytes(18).toString('base64url')
  }
}

/** What came now, or what was posted before when this request only fetches it. */
function answerOf(input: Input<typeof callbackFields>, { posted }: SignInState): ProviderAnswer {
  const code = input.code ?? ''
  const error = input.error ?? ''
  const isOwn =
    (code !== '' && code !== notFinishedElsewhere) || error !== '' || posted === undefined
  return {
    code: isOwn ? (code === notFinishedElsewhere ? '' : code) : posted.code,
    idToken: posted?.idToken ?? '',
    error: isOwn ? error : posted.error,
    errorDescription: input.error_description ?? '',
    errorUri: input.error_uri ?? '',
    iss: (input.iss ?? '') || (posted?.iss ?? ''),
  }
}

/** RFC 9207 §2.4: the answer comes from the provider that was asked. */
function checkAnswerIssuer(
  answer: ProviderAnswer,
  state: SignInState,
  { metadata }: OidcProvider,
): Refusal | undefined {
  if (answer.iss === '') {
    // RFC 9207 §2.4: an ID token that comes with the answer names its issuer itself.
    const isNamed = answer.idToken !== '' || !metadata.sendsIssuer
    if (isNamed || !isReceivedHere(state)) return undefined
    return failed(
      'issuer_missing',
      'The answer of the identity provider lacks the iss parameter that it announces.',
    )
  }
  if (equalSecrets(answer.iss, metadata.issuer)) return undefined
  return failed(
    'issuer_mismatch',
    'The iss parameter of the answer names another identity provider.',
  )
}

/** The browser came to this server and not to a client, which may not know the parameter (contract §4.9). */
function isReceivedHere(state: SignInState): boolean {
  if (state.mode === 'direct' || state.formPostRedirect) return true
  return state.posted !== undefined && mountOfRedirect(state.redirectUri) !== undefined
}

function requireClientNonce(given: string, { clientNonce }: SignInState): void {
  if (clientNonce === '' || equalSecrets(given, clientNonce)) return
  const reason = given === '' ? 'client_nonce_missing' : 'client_nonce_mismatch'
  throw failed(reason, 'Invalid client_nonce.')
}

/** Neither code nor state is in the address: the browser's own cookie knows the sign-in. */
function redirectToUi(mount: string): Reply {
  const path = mount.split('/').map(encodeURIComponent).join('/')
  return {
    kind: 'raw',
    status: 303,
    contentType: 'text/plain; charset=utf-8',
    body: '',
    headers: {
      Location: `/ui/vault/auth/${path}/oidc/callback?code=${notFinishedElsewhere}`,
      'Cache-Control': 'no-store',
      'Referrer-Policy': 'no-referrer',
    },
  }
}

function splitSummary(text: string): { readonly summary: string; readonly detail: string } {
  for (const summary of [loginFailed, tokenRefused]) {
    if (text.startsWith(`${summary} `)) return { summary, detail: text.slice(summary.length + 1) }
  }
  return { summary: loginFailed, detail: text }
}

function failureOf(refusal: Refusal): NonNullable<SignInState['failure']> {
  const { text = refusal.message, reason = 'idp_error' } = refusal.detail
  return { text, reason, status: refusal.status }
}
