/** Starts sign-ins: `oidc/auth_url` (jwt-oidc.md §4.1, §4.5, §4.6, §4.8). */

import { createHash } from 'node:crypto'
import type { BackendContext } from '../../framework/backend.ts'
import { reply, type Reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import type { JsonObject } from '../../lib/json.ts'
import { isPlainWebAddress } from '../../lib/web-address.ts'
import { formPostRedirect, isRedirectAllowed, splitNamespace } from '../../oidc/redirect-uri.ts'
import { parseOutboundUrl } from '../../platform/outbound-url.ts'
import { randomLetters } from '../../platform/random.ts'
import { field, type Input } from '../../schema/field.ts'
import type { ConfigRecord } from './config.ts'
import type { OidcServices } from './oidc-services.ts'
import type { OidcProvider } from './oidc-provider.ts'
import { refused, tooManyCalls, upstreamFailed } from './oidc-refusals.ts'
import { roleNameCharsMax, type RoleRecord } from './role-record.ts'
import type { NewSignIn } from './sign-in.ts'

export const startFields = {
  role: field.lowerString({
    help: "Role to sign in with; the mount's default_role when absent.",
    charsMax: roleNameCharsMax,
  }),
  redirect_uri: field.string({
    help: 'Where the provider sends the browser back to.',
    charsMax: 2048,
  }),
  client_nonce: field.string({
    help: 'Secret of the client, asked for again at the end.',
    secret: true,
    charsMax: 256,
    bytesMax: 512,
  }),
} as const

type StartRequest = BackendRequest<Input<typeof startFields>>

const pollSecondsDefault = 5
/**
 * RFC 8628 §3.5: clients wait that long; a number of others must not make it for ever, or not at
 * all.
 */
const pollSecondsMax = 60
/** 43 characters of 62 are 256 bits. */
const secretLength = 43

interface Start {
  readonly request: StartRequest
  readonly config: ConfigRecord
  readonly record: RoleRecord
}

export class OidcStart {
  readonly #context: BackendContext
  readonly #services: OidcServices

  constructor(context: BackendContext, services: OidcServices) {
    this.#context = context
    this.#services = services
  }

  async start(request: StartRequest): Promise<Reply> {
    const start = await this.#prepare(request)
    const { record } = start
    // jwt-oidc.md §4.1 row 5: nothing but the log tells why, here and below.
    if (record.role_type === 'jwt') return this.#noUrl(start, 'the role is for JWT logins')
    if (record.callback_mode !== 'client' && (request.input.client_nonce ?? '') === '') {
      throw refused('client_nonce_missing', 'missing client_nonce')
    }
    return record.callback_mode === 'device' ? this.#startDevice(start) : this.#startBrowser(start)
  }

  /** Rows 1 to 4. */
  async #prepare(request: StartRequest): Promise<Start> {
    const asked = request.input.role ?? ''
    const { config, name, record } = await this.#context.store.view(async (view) => {
      const found = await this.#services.configs.load(view)
      const role = asked === '' ? (found?.default_role ?? '') : asked
      const loaded = role === '' ? undefined : await this.#services.roles.load(role, view)
      return { config: found, name: role, record: loaded }
    })
    if (config === undefined) throw refused('config_missing', 'could not load configuration')
    if (this.#services.configs.kind(config) !== 'oidc') {
      throw refused('config_missing', 'OIDC login is not configured for this mount')
    }
    if (name === '') throw refused('role_missing', 'missing role')
    if (record === undefined) {
      throw refused('role_unknown', `role ${JSON.stringify(name.slice(0, 128))} could not be found`)
    }
    return { request, config, record }
  }

  // ---------------------------------------------------------------- browser

  async #startBrowser(start: Start): Promise<Reply> {
    const { request, config, record } = start
    const asked = request.input.redirect_uri ?? ''
    if (asked === '') throw refused('redirect_uri_missing', 'missing redirect_uri')
    const split = config.namespace_in_state
      ? splitNamespace(asked)
      : { redirectUri: asked, namespace: '' }
    if (
      split === undefined ||
      !isRedirectAllowed(split.redirectUri, record.allowed_redirect_uris ?? [])
    ) {
      return this.#noUrl(start, 'the redirect URI is not in allowed_redirect_uris of the role')
    }
    const provider = await this.#services.providers.of(config)
    if (!provider.ok) return this.#noUrl(start, provider.error.detail)
    const { authorizationEndpoint, requiresPushedRequests } = provider.value.metadata
    if (authorizationEndpoint === undefined) {
      return this.#noUrl(start, 'the discovery document names no usable authorization_endpoint')
    }
    const isPosted = config.oidc_response_mode === 'form_post'
    const state = `st_${this.#secret()}`
    const signIn = {
      ...this.#newState(start),
      redirectUri: isPosted
        ? formPostRedirect(split.redirectUri, request.namespace)
        : split.redirectUri,
    }
    const shownState = split.namespace === '' ? state : `${state},ns=${split.namespace}`
    let parameters = authorizationParameters({ config, record, signIn, state: shownState })
    if (requiresPushedRequests) {
      if (!this.#services.budgets.pushes.take(request.clientAddress, request.nowMs))
        throw tooManyCalls()
      const pushed = await provider.value.client.pushRequest(provider.value.metadata, parameters)
      if (!pushed.ok) return this.#noUrl(start, pushed.error.detail)
      const { oidc_client_id: client_id } = config
      parameters = new URLSearchParams({ client_id, request_uri: pushed.value })
    }
    await this.#services.states.start(state, signIn)
    const data: JsonObject = { auth_url: withParameters(authorizationEndpoint, parameters) }
    if (record.callback_mode === 'client') return reply.data(data)
    return reply.data({ ...data, state, poll_interval: pollInterval(record, undefined) })
  }

  #newState({ request, config, record }: Start): NewSignIn {
    return {
      mode: record.callback_mode,
      role: record.name,
      redirectUri: '',
      responseType: config.oidc_response_types.includes('id_token') ? 'id_token' : 'code',
      nonce: `n_${this.#secret()}`,
      verifier: this.#secret(),
      clientNonce: request.input.client_nonce ?? '',
      address: request.clientAddress ?? '',
      startedAtMs: request.nowMs,
      maxAge: record.max_age,
      begunBy: request.via === 'pages' ? 'pages' : 'client',
    }
  }

  // ---------------------------------------------------------------- device

  async #startDevice(start: Start): Promise<Reply> {
    const { config, record, request } = start
    const provider = await this.#services.providers.of(config)
    if (!provider.ok) throw upstreamFailed(provider.error.detail)
    if (!this.#services.budgets.devices.take(request.clientAddress, request.nowMs))
      throw tooManyCalls()
    const signIn = this.#newState(start)
    const granted = await this.#grantDevice(provider.value, record, signIn.verifier)
    const { verificationUri, userCode, intervalSeconds, deviceCode } = granted
    const state = `st_${this.#secret()}`
    await this.#services.states.start(state, { ...signIn, deviceCode })
    return reply.data({
      auth_url: verificationUri,
      state,
      poll_interval: pollInterval(record, intervalSeconds),
      ...(userCode === undefined || userCode === '' ? {} : { user_code: userCode }),
    })
  }

  async #grantDevice(provider: OidcProvider, record: RoleRecord, verifier: string) {
    const request = { scope: scopeOf(record), challenge: challengeOf(verifier) }
    const granted = await provider.client.startDevice(provider.metadata, request)
    if (!granted.ok) {
      const { kind, detail } = granted.error
      throw kind === 'unsupported' ? refused('provider_failed', detail) : upstreamFailed(detail)
    }
    // RFC 8628 §5.4: a client may open it in a browser, and clients open addresses with shells.
    const { verificationUri } = granted.value
    if (!parseOutboundUrl(verificationUri).ok || !isPlainWebAddress(verificationUri)) {
      throw refused(
        'provider_failed',
        'the verification_uri of the identity provider is no web address',
      )
    }
    return granted.value
  }

  // ---------------------------------------------------------------- parts

  #noUrl({ request, record }: Start, detail: string): Reply {
    this.#context.logger.log('warn', 'no authorization URL was given', {
      mount: this.#context.mount().path,
      role: record.name,
      request_id: request.requestId,
      redirect_uri: request.input.redirect_uri?.slice(0, 512),
      detail,
    })
    return reply.data({ auth_url: '' })
  }

  #secret(): string {
    return randomLetters(this.#context.random, secretLength)
  }
}

