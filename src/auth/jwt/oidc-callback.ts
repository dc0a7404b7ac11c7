/**
 * The way back from the provider: GET and POST `oidc/callback` (jwt-oidc.md §4.3, §4.4, §4.7). Each
 * request is: read the answer, one transition of the sign-in, judge, a second transition, a page.
 * The transitions are in `sign-in-transitions.ts`, the judgement in `oidc-judge.ts`, the pages in
 * `oidc-pages.ts`.
 */

import type { BackendContext } from '../../framework/backend.ts'
import type { Login, Reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import { Refusal } from '../../framework/refusal.ts'
import { equalSecrets } from '../../lib/constant-time.ts'
import { err, type Result } from '../../lib/result.ts'
import { bareState, mountOfRedirect } from '../../oidc/redirect-uri.ts'
import { field, type Input } from '../../schema/field.ts'
import type { ConfigRecord } from './config.ts'
import { errorRefusal, readAnswer, statelessRefusal } from './oidc-answer.ts'
import { codeMissing, OidcJudge, unpaidCall, type Case, type ProviderCall } from './oidc-judge.ts'
import {
  isNavigation,
  isProgram,
  OidcPages,
  wantsPage,
  type Outcome,
  type Shown,
} from './oidc-pages.ts'
import type { OidcServices } from './oidc-services.ts'
import { failed, keptFailure, stateGone, tooManyCalls } from './oidc-refusals.ts'
import type { RoleRecord } from './role-record.ts'
import type { ProviderAnswer, SignIn } from './sign-in.ts'

export const callbackFields = {
  state: field.string({ help: 'The state of the sign-in.', charsMax: 128 }),
  code: field.string({
    help: 'The authorization code, or the ticket of an answer that was posted.',
    secret: true,
    charsMax: 4096,
    bytesMax: 4096,
  }),
  id_token: field.string({
    help: 'The ID token of a form post.',
    secret: true,
    charsMax: 262_144,
  }),
  client_nonce: field.string({
    help: 'The secret the sign-in was started with.',
    secret: true,
    charsMax: 256,
  }),
  iss: field.string({
    help: 'Issuer of the answer (RFC 9207).',
    charsMax: 2048,
    bytesMax: 2048,
  }),
  error: field.string({ help: 'What the provider refuses with.', charsMax: 200, bytesMax: 200 }),
  error_description: field.string({ help: 'Logged only.', charsMax: 4096 }),
  error_uri: field.string({ help: 'Logged only.', charsMax: 2048 }),
  answer: field.string({
    help: "Direct mode: the person's answer to the page, yes or no.",
    charsMax: 8,
  }),
  ticket: field.string({
    help: 'Direct mode: the ticket of that page.',
    secret: true,
    charsMax: 128,
  }),
  confirmation: field.string({ help: 'Shows the page again.', deprecated: true, charsMax: 16 }),
} as const

type CallbackRequest = BackendRequest<Input<typeof callbackFields>>

/** A sign-in that was found, with what is needed to go on with it. */
interface Found {
  readonly config: ConfigRecord
  readonly state: string
  readonly signIn: SignIn
}

export class OidcCallback {
  readonly #context: BackendContext
  readonly #services: OidcServices
  readonly #judge: OidcJudge
  readonly #pages: OidcPages

  constructor(context: BackendContext, services: OidcServices) {
    this.#context = context
    this.#services = services
    this.#judge = new OidcJudge(services)
    this.#pages = new OidcPages(context)
  }

  // ---------------------------------------------------------------- GET

  /** Whoever looks at a page is told there, at an address without code and state (SEC-WEB-13). */
  async get(request: CallbackRequest): Promise<Reply> {
    const result = await this.#attempt(() => this.#come(request))
    return result.ok ? result.value : this.#over(request, result.error)
  }

  async #come(request: CallbackRequest): Promise<Reply> {
    const config = await this.#requireConfig()
    const state = bareState(request.input.state ?? '')
    if (state === '') return this.#show(request, config)
    const signIn = await this.#services.states.load(state)
    if (signIn === undefined || !isAwaited(signIn)) throw stateGone()
    const found = { config, state, signIn }
    return signIn.mode === 'client'
      ? this.#finishClient(request, found)
      : this.#arriveDirect(request, found)
  }

  /** The address without parameters: what `leave` sent this browser to see. */
  async #show(request: CallbackRequest, config: ConfigRecord): Promise<Reply> {
    const shown = this.#pages.shownTo(request)
    if (shown === undefined) throw statelessRefusal(request.input)
    if (shown.kind !== 'asked') return this.#pages.outcome(shown)
    const { state, ticket } = shown
    const signIn = await this.#services.states.load(state)
    if (signIn === undefined || !isAwaited(signIn)) {
      return this.#pages.failed(this.#pages.failureOf(request, stateGone('state_used')))
    }
    const isAsked = this.#services.states.isTicketOf(signIn, ticket)
    return this.#ask(request, { config, state, signIn }, { ticket: isAsked ? ticket : '' })
  }

  /** Whatever comes of it, a sign-in of client mode is over with this (jwt-oidc.md §4.2). */
  async #finishClient(request: CallbackRequest, { config, state, signIn }: Found): Promise<Reply> {
    const own = readAnswer('query', request.input)
    const clientNonce = request.input.client_nonce ?? ''
    const coming = signIn.phase.kind === 'parked' ? signIn.phase.answer : own
    return this.#withinBudget(request, coming, async (call) => {
      const spent = await this.#services.states.spend(state, own, clientNonce)
      if (spent.kind === 'over') throw stateGone('state_used')
      if (spent.kind === 'not_yours') throw codeMissing()
      const { answer } = spent
      this.#logError(request, answer)
      const record = await this.#requireRole(signIn)
      if (answer.result.kind === 'error') throw errorRefusal(answer.result.error)
      requireClientNonce(clientNonce, signIn)
      const result = await this.#judge.judge({ config, record, signIn, answer, request, call })
      if (!result.ok) throw result.error
      return { kind: 'login', login: result.value }
    })
  }

  /** The browser of a direct sign-in is here: its person is asked first (jwt-oidc.md §4.7). */
  async #arriveDirect(request: CallbackRequest, found: Found): Promise<Reply> {
    const { state, signIn } = found
    const record = await this.#requireRole(signIn)
    const answer = readAnswer('query', request.input)
    this.#logError(request, answer)
    const asked: Shown = { kind: 'asked', state, ticket: '' }
    if (answer.result.kind === 'nothing') return this.#tell(request, found, asked)
    const parked = await this.#services.states.park(state, answer, '')
    if (parked.kind === 'over') throw stateGone('state_used')
    if (parked.kind !== 'parked') return this.#tell(request, found, asked)
    const { ticket } = parked
    const isDecided =
      answer.result.kind === 'error' || (record.oidc_disable_confirmation && isNavigation(request))
    if (!isDecided) return this.#tell(request, found, { ...asked, ticket })
    const concluded = await this.#conclude(request, found, { ticket, coming: answer })
    return this.#tell(request, found, concluded ?? asked)
  }

  /** A browser is led to an address without code and state first; a program has its answer here. */
  #tell(request: CallbackRequest, found: Found, shown: Shown): Reply {
    if (!isProgram(request)) return this.#pages.leave(request, shown)
    if (shown.kind === 'asked') return this.#ask(request, found, shown)
    return this.#pages.outcome(shown)
  }

  // ---------------------------------------------------------------- POST

  async post(request: CallbackRequest): Promise<Reply> {
    const config = await this.#requireConfig()
    const { input } = request
    const state = bareState(input.state ?? '')
    if ((input.answer ?? '') !== '') return this.#personAnswers(request, config, state)
    if (config.oidc_response_mode !== 'form_post') throw new Refusal('operation_unsupported')
    if (state === '') return this.#refusalPage(request, statelessRefusal(input))
    const signIn = await this.#services.states.load(state)
    if (signIn === undefined || signIn.mode === 'device' || !isAwaited(signIn)) {
      return this.#refusalPage(request, stateGone())
    }
    const record = await this.#requireRole(signIn)
    const posted = readAnswer('posted', input)
    this.#logError(request, posted)
    const screened = await this.#judge.screen({ config, record, signIn, answer: posted, request })
    if (!screened.ok) return this.#refusalPage(request, screened.error)
    const parked = await this.#services.states.park(state, screened.value, input.client_nonce ?? '')
    if (parked.kind !== 'parked') return this.#refusalPage(request, stateGone('state_used'))
    const { ticket } = parked
    if (signIn.mode === 'direct') {
      const arrived = { found: { config, state, signIn }, answer: screened.value, record, ticket }
      return this.#answerDirectPost(request, arrived)
    }
    // Kept before this is asked: a command line posts what came to its loopback address, and
    // finishes whatever this answers.
    const mount = mountOfRedirect(signIn.redirectUri)
    if (mount === undefined) {
      return this.#refusalPage(request, failed('redirect_uri_refused', 'Invalid redirect path.'))
    }
    return signIn.begunBy === 'pages'
      ? this.#pages.toUi(mount, { state, ticket })
      : this.#pages.handOver(mount, { state, ticket })
  }

  /** The address of a post has nothing in it, so the page can be its answer. */
  async #answerDirectPost(
    request: CallbackRequest,
    arrived: {
      readonly found: Found
      readonly answer: ProviderAnswer
      readonly record: RoleRecord
      readonly ticket: string
    },
  ): Promise<Reply> {
    const { found, answer, record, ticket } = arrived
    const { kind } = answer.result
    const isVisit = record.oidc_disable_confirmation && isNavigation(request)
    const isDecided = kind === 'error' || kind === 'refused' || isVisit
    if (!isDecided) return this.#ask(request, found, { ticket })
    return this.#concludedPage(request, found, { ticket, coming: answer })
  }

  /**
   * The form of the page that asks. What another site sends, or what has no ticket of that page, is
   * no answer.
   */
  async #personAnswers(
    request: CallbackRequest,
    config: ConfigRecord,
    state: string,
  ): Promise<Reply> {
    const signIn = await this.#services.states.load(state)
    if (signIn?.mode !== 'direct' || !isAwaited(signIn)) {
      return this.#refusalPage(request, stateGone())
    }
    const found = { config, state, signIn }
    const ticket = request.input.ticket ?? ''
    const site = request.header('sec-fetch-site') ?? 'same-origin'
    const { answer } = request.input
    if (site !== 'same-origin' || (answer !== 'yes' && answer !== 'no')) {
      return this.#ask(request, found, { ticket: '', status: 400 })
    }
    if (answer === 'yes') {
      const coming = signIn.phase.kind === 'parked' ? signIn.phase.answer : undefined
      return this.#concludedPage(request, found, { ticket, coming })
    }
    const refusal = blockedByPerson()
    const blocked = await this.#services.states.block(state, ticket, keptFailure(refusal))
    if (blocked === 'blocked') {
      this.#record(request, refusal, signIn.role)
      return this.#pages.blocked()
    }
    if (blocked === 'over') return this.#refusalPage(request, stateGone('state_used'))
    return this.#ask(request, found, { ticket: '', status: 400 })
  }

  async #concludedPage(
    request: CallbackRequest,
    found: Found,
    spending: { readonly ticket: string; readonly coming: ProviderAnswer | undefined },
  ): Promise<Reply> {
    const shown = await this.#conclude(request, found, spending)
    if (shown === undefined) return this.#ask(request, found, { ticket: '', status: 400 })
    return this.#pages.outcome(shown)
  }

  // ---------------------------------------------------------------- direct mode, from yes to done

  /**
   * Of many with one ticket one goes on. Undefined: it is not the ticket of the answer that waits.
   */
  async #conclude(
    request: CallbackRequest,
    { config, state, signIn }: Found,
    { ticket, coming }: { readonly ticket: string; readonly coming: ProviderAnswer | undefined },
  ): Promise<Outcome | undefined> {
    const result = await this.#attempt(() =>
      this.#withinBudget(request, coming, async (call) => {
        const confirmed = await this.#services.states.confirm(state, ticket)
        if (confirmed.kind === 'over') throw stateGone('state_used')
        if (confirmed.kind === 'not_yours') return undefined
        const { answer, claim } = confirmed
        const record = await this.#requireRole(signIn)
        const judged = await this.#judgeClaimed(
          { config, record, signIn, answer, request, call },
          claim,
        )
        if (!judged.ok) throw judged.error
        return judged.value
      }),
    )
    if (!result.ok) {
      this.#record(request, result.error, signIn.role)
      return { kind: 'failed', failure: this.#pages.failureOf(request, result.error) }
    }
    if (result.value === undefined) return undefined
    const { alias, displayName } = result.value
    return { kind: 'done', name: displayName || (alias?.name ?? ''), address: signIn.address }
  }

  /** The claim ends with what came of it, also when that is a fault of this server. */
  async #judgeClaimed(
    one: Case,
    claim: Awaited<ReturnType<OidcServices['states']['confirm']>>['claim'],
  ): Promise<Result<Login, Refusal>> {
    const { states } = this.#services
    let judged: Result<Login, Refusal> = err(failed('idp_error', 'The sign-in was broken off.'))
    let isTold = false
    try {
      judged = await this.#judge.judge(one)
    } finally {
      isTold = await states.finish(
        claim,
        judged.ok
          ? { kind: 'login', login: judged.value }
          : { kind: 'failure', failure: keptFailure(judged.error) },
      )
    }
    return isTold || !judged.ok
      ? judged
      : err(failed('state_unknown', 'The sign-in took too long.'))
  }

  async #attempt<T>(work: () => Promise<T>): Promise<Result<T, Refusal>> {
    try {
      return { ok: true, value: await work() }
    } catch (problem) {
      if (problem instanceof Refusal) return err(problem)
      throw problem
    }
  }

  // ---------------------------------------------------------------- parts

  /**
   * Strangers can make this server call the provider with codes of their own: what was in vain
   * counts (SEC-OID-33).
   */
  async #withinBudget<T>(
    request: CallbackRequest,
    coming: ProviderAnswer | undefined,
    work: (call: ProviderCall) => Promise<T>,
  ): Promise<T> {
    if (coming?.result.kind !== 'code') return work(unpaidCall())
    const { codes, pushes } = this.#services.budgets
    const admitted = await codes.admit(request.clientAddress, request.nowMs)
    if (admitted === undefined) throw tooManyCalls()
    const call: ProviderCall = { isPaid: true, outcome: 'unasked' }
    try {
      return await work(call)
    } finally {
      admitted.end(call.outcome)
      if (call.outcome === 'answered') pushes.giveBack(request.clientAddress)
    }
  }

  async #requireConfig(): Promise<ConfigRecord> {
    const config = await this.#services.configs.load()
    if (config !== undefined) return config
    throw failed('config_missing', 'Could not load configuration.')
  }

  async #requireRole(signIn: SignIn): Promise<RoleRecord> {
    const record = await this.#services.roles.load(signIn.role)
    if (record !== undefined) return record
    throw failed('role_unknown', 'Role could not be found.')
  }

  #ask(
    request: CallbackRequest,
    { config, state, signIn }: Found,
    { ticket, status = 200 }: { readonly ticket: string; readonly status?: 200 | 400 },
  ): Reply {
    return this.#pages.confirmation(request, { config, signIn, state, ticket, status })
  }

  /** JSON for programs, a page at a clean address for people. */
  #over(request: CallbackRequest, refusal: Refusal): Reply {
    if (!wantsPage(request)) throw refusal
    this.#record(request, refusal)
    const failure = this.#pages.failureOf(request, refusal)
    if ((request.input.state ?? '') === '') return this.#pages.failed(failure)
    return this.#pages.leave(request, { kind: 'failed', failure })
  }

  #refusalPage(request: CallbackRequest, refusal: Refusal): Reply {
    this.#record(request, refusal)
    return this.#pages.failed(this.#pages.failureOf(request, refusal))
  }

  /** A page is no refusal to the pipeline, and leaves its line in the log of logins here. */
  #record(request: CallbackRequest, refusal: Refusal, role?: string): void {
    const { requestId, clientAddress } = request
    const { reason, note } = refusal.detail
    this.#context.loginLog.record({
      requestId,
      end: 'refused',
      clientAddress,
      note: { role, reason, ...note },
    })
  }

  #logError(request: CallbackRequest, { result }: ProviderAnswer): void {
    if (result.kind !== 'error') return
    const { input, requestId } = request
    this.#context.logger.log('warn', 'the identity provider refused a sign-in', {
      mount: this.#context.mount().path,
      request_id: requestId,
      error: JSON.stringify((input.error ?? '').slice(0, 200)),
      error_description: JSON.stringify((input.error_description ?? '').slice(0, 500)),
      error_uri: JSON.stringify((input.error_uri ?? '').slice(0, 500)),
    })
  }
}

/** Still to be answered, or its answer to be spent. */
function isAwaited({ mode, phase }: SignIn): boolean {
  return mode !== 'device' && (phase.kind === 'open' || phase.kind === 'parked')
}

function requireClientNonce(given: string, { clientNonce }: SignIn): void {
  if (clientNonce === '' || equalSecrets(given, clientNonce)) return
  const reason = given === '' ? 'client_nonce_missing' : 'client_nonce_mismatch'
  throw failed(reason, 'Invalid client_nonce.')
}

function blockedByPerson(): Refusal {
  return failed('idp_denied', 'Authorization failed: access_denied')
}
