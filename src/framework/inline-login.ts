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

/** Header, claims and signature; no token of ours has two dots, and none begins so. */
const jwtForm = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/

/** Whether the request shows a JWT where a token belongs. */
function bearsJwt(token: string | undefined): boolean {
  return token !== undefined && token.startsWith('eyJ') && jwtForm.test(token)
}

/** Whether a login has to be judged before anybody knows who makes the request. */
export function bringsLogin({
  token,
  inlineLogin,
}: {
  readonly token: string | undefined
  readonly inlineLogin?: InlineLogin | undefined
}): boolean {
  return inlineLogin !== undefined || bearsJwt(token)
}

/** The same refusal, marked as one of the login: the request was not tried. */
export function inlineLoginRefused({ code, detail }: Refusal): Refusal {
  const headers = { ...detail.headers, 'X-Vault-Inline-Auth-Failed': 'true' }
  return new Refusal(code, { ...detail, headers })
}
