/**
 * Stands for an OpenID provider of the world at its own address: discovery, keys, code exchange and
 * user info, as its documents say, over HTTP on this machine. Calls to its host are led here.
 */

import { makeRsaJwtMaker, type JwtMaker } from './jwt-maker.ts'
import { DirectoryStandIn, type DirectoryReply } from './directory-stand-in.ts'
import type { Outbound } from '../../src/platform/outbound.ts'

export type Claims = Readonly<Record<string, unknown>>

export class IssuerStandIn {
  readonly #directory = new DirectoryStandIn()
  readonly #keys: JwtMaker = makeRsaJwtMaker('k1')
  readonly #issuer: string
  /** What the next person's ID token and user info say. */
  claims: Claims = {}
  #nonce = ''
  #clientId = ''

  constructor(issuer: string) {
    this.#issuer = issuer
  }

  async start(): Promise<this> {
    await this.#directory.start()
    const base = this.#issuer.replace(/\/$/, '')
    this.#directory.answer = ({ url }): DirectoryReply => {
      const asked = `https://${url.host}${url.pathname}`
      if (asked === `${base}/.well-known/openid-configuration`)
        return { body: this.#document(base) }
      if (asked === `${base}/keys`) return { body: { keys: [this.#keys.jwk] } }
      if (asked === `${base}/token`) return { body: this.#tokens() }
      if (asked === `${base}/userinfo`) return { body: this.claims }
      return { status: 404, body: {} }
    }
    return this
  }

  stop(): Promise<void> {
    return this.#directory.stop()
  }

  rerouted(real: Outbound): Outbound {
    return this.#directory.rerouted(real, [new URL(this.#issuer).host])
  }

  sign(claims: Claims): string {
    const at = Math.floor(Date.now() / 1000)
    return this.#keys.sign({ iss: this.#issuer, iat: at, nbf: at, exp: at + 300, ...claims })
  }

  /** The person says yes; gives what comes back. */
  authorize(authUrl: string): { readonly code: string; readonly state: string } {
    const query = new URL(authUrl).searchParams
    this.#nonce = query.get('nonce') ?? ''
    this.#clientId = query.get('client_id') ?? ''
    return { code: 'a-code', state: query.get('state') ?? '' }
  }

  #tokens(): Claims {
    const id_token = this.sign({ ...this.claims, aud: this.#clientId, nonce: this.#nonce })
    return { token_type: 'Bearer', access_token: 'an-access-token', id_token }
  }

  #document(base: string): Claims {
    return {
      issuer: this.#issuer,
      jwks_uri: `${base}/keys`,
      authorization_endpoint: `${base}/authorize`,
      token_endpoint: `${base}/token`,
      userinfo_endpoint: `${base}/userinfo`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'ES256'],
    }
  }
}
