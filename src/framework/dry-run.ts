/** `dry_run` of a write, as its path takes it and answers it (explain.md §5). */

import type { PathDeclaration } from './path.ts'
import { invalid, Refusal } from './refusal.ts'
import { reply, type Reply } from './reply.ts'
import type { AskedBesides, BackendRequest, Operation } from './request.ts'
import { member, type JsonObject, type JsonValue } from '../lib/json.ts'
import { field } from '../schema/field.ts'

/** Says what a drafted write would do. */
export type Preview<D> = (draft: () => Promise<D>, sight: PreviewSight) => Promise<JsonObject>

/** What of a preview its caller could read elsewhere: nobody is told more here. */
export interface PreviewSight {
  /** What stands now. */
  readonly current: boolean
  /** Each that would gain or lose, and not how many alone. */
  readonly rows: boolean
}

/** How logins or tokens would fare. */
export interface Replayed {
  readonly replayed: number
  readonly unknown: number
  readonly gain: readonly JsonObject[]
  readonly lose: readonly JsonObject[]
  readonly changed: readonly JsonObject[]
  readonly truncated: boolean
}

interface PreviewFound extends Replayed {
  readonly warnings: readonly string[]
  /** `field`, `before` and `after`. */
  readonly changes: readonly JsonObject[]
}

/** Where the rows of a login preview can be read as well. */
const keptLogins = { operation: 'read', path: 'sys/logins' } as const

/** Of each list that is shown. */
const shownMax = 1_000

export const dryRunField = field.bool({
  help: 'Write nothing: say what would change, and which logins of the past would go another way.',
})

/** `rows` says who may read of those that the preview is about. */
export function sightOf(
  { may }: Pick<BackendRequest<unknown>, 'may'>,
  rows: AskedBesides,
): PreviewSight {
  return { current: may?.({ operation: 'read' }) === true, rows: may?.(rows) === true }
}

/** Which fields differ tells of what stands as well as their values do. */
export function previewData(found: PreviewFound, sight: PreviewSight): JsonObject {
  const { warnings, changes, replayed, unknown, gain, lose, changed } = found
  const isCut = [gain, lose, changed].some(({ length }) => length > shownMax)
  return {
    valid: true,
    warnings: [...warnings],
    ...(sight.current ? { changes: [...changes] } : {}),
    replayed,
    unknown,
    counts: { gain: gain.length, lose: lose.length, changed: changed.length },
    ...(sight.rows
      ? {
          gain: gain.slice(0, shownMax),
          lose: lose.slice(0, shownMax),
          changed: changed.slice(0, shownMax),
        }
      : {}),
    truncated: found.truncated || (sight.rows && isCut),
  }
}

/** A write that would be refused is an answer here: what it would hear. */
export async function previewReply(preview: () => Promise<JsonObject>): Promise<Reply> {
  try {
    return reply.data(await preview())
  } catch (problem) {
    if (!(problem instanceof Refusal) || problem.status !== 400) throw problem
    const nothing = { warnings: [], changes: [], replayed: 0, unknown: 0 }
    const counts = { gain: 0, lose: 0, changed: 0 }
    const nobody = { counts, gain: [], lose: [], changed: [], truncated: false }
    return reply.data({ valid: false, problem: problem.message, ...nothing, ...nobody })
  }
}

/** The answer to a `dry_run` that is about logins of the past. */
export function previewLogins<D>(
  preview: Preview<D>,
  asker: Pick<BackendRequest<unknown>, 'may'>,
  draft: () => Promise<D>,
): Promise<Reply> {
  return previewReply(() => preview(draft, sightOf(asker, keptLogins)))
}

/** Whether a value given for `dry_run` is anything but a clear no. */
function asksDryRun(value: JsonValue): boolean {
  if (value === null) return false
  const parsed = dryRunField.parse(value)
  return value === '' || !parsed.ok || parsed.value
}

/** Operations that change something. */
const changing: readonly Operation[] = ['create', 'update', 'patch', 'delete']

/** Throws a 400 where a change is to be tried and its path would make it for real. */
export function requireDryRunKnown(
  { fields, anyFields }: Pick<PathDeclaration, 'fields' | 'anyFields'>,
  operation: Operation,
  data: JsonObject,
): void {
  const given = member(data, 'dry_run')
  if (given === undefined || !changing.includes(operation) || !asksDryRun(given)) return
  const isWrite = operation === 'create' || operation === 'update'
  if (given === '' && anyFields !== true) throw invalid("'dry_run' is neither true nor false")
  if (isWrite && Object.hasOwn(fields, 'dry_run')) return
  // A secret may have a member of that name; a delete has no members.
  if (anyFields === true && operation !== 'delete') return
  throw invalid('"dry_run" is no field of this request, which would be carried out for real')
}

/** The same of the body of a delete, which counts for nothing else. */
export function requireNoDryRunIn(body: JsonObject): void {
  const given = member(body, 'dry_run')
  if (given === undefined || !asksDryRun(given)) return
  throw invalid('"dry_run" is no field of a delete, which would be carried out for real')
}

/** The same of the query of a request that has a body, which nothing else reads. */
export function requireNoDryRun(pairs: readonly (readonly [name: string, value: string])[]): void {
  if (!pairs.some(([name, value]) => name === 'dry_run' && asksDryRun(value))) return
  throw invalid('"dry_run" counts for nothing in the query of a write: give it in the body')
}
