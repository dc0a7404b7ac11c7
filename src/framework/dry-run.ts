/** `dry_run` of a write, as its path takes it and answers it (explain.md §5). */

import { Refusal } from './refusal.ts'
import { reply, type Reply } from './reply.ts'
import type { JsonObject } from '../lib/json.ts'
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
