/**
 * Clients without a browser of their own ask here whether their sign-in is done (jwt-oidc.md §4.7
 * to §4.9). Every poll is answered at once.
 */

import type { BackendContext } from '../../framework/backend.ts'
import type { Login, Reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import { Refusal } from '../../framework/refusal.ts'
import { equalSecrets } from '../../lib/constant-time.ts'
import { err, type Result } from '../../lib/result.ts'
import type { ClientProblem, ProviderTokens } from '../../oidc/oauth-client.ts'
import { bareState } from '../../oidc/redirect-uri.ts'
import { field, type Input } from '../../schema/field.ts'
import { isSourceAllowed } from '../../trust/source-address.ts'
import type { ConfigRecord } from './config.ts'
import type { OidcServices } from './oidc-services.ts'
import {
  failed,
  idTokenMissing,
  refusalOfKept,
  refused,
  sourceRefused,
  stateGone,
  upstreamFailed,
} from './oidc-refusals.ts'
import type { JwtRenewal } from './renewal.ts'
import type { RoleRecord } from './role-record.ts'
import type { SignIn } from './sign-in.ts'
import type { Claim } from './sign-in-states.ts'
import type { Polled } from './sign-in-transitions.ts'

export const pollFields = {
  state: field.string({ help: 'The state that auth_url gave.', charsMax: 128 }),
  client_nonce: field.string({
    help: 'The secret the sign-in was started with.',
    secret: true,
    charsMax: 256,
  }),
} as const

type PollRequest = BackendRequest<Input<typeof pollFields>>

interface Asked {
  readonly claim: Claim
  readonly signIn: SignIn
  readonly record: RoleRecord
  readonly config: ConfigRecord
  readonly request: PollRequest
}

export class OidcPoll {
  readonly #context: BackendContext
  readonly #services: OidcServices
  readonly #renewal: JwtRenewal

  constructor(context: BackendContext, services: OidcServices, renewal: JwtRenewal) {
    this.#context = context
    this.#services = services
    this.#renewal = renewal
  }

  async poll(request: PollRequest): Promise<Reply> {
    const { states, configs, roles } = this.#services
    const config = await configs.load()
    if (config === undefined) throw failed('config_missing', 'Could not load configuration.')
    const state = bareState(request.input.state ?? '')
    const clientNonce = request.input.client_nonce ?? ''
    const signIn = await states.load(state)
    if (signIn === undefined) throw stateGone()
    const record = await roles.load(signIn.role)
    // Who does not know the nonce learns nothing of the role, and ends the sign-in below.
    const isClient = equalSecrets(clientNonce, signIn.clientNonce) && signIn.mode !== 'client'
    if (isClient) this.#requireAllowed(request, record)
    const isToAsk = isClient && signIn.mode === 'device' && signIn.phase.kind === 'open'
    const isPaid =
      isToAsk && this.#services.budgets.polls.take(request.clientAddress, request.nowMs)
    if (isToAsk && !isPaid) throw pending()
    const polled = await states.poll(state, clientNonce)
    if (isPaid && polled?.kind !== 'ask')
      this.#services.budgets.polls.giveBack(request.clientAddress)
    if (polled === undefined) throw stateGone()
    const login = await this.#loginOf(polled, async (claim) => {
      if (!isPaid) {
        // It was somebody else's a moment ago, and whoever asks pays for it.
        await states.release(claim)
        throw pending()
      }
      if (record === undefined) throw roleGone()
      return this.#askProvider({ claim, signIn, record, config, request })
    })
    if (signIn.mode === 'direct') await this.#requireStill(login, record, request)
    return { kind: 'login', login: boundTo(request, record, login, signIn.mode) }
  }

  /**
   * The person's yes may be ten minutes old, and the token is made now: what made it right has to
   * be so still (SEC-OID-16).
   */
  async #requireStill(
    login: Login,
    record: RoleRecord | undefined,
    { clientAddress, nowMs }: PollRequest,
  ): Promise<void> {
    const { role, facts, policies } = login
    if (record === undefined) throw roleGone()
    const changed = failed('state_used', 'The role or the provider has changed. Start again.')
    if (record.version !== role.version) throw changed
    try {
      await this.#renewal.renew({ role, facts, policies, clientAddress, nowMs })
    } catch (problem) {
      throw problem instanceof Refusal ? changed : problem
    }
  }

  #requireAllowed(request: PollRequest, record: RoleRecord | undefined): void {
    if (record === undefined) throw roleGone()
    if (isSourceAllowed(this.#services.roles.compiled(record).source, request.clientAddress)) return
    throw sourceRefused()
  }

  async #loginOf(
    polled: Polled & { readonly claim: Claim },
    ask: (claim: Claim) => Promise<Login>,
  ): Promise<Login> {
    switch (polled.kind) {
      case 'not_polled':
        throw failed('state_unknown', 'This sign-in ends in the browser and cannot be polled for.')
      case 'nonce_refused':
        throw failed('client_nonce_mismatch', 'Invalid client_nonce.')
      case 'pending':
        throw pending()
      case 'failure':
        // Its line in the log is there since it happened, in the browser.
        throw refusalOfKept(polled.failure, { isLogged: true })
      case 'broken_off':
        throw failed('state_unknown', 'The sign-in was broken off. Start it again.')
      case 'login':
        return polled.login
      case 'ask':
        return ask(polled.claim)
    }
  }

  // ---------------------------------------------------------------- device

  /** This poll has the claim, and gives it up whatever happens. */
  async #askProvider(asked: Asked): Promise<Login> {
    const { states } = this.#services
    const { claim, request } = asked
    let answer: Result<ProviderTokens, { readonly refusal: Refusal; readonly isFinal: boolean }>
    try {
      answer = await this.#deviceTokens(asked)
    } catch (problem) {
      await states.release(claim)
      throw problem
    }
    if (!answer.ok && !answer.error.isFinal) {
      await states.release(claim)
      throw answer.error.refusal
    }
    // The provider has spoken: the sign-in is spent, unless somebody was told meanwhile that it was
    // broken off.
    const ending = { text: 'spent', reason: 'state_used', status: 400 } as const
    if (!(await states.finish(claim, { kind: 'failure', failure: ending }))) throw stateGone()
    if (!answer.ok) throw answer.error.refusal
    // A person has said yes, so neither the start nor this poll was junk. To ask alone costs a
    // stranger nothing.
    this.#services.budgets.devices.repay(request.clientAddress)
    this.#services.budgets.polls.repay(request.clientAddress)
    return this.#finish(asked, answer.value)
  }

  async #finish(
    { signIn, record, config, request }: Asked,
    tokens: ProviderTokens,
  ): Promise<Login> {
    const provider = await this.#services.providers.of(config)
    if (!provider.ok) throw upstreamFailed(provider.error.detail)
    const input = { provider: provider.value, record, state: signIn, tokens, code: '', request }
    const result = await this.#services.finish.finish(input)
    if (!result.ok) throw result.error
    return result.value
  }

  async #deviceTokens({
    signIn,
    config,
    request,
  }: Asked): Promise<
    Result<ProviderTokens, { readonly refusal: Refusal; readonly isFinal: boolean }>
  > {
    const provider = await this.#services.providers.of(config)
    if (!provider.ok) return err({ refusal: upstreamFailed(provider.error.detail), isFinal: false })
    const { deviceCode = '', verifier } = signIn
    const { client, metadata } = provider.value
    const answer = await client.pollDevice(metadata, { deviceCode, verifier })
    if (answer.ok) return answer
    const refusal = deviceRefusal(answer.error)
    // Callers are told the code alone (jwt-oidc.md §4.8).
    if (refusal.isFinal) {
      this.#context.logger.log('warn', 'the identity provider refused a sign-in', {
        mount: this.#context.mount().path,
        request_id: request.requestId,
        detail: answer.error.detail,
      })
    }
    return err(refusal)
  }
}

