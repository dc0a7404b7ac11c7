/** `dry_run` of a write, as its path takes it and answers it (explain.md §5). */

import type { PathDeclaration } from './path.ts'
import { invalid, Refusal } from './refusal.ts'
import { reply, type Reply } from './reply.ts'
import type { Operation } from './request.ts'
import { member, type JsonObject, type JsonValue } from '../lib/json.ts'
import { field } from '../schema/field.ts'

/** Says what a drafted write would do. */
export type Preview<D> = (draft: () => Promise<D>) => Promise<JsonObject>

export const dryRunField = field.bool({
  help: 'Write nothing: say what would change, and which logins of the past would go another way.',
})

/** A write that would be refused is an answer here: what it would hear. */
export async function previewReply(preview: () => Promise<JsonObject>): Promise<Reply> {
  try {
    return reply.data(await preview())
  } catch (problem) {
    if (!(problem instanceof Refusal) || problem.status !== 400) throw problem
    const nothing = { warnings: [], changes: [], replayed: 0, unknown: 0 }
    const nobody = { gain: [], lose: [], changed: [], truncated: false }
    return reply.data({ valid: false, problem: problem.message, ...nothing, ...nobody })
  }
}

/** Whether a value given for `dry_run` is anything but a clear no. */
export function asksDryRun(value: JsonValue): boolean {
  if (value === null) return false
  const parsed = dryRunField.parse(value)
  return value === '' || !parsed.ok || parsed.value
}

/** Operations that change something. */
const changes: readonly Operation[] = ['create', 'update', 'patch', 'delete']

/** Throws a 400 where a change is to be tried and its path would make it for real. */
export function requireDryRunKnown(
  { fields, anyFields }: Pick<PathDeclaration, 'fields' | 'anyFields'>,
  operation: Operation,
  data: JsonObject,
): void {
  const given = member(data, 'dry_run')
  if (given === undefined || !changes.includes(operation) || !asksDryRun(given)) return
  const isWrite = operation === 'create' || operation === 'update'
  if (isWrite && Object.hasOwn(fields, 'dry_run')) return
  // A secret may have a member of that name; a delete has no members.
  if (anyFields === true && operation !== 'delete') return
  throw invalid('"dry_run" is no field of this request, which would be carried out for real')
}

/** The same of the query of a request that has a body, which nothing else reads. */
export function requireNoDryRun(pairs: readonly (readonly [name: string, value: string])[]): void {
  if (!pairs.some(([name, value]) => name === 'dry_run' && asksDryRun(value))) return
  throw invalid('"dry_run" counts for nothing in the query of a write: give it in the body')
}
