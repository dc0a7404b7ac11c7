/**
 * This server as a client of an identity provider: pushed requests, code exchange, device requests
 * and user info (jwt-oidc.md §4.8, §4.10, §4.11).
 *
 * oauth4webapi builds the requests and authenticates the client; every call leaves through
 * `platform/outbound`, which alone knows limits, TLS and redirects. Answers are read here,
 * strictly: what they claim is proven elsewhere.
 */

import * as oauth from 'oauth4webapi'
import {
  emptyObject,
  isJsonObject,
  member,
  parseJson,
  type JsonLimits,
  type JsonObject,
} from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { OutboundProblem, type Outbound, type OutboundResponse } from '../platform/outbound.ts'
import { shownUrl, type ProviderTrust } from './provider-calls.ts'
import type { ProviderMetadata } from './provider-metadata.ts'
import { createQuotes, type AnswerQuotes } from './shown-answer.ts'

/** RFC 6749 §2.3.1, RFC 7523 §2.2, OpenID Connect Core §9. */
export type ClientAuthentication =
  | { readonly method: 'secret'; readonly secret: string }
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secret: string }
  | { readonly method: 'private_key_jwt'; readonly key: oauth.CryptoKey; readonly kid: string }
  | { readonly method: 'none' }

export interface OAuthClientSettings {
  readonly outbound: Outbound
  readonly trust: ProviderTrust
  /** Empty trusts the system's roots. */
  readonly caPem: string
  readonly clientId: string
  readonly authentication: ClientAuthentication
  readonly monotonicMs: () => number
}

export interface ProviderTokens {
  readonly idToken: string
  /** Empty when the provider sent none. */
  readonly accessToken: string
  readonly refreshToken: string
}

export interface ClientProblem {
  readonly kind:
    | 'unsupported'
    /** No answer, or none that says anything. */
    | 'unreachable'
    /** An OAuth error; `code` is its code. */
    | 'refused'
    | 'no_access_token'
    | 'no_id_token'
  readonly code: string
  /** Of `refused`: the status that it came with. */
  readonly status?: number
  /** Safe to show: one line, without what was sent. */
  readonly detail: string
}

export interface DeviceGrant {
  readonly deviceCode: string
  readonly verificationUri: string
  readonly userCode: string | undefined
  readonly intervalSeconds: number | undefined
}

/** User info as claims, or as a signed token whose signature is still to be proven. */
export type UserInfo =
  | { readonly kind: 'claims'; readonly claims: JsonObject }
  | { readonly kind: 'jwt'; readonly text: string }

const callTimeoutMs = 10_000
const bodyBytesMax = 1_048_576
/** It becomes a part of an address. */
const requestUriCharsMax = 2048
/**
 * A provider that turned the client away in both ways is not asked twice again for so long: whoever
 * sends codes that nobody gave out would make two calls of each.
 */
const secondTryPauseMs = 10_000

const answerLimits: JsonLimits = {
  depthMax: 64,
  stringLengthMax: 262_144,
  entriesMax: 10_000,
  duplicates: 'refuse',
  loneSurrogates: 'refuse',
}

/**
 * RFC 6749 §5.2, RFC 8628 §3.5, RFC 9126 §2.3: they tell nothing of what was sent, even where a
 * short code or secret happens to stand in them.
 */
const standardErrors = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'authorization_pending',
  'slow_down',
  'access_denied',
  'expired_token',
  'server_error',
  'temporarily_unavailable',
])

/** The client's proof given in the other way may be worth one more try with these errors only. */
const authenticationErrors = new Set([
  '',
  'invalid_client',
  'invalid_request',
  'unauthorized_client',
])

export class OAuthClient {
  readonly #settings: OAuthClientSettings
  readonly #client: oauth.Client
  /** The way in which this provider took the client's proof. */
  #taken: Way | undefined
  /** The same for device sign-ins. */
  #takenForDevices: Way | undefined
  #secondTryFromMs = Number.NEGATIVE_INFINITY

  constructor(settings: OAuthClientSettings) {
    this.#settings = settings
    this.#client = { client_id: settings.clientId }
  }

