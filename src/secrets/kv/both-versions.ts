/**
 * One set of paths for both versions, since a mount may be tuned from 1 to 2 while it is served.
 * Each version declares its paths as if it were alone; here they are laid over each other, and the
 * mount's version decides at each request.
 */

import type { BackendContext } from '../../framework/backend.ts'
import { requireDryRunKnown } from '../../framework/dry-run.ts'
import type { Reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import { parseInput } from '../../framework/input.ts'
import type {
  DeclaredOperation,
  OperationDeclaration,
  PathDeclaration,
} from '../../framework/path.ts'
import { Refusal } from '../../framework/refusal.ts'
import { ok } from '../../lib/result.ts'
import { after, type Soon } from '../../lib/soon.ts'
import type { Field, FieldTable, Input } from '../../schema/field.ts'
import { pathField } from './secret-path.ts'
import type { Upgrade } from './upgrade.ts'

type Request = BackendRequest<Input<FieldTable>>
type Operations = Partial<Record<DeclaredOperation, OperationDeclaration<Input<FieldTable>>>>

export function isVersioned(options: Readonly<Record<string, string>>): boolean {
  return options['version'] === '2'
}

/** The versioned path where the mount is version 2, the plain one where it is version 1. */
export function eitherVersion(
  context: BackendContext,
  upgrade: Upgrade,
  versioned: PathDeclaration,
  plain: PathDeclaration,
): PathDeclaration {
  const captureAt = versioned.pattern.indexOf('*')
  const serve = (request: Request, operation: DeclaredOperation): Soon<Reply> => {
    const isNew = isVersioned(context.mount().options)
    const side = isNew ? versioned : plain
    const declared = side.operations[operation]
    if (declared === undefined) throw new Refusal('operation_unsupported')
    return after(isNew ? upgrade.requireDone() : undefined, () => {
      const own = narrowed(request, side, captureAt)
      return after(declared.handler(own.request), (reply) => {
        const isTold = operation === 'write' || operation === 'patch'
        return told(reply, own.warnings, isTold && context.mount().compat !== 'vault')
      })
    })
  }
  const operations: Operations = {}
  for (const name of ['read', 'list', 'write', 'patch', 'delete'] as const) {
    const declared = versioned.operations[name] ?? plain.operations[name]
    if (declared === undefined) continue
    operations[name] = {
      summary: declared.summary,
      handler: (request) => serve(request, name),
    }
  }
  return {
    pattern: versioned.pattern,
    access: versioned.access,
    summary: versioned.summary,
    fields: untyped(versioned.fields),
    // Members of a version 1 secret have any name; version 2 warns by itself.
    anyFields: true,
    exists: async (target) => {
      const side = isVersioned(context.mount().options) ? versioned : plain
      // Without a check every write is an update.
      return (await side.exists?.(target)) ?? true
    },
    operations,
  }
}

/**
 * The same fields, for help and reference, taking any value: a member of a version 1 secret must
 * not be refused.
 */
function untyped(fields: FieldTable): FieldTable {
  return Object.fromEntries(Object.entries(fields).map(([name, one]) => [name, anyValue(one)]))
}

function anyValue(one: Field<unknown>): Field<unknown> {
  return { ...one, parse: (value) => ok(value) }
}

interface Narrowed {
  readonly request: Request
  readonly warnings: readonly string[]
}

/**
 * The request as the path of that version would have received it; `captureAt` is negative where
 * nothing is captured.
 */
function narrowed(request: Request, path: PathDeclaration, captureAt: number): Narrowed {
  const captures: Record<string, string> = {}
  if (captureAt >= 0 && request.path.length >= captureAt) {
    captures[pathField] = request.path.slice(captureAt)
  }
  // The members of a version 1 secret are no fields.
  if (path.anyFields === true && request.operation !== 'list') {
    return { request: { ...request, input: captures }, warnings: [] }
  }
  requireDryRunKnown(path, request.operation, request.data)
  const { input, warnings } = parseInput(path, request.data, captures)
  return { request: { ...request, input }, warnings }
}

/**
 * A `cas` beside `data` is a lost update that its caller believes impossible (platform.md §1.8).
 */
function told(reply: Reply, warnings: readonly string[], isTold: boolean): Reply {
  const hasPlace = reply.kind === 'data' || (reply.kind === 'none' && isTold)
  if (!hasPlace || warnings.length === 0) return reply
  return { ...reply, warnings: [...(reply.warnings ?? []), ...warnings] }
}
