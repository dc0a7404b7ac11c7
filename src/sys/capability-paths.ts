/** sys/capabilities*: what a token may do on given paths (platform contract §2.5). */

import type { Core } from '../core/core.ts'
import { keys } from '../core/keys.ts'
import { effectivePolicies } from '../core/policy-names.ts'
import type { Acl } from '../core/policy/acl.ts'
import type { LiveToken } from '../core/tokens.ts'
import { reply, type Reply } from '../framework/backend.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import { emptyObject, type JsonValue } from '../lib/json.ts'
import { turn } from '../lib/turns.ts'
import { field, type Input } from '../schema/field.ts'

const pathsMax = 1000
const pathsOfTurn = 10

const pathFields = {
  paths: field.commaList({ help: 'Paths to ask about.' }),
  path: field.commaList({ help: 'Older name of paths.' }),
} as const

export function capabilityPaths(core: Core): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'capabilities-self',
      access: 'token',
      summary: 'What the calling token may do.',
      duplicateData: true,
      fields: { ...pathFields, token: field.string({ help: 'Ignored.', secret: true }) },
      operations: {
        write: {
          summary: 'Ask for capabilities.',
          handler: async ({ input, caller }) => {
            const acl = caller === undefined ? undefined : core.callers.get(caller)?.acl
            if (acl === undefined) throw invalid('invalid token')
            return answer(core, acl, input)
          },
        },
      },
    }),
    definePath({
      pattern: 'capabilities',
      access: 'token',
      summary: 'What another token may do.',
      duplicateData: true,
      fields: {
        ...pathFields,
        token: field.string({ help: 'The token asked about.', secret: true }),
      },
      operations: {
        write: {
          summary: 'Ask for capabilities.',
          handler: async ({ input }) => {
            const acl = await aclOf(core, (configuration, view) =>
              core.tokens.resolve(input.token ?? '', view, configuration),
            )
            if (acl === undefined) throw invalid('invalid token')
            return answer(core, acl, input)
          },
        },
      },
    }),
    definePath({
      pattern: 'capabilities-accessor',
      access: 'token',
      summary: 'What the token of an accessor may do.',
      duplicateData: true,
      fields: {
        ...pathFields,
        accessor: field.string({ help: 'Accessor of the token asked about.' }),
      },
      operations: {
        write: {
          summary: 'Ask for capabilities.',
          handler: async ({ input }) => {
            const acl = await aclOf(core, (configuration, view) =>
              core.tokens.byAccessor(input.accessor ?? '', view, configuration),
            )
            if (acl === undefined) throw invalid('invalid accessor')
            return answer(core, acl, input)
          },
        },
      },
    }),
  ]
}

type Find = (
  configuration: Awaited<ReturnType<Core['configuration']>>,
  view: Parameters<Parameters<Core['store']['view']>[0]>[0],
) => Promise<LiveToken | undefined>

async function aclOf(core: Core, find: Find): Promise<Acl | undefined> {
  return core.store.view(async (view) => {
    const epoch = await view.epoch()
    const configuration = await core.configurationAt(epoch)
    const token = await find(configuration, view)
    if (token === undefined) return undefined
    let policies = token.record.policies
    if (token.record.entity !== '') {
      const entity = await view.get(keys.entity(token.record.entity))
      if (entity === undefined || entity.disabled) return undefined
      policies = effectivePolicies(policies, entity.policies)
    }
    return core.access.acl(policies, epoch, view)
  })
}

async function answer(
  core: Core,
  acl: Acl,
  { paths, path }: Input<typeof pathFields>,
): Promise<Reply> {
  const asked = paths !== undefined && paths.length > 0 ? paths : (path ?? [])
  const clean = asked.map((one) => one.replace(/^\//, '')).filter((one) => one !== '')
  if (clean.length === 0) throw invalid('paths must be supplied')
  if (clean.length > pathsMax) throw invalid(`paths must be at most ${pathsMax}`)
  const data: Record<string, JsonValue> = emptyObject()
  for (const [i, one] of clean.entries()) {
    // A token may have thousands of rules, and each path is held against them all.
    if (i % pathsOfTurn === pathsOfTurn - 1) await turn(core.clock)
    data[one] = acl.capabilities(one)
  }
  const first = clean[0]
  if (clean.length === 1 && first !== undefined) data['capabilities'] = data[first] ?? []
  return reply.data(data)
}
