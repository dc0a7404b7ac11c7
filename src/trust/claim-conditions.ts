/**
 * Conditions of `bound_claims_type=rules`: what a claim must be, beyond a list of equal values
 * (jwt-oidc.md §2.10). Parsed at role write, never at a login.
 *
 * A condition says yes, no, or that it cannot say: a text is not compared with a number. "Not"
 * turns yes and no around and leaves the third as it is, so that no value of an odd type passes a
 * condition by being none of what it forbids.
 */

import { isJsonArray, isJsonObject, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { isScalar, matchKey } from './claim-values.ts'
import { compareDecimals, parseDecimal, type Decimal } from './decimal.ts'
import {
  expressionMatches,
  parseExpression,
  priceOfExpression,
  type Expression,
} from './expression.ts'
import { globMatches, parseGlob, priceOfMatch, type Glob } from './glob.ts'
import type { MatchWork } from './match-work.ts'
import { parseTimePoint, secondsOfDate, timeOf, type TimePoint } from './time-point.ts'
import { quote } from './shown-value.ts'

export type Condition =
  | { readonly kind: 'equals'; readonly keys: ReadonlySet<string>; readonly types: string }
  | { readonly kind: 'glob'; readonly globs: readonly Glob[] }
  | { readonly kind: 'matches'; readonly expressions: readonly Expression[] }
  | { readonly kind: 'number'; readonly holds: Comparison; readonly bound: Decimal }
  | { readonly kind: 'time'; readonly isBefore: boolean; readonly bound: TimePoint }
  | { readonly kind: 'all' | 'any'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'not'; readonly condition: Condition }

/** How a number stands to the bound: negative, zero or positive as it is less, equal or more. */
type Comparison = (order: number) => boolean

const comparisons: Readonly<Record<string, Comparison>> = {
  less_than: (order) => order < 0,
  at_most: (order) => order <= 0,
  at_least: (order) => order >= 0,
  more_than: (order) => order > 0,
}

const depthMax = 8
/** Of all conditions of one claim. */
const conditionsMax = 200
const valuesMax = 10_000

/** What one step of a condition costs beside the text it looks at. */
const stepPrice = 32

export type Judgement = 'yes' | 'no' | 'cannot' | 'too_large'

export interface Judging {
  readonly work: MatchWork
  readonly nowSeconds: number
}

/** The condition, or what is wrong with it, in words that name the rule. */
export function parseCondition(value: JsonValue): Result<Condition, string> {
  return parseAny(value, { depth: 0, room: { left: conditionsMax } })
}

interface Reading {
  readonly depth: number
  /** How many conditions there may still be, wherever they stand. */
  readonly room: { left: number }
}

function parseAny(value: JsonValue, reading: Reading): Result<Condition, string> {
  if (--reading.room.left < 0) return err(`there are more than ${conditionsMax} conditions`)
  if (reading.depth > depthMax) return err(`conditions are nested deeper than ${depthMax}`)
  if (isScalar(value)) return ok(equals([value]))
  if (isJsonArray(value)) return parseAlternatives(value, 'a list', reading)
  if (!isJsonObject(value)) return err('null matches no claim')
  const entries = Object.entries(value)
  if (entries.length === 0) return err('an empty object says nothing')
  return allOf(entries.map(([name, operand]) => parseRule(name, operand, reading)))
}

/** Scalars among them are one set, however many there are. */
function parseAlternatives(
  values: readonly JsonValue[],
  what: string,
  reading: Reading,
): Result<Condition, string> {
  if (values.length === 0) return err(`${what} of alternatives is empty, and matches no token`)
  if (values.length > valuesMax) return err(`${what} has more than ${valuesMax} alternatives`)
  const scalars = values.filter(isScalar)
  const others = values.filter((value) => !isScalar(value))
  const parsed = others.map((value) => parseAny(value, deeper(reading)))
  const conditions = collect(parsed)
  if (!conditions.ok) return conditions
  const all = scalars.length === 0 ? conditions.value : [equals(scalars), ...conditions.value]
  const [only] = all
  return ok(all.length === 1 && only !== undefined ? only : { kind: 'any', conditions: all })
}

function parseRule(name: string, operand: JsonValue, reading: Reading): Result<Condition, string> {
  const rule = `rule ${quote(name)}`
  const within = (result: Result<Condition, string>): Result<Condition, string> =>
    result.ok ? result : err(`${rule}: ${result.error}`)
  const holds = Object.hasOwn(comparisons, name) ? comparisons[name] : undefined
  if (holds !== undefined) {
    const bound = parseDecimal(operand)
    return bound === undefined
      ? err(`${rule} needs a number`)
      : ok({ kind: 'number', holds, bound })
  }
  switch (name) {
    case 'not': {
      const condition = parseAny(operand, deeper(reading))
      return within(condition.ok ? ok({ kind: 'not', condition: condition.value }) : condition)
    }
    case 'any_of':
      if (!isJsonArray(operand)) return err(`${rule} needs a list`)
      return within(parseAlternatives(operand, 'the list', reading))
    case 'all_of':
      if (!isJsonArray(operand)) return err(`${rule} needs a list`)
      if (operand.length === 0) return err(`${rule}: an empty list says nothing`)
      return within(allOf(operand.map((one) => parseAny(one, deeper(reading)))))
    case 'glob': {
      const texts = textsOf(operand)
      if (texts === undefined) return err(`${rule} needs a string or a list of strings`)
      return ok({ kind: 'glob', globs: texts.map(parseGlob) })
    }
    case 'matches': {
      const texts = textsOf(operand)
      if (texts === undefined) return err(`${rule} needs a string or a list of strings`)
      reading.room.left -= texts.length
      if (reading.room.left < 0) return err(`there are more than ${conditionsMax} conditions`)
      const expressions = collect(texts.map(parseExpression))
      if (!expressions.ok) return err(`${rule}: ${expressions.error}`)
      return ok({ kind: 'matches', expressions: expressions.value })
    }
    case 'before':
    case 'after': {
      const bound = parseTimePoint(operand)
      if (bound !== undefined) return ok({ kind: 'time', isBefore: name === 'before', bound })
      return err(`${rule} needs a time: RFC 3339, seconds since 1970, or now, now-15m, now+1h`)
    }
    default:
      return err(`there is no ${rule}; use ${ruleNames.join(', ')}`)
  }
}

const ruleNames: readonly string[] = [
  'not',
  'any_of',
  'all_of',
  'glob',
  'matches',
  ...Object.keys(comparisons),
  'before',
  'after',
]

function deeper(reading: Reading): Reading {
  return { ...reading, depth: reading.depth + 1 }
}

function equals(values: readonly JsonValue[]): Condition {
  const keys = new Set(values.map(matchKey).filter((key) => key !== undefined))
  return { kind: 'equals', keys, types: [...keys].map((key) => key.charAt(0)).join('') }
}

function allOf(parsed: readonly Result<Condition, string>[]): Result<Condition, string> {
  const conditions = collect(parsed)
  if (!conditions.ok) return conditions
  const [only] = conditions.value
  const isOne = conditions.value.length === 1 && only !== undefined
  return ok(isOne ? only : { kind: 'all', conditions: conditions.value })
}

function collect<T>(parsed: readonly Result<T, string>[]): Result<readonly T[], string> {
  const values: T[] = []
  for (const one of parsed) {
    if (!one.ok) return one
    values.push(one.value)
  }
  return ok(values)
}

function textsOf(operand: JsonValue): readonly string[] | undefined {
  const list = isJsonArray(operand) ? operand : [operand]
  const texts = list.filter((one) => typeof one === 'string')
  return texts.length === list.length && texts.length > 0 ? texts : undefined
}

/** The condition about all values of one claim: one of them is enough for each leaf. */
export function judgeCondition(
  condition: Condition,
  values: readonly JsonValue[],
  judging: Judging,
): Judgement {
  switch (condition.kind) {
    case 'not': {
      const judged = judgeCondition(condition.condition, values, judging)
      if (judged === 'yes') return 'no'
      return judged === 'no' ? 'yes' : judged
    }
    case 'all':
      return judgeAll(condition.conditions, values, judging)
    case 'any':
      return judgeAny(condition.conditions, values, judging)
    default:
      return judgeLeaf(condition, values, judging)
  }
}

function judgeAll(
  conditions: readonly Condition[],
  values: readonly JsonValue[],
  judging: Judging,
): Judgement {
  let all: Judgement = 'yes'
  for (const condition of conditions) {
    const judged = judgeCondition(condition, values, judging)
    if (judged === 'no' || judged === 'too_large') return judged
    if (judged === 'cannot') all = judged
  }
  return all
}

function judgeAny(
  conditions: readonly Condition[],
  values: readonly JsonValue[],
  judging: Judging,
): Judgement {
  let any: Judgement = 'no'
  for (const condition of conditions) {
    const judged = judgeCondition(condition, values, judging)
    if (judged === 'yes' || judged === 'too_large') return judged
    if (judged === 'cannot') any = judged
  }
  return any
}

type Leaf = Exclude<Condition, { readonly kind: 'not' | 'all' | 'any' }>

/**
 * A list without anything in it, or with something that cannot be compared, is neither yes nor no
 * (SEC-MAT-04, SEC-MAT-05).
 */
function judgeLeaf(leaf: Leaf, values: readonly JsonValue[], judging: Judging): Judgement {
  let judged: Judgement = values.length === 0 ? 'cannot' : 'no'
  for (const value of values) {
    const one = judgeValue(leaf, value, judging)
    if (one === 'yes' || one === 'too_large') return one
    if (one === 'cannot') judged = one
  }
  return judged
}

function judgeValue(leaf: Leaf, value: JsonValue, { work, nowSeconds }: Judging): Judgement {
  const length = typeof value === 'string' ? value.length : 0
  if (!work.pay(stepPrice + length / 8)) return 'too_large'
  switch (leaf.kind) {
    case 'equals': {
      const key = matchKey(value)
      if (key === undefined) return 'cannot'
      if (leaf.keys.has(key)) return 'yes'
      return leaf.types.includes(key.charAt(0)) ? 'no' : 'cannot'
    }
    case 'number': {
      const number = parseDecimal(value)
      return number === undefined ? 'cannot' : said(leaf.holds(compareDecimals(number, leaf.bound)))
    }
    case 'time': {
      const at = secondsOfDate(value)
      if (at === undefined) return 'cannot'
      const order = compareDecimals(at, timeOf(leaf.bound, nowSeconds))
      return said(leaf.isBefore ? order < 0 : order > 0)
    }
    case 'glob':
      if (typeof value !== 'string') return 'cannot'
      for (const glob of leaf.globs) {
        if (!work.pay(priceOfMatch(glob, value))) return 'too_large'
        if (globMatches(glob, value)) return 'yes'
      }
      return 'no'
    case 'matches':
      if (typeof value !== 'string') return 'cannot'
      for (const expression of leaf.expressions) {
        if (!work.pay(priceOfExpression(expression, value))) return 'too_large'
        if (expressionMatches(expression, value)) return 'yes'
      }
      return 'no'
  }
}

function said(holds: boolean): Judgement {
  return holds ? 'yes' : 'no'
}
