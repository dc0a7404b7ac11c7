/**
 * The second line of a refused login: one plain sentence with the fix, as far as the caller may
 * know (explain.md §2). The role's expectation is in it for `full` only.
 */

import { isJsonObject, member, type JsonValue } from '../lib/json.ts'
import type { Shown } from './login-check.ts'
import { reasons, type Reason } from './reasons.ts'
import { quote, showLines, showValue } from './shown-value.ts'

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
  const happened = happenedFor(failure, disclosure)?.text
  if (happened === undefined) return undefined
  const id =
    requestId === undefined ? '' : ` The operator finds this attempt under request id ${requestId}.`
  return `${happened} ${fix}${id}`
}

/** What happened, without the fix: as a sentence, and as what was compared. */
export interface Happened {
  readonly text: string
  /** The values of a claim side by side; its own and, for `full`, what the role expects. */
  readonly compared: () => Compared | undefined
}

export interface Compared {
  readonly claim: string
  /** One line each; none when the claim is absent. */
  readonly got: readonly string[]
  readonly expected: readonly string[]
}

export function happenedFor(failure: Failure, disclosure: Disclosure): Happened | undefined {
  // A refused network learns nothing at all, not even that the rest would have been right.
  if (disclosure === 'none' || failure.reason === 'source_address_refused') return undefined
  const isFull = disclosure === 'full'
  return {
    text: whatHappened(failure, isFull),
    compared: () => comparedOf(failure, isFull),
  }
}

function comparedOf({ claim, got, expected }: Failure, isFull: boolean): Compared | undefined {
  if (claim === undefined || (got === undefined && !isFull)) return undefined
  const wanted = isFull && expected !== undefined ? showLines(oneOf(expected)) : []
  if (got === undefined && wanted.length === 0) return undefined
  return { claim, got: got === undefined ? [] : showLines(got), expected: wanted }
}

/** Several that would do are told one by one. */
function oneOf(expected: JsonValue): JsonValue {
  if (!isJsonObject(expected)) return expected
  return member(expected, 'any_of') ?? member(expected, 'glob') ?? expected
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
