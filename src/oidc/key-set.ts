/**
 * The keys published at one address: one object per source, shared by all logins of a mount
 * (jwt-oidc.md §3.6, design.md §6).
 *
 * Within its life a document is used without any call. After it the next login renews it; a token
 * that no key verifies asks for one refetch within a budget. A document that cannot be renewed goes
 * on serving until `maxStaleMs`, also after a restart: an outage of the identity provider does not
 * stop logins. A document is replaced whole or not at all, and never by an older one.
 */

import { parseJwkSet, type JwkSet } from '../jose/jwk.ts'
import type { ParsedJwt } from '../jose/compact-jwt.ts'
import type { VerificationKey } from '../jose/verification-key.ts'
import { verifyWithKeySet } from '../jose/verify.ts'
import { BoundedCache } from '../lib/bounded-cache.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { KeptDocument, KeptDocumentStore } from './kept-document.ts'
import {
  nameOf,
  type KeyRefusal,
  type KeySetStatus,
  type KeyVerdict,
  type VerifiedBy,
} from './key-verdict.ts'
import { shownUrl, type FetchedDocument, type FetchProblem } from './provider-calls.ts'
import { RefetchBudget } from './refetch-budget.ts'
import { waitAtMost } from './wait.ts'

export interface RemoteKeySetOptions {
  readonly url: string
  readonly fetch: () => Promise<Result<FetchedDocument, FetchProblem>>
  readonly clock: Clock
  readonly logger: Logger
  readonly store: KeptDocumentStore | undefined
  readonly sourceId: string
  /** Age up to which a document that cannot be renewed still serves; 0 never. */
  readonly maxStaleMs: number
}

export const maxStaleMsDefault = 24 * 3_600_000

interface Held {
  readonly set: JwkSet
  readonly text: string
  /** On the monotonic clock; negative when it is older than the process. */
  readonly fetchedAtMs: number
  readonly lifeMs: number
  readonly origin: 'network' | 'kept'
  /** Number of the fetch it came with; a lower number never replaces a higher one. */
  readonly sequence: number
}

interface Flight {
  readonly startedAtMs: number
  readonly done: Promise<Result<void, FetchProblem>>
}

type FlightReason = 'miss' | 'renewal'

/** A login waits so long for the renewal of a document that could serve in the meantime. */
const renewalWaitMs = 3_000
/** The same while the provider is known to be in trouble, or right after a restart. */
const shortWaitMs = 250
const retryAfterFailureMs = 1_000
/** A fetch that takes longer may be overtaken by a second one. */
const slowFlightMs = 5_000
const flightsMax = 2
const saveEveryMs = 60_000
const missedKidsMax = 512
const missedKidLengthMax = 256
const passedOverShownMax = 20

export class RemoteKeySet {
  readonly #options: RemoteKeySetOptions
  readonly #clock: Clock
  readonly #budget: RefetchBudget
  readonly #missedKids = new BoundedCache<string, true>(missedKidsMax)
  readonly #flights: Flight[] = []
  #held: Held | undefined
  #kept: Promise<void> | undefined
  #sequence = 0
  #fetchCount = 0
  #savedText = ''
  #savedAtMs = Number.NEGATIVE_INFINITY
  #failedAtMs = Number.NEGATIVE_INFINITY
  #failuresInRow = 0
  #failureCount = 0
  #staleUseCount = 0
  #lastProblem: string | undefined
  #isClosed = false

  constructor(options: RemoteKeySetOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#budget = new RefetchBudget(options.clock.monotonicMs())
  }

  get url(): string {
    return this.#options.url
  }

  /** True when the last attempt to fetch failed: the address itself may have moved. */
  get isFailing(): boolean {
    return this.#failuresInRow > 0
  }

