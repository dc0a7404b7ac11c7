/** sys/capabilities*: what a token may do on given paths (platform.md §2.5). */

import type {
  ConfigurationPort,
  RecordPort,
  RightsPort,
  TokenFinder,
} from '../core/ports/system-ports.ts'
import type { CallerFacts } from '../core/caller-facts.ts'
import type { CoreConfiguration } from '../core/configuration.ts'
import type { Acl } from '../core/policy/acl.ts'
import type { LiveToken } from '../core/tokens.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { corePaths } from '../framework/core-path.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import { emptyObject, type JsonValue } from '../lib/json.ts'
import type { Soon } from '../lib/soon.ts'
import { turn, type Turns } from '../lib/turns.ts'
import { field, type Input } from '../schema/field.ts'
import type { StoreView } from '../storage/store.ts'

const pathsMax = 1000
const pathsOfTurn = 10

const pathFields = {
  paths: field.commaList({ help: 'Paths to ask about.', emptyElements: 'keep' }),
  path: field.commaList({ help: 'Older name of paths.', emptyElements: 'keep' }),
} as const

interface CapabilityPorts extends RecordPort, ConfigurationPort, TokenFinder, RightsPort {
  readonly clock: Turns
}

export function capabilityPaths(ports: CapabilityPorts): readonly PathDeclaration[] {
  return [
    corePaths<CallerFacts>()({
      pattern: 'capabilities-self',
      access: 'token',
      summary: 'What the calling token may do.',
      duplicateData: true,
      fields: { ...pathFields, token: field.string({ help: 'Ignored.', secret: true }) },
      operations: {
        write: {
          summary: 'Ask for capabilities.',
          handler: async ({ input, facts }) => {
            if (facts.caller === undefined) throw invalid('invalid token')
            return answer(ports.clock, facts.caller.acl, input)
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
            const acl = await aclOf(ports, (configuration, view) =>
              ports.tokens.resolve(input.token ?? '', view, configuration),
            )
            if (acl === undefined) throw invalid('invalid token')
            return answer(ports.clock, acl, input)
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
            const acl = await aclOf(ports, (configuration, view) =>
              ports.tokens.byAccessor(input.accessor ?? '', view, configuration),
            )
            if (acl === undefined) throw invalid('invalid accessor')
            return answer(ports.clock, acl, input)
          },
        },
      },
    }),
  ]
}

type Find = (configuration: CoreConfiguration, view: StoreView) => Soon<LiveToken | undefined>

async function aclOf(ports: CapabilityPorts, find: Find): Promise<Acl | undefined> {
  return ports.store.view(async (view) => {
    const epoch = await view.epoch()
    const configuration = await ports.configurationAt(epoch)
    const token = await find(configuration, view)
    if (token === undefined) return undefined
    const { all, facts, isRefused } = await ports.rights.of(token.record, epoch, view)
    return isRefused ? undefined : ports.access.acl(all, facts, epoch, view)
  })
}

async function answer(
  turns: Turns,
  acl: Acl,
  { paths, path }: Input<typeof pathFields>,
): Promise<Reply> {
  const asked = paths !== undefined && paths.length > 0 ? paths : (path ?? [])
  // Decided by the clean spelling, answered under the one that was asked for: a client looks there.
  const clean = asked
    .map((given) => ({ given, path: given.replace(/^\//, '') }))
    .filter(({ path: one }) => one !== '')
  if (clean.length === 0) throw invalid('paths must be supplied')
  if (clean.length > pathsMax) throw invalid(`paths must be at most ${pathsMax}`)
  const data: Record<string, JsonValue> = emptyObject()
  for (const [i, one] of clean.entries()) {
    // A token may have thousands of rules, and each path is held against them all.
    if (i % pathsOfTurn === pathsOfTurn - 1) await turn(turns)
    data[one.given] = acl.capabilities(one.path)
  }
  const first = clean[0]
  if (clean.length === 1 && first !== undefined) data['capabilities'] = data[first.given] ?? []
  return reply.data(data)
}
