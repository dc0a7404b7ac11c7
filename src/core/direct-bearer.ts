/**
 * A JWT in place of a token: a mount may take it on any request (`direct_bearer`), and whoever
 * shows it is judged as at a login there, each time. The token that the login would make lives for
 * this one request: it is stored nowhere, and its text is told to nobody.
 */

import { closedSwitches, type ApiRequest, type Asking } from '../framework/api.ts'
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

export interface DirectBearerContext {
  readonly clock: Clock
  readonly backends: MountedBackends
  readonly logins: Logins
  readonly loginLog: LoginLog
}

/** A request that shows one. */
export type Bearing = Pick<ApiRequest, 'clientAddress'> &
  Partial<Pick<ApiRequest, 'header' | 'via' | 'listener'>> & { readonly token: string }

/** Header, claims and signature; no token of ours has two dots, and none begins so. */
const jwtForm = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/

/** Whether the request shows a JWT where a token belongs. */
export function bearsJwt<R extends Pick<Asking, 'token'>>(
  request: R,
): request is R & { readonly token: string } {
  const { token } = request
  return token !== undefined && token.startsWith('eyJ') && jwtForm.test(token)
}

/** Throws the 403 of any dead token, with the reason where the mount explains. */
export async function admitBearer(
  core: DirectBearerContext,
  mount: MountRecord,
  request: Bearing,
  requestId: string,
): Promise<LiveToken> {
  const { clientAddress } = request
  const log = core.loginLog.ofMount(() => mount.path)
  try {
    const reply = await askLogin(core, mount, request, requestId)
    if (reply.kind !== 'login') throw new Refusal('token_refused')
    const { login } = reply
    const { token } = await core.logins.complete(login, mount, {
      requestId,
      path: loginPathOf(core, mount),
      clientAddress,
      nowMs: core.clock.nowMs(),
      isForOneRequest: true,
    })
    log.record({ requestId, clientAddress, end: 'accepted', note: login.note ?? {} })
    const { record } = token
    return { id: '', type: 'batch', record, accessor: '' }
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem
    const { note, reason, sentence, happened } = problem.detail
    const told = note ?? (problem.code === 'login_refused' ? { reason } : undefined)
    if (told !== undefined) {
      log.record({
        requestId,
        clientAddress,
        end: 'refused',
        note: { ...told, reason: told.reason ?? reason },
      })
    }
    // Neither the caller's nor this request's fault.
    if (problem.status === 429 || problem.status >= 500) throw withoutNote(problem)
    throw new Refusal('token_refused', { reason, sentence, happened })
  }
}

function withoutNote(refusal: Refusal): Refusal {
  const { note: _, ...detail } = refusal.detail
  return new Refusal(refusal.code, detail)
}

/** Where such a login would come in. */
export function loginPathOf(
  { backends }: Pick<DirectBearerContext, 'backends'>,
  mount: MountRecord,
): string {
  const { directLogin = '' } = backends.typeOf(mount.type, mount.class) ?? {}
  return fullPath(mount) + directLogin
}

const noHeader = (): undefined => undefined

/** What the mount's own login path says to the JWT. */
async function askLogin(
  core: DirectBearerContext,
  mount: MountRecord,
  { token: jwt, clientAddress, header = noHeader, via = 'socket', listener }: Bearing,
  requestId: string,
): Promise<Reply> {
  const path = loginPathOf(core, mount)
  const inner = path.slice(fullPath(mount).length)
  const declaration = core.backends.of(mount).router.match(inner)?.declaration
  const operation = declaration?.operations.write
  if (declaration === undefined || operation === undefined) throw new Refusal('token_refused')
  const { input, data } = parseInput(
    declaration,
    { jwt, role: mount.config.directBearer ?? '' },
    {},
  )
  const call: BackendRequest<Input<FieldTable>> = {
    requestId,
    operation: 'update',
    path: inner,
    fullPath: path,
    input: input as Input<FieldTable>,
    data,
    caller: undefined,
    sudo: false,
    clientAddress,
    nowMs: core.clock.nowMs(),
    header,
    wrapTtlSeconds: 0,
    via,
    listener: listener ?? closedSwitches,
  }
  return operation.handler(call)
}
