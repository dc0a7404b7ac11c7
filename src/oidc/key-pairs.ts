/**
 * `jwks_pairs`: several key sets, each with its own CA. A token must name its key; the first pair
 * that lists the name verifies alone (jwt-oidc.md §3.6).
 */

import type { ParsedJwt } from '../jose/compact-jwt.ts'
import { err } from '../lib/result.ts'
import { readCaBundle, type CaBundle } from './ca-bundle.ts'
import { RemoteKeySet } from './key-set.ts'
import { nameOf, type KeyVerdict } from './key-verdict.ts'
import {
  nothingDiscovered,
  documentTimeoutMs,
  pairTimeoutMs,
  wellChecked,
  type KeySource,
  type KeySourceStatus,
  type NetworkCheck,
  type RemoteContext,
} from './key-source-port.ts'
import type { KeyPair } from './key-source-config.ts'
import { checkKeySetAt } from './single-key-set.ts'
import { waitAtMost } from './wait.ts'

/** So long an earlier pair may keep a login waiting that a later pair could serve. */
const earlierPairWaitMs = 2_000

export class PairedKeys implements KeySource {
  readonly kind = 'jwks_pairs'
  readonly discoveredIssuer = nothingDiscovered
  readonly discoveryDocument = nothingDiscovered
  readonly #pairs: readonly { readonly url: string; readonly ca: CaBundle }[]
  readonly #parts: RemoteContext
  readonly #sets: readonly RemoteKeySet[]
  #warming: Promise<void> | undefined

  constructor(pairs: readonly KeyPair[], parts: RemoteContext) {
    this.#pairs = pairs.map((pair) => ({
      url: pair.jwks_url,
      ca: readCaBundle(pair.jwks_ca_pem),
    }))
    this.#parts = parts
    this.#sets = this.#pairs.map(({ url, ca }, index) => {
      const timeoutMs = pairTimeoutMs
      return new RemoteKeySet({
        ...parts,
        // Two pairs may name one address under different CAs.
        sourceId: `${parts.sourceId}:${index}`,
        url,
        fetch: () => parts.calls.getDocument({ url, ca, timeoutMs }),
      })
    })
  }

  verifyCached(jwt: ParsedJwt): KeyVerdict | 'needs_refresh' {
    const { kid } = jwt.header
    if (kid === undefined || kid === '') return 'needs_refresh'
    return this.#owner(kid)?.verifyCached(jwt) ?? 'needs_refresh'
  }

  async verify(jwt: ParsedJwt): Promise<KeyVerdict> {
    const { kid } = jwt.header
    if (kid === undefined || kid === '') {
      return err({
        reason: 'key_unknown',
        detail: 'the token names no key (missing kid), which jwks_pairs need',
      })
    }
    const owner = this.#owner(kid) ?? (await this.#findOwner(kid))
    if (owner !== undefined) return await owner.verify(jwt)
    if (this.#sets.every((set) => set.keyCount === 0)) {
      const causes = this.#sets.map(
        (set) => set.status().lastProblem ?? `${set.url} has no usable key`,
      )
      return err({
        reason: 'keys_unreachable',
        detail: `all endpoints of jwks_pairs failed: ${causes.slice(0, 5).join('; ')}`,
      })
    }
    return err({ reason: 'key_unknown', detail: `no pair publishes a key named ${nameOf(kid)}` })
  }

  async check(): Promise<NetworkCheck> {
    const checks = this.#pairs.map(({ url, ca }) =>
      checkKeySetAt(this.#parts, url, ca, documentTimeoutMs),
    )
    for (const outcome of await Promise.all(checks)) {
      if (!outcome.ok) {
        const problem = `error checking jwks_pairs: ${outcome.error}`
        return { problem, isSkippable: true, changes: {} }
      }
    }
    return wellChecked
  }

  warm(): void {
    void this.#warm()
  }

  status(): KeySourceStatus {
    return { kind: this.kind, sets: this.#sets.map((set) => set.status()) }
  }

  close(): void {
    for (const set of this.#sets) set.close()
  }

  #owner(kid: string): RemoteKeySet | undefined {
    return this.#sets.find((set) => set.hasKid(kid))
  }

  /** Looks among lists that are being made for the first time, then has every list made anew. */
  async #findOwner(kid: string): Promise<RemoteKeySet | undefined> {
    if (this.#warming === undefined) return await this.#ownerAfter(kid, this.#startWarming())
    const early = await this.#ownerAfter(
      kid,
      this.#sets.map(() => this.#warming ?? Promise.resolve()),
    )
    if (early !== undefined) return early
    const refetches = this.#sets.map((set) => set.refetchForKid(kid) ?? Promise.resolve())
    return await this.#ownerAfter(kid, refetches)
  }

  #startWarming(): readonly Promise<unknown>[] {
    const prepared = this.#sets.map((set) => set.prepare())
    this.#warming = Promise.all(prepared).then(() => {})
    return prepared
  }

  async #warm(): Promise<void> {
    if (this.#warming === undefined) await Promise.all(this.#startWarming())
    await this.#warming
  }

  /** As soon as a pair lists the name and the pairs before it have answered, or had their time. */
  async #ownerAfter(
    kid: string,
    answers: readonly Promise<unknown>[],
  ): Promise<RemoteKeySet | undefined> {
    const pending = new Set(answers)
    for (const answer of answers) {
      const settle = (): boolean => pending.delete(answer)
      answer.then(settle, settle)
    }
    while (pending.size > 0) {
      await Promise.race(pending).catch(() => {})
      // The entry that settled removes itself one turn later.
      await Promise.resolve()
      const at = this.#sets.findIndex((set) => set.hasKid(kid))
      if (at === -1) continue
      const earlier = answers.slice(0, at).filter((answer) => pending.has(answer))
      if (earlier.length > 0) {
        await waitAtMost(this.#parts.clock, earlierPairWaitMs, Promise.allSettled(earlier))
      }
      break
    }
    return this.#owner(kid)
  }
}