  /** RFC 6749 §4.1.3 with PKCE (RFC 7636 §4.5). */
  async exchangeCode(
    metadata: ProviderMetadata,
    request: { readonly code: string; readonly redirectUri: string; readonly verifier: string },
  ): Promise<Result<ProviderTokens, ClientProblem>> {
    const answer = await this.#askTokens(metadata, 'authorization_code', {
      code: request.code,
      redirect_uri: request.redirectUri,
      code_verifier: request.verifier,
    })
    if (!answer.ok) return answer
    const tokens = readTokens(answer.value)
    if (tokens.accessToken === '')
      return problem('no_access_token', 'the answer has no access_token')
    return tokens.idToken === '' ? problem('no_id_token', 'the answer has no id_token') : ok(tokens)
  }

  /** RFC 9126 §2: gives the `request_uri` that stands for the parameters. */
  async pushRequest(
    metadata: ProviderMetadata,
    parameters: URLSearchParams,
  ): Promise<Result<string, ClientProblem>> {
    const { pushedRequestEndpoint: endpoint } = metadata
    if (endpoint === undefined) {
      return problem(
        'unsupported',
        'the identity provider wants pushed authorization requests and names no usable endpoint for them',
      )
    }
    const sent = ['state', 'nonce'].map((name) => parameters.get(name) ?? '')
    const quotes = this.#quotes(sent)
    const pushed = await this.#authenticated(metadata, async (by) => {
      const answer = await this.#call(endpoint, (options) =>
        oauth.pushedAuthorizationRequest(
          authorizationServer(metadata),
          this.#client,
          by,
          new URLSearchParams(parameters),
          options,
        ),
      )
      return answer.ok ? readGrant(answer.value, quotes) : answer
    })
    if (!pushed.ok) return pushed
    const requestUri = textOf(pushed.value, 'request_uri')
    return requestUri === '' || requestUri.length > requestUriCharsMax
      ? problem('unreachable', `the answer of ${shownUrl(endpoint)} has no usable request_uri`)
      : ok(requestUri)
  }

  /** RFC 8628 §3.1, §3.2. */
  async startDevice(
    metadata: ProviderMetadata,
    request: { readonly scope: string; readonly challenge: string },
  ): Promise<Result<DeviceGrant, ClientProblem>> {
    if (metadata.deviceAuthorizationEndpoint === undefined) {
      return problem('unsupported', 'the identity provider offers no device authorization endpoint')
    }
    const endpoint = metadata.deviceAuthorizationEndpoint
    const parameters = {
      scope: request.scope,
      code_challenge: request.challenge,
      code_challenge_method: 'S256',
    }
    const answer = await this.#askForDevice(metadata, [], (by) =>
      this.#call(endpoint, (options) =>
        oauth.deviceAuthorizationRequest(
          authorizationServer(metadata),
          this.#client,
          by,
          parameters,
          options,
        ),
      ),
    )
    return answer.ok ? readDeviceGrant(answer.value) : answer
  }

  /**
   * RFC 8628 §3.4, §3.5: refused with `authorization_pending` or `slow_down` while nobody has said
   * yes.
   */
  async pollDevice(
    metadata: ProviderMetadata,
    request: { readonly deviceCode: string; readonly verifier: string },
  ): Promise<Result<ProviderTokens, ClientProblem>> {
    const grant = 'urn:ietf:params:oauth:grant-type:device_code'
    const parameters = {
      client_id: this.#settings.clientId,
      device_code: request.deviceCode,
      code_verifier: request.verifier,
    }
    const sent = [request.deviceCode, request.verifier]
    const body = await this.#askForDevice(metadata, sent, (by) =>
      this.#post(metadata, grant, parameters, by),
    )
    if (!body.ok) return body
    const tokens = readTokens(body.value)
    return tokens.idToken === '' ? problem('no_id_token', 'the answer has no id_token') : ok(tokens)
  }

  /** OpenID Connect Core §5.3.1. */
  async userInfo(endpoint: string, accessToken: string): Promise<Result<UserInfo, ClientProblem>> {
    const answer = await this.#send({
      method: 'GET',
      url: endpoint,
      headers: {
        authorization: `Bearer ${accessToken}`,
        accept: 'application/json, application/jwt',
      },
    })
    if (!answer.ok) return answer
    const { status, headers, body, url } = answer.value
    if (status !== 200)
      return problem('unreachable', `${shownUrl(url)} answered with status ${status}`)
    if (mediaType(headers) === 'application/jwt') return ok({ kind: 'jwt', text: body })
    const json = readBody(answer.value)
    return json.ok ? ok({ kind: 'claims', claims: json.value }) : json
  }

  // ---------------------------------------------------------------- token endpoint

  async #askTokens(
    metadata: ProviderMetadata,
    grant: string,
    parameters: Readonly<Record<string, string>>,
  ): Promise<Result<JsonObject, ClientProblem>> {
    const quotes = this.#quotes([parameters['code'] ?? '', parameters['code_verifier'] ?? ''])
    return this.#authenticated(metadata, async (by) => {
      const answer = await this.#post(metadata, grant, parameters, by)
      return answer.ok ? readGrant(answer.value, quotes) : answer
    })
  }

  /** Asks with the client's authentication, in the way that this provider takes it. */
  async #authenticated(
    metadata: ProviderMetadata,
    ask: (by: oauth.ClientAuth) => Promise<Result<JsonObject, ClientProblem>>,
  ): Promise<Result<JsonObject, ClientProblem>> {
    const { authentication } = this.#settings
    const [first, second] = inOrder(waysOf(authentication, metadata), this.#taken)
    const tokens = await ask(proofBy(first, authentication, metadata))
    if (isAuthenticated(tokens)) {
      this.#taken = first
      return tokens
    }
    if (second === undefined || tokens.ok || tokens.error.kind !== 'refused') return tokens
    // A provider that looks at the code first took no proof when it refused one, and what it takes
    // may be changed there.
    const isKnown = this.#taken !== undefined && !isTurnedAway(tokens.error)
    if (isKnown || this.#isPausing()) return tokens
    // jwt-oidc.md §4.10: once more in the other way. The provider turned the client away before it
    // looked at the code.
    const again = await ask(proofBy(second, authentication, metadata))
    if (isAuthenticated(again)) this.#taken = second
    else this.#pauseSecondTries()
    return bothTold([first, tokens.error], [second, again])
  }

  #isPausing(): boolean {
    return this.#settings.monotonicMs() < this.#secondTryFromMs
  }

  #pauseSecondTries(): void {
    this.#secondTryFromMs = this.#settings.monotonicMs() + secondTryPauseMs
  }

  /** Quotes an answer without what was sent for it. */
  #quotes(sent: readonly string[]): AnswerQuotes {
    const { authentication, clientId } = this.#settings
    if (!('secret' in authentication)) return createQuotes(sent)
    const { secret } = authentication
    return createQuotes([...sent, secret, basicCredentials(clientId, secret)])
  }

  /**
   * jwt-oidc.md §4.8 sends id and secret in the body, and once more in the other way when the
   * client is turned away; the way that was not turned away is remembered. An answer with another
   * status than 200 or 400 is no word of the provider about the sign-in.
   */
  async #askForDevice(
    metadata: ProviderMetadata,
    sent: readonly string[],
    send: (by: oauth.ClientAuth) => Promise<Result<OutboundResponse, ClientProblem>>,
  ): Promise<Result<JsonObject, ClientProblem>> {
    const { authentication } = this.#settings
    const quotes = this.#quotes(sent)
    const ways = deviceWaysOf(authentication, metadata)
    const [first, second] = inOrder(ways, this.#takenForDevices)
    const ask = async (way: Way): Promise<Result<JsonObject, ClientProblem>> => {
      const answer = await send(proofBy(way, authentication, metadata))
      if (!answer.ok) return answer
      const { status, url } = answer.value
      const isOddSuccess = status > 200 && status < 300
      return isOddSuccess
        ? problem('unreachable', `${shownUrl(url)} answered with status ${status}`)
        : readGrant(answer.value, quotes)
    }
    const grant = await ask(first)
    if (grant.ok || second === undefined || !isTurnedAway(grant.error) || this.#isPausing()) {
      return spokenOnly(grant)
    }
    const again = await ask(second)
    if (isAuthenticated(again)) {
      this.#takenForDevices = second
      return spokenOnly(again)
    }
    this.#pauseSecondTries()
    return spokenOnly(bothTold([first, grant.error], [second, again]))
  }

  async #post(
    metadata: ProviderMetadata,
    grant: string,
    parameters: Readonly<Record<string, string>>,
    authentication: oauth.ClientAuth,
  ): Promise<Result<OutboundResponse, ClientProblem>> {
    if (metadata.tokenEndpoint === undefined) {
      return problem('unsupported', 'the discovery document names no usable token_endpoint')
    }
    return this.#call(metadata.tokenEndpoint, (options) =>
      oauth.genericTokenEndpointRequest(
        authorizationServer(metadata),
        this.#client,
        authentication,
        grant,
        { ...parameters },
        options,
      ),
    )
  }

  /** Lets the library build a request and gives the answer that came for it. */
  async #call(
    url: string,
    build: (options: CallOptions) => Promise<Response>,
  ): Promise<Result<OutboundResponse, ClientProblem>> {
    let answer: Result<OutboundResponse, ClientProblem> = problem(
      'unreachable',
      `${shownUrl(url)} was not asked`,
    )
    await build({
      // Whether plain http is acceptable was decided where the endpoints were read.
      [oauth.allowInsecureRequests]: true,
      [oauth.customFetch]: async (target, { headers, body }) => {
        answer = await this.#send({
          method: 'POST',
          url: target,
          headers,
          body: body === undefined || body === null ? '' : String(body),
        })
        return new Response(null)
      },
    })
    return answer
  }

  async #send(request: {
    readonly method: 'GET' | 'POST'
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: string
  }): Promise<Result<OutboundResponse, ClientProblem>> {
    const { outbound, trust, caPem } = this.#settings
    try {
      return ok(
        await outbound.send({
          ...trust,
          ...request,
          caPem,
          timeoutMs: callTimeoutMs,
          bodyBytesMax,
        }),
      )
    } catch (failure) {
      const cause = failure instanceof OutboundProblem ? failure.message : 'the call failed'
      return problem('unreachable', `${shownUrl(request.url)}: ${cause}`)
    }
  }
}