/** OpenID Connect Core §3.1.2.1, §3.2.2.1. */
function authorizationParameters(parts: {
  readonly config: ConfigRecord
  readonly record: RoleRecord
  readonly signIn: NewSignIn
  readonly state: string
}): URLSearchParams {
  const { config, record, signIn, state } = parts
  const isCode = signIn.responseType === 'code'
  const parameters = new URLSearchParams({
    client_id: config.oidc_client_id,
    response_type: signIn.responseType,
    redirect_uri: signIn.redirectUri,
    scope: scopeOf(record),
    state,
    nonce: signIn.nonce,
  })
  if (config.oidc_response_mode === 'form_post') parameters.set('response_mode', 'form_post')
  if (isCode) {
    parameters.set('code_challenge', challengeOf(signIn.verifier))
    parameters.set('code_challenge_method', 'S256')
  }
  if (record.max_age > 0) parameters.set('max_age', String(record.max_age))
  return parameters
}

function withParameters(endpoint: string, parameters: URLSearchParams): string {
  // A "+" for a space is read wrongly by some providers.
  const query = parameters.toString().replaceAll('+', '%20')
  return `${endpoint}${endpoint.includes('?') ? '&' : '?'}${query}`
}

/** OpenID Connect Core §3.1.2.1: `openid` is always asked for, and once. */
function scopeOf(record: RoleRecord): string {
  const scopes = record.oidc_scopes ?? []
  return [...new Set(scopes.includes('openid') ? scopes : ['openid', ...scopes])].join(' ')
}

/** RFC 7636 §4.2. */
function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}

/** A decimal string, as clients expect. */
function pollInterval(record: RoleRecord, fromProvider: number | undefined): string {
  const seconds = record.poll_interval || fromProvider || pollSecondsDefault
  return String(Math.min(Math.max(Math.ceil(seconds), 1), pollSecondsMax))
}
