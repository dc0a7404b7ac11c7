/**
 * An identity provider that a test can make do anything: it signs real tokens and checks what real ones check (client, code, redirect URI, PKCE),
 * and every answer can be replaced. For honest flows there are the practice provider and a certified one.
 */

import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { makeJwtMaker, type JwtMaker } from './jwt-maker.ts'

export type Members = Record<string, unknown>

export interface ScriptedAnswer {
  readonly status?: number
  readonly body: Members | string
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Nothing more comes after so many bytes of the body, and the connection stays open. */
  readonly stopsAfter?: number
  /** Is not given before that. */
  readonly waitsFor?: Promise<unknown>
}

interface Authorization {
  readonly redirectUri: string
  readonly nonce: string
  readonly challenge: string
}

export interface TokenRequest {
  readonly form: URLSearchParams
  readonly authorization: string | undefined
}

export class ScriptedProvider {
  readonly clientId = 'abc'
  readonly clientSecret = 'def'
  readonly key: JwtMaker = makeJwtMaker('k1')
  /** Claims of the next ID tokens beside the registered ones; a member undefined takes a registered one out. */
  claims: Members = {
    email: 'bob@example.com',
    COLOR: 'green',
    sk: '42',
    password: 'foo',
    nested: {
      Size: 'medium',
      Groups: ['a', 'b'],
      secret_code: 'bar',
      username: 'nested_username',
    },
  }
  userInfo: Members | ScriptedAnswer = { sub: 'bob-subject', color: 'red', temperature: '76' }
  /** Members laid over the discovery document. */
  metadata: Members = {}
  /** Replaces the ID token when set. */
  idToken: ((claims: Members) => string | undefined) | undefined
  /** Replaces the whole answer of the token endpoint when it gives one. */
  onToken: ((request: TokenRequest) => ScriptedAnswer | undefined) | undefined
  onDevice: ((request: TokenRequest) => ScriptedAnswer | undefined) | undefined
  jwks: Members | undefined
  readonly tokenRequests: TokenRequest[] = []
  readonly deviceRequests: TokenRequest[] = []
  readonly #counts = new Map<string, number>()
  readonly #codes = new Map<string, Authorization>()
  readonly #server: Server
  #url = ''

  constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
  }

  get issuer(): string {
    return this.#url
  }

  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
    const address = this.#server.address() as AddressInfo
    this.#url = `http://127.0.0.1:${address.port}`
    return this
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  count(path: string): number {
    return this.#counts.get(path) ?? 0
  }

  /** Says yes for a person: the code for the sign-in that this authorization URL begins. */
  authorize(authUrl: string): { readonly code: string; readonly state: string } {
    const query = new URL(authUrl).searchParams
    const code = randomBytes(12).toString('hex')
    this.#codes.set(code, {
      redirectUri: query.get('redirect_uri') ?? '',
      nonce: query.get('nonce') ?? '',
      challenge: query.get('code_challenge') ?? '',
    })
    return { code, state: query.get('state') ?? '' }
  }

  /** An ID token of this provider as it would be for that nonce. */
  mint(nonce: string | undefined, more: Members = {}): string {
    const at = Math.floor(Date.now() / 1000)
    const claims = {
      iss: this.issuer,
      sub: 'bob-subject',
      aud: this.clientId,
      iat: at - 5,
      nbf: at - 5,
      exp: at + 60,
      nonce,
      ...this.claims,
      ...more,
    }
    return this.idToken?.(claims) ?? this.key.sign(claims)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.#url)
    this.#counts.set(url.pathname, this.count(url.pathname) + 1)
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const answer = this.#answer(url, request, new URLSearchParams(body))
    await answer.waitsFor
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
    response.writeHead(answer.status ?? 200, {
      'content-type': answer.type ?? 'application/json',
      ...answer.headers,
    })
    if (answer.stopsAfter === undefined) response.end(text)
    else response.write(text.slice(0, answer.stopsAfter))
  }

  #answer(url: URL, request: IncomingMessage, form: URLSearchParams): ScriptedAnswer {
    const asked = { form, authorization: request.headers.authorization }
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return { body: this.#discovery() }
      case '/jwks':
        return { body: this.jwks ?? { keys: [this.key.jwk] } }
      case '/token':
        this.tokenRequests.push(asked)
        return this.onToken?.(asked) ?? this.#tokens(asked)
      case '/device':
        this.deviceRequests.push(asked)
        return this.onDevice?.(asked) ?? { status: 400, body: { error: 'invalid_request' } }
      case '/userinfo':
        return 'body' in this.userInfo
          ? (this.userInfo as unknown as ScriptedAnswer)
          : { body: this.userInfo }
      default:
        return { status: 404, body: {} }
    }
  }

  #discovery(): Members {
    return {
      issuer: this.issuer,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${this.issuer}/token`,
      jwks_uri: `${this.issuer}/jwks`,
      userinfo_endpoint: `${this.issuer}/userinfo`,
      ...this.metadata,
    }
  }

  #tokens({ form, authorization }: TokenRequest): ScriptedAnswer {
    const basic = `Basic ${Buffer.from(`${this.clientId}:${this.clientSecret}`).toString('base64')}`
    const isClient =
      authorization === basic ||
      (form.get('client_id') === this.clientId && form.get('client_secret') === this.clientSecret)
    if (!isClient) return { status: 401, body: { error: 'invalid_client' } }
    const code = form.get('code') ?? ''
    const known = this.#codes.get(code)
    this.#codes.delete(code)
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (
      known === undefined ||
      known.redirectUri !== form.get('redirect_uri') ||
      known.challenge !== challenge
    ) {
      return { status: 400, body: { error: 'invalid_grant', error_description: 'unexpected code' } }
    }
    return {
      body: { access_token: 'access1', token_type: 'Bearer', id_token: this.mint(known.nonce) },
    }
  }
}
