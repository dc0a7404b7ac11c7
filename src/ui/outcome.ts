/**
 * How a sign-in ended that did not succeed, told at an address of its own: the address of a
 * callback has a code and a state in it, so that nothing is shown there (RFC 9700 §4.3). What is to
 * be told comes along in a sealed cookie.
 */

import { cookie, cookieValueCharsMax } from './cookies.ts'
import { outcomeAnswer, type Outcome } from './failure.ts'
import type { Visit } from './visit.ts'
import type { WebAnswer } from './web-doors.ts'

const outcomeAddress = '/ui/sign-in'

const purpose = 'outcome'
const lifeMs = 600_000

export function sendToOutcome(visit: Visit, outcome: Outcome): WebAnswer {
  const expiresAtMs = visit.doors.nowMs() + lifeMs
  for (const shorter of shorterAndShorter(outcome)) {
    const sealed = visit.doors.sealText(JSON.stringify(shorter), { purpose, expiresAtMs })
    if (sealed.length > cookieValueCharsMax) continue
    visit.setCookie(cookie('outcome', sealed, lifeMs / 1000))
    break
  }
  return visit.redirect(outcomeAddress)
}

/**
 * What others said may be long, and a cookie is short: they lose their words before the page loses
 * its own.
 */
function* shorterAndShorter(outcome: Outcome): Generator<Outcome> {
  const cut = (charsMax: number): Outcome => ({
    ...outcome,
    detail: outcome.detail.slice(0, charsMax),
    said: (outcome.said ?? []).map(({ by, text }) => ({ by, text: text.slice(0, charsMax) })),
  })
  yield cut(1000)
  yield cut(200)
  yield { ...cut(60), said: [] }
}

/** Without anything to tell (any more), the sign-in page. */
export function showOutcome(visit: Visit): WebAnswer {
  const sealed = visit.cookies.get('outcome')
  const text = sealed === undefined ? undefined : visit.doors.openText(sealed, purpose)
  if (text === undefined) return visit.redirect('/ui/login')
  return outcomeAnswer(visit, JSON.parse(text) as Outcome)
}
