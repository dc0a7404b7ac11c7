/**
 * Sign-ins with what somebody has: a token, a JWT for a mount and a role, or a name and a password.
 * None of it is kept, shown or put into an address.
 */

import { isSuccess, objectAt, textAt } from './api-answer.ts'
import {
  isNoMethod,
  loginAddress,
  noMethodAnswer,
  problemAnswer,
  refusalAnswer,
  wishOf,
  type Wish,
} from './failure.ts'
import type { OpenWay } from './login-page.ts'
import { parseMountName } from './own-path.ts'
import { enter } from './session-entry.ts'
import { strings } from './strings.ts'
import type { Visit } from './visit.ts'
import type { ApiCall, WebAnswer } from './web-doors.ts'

export async function signInWithToken(visit: Visit, form: URLSearchParams): Promise<WebAnswer> {
  const wish = wishOf(form, '')
  const text = strings.problems.badToken
  const actions = [{ address: loginAddress(wish, 'token'), label: strings.actions.tryAgain }]
  const token = (form.get('token') ?? '').trim()
  // An open path that says whether a token lives and does not count as a use of it.
  const result = await visit.api({ verb: 'read', path: 'sys/internal/ui/resultant-acl', token })
  if (token === '' || result.status !== 200) {
    return problemAnswer(visit, {
      status: isSuccess(result) ? 403 : result.status,
      side: 'you',
      summary: text.summary,
      detail: looksLikeJwt(token) ? text.isJwt : text.detail,
      fix: looksLikeJwt(token) ? text.isJwtFix : text.fix,
      actions: looksLikeJwt(token)
        ? [{ address: loginAddress(wish, 'jwt'), label: strings.actions.withJwt }]
        : actions,
    })
  }
  return enter(visit, { token, kind: 'pasted' }, { auth: {}, wish })
}

export async function signInWithJwt(visit: Visit, form: URLSearchParams): Promise<WebAnswer> {
  const jwt = form.get('jwt') ?? ''
  return signInAt(visit, form, 'jwt', (mount, { role }) => ({
    path: `auth/${mount}/login`,
    data: { jwt, ...(role === '' ? {} : { role }) },
  }))
}

export async function signInWithPassword(visit: Visit, form: URLSearchParams): Promise<WebAnswer> {
  const name = (form.get('username') ?? '').trim()
  if (!isUserName(name)) {
    return problemAnswer(visit, {
      status: 400,
      side: 'you',
      summary: strings.error.signInFailed,
      ...strings.problems.badName,
      actions: [
        { address: loginAddress(wishOf(form, ''), 'password'), label: strings.actions.tryAgain },
      ],
    })
  }
  return signInAt(visit, form, 'password', (mount) => ({
    path: `auth/${mount}/login/${name}`,
    data: { password: form.get('password') ?? '' },
  }))
}

type Login = Pick<ApiCall, 'path' | 'data'>

async function signInAt(
  visit: Visit,
  form: URLSearchParams,
  way: OpenWay,
  login: (mount: string, wish: Wish) => Login,
): Promise<WebAnswer> {
  const mount = parseMountName(form.get('mount') ?? '')
  const wish = wishOf(form, mount ?? '')
  const actions = [{ address: loginAddress(wish, way), label: strings.actions.tryAgain }]
  if (mount === undefined) {
    return problemAnswer(visit, {
      status: 400,
      summary: strings.error.signInFailed,
      ...strings.problems.badMount,
      actions,
    })
  }
  const { namespace } = wish
  const result = await visit.api({ verb: 'write', namespace, ...login(mount, wish) })
  const auth = objectAt(result.body, 'auth')
  if (isNoMethod(result)) return noMethodAnswer(visit, wish, actions)
  if (!isSuccess(result) || auth === undefined) {
    return refusalAnswer(visit, result, { summary: strings.error.signInFailed, actions })
  }
  return enter(visit, { token: textAt(auth, 'client_token'), kind: 'login' }, { auth, wish })
}

/** One part of a path, as names of users are. */
function isUserName(text: string): boolean {
  return /^[\w.-]{1,128}$/.test(text) && /^\w/.test(text) && /\w$/.test(text)
}

function looksLikeJwt(text: string): boolean {
  return /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/.test(text)
}