type CallOptions = oauth.TokenEndpointRequestOptions & oauth.DeviceAuthorizationRequestOptions

function authorizationServer(metadata: ProviderMetadata): oauth.AuthorizationServer {
  return {
    issuer: metadata.issuer,
    ...(metadata.tokenEndpoint === undefined ? {} : { token_endpoint: metadata.tokenEndpoint }),
    ...(metadata.deviceAuthorizationEndpoint === undefined
      ? {}
      : { device_authorization_endpoint: metadata.deviceAuthorizationEndpoint }),
    ...(metadata.pushedRequestEndpoint === undefined
      ? {}
      : { pushed_authorization_request_endpoint: metadata.pushedRequestEndpoint }),
  }
}

/** True when the answer came from behind the client's authentication, whatever it says. */
function isAuthenticated(tokens: Result<JsonObject, ClientProblem>): boolean {
  if (tokens.ok) return true
  return tokens.error.kind === 'refused' && !authenticationErrors.has(tokens.error.code)
}

/** How the client proves itself in one request; the last two are assertions, by their audience. */
type Way = 'none' | 'basic' | 'post' | 'to_issuer' | 'to_endpoint'

type Ways = readonly [Way, Way?]

/** The ways to try, the likelier one first. */
function waysOf(
  { method }: ClientAuthentication,
  { tokenEndpointAuthMethods: listed }: ProviderMetadata,
): Ways {
  switch (method) {
    case 'secret': {
      const isBasic = listed?.includes('client_secret_basic') ?? true
      return isBasic || !listed?.includes('client_secret_post')
        ? ['basic', 'post']
        : ['post', 'basic']
    }
    case 'client_secret_basic':
      return ['basic']
    case 'client_secret_post':
      return ['post']
    case 'private_key_jwt':
      // OpenID Connect Core §9 asks for the endpoint, its successors for the issuer, which names
      // the provider whatever its metadata says.
      return ['to_issuer', 'to_endpoint']
    case 'none':
      return ['none']
  }
}

