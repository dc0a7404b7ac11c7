/**
 * Calls the server's own API without a socket: what start-up in dev mode needs, and programs that
 * embed the server.
 */

import { closedSwitches, type Answer, type ApiHandler, type Verb } from '../framework/api.ts'
import { JsonText, type JsonObject } from '../lib/json.ts'

/** Of a core, this alone. */
export interface LocalApi {
  readonly handler: ApiHandler
}

export interface LocalCall {
  readonly verb: Verb
  readonly path: string
  readonly data?: JsonObject
  readonly token?: string
}

/** The answer; throws the refusal. */
export async function localCall(core: LocalApi, call: LocalCall): Promise<Answer> {
  const outcome = await core.handler({
    verb: call.verb,
    path: call.path,
    data: call.data ?? {},
    token: call.token,
    namespace: '',
    wrapTtlSeconds: 0,
    via: 'socket',
    clientAddress: '127.0.0.1',
    clientPort: undefined,
    header: () => undefined,
    listener: closedSwitches,
    signal: new AbortController().signal,
    isGone: false,
  })
  if (outcome.kind === 'refusal') throw outcome.refusal
  return outcome.answer
}

/** `data` of an enveloped answer, or undefined. */
export function dataOf(answer: Answer): JsonObject | undefined {
  if (answer.body.kind !== 'envelope') return undefined
  const { data } = answer.body
  return data === null || data instanceof JsonText ? undefined : data
}
