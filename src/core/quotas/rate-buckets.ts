/**
 * How much each client has left under each quota: buckets that fill evenly and hold what one
 * interval gives. Of this process alone, which has its part where there are several. Their number
 * is bounded; the oldest goes first, and a client without one begins with a full one.
 */

import { BoundedCache } from '../../lib/bounded-cache.ts'
import type { RateLimit } from './quota-records.ts'

interface Bucket {
  /** A quota that was changed starts anew. */
  readonly limit: RateLimit
  tokens: number
  filledAtMs: number
  blockedUntilMs: number
}

export interface Taken {
  readonly isAllowed: boolean
  /** Requests of one interval. */
  readonly limit: number
  readonly remaining: number
  /** Until the next request may come, or one more may than now. */
  readonly waitSeconds: number
}

const bucketsMax = 100_000

export class RateBuckets {
  readonly #buckets = new BoundedCache<string, Bucket>(bucketsMax)
  readonly #processes: number

  constructor(processes = 1) {
    this.#processes = processes
  }

  /** Takes one request of a client, if there is one left. */
  take(limit: RateLimit, customer: string, nowMs: number): Taken {
    const bucket = this.#bucketOf(limit, customer, nowMs)
    const { interval, block_interval: blockSeconds } = limit
    const rate = this.#partOf(limit)
    const size = Math.max(rate, 1)
    const perMs = rate / (interval * 1000)
    bucket.tokens = Math.min(size, bucket.tokens + (nowMs - bucket.filledAtMs) * perMs)
    bucket.filledAtMs = nowMs
    const isBlocked = nowMs < bucket.blockedUntilMs
    const isAllowed = !isBlocked && bucket.tokens >= 1
    if (isAllowed) bucket.tokens -= 1
    else if (!isBlocked && blockSeconds > 0) bucket.blockedUntilMs = nowMs + blockSeconds * 1000
    const missing = Math.max(0, 1 - (bucket.tokens % 1))
    const fillMs = bucket.tokens >= size ? 0 : missing / perMs
    const waitMs = Math.max(fillMs, bucket.blockedUntilMs - nowMs)
    return {
      isAllowed,
      limit: Math.floor(Math.max(limit.rate, 1)),
      remaining: Math.floor(bucket.tokens),
      waitSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
    }
  }

  #partOf({ rate }: RateLimit): number {
    return rate / this.#processes
  }

  #bucketOf(limit: RateLimit, customer: string, nowMs: number): Bucket {
    const key = `${limit.name}\n${customer}`
    const known = this.#buckets.get(key)
    if (known !== undefined && countAlike(known.limit, limit)) return known
    const full: Bucket = {
      limit,
      tokens: Math.max(this.#partOf(limit), 1),
      filledAtMs: nowMs,
      blockedUntilMs: 0,
    }
    this.#buckets.set(key, full)
    return full
  }
}

function countAlike(a: RateLimit, b: RateLimit): boolean {
  return a.rate === b.rate && a.interval === b.interval && a.block_interval === b.block_interval
}
