/**
 * The I/O around the decision about a login: decide, ask outside what it needs, and decide again
 * with the answer.
 */

import type { LoginTimes } from '../../framework/login-log.ts'
import type { JsonObject } from '../../lib/json.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Decision, Explained, Step } from '../../trust/decision.ts'
import type { Need } from '../../trust/login-check.ts'

/** Answers one need: gives what the input has to have for the decision to go on. */
export type Answer<I> = (input: I, claims: JsonObject) => Promise<Partial<I>> | Partial<I>

export type Answers<I> = Readonly<Partial<Record<Need, Answer<I>>>>

export interface Settled<I> extends LoginTimes {
  readonly decision: Decision
  /** With everything that was answered. */
  readonly input: I
}

export async function settle<I>(
  input: I,
  decide: (input: I) => Step,
  { answers, clock }: { readonly answers: Answers<I>; readonly clock: Pick<Clock, 'monotonicMs'> },
): Promise<Settled<I>> {
  const asked = new Set<Need>()
  let judged = input
  let decideMs = 0
  let verifyMs = 0
  let keysMs = 0
  let sinceMs = clock.monotonicMs()
  const lap = (): number => {
    const beganMs = sinceMs
    sinceMs = clock.monotonicMs()
    return sinceMs - beganMs
  }
  let step = decide(judged)
  while (step.kind === 'needs') {
    const { need } = step
    const answer = answers[need]
    // Each answer settles its need, so that there are no more rounds than needs.
    if (answer === undefined || asked.has(need)) {
      throw new Error(`a login decision cannot go on without ${need}`)
    }
    asked.add(need)
    decideMs += lap()
    const given = answer(judged, step.claims)
    if (need === 'signature') verifyMs += lap()
    const isAwaited = given instanceof Promise
    // Also where there is nothing to wait for: here the logins of a turn have come equally far.
    judged = { ...judged, ...(await given) }
    // Choosing a role is deciding; what else has been waited for is somebody else's time.
    if (need === 'signature' && isAwaited) keysMs += lap()
    else if (need !== 'roles') lap()
    step = decide(judged)
  }
  decideMs += lap()
  return { decision: step.decision, input: judged, verifyMs, keysMs, decideMs }
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
