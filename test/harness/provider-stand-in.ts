/**
 * An identity provider of the world on this machine: discovery, keys and tokens as that provider's documents have them, below its real address.
 * Calls of a server to its host are led here by `rerouted`. Of a browser sign-in it checks what real ones check: client, code, redirect URI, PKCE.
 */

import { createHash, randomBytes } from 'node:crypto'
import type { Outbound } from '../../src/platform/outbound.ts'
import {
  DirectoryStandIn,
  type DirectoryQuestion,
  type DirectoryReply,
} from './directory-stand-in.ts'
import { makeRsaJwtMaker, type JwtMaker } from './jwt-maker.ts'

type Claims = Readonly<Record<string, unknown>>

export interface ProviderOptions {
  /** As its tokens say it, with or without a slash at the end. */
  readonly issuer: string
  /** RS256 when absent. */
  readonly key?: JwtMaker
  /** Members of each published key beside those of RFC 7517; `use` `sig` when absent. */
  readonly keyMembers?: Readonly<Record<string, unknown>>
  /** Published beside it, before it. */
  readonly otherKeys?: readonly object[]
  /** Address of the key set; `/keys` below the issuer when absent. */
  readonly keysAt?: string
  /** Hosts beside the issuer's, such as a directory of groups. */
  readonly moreHosts?: readonly string[]
}

interface Authorization {
  readonly redirectUri: string
  readonly nonce: string
  readonly challenge: string
}

const notFound: DirectoryReply = { status: 404, body: {} }

export class ProviderStandIn {
  readonly key: JwtMaker
  clientId = 'tokenstile'
  clientSecret = 'secret-of-the-client'
  readonly accessToken = 'access-token-of-the-person'
  /** Claims of the person who signs in next; those of user info are laid over them. */
  person: Claims = {}
  userInfo: Claims = {}
  /** Members of the header of ID tokens beside those of the key. */
  header: Record<string, unknown> = {}
  /** Further addresses of the provider. */
  more: (question: DirectoryQuestion) => DirectoryReply | undefined = () => undefined
  /** Answers nothing any more. */
  isAway = false
  readonly #options: ProviderOptions
  readonly #directory = new DirectoryStandIn()
  readonly #codes = new Map<string, Authorization>()

  constructor(options: ProviderOptions) {
    this.#options = options
    this.key = options.key ?? makeRsaJwtMaker('key-of-this-month')
    this.#directory.answer = (question) => this.#answer(question)
  }

  get questions(): readonly DirectoryQuestion[] {
    return this.#directory.questions
  }

  async start(): Promise<this> {
    await this.#directory.start()
    return this
  }

  stop(): Promise<void> {
    return this.#directory.stop()
  }

  /** Where this machine's programs reach an address of the provider. */
  addressOf(url: string): string {
    return this.#directory.addressOf(url)
  }

  rerouted(real: Outbound): Outbound {
    const hosts = [new URL(this.#options.issuer).host, ...(this.#options.moreHosts ?? [])]
    return this.#directory.rerouted(real, hosts)
  }

  /** A token of this provider with these claims. */
  mint(claims: Claims, header?: Record<string, unknown>): string {
    return this.key.sign({ iss: this.#options.issuer, ...claims }, header)
  }

  /** The person says yes to the sign-in that this address begins: the query of the answer. */
  approve(authUrl: string): URLSearchParams {
    const query = new URL(authUrl).searchParams
    const code = randomBytes(12).toString('hex')
    this.#codes.set(code, {
      redirectUri: query.get('redirect_uri') ?? '',
      nonce: query.get('nonce') ?? '',
      challenge: query.get('code_challenge') ?? '',
    })
    return new URLSearchParams({ code, state: query.get('state') ?? '' })
  }

  get #base(): string {
    return this.#options.issuer.replace(/\/$/, '')
  }

  #answer(question: DirectoryQuestion): DirectoryReply {
    if (this.isAway) return { status: 503, body: 'down for maintenance' }
    const keysAt = this.#options.keysAt ?? `${this.#base}/keys`
    const { origin, pathname } = question.url
    switch (`${origin}${pathname}`) {
      case `${this.#base}/.well-known/openid-configuration`:
        return {
          body: {
            issuer: this.#options.issuer,
            authorization_endpoint: `${this.#base}/authorize`,
            token_endpoint: `${this.#base}/token`,
            userinfo_endpoint: `${this.#base}/userinfo`,
            jwks_uri: keysAt,
            response_types_supported: ['code', 'id_token'],
            subject_types_supported: ['public'],
            id_token_signing_alg_values_supported: ['RS256'],
          },
        }
      case keysAt:
        return { body: this.keySet() }
      case `${this.#base}/token`:
        return this.#tokens(question)
      case `${this.#base}/userinfo`:
        return question.authorization === `Bearer ${this.accessToken}`
          ? { body: { sub: this.person['sub'], ...this.userInfo } }
          : { status: 401, body: {} }
      default:
        return this.more(question) ?? notFound
    }
  }

  keySet(): { readonly keys: readonly object[] } {
    const { keyMembers = { use: 'sig' }, otherKeys = [] } = this.#options
    return { keys: [...otherKeys, { ...this.key.jwk, ...keyMembers }] }
  }

  #tokens({ authorization, body }: DirectoryQuestion): DirectoryReply {
    const form = new URLSearchParams(body)
    const pair = `${this.clientId}:${this.clientSecret}`
    const isClient =
      authorization === `Basic ${Buffer.from(pair).toString('base64')}` ||
      (form.get('client_id') === this.clientId && form.get('client_secret') === this.clientSecret)
    if (!isClient) return { status: 401, body: { error: 'invalid_client' } }
    const code = form.get('code') ?? ''
    const known = this.#codes.get(code)
    this.#codes.delete(code)
    const verifier = form.get('code_verifier') ?? ''
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    if (known?.redirectUri !== form.get('redirect_uri') || known.challenge !== challenge) {
      return { status: 400, body: { error: 'invalid_grant' } }
    }
    const claims = { aud: this.clientId, nonce: known.nonce, ...this.person }
    const id_token = this.mint(claims, this.header)
    return { body: { access_token: this.accessToken, token_type: 'Bearer', id_token } }
  }
}
