/**
 * What is known of the token behind a request: the core's own paths and the token method get it.
 */

import type { TokenPort } from '../framework/token-port.ts'
import type { Acl } from './policy/acl.ts'
import type { TokenRights } from './token-rights.ts'
import type { LiveToken, Tokens } from './tokens.ts'

/** The namespace of a token that acts in one below it. */
export interface TokenHome {
  readonly id: string
  /** Empty for the root. */
  readonly path: string
  readonly tokens: Pick<Tokens, 'spendUse'>
  readonly tokenOperations: TokenPort<CallerFacts> & {
    revokeId(id: string, keepChildren: boolean): Promise<void>
  }
}

export interface CallerFacts {
  readonly token: LiveToken
  readonly acl: Acl
  /** Its policies, and where each comes from. */
  readonly rights: TokenRights
  /** Where it is not the namespace of the request. */
  readonly home?: TokenHome
}
