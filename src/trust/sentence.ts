/**
 * The second line of a refused login: one plain sentence with the fix, as far as the caller may
 * know (explain.md §2). The role's expectation is in it for `full` only.
 */

import type { Shown } from './login-check.ts'
import { reasons, type Reason } from './reasons.ts'
import { quote, showValue } from './shown-value.ts'

interface Failure extends Shown {
  readonly reason: Reason
}

export type Disclosure = 'none' | 'own_claims' | 'full'

/** Undefined when the caller hears the compatible text only. */
export function sentenceFor(
  failure: Failure,
  disclosure: Disclosure,
  requestId: string | undefined,
  /** In place of that of the reason, where more is known. */
  fix = reasons[failure.reason].fix,
): string | undefined {
  const happened = happenedFor(failure, disclosure)
  if (happened === undefined) return undefined
  const id =
    requestId === undefined ? '' : ` The operator finds this attempt under request id ${requestId}.`
  return `${happened} ${fix}${id}`
}

/** What the sentence begins with: what happened, without the fix. */
export function happenedFor(failure: Failure, disclosure: Disclosure): string | undefined {
  // A refused network learns nothing at all, not even that the rest would have been right.
  if (disclosure === 'none' || failure.reason === 'source_address_refused') return undefined
  return whatHappened(failure, disclosure === 'full')
}

function whatHappened(failure: Failure, isFull: boolean): string {
  const { reason, claim, got, expected, note } = failure
  let text: string
  if (claim !== undefined && missing.has(reason)) text = `The token has no claim ${quote(claim)}.`
  else if (claim !== undefined && got !== undefined) {
    text = `The claim ${quote(claim)} of the token is ${showValue(got)}. ${reasons[reason].text}`
  } else text = reasons[reason].text
  if (note !== undefined) text += ` ${note}`
  if (isFull && expected !== undefined) text += ` Expected is ${showValue(expected)}.`
  return text
}

const missing: ReadonlySet<Reason> = new Set([
  'issuer_missing',
  'audience_missing',
  'user_claim_missing',
  'metadata_missing',
  'groups_missing',
  'claim_missing',
])
