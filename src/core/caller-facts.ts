/**
 * What is known of the token behind a request: the core's own paths and the token method get it.
 */

import type { Acl } from './policy/acl.ts'
import type { LiveToken } from './tokens.ts'

export interface CallerFacts {
  readonly token: LiveToken
  readonly acl: Acl
  /** What its entity adds. */
  readonly identityPolicies: readonly string[]
}
