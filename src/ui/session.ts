/**
 * The signed-in browser: a cookie that holds the token, sealed, so that whoever reads the cookie has no token, and whoever
 * has a token has no cookie. Nothing about it is kept on the server while it lives; of one that was signed out, that it was.
 */

import { cookie, cookieValueCharsMax, noCookie } from './cookies.ts'
import type { Visit } from './visit.ts'
import type { WebDoors } from './web-doors.ts'

export interface Session {
  readonly token: string
  /** A pasted token belongs to somebody who may still need it; one from a sign-in belongs to this session. */
  readonly kind: 'login' | 'pasted'
}

const purpose = 'session'
const sessionLifeMs = 24 * 3_600_000

export async function openSession(
  doors: WebDoors,
  sealed: string | undefined,
): Promise<Session | undefined> {
  const text = sealed === undefined ? undefined : doors.openText(sealed, purpose)
  if (sealed === undefined || text === undefined || (await doors.isEnded(sealed))) return undefined
  const [kind = '', ...token] = text.split(' ')
  return { token: token.join(' '), kind: kind === 'pasted' ? 'pasted' : 'login' }
}

/**
 * Ends the session there was, and its token if it was made for it; then the browser has this one. False when the token
 * is longer than a cookie can be.
 */
export async function startSession(
  visit: Visit,
  session: Session,
  lifeSeconds: number,
): Promise<boolean> {
  const lifeMs = lifeSeconds > 0 ? Math.min(lifeSeconds * 1000, sessionLifeMs) : sessionLifeMs
  const sealed = visit.doors.sealText(`${session.kind} ${session.token}`, {
    purpose,
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
