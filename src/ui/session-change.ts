/** How a browser's session begins and ends. */

import { cookie, cookieValueCharsMax, noCookie } from './cookies.ts'
import { sessionLifeMs, sessionPurpose, type Session } from './session.ts'
import type { Visit } from './visit.ts'

/**
 * Ends the session there was, and its token if it was made for it; then the browser has this one.
 * False when the token is longer than a cookie can be.
 */
export async function startSession(
  visit: Visit,
  session: Session,
  lifeSeconds: number,
): Promise<boolean> {
  const lifeMs = lifeSeconds > 0 ? Math.min(lifeSeconds * 1000, sessionLifeMs) : sessionLifeMs
  const sealed = visit.doors.sealText(`${session.kind} ${session.token}`, {
    purpose: sessionPurpose,
    expiresAtMs: visit.doors.nowMs() + lifeMs,
  })
  if (sealed.length > cookieValueCharsMax) return false
  const before = await visit.session()
  if (before?.kind === 'login') {
    await visit.api({ verb: 'write', path: 'auth/token/revoke-self', token: before.token })
  }
  await endSession(visit)
  visit.setCookie(cookie('session', sealed))
  visit.setCookie(noCookie('auto'))
  visit.renewVisit()
  return true
}

/** A copy of the cookie signs nobody in after this, whether or not its token lives on. */
export async function endSession(visit: Visit): Promise<void> {
  const sealed = visit.cookies.get('session')
  if (sealed === undefined || (await visit.session()) === undefined) return
  await visit.doors.end(sealed, visit.doors.nowMs() + sessionLifeMs)
}

export function dropSession(visit: Visit): void {
  visit.setCookie(noCookie('session'))
  visit.setCookie(noCookie('flows'))
  visit.renewVisit()
}
