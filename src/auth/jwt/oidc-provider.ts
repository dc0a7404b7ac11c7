/**
 * The identity provider of an OIDC mount as sign-ins use it: its endpoints, and this server as its
 * client.
 */

import type { BackendContext } from '../../framework/backend.ts'
import { readCaBundle } from '../../oidc/ca-bundle.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { KeySource } from '../../oidc/key-source.ts'
import type { KeyRefusal } from '../../oidc/key-verdict.ts'
import { OAuthClient, type ClientAuthentication } from '../../oidc/oauth-client.ts'
import { loadSigningKey } from '../../oidc/client-key.ts'
import { readProviderMetadata, type ProviderMetadata } from '../../oidc/provider-metadata.ts'
import type { SignatureAlgorithm } from '../../jose/algorithms.ts'
import type { ClientKeys } from './client-keys.ts'
import type { ConfigRecord, JwtConfigs } from './config.ts'

export interface OidcProvider {
  readonly config: ConfigRecord
  readonly metadata: ProviderMetadata
  readonly client: OAuthClient
  readonly keys: KeySource
  readonly algorithms: ReadonlySet<SignatureAlgorithm>
}

/** jwt-oidc.md §3.4: an ID token is signed with RS256 unless the mount says otherwise. */
const idTokenAlgorithms: ReadonlySet<SignatureAlgorithm> = new Set(['RS256'])

interface HeldClient {
  readonly id: string
  readonly client: OAuthClient
}

export class OidcProviders {
  readonly #context: BackendContext
  readonly #configs: JwtConfigs
  readonly #clientKeys: ClientKeys
  /** Knows which way of authentication the provider took. */
  #held: HeldClient | undefined

  constructor(context: BackendContext, configs: JwtConfigs, clientKeys: ClientKeys) {
    this.#context = context
    this.#configs = configs
    this.#clientKeys = clientKeys
  }

  /** Asks for the discovery document at first use. */
  async of(config: ConfigRecord): Promise<Result<OidcProvider, KeyRefusal>> {
    const keys = this.#configs.keySource(config)
    const document = await keys.discoveryDocument()
    if (!document.ok) return document
    if (document.value === undefined) {
      return err({ reason: 'key_source_invalid', detail: 'the mount has no discovery URL' })
    }
    const named = config.jwt_supported_algs
    return ok({
      config,
      metadata: readProviderMetadata(document.value),
      client: await this.#client(config),
      keys,
      algorithms: named.length === 0 ? idTokenAlgorithms : this.#configs.algorithms(named),
    })
  }

  async #client(config: ConfigRecord): Promise<OAuthClient> {
    const method = config.oidc_client_auth_method
    const key = method === 'private_key_jwt' ? await this.#clientKeys.current() : undefined
    const id = `${config.revision} ${key?.kid ?? ''}`
    if (this.#held?.id === id) return this.#held.client
    const client = new OAuthClient({
      outbound: this.#context.outbound,
      trust: {
        acceptedServerNames: config.override_allowed_server_names,
        toleratedCriticalExtensions: config.unsupported_critical_cert_extensions,
      },
      caPem: readCaBundle(config.oidc_discovery_ca_pem).pem,
      clientId: config.oidc_client_id,
      monotonicMs: () => this.#context.clock.monotonicMs(),
      authentication:
        key === undefined
          ? secretAuthentication(config)
          : { method: 'private_key_jwt', key: await loadSigningKey(key), kid: key.kid },
    })
    this.#held = { id, client }
    return client
  }
}

function secretAuthentication(config: ConfigRecord): ClientAuthentication {
  const { oidc_client_auth_method: method, oidc_client_secret: secret } = config
  switch (method) {
    case 'client_secret_basic':
    case 'client_secret_post':
      return { method, secret }
    case 'none':
      return { method }
    case 'private_key_jwt':
    case '':
      return { method: 'secret', secret }
  }
}
