/**
 * What a write of a policy would do to the tokens that are alive now (explain.md §5): those that
 * have it are asked, by the rules that stand and by those that would, what they may do on each path
 * that either text names. Whoever may have more or less by what no path shows is unknown. Nothing
 * is written.
 */

import { isDeepStrictEqual } from 'node:util'
import type { Replayed } from '../framework/dry-run.ts'
import { encodeBase62 } from '../lib/base62.ts'
import { encodeJson, type JsonObject } from '../lib/json.ts'
import { turn } from '../lib/turns.ts'
import type { Clock } from '../platform/clock.ts'
import type { Random } from '../platform/random.ts'
import type { Store } from '../storage/store.ts'
import type { PolicyAccess } from './access.ts'
import type { Acl, RuleLimits } from './policy/acl.ts'
import { noParameterLimits, type ParameterLimits } from './policy/parameters.ts'
import { parsePolicy, type PathRule } from './policy/policy.ts'
import type { PolicyRecord, TokenRecord } from './records.ts'
import type { TokenOperations } from './token-operations.ts'
import type { RightsOfTokens } from './token-rights.ts'
import type { LiveToken } from './tokens.ts'

const tokensMax = 10_000
const timeMsMax = 2_000
const tokensOfTurn = 50
const pathsMax = 1_000
const wordBytes = 8
/** Names that a star is asked for at most. */
const depthMax = 100

interface Parts {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly rights: Pick<RightsOfTokens, 'of'>
  readonly access: Pick<PolicyAccess, 'aclWith'>
  readonly tokenOperations: Pick<TokenOperations, 'eachLive'>
}

/** A rule's path, and paths that it is for. */
interface Sample {
  readonly path: string
  readonly asked: readonly string[]
}

interface Difference {
  readonly path: string
  readonly gained: readonly string[]
  readonly lost: readonly string[]
}

export async function previewPolicy(
  { store, clock, random, rights, access, tokenOperations }: Parts,
  current: PolicyRecord | undefined,
  next: PolicyRecord,
): Promise<Replayed> {
  const sides = [rulesOf(current), rulesOf(next)] as const
  const isHidden = changesHidden(...sides) || changesSlashes(sides.flat(), current, next)
  // No rule can name it: it is of this preview alone.
  const samples = samplesOf(sides.flat(), encodeBase62(random.bytes(wordBytes)))
  const paths = samples.slice(0, pathsMax)
  const startedMs = clock.monotonicMs()
  const tokens: LiveToken[] = []
  let isFull = false
  await tokenOperations.eachLive((token) => {
    if (tokens.length < tokensMax) tokens.push(token)
    else isFull = true
  })
  const gain: JsonObject[] = []
  const lose: JsonObject[] = []
  const changed: JsonObject[] = []
  let replayed = 0
  let unknown = 0
  let judged = 0
  for (const token of tokens) {
    if (clock.monotonicMs() - startedMs > timeMsMax) break
    if (judged++ % tokensOfTurn === tokensOfTurn - 1) await turn(clock)
    const found = await store.view(async (view) => {
      const epoch = await view.epoch()
      const { all, facts, isRefused } = await rights.of(token.record, epoch, view)
      if (isRefused || !all.includes(next.name)) return undefined
      const before = await access.aclWith(all, facts, view)
      const after = await access.aclWith(all, facts, view, next)
      const same = new Map<ParameterLimits, ParameterLimits>()
      return {
        differences: paths.flatMap((path) => differenceOf(path, before, after)),
        isLimited: paths.some(({ asked }) =>
          asked.some((path) => limitsDiffer(before.limits(path), after.limits(path), same)),
        ),
      }
    })
    if (found === undefined) continue
    const { differences, isLimited } = found
    replayed++
    const row = rowOf(token.record, token.accessor, differences)
    const losesNothing = differences.every(({ lost }) => lost.length === 0)
    if ((isHidden || isLimited) && losesNothing) unknown++
    else if (differences.length === 0) continue
    else if (losesNothing) gain.push(row)
    else if (differences.every(({ gained }) => gained.length === 0)) lose.push(row)
    else changed.push(row)
  }
  const truncated = isFull || judged < tokens.length || paths.length < samples.length
  return { replayed, unknown, gain, lose, changed, truncated }
}

function rulesOf(record: PolicyRecord | undefined): readonly PathRule[] {
  if (record === undefined) return []
  const parsed = parsePolicy(record.name, record.text)
  return parsed.ok ? parsed.value.rules : []
}

/** Capabilities on a sample of its path do not tell all that the rule says. */
function isHiddenRule(rule: PathRule): boolean {
  const { isTemplated, parameters, wrappingSecondsMin, wrappingSecondsMax } = rule
  const hasParameters = parameters !== noParameterLimits
  return isTemplated || hasParameters || wrappingSecondsMin !== 0 || wrappingSecondsMax !== 0
}