/** For devices the body is the likelier way, unless the provider lists Basic alone. */
function deviceWaysOf(authentication: ClientAuthentication, metadata: ProviderMetadata): Ways {
  if (authentication.method !== 'secret') return waysOf(authentication, metadata)
  const listed = metadata.tokenEndpointAuthMethods ?? []
  const isBasicOnly =
    listed.includes('client_secret_basic') && !listed.includes('client_secret_post')
  return isBasicOnly ? ['basic', 'post'] : ['post', 'basic']
}

function inOrder([first, second]: Ways, taken: Way | undefined): Ways {
  return second !== undefined && taken === second ? [second, first] : [first, second]
}

function proofBy(
  way: Way,
  authentication: ClientAuthentication,
  { tokenEndpoint }: ProviderMetadata,
): oauth.ClientAuth {
  if (authentication.method === 'none') return oauth.None()
  if (authentication.method === 'private_key_jwt') {
    const { key, kid } = authentication
    if (way === 'to_issuer' || tokenEndpoint === undefined) return oauth.PrivateKeyJwt({ key, kid })
    const toEndpoint: oauth.ModifyAssertionFunction = (_, payload) => {
      payload['aud'] = tokenEndpoint
    }
    return oauth.PrivateKeyJwt({ key, kid }, { [oauth.modifyAssertion]: toEndpoint })
  }
  const { secret } = authentication
  if (way === 'post') return oauth.ClientSecretPost(secret)
  return (_, client, __, headers) => {
    headers.set('authorization', `Basic ${basicCredentials(client.client_id, secret)}`)
  }
}

