/** Clients without a browser of their own ask here whether their sign-in is done (contract jwt-oidc.md §4.7 to §4.9). Every poll is answered at once. */

import type { BackendRequest, Login, Reply } from '../../framework/backend.ts'
import { Refusal } from '../../framework/refusal.ts'
import { equalSecrets } from '../../lib/constant-time.ts'
import type { ClientProblem, ProviderTokens } from '../../oidc/oauth-client.ts'
import { bareState } from '../../oidc/redirect-uri.ts'
import { field, type Input } from '../../schema/field.ts'
import { isSourceAllowed } from '../../trust/source-address.ts'
import type { ConfigRecord } from './config.ts'
import type { OidcParts } from './oidc-parts.ts'
import type { OidcProvider } from './oidc-provider.ts'
import {
  failed,
  refused,
  sourceRefused,
  stateGone,
  tokenRefused,
  upstreamFailed,
} from './oidc-refusals.ts'
import type { RoleRecord } from './role-record.ts'
import type { SignInState } from './sign-in-states.ts'

export const pollFields = {
  state: field.string({ help: 'The state that auth_url gave.' }),
  client_nonce: field.string({ help: 'The secret the sign-in was started with.', secret: true }),
} as const

type PollRequest = BackendRequest<Input<typeof pollFields>>

interface Polled {
  readonly name: string
  readonly state: SignInState
  readonly record: RoleRecord
  readonly config: ConfigRecord
}

export class OidcPoll {
  readonly #parts: OidcParts

  constructor(parts: OidcParts) {
    this.#parts = parts
  }

  async poll(request: PollRequest): Promise<Reply> {
    const config = await this.#parts.configs.load()
    if (config === undefined) throw failed('config_missing', 'Could not load configuration.')
    const name = bareState(request.input.state ?? '')
    const state = await this.#parts.states.load(name)
    if (state === undefined) throw stateGone()
    if (state.mode === 'client') {
      throw failed('state_unknown', 'This sign-in ends in the browser and cannot be polled for.')
    }
    if (!equalSecrets(request.input.client_nonce ?? '', state.clientNonce)) {
      await this.#parts.states.take(name)
      throw failed('client_nonce_mismatch', 'Invalid client_nonce.')
    }
    const record = await this.#parts.roles.load(state.role)
    if (record === undefined) throw failed('role_unknown', 'Role could not be found.')
    const polled = { name, state, record, config }
    const login =
      state.mode === 'direct'
        ? await this.#collect(request, polled)
        : await this.#askProvider(request, polled)
    return { kind: 'login', login }
  }

  // ---------------------------------------------------------------- direct

  async #collect(request: PollRequest, { name, state, record }: Polled): Promise<Login> {
    if (state.phase === 'failed') {
      const taken = await this.#parts.states.take(name)
      if (taken?.failure === undefined) throw stateGone()
      throw new Refusal('login_refused', taken.failure)
    }
    if (state.phase !== 'done') throw refused('device_pending', 'authorization_pending')
    this.#requireSource(request, record)
    // Of any number of parallel polls one receives it.
    const taken = await this.#parts.states.take(name)
    if (taken?.login === undefined) throw stateGone()
    const { login } = taken
    // The token is bound to who receives it and not to the browser that proved the person.
    const isBound = record.token_strictly_bind_ip && request.clientAddress !== undefined
    return isBound ? { ...login, boundCidrs: [request.clientAddress] } : login
  }

  #requireSource(request: PollRequest, record: RoleRecord): void {
    if (isSourceAllowed(this.#parts.roles.compiled(record).source, request.clientAddress)) return
    throw sourceRefused()
  }

  // ---------------------------------------------------------------- device

  async #askProvider(request: PollRequest, polled: Polled): Promise<Login> {
    const { name, state, record, config } = polled
    this.#requireSource(request, record)
    const provider = await this.#parts.providers.of(config)
    if (!provider.ok) throw upstreamFailed(provider.error.detail)
    const tokens = await this.#deviceTokens(provider.value, polled)
    // The provider said yes: from here on the state is spent, and by one poll only.
    const taken = await this.#parts.states.take(name)
    if (taken === undefined) throw stateGone()
    const input = { provider: provider.value, record, state, tokens, code: '', request }
    const result = await this.#parts.finish.finish(input)
    if (!result.ok) throw result.error
    return result.value
  }

  async #deviceTokens(provider: OidcProvider, { name, state }: Polled): Promise<ProviderTokens> {
    const { deviceCode = '', verifier } = state
    const answer = await provider.client.pollDevice(provider.metadata, { deviceCode, verifier })
    if (answer.ok) return answer.value
    const refusal = deviceRefusal(answer.error)
    if (refusal.isFinal) await this.#parts.states.take(name)
    throw refusal.refusal
  }
}

function deviceRefusal({ kind, code, detail }: ClientProblem): {
  readonly refusal: Refusal
  readonly isFinal: boolean
} {
  if (kind === 'unreachable' || kind === 'unsupported') {
    return { refusal: upstreamFailed(detail), isFinal: false }
  }
  if (kind === 'no_id_token') {
    const text = `${tokenRefused} No id_token found in response.`
    return { refusal: refused('id_token_missing', text), isFinal: true }
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
