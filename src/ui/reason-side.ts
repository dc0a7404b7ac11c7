/** Whose side a refusal is on, and what the page says to that (ux.md §3.1: never strand). */

import { isReason, reasonRows, type Side } from '../lib/reason-rows.ts'

export type { Side } from '../lib/reason-rows.ts'

/**
 * Undefined for a reason that is not known here. In a browser sign-in the token is the provider's,
 * so nobody there can put it right.
 */
export function sideOf(reason: string, isSignIn = false): Side | undefined {
  if (!isReason(reason)) return undefined
  const { side, signInSide }: { readonly side: Side; readonly signInSide?: Side } =
    reasonRows[reason]
  return isSignIn ? (signInSide ?? side) : side
}
