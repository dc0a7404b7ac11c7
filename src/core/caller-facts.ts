/**
 * What is known of the token behind a request: the core's own paths and the token method get it.
 */

import type { Acl } from './policy/acl.ts'
import type { TokenRights } from './token-rights.ts'
import type { LiveToken } from './tokens.ts'

export interface CallerFacts {
  readonly token: LiveToken
  readonly acl: Acl
  /** Its policies, and where each comes from. */
  readonly rights: TokenRights
}
