/**
 * Renewal of a token that this mount made: the checks of its login again, over the facts that were
 * kept, by the role, the issuer and the mount as they are now. Nothing is asked outside for it.
 */

import type { BackendContext, RenewRequest, RenewTerms } from '../../framework/backend.ts'
import { invalid } from '../../framework/refusal.ts'
import { renewedBy } from '../../framework/role-login.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import {
  judgeJwtRenewal,
  judgeOidcRenewal,
  type ProvenKey,
  type SharedFacts,
  type SignatureProblem,
} from '../../trust/decide.ts'
import type { Failure } from '../../trust/run-checks.ts'
import type { ConfigRecord, JwtConfigs, TrustRecord } from './config.ts'
import { readFacts, type KeptLogin } from './facts.ts'
import { issuerOfConfig, loginConfig, type JwtIssuers, type NamedIssuer } from './issuers.ts'
import type { JwtRoles } from './role.ts'

/**
 * Published keys rotate by themselves; one that stood in the configuration was taken out by
 * somebody.
 */
const keyTakenOut: Result<never, SignatureProblem> = err({
  reason: 'key_source_invalid',
  detail: 'the key that signed it is no longer configured',
})

interface Trusted {
  readonly trust: TrustRecord
  readonly issuer: NamedIssuer | undefined
}

/** It was verified at the login, and no key is asked about it again. */
const provenThen: Result<ProvenKey, never> = ok({ keyId: undefined, thumbprint: '' })

export class JwtRenewal {
  readonly #context: BackendContext
  readonly #configs: JwtConfigs
  readonly #issuers: JwtIssuers
  readonly #roles: JwtRoles

  constructor(
    context: BackendContext,
    parts: {
      readonly configs: JwtConfigs
      readonly issuers: JwtIssuers
      readonly roles: JwtRoles
    },
  ) {
    this.#context = context
    this.#configs = parts.configs
    this.#issuers = parts.issuers
    this.#roles = parts.roles
  }

  /** What is left to the core for the new lifetime; throws when the token has come to its end. */
  async renew(request: RenewRequest): Promise<RenewTerms> {
    const { store } = this.#context
    const mount = this.#context.mount()
    const { record, kept, trusted } = await store.view(async (view) => {
      const found = await this.#roles.load(request.role.name, view)
      const read = readFacts(request.facts, found?.version === request.role.version)
      const trust = await this.#configs.loadTrust(view)
      const issuer = await this.#issuers.find(trust, read.iss, view)
      return { record: found, kept: read, trusted: { trust, issuer } }
    })
    if (record === undefined) {
      throw invalid(`role ${JSON.stringify(request.role.name)} could not be found, not renewing`)
    }
    // design.md §8: with compat=vault only the role has to be there.
    if (mount.compat !== 'vault') {
      const facts = {
        mountPath: mount.path,
        role: this.#roles.compiled(record),
        compat: mount.compat,
        sourceAddress: request.clientAddress,
        nowSeconds: Math.floor(request.nowMs / 1000),
        env: {
          nowMs: request.nowMs,
          randomBytes: (count: number) => this.#context.random.bytes(count),
        },
        explainToCaller: mount.explainToCaller,
      }
      const failure = judge(facts, kept, trusted, this.#hasKey(kept, trusted))
      if (failure !== undefined) {
        throw invalid(`the token may no longer be renewed: ${failure.text}; log in again`)
      }
    }
    return renewedBy(record)
  }

  /**
   * A mount that has moved from configured keys to published ones is asked for the issuer alone.
   */
  #hasKey({ key }: KeptLogin, { trust, issuer }: Trusted): boolean {
    const { config } = trust
    const named = issuer && this.#configs.sources.of(issuer.name, issuer.record)
    const source = named ?? (config && this.#configs.keySource(config))
    return key === undefined || source?.hasKey?.(key) !== false
  }
}

function judge(
  facts: Omit<SharedFacts, 'signature' | 'config'> & Pick<Required<SharedFacts>, 'role'>,
  kept: KeptLogin,
  { trust, issuer }: Trusted,
  hasKey: boolean,
): Failure | undefined {
  const { claims, knows } = kept
  if (kept.flow === 'jwt') {
    const input = {
      ...facts,
      config: {
        ...loginConfig(trust, issuer),
        discovered_issuer: issuer === undefined ? issuerOfDiscovery(trust.config, kept.iss) : '',
      },
      requestedRole: facts.role?.name ?? '',
      token: { claims },
      signature: hasKey ? vouch(kept, trust, issuer) : keyTakenOut,
    }
    return judgeJwtRenewal(input, knows)
  }
  if (facts.role === undefined) throw new Error('a renewal is judged without a role')
  const input = {
    ...facts,
    role: facts.role,
    config: {},
    idToken: { claims },
    signature: provenThen,
    facts: {
      // An ID token is from the provider of now, or from nobody; `bound_issuer` plays no part.
      issuer: issuerOfDiscovery(trust.config, kept.iss) ?? '',
      clientId: trust.config?.oidc_client_id ?? '',
      nonce: undefined,
      maxAge: undefined,
      accessToken: '',
      code: '',
    },
    overlaid: claims,
  }
  return judgeOidcRenewal(input, knows)
}

/** Whether an issuer of the mount would still be asked for the keys of this token. */
function vouch(
  kept: KeptLogin,
  { config }: TrustRecord,
  issuer: NamedIssuer | undefined,
): Result<ProvenKey, SignatureProblem> {
  if (issuer !== undefined) return provenThen
  const isGone =
    config === undefined ||
    // A named issuer vouched for it: the classic configuration takes its place only by that name.
    (kept.issuer !== undefined && issuerOfConfig(config) !== kept.iss)
  if (!isGone) return provenThen
  return err({ reason: 'issuer_unknown', detail: 'the mount no longer trusts its issuer' })
}

/** The issuer of the discovery URL, which a document without its slash may have confirmed. */
function issuerOfDiscovery(
  config: ConfigRecord | undefined,
  iss: string | undefined,
): string | undefined {
  const url = config?.oidc_discovery_url ?? ''
  if (url === '') return undefined
  const isTwin =
    config?.discovery_slash_tolerant === true && (iss === `${url}/` || `${iss}/` === url)
  return isTwin ? iss : url
}
