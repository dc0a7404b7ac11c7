/** The last step of every sign-in: the browser gets its session and goes where it wanted to. */

import type { JsonObject } from '../lib/json.ts'
import { numberAt } from './api-answer.ts'
import { loginAddress, problemAnswer, type Wish } from './failure.ts'
import type { Session } from './session.ts'
import { startSession } from './session-change.ts'
import { strings } from './strings.ts'
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
    ...strings.problems.tokenTooLong,
    actions: [{ address: loginAddress(wish), label: strings.actions.otherWays }],
  })
}