/**
 * A token of direct mode is bound to who receives it and not to the browser that proved the person.
 */
function boundTo(
  { clientAddress }: PollRequest,
  record: RoleRecord | undefined,
  login: Login,
  mode: SignIn['mode'],
): Login {
  const isBound = mode === 'direct' && record?.token_strictly_bind_ip === true
  return isBound && clientAddress !== undefined ? { ...login, boundCidrs: [clientAddress] } : login
}

/**
 * The provider would say the same, for all that is known: nobody is made to wait longer
 * (jwt-oidc.md §4.9).
 */
function pending(): Refusal {
  return refused('device_pending', 'authorization_pending')
}

function roleGone(): Refusal {
  return failed('role_unknown', 'Role could not be found.')
}

function deviceRefusal({ kind, code, detail }: ClientProblem): {
  readonly refusal: Refusal
  readonly isFinal: boolean
} {
  if (kind === 'unreachable' || kind === 'unsupported') {
    return { refusal: upstreamFailed(detail), isFinal: false }
  }
  if (kind === 'no_id_token') {
    return { refusal: idTokenMissing(), isFinal: true }
  }
  // RFC 8628 §3.5; clients look at the very end of the text.
  if (code === 'authorization_pending')
    return { refusal: refused('device_pending', code), isFinal: false }
  if (code === 'slow_down') return { refusal: refused('device_slow_down', code), isFinal: false }
  const reason =
    code === 'access_denied'
      ? 'idp_denied'
      : code === 'expired_token'
        ? 'device_expired'
        : 'idp_error'
  const shown = /^[a-z_]{1,64}$/.test(code) ? code : 'the identity provider reported an error'
  return { refusal: failed(reason, `Authorization failed: ${shown}`), isFinal: true }
}
