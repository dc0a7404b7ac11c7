/**
 * The signed-in browser: a cookie that holds the token, sealed, so that whoever reads the cookie
 * has no token, and whoever has a token has no cookie. Nothing about it is kept on the server while
 * it lives; of one that was signed out, that it was.
 */

import type { WebDoors } from './web-doors.ts'

export interface Session {
  readonly token: string
  /**
   * A pasted token belongs to somebody who may still need it; one from a sign-in belongs to this
   * session.
   */
  readonly kind: 'login' | 'pasted'
}

export const sessionPurpose = 'session'
export const sessionLifeMs = 24 * 3_600_000

export async function openSession(
  doors: WebDoors,
  sealed: string | undefined,
): Promise<Session | undefined> {
  const text = sealed === undefined ? undefined : doors.openText(sealed, sessionPurpose)
  if (sealed === undefined || text === undefined || (await doors.isEnded(sealed))) return undefined
  const [kind = '', ...token] = text.split(' ')
  return { token: token.join(' '), kind: kind === 'pasted' ? 'pasted' : 'login' }
}
