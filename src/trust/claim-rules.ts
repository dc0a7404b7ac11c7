/**
 * Bound claims of a role: which values of which claims it accepts (jwt-oidc.md §2.5).
 *
 * The expected values are sorted by kind once, at role write; a login then costs one look-up per
 * value of the claim. Strings, booleans and numbers never equal each other, numbers compare exactly
 * (`decimal.ts`).
 */

import { isJsonArray, type JsonObject, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { canonicalDecimal, parseDecimal } from './decimal.ts'
import { globMatches, parseGlob, priceOfMatch, type Glob } from './glob.ts'
import { parseReference, resolveReference, type ClaimReference } from './pointer.ts'

/**
 * Patterns times values of one claim (ruling R12): what lies behind them is not looked at and
 * matches nothing.
 */
const comparisonsMax = 2_000_000

export type BoundClaimsType = 'string' | 'glob'

export interface ClaimRule {
  readonly reference: ClaimReference
  /** What the role says, as written, for those who may see it. */
  readonly expected: JsonValue
  readonly matcher: Matcher
}

type Matcher =
  | { readonly kind: 'exact'; readonly keys: ReadonlySet<string> }
  | { readonly kind: 'glob'; readonly globs: readonly Glob[] }
  /**
   * The expected value is of a type that nothing matches: an object, or a non-string among globs.
   */
  | { readonly kind: 'unsupported' }

export type ClaimRuleProblem =
  | { readonly reason: 'claim_missing'; readonly rule: ClaimRule }
  | {
      readonly reason: 'claim_type'
      readonly rule: ClaimRule
      readonly side: 'claim' | 'role'
      readonly got: JsonValue
    }
  | { readonly reason: 'claim_mismatch'; readonly rule: ClaimRule; readonly got: JsonValue }
  | { readonly reason: 'claim_too_large'; readonly rule: ClaimRule }

/**
 * What the globs of one login may cost, all of its rules together: a role may have thousands of
 * them, and a token a hundred thousand characters for each (ruling R12).
 */
export class GlobWork {
  #left = globPriceMax

  /** False when there is not so much left. */
  pay(price: number): boolean {
    this.#left -= price
    return this.#left >= 0
  }
}

/**
 * Some hundredths of a second. A hundred globs over a thousand groups of thirty characters take the
 * half of it.
 */
const globPriceMax = 16_000_000

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
  work: GlobWork,
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
  }
  return err({ reason: 'claim_mismatch', rule, got })
}

/**
 * A list as it is, a string, boolean or number as a list of one, undefined for objects and null.
 */
export function listOfValues(value: JsonValue): readonly JsonValue[] | undefined {
  if (isJsonArray(value)) return value
  return isScalar(value) ? [value] : undefined
}

/** True for what a bound claim can be compared with; false for null, objects and lists. */
export function isScalar(value: JsonValue): boolean {
  return matchKey(value) !== undefined
}

function createMatcher(expected: JsonValue, type: BoundClaimsType): Matcher {
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

/** Two scalars match when their keys are equal: the first letter is the JSON type. */
function matchKey(value: JsonValue): string | undefined {
  if (typeof value === 'string') return `s${value}`
  if (typeof value === 'boolean') return value ? 'btrue' : 'bfalse'
  const decimal = parseDecimal(value)
  return decimal === undefined ? undefined : `n${canonicalDecimal(decimal)}`
}
