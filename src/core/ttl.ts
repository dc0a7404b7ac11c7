/**
 * How long a token lives: platform.md §3.7, pure. Durations are whole seconds; 0 means "not
 * set".
 */

import { shortDuration } from '../lib/duration.ts'
import { err, ok, type Result } from '../lib/result.ts'

export interface TtlInput {
  /** Effective default of the mount (its own, else the system's). */
  readonly mountDefault: number
  /** Effective maximum of the mount; may exceed the system's. */
  readonly mountMax: number
  /** TTL and maximum of the auth role, or of the create request. */
  readonly backendTtl: number
  readonly backendMax: number
  readonly period: number
  readonly explicitMax: number
  /** What the caller of a renewal wishes. */
  readonly increment: number
  /** When the token was or is made, and now; the same at its issue. */
  readonly startMs: number
  readonly nowMs: number
}

export interface GrantedTtl {
  /** What the caller is told: whole seconds. */
  readonly ttl: number
  /**
   * When the token ends: never before those seconds are over, and less than a second after them.
   */
  readonly expiresAtMs: number
  readonly warnings: readonly string[]
}

const noWarnings: readonly string[] = []

export type TtlReason = 'past_max_ttl'

/** The TTL to grant from now, with the contract's literal warnings when it was cut. */
export function decideTtl(input: TtlInput): Result<GrantedTtl, TtlReason> {
  let max = input.mountMax
  if (input.backendMax > 0) max = Math.min(max, input.backendMax)
  if (input.explicitMax > 0) max = Math.min(max, input.explicitMax)

  let ttl: number
  let limitMs: number | undefined
  let warnings = noWarnings
  if (input.period > 0) {
    ttl = Math.min(input.period, max)
    if (input.period > max) {
      warnings = [
        `period of "${shortDuration(input.period)}" exceeded the effective max_ttl of "${shortDuration(max)}"; period value is capped accordingly`,
      ]
    }
    limitMs = input.explicitMax > 0 ? input.startMs + input.explicitMax * 1000 : undefined
  } else {
    ttl =
      input.increment > 0
        ? input.increment
        : input.backendTtl > 0
          ? input.backendTtl
          : input.mountDefault
    limitMs = input.startMs + max * 1000
  }
  const left = limitMs === undefined ? Infinity : Math.floor((limitMs - input.nowMs) / 1000)
  // Less than a second is nothing that could be told.
  if (left <= 0) return err('past_max_ttl')
  const expiresAtMs = Math.min(endOf(ttl, input), limitMs ?? Infinity)
  if (ttl > left) {
    const cut = `TTL of "${shortDuration(ttl)}" exceeded the effective max_ttl of "${shortDuration(left)}"; TTL value is capped accordingly`
    return ok({ ttl: left, expiresAtMs, warnings: [...warnings, cut] })
  }
  return ok({ ttl, expiresAtMs, warnings })
}

/**
 * Renewals of one second end together, so that a crowd of them asks for one change of the record.
 */
function endOf(ttl: number, { startMs, nowMs }: TtlInput): number {
  const fromMs = nowMs === startMs ? nowMs : Math.ceil(nowMs / 1000) * 1000
  return fromMs + ttl * 1000
}
