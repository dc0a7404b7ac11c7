/**
 * Who am I, and the way out: what the API says of the token of this browser, and the end of both.
 */

import { member } from '../lib/json.ts'
import { accountPage, type Right, type TokenFacts } from './account-page.ts'
import { isSuccess, numberAt, objectAt, textAt, textsAt } from './api-answer.ts'
import { holdAutoStart } from './auto-start.ts'
import { problemAnswer } from './failure.ts'
import { link } from './own-path.ts'
import type { Session } from './session.ts'
import { dropSession, endSession } from './session-change.ts'
import type { Visit } from './visit.ts'
import type { ApiResult, WebAnswer } from './web-doors.ts'

export async function home(visit: Visit): Promise<WebAnswer> {
  const session = await visit.session()
  if (session === undefined) {
    const here = visit.request.query === '' ? '' : `/ui/?${visit.request.query}`
    return visit.redirect(link('/ui/login', { return_to: here }))
  }
  const { token } = session
  const [rules, self] = await Promise.all([
    visit.api({ verb: 'read', path: 'sys/internal/ui/resultant-acl', token }),
    visit.api({ verb: 'read', path: 'auth/token/lookup-self', token }),
  ])
  if (rules.status !== 200) return sessionOver(visit, rules)
  return visit.page(
    accountPage({
      ...visit.frame(),
      formToken: visit.formToken(),
      facts: isSuccess(self) ? factsOf(self) : undefined,
      rights: rightsOf(rules),
      isPasted: session.kind === 'pasted',
    }),
  )
}

/** The token ended before its session did. */
function sessionOver(visit: Visit, result: ApiResult): WebAnswer {
  if (!isSuccess(result)) {
    return problemAnswer(visit, {
      status: result.status,
      summary: 'The server cannot answer at the moment',
      detail: 'Who you are could not be looked up.',
      fix: 'Try again in a moment.',
      actions: [{ address: '/ui/', label: 'Try again' }],
    })
  }
  dropSession(visit)
  return visit.redirect('/ui/login?ended=1')
}

function factsOf(result: ApiResult): TokenFacts {
  const data = objectAt(result.body, 'data') ?? {}
  const metadata = objectAt(data, 'meta') ?? {}
  const policies = [...textsAt(data, 'policies'), ...textsAt(data, 'identity_policies')]
  return {
    displayName: textAt(data, 'display_name'),
    entityId: textAt(data, 'entity_id'),
    policies: [...new Set(policies)],
    path: textAt(data, 'path'),
    type: textAt(data, 'type'),
    expiresAt: textAt(data, 'expire_time'),
    secondsLeft: numberAt(data, 'ttl'),
    metadata: Object.keys(metadata).map((name) => [name, textAt(metadata, name)] as const),
  }
}

function rightsOf(result: ApiResult): 'root' | readonly Right[] {
  const data = objectAt(result.body, 'data') ?? {}
  if (member(data, 'root') === true) return 'root'
  const rights = (name: string, ending: string): readonly Right[] => {
    const rules = objectAt(data, name) ?? {}
    return Object.keys(rules).map((path) => ({
      path: path + ending,
      capabilities: textsAt(objectAt(rules, path), 'capabilities'),
    }))
  }
  return [...rights('exact_paths', ''), ...rights('glob_paths', '*')].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  )
}

/** Ends the token, unless the form says to keep it; the session ends whatever comes of that. */
export async function signOut(visit: Visit, form: URLSearchParams): Promise<WebAnswer> {
  const session = await visit.session()
  let isAlive = false
  if (session !== undefined && !(session.kind === 'pasted' && form.get('token') === 'keep')) {
    const result = await revokeToken(visit, session)
    if (result === 'unavailable') {
      return problemAnswer(visit, {
        status: 503,
        summary: 'The token could not be revoked',
        detail: 'You are still signed in: otherwise the token would live on without your knowing.',
        fix: 'Try again in a moment.',
        actions: [{ address: '/ui/', label: 'Back' }],
      })
    }
    isAlive = result === 'alive'
  }
  await endSession(visit)
  dropSession(visit)
  holdAutoStart(visit)
  return visit.redirect(`/ui/login?signed_out=${isAlive ? 'alive' : '1'}`)
}

/**
 * Gone already is gone; but a batch token has no end before its time, and some tokens lack the
 * right to end themselves.
 */
async function revokeToken(
  visit: Visit,
  { token }: Session,
): Promise<'gone' | 'alive' | 'unavailable'> {
  const result = await visit.api({ verb: 'write', path: 'auth/token/revoke-self', token })
  if (isSuccess(result)) return 'gone'
  if (result.status >= 500 || result.status === 429) return 'unavailable'
  const rules = await visit.api({ verb: 'read', path: 'sys/internal/ui/resultant-acl', token })
  return rules.status === 200 ? 'alive' : 'gone'
}
