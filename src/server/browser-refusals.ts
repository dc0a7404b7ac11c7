/**
 * Refusals of the API that somebody looks at in a browser: a page with the same status and headers
 * in place of JSON. Only a browser that goes to an address is shown one; programs, and scripts of
 * pages, say nothing of the kind (Fetch Metadata).
 */

import type { PagePort } from '../core/ports/page-port.ts'
import type { ApiHandler, ApiOutcome, ApiRequest } from '../framework/api.ts'
import type { Refusal } from '../framework/refusal.ts'
import { after } from '../lib/soon.ts'
import { reasons } from '../trust/reasons.ts'
import type { FlowPage } from '../ui/flow-pages.ts'
import { strings } from '../ui/strings.ts'

export function showRefusals(handler: ApiHandler, pages: PagePort): ApiHandler {
  return (request) =>
    isLookedAt(request)
      ? after(handler(request), (outcome) => shown(outcome, request, pages))
      : handler(request)
}

function isLookedAt({ token, verb, header }: ApiRequest): boolean {
  return token === undefined && verb === 'read' && header('sec-fetch-mode') === 'navigate'
}

function shown(outcome: ApiOutcome, request: ApiRequest, pages: PagePort): ApiOutcome {
  if (outcome.kind === 'answer') return outcome
  const { requestId, refusal } = outcome
  const { reason, headers } = refusal.detail
  const page = pages.draw(pageOf(refusal, requestId), request)
  return {
    kind: 'answer',
    answer: {
      requestId,
      body: { kind: 'bare', ...page },
      headers: {
        ...page.headers,
        ...headers,
        ...(reason === undefined ? {} : { 'X-Login-Reason': reason }),
      },
    },
  }
}

function pageOf(refusal: Refusal, requestId: string): FlowPage {
  const { status, detail, code, plainText } = refusal
  const text = strings.problems
  const { reason } = detail
  const page = { kind: 'failed', status, requestId } as const
  const actions = [{ address: '/ui/', label: strings.actions.start }]
  if (code === 'sealed') {
    const { summary, detail: why, fix, label, command } = text.sealed
    return { ...page, summary, detail: why, fix, copy: { label, text: command } }
  }
  if (reason !== undefined) {
    const { title, text: meaning, fix } = reasons[reason]
    const summary = strings.error.signInFailed
    return { ...page, summary, reason, title, detail: meaning, fix, actions, isSignIn: true }
  }
  const { summary, fix } = text.api
  const why = text.api.detail(status, plainText)
  return { ...page, side: 'you', summary, detail: why, fix, actions }
}
