/** sys/config/ui/headers: headers of the pages (platform.md §2.11). */

import { keys } from '../core/keys.ts'
import type { ConfigurationPort, RecordPort } from '../core/ports/system-ports.ts'
import { uiHeadersRecord, type UiHeadersRecord } from '../core/records.ts'
import { findUiHeaderProblem, uiHeadersMax } from '../core/ui-headers.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import { reply } from '../framework/reply.ts'
import { field } from '../schema/field.ts'

type HeaderPorts = RecordPort & ConfigurationPort
type Headers = UiHeadersRecord['headers']

export function uiHeaderPaths(ports: HeaderPorts): readonly PathDeclaration[] {
  const load = () =>
    ports.store.view(async (view) => (await view.get(keys.uiHeaders())) ?? uiHeadersRecord.defaults)
  return [
    definePath({
      pattern: 'config/ui/headers',
      access: 'sudo',
      summary: 'Names of the headers that pages get besides their own.',
      fields: {},
      operations: {
        list: {
          summary: 'List them.',
          handler: async () => reply.list((await load()).headers.map(({ name }) => name)),
        },
      },
    }),
    definePath({
      pattern: 'config/ui/headers/:header',
      access: 'sudo',
      summary: 'One header of the pages.',
      fields: {
        header: field.lowerString({ help: 'Name of the header.', charsMax: 128 }),
        values: field.stringList({ help: 'Its values.', charsMax: 8192 }),
        multivalue: field.bool({ help: 'Kept for compatibility.' }),
      },
      operations: {
        read: {
          summary: 'Read its values.',
          handler: async ({ input }) => {
            const found = (await load()).headers.find(({ name }) => name === input.header)
            if (found === undefined) return reply.none()
            return reply.data({ value: found.values.join(', '), values: found.values })
          },
        },
        write: {
          summary: 'Set its values.',
          handler: async ({ input }) => {
            const { header: name = '', values = [] } = input
            const problem = findUiHeaderProblem(name, values)
            if (problem !== undefined) throw invalid(problem)
            await change(
              ports,
              (others) => {
                if (others.length >= uiHeadersMax) throw invalid(`at most ${uiHeadersMax} headers`)
                return [...others, { name, values }]
              },
              name,
            )
            return reply.none()
          },
        },
        delete: {
          summary: 'Leave it out again.',
          handler: ({ input }) => reply.done(change(ports, (others) => others, input.header ?? '')),
        },
      },
    }),
  ]
}

/** The pages ask for the latest configuration known here, so it is known before the answer. */
async function change(
  ports: HeaderPorts,
  work: (others: Headers) => Headers,
  name: string,
): Promise<void> {
  await ports.store.write(async (txn) => {
    const { headers } = (await txn.get(keys.uiHeaders())) ?? uiHeadersRecord.defaults
    const others = headers.filter((header) => header.name !== name)
    txn.put(keys.uiHeaders(), {
      headers: work(others).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    })
  })
  await ports.configuration()
}