/** Rules of one path hold together: with one of them changes what they say. */
function changesHidden(before: readonly PathRule[], after: readonly PathRule[]): boolean {
  const [old, made] = [groupedByPath(before), groupedByPath(after)]
  return [...new Set([...old.keys(), ...made.keys()])].some((path) => {
    const [was = [], is = []] = [old.get(path), made.get(path)]
    return [...was, ...is].some(isHiddenRule) && !isDeepStrictEqual(was, is)
  })
}

function groupedByPath(rules: readonly PathRule[]): ReadonlyMap<string, readonly PathRule[]> {
  const groups = new Map<string, PathRule[]>()
  for (const rule of rules) {
    const group = groups.get(rule.path)
    if (group === undefined) groups.set(rule.path, [rule])
    else group.push(rule)
  }
  return groups
}

function changesSlashes(
  rules: readonly PathRule[],
  current: PolicyRecord | undefined,
  next: PolicyRecord,
): boolean {
  const isSame = (current?.allowSlashes === true) === (next.allowSlashes === true)
  return !isSame && rules.some(({ isTemplated }) => isTemplated)
}

/** Names of the longest path with a plus. */
function depthOf(rules: readonly PathRule[]): number {
  const deepest = rules.reduce(
    (most, { path }) => (path.includes('+') ? Math.max(most, path.split('/').length) : most),
    0,
  )
  return Math.min(deepest, depthMax)
}

/**
 * Paths for each rule: the word stands for a plus, and for a star the word alone and so many names
 * that no plus of another rule reaches as far.
 */
function samplesOf(rules: readonly PathRule[], word: string): readonly Sample[] {
  const deep = Array.from({ length: depthOf(rules) + 1 }, () => word).join('/')
  const samples = new Map<string, Sample>()
  for (const { path, isTemplated } of rules) {
    // What fills a template is another path for each token.
    if (isTemplated || samples.has(path)) continue
    const named = path.replaceAll('+', word)
    const asked = named.endsWith('*')
      ? [word, deep].map((rest) => `${named.slice(0, -1)}${rest}`)
      : [named]
    samples.set(path, { path, asked })
  }
  return [...samples.values()]
}

function differenceOf({ path, asked }: Sample, before: Acl, after: Acl): readonly Difference[] {
  const gained = new Set<string>()
  const lost = new Set<string>()
  for (const one of asked) {
    const old = before.capabilities(one).filter((name) => name !== 'deny')
    const made = after.capabilities(one).filter((name) => name !== 'deny')
    for (const name of made) if (!old.includes(name)) gained.add(name)
    for (const name of old) if (!made.includes(name)) lost.add(name)
  }
  if (gained.size === 0 && lost.size === 0) return []
  return [{ path, gained: [...gained], lost: [...lost] }]
}

/** Another rule answers for the path, with other parameters or wrapping TTLs. */
function limitsDiffer(
  old: RuleLimits | undefined,
  made: RuleLimits | undefined,
  same: Map<ParameterLimits, ParameterLimits>,
): boolean {
  if (old === undefined || made === undefined) return false
  if (old.wrappingSecondsMin !== made.wrappingSecondsMin) return true
  if (old.wrappingSecondsMax !== made.wrappingSecondsMax) return true
  // One rule answers for many paths, and its lists may be long.
  if (same.get(old.parameters) === made.parameters) return false
  const isSame = isDeepStrictEqual(old.parameters, made.parameters)
  if (isSame) same.set(old.parameters, made.parameters)
  return !isSame
}

function rowOf(
  record: TokenRecord,
  accessor: string,
  differences: readonly Difference[],
): JsonObject {
  return {
    id: accessor,
    sub: record.name,
    role: record.login?.role ?? record.role ?? '',
    paths: differences.map(({ path, gained, lost }) => ({
      path,
      gained: [...gained],
      lost: [...lost],
    })),
  }
}

/** The text of a policy as a change of it is shown. */
export function policyChanges(
  current: PolicyRecord | undefined,
  next: PolicyRecord,
): readonly JsonObject[] {
  const shown = (record: PolicyRecord | undefined): JsonObject => ({
    policy: record?.text ?? null,
    allow_slashes_in_identity_templates: record?.allowSlashes === true,
  })
  const [before, after] = [shown(current), shown(next)]
  return Object.entries(after).flatMap(([field, value]): JsonObject[] => {
    const old = before[field] ?? null
    return encodeJson(old) === encodeJson(value) ? [] : [{ field, before: old, after: value }]
  })
}
