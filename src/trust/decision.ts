/** What comes out of a login decision. Types only; `decide.ts` decides. */

import type { JsonObject } from '../lib/json.ts'
import type { Mistake } from './known-mistakes.ts'
import type { Need } from './login-check.ts'
import type { LoginOutcome } from './login-outcome.ts'
import type { Reason, ReasonEntry } from './reasons.ts'
import type { Check, Failure } from './run-checks.ts'
import type { Happened } from './sentence.ts'

/** A failure as the caller may hear it. */
export interface LoginFailure extends Failure {
  readonly status: ReasonEntry['status']
  /** `errors[1]`, where the caller may have one. */
  readonly sentence: string | undefined
  /** The same without the fix. */
  readonly happened: Happened | undefined
  /** What is known of such a failure; only where it is explained. */
  readonly mistakes?: readonly Mistake[]
}

export type Decision =
  | {
      readonly kind: 'accepted'
      readonly outcome: LoginOutcome
      readonly checks: readonly Check[]
    }
  | {
      readonly kind: 'refused'
      readonly failure: LoginFailure
      readonly checks: readonly Check[]
    }

/**
 * A login judged to the end for somebody who wants to understand it. Nothing is minted from one.
 */
export interface Explanation {
  readonly failure: LoginFailure | undefined
  readonly also_fails: readonly Reason[]
  /** The signature was proven. */
  readonly proven: boolean
  readonly checks: readonly Check[]
  /**
   * What would be minted without the failures; undefined when a part of it could not be worked out.
   */
  readonly outcome: LoginOutcome | undefined
}

/**
 * Everything before is in order: ask outside about these claims, and decide again with the answer.
 */
export interface Needs {
  readonly kind: 'needs'
  readonly need: Need
  readonly claims: JsonObject
}

export type Step = Needs | { readonly kind: 'decided'; readonly decision: Decision }

/** What judging came to, without its words. */
export interface Verdict {
  readonly failure: Failure | undefined
  readonly outcome: LoginOutcome | undefined
}

export type Explained<E = Explanation> =
  Needs | { readonly kind: 'explained'; readonly explanation: E }
