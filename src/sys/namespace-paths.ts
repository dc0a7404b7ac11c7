/**
 * sys/namespaces: the namespaces below the one of the request, and their lock
 * (platform.md §2.12).
 */

import type { NamespacePort } from '../core/ports/system-ports.ts'
import { namespacePathCharsMax } from '../core/namespaces/namespace-path.ts'
import { requireFew, type NamespaceView } from '../core/namespaces/namespace-admin.ts'
import type { CallerFacts } from '../core/caller-facts.ts'
import { corePaths } from '../framework/core-path.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid, Refusal } from '../framework/refusal.ts'
import { reply, type Reply } from '../framework/reply.ts'
import type { JsonObject, JsonValue } from '../lib/json.ts'
import { isPrintable } from '../lib/printable.ts'
import { field } from '../schema/field.ts'

const nameCharsMax = 128
const valueCharsMax = 512

const path = field.path({
  help: 'Path of the namespace, from that of the request on.',
  charsMax: namespacePathCharsMax,
})

export function namespacePaths(ports: NamespacePort): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'namespaces',
      access: 'token',
      summary: 'Namespaces below that of the request.',
      fields: {},
      operations: {
        list: { summary: 'List those directly below.', handler: () => list(ports, 'children') },
        scan: { summary: 'List all below.', handler: () => list(ports, 'all') },
      },
    }),
    ...lockPaths(ports),
    definePath({
      pattern: 'namespaces/*path',
      access: 'token',
      summary: 'One namespace.',
      tellsUnknown: true,
      fields: {
        path,
        custom_metadata: field.map({ help: 'Words for people: up to 64 pairs of texts.' }),
      },
      operations: {
        read: {
          summary: 'Read it.',
          handler: async ({ input }) => shown(await ports.namespaces.read(input.path ?? '')),
        },
        write: {
          summary: 'Create it, or replace the metadata of one that is there.',
          handler: async ({ input }) => {
            const metadata = input.custom_metadata && requireTexts(input.custom_metadata)
            return shown(await ports.namespaces.write(input.path ?? '', metadata))
          },
        },
        patch: {
          summary: 'Change its metadata; null takes a pair away.',
          handler: async ({ input }) => {
            const changes = requireChanges(input.custom_metadata ?? {})
            const found = await ports.namespaces.patch(input.path ?? '', changes)
            if (found === undefined) throw new Refusal('not_found')
            return shown(found)
          },
        },
        delete: {
          summary: 'Delete it with all that is in it; it must have no namespaces below.',
          handler: async ({ input }): Promise<Reply> => {
            const wasThere = await ports.namespaces.remove(input.path ?? '')
            return wasThere
              ? { kind: 'data', data: { status: 'in-progress' }, status: 202 }
              : reply.none(['requested namespace does not exist'])
          },
        },
      },
    }),
  ]
}

/** With the path in the path, and for the namespace of the request itself without. */
function lockPaths(ports: NamespacePort): readonly PathDeclaration[] {
  return ['', '/*path'].flatMap((rest) => [
    definePath({
      pattern: `namespaces/api-lock/lock${rest}`,
      access: 'sudo',
      summary: 'Closes a namespace and those below it.',
      fields: { path },
      operations: {
        write: {
          summary: 'Lock it; the answer has the key that opens it.',
          handler: async ({ input }) =>
            reply.data({ unlock_key: await ports.namespaces.lock(input.path ?? '') }),
        },
      },
    }),
    corePaths<CallerFacts>()({
      pattern: `namespaces/api-lock/unlock${rest}`,
      access: 'sudo',
      summary: 'Opens a locked namespace.',
      fields: {
        path,
        unlock_key: field.string({
          help: 'The key that its lock has given; a root token needs none.',
          charsMax: nameCharsMax,
        }),
      },
      operations: {
        write: {
          summary: 'Unlock it.',
          handler: async ({ input, caller }) => {
            const isRoot = caller?.isRoot === true
            await ports.namespaces.unlock(input.path ?? '', input.unlock_key ?? '', isRoot)
            return reply.none()
          },
        },
      },
    }),
  ])
}

async function list(ports: NamespacePort, depth: 'children' | 'all'): Promise<Reply> {
  const found = await ports.namespaces.list(depth)
  return reply.list(
    found.map((one) => one.path),
    Object.fromEntries(found.map((one) => [one.path, members(one)])),
  )
}

function shown(found: NamespaceView | undefined): Reply {
  return found === undefined ? reply.none() : reply.data(members(found))
}

function members({ record, path: shownPath, isLocked }: NamespaceView): JsonObject {
  return {
    custom_metadata: record.customMetadata,
    id: record.id,
    locked: isLocked,
    path: shownPath,
    tainted: record.tainted === true,
    uuid: record.uuid,
  }
}

function requireTexts(given: JsonObject): Readonly<Record<string, string>> {
  const entries = Object.entries(requireChanges(given))
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  )
}

function requireChanges(given: JsonObject): Readonly<Record<string, string | null>> {
  const entries = Object.entries(given)
  requireFew(entries.length)
  return Object.fromEntries(
    entries.map(([name, value]) => [requireName(name), textOf(name, value)]),
  )
}

function requireName(name: string): string {
  if (name === '' || name.length > nameCharsMax || !isPrintable(name)) {
    throw invalid(`a name in custom_metadata must have 1 to ${nameCharsMax} printable characters`)
  }
  return name
}

function textOf(name: string, value: JsonValue): string | null {
  if (value === null) return null
  if (typeof value !== 'string' || value.length > valueCharsMax || !isPrintable(value)) {
    throw invalid(
      `custom_metadata ${JSON.stringify(name)} must be a text of at most ${valueCharsMax} printable characters`,
    )
  }
  return value
}
