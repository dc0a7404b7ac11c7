/**
 * Keys found through a discovery document. The document is fetched at the first login and, like the
 * keys, anew when its life is over; a failure is not remembered, the next login tries again.
 * Meanwhile the old document serves, for as long as old keys do. Its last good form is kept, so
 * that a restart during an outage finds the keys' address.
 */

import type { ParsedJwt } from '../jose/compact-jwt.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { readCaBundle, type CaBundle } from './ca-bundle.ts'
import {
  checkJwksUri,
  discoveryDocumentUrl,
  parseDiscoveryDocument,
  type DiscoveryDocument,
  type ExpectedIssuer,
} from './discovery.ts'
import { RemoteKeySet } from './key-set.ts'
import type { KeyRefusal, KeyVerdict } from './key-verdict.ts'
import {
  documentTimeoutMs,
  type KeySource,
  type KeySourceStatus,
  type NetworkCheck,
  type RemoteContext,
} from './key-source-port.ts'
import type { KeySourceSettings } from './key-source-config.ts'
import type { FetchedDocument, FetchProblem } from './provider-calls.ts'
import { RefetchBudget } from './refetch-budget.ts'
import { waitAtMost } from './wait.ts'

export interface ProviderAccess {
  readonly ca: CaBundle
  readonly headers: Readonly<Record<string, string>> | undefined
}

/** Where a discovery document is and what it has to say. */
export interface DiscoveryPlace {
  readonly kind: 'discovery' | 'kubernetes'
  readonly expected: ExpectedIssuer
  readonly isJwksUriRequired: boolean
  base(): Result<string, string>
  /** CA and credential of one request. */
  access(): Promise<Result<ProviderAccess, string>>
  /** What else a config write must find. */
  checkAccess(): Promise<Result<void, string>>
}

interface Held {
  readonly document: DiscoveryDocument
  readonly origin: 'network' | 'kept'
  readonly keys: Result<RemoteKeySet, string>
  /** On the monotonic clock; negative when it is older than the process. */
  readonly fetchedAtMs: number
  readonly lifeMs: number
}

/** When a document came and for how long it is fresh from then on. */
type Freshness = Pick<Held, 'fetchedAtMs' | 'lifeMs' | 'origin'>

/** A login waits so long for a new document where an old one could serve. */
const renewalWaitMs = 250
const retryAfterMs = 5_000
/** While the keys do not answer, the document is asked so often whether they have moved. */
const moveCheckEveryMs = 60_000

export function providerDiscovery(
  settings: Extract<KeySourceSettings, { kind: 'discovery' }>,
): DiscoveryPlace {
  const { issuer, caPem, isSlashTolerant } = settings
  const ca = readCaBundle(caPem)
  return {
    kind: 'discovery',
    expected: { kind: isSlashTolerant ? 'slash_tolerant' : 'exact', issuer },
    // A provider used for the browser flow alone may publish none; who verifies a token finds out.
    isJwksUriRequired: false,
    base: () => ok(issuer),
    access: () => Promise.resolve(ok({ ca, headers: undefined })),
    checkAccess: () => Promise.resolve(ok(undefined)),
  }
}

export class DiscoveredKeys implements KeySource {
  readonly kind: 'discovery' | 'kubernetes'
  readonly #place: DiscoveryPlace
  readonly #parts: RemoteContext
  readonly #budget: RefetchBudget
  #held: Held | undefined
  #flight: Promise<Result<Held, KeyRefusal>> | undefined
  #kept: Promise<Held | undefined> | undefined
  #askedAtMs = Number.NEGATIVE_INFINITY
  #lastRefusal: KeyRefusal | undefined
  #isClosed = false

  constructor(place: DiscoveryPlace, parts: RemoteContext) {
    this.kind = place.kind
    this.#place = place
    this.#parts = parts
    this.#budget = new RefetchBudget(parts.clock.monotonicMs())
  }

  verifyCached(jwt: ParsedJwt): KeyVerdict | 'needs_refresh' {
    const keys = this.#held?.keys
    return keys?.ok === true ? keys.value.verifyCached(jwt) : 'needs_refresh'
  }

