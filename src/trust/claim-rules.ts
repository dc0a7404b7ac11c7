/**
 * Bound claims of a role: which values of which claims it accepts (jwt-oidc.md §2.5).
 *
 * The expected values are sorted by kind once, at role write; a login then costs one look-up per
 * value of the claim. Strings, booleans and numbers never equal each other, numbers compare exactly
 * (`decimal.ts`). What `rules` may say beyond values is in `claim-conditions.ts`.
 */

import type { JsonObject, JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { judgeCondition, parseCondition, type Condition } from './claim-conditions.ts'
import { listOfValues, matchKey } from './claim-values.ts'
import { globMatches, parseGlob, priceOfMatch, type Glob } from './glob.ts'
import type { MatchWork } from './match-work.ts'
import { parseReference, resolveReference, type ClaimReference } from './pointer.ts'

/**
 * Patterns times values of one claim (ruling R12): what lies behind them is not looked at and
 * matches nothing.
 */
const comparisonsMax = 2_000_000

export type BoundClaimsType = 'string' | 'glob' | 'rules'

export interface ClaimRule {
  readonly reference: ClaimReference
  /** What the role says, as written, for those who may see it. */
  readonly expected: JsonValue
  readonly matcher: Matcher
}

type Matcher =
  | { readonly kind: 'exact'; readonly keys: ReadonlySet<string> }
  | { readonly kind: 'glob'; readonly globs: readonly Glob[] }
  | { readonly kind: 'condition'; readonly condition: Condition }
  /**
   * The expected value is of a type that nothing matches: an object, or a non-string among globs,
   * or no condition.
   */
  | { readonly kind: 'unsupported' }

export type ClaimRuleProblem =
  | { readonly reason: 'claim_missing'; readonly rule: ClaimRule }
  | {
      readonly reason: 'claim_type'
      readonly rule: ClaimRule
      /** What cannot be compared: the claim, what the role expects, or the two with each other. */
      readonly side: 'claim' | 'role' | 'value'
      readonly got: JsonValue
    }
  | { readonly reason: 'claim_mismatch'; readonly rule: ClaimRule; readonly got: JsonValue }
  | { readonly reason: 'claim_too_large'; readonly rule: ClaimRule }

export function parseClaimRules(
  boundClaims: JsonObject | null,
  type: BoundClaimsType,
): readonly ClaimRule[] {
  return Object.entries(boundClaims ?? {}).map(([name, expected]) => ({
    reference: parseReference(name),
    expected,
    matcher: createMatcher(expected, type),
  }))
}

/** One rule against the claims. */
export function checkClaimRule(
  rule: ClaimRule,
  claims: JsonObject,
  work: MatchWork,
  nowSeconds: number,
): Result<JsonValue, ClaimRuleProblem> {
  const got = resolveReference(claims, rule.reference)
  if (got === undefined) return err({ reason: 'claim_missing', rule })
  const values = listOfValues(got)
  if (values === undefined) return err({ reason: 'claim_type', rule, side: 'claim', got })
  switch (rule.matcher.kind) {
    case 'unsupported':
      return err({ reason: 'claim_type', rule, side: 'role', got })
    case 'exact': {
      const { keys } = rule.matcher
      for (const value of values) {
        const key = matchKey(value)
        if (key !== undefined && keys.has(key)) return ok(got)
      }
      break
    }
    case 'glob': {
      const { globs } = rule.matcher
      let comparisons = 0
      for (const value of values) {
        comparisons += globs.length
        if (comparisons > comparisonsMax) break
        // Numbers and booleans match no glob, not even a lone star.
        if (typeof value !== 'string') continue
        for (const glob of globs) {
          if (!work.pay(priceOfMatch(glob, value))) return err({ reason: 'claim_too_large', rule })
          if (globMatches(glob, value)) return ok(got)
        }
      }
      break
    }
    case 'condition': {
      const judged = judgeCondition(rule.matcher.condition, values, { work, nowSeconds })
      if (judged === 'yes') return ok(got)
      if (judged === 'cannot') return err({ reason: 'claim_type', rule, side: 'value', got })
      if (judged === 'too_large') return err({ reason: 'claim_too_large', rule })
      break
    }
  }
  return err({ reason: 'claim_mismatch', rule, got })
}

function createMatcher(expected: JsonValue, type: BoundClaimsType): Matcher {
  if (type === 'rules') {
    const condition = parseCondition(expected)
    return condition.ok
      ? { kind: 'condition', condition: condition.value }
      : { kind: 'unsupported' }
  }
  const values = listOfValues(expected)
  if (values === undefined) return { kind: 'unsupported' }
  if (type === 'string') {
    return {
      kind: 'exact',
      keys: new Set(values.map(matchKey).filter((key) => key !== undefined)),
    }
  }
  const globs: Glob[] = []
  for (const value of values) {
    if (typeof value !== 'string') return { kind: 'unsupported' }
    globs.push(parseGlob(value))
  }
  return { kind: 'glob', globs }
}
