/**
 * Sign-ins that this browser has begun: in a sealed cookie, so that an answer of a provider counts
 * only in the browser that asked for it (RFC 6749 §10.12), and no server has to remember them.
 */

import { cookie, cookieValueCharsMax, noCookie } from './cookies.ts'
import type { Visit } from './visit.ts'

export interface PendingFlow {
  readonly state: string
  readonly clientNonce: string
  readonly mount: string
  readonly role: string
  readonly returnTo: string
  /** Absent in those of earlier versions. */
  readonly namespace?: string
  readonly startedAtMs: number
}

const purpose = 'flows'
const flowsMax = 5
/**
 * Longer than a sign-in may take, so that one that took too long can be told from one that was
 * never begun.
 */
const lifeMs = 3_600_000

interface StoredFlows {
  readonly format: 1
  readonly flows: readonly PendingFlow[]
}

/** The newest last. */
export function readFlows(visit: Visit): readonly PendingFlow[] {
  const sealed = visit.cookies.get('flows')
  const text = sealed === undefined ? undefined : visit.doors.openText(sealed, purpose)
  if (text === undefined) return []
  const stored = JSON.parse(text) as StoredFlows
  return stored.format === 1 ? stored.flows : []
}

/** The oldest go when there are too many. */
export function saveFlows(visit: Visit, flows: readonly PendingFlow[]): void {
  const expiresAtMs = visit.doors.nowMs() + lifeMs
  for (let kept = flows.slice(-flowsMax); kept.length > 0; kept = kept.slice(1)) {
    const stored: StoredFlows = { format: 1, flows: kept }
    const sealed = visit.doors.sealText(JSON.stringify(stored), { purpose, expiresAtMs })
    if (sealed.length > cookieValueCharsMax && kept.length > 1) continue
    visit.setCookie(cookie('flows', sealed, lifeMs / 1000))
    return
  }
  visit.setCookie(noCookie('flows'))
}
