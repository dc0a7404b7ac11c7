/** Refusals of the API as pages: the same reason, said to a person. */

import { errorPage, type ErrorAction, type ErrorFacts } from './flow-pages.ts'
import { link, mountPath, parseNamespace, parseReturnPath } from './own-path.ts'
import type { Side } from './reason-side.ts'
import { strings } from './strings.ts'
import type { Visit } from './visit.ts'
import type { ApiResult, WebAnswer } from './web-doors.ts'

/** What a visitor wanted; kept so that the next attempt need not be typed again. */
export interface Wish {
  readonly mount: string
  readonly role: string
  readonly returnTo: string
  /** Path of the namespace of the mount; empty for the root. */
  readonly namespace: string
}

const roleCharsMax = 128

/** What the address or a form asks for; values that cannot be meant are left out. */
export function wishOf(parameters: URLSearchParams, mount: string): Wish {
  const role = (parameters.get('role') ?? '').trim()
  return {
    mount,
    role: role.length > roleCharsMax ? '' : role,
    returnTo: parseReturnPath(parameters.get('return_to') ?? '') ?? '',
    namespace: parseNamespace(parameters.get('namespace') ?? '') ?? '',
  }
}

export function retryActions(wish: Wish): readonly ErrorAction[] {
  return [
    { address: startAddress(wish), label: strings.actions.startAgain },
    { address: loginAddress(wish), label: strings.actions.otherWays },
  ]
}

export function startAddress(wish: Wish): string {
  return link(`/ui/login/${mountPath(wish.mount)}/start`, wishParameters(wish))
}

/** What an address has to say, beside the mount, for the wish to be kept. */
export function wishParameters({ role, returnTo, namespace }: Omit<Wish, 'mount'>) {
  return { role, return_to: returnTo, namespace }
}

export function loginAddress(wish: Omit<Wish, 'mount'>, open = ''): string {
  return link('/ui/login', { with: open, ...wishParameters(wish) })
}

export interface Problem {
  readonly status: number
  readonly summary: string
  readonly detail: string
  readonly fix?: string
  readonly side?: Side
  readonly copy?: { readonly label: string; readonly text: string }
  readonly actions: readonly ErrorAction[]
}

/** A failure that the pages found themselves. */
export function problemAnswer(visit: Visit, problem: Problem): WebAnswer {
  return visit.page(errorPage({ ...frameOf(visit, problem.actions), ...problem }))
}

/** The API serves nothing at this mount, and tells strangers no more than that. */
export function isNoMethod({ status, headers }: ApiResult): boolean {
  return (status === 403 || status === 404) && headers['x-login-reason'] === undefined
}

export function noMethodAnswer(
  visit: Visit,
  wish: Wish,
  actions: readonly ErrorAction[],
): WebAnswer {
  return problemAnswer(visit, {
    status: 404,
    side: 'you',
    ...strings.problems.noMethod,
    detail: strings.problems.noMethod.detail(wish.mount),
    actions,
  })
}

/** Everything that an error page shows, without the frame around it. */
export type Outcome = ErrorFacts

interface RefusalView {
  readonly summary: string
  readonly actions: readonly ErrorAction[]
  /** Word for word, from the identity provider. */
  readonly providerText?: string
  readonly isSignIn?: boolean
}

/** A failure that the API told. */
export function refusalAnswer(visit: Visit, result: ApiResult, parts: RefusalView): WebAnswer {
  return outcomeAnswer(visit, refusalOutcome(visit, result, parts))
}

export function outcomeAnswer(visit: Visit, outcome: Outcome): WebAnswer {
  const { reason = '', actions = [] } = outcome
  return visit.page(
    errorPage({ ...frameOf(visit, actions), ...outcome }),
    reason === '' ? {} : { 'X-Login-Reason': reason },
  )
}

export function refusalOutcome(visit: Visit, result: ApiResult, parts: RefusalView): Outcome {
  const reason = result.headers['x-login-reason'] ?? ''
  const known = reason === '' ? undefined : visit.doors.reasonText(reason)
  const { text = '', happened = known?.text, compared } = result.refusal ?? {}
  const providerText = parts.providerText ?? ''
  const said = [
    ...(providerText === '' ? [] : [{ by: 'provider', text: providerText } as const]),
    ...(known === undefined || text === '' ? [] : [{ by: 'server', text } as const]),
  ]
  return {
    status: result.status,
    summary: parts.summary,
    // What is shown side by side is not told again.
    detail: (compared === undefined ? (happened ?? text) : known?.text) || strings.error.noReason,
    ...(compared === undefined ? {} : { compared }),
    isSignIn: parts.isSignIn === true,
    said,
    actions: parts.actions,
    ...(reason === '' ? {} : { reason }),
    ...(known === undefined ? {} : { title: known.title, fix: known.fix }),
    requestId: result.headers['x-request-id'] ?? '',
  }
}

/**
 * A change of colours leads to where one goes from here: the failed request itself must not be
 * repeated.
 */
function frameOf(visit: Visit, actions: readonly ErrorAction[]) {
  return visit.frame(actions.find(({ address }) => !address.includes('/start'))?.address ?? '/ui/')
}
