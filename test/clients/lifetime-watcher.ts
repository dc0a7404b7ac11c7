/**
 * The LifetimeWatcher of the Go library, which renews its token until that no longer helps (platform.md §10.1, §10.5): when it
 * asks, what it sends, and when it ends. Time is moved by it.
 */

import type { ManualClock } from '../harness/manual-clock.ts'
import { GoError, type GoApi } from './go-api.ts'

export interface Renewal {
  readonly atSeconds: number
  /** The lease that was granted; undefined when it was refused. */
  readonly leaseSeconds: number | undefined
  readonly warnings: readonly string[]
  readonly errors: readonly string[]
}

export interface WatcherInput {
  readonly leaseSeconds: number
  readonly incrementSeconds: number
  /** From 0 to 1: the library throws dice for it. */
  readonly jitter: number
}

const requestMs = 10

/** Every renewal that a watcher asks for until it ends by itself. */
export async function watchLifetime(
  api: GoApi,
  clock: ManualClock,
  input: WatcherInput,
): Promise<readonly Renewal[]> {
  const renewals: Renewal[] = []
  const startedMs = clock.nowMs()
  const grace = (leaseMs: number) => {
    const wishedMs = input.incrementSeconds * 1000
    const least = wishedMs > 0 ? Math.min(leaseMs, wishedMs) : leaseMs
    return Math.max(0, 0.1 * least * (1 + input.jitter))
  }
  let renewedMs = startedMs
  let leaseMs = input.leaseSeconds * 1000
  let priorMs = leaseMs
  let graceMs = grace(leaseMs)
  for (;;) {
    const asked = await renew(api, input.incrementSeconds)
    renewals.push({ atSeconds: (clock.nowMs() - startedMs) / 1000, ...asked })
    clock.advance(requestMs)
    let sleepMs = 0
    if (asked.leaseSeconds === undefined) {
      // After a refusal its waiting time comes out as zero: it asks again at once, until the end of the lease is near.
      leaseMs = Math.max(0, leaseMs - (clock.nowMs() - renewedMs))
      renewedMs = clock.nowMs()
    } else {
      renewedMs = clock.nowMs()
      leaseMs = asked.leaseSeconds * 1000
      if (leaseMs > priorMs) graceMs = grace(leaseMs)
      sleepMs = (leaseMs * 2) / 3 + graceMs / 3
    }
    priorMs = leaseMs
    if (leaseMs - sleepMs <= graceMs) return renewals
    clock.advance(Math.round(sleepMs))
  }
}

async function renew(api: GoApi, increment: number): Promise<Omit<Renewal, 'atSeconds'>> {
  try {
    const { auth, warnings } = await api.write('auth/token/renew-self', { increment })
    return { leaseSeconds: auth.lease_duration, warnings: warnings ?? [], errors: [] }
  } catch (error) {
    if (!(error instanceof GoError)) throw error
    return { leaseSeconds: undefined, warnings: [], errors: error.errors }
  }
}
