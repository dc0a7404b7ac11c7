/**
 * A login that comes with a request in place of a token: a JWT that a mount takes on any request
 * (`direct_bearer`), or one in headers of its own (platform.md §1.6.1). Whoever brings it is judged
 * as at the login's own path, each time. The token that the login would make lives for this one
 * request: it is stored nowhere, and its text is told to nobody.
 */

import { closedSwitches, type ApiRequest } from '../framework/api.ts'
import { requireDryRunKnown } from '../framework/dry-run.ts'
import type { InlineLogin } from '../framework/inline-login.ts'
import { parseInput } from '../framework/input.ts'
import { Refusal } from '../framework/refusal.ts'
import type { Reply } from '../framework/reply.ts'
import type { BackendRequest } from '../framework/request.ts'
import type { Clock } from '../platform/clock.ts'
import type { FieldTable, Input } from '../schema/field.ts'
import type { LoginLog } from './login-log.ts'
import type { Logins } from './login.ts'
import type { MountedBackends } from './mounted-backends.ts'
import { fullPath } from './mount-table.ts'
import type { MountRecord } from './records.ts'
import type { LiveToken } from './tokens.ts'

export interface RequestLoginContext {
  readonly clock: Clock
  readonly backends: MountedBackends
  readonly logins: Logins
  readonly loginLog: LoginLog
  /** Of a namespace: where it is, with a slash at the end. */
  readonly path?: string
}

/** A request that brings one. */
export type Bearing = Pick<ApiRequest, 'clientAddress'> &
  Partial<Pick<ApiRequest, 'header' | 'via' | 'listener'>>

/** The login as its own path would get it. */
export type BroughtLogin = Pick<InlineLogin, 'path' | 'data'>

/** What a JWT asks of the mount that takes it. */
export function loginOfJwt(
  { backends }: Pick<RequestLoginContext, 'backends'>,
  mount: MountRecord,
  jwt: string,
): BroughtLogin {
  const { directLogin = '' } = backends.typeOf(mount.type, mount.class) ?? {}
  return {
    path: fullPath(mount) + directLogin,
    data: { jwt, role: mount.config.directBearer ?? '' },
  }
}

/**
 * The token of that login at that mount, for this one request. Throws what the login refuses, which
 * has its line in the log then.
 */
export async function admitBearer(
  core: RequestLoginContext,
  asked: { readonly mount: MountRecord | undefined; readonly login: BroughtLogin },
  request: Bearing,
  requestId: string,
): Promise<LiveToken> {
  const { mount, login: brought } = asked
  const { clientAddress } = request
  if (mount === undefined) throw noLogin()
  const log = core.loginLog.ofMount(() => mount.path)
  try {
    const reply = await askLogin(core, { mount, login: brought }, request, requestId)
    if (reply.kind !== 'login') throw noLogin()
    const { login } = reply
    const { token } = await core.logins.complete(login, mount, {
      requestId,
      path: brought.path,
      clientAddress,
      nowMs: core.clock.nowMs(),
      isForOneRequest: true,
    })
    log.record({ requestId, clientAddress, end: 'accepted', note: login.note ?? {} })
    const { record } = token
    return { id: '', type: 'batch', record, accessor: '' }
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem
    const { note, reason } = problem.detail
    const told = note ?? (problem.code === 'login_refused' ? { reason } : undefined)
    if (told !== undefined) {
      log.record({
        requestId,
        clientAddress,
        end: 'refused',
        note: { ...told, reason: told.reason ?? reason },
      })
    }
    throw new Refusal(problem.code, { ...problem.detail, note: { isLogged: true } })
  }
}

/** What a stranger hears of any path; whether there is such a mount, a login does not tell. */
function noLogin(): Refusal {
  return new Refusal('token_refused', {
    sentence: 'The path of the login that came with the request is not that of a login.',
  })
}

/** The 403 of any dead token, with the reason where the mount explains. */
export function asDeadToken(refusal: Refusal): Refusal {
  // Neither the caller's nor this request's fault.
  if (refusal.status === 429 || refusal.status >= 500) return refusal
  const { reason, sentence, happened } = refusal.detail
  return new Refusal('token_refused', { reason, sentence, happened })
}

const noHeader = (): undefined => undefined

/** What the login's own path says to it. */
async function askLogin(
  core: RequestLoginContext,
  { mount, login }: { readonly mount: MountRecord; readonly login: BroughtLogin },
  { clientAddress, header = noHeader, via = 'socket', listener = closedSwitches }: Bearing,
  requestId: string,
): Promise<Reply> {
  const inner = login.path.slice(fullPath(mount).length)
  const match = core.backends.of(mount).router.match(inner)
  const operation = match?.declaration.operations.write
  if (match?.declaration.isLogin !== true || operation === undefined) throw noLogin()
  requireDryRunKnown(match.declaration, 'update', login.data)
  const { input, data } = parseInput(match.declaration, login.data, match.captures)
  const call: BackendRequest<Input<FieldTable>> = {
    requestId,
    operation: 'update',
    path: inner,
    fullPath: login.path,
    namespace: core.path,
    input: input as Input<FieldTable>,
    data,
    caller: undefined,
    sudo: false,
    clientAddress,
    nowMs: core.clock.nowMs(),
    header,
    wrapTtlSeconds: 0,
    via,
    listener,
  }
  return operation.handler(call)
}
