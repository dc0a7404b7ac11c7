/**
 * A practice identity provider: an OpenID provider on its own loopback origin that signs real
 * tokens, rotates its keys and gets into trouble on request. It authenticates nobody, so it never
 * listens where another machine could reach it. For the first ten minutes with the product and for
 * tests.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIPv6, type AddressInfo } from 'node:net'
import { cidrContains, parseCidr } from '../lib/cidr.ts'
import { isJsonObject, parseJson, requestJsonLimits, type JsonObject } from '../lib/json.ts'
import type { Clock } from '../platform/clock.ts'
import type { Random } from '../platform/random.ts'
import {
  practiceAlgorithms,
  PracticeKeys,
  signJwt,
  type PracticeAlgorithm,
  type PracticeKey,
} from './practice-keys.ts'
import { defaultClient, type PracticeClient } from './clients.ts'
import type { PersonName } from './people.ts'
import type { PageFacts, PracticePage } from './sign-in-pages.ts'
import { PracticeSignIn, type Arrival, type TokenAnswer } from './sign-in.ts'
import { mintedPage, practicePage } from './practice-page.ts'
import { isTrouble, troubleNames, type Trouble } from './trouble.ts'
import { isWorkload, workloads, type Claims, type Workload } from './workload.ts'

export interface PracticeIdpOptions {
  /** A loopback address. */
  readonly address: string
  /** 0 takes a free one. */
  readonly port: number
  readonly random: Random
  readonly clock: Clock
  /** One confidential client, `tokenstile`, when absent. */
  readonly clients?: readonly PracticeClient[]
}

export interface MintOptions {
  /** Claims to start from; the given ones are laid over them. */
  readonly template?: Workload
  readonly alg?: PracticeAlgorithm
  readonly lifetimeSeconds?: number
  /** Members laid over the header. */
  readonly header?: Claims
}

export interface PracticeIdp {
  start(): Promise<{ readonly issuer: string }>
  stop(): Promise<void>
  readonly issuer: string
  /**
   * Signs a token as the provider would now, troubles included. A claim given as undefined is left
   * out.
   */
  mint(claims?: Claims, options?: MintOptions): string
  rotate(options?: { readonly withdraw?: boolean }): void
  setTrouble(trouble: Trouble, isOn: boolean): void
  /**
   * What a click on that person does at this authorization address, without a browser. Throws for a
   * request that is answered by a page.
   */
  authorize(authUrl: string, person: PersonName | 'nobody'): Arrival
  /** Says yes for a device; `nobody` says no. False when none waits with that code. */
  answerDevice(userCode: string, person: PersonName | 'nobody'): boolean
  /** Requests so far by path, for instance "/jwks". */
  requestCount(path: string): number
}

const lifetimeSecondsDefault = 300
const aheadSeconds = 600
const slowMs = 5_000
const bodyBytesMax = 65_536
const countedPathsMax = 100

export type { Arrival } from './sign-in.ts'
export type { PracticeClient } from './clients.ts'

export function createPracticeIdp(options: PracticeIdpOptions): PracticeIdp {
  return new HttpPracticeIdp(options)
}

class HttpPracticeIdp implements PracticeIdp {
  readonly #options: PracticeIdpOptions
  readonly #keys = new PracticeKeys()
  readonly #active = new Set<Trouble>()
  readonly #counts = new Map<string, number>()
  readonly #server: Server
  readonly #signIn: PracticeSignIn
  #issuer = ''