  /** The whole verification when a fresh cached key does it; anything else needs `verify`. */
  verifyCached(jwt: ParsedJwt): KeyVerdict | 'needs_refresh' {
    const held = this.#held
    if (held === undefined || !this.#isFresh(held)) return 'needs_refresh'
    const verdict = verifyWithKeySet(jwt, held.set.keys)
    return verdict.ok ? ok(this.#verifiedBy(verdict.value, held)) : 'needs_refresh'
  }

  async verify(jwt: ParsedJwt): Promise<KeyVerdict> {
    const before = this.#held
    const usable = await this.#requireUsable()
    if (!usable.ok) return usable
    const held = usable.value
    const first = this.#try(jwt, held)
    // What was fetched for this very login is not fetched again for it.
    const isNew = held !== before && held.origin === 'network' && this.#isFresh(held)
    if (first.ok || isNew) return first
    const { kid } = jwt.header
    const isRepeat = this.#isRepeatedMiss(kid, first.error)
    const refetch = this.#refetchForMiss(isRepeat)
    if (refetch === undefined) return first
    const done = await refetch
    if (!done.ok) {
      if (first.error.reason === 'signature_invalid') return first
      return err({
        reason: 'keys_unreachable',
        detail: `${first.error.detail}; the keys could not be fetched anew: ${done.error.detail}`,
      })
    }
    const second = this.#try(jwt, this.#held ?? held)
    if (!second.ok) this.#rememberMiss(kid, second.error)
    return second
  }

  /** True when the present document has a usable key of that name, whatever its age. */
  hasKid(kid: string): boolean {
    return this.#held?.set.keys.some((key) => key.kid === kid) ?? false
  }

  get keyCount(): number {
    return this.#held?.set.keys.length ?? 0
  }

  /** Makes a first document available, from storage or the network; says why there is none. */
  async prepare(): Promise<Result<void, KeyRefusal>> {
    const usable = await this.#requireUsable()
    return usable.ok ? ok(undefined) : usable
  }

  /**
   * Fetches once more because a key was missed, as the budget allows; undefined when it does not.
   */
  refetchForKid(kid: string): Promise<Result<void, FetchProblem>> | undefined {
    const isRepeat = kid.length > missedKidLengthMax || this.#missedKids.get(kid) === true
    const flight = this.#refetchForMiss(isRepeat)
    if (kid.length <= missedKidLengthMax) this.#missedKids.set(kid, true)
    return flight
  }

  status(): KeySetStatus {
    const held = this.#held
    const age = held === undefined ? undefined : Math.floor(this.#ageMs(held) / 1000)
    return {
      url: shownUrl(this.#options.url),
      origin: held?.origin,
      ageSeconds: age,
      lifeSeconds: held === undefined ? undefined : held.lifeMs / 1000,
      keyCount: this.keyCount,
      passedOver: (held?.set.passedOver ?? [])
        .slice(0, passedOverShownMax)
        .map((key) => `${nameOf(key.kid)}: ${key.why}`),
      fetchCount: this.#fetchCount,
      failureCount: this.#failureCount,
      staleUseCount: this.#staleUseCount,
      lastProblem: this.#lastProblem,
    }
  }

  /** Answers that are still on their way are dropped when they come. */
  close(): void {
    this.#isClosed = true
  }

  // ---------------------------------------------------------------- use

  #try(jwt: ParsedJwt, held: Held): KeyVerdict {
    const verdict = verifyWithKeySet(jwt, held.set.keys)
    if (verdict.ok) return ok(this.#verifiedBy(verdict.value, held))
    const kid = jwt.header.kid
    const where = shownUrl(this.#options.url)
    if (verdict.error === 'signature_invalid') {
      return err({
        reason: 'signature_invalid',
        detail: `the signature does not verify with ${kid === undefined ? 'any key' : `the key ${nameOf(kid)}`} of ${where}`,
      })
    }
    // RFC 7517 §5 lets us pass a key over; whoever asks why the login fails should hear about it.
    const passedOver = held.set.passedOver.find((key) => kid !== undefined && key.kid === kid)
    if (verdict.error === 'key_unknown' && passedOver === undefined) {
      const what = kid === undefined ? 'no usable key' : `no key named ${nameOf(kid)}`
      return err({ reason: 'key_unknown', detail: `${where} publishes ${what}` })
    }
    const why = passedOver?.why ?? "its type does not fit the token's algorithm"
    return err({
      reason: 'key_unusable',
      detail: `the key ${nameOf(kid)} of ${where} is not usable: ${why}`,
    })
  }

  #verifiedBy(key: VerificationKey, held: Held): VerifiedBy {
    return { key, ageSeconds: Math.floor(this.#ageMs(held) / 1000), source: held.origin }
  }

  #ageMs(held: Held): number {
    return Math.max(0, this.#clock.monotonicMs() - held.fetchedAtMs)
  }

  #isFresh(held: Held): boolean {
    return this.#ageMs(held) < held.lifeMs
  }

  /** A document that may be used now: fresh, just renewed, or stale within its bound. */
  async #requireUsable(): Promise<Result<Held, KeyRefusal>> {
    this.#kept ??= this.#loadKept()
    await this.#kept
    const old = this.#held
    if (old !== undefined && this.#isFresh(old)) return ok(old)
    const flight = this.#renew()
    if (flight !== undefined) {
      const mayServe = old !== undefined && !this.#isTooStale(old)
      if (mayServe) await this.#waitForRenewal(flight, old)
      else await flight.done
    }
    const held = this.#held
    if (held === undefined) {
      const detail = this.#lastProblem ?? `${shownUrl(this.#options.url)} was not asked again yet`
      return err({ reason: 'keys_unreachable', detail })
    }
    if (this.#isFresh(held)) return ok(held)
    if (this.#isTooStale(held)) {
      const age = Math.floor(this.#ageMs(held) / 1000)
      return err({
        reason: 'keys_stale',
        detail: `the keys are ${age} s old and cannot be renewed: ${this.#lastProblem ?? 'no answer yet'}`,
      })
    }
    this.#staleUseCount++
    return ok(held)
  }

  #isTooStale(held: Held): boolean {
    return this.#ageMs(held) >= Math.max(this.#options.maxStaleMs, held.lifeMs)
  }

  /**
   * Counted from the start of the fetch, so that of many logins during an outage only the first
   * ones wait.
   */
  async #waitForRenewal(flight: Flight, old: Held): Promise<void> {
    const isTroubled = this.#failuresInRow > 0 || old.origin === 'kept'
    const limitMs = isTroubled ? shortWaitMs : renewalWaitMs
    const leftMs = limitMs - (this.#clock.monotonicMs() - flight.startedAtMs)
    if (leftMs > 0) await waitAtMost(this.#clock, leftMs, flight.done)
  }

  // ---------------------------------------------------------------- misses

  #isRepeatedMiss(kid: string | undefined, refusal: KeyRefusal): boolean {
    // A bad signature under a published name, or a token without a name, is no sign of a rotation.
    if (refusal.reason !== 'key_unknown' || kid === undefined) return true
    return kid.length > missedKidLengthMax || this.#missedKids.get(kid) === true
  }

  #rememberMiss(kid: string | undefined, refusal: KeyRefusal): void {
    if (refusal.reason !== 'key_unknown' || kid === undefined) return
    if (kid.length <= missedKidLengthMax) this.#missedKids.set(kid, true)
  }

  #refetchForMiss(isRepeat: boolean): Promise<Result<void, FetchProblem>> | undefined {
    const running = this.#joinableFlight()
    if (running !== undefined) return running.done
    if (!this.#mayFly() || !this.#budget.takeForMiss(this.#clock.monotonicMs(), isRepeat)) {
      return undefined
    }
    return this.#startFlight('miss').done
  }

  // ---------------------------------------------------------------- fetching

  #renew(): Flight | undefined {
    const running = this.#joinableFlight()
    if (running !== undefined) return running
    const nowMs = this.#clock.monotonicMs()
    const isTooSoon = this.#held !== undefined && nowMs - this.#failedAtMs < retryAfterFailureMs
    if (isTooSoon || !this.#mayFly()) return undefined
    const mayAsk =
      this.#held === undefined
        ? this.#budget.takeForMiss(nowMs, false)
        : this.#budget.takeForRenewal(nowMs)
    return mayAsk ? this.#startFlight('renewal') : undefined
  }

  #joinableFlight(): Flight | undefined {
    const last = this.#flights.at(-1)
    if (last === undefined) return undefined
    const isSlow = this.#clock.monotonicMs() - last.startedAtMs >= slowFlightMs
    return isSlow && this.#flights.length < flightsMax ? undefined : last
  }

  #mayFly(): boolean {
    return this.#flights.length < flightsMax && !this.#isClosed
  }

  #startFlight(reason: FlightReason): Flight {
    const done = this.#fetch(reason, ++this.#sequence).finally(() => {
      this.#flights.splice(this.#flights.indexOf(flight), 1)
    })
    // Not every flight has somebody who waits for it.
    done.catch(() => {})
    const flight: Flight = { startedAtMs: this.#clock.monotonicMs(), done }
    this.#flights.push(flight)
    return flight
  }