  async verify(jwt: ParsedJwt): Promise<KeyVerdict> {
    const held = await this.#requireHeld()
    if (!held.ok) return held
    const { keys } = held.value
    if (!keys.ok) return err({ reason: 'key_source_invalid', detail: keys.error })
    const verdict = await keys.value.verify(jwt)
    if (keys.value.isFailing || held.value.origin === 'kept') this.#checkMove()
    return verdict
  }

  async discoveredIssuer(): Promise<Result<string, KeyRefusal>> {
    const document = await this.discoveryDocument()
    return document.ok ? ok(document.value.issuer) : document
  }

  async discoveryDocument(): Promise<Result<DiscoveryDocument, KeyRefusal>> {
    const held = await this.#requireHeld()
    return held.ok ? ok(held.value.document) : held
  }

  async check(): Promise<NetworkCheck> {
    const isSkippable = this.kind === 'discovery'
    const access = await this.#place.checkAccess()
    const fetched = access.ok
      ? await this.#fetchDocument()
      : err<KeyRefusal>({ reason: 'key_source_invalid', detail: access.error })
    if (!fetched.ok) {
      const what = isSkippable ? 'oidc discovery URL' : "the cluster's discovery"
      const problem = `error checking ${what}: ${fetched.error.detail}`
      return { problem, isSkippable, changes: {} }
    }
    const { document, url } = fetched.value
    if (this.#place.isJwksUriRequired) {
      const keys = checkJwksUri(document, url)
      if (!keys.ok) return { problem: keys.error, isSkippable, changes: {} }
    }
    const changes =
      this.#place.expected.kind === 'slash_tolerant'
        ? { oidc_discovery_url: document.issuer, discovery_slash_tolerant: false }
        : {}
    return { isSkippable, changes }
  }

