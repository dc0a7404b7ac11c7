/** The key set behind `jwks_url`: fetched at the first login that needs it. */

import type { ParsedJwt } from '../jose/compact-jwt.ts'
import { parseJwkSet } from '../jose/jwk.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { CaBundle } from './ca-bundle.ts'
import { RemoteKeySet } from './key-set.ts'
import type { KeyVerdict } from './key-verdict.ts'
import {
  nothingDiscovered,
  documentTimeoutMs,
  wellChecked,
  type KeySource,
  type KeySourceStatus,
  type NetworkCheck,
  type RemoteContext,
} from './key-source-port.ts'
import { shownUrl } from './provider-calls.ts'

export class SingleKeySet implements KeySource {
  readonly kind = 'jwks_url'
  readonly discoveredIssuer = nothingDiscovered
  readonly discoveryDocument = nothingDiscovered
  readonly #url: string
  readonly #ca: CaBundle
  readonly #parts: RemoteContext
  readonly #set: RemoteKeySet

  constructor(url: string, ca: CaBundle, parts: RemoteContext) {
    this.#url = url
    this.#ca = ca
    this.#parts = parts
    this.#set = new RemoteKeySet({
      ...parts,
      url,
      fetch: () => parts.calls.getDocument({ url, ca, timeoutMs: documentTimeoutMs }),
    })
  }

  verifyCached(jwt: ParsedJwt): KeyVerdict | 'needs_refresh' {
    return this.#set.verifyCached(jwt)
  }

  verify(jwt: ParsedJwt): Promise<KeyVerdict> {
    return this.#set.verify(jwt)
  }

  async check(): Promise<NetworkCheck> {
    const url = this.#url
    const set = await checkKeySetAt(this.#parts, url, this.#ca, documentTimeoutMs)
    if (set.ok) return wellChecked
    return { problem: `error checking jwks URL: ${set.error}`, isSkippable: true, changes: {} }
  }

  warm(): void {
    void this.#set.prepare()
  }

  status(): KeySourceStatus {
    return { kind: this.kind, sets: [this.#set.status()] }
  }

  close(): void {
    this.#set.close()
  }
}

/** One GET that must give a JWK Set; zero keys are fine (jwt-oidc.md §1.3 row 9). */
export async function checkKeySetAt(
  parts: RemoteContext,
  url: string,
  ca: CaBundle,
  timeoutMs: number,
): Promise<Result<void, string>> {
  const answer = await parts.calls.getDocument({ url, ca, timeoutMs })
  if (!answer.ok) return err(answer.error.detail)
  const set = parseJwkSet(answer.value.text)
  return set.ok ? ok(undefined) : err(`${shownUrl(url)}: ${set.error.detail}`)
}
