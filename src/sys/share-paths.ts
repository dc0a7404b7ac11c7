/**
 * What root generation and rekey have in common: each has two ways in. The open one is for holders
 * of unseal keys alone and answers only where a switch of the listener opens it; the other one asks
 * for a token with sudo besides (platform.md §2.10).
 */

import type { ListenerSwitches } from '../framework/api.ts'
import { Refusal } from '../framework/refusal.ts'
import type { Reply } from '../framework/reply.ts'
import type { BackendRequest } from '../framework/request.ts'
import type { JsonObject } from '../lib/json.ts'
import { field } from '../schema/field.ts'
import { asRefusals, bareJson } from './bare-answer.ts'

export const nonceField = field.string({ help: 'Nonce of the operation.', charsMax: 64 })

export const shareFields = {
  key: field.string({
    help: 'One unseal key, hex or base64.',
    secret: true,
    charsMax: 1024,
  }),
  nonce: nonceField,
} as const

/** One of the two ways in. */
export interface WayIn {
  /** What its patterns begin with. */
  readonly prefix: string
  /** The switch that opens it; undefined for the way that asks for a token. */
  readonly opens?: keyof ListenerSwitches
}

/** Members of the declarations of a way. */
export function declarationOf({ opens }: WayIn) {
  return opens === undefined
    ? ({ access: 'sudo', duplicateData: true } as const)
    : ({ access: 'open', bare: true, repeats: 'refuse' } as const)
}

/** Carries out what a way asks for, and answers in its form; undefined is nothing to tell. */
export function answerBy<I>(
  { opens }: WayIn,
  work: (input: I) => Promise<JsonObject | undefined>,
): (request: BackendRequest<I>) => Promise<Reply> {
  return ({ input, listener }) => {
    if (opens !== undefined && !listener[opens]) throw new Refusal('operation_unsupported')
    return asRefusals(async () => {
      const body = await work(input)
      if (body === undefined) return { kind: 'none' }
      return opens === undefined ? { kind: 'data', data: body } : bareJson(body)
    })
  }
}

/** Who shows no right of his own names the operation that he means to end. */
export function cancelNonce({ opens }: WayIn, nonce: string | undefined): string | undefined {
  return opens === undefined && (nonce ?? '') === '' ? undefined : (nonce ?? '')
}
