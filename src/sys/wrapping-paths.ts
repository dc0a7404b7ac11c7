/** sys/wrapping/: what is done with wrapping tokens (platform.md §2.7). */

import type { CallerFacts } from '../core/caller-facts.ts'
import type { WrappingPort } from '../core/ports/system-ports.ts'
import { corePaths, type CoreRequest } from '../framework/core-path.ts'
import type { PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { field, type Input } from '../schema/field.ts'

const definePath = corePaths<CallerFacts>()

const fields = {
  token: field.string({ help: 'The wrapping token.', charsMax: 4096 }),
} as const

type LookRequest = CoreRequest<Input<typeof fields>, CallerFacts>

const noFields = {} as const

export function wrappingPaths(ports: WrappingPort): readonly PathDeclaration[] {
  const look = async ({ input, facts }: LookRequest): Promise<Reply> => {
    const { token = '' } = input
    const shown = token === '' ? await facts.shown() : undefined
    const note =
      shown === undefined
        ? await ports.wrapping.look(token)
        : await ports.wrapping.lookAt(shown.token)
    return reply.data({ ...note })
  }
  return [
    definePath({
      pattern: 'wrapping/wrap',
      access: 'token',
      summary: 'Wraps what is sent: the wrapping token holds exactly these members.',
      fields: noFields,
      anyFields: true,
      operations: {
        write: {
          summary: 'Wrap data.',
          handler: async ({ data, wrapTtlSeconds }) => {
            if (wrapTtlSeconds === 0) {
              throw invalid('endpoint requires response wrapping to be used')
            }
            return reply.data(data)
          },
        },
      },
    }),
    definePath({
      pattern: 'wrapping/unwrap',
      access: 'token',
      deadToken: 'wrapping',
      takesUse: 'wrapping',
      summary: 'Gives the answer that a wrapping token holds, once.',
      fields,
      operations: {
        write: {
          summary: 'Unwrap.',
          handler: async ({ input, facts, wrapTtlSeconds }) => {
            if (wrapTtlSeconds > 0) throw invalid('an unwrapped answer cannot be wrapped again')
            const { wrapping } = ports
            const { token = '' } = input
            const own = facts.caller?.token
            const isOwn = own !== undefined && (token === '' || wrapping.isTextOf(token, own))
            const text = isOwn ? await wrapping.takeOwn(own) : await wrapping.take(token, own)
            return {
              kind: 'raw',
              status: 200,
              contentType: 'application/json',
              body: text,
              isUnwrapped: true,
            }
          },
        },
      },
    }),
    definePath({
      pattern: 'wrapping/rewrap',
      access: 'token',
      deadToken: 'wrapping',
      summary: 'Gives a new wrapping token for the same answer; the old one is dead.',
      fields,
      operations: {
        write: {
          summary: 'Wrap again.',
          handler: async ({ input, wrapTtlSeconds }) => {
            if (wrapTtlSeconds > 0) throw invalid('a rewrapped answer keeps its own wrap TTL')
            const info = await ports.wrapping.rewrap(input.token ?? '')
            return { kind: 'wrapped', info }
          },
        },
      },
    }),
    definePath({
      pattern: 'wrapping/lookup',
      access: 'open',
      repeats: 'refuse',
      summary: 'When and by which path a wrapping token was made. It is not spent.',
      fields,
      operations: {
        read: {
          summary: 'Look at the wrapping token of the request.',
          handler: look,
        },
        write: {
          summary: 'Look at a wrapping token.',
          handler: look,
        },
      },
    }),
  ]
}
