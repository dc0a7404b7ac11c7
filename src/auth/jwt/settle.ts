/**
 * The I/O around the decision about a login: decide, ask outside what it needs, and decide again
 * with the answer.
 */

import type { JsonObject } from '../../lib/json.ts'
import type { Decision, Explained, Step } from '../../trust/decision.ts'
import type { Need } from '../../trust/login-check.ts'

/** Answers one need: gives what the input has to have for the decision to go on. */
export type Answer<I> = (input: I, claims: JsonObject) => Promise<Partial<I>> | Partial<I>

export type Answers<I> = Readonly<Partial<Record<Need, Answer<I>>>>

export interface Settled<I> {
  readonly decision: Decision
  /** With everything that was answered. */
  readonly input: I
}

export async function settle<I>(
  input: I,
  decide: (input: I) => Step,
  answers: Answers<I>,
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

/**
 * The same for somebody who wants to understand it: what there is no answer to is not asked, and
 * what rests on it is unverified.
 */
export async function settleExplained<I, E>(
  input: I,
  explain: (input: I, mayAsk: boolean) => Explained<E>,
  answers: Answers<I>,
): Promise<{ readonly explanation: E; readonly input: I }> {
  const asked = new Set<Need>()
  let judged = input
  let step = explain(judged, true)
  while (step.kind === 'needs') {
    const answer = answers[step.need]
    if (answer === undefined || asked.has(step.need)) {
      step = explain(judged, false)
      break
    }
    asked.add(step.need)
    judged = { ...judged, ...(await answer(judged, step.claims)) }
    step = explain(judged, true)
  }
  if (step.kind === 'needs') throw new Error('a run that may not ask has asked')
  return { explanation: step.explanation, input: judged }
}
