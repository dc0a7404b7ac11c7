/**
 * Keys written into the configuration: no names, no network, every fitting key is tried in order
 * (jwt-oidc.md §3.6).
 */

import type { ParsedJwt } from '../jose/compact-jwt.ts'
import type { VerificationKey } from '../jose/verification-key.ts'
import { verifyWithStaticKeys } from '../jose/verify.ts'
import { err, ok } from '../lib/result.ts'
import type { KeyVerdict } from './key-verdict.ts'
import {
  nothingDiscovered,
  wellChecked,
  type KeySource,
  type KeySourceStatus,
  type NetworkCheck,
} from './key-source-port.ts'

export class StaticKeys implements KeySource {
  readonly kind = 'static'
  readonly discoveredIssuer = nothingDiscovered
  readonly discoveryDocument = nothingDiscovered
  readonly hasKey: (thumbprint: string) => boolean
  readonly #keys: readonly VerificationKey[]

  constructor(keys: readonly VerificationKey[]) {
    this.#keys = keys
    this.hasKey = (thumbprint) => keys.some((key) => key.thumbprint === thumbprint)
  }

  verifyCached(jwt: ParsedJwt): KeyVerdict {
    const verdict = verifyWithStaticKeys(jwt, this.#keys)
    if (verdict.ok) return ok({ key: verdict.value, ageSeconds: 0, source: 'static' })
    const detail =
      verdict.error === 'signature_invalid'
        ? 'the signature does not verify with any of the configured keys'
        : "none of the configured keys fits the token's algorithm"
    return err({ reason: verdict.error, detail })
  }

  verify(jwt: ParsedJwt): Promise<KeyVerdict> {
    return Promise.resolve(this.verifyCached(jwt))
  }

  check(): Promise<NetworkCheck> {
    return Promise.resolve(wellChecked)
  }

  warm(): void {}

  status(): KeySourceStatus {
    return { kind: this.kind, sets: [] }
  }

  close(): void {}
}