  warm(): void {
    void this.#requireHeld().then((held) =>
      held.ok && held.value.keys.ok ? held.value.keys.value.prepare() : undefined,
    )
  }

  status(): KeySourceStatus {
    const keys = this.#held?.keys
    return { kind: this.kind, sets: keys?.ok === true ? [keys.value.status()] : [] }
  }

  close(): void {
    this.#isClosed = true
    if (this.#held?.keys.ok === true) this.#held.keys.value.close()
  }

  // ---------------------------------------------------------------- the document

  async #requireHeld(): Promise<Result<Held, KeyRefusal>> {
    if (this.#held !== undefined && this.#isFresh(this.#held)) return ok(this.#held)
    this.#kept ??= this.#loadKept()
    const kept = await this.#kept
    const old = this.#held ?? kept
    if (this.#held !== undefined && this.#isFresh(this.#held)) return ok(this.#held)
    const flight = this.#fly()
    if (old === undefined || this.#isTooOld(old)) {
      return (await flight) ?? err(this.#lastRefusal ?? notAskedAgain)
    }
    if (flight !== undefined) await waitAtMost(this.#parts.clock, renewalWaitMs, flight)
    // A provider that answers and names another issuer is no outage.
    if (this.#held === undefined && this.#lastRefusal?.reason === 'key_source_invalid') {
      return err(this.#lastRefusal)
    }
    this.#held ??= old
    return ok(this.#held)
  }

  #ageMs(held: Held): number {
    return Math.max(0, this.#parts.clock.monotonicMs() - held.fetchedAtMs)
  }

  #isFresh(held: Held): boolean {
    return this.#ageMs(held) < held.lifeMs
  }

  #isTooOld(held: Held): boolean {
    return this.#ageMs(held) >= Math.max(this.#parts.maxStaleMs, held.lifeMs)
  }

  /**
   * Asks for the document; undefined when it was asked for too often, or a moment ago while an old
   * one serves.
   */
  #fly(): Promise<Result<Held, KeyRefusal>> | undefined {
    if (this.#flight !== undefined) return this.#flight
    const nowMs = this.#parts.clock.monotonicMs()
    const isTooSoon = this.#held !== undefined && nowMs - this.#askedAtMs < retryAfterMs
    if (this.#isClosed || isTooSoon || !this.#budget.takeForMiss(nowMs, false)) return undefined
    this.#askedAtMs = nowMs
    this.#flight = this.#ask().finally(() => {
      this.#flight = undefined
    })
    // Not every flight has somebody who waits for it.
    this.#flight.catch(() => {})
    return this.#flight
  }

  async #ask(): Promise<Result<Held, KeyRefusal>> {
    const fetched = await this.#fetchDocument()
    if (!fetched.ok) {
      this.#lastRefusal = fetched.error
      return fetched
    }
    this.#lastRefusal = undefined
    const { document, url, text, lifeMs } = fetched.value
    // The age counts from the question: what the answer says was true no earlier than that.
    const fetchedAtMs = this.#askedAtMs
    this.#held = this.#holdOf(document, url, { origin: 'network', fetchedAtMs, lifeMs })
    void this.#save(url, text, lifeMs)
    return ok(this.#held)
  }

  /**
   * Asks in the background whether the keys have moved, or for the document a restart had to do
   * without.
   */
  #checkMove(): void {
    const sinceMs = this.#parts.clock.monotonicMs() - this.#askedAtMs
    if (sinceMs >= moveCheckEveryMs) void this.#fly()
  }

  async #fetchDocument(): Promise<
    Result<FetchedDocument & { document: DiscoveryDocument; url: string }, KeyRefusal>
  > {
    const base = this.#place.base()
    if (!base.ok) return err({ reason: 'key_source_invalid', detail: base.error })
    const url = discoveryDocumentUrl(base.value)
    const answer = await this.#get(url)
    if (!answer.ok) return err(refusalOf(answer.error))
    const document = parseDiscoveryDocument(answer.value.text, this.#place.expected)
    if (!document.ok) {
      const isMismatch = document.error.reason === 'issuer_mismatch'
      const reason = isMismatch ? 'key_source_invalid' : 'keys_unreachable'
      return err({ reason, detail: `${url}: ${document.error.detail}` })
    }
    return ok({ ...answer.value, document: document.value, url })
  }

  async #get(url: string): Promise<Result<FetchedDocument, FetchProblem>> {
    const access = await this.#place.access()
    if (!access.ok) return err({ reason: 'ca_unreadable', detail: access.error })
    return await this.#parts.calls.getDocument({
      ...access.value,
      url,
      timeoutMs: documentTimeoutMs,
    })
  }

  /** The set of an unchanged address is taken over with its keys and its budget. */
  #holdOf(document: DiscoveryDocument, documentUrl: string, freshness: Freshness): Held {
    const uri = checkJwksUri(document, documentUrl)
    if (!uri.ok) return { document, ...freshness, keys: uri }
    const url = uri.value
    const known = this.#held?.keys
    if (known?.ok === true) {
      if (known.value.url === url) return { document, ...freshness, keys: known }
      known.value.close()
    }
    const keys = new RemoteKeySet({ ...this.#parts, url, fetch: () => this.#get(url) })
    return { document, ...freshness, keys: ok(keys) }
  }

  // ---------------------------------------------------------------- storage

  async #loadKept(): Promise<Held | undefined> {
    const base = this.#place.base()
    if (!base.ok) return undefined
    const url = discoveryDocumentUrl(base.value)
    const kept = await this.#parts.store?.load(url).catch(() => undefined)
    if (kept === undefined || kept.sourceId !== this.#parts.sourceId) return undefined
    const document = parseDiscoveryDocument(kept.text, this.#place.expected)
    if (!document.ok) return undefined
    const { clock } = this.#parts
    // A wall clock that was set back must not make a document younger than it is.
    const fetchedAtMs = clock.monotonicMs() - Math.abs(clock.nowMs() - kept.fetchedAtMs)
    return this.#holdOf(document.value, url, { origin: 'kept', fetchedAtMs, lifeMs: kept.lifeMs })
  }

  async #save(url: string, text: string, lifeMs: number): Promise<void> {
    const { store, clock, logger, sourceId } = this.#parts
    try {
      await store?.save({ url, text, lifeMs, sourceId, fetchedAtMs: clock.nowMs() })
    } catch {
      logger.log('warn', 'the discovery document could not be kept', { url })
    }
  }
}

const notAskedAgain: KeyRefusal = {
  reason: 'keys_unreachable',
  detail: 'the discovery document was asked for too often; try again in a second',
}

function refusalOf(problem: FetchProblem): KeyRefusal {
  const reason = problem.reason === 'ca_unreadable' ? 'key_source_invalid' : 'keys_unreachable'
  return { reason, detail: problem.detail }
}
