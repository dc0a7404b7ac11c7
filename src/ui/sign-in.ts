/**
 * Sign-ins of a browser through an identity provider: there and back (jwt-oidc.md §4.1, §4.3,
 * §4.4). Who may sign in, the API decides; here is kept which browser asked.
 */

import { isSuccess, objectAt, textAt } from './api-answer.ts'
import { holdAutoStart } from './auto-start.ts'
import {
  isNoMethod,
  noMethodAnswer,
  problemAnswer,
  refusalAnswer,
  refusalOutcome,
  retryActions,
  wishOf,
  wishParameters,
  type Wish,
} from './failure.ts'
import { sendToOutcome } from './outcome.ts'
import { link, mountPath } from './own-path.ts'
import { remaining } from './moments.ts'
import { readFlows, saveFlows, type PendingFlow } from './pending-flows.ts'
import { enter } from './session-entry.ts'
import { strings } from './strings.ts'
import type { Visit } from './visit.ts'
import type { ApiResult, WebAnswer } from './web-doors.ts'

const { problems } = strings

export async function startSignIn(visit: Visit, mount: string): Promise<WebAnswer> {
  const wish = wishOf(visit.query, mount)
  const refused = refuseUnlessNavigation(visit, wish)
  if (refused !== undefined) return refused
  // Any site can send a browser here, and a sign-in ends the session there is: then the person is
  // asked first.
  if (isFromElsewhere(visit) && (await visit.session()) !== undefined) {
    return visit.redirect(link(`/ui/login/${mountPath(mount)}`, wishParameters(wish)))
  }
  const origin = visit.doors.publicOrigin(visit.request)
  if (origin === undefined) {
    return problemAnswer(visit, {
      status: 400,
      summary: strings.error.signInFailed,
      detail: problems.cannotStart.noName,
      fix: problems.cannotStart.noNameFix,
      actions: retryActions(wish),
    })
  }
  const { namespace } = wish
  const place = namespace === '' ? '' : `?namespace=${namespace}`
  const redirectUri = `${origin}/ui/vault/auth/${mountPath(mount)}/oidc/callback${place}`
  const clientNonce = visit.doors.randomText()
  const result = await visit.api({
    verb: 'write',
    path: `auth/${mount}/oidc/auth_url`,
    namespace,
    data: {
      ...(wish.role === '' ? {} : { role: wish.role }),
      redirect_uri: redirectUri,
      client_nonce: clientNonce,
    },
  })
  if (!isSuccess(result)) {
    holdAutoStart(visit)
    if (isNoMethod(result)) {
      // Starting again would end here again.
      return noMethodAnswer(visit, wish, retryActions(wish).slice(1))
    }
    return refusalAnswer(visit, result, {
      summary: problems.cannotStart.summary(mount),
      isSignIn: true,
      actions: retryActions(wish),
    })
  }
  const data = objectAt(result.body, 'data')
  const address = textAt(data, 'auth_url')
  if (textAt(data, 'state') !== '') return terminalOnly(visit, wish)
  const url = URL.canParse(address) ? new URL(address) : undefined
  const state = url?.searchParams.get('state') ?? ''
  if (url === undefined || !/^https?:$/.test(url.protocol) || state === '') {
    holdAutoStart(visit)
    return noAddress(visit, wish, redirectUri)
  }
  const flow: PendingFlow = {
    ...wish,
    state: bareState(state),
    clientNonce,
    startedAtMs: visit.doors.nowMs(),
  }
  saveFlows(visit, [...readFlows(visit), flow])
  return visit.redirect(url.href)
}

/** jwt-oidc.md §4.1: an empty address is all the API says, the reason is in the log. */
function noAddress(visit: Visit, wish: Wish, redirectUri: string): WebAnswer {
  const text = problems.cannotStart
  const role = wish.role === '' ? text.defaultRole : text.role(wish.role)
  return problemAnswer(visit, {
    status: 400,
    side: 'operator',
    summary: text.summary(wish.mount),
    detail: text.noAddress(role),
    fix: text.noAddressFix,
    copy: { label: text.redirectUri, text: redirectUri },
    actions: retryActions(wish),
  })
}

