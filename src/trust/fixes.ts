/**
 * What can be done about a refused login, on either side (explain.md §3): the words of the reason's
 * row, and beside them the change of the role that would accept the token, where there is one.
 * For callers who may read what a role expects.
 */

import { reasonRows, type Side } from '../lib/reason-rows.ts'
import { type JsonObject, type JsonValue } from '../lib/json.ts'
import { wantedIn } from './known-mistakes.ts'
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

export function fixesOf(failure: LoginFailure): readonly Fix[] {
  const known = (failure.mistakes ?? []).map(({ side, fix }) => ({ side, text: fix }))
  return [...known, ...fixesOfReason(failure)]
}

function fixesOfReason({ reason, got, expected }: LoginFailure): readonly Fix[] {
  const usual: Fix = { side: sides[reasonRows[reason].side], text: reasons[reason].fix }
  if (got === undefined) return [usual]
  switch (reason) {
    case 'audience_mismatch': {
      const wanted = expected === undefined ? [] : wantedIn(expected)
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

function textsOf(got: JsonValue): readonly string[] {
  const list = Array.isArray(got) ? (got as readonly JsonValue[]) : [got]
  return list.filter((one): one is string => typeof one === 'string')
}
