/**
 * The pages below `/ui/`: which address is which page (design/ux.md §3.2), and who may use it. Server-rendered, no script;
 * every verdict comes from the API. Sign-ins are in sign-in.ts.
 */

import { accountPage, type Right, type TokenFacts } from './account-page.ts'
import { isSuccess, numberAt, objectAt, textAt, textsAt } from './api-answer.ts'
import { holdAutoStart, isHeld, takeAutoStart } from './auto-start.ts'
import { cookie } from './cookies.ts'
import { loginAddress, problemAnswer, startAddress } from './failure.ts'
import { errorPage } from './flow-pages.ts'
import { loginPage, type OpenWay, type ShownMount } from './login-page.ts'
import { link, mountPath, parseMountName, parseOwnPath } from './own-path.ts'
import { themes } from './page.ts'
import { dropSession, type Session } from './session.ts'
import { finishSignIn, signInWithJwt, signInWithToken, startSignIn, wishOf } from './sign-in.ts'
import { Visit } from './visit.ts'
import type { ApiResult, WebAnswer, WebDoors, WebRequest } from './web-doors.ts'
import { member } from '../lib/json.ts'

/** Undefined for an address that is none of the pages. */
export type WebUi = (request: WebRequest) => Promise<WebAnswer | undefined>

export function createWebUi(doors: WebDoors): WebUi {
  return async (request) => {
    const { path } = request
    const visit = new Visit(request, doors)
    if (path === '/' || path === '/ui') return visit.redirect('/ui/')
    if (!path.startsWith('/ui/')) return undefined
    if (doors.isSealed()) return sealedAnswer(visit)
    try {
      return await answer(visit, path.slice('/ui/'.length))
    } catch (problem) {
      // Sealed meanwhile.
      if (doors.isSealed()) return sealedAnswer(new Visit(request, doors))
      throw problem
    }
  }
}

interface Route {
  readonly method: 'GET' | 'POST'
  /** It changes something: not to be asked for by a HEAD. */
  readonly isStep?: boolean
  readonly work: () => Promise<WebAnswer> | WebAnswer
}

async function answer(visit: Visit, path: string): Promise<WebAnswer> {
  const route = findRoute(visit, path)
  if (route === undefined) return notFound(visit)
  const { method } = visit.request
  const isHead = method === 'HEAD' && route.method === 'GET' && route.isStep !== true
  if (method !== route.method && !isHead) return methodRefused(visit, route)
  // Of two values one reader takes the first and another the last (security case SEC-OID-05).
  if (isRepeated(visit.query)) return ambiguous(visit)
  return route.work()
}

function findRoute(visit: Visit, path: string): Route | undefined {
  const get = (work: Route['work']): Route => ({ method: 'GET', work })
  if (path === '') return get(() => home(visit))
  if (path === 'login') return get(() => login(visit, undefined))
  if (path === 'login/token' || path === 'login/jwt') {
    const work = path === 'login/token' ? signInWithToken : signInWithJwt
    // The same address is that of a mount of this name.
    if (visit.request.method !== 'POST') {
      return get(() =>
        path === 'login/jwt' ? login(visit, 'jwt') : visit.redirect('/ui/login?with=token'),
      )
    }
    return { method: 'POST', work: () => withForm(visit, (form) => work(visit, form)) }
  }
  if (path === 'sign-out') {
    return { method: 'POST', work: () => withForm(visit, (form) => signOut(visit, form)) }
  }
  if (path.startsWith('theme/')) return themeRoute(visit, path.slice('theme/'.length))
  const start = captureMount(/^login\/(.+)\/start$/, path)
  if (start !== undefined) {
    return { method: 'GET', isStep: true, work: () => startSignIn(visit, start) }
  }
  const back = captureMount(/^vault\/auth\/(.+)\/oidc\/callback$/, path)
  if (back !== undefined) {
    return { method: 'GET', isStep: true, work: () => finishSignIn(visit, back) }
  }
  const mount = captureMount(/^login\/(.+)$/, path)
  return mount === undefined ? undefined : get(() => login(visit, mount))
}

function captureMount(pattern: RegExp, path: string): string | undefined {
  const found = pattern.exec(path)?.[1]
  const name = found === undefined ? undefined : parseMountName(found)
  // Exactly as it stands there: another spelling would be a second address of the same page.
  return name === found ? name : undefined
}

