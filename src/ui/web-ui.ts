/**
 * The pages below `/ui/`: which address is which page (ux.md §3.2), and who may use it.
 * Server-rendered, no script; every verdict comes from the API. Sign-ins are in sign-in.ts.
 */

import { home, signOut } from './account.ts'
import { cookie } from './cookies.ts'
import { loginAddress, problemAnswer, wishOf } from './failure.ts'
import { errorPage } from './flow-pages.ts'
import { help } from './help.ts'
import { signInWithJwt, signInWithPassword, signInWithToken } from './form-sign-in.ts'
import { sendToOutcome, showOutcome } from './outcome.ts'
import { parseMountName, parsePagePath } from './own-path.ts'
import { themes } from './page.ts'
import { pick } from './picker.ts'
import { finishSignIn, startSignIn } from './sign-in.ts'
import { strings } from './strings.ts'
import { Visit } from './visit.ts'
import type { WebAnswer, WebDoors, WebRequest } from './web-doors.ts'

const { problems } = strings

/** Undefined for an address that is none of the pages. */
export type WebUi = (request: WebRequest) => Promise<WebAnswer | undefined>

export function createWebUi(doors: WebDoors): WebUi {
  return async (request) => {
    const { path } = request
    const visit = new Visit(request, doors)
    if (path === '/' || path === '/ui') return visit.redirect('/ui/')
    if (!path.startsWith('/ui/')) {
      return isLost(visit) ? notFound(visit) : undefined
    }
    if (doors.isSealed() && !path.startsWith('/ui/help/')) return sealedAnswer(visit)
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
  // Of two values one reader takes the first and another the last (SEC-OID-05).
  if (isRepeated(visit.query)) {
    return isCallback(path) ? sendToOutcome(visit, ambiguity) : problemAnswer(visit, ambiguity)
  }
  return route.work()
}

function findRoute(visit: Visit, path: string): Route | undefined {
  const get = (work: Route['work']): Route => ({ method: 'GET', work })
  if (path === '') return get(() => home(visit))
  if (path === 'login') return get(() => pick(visit, undefined))
  const form = Object.hasOwn(signInForms, path) ? signInForms[path] : undefined
  if (form !== undefined) {
    // The same address is that of a mount of this name.
    if (visit.request.method !== 'POST') {
      const { mount } = form
      return get(() =>
        mount === undefined ? visit.redirect('/ui/login?with=token') : pick(visit, mount),
      )
    }
    return { method: 'POST', work: () => withForm(visit, (fields) => form.signIn(visit, fields)) }
  }
  if (path.startsWith('help/')) return get(() => help(visit, path.slice('help/'.length)))
  if (path === 'sign-in') return get(() => showOutcome(visit))
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
  return mount === undefined ? undefined : get(() => pick(visit, mount))
}

interface SignInForm {
  readonly signIn: (visit: Visit, form: URLSearchParams) => Promise<WebAnswer>
  /** A mount whose page has the same address. */
  readonly mount: string | undefined
}

const signInForms: Readonly<Record<string, SignInForm>> = {
  'login/token': { signIn: signInWithToken, mount: undefined },
  'login/jwt': { signIn: signInWithJwt, mount: 'jwt' },
  'login/password': { signIn: signInWithPassword, mount: 'password' },
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
      const back = parsePagePath(visit.query.get('return_to') ?? '') ?? '/ui/'
      // A link to a step would take it again.
      return visit.redirect(/^\/ui\/(?:theme|vault)\/|\/start(?:\?|$)/.test(back) ? '/ui/' : back)
    },
  }
}

/** A form counts when it is ours, in the browser that got it (cross-site request forgery). */
async function withForm(
  visit: Visit,
  work: (form: URLSearchParams) => Promise<WebAnswer>,
): Promise<WebAnswer> {
  const form = visit.form()
  if (form !== undefined && isRepeated(form)) return problemAnswer(visit, ambiguity)
  if (form !== undefined && visit.isOwnForm(form)) return work(form)
  const wish = wishOf(form ?? new URLSearchParams(), '')
  return problemAnswer(visit, {
    status: 403,
    side: 'you',
    ...problems.foreignForm,
    actions: [{ address: loginAddress(wish), label: strings.actions.openSignIn }],
  })
}

function isRepeated(parameters: URLSearchParams): boolean {
  return new Set(parameters.keys()).size !== [...parameters.keys()].length
}

/** A browser that goes to an address of nothing at all; what is below `/v1/` is the API's. */
function isLost({ request }: Visit): boolean {
  return request.header('sec-fetch-mode') === 'navigate' && !request.path.startsWith('/v1/')
}

// ---------------------------------------------------------------- dead ends that are none

function notFound(visit: Visit): WebAnswer {
  return problemAnswer(visit, {
    status: 404,
    side: 'you',
    ...problems.notFound,
    actions: [{ address: '/ui/', label: strings.actions.start }],
  })
}

function methodRefused(visit: Visit, { method, isStep }: Route): WebAnswer {
  const allow = method === 'GET' && isStep !== true ? 'GET, HEAD' : method
  const page = errorPage({
    ...visit.frame('/ui/'),
    status: 405,
    side: 'you',
    summary: problems.method.summary,
    detail: problems.method.detail(allow),
    actions: [{ address: '/ui/', label: strings.actions.start }],
  })
  return visit.page(page, { Allow: allow })
}

const ambiguity = {
  status: 400,
  side: 'you',
  ...problems.twice,
  actions: [{ address: '/ui/login', label: strings.actions.openSignIn }],
} as const

/** The one address below which a code and a state come in. */
function isCallback(path: string): boolean {
  return path.startsWith('vault/')
}

function sealedAnswer(visit: Visit): WebAnswer {
  const text = problems.sealed
  if (isCallback(visit.request.path.slice('/ui/'.length))) return visit.redirect('/ui/')
  return problemAnswer(visit, {
    status: 503,
    side: 'operator',
    summary: text.summary,
    detail: text.detail,
    fix: text.fix,
    copy: { label: text.label, text: text.command },
    actions: [{ address: '/ui/', label: strings.actions.tryAgain }],
  })
}