function terminalOnly(visit: Visit, wish: Wish): WebAnswer {
  return problemAnswer(visit, {
    status: 400,
    side: 'operator',
    ...problems.terminalOnly,
    actions: retryActions(wish),
  })
}

const answerNames = ['state', 'code', 'iss', 'error', 'error_description', 'error_uri'] as const

export async function finishSignIn(visit: Visit, mount: string): Promise<WebAnswer> {
  const { query } = visit
  const refused = refuseUnlessNavigation(visit, wishOf(new URLSearchParams(), mount))
  if (refused !== undefined) return refused
  const flows = readFlows(visit)
  const flow = findFlow(flows, mount, query)
  if (flow === undefined) return unknownFlow(visit, mount)
  // Whatever comes of it, this flow is over (jwt-oidc.md §4.2).
  saveFlows(
    visit,
    flows.filter((one) => one !== flow),
  )
  const given = answerNames.flatMap((name) => {
    const value = query.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  const result = await visit.api({
    verb: 'read',
    path: `auth/${mount}/oidc/callback`,
    namespace: flow.namespace ?? '',
    data: {
      ...Object.fromEntries(given),
      state: flow.state,
      client_nonce: flow.clientNonce,
    },
  })
  const auth = objectAt(result.body, 'auth')
  if (!isSuccess(result) || auth === undefined) return signInRefused(visit, flow, result)
  const wish = wishOfFlow(flow)
  return enter(visit, { token: textAt(auth, 'client_token'), kind: 'login' }, { auth, wish })
}

/**
 * By its state, and by nothing else: two tabs have two. An answer at the callback of another mount
 * is none (RFC 9700 §4.4), and neither is one that says another namespace.
 */
function findFlow(
  flows: readonly PendingFlow[],
  mount: string,
  query: URLSearchParams,
): PendingFlow | undefined {
  const state = query.get('state') ?? ''
  const bare = bareState(state)
  const said = state === bare ? query.get('namespace') : state.slice(bare.length + ',ns='.length)
  return flows.find(
    (flow) =>
      flow.state === bare &&
      flow.mount === mount &&
      (said === null || said === (flow.namespace ?? '')),
  )
}

function wishOfFlow({ mount, role, returnTo, namespace = '' }: PendingFlow): Wish {
  return { mount, role, returnTo, namespace }
}

/** The part before a namespace, which the API does not know (jwt-oidc.md §4.6). */
function bareState(state: string): string {
  return state.split(',ns=')[0] ?? ''
}

/** The API is not asked: nobody but the browser that began a sign-in may use up its state. */
function unknownFlow(visit: Visit, mount: string): WebAnswer {
  return sendToOutcome(visit, {
    status: 400,
    ...problems.unknownFlow,
    actions: retryActions(wishOf(new URLSearchParams(), mount)),
  })
}

function signInRefused(visit: Visit, flow: PendingFlow, result: ApiResult): WebAnswer {
  holdAutoStart(visit)
  const { query } = visit
  const reason = result.headers['x-login-reason']
  const agoSeconds = Math.round((visit.doors.nowMs() - flow.startedAtMs) / 1000)
  const texts = [query.get('error') ?? '', query.get('error_description') ?? '']
  const outcome = refusalOutcome(visit, result, {
    summary:
      reason === 'state_unknown'
        ? problems.startedAgo(remaining(agoSeconds))
        : strings.error.signInFailed,
    isSignIn: true,
    providerText: texts.filter((text) => text !== '').join(': '),
    actions: retryActions(wishOfFlow(flow)),
  })
  return sendToOutcome(visit, outcome)
}

function isFromElsewhere({ request }: Visit): boolean {
  return request.header('sec-fetch-site') === 'cross-site'
}

/** Only somebody who goes somewhere signs in: no frame, picture or prefetch (SEC-OID-20). */
function refuseUnlessNavigation(visit: Visit, wish: Wish): WebAnswer | undefined {
  const destination = visit.request.header('sec-fetch-dest') ?? 'document'
  const purpose = `${visit.request.header('sec-purpose') ?? ''} ${visit.request.header('purpose') ?? ''}`
  if (destination === 'document' && !purpose.includes('prefetch')) return undefined
  return problemAnswer(visit, {
    status: 400,
    summary: strings.error.signInFailed,
    ...problems.embedded,
    actions: retryActions(wish),
  })
}
