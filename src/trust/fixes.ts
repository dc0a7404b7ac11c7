/**
 * What can be done about a refused login, on either side (explain.md §3): the words of the reason's
 * row, and beside them the change of the role that would accept the token, where there is one.
 * For callers who may read what a role expects.
 */

import { reasonRows, type Side } from '../lib/reason-rows.ts'
import { isJsonObject, member, type JsonObject, type JsonValue } from '../lib/json.ts'
import type { LoginFailure } from './decision.ts'
import { reasons } from './reasons.ts'
import { showValue } from './shown-value.ts'

type FixSide = 'token' | 'role' | 'provider'

export interface Fix extends JsonObject {
  readonly side: FixSide
  readonly text: string
}

const sides: Readonly<Record<Side, FixSide>> = {
  you: 'token',
  operator: 'role',
  provider: 'provider',
}

export function fixesOf({ reason, got, expected }: LoginFailure): readonly Fix[] {
  const usual: Fix = { side: sides[reasonRows[reason].side], text: reasons[reason].fix }
  if (got === undefined) return [usual]
  switch (reason) {
    case 'audience_mismatch': {
      const wanted = wantedOf(expected)
      const [first] = wanted
      if (first === undefined) return [usual]
      return [
        { side: 'token', text: `Ask for a token with the audience ${showValue(first)}.` },
        {
          side: 'role',
          text: `Or let the role accept the audience that the token has.`,
          patch: { bound_audiences: [...wanted, ...textsOf(got)] },
        },
      ]
    }
    case 'subject_mismatch':
      return [
        usual,
        {
          side: 'role',
          text: `If this token is the one that is meant: bind its subject ${showValue(got)}.`,
          patch: { bound_subject: got },
        },
      ]
    default:
      return [usual]
  }
}

/** The alternatives of an expectation. */
function wantedOf(expected: JsonValue | undefined): readonly JsonValue[] {
  const list =
    expected !== undefined && isJsonObject(expected) ? member(expected, 'any_of') : expected
  if (Array.isArray(list)) return list as readonly JsonValue[]
  return typeof list === 'string' ? [list] : []
}

function textsOf(got: JsonValue): readonly string[] {
  const list = Array.isArray(got) ? (got as readonly JsonValue[]) : [got]
  return list.filter((one): one is string => typeof one === 'string')
}
