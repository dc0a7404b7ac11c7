/** Subject rule of a role: exactly this `sub` and no other (RFC 7519 §4.1.2). */

import { err, ok, type Result } from '../lib/result.ts'

export interface SubjectProblem {
  readonly reason: 'subject_mismatch'
  readonly want: string
  readonly got: string | undefined
}

/** An empty rule accepts any subject, also none. */
export function checkSubject(want: string, got: string | undefined): Result<void, SubjectProblem> {
  return want === '' || want === got
    ? ok(undefined)
    : err({ reason: 'subject_mismatch', want, got })
}