function themeRoute(visit: Visit, name: string): Route | undefined {
  const theme = themes.find((one) => one === name)
  if (theme === undefined) return undefined
  return {
    method: 'GET',
    isStep: true,
    work: () => {
      visit.setCookie(cookie('theme', theme, 31_536_000))
      const back = parseOwnPath(visit.query.get('return_to') ?? '') ?? '/ui/'
      // A link to a step would take it again.
      return visit.redirect(/^\/ui\/(?:theme|vault)\/|\/start(?:\?|$)/.test(back) ? '/ui/' : back)
    },
  }
}

// ---------------------------------------------------------------- home

async function home(visit: Visit): Promise<WebAnswer> {
  const { session } = visit
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

// ---------------------------------------------------------------- sign in and out

async function login(visit: Visit, mount: string | undefined): Promise<WebAnswer> {
  const { query } = visit
  const asked = mount ?? parseMountName(query.get('mount') ?? '')
  const wish = wishOf(query, asked ?? '')
  if (mount === undefined && asked !== undefined) {
    const { role, returnTo } = wish
    return visit.redirect(link(`/ui/login/${mountPath(asked)}`, { role, return_to: returnTo }))
  }
  const shown = await visibleMounts(visit)
  const chosen = mount ?? parseMountName(query.get('with') ?? '') ?? ''
  const open = openWay(query.get('with') ?? '', chosen, shown)
  const links = proposalFirst(
    shown.filter(({ type, name }) => type === 'oidc' || name === mount),
    // What only a form can use is no link.
    mount ?? (open === undefined ? chosen : ''),
    mount !== undefined,
  )
  const [first] = links
  if (first !== undefined && visit.session === undefined && takeAutoStart(visit)) {
    return visit.redirect(startAddress({ ...wish, mount: first.name }))
  }
  return visit.page(
    loginPage({
      ...visit.frame(),
      mounts: links,
      jwtMounts: shown.filter(({ type }) => type === 'jwt'),
      chosen: chosen === 'token' || chosen === 'jwt' ? (mount ?? '') : chosen,
      open,
      role: wish.role,
      returnTo: wish.returnTo,
      formToken: visit.formToken(),
      notice: noticeOf(visit),
      isInsecure: isInsecure(visit),
    }),
  )
}

/** What a sign-in page may show to everybody. */
async function visibleMounts(visit: Visit): Promise<readonly ShownMount[]> {
  const result = await visit.api({ verb: 'read', path: 'sys/internal/ui/mounts' })
  const auth = objectAt(objectAt(result.body, 'data') ?? {}, 'auth') ?? {}
  return Object.keys(auth).flatMap((path) => {
    const mount = objectAt(auth, path)
    const name = parseMountName(path)
    if (mount === undefined || name === undefined) return []
    return [{ name, type: textAt(mount, 'type'), description: textAt(mount, 'description') }]
  })
}

/** `with` names a way or a mount (Vault compatibility: mounts with or without a slash). */
function openWay(asked: string, chosen: string, shown: readonly ShownMount[]): OpenWay | undefined {
  if (asked === 'token' || asked === 'other') return asked
  const type = shown.find(({ name }) => name === chosen)?.type
  if (type === 'jwt' || (asked === 'jwt' && type === undefined)) return 'jwt'
  return asked !== '' && type === undefined ? 'other' : undefined
}

/** The chosen mount leads, also when it is not shown to everybody but named by the address. */
function proposalFirst(
  mounts: readonly ShownMount[],
  chosen: string,
  isNamed: boolean,
): readonly ShownMount[] {
  // Where nobody chose: the path that a method is enabled at by default.
  const found = mounts.find(({ name }) => name === (chosen === '' ? 'oidc' : chosen))
  const hidden: ShownMount = { name: chosen, type: 'oidc', description: '' }
  const first = found ?? (isNamed && chosen !== '' ? hidden : undefined)
  if (first === undefined) return mounts
  return [first, ...mounts.filter((mount) => mount !== first)]
}

function noticeOf(
  visit: Visit,
): { readonly kind: 'note' | 'warn'; readonly text: string } | undefined {
  const { query } = visit
  if (query.get('signed_out') === '1') return { kind: 'note', text: 'You are signed out.' }
  if (query.get('signed_out') === 'alive') {
    return {
      kind: 'warn',
      text: 'You are signed out here. The token lives on: its policies do not let it revoke itself.',
    }
  }
  if (query.get('ended') === '1') {
    return { kind: 'warn', text: 'Your token has expired or was revoked. Sign in again.' }
  }
  if (isHeld(visit)) {
    return {
      kind: 'note',
      text: 'It does not start by itself now: you have just signed out, or it did not work a moment ago.',
    }
  }
  return undefined
}

/** Browsers keep `Secure` cookies of plain HTTP for loopback only. */
function isInsecure(visit: Visit): boolean {
  const origin = visit.doors.publicOrigin(visit.request)
  if (origin === undefined || !origin.startsWith('http:')) return false
  const { hostname } = new URL(origin)
  return !/^(?:localhost|.*\.localhost|127\.[\d.]+|\[::1\])$/.test(hostname)
}

/** Ends the token, unless the form says to keep it; the session ends whatever comes of that. */
async function signOut(visit: Visit, form: URLSearchParams): Promise<WebAnswer> {
  const { session } = visit
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
  dropSession(visit)
  holdAutoStart(visit)
  return visit.redirect(`/ui/login?signed_out=${isAlive ? 'alive' : '1'}`)
}

/** Gone already is gone; but a token without the default policy may lack the right to end itself. */
async function revokeToken(
  visit: Visit,
  { token }: Session,
): Promise<'gone' | 'alive' | 'unavailable'> {
  const result = await visit.api({ verb: 'write', path: 'auth/token/revoke-self', token })
  if (isSuccess(result)) return 'gone'
  if (result.status !== 403) return 'unavailable'
  const rules = await visit.api({ verb: 'read', path: 'sys/internal/ui/resultant-acl', token })
  return rules.status === 200 ? 'alive' : 'gone'
}

/** A form counts when it is ours, in the browser that got it (cross-site request forgery). */
async function withForm(
  visit: Visit,
  work: (form: URLSearchParams) => Promise<WebAnswer>,
): Promise<WebAnswer> {
  const form = visit.form()
  if (form !== undefined && isRepeated(form)) return ambiguous(visit)
  if (form !== undefined && visit.isOwnForm(form)) return work(form)
  const wish = wishOf(form ?? new URLSearchParams(), '')
  return problemAnswer(visit, {
    status: 403,
    side: 'you',
    summary: 'This form is not from here',
    detail:
      'It was opened too long ago, in another browser, or on another site; or your browser keeps no cookies of this site.',
    fix: 'Open the page again and repeat what you did.',
    actions: [{ address: loginAddress(wish), label: 'Open the sign-in page' }],
  })
}

function isRepeated(parameters: URLSearchParams): boolean {
  return new Set(parameters.keys()).size !== [...parameters.keys()].length
}

// ---------------------------------------------------------------- dead ends that are none

function notFound(visit: Visit): WebAnswer {
  return problemAnswer(visit, {
    status: 404,
    side: 'you',
    summary: 'There is no such page',
    detail: 'The address may be mistyped, or from another version.',
    actions: [{ address: '/ui/', label: 'Go to the start' }],
  })
}

function methodRefused(visit: Visit, { method, isStep }: Route): WebAnswer {
  const allow = method === 'GET' && isStep !== true ? 'GET, HEAD' : method
  const page = errorPage({
    ...visit.frame('/ui/'),
    status: 405,
    side: 'you',
    summary: 'Not this way',
    detail: `This address is for ${allow} only.`,
    actions: [{ address: '/ui/', label: 'Go to the start' }],
  })
  return visit.page(page, { Allow: allow })
}

function ambiguous(visit: Visit): WebAnswer {
  return problemAnswer(visit, {
    status: 400,
    side: 'you',
    summary: 'The address says something twice',
    detail: 'A parameter is there two times, so it is not clear which one counts.',
    fix: 'Start again from the sign-in page.',
    actions: [{ address: '/ui/login', label: 'Open the sign-in page' }],
  })
}

function sealedAnswer(visit: Visit): WebAnswer {
  return problemAnswer(visit, {
    status: 503,
    side: 'operator',
    summary: 'This server is sealed',
    detail: 'It is running, but what it keeps is locked until its operators unseal it.',
    fix: 'Try again later, or have an operator unseal it.',
    copy: { label: 'Operator', text: 'tokenstile operator unseal' },
    actions: [{ address: '/ui/', label: 'Try again' }],
  })
}