const wayWords: Readonly<Record<Way, string>> = {
  none: 'without a proof',
  basic: 'with the secret as Basic credentials',
  post: 'with the secret in the form',
  to_issuer: 'with an assertion for the issuer',
  to_endpoint: 'with an assertion for the token endpoint',
}

/**
 * A wrong secret is told by one of the answers, and a way that is not taken by the other; or by the
 * first alone, where a provider then says that it has seen the code before.
 */
function bothTold(
  [firstWay, first]: readonly [Way, ClientProblem],
  [secondWay, second]: readonly [Way, Result<JsonObject, ClientProblem>],
): Result<JsonObject, ClientProblem> {
  if (second.ok || second.error.detail === first.detail) return second
  const said = isTurnedAway(first) && !isAuthenticated(second) ? first : second.error
  const detail = `${wayWords[firstWay]}: ${first.detail}; ${wayWords[secondWay]}: ${second.error.detail}`
  return err({ ...said, detail })
}

/**
 * RFC 6749 §2.3.1. The library encodes hyphens and full stops too, and a provider that decodes
 * nothing then does not know a UUID.
 */
function basicCredentials(id: string, secret: string): string {
  const [name, password] = [id, secret].map((text) =>
    encodeURIComponent(text.toWellFormed()).replaceAll('%20', '+'),
  )
  return Buffer.from(`${name}:${password}`).toString('base64')
}

// ---------------------------------------------------------------- answers

/** RFC 6749 §5.1, §5.2; some providers answer an error with 200. */
function readGrant(
  answer: OutboundResponse,
  quotes: AnswerQuotes,
): Result<JsonObject, ClientProblem> {
  const body = readBody(answer)
  const isSuccess = answer.status >= 200 && answer.status < 300
  if (!body.ok) {
    if (isSuccess) return body
    return refused(answer, '', `answered with status ${answer.status}`)
  }
  // Serialisers write null or nothing for what there is not.
  if (isSuccess && (member(body.value, 'error') ?? '') === '') return body
  const error = textOf(body.value, 'error')
  const isStandard = standardErrors.has(error)
  const named = isStandard ? JSON.stringify(error) : quotes.quote(error)
  const description = descriptionOf(body.value)
  const words = [
    ...(error === '' ? [] : [named]),
    ...(description === '' ? [] : [quotes.quote(description)]),
  ]
  const said = words.length === 0 ? `with status ${answer.status}` : words.join(': ')
  // Clients are told the code by itself.
  const code = !isStandard && quotes.isEcho(error) ? 'unknown' : error
  return refused(answer, code, `answered ${said}`)
}

