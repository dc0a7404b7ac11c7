/** The last step of every sign-in: the browser gets its session and goes where it wanted to. */

import type { JsonObject } from '../lib/json.ts'
import { numberAt } from './api-answer.ts'
import { loginAddress, problemAnswer, type Wish } from './failure.ts'
import type { Session } from './session.ts'
import { startSession } from './session-change.ts'
import type { Visit } from './visit.ts'
import type { WebAnswer } from './web-doors.ts'

/** Neither code nor state stays in the address bar (SEC-WEB-06). */
export async function enter(
  visit: Visit,
  session: Session,
  parts: { readonly auth: JsonObject; readonly wish: Wish },
): Promise<WebAnswer> {
  const { wish } = parts
  const isKept = await startSession(visit, session, numberAt(parts.auth, 'lease_duration'))
  if (isKept) return visit.redirect(wish.returnTo === '' ? '/ui/' : wish.returnTo)
  if (session.kind === 'login') {
    await visit.api({ verb: 'write', path: 'auth/token/revoke-self', token: session.token })
  }
  return problemAnswer(visit, {
    status: 400,
    side: 'operator',
    summary: 'The token is too long for a browser',
    detail: 'A browser keeps at most 4096 characters, and this token has more.',
    fix: 'Use the command line, or have the operator make the role give service tokens.',
    actions: [{ address: loginAddress(wish), label: 'Other ways to sign in' }],
  })
}
