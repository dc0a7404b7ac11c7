/**
 * A short code that two screens show, so that a person sees that both belong to one sign-in
 * (RFC 8628 §5.4).
 */

import { createHash } from 'node:crypto'

/** RFC 8628 §6.1: no vowels, so no words; no letters that look alike. */
const alphabet = 'BCDFGHJKLMNPQRSTVWXZ'

/** `XXXX-XXXX`, from the state of a sign-in; says nothing about it. */
export function confirmationCode(state: string): string {
  const digest = createHash('sha256').update(state).digest()
  let code = ''
  for (const byte of digest.subarray(0, 8)) code += alphabet.charAt(byte % alphabet.length)
  return `${code.slice(0, 4)}-${code.slice(4)}`
}