/** The standard's member, or one that providers and gateways have in its place. */
function descriptionOf(body: JsonObject): string {
  const error = member(body, 'error')
  const inner = isJsonObject(error) ? error : emptyObject()
  const places: readonly (readonly [JsonObject, string])[] = [
    [body, 'error_description'],
    [inner, 'message'],
    [body, 'message'],
    [body, 'errorSummary'],
    [body, 'detail'],
    [body, 'title'],
  ]
  for (const [object, name] of places) {
    const text = textOf(object, name)
    if (text !== '') return text
  }
  return ''
}

/** An error with another status than 200 or 400 is no word about the sign-in. */
function spokenOnly(grant: Result<JsonObject, ClientProblem>): Result<JsonObject, ClientProblem> {
  if (grant.ok || grant.error.kind !== 'refused') return grant
  const { status, detail } = grant.error
  return status === 200 || status === 400 ? grant : problem('unreachable', detail)
}

/** RFC 6749 §5.2: the client did not prove itself; some providers have the other word for it. */
function isTurnedAway({ code, status }: ClientProblem): boolean {
  return status === 401 || code === 'invalid_client' || code === 'unauthorized_client'
}

function readBody(answer: OutboundResponse): Result<JsonObject, ClientProblem> {
  // jwt-oidc.md §4.10: form text when the content type says so.
  if (mediaType(answer.headers) === 'application/x-www-form-urlencoded') {
    const members = emptyObject()
    for (const [name, value] of new URLSearchParams(answer.body)) members[name] = value
    return ok(members)
  }
  const json = parseJson(answer.body, answerLimits)
  const hint = /^\s*</.test(answer.body) ? '; is a proxy in front?' : ''
  if (!json.ok) {
    return problem(
      'unreachable',
      `${shownUrl(answer.url)} answered with something that is not acceptable JSON${hint}`,
    )
  }
  if (!isJsonObject(json.value)) {
    return problem('unreachable', `${shownUrl(answer.url)} answered with JSON that is no object`)
  }
  return ok(json.value)
}

function readTokens(body: JsonObject): ProviderTokens {
  return {
    idToken: textOf(body, 'id_token'),
    accessToken: textOf(body, 'access_token'),
    refreshToken: textOf(body, 'refresh_token'),
  }
}

function readDeviceGrant(body: JsonObject): Result<DeviceGrant, ClientProblem> {
  const deviceCode = textOf(body, 'device_code')
  // Old providers say url instead of uri.
  const complete =
    textOf(body, 'verification_uri_complete') || textOf(body, 'verification_url_complete')
  const plain = textOf(body, 'verification_uri') || textOf(body, 'verification_url')
  if (deviceCode === '' || (complete === '' && plain === '')) {
    return problem(
      'unreachable',
      'the device authorization answer lacks device_code or verification_uri',
    )
  }
  const interval = member(body, 'interval')
  const isSeconds = typeof interval === 'number' && Number.isInteger(interval) && interval > 0
  return ok({
    deviceCode,
    verificationUri: complete === '' ? plain : complete,
    userCode: complete === '' ? textOf(body, 'user_code') : undefined,
    intervalSeconds: isSeconds ? interval : undefined,
  })
}

function mediaType(headers: Readonly<Record<string, string>>): string {
  return (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

function textOf(body: JsonObject, name: string): string {
  const value = member(body, name)
  return typeof value === 'string' ? value : ''
}

function problem(kind: ClientProblem['kind'], detail: string): Result<never, ClientProblem> {
  return err({ kind, code: '', detail })
}

function refused(
  { url, status }: OutboundResponse,
  code: string,
  happened: string,
): Result<never, ClientProblem> {
  return err({ kind: 'refused', code, status, detail: `${shownUrl(url)} ${happened}` })
}
