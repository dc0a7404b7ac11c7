/**
 * The pages of sign-ins whose browser comes to the API itself (jwt-oidc.md §4.12). A callback's
 * address has the code and the state in it, so it shows nothing: it leads to the same address
 * without them (RFC 9700 §4.3), and what is to be shown there comes along in a sealed cookie of ten
 * minutes. The cookie decides about a page and about nothing else.
 */

import type { BackendContext } from '../../framework/backend.ts'
import type { Reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import type { Refusal } from '../../framework/refusal.ts'
import { confirmationCode } from '../../lib/confirmation-code.ts'
import { isReason, reasons } from '../../trust/reasons.ts'
import { cookie, parseCookies } from '../../ui/cookies.ts'
import type { FlowPage } from '../../ui/flow-pages.ts'
import { redirectHeaders } from '../../ui/page.ts'
import { strings } from '../../ui/strings.ts'
import type { ConfigRecord } from './config.ts'
import { shownText, toldBy } from './oidc-refusals.ts'
import { signInLifeMs, type SignIn, type SignInFailure } from './sign-in.ts'

type Request = Pick<
  BackendRequest<unknown>,
  'clientAddress' | 'fullPath' | 'header' | 'namespace' | 'nowMs' | 'requestId'
>

type Caller = Pick<BackendRequest<unknown>, 'header' | 'via'>

/** What a browser is to see next. */
export type Shown =
  /** The person is asked; without a ticket this browser is not the one to answer. */
  { readonly kind: 'asked'; readonly state: string; readonly ticket: string } | Outcome

/** How a sign-in ended. */
export type Outcome =
  | { readonly kind: 'done'; readonly name: string; readonly address: string }
  | { readonly kind: 'failed'; readonly failure: ShownFailure }

interface ShownFailure extends Omit<SignInFailure, 'reason'> {
  readonly reason: string
  readonly requestId: string
}

const cookiePurpose = 'shown'
const lifeSeconds = signInLifeMs / 1000
/** A cookie has room for 3,900 characters. */
const shownTextMax = 1000

export class OidcPages {
  readonly #context: BackendContext

  constructor(context: BackendContext) {
    this.#context = context
  }

  // ---------------------------------------------------------------- ways

  /** To the callback's address without parameters, where that is shown. */
  leave(request: Request, shown: Shown): Reply {
    const { store } = this.#context
    const text = JSON.stringify({ until: request.nowMs + signInLifeMs, shown })
    const location = ownAddress(request)
    return sendOn(location, cookie('answer', store.sealText(cookiePurpose, text), lifeSeconds))
  }

  /** What this browser was sent here to see. */
  shownTo(request: Request): Shown | undefined {
    const sealed = parseCookies(request.header('cookie')).get('answer')
    const text =
      sealed === undefined ? undefined : this.#context.store.openText(cookiePurpose, sealed)
    if (text === undefined) return undefined
    // Sealed by `leave`, so it has that form.
    const { until, shown } = JSON.parse(text) as { readonly until: number; readonly shown: Shown }
    return until > request.nowMs ? shown : undefined
  }

  /**
   * The pages of this server know their own browser by its cookie and find the sign-in by its state
   * (jwt-oidc.md §4.4).
   */
  toUi(mount: string, answer: { readonly state: string; readonly ticket: string }): Reply {
    const path = mount.split('/').map(encodeURIComponent).join('/')
    const query = new URLSearchParams({ code: answer.ticket, state: answer.state })
    return sendOn(`/ui/vault/auth/${path}/oidc/callback?${query.toString()}`)
  }

  // ---------------------------------------------------------------- pages

  handOver(path: string, answer: { readonly state: string; readonly ticket: string }): Reply {
    return pageOf({ kind: 'hand_over', path, ...answer })
  }

  /** Asks the person. Without a ticket the same facts, and nothing to answer with. */
  confirmation(
    request: Request,
    one: {
      readonly config: ConfigRecord
      readonly signIn: SignIn
      readonly state: string
      readonly ticket: string
      readonly status: 200 | 400
    },
  ): Reply {
    const { signIn, state, ticket } = one
    return pageOf({
      kind: 'confirmation',
      status: one.status,
      address: signIn.address,
      browserAddress: request.clientAddress ?? '',
      role: signIn.role,
      mount: this.#context.mount().path,
      provider: hostOf(one.config.oidc_discovery_url),
      startedAt: new Date(signIn.startedAtMs).toISOString(),
      startedSecondsAgo: Math.max(0, Math.round((request.nowMs - signIn.startedAtMs) / 1000)),
      code: confirmationCode(state),
      form: ticket === '' ? undefined : { action: ownAddress(request), state, ticket },
    })
  }

  outcome(outcome: Outcome): Reply {
    return outcome.kind === 'done' ? pageOf(outcome) : this.failed(outcome.failure)
  }

  blocked(): Reply {
    return pageOf({ kind: 'blocked' })
  }

  failed(failure: ShownFailure): Reply {
    const { reason, status, requestId } = failure
    const known = isReason(reason) ? { reason, ...reasons[reason] } : undefined
    const detail = shownText(failure)
    const summary = strings.error.signInFailed
    const page: FlowPage = { kind: 'failed', status, summary, detail, requestId }
    if (known === undefined) return pageOf(page)
    const { title, text, fix } = known
    const said = [{ by: 'server', text: detail } as const]
    const headers = { 'X-Login-Reason': known.reason }
    return {
      kind: 'page',
      page: { ...page, reason: known.reason, title, detail: text, said, fix, isSignIn: true },
      headers,
    }
  }

  /** The refusal as this mount may tell it. */
  failureOf(request: Request, refusal: Refusal): ShownFailure {
    const told = toldBy(this.#context.mount(), refusal)
    const { text = refusal.message, summary, reason = '' } = told.detail
    const { requestId } = request
    return { text: text.slice(0, shownTextMax), summary, reason, status: told.status, requestId }
  }
}

/**
 * Whether a person goes there: no picture, frame or prefetch does, and programs say nothing (Fetch
 * Metadata).
 */
export function isNavigation({ header }: Pick<Request, 'header'>): boolean {
  const destination = header('sec-fetch-dest') ?? 'document'
  const purpose = `${header('sec-purpose') ?? ''} ${header('purpose') ?? ''}`
  return destination === 'document' && !purpose.includes('prefetch')
}

/** Whether somebody looks at the answer as a page, rather than a program at its JSON. */
export function wantsPage({ header, via }: Caller): boolean {
  if (via === 'pages') return false
  const mode = header('sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate'
  return (header('accept') ?? '').split(',').some((one) => one.trim().startsWith('text/html'))
}

/** Whether no address bar and no history keeps where the caller was. */
export function isProgram(caller: Caller): boolean {
  return caller.via === 'socket' && !wantsPage(caller)
}

function ownAddress({ fullPath, namespace = '' }: Pick<Request, 'fullPath' | 'namespace'>): string {
  return `/v1/${encodeURI(namespace + fullPath)}`
}

function sendOn(location: string, setCookie?: string): Reply {
  return {
    kind: 'raw',
    status: 303,
    contentType: 'text/plain; charset=utf-8',
    body: '',
    headers: {
      ...redirectHeaders(),
      Location: location,
      ...(setCookie === undefined ? {} : { 'Set-Cookie': setCookie }),
    },
  }
}

function pageOf(page: FlowPage): Reply {
  return { kind: 'page', page }
}

export function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).host : ''
}
