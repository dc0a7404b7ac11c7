/**
 * The times of a token as clients are told them: whole seconds, each cut, so that the time of issue
 * and what is left always add up to the end. The token itself ends on the millisecond, see
 * `ttl.ts`.
 */

import { rfc3339 } from '../lib/time.ts'
import type { TokenRecord } from './records.ts'

export function creationSeconds(record: TokenRecord): number {
  return Math.floor(record.created)
}

export function issueTime(record: TokenRecord): string {
  return rfc3339(creationSeconds(record) * 1000)
}

/** Null for a token that never ends. */
export function expireTime(record: TokenRecord): string | null {
  return record.expires === 0 ? null : rfc3339(Math.floor(record.expires) * 1000)
}

/** 0 for a token that never ends. */
export function secondsLeft(record: TokenRecord, nowSeconds: number): number {
  return record.expires === 0 ? 0 : Math.max(Math.floor(record.expires) - nowSeconds, 0)
}
