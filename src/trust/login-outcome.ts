/** What an accepted login comes to; the core makes a token of it. */

import type { JsonObject } from '../lib/json.ts'
import type { CelGrant } from './cel-program.ts'

/** What a token would be made from. */
export interface LoginOutcome {
  readonly aliasName: string
  readonly aliasMetadata: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, string>>
  readonly groups: readonly string[]
  /** Without the prefix of the mount. */
  readonly displayName: string
  /** Tidy and sorted; `default` is not added here. */
  readonly tokenPolicies: readonly string[]
  readonly boundCidrs: readonly string[]
  /** The address in `boundCidrs` is the caller's own. */
  readonly sourceAddressBound: boolean
  readonly claims: JsonObject
  /** Set where the role's program says what the token is like, and not the role. */
  readonly granted?: CelGrant
}