  constructor(options: PracticeIdpOptions) {
    if (!isLoopback(options.address)) {
      throw new Error(
        'the practice identity provider signs for anybody: it listens on a loopback address only',
      )
    }
    this.#options = options
    this.#signIn = new PracticeSignIn({
      ...options,
      clients: options.clients ?? [defaultClient],
      issuer: () => this.#issuer,
      isOn: (trouble) => this.#active.has(trouble),
      mint: (claims) => this.mint(claims),
    })
    this.#server = createServer({ maxHeaderSize: 16_384 }, (request, response) => {
      this.#answer(request, response).catch(() => response.destroy())
    })
  }

  get issuer(): string {
    return this.#issuer
  }

  async start(): Promise<{ readonly issuer: string }> {
    const { address, port } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, address, resolve)
    })
    const bound = this.#server.address() as AddressInfo
    this.#issuer = `http://${isIPv6(address) ? `[${address}]` : address}:${bound.port}`
    return { issuer: this.#issuer }
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  mint(claims: Claims = {}, options: MintOptions = {}): string {
    const { alg = 'RS256', template, lifetimeSeconds = lifetimeSecondsDefault } = options
    let nowSeconds = Math.floor(this.#options.clock.nowMs() / 1000)
    if (this.#active.has('clock_ahead')) nowSeconds += aheadSeconds
    if (this.#active.has('expired')) nowSeconds -= lifetimeSeconds + 3600
    const base: Claims = template === undefined ? {} : workloads[template].claims
    const whole: Record<string, unknown> = {
      iss: this.#issuer,
      iat: nowSeconds,
      nbf: nowSeconds,
      exp: nowSeconds + lifetimeSeconds,
      jti: this.#options.random.uuid(),
      ...base,
      ...claims,
    }
    if (this.#active.has('groups_missing')) delete whole['groups']
    return signJwt(this.#signingKey(alg), whole, options.header)
  }

  rotate(options: { readonly withdraw?: boolean } = {}): void {
    this.#keys.rotate(options)
  }

  setTrouble(trouble: Trouble, isOn: boolean): void {
    if (isOn) this.#active.add(trouble)
    else this.#active.delete(trouble)
  }

  authorize(authUrl: string, person: PersonName | 'nobody'): Arrival {
    const arrival = this.#signIn.choose(new URL(authUrl).searchParams, person)
    if (typeof arrival === 'string') throw new Error(arrival)
    return arrival
  }

  answerDevice(userCode: string, person: PersonName | 'nobody'): boolean {
    return this.#signIn.answerDevice(userCode, person)
  }

  requestCount(path: string): number {
    return this.#counts.get(path) ?? 0
  }

  #signingKey(alg: PracticeAlgorithm): PracticeKey {
    const key = this.#active.has('wrong_key') ? this.#keys.stranger(alg) : this.#keys.current(alg)
    return this.#active.has('unknown_kid') ? { ...key, kid: `${key.kid}-unpublished` } : key
  }

  // ---------------------------------------------------------------- HTTP

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    this.#count(path)
    // A page elsewhere must not reach this server through the browser, under a rebound name either.
    if (!this.#isOwn(request, path)) return sendJson(response, 403, { error: 'foreign_origin' })
    const step = await this.#signInStep(request, path)
    if (step !== undefined) return sendStep(response, step)
    switch (`${request.method} ${path}`) {
      case 'GET /':
        return sendStep(response, this.#page())
      case 'GET /.well-known/openid-configuration':
        return this.#sendDocument(response, JSON.stringify(this.#discovery()))
      case 'GET /jwks':
        if (this.#active.has('slow_jwks')) await this.#options.clock.sleep(slowMs)
        return this.#sendDocument(response, this.#keys.published())
      case 'GET /troubles':
        return sendJson(response, 200, this.#troubleList())
      case 'POST /mint':
        return this.#mintByRequest(await readFields(request), request, response)
      case 'POST /rotate':
        return this.#rotateByRequest(await readFields(request), request, response)
      case 'POST /troubles':
        return this.#switchByRequest(await readFields(request), request, response)
      default:
        return sendJson(response, 404, { error: 'not_found' })
    }
  }

  /** Endpoints of the OpenID provider; undefined for any other path. */
  async #signInStep(
    request: IncomingMessage,
    path: string,
  ): Promise<PracticePage | TokenAnswer | undefined> {
    const signIn = this.#signIn
    const { method = '' } = request
    const { authorization } = request.headers
    const query = new URL(request.url ?? '/', this.#issuer).searchParams
    const [, area = '', as = '', name = ''] = path.split('/')
    if (method === 'GET' && area === 'authorize' && as === '') return signIn.authorizePage(query)
    if (method === 'POST' && path === '/authorize') {
      return signIn.authorizePage(await readForm(request))
    }
    if (method === 'GET' && area === 'authorize' && as === 'as') {
      return signIn.choosePage(query, name)
    }
    if (method === 'GET' && path === '/device') return signIn.devicePage(query)
    if (method === 'GET' && area === 'device' && as === 'as') {
      return signIn.deviceChoicePage(query, name)
    }
    switch (`${method} ${path}`) {
      case 'POST /token':
        return signIn.token(await readForm(request), authorization)
      case 'POST /device_authorization':
        return signIn.startDevice(await readForm(request), authorization)
      case 'GET /userinfo':
      case 'POST /userinfo':
        return signIn.userInfo(authorization)
      case 'GET /end_session':
        return signIn.message(200, 'Signed out', 'There was no session to end.')
      default:
        return undefined
    }
  }

  #isOwn(request: IncomingMessage, path: string): boolean {
    const own = new URL(this.#issuer)
    const hosts = [own.host, `localhost:${own.port}`]
    const { host = '', origin } = request.headers
    return (
      hosts.includes(host) &&
      // OpenID Connect Core §3.1.2.1: a request for authorization may come as a form from anywhere.
      (path === '/authorize' ||
        origin === undefined ||
        hosts.some((name) => origin === `http://${name}`))
    )
  }

  #count(path: string): void {
    if (!this.#counts.has(path) && this.#counts.size >= countedPathsMax) return
    this.#counts.set(path, this.requestCount(path) + 1)
  }

  #discovery(): Claims {
    const issuer = this.#issuer
    return {
      issuer: this.#active.has('issuer_slash') ? `${issuer}/` : issuer,
      jwks_uri: `${issuer}/jwks`,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      device_authorization_endpoint: `${issuer}/device_authorization`,
      end_session_endpoint: `${issuer}/end_session`,
      response_types_supported: ['code', 'id_token'],
      response_modes_supported: ['query', 'form_post'],
      grant_types_supported: [
        'authorization_code',
        'implicit',
        'urn:ietf:params:oauth:grant-type:device_code',
      ],
      scopes_supported: ['openid', 'profile', 'email', 'groups'],
      claims_supported: ['sub', 'name', 'preferred_username', 'email', 'email_verified', 'groups'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: practiceAlgorithms,
    }
  }

  #sendDocument(response: ServerResponse, text: string): void {
    if (this.#active.has('status_500')) return sendJson(response, 500, { error: 'server_error' })
    if (this.#active.has('html')) {
      return sendPage(
        response,
        '<!doctype html><title>Sign in</title><p>Please sign in to the network.</p>',
      )
    }
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=60' })
    response.end(text)
  }

  #page(): PracticePage {
    return practicePage({
      ...this.#pageFacts(),
      issuer: this.#issuer,
      generation: this.#keys.generation,
      active: this.#active,
    })
  }

  #pageFacts(): PageFacts {
    return {
      nonce: this.#options.random.bytes(18).toString('base64'),
      coop: this.#active.has('coop'),
    }
  }

  #troubleList(): Record<string, boolean> {
    return Object.fromEntries(troubleNames.map((name) => [name, this.#active.has(name)]))
  }

  #mintByRequest(
    fields: JsonObject | undefined,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    if (fields === undefined) return sendJson(response, 400, { error: 'body_malformed' })
    const { template, claims, audience, alg } = fields
    const lifetime = Number(fields['lifetime_seconds'] ?? lifetimeSecondsDefault)
    if (template !== undefined && !(typeof template === 'string' && isWorkload(template))) {
      return sendJson(response, 400, { error: 'template_unknown' })
    }
    const known = practiceAlgorithms.find((name) => name === (alg ?? 'RS256'))
    if (known === undefined) return sendJson(response, 400, { error: 'alg_unknown' })
    if (claims !== undefined && !isJsonObject(claims)) {
      return sendJson(response, 400, { error: 'claims_malformed' })
    }
    if (!Number.isFinite(lifetime)) return sendJson(response, 400, { error: 'lifetime_malformed' })
    const extra = audience === undefined || audience === '' ? {} : { aud: audience }
    const jwt = this.mint(
      { ...claims, ...extra },
      { ...(template === undefined ? {} : { template }), alg: known, lifetimeSeconds: lifetime },
    )
    if (!isForPerson(request)) return sendJson(response, 200, { jwt })
    const asked = {
      ...(template === undefined ? {} : { template }),
      ...(Object.keys(extra).length === 0 ? {} : { audience }),
    }
    sendStep(
      response,
      mintedPage({ ...this.#pageFacts(), issuer: this.#issuer, jwt, body: JSON.stringify(asked) }),
    )
  }

  #rotateByRequest(
    fields: JsonObject | undefined,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    this.rotate({ withdraw: isTrue(fields?.['withdraw']) })
    this.#sendDone(request, response, { generation: this.#keys.generation })
  }

  #switchByRequest(
    fields: JsonObject | undefined,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    for (const [name, value] of Object.entries(fields ?? {})) {
      if (!isTrouble(name)) return sendJson(response, 400, { error: 'trouble_unknown' })
      this.setTrouble(name, isTrue(value))
    }
    this.#sendDone(request, response, this.#troubleList())
  }

  /** A form goes back to the page, a program gets the new state. */
  #sendDone(request: IncomingMessage, response: ServerResponse, state: object): void {
    if (!isForm(request)) return sendJson(response, 200, state)
    response.writeHead(303, { location: '/' })
    response.end()
  }
}

function isLoopback(address: string): boolean {
  return ['127.0.0.0/8', '::1/128'].some((text) => {
    const network = parseCidr(text)
    return network !== undefined && cidrContains(network, address)
  })
}

function isForm(request: IncomingMessage): boolean {
  return request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
}

/** A form of its own page, rather than a program. */
function isForPerson(request: IncomingMessage): boolean {
  return isForm(request) && request.headers.accept?.includes('text/html') === true
}

function isTrue(value: unknown): boolean {
  return value === true || value === 'true'
}

/** Fields of a JSON or form body; undefined for one that is neither or too long. */
async function readFields(request: IncomingMessage): Promise<JsonObject | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bodyBytesMax) return undefined
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  if (isForm(request)) return Object.fromEntries(new URLSearchParams(text))
  const json = parseJson(text === '' ? '{}' : text, requestJsonLimits)
  return json.ok && isJsonObject(json.value) ? json.value : undefined
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const form = new URLSearchParams()
  if (!isForm(request)) return form
  for (const [name, value] of Object.entries((await readFields(request)) ?? {})) {
    if (typeof value === 'string') form.set(name, value)
  }
  return form
}

function sendStep(response: ServerResponse, step: PracticePage | TokenAnswer): void {
  if (typeof step.body !== 'string') return sendJson(response, step.status, step.body)
  response.writeHead(step.status, 'headers' in step ? step.headers : {})
  response.end(step.body)
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}

function sendPage(response: ServerResponse, html: string): void {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'",
    'x-content-type-options': 'nosniff',
    // Its forms must come with their origin, which no-referrer would make null.
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
  })
  response.end(html)
}