  async #fetch(reason: FlightReason, sequence: number): Promise<Result<void, FetchProblem>> {
    const startedAtMs = this.#clock.monotonicMs()
    if (reason === 'renewal' && (await this.#adoptFromStore(sequence))) return ok(undefined)
    this.#fetchCount++
    const answer = await this.#options.fetch()
    if (!answer.ok) return this.#fail(answer.error)
    const { text, lifeMs } = answer.value
    const known = this.#held?.text === text ? ok(this.#held.set) : parseJwkSet(text)
    if (!known.ok) {
      const detail = `${shownUrl(this.#options.url)}: ${known.error.detail}`
      return this.#fail({ reason: 'not_json', detail })
    }
    if (known.value.keys.length === 0 && this.keyCount > 0) {
      // jwt-oidc.md §3.6: providers publish it by accident; who withdraws a provider does so by
      // configuration.
      const detail = `${shownUrl(this.#options.url)} publishes no usable key any more`
      return this.#fail({ reason: 'no_keys', detail })
    }
    if (this.#failuresInRow > 0) this.#log('info', 'the key set answers again')
    this.#failuresInRow = 0
    this.#lastProblem = undefined
    // The age counts from the question: what the answer says was true no earlier than that.
    const set = known.value
    this.#hold({ set, text, fetchedAtMs: startedAtMs, lifeMs, origin: 'network', sequence })
    this.#save(text, lifeMs)
    return ok(undefined)
  }

  /** SEC-NET-10: an answer that was overtaken by a later question's answer is dropped. */
  #hold(held: Held): void {
    if (this.#isClosed || (this.#held !== undefined && this.#held.sequence > held.sequence)) return
    this.#held = held
  }

  #fail(problem: FetchProblem): Result<never, FetchProblem> {
    this.#failuresInRow++
    this.#failureCount++
    this.#failedAtMs = this.#clock.monotonicMs()
    this.#lastProblem = problem.detail
    if (this.#failuresInRow === 1)
      this.#log('warn', 'the key set could not be fetched', problem.detail)
    return err(problem)
  }

  // ---------------------------------------------------------------- storage

  async #loadKept(): Promise<void> {
    const kept = await this.#readKept()
    if (kept !== undefined) this.#hold(kept)
  }

  /** Another node may have renewed the document already. */
  async #adoptFromStore(sequence: number): Promise<boolean> {
    const kept = await this.#readKept()
    if (kept === undefined || !this.#isFresh(kept)) return false
    if (this.#held !== undefined && kept.fetchedAtMs <= this.#held.fetchedAtMs) return false
    if (kept.set.keys.length === 0 && this.keyCount > 0) return false
    this.#hold({ ...kept, sequence })
    return true
  }

  async #readKept(): Promise<Held | undefined> {
    let kept: KeptDocument | undefined
    try {
      kept = await this.#options.store?.load(this.#options.url)
    } catch {
      this.#log('warn', 'the kept key set could not be read')
    }
    if (kept === undefined || kept.sourceId !== this.#options.sourceId) return undefined
    const known = this.#held?.text === kept.text ? ok(this.#held.set) : parseJwkSet(kept.text)
    if (!known.ok) return undefined
    // A wall clock that was set back must not make a document younger than it is.
    const ageMs = Math.abs(this.#clock.nowMs() - kept.fetchedAtMs)
    return {
      set: known.value,
      text: kept.text,
      fetchedAtMs: this.#clock.monotonicMs() - ageMs,
      lifeMs: kept.lifeMs,
      origin: 'kept',
      sequence: 0,
    }
  }

  #save(text: string, lifeMs: number): void {
    const { store, url, sourceId } = this.#options
    const nowMs = this.#clock.monotonicMs()
    const isKnown = text === this.#savedText && nowMs - this.#savedAtMs < saveEveryMs
    if (store === undefined || isKnown || this.#isClosed) return
    this.#savedText = text
    this.#savedAtMs = nowMs
    // A login does not wait for it: losing it costs one fetch after a restart.
    store
      .save({ url, text, lifeMs, sourceId, fetchedAtMs: this.#clock.nowMs() })
      .catch(() => this.#log('warn', 'the key set could not be kept'))
  }

  #log(level: 'info' | 'warn', message: string, cause?: string): void {
    this.#options.logger.log(level, message, { url: shownUrl(this.#options.url), cause })
  }
}
