/**
 * The I/O around the decision about a login: decide, ask outside what it needs, and decide again
 * with the answer.
 */

import type { JsonObject } from '../../lib/json.ts'
import type { Decision, Step } from '../../trust/decision.ts'
import type { Need } from '../../trust/login-check.ts'

/** Answers one need: gives what the input has to have for the decision to go on. */
export type Answer<I> = (input: I, claims: JsonObject) => Promise<Partial<I>> | Partial<I>

export interface Settled<I> {
  readonly decision: Decision
  /** With everything that was answered. */
  readonly input: I
}

export async function settle<I>(
  input: I,
  decide: (input: I) => Step,
  answers: Readonly<Partial<Record<Need, Answer<I>>>>,
): Promise<Settled<I>> {
  const asked = new Set<Need>()
  let judged = input
  let step = decide(judged)
  while (step.kind === 'needs') {
    const answer = answers[step.need]
    // Each answer settles its need, so that there are no more rounds than needs.
    if (answer === undefined || asked.has(step.need)) {
      throw new Error(`a login decision cannot go on without ${step.need}`)
    }
    asked.add(step.need)
    judged = { ...judged, ...(await answer(judged, step.claims)) }
    step = decide(judged)
  }
  return { decision: step.decision, input: judged }
}
