/** Answers of the paths about the seal: JSON without an envelope, and 400 for what it refuses. */

import { SealProblem } from '../core/seal/seal-problem.ts'
import { invalid } from '../framework/refusal.ts'
import type { Reply } from '../framework/reply.ts'
import { encodeJson, type JsonObject } from '../lib/json.ts'

export function bareJson(body: JsonObject, status = 200): Reply {
  return { kind: 'raw', status, contentType: 'application/json', body: `${encodeJson(body)}\n` }
}

/** What the seal refuses is a 400 with its text. */
export async function asRefusals(work: () => Promise<Reply>): Promise<Reply> {
  try {
    return await work()
  } catch (problem) {
    if (problem instanceof SealProblem) throw invalid(problem.message)
    throw problem
  }
}
