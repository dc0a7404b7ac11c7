/** How long a token lives: platform contract §3.7, pure. All values are whole seconds; 0 means "not set". */

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
  /** Issue time and now, seconds since 1970. */
  readonly start: number
  readonly now: number
}

export interface GrantedTtl {
  readonly ttl: number
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
  let limit: number | undefined
  let warnings = noWarnings
  if (input.period > 0) {
    ttl = Math.min(input.period, max)
    if (input.period > max) {
      warnings = [
        `period of "${shortDuration(input.period)}" exceeded the effective max_ttl of "${shortDuration(max)}"; period value is capped accordingly`,
      ]
    }
    limit = input.explicitMax > 0 ? input.start + input.explicitMax : undefined
  } else {
    ttl =
      input.increment > 0
        ? input.increment
        : input.backendTtl > 0
          ? input.backendTtl
          : input.mountDefault
    limit = input.start + max
  }
  if (limit === undefined) return ok({ ttl, warnings })
  const left = limit - input.now
  if (left <= 0) return err('past_max_ttl')
  if (ttl > left) {
    const cut = `TTL of "${shortDuration(ttl)}" exceeded the effective max_ttl of "${shortDuration(left)}"; TTL value is capped accordingly`
    return ok({ ttl: left, warnings: [...warnings, cut] })
  }
  return ok({ ttl, warnings })
}
