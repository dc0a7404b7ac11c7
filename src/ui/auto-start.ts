/**
 * `?auto=1`: an address that signs in at once. It must not throw somebody back in who has just
 * signed out, nor go round in circles with a provider that refuses (ux.md §3.4).
 */

import { cookie } from './cookies.ts'
import type { Visit } from './visit.ts'

const heldSeconds = 600
const windowMs = 30_000
const triesMax = 2

/** From now on, for a while, nothing starts by itself. */
export function holdAutoStart(visit: Visit): void {
  visit.setCookie(cookie('auto', 'held', heldSeconds))
}

/** Whether to start now; counts the attempt when it says yes. */
export function takeAutoStart(visit: Visit): boolean {
  if (visit.query.get('auto') !== '1' || visit.query.get('with') === 'token') return false
  const known = visit.cookies.get('auto') ?? ''
  if (known === 'held') return false
  const now = visit.doors.nowMs()
  const [firstMs = 0, tries = 0] = known.split('.').map(Number)
  const isRecent = firstMs <= now && now - firstMs < windowMs
  if (isRecent && tries >= triesMax) return false
  const counted = isRecent ? `${firstMs}.${tries + 1}` : `${now}.1`
  visit.setCookie(cookie('auto', counted, windowMs / 1000))
  return true
}

export function isHeld(visit: Visit): boolean {
  return visit.query.get('auto') === '1' && visit.cookies.has('auto')
}
