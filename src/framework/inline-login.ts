/**
 * A login that a request brings along in headers of its own (platform.md §1.6.1): what it asks, and
 * how its refusal is told from that of the request.
 */

import type { JsonObject } from '../lib/json.ts'
import { Refusal } from './refusal.ts'

export interface InlineLogin {
  /** As that of a request: decoded once, slashes collapsed. It may begin with a namespace. */
  readonly path: string
  /** Where the path begins, without slashes at its ends; empty is the root. */
  readonly namespace: string
  /** What a login there would have in its body. */
  readonly data: JsonObject
}

/** The same refusal, marked as one of the login: the request was not tried. */
export function inlineLoginRefused({ code, detail }: Refusal): Refusal {
  const headers = { ...detail.headers, 'X-Vault-Inline-Auth-Failed': 'true' }
  return new Refusal(code, { ...detail, headers })
}
