/**
 * Rules of several policies merged by pattern and found by path (platform.md §4.3, §4.5).
 * Operations are judged in `acl.ts`.
 */

import { capabilityBits, grantsAnything } from './capability.ts'
import { ParameterSum } from './parameters.ts'
import {
  comparePriorities,
  fitsBelow,
  matchesSegments,
  parsePathPattern,
  priorityOf,
  type PrefixPattern,
  type Priority,
  type SegmentPattern,
} from './path-pattern.ts'
import {
  fillPathTemplate,
  holdsUnfilled,
  widestPathOf,
  parsePathTemplate,
  type PathTemplate,
  type TemplateFacts,
  type TemplateOptions,
} from './path-template.ts'
import { denyTerms, type PathRule, type Policy, type RuleTerms } from './policy.ts'

/** All rules of one pattern as one. */
export interface MergedRule {
  readonly pattern: PathRule['pattern']
  readonly terms: RuleTerms
  /** Which policy gave which capabilities. */
  readonly sources: readonly { readonly policy: string; readonly capabilities: number }[]
}

interface PrefixEntry {
  readonly prefix: string
  readonly rule: MergedRule
  readonly priority: Priority
  /** The longest other prefix that this one begins with. */
  readonly shorter: PrefixEntry | undefined
}

interface SegmentEntry {
  readonly pattern: SegmentPattern
  readonly rule: MergedRule
  readonly priority: Priority
}

export class RuleSet {
  readonly exact: ReadonlyMap<string, MergedRule>
  /** In the order of their text, so that a binary search finds the place of a path. */
  readonly prefixes: readonly PrefixEntry[]
  /** The first that matches decides. */
  readonly #segments: readonly SegmentEntry[]

  constructor(policies: readonly CompiledPolicy[]) {
    const exact = new Map<string, MergedRule>()
    const prefixes: { readonly pattern: PrefixPattern; readonly rule: MergedRule }[] = []
    const segments: SegmentEntry[] = []
    for (const rule of mergePolicies(policies)) {
      const { pattern } = rule
      if (pattern.kind === 'exact') exact.set(pattern.text, rule)
      else if (pattern.kind === 'prefix') prefixes.push({ pattern, rule })
      else segments.push({ pattern, rule, priority: priorityOf(pattern) })
    }
    this.exact = exact
    this.prefixes = linkPrefixes(prefixes)
    this.#segments = segments.toSorted((a, b) => comparePriorities(a.priority, b.priority))
  }

  /** The one rule that decides; `lists` adds the forms without the trailing slash. */
  find(path: string, lists: boolean): MergedRule | undefined {
    const exact = this.exact.get(path)
    if (exact !== undefined) return exact
    const bare = lists && path.endsWith('/') ? path.slice(0, -1) : undefined
    const bareExact = bare === undefined ? undefined : this.exact.get(bare)
    // OpenBao's order (platform.md §4.3): the path as it is before its slash-less form, so that a
    // deny below a mount holds.
    return (
      bareExact ??
      this.#findWildcard(path) ??
      (bare === undefined ? undefined : this.#findWildcard(bare))
    )
  }

  /** Whether a rule other than the one for the path itself grants something below it. */
  grantsBelow(mountPath: string): boolean {
    for (const [path, rule] of this.exact) {
      if (path.startsWith(mountPath) && grantsAnything(rule.terms.capabilities)) return true
    }
    for (const { prefix, rule } of this.prefixes) {
      if (prefix.startsWith(mountPath) && grantsAnything(rule.terms.capabilities)) return true
    }
    const pieces = mountPath.split('/').slice(0, -1)
    return this.#segments.some(
      ({ pattern, rule }) => grantsAnything(rule.terms.capabilities) && fitsBelow(pattern, pieces),
    )
  }

  #findWildcard(path: string): MergedRule | undefined {
    const prefix = this.#findPrefix(path)
    const segments = this.#findSegments(path)
    if (prefix === undefined || segments === undefined) return (prefix ?? segments)?.rule
    return comparePriorities(prefix.priority, segments.priority) < 0 ? prefix.rule : segments.rule
  }

  /**
   * Every prefix of the path sorts before it, and whatever sorts between the longest of them and
   * the path begins with it too: so it is the nearest entry, or one that the nearest entry begins
   * with.
   */
  #findPrefix(path: string): PrefixEntry | undefined {
    let low = 0
    let high = this.prefixes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = this.prefixes[middle]
      if (entry !== undefined && entry.prefix <= path) low = middle + 1
      else high = middle
    }
    let entry = this.prefixes[low - 1]
    while (entry !== undefined && !path.startsWith(entry.prefix)) entry = entry.shorter
    return entry
  }

  #findSegments(path: string): SegmentEntry | undefined {
    if (this.#segments.length === 0) return undefined
    let pieces: string[] | undefined
    for (const entry of this.#segments) {
      if (!path.startsWith(entry.pattern.head)) continue
      pieces ??= path.split('/')
      if (matchesSegments(entry.pattern, pieces)) return entry
    }
    return undefined
  }
}

function linkPrefixes(
  rules: readonly { readonly pattern: PrefixPattern; readonly rule: MergedRule }[],
): PrefixEntry[] {
  const sorted = rules.toSorted((a, b) => (a.pattern.prefix < b.pattern.prefix ? -1 : 1))
  const entries: PrefixEntry[] = []
  for (const { pattern, rule } of sorted) {
    const { prefix } = pattern
    let shorter = entries.at(-1)
    while (shorter !== undefined && !prefix.startsWith(shorter.prefix)) shorter = shorter.shorter
    entries.push({ prefix, rule, priority: priorityOf(pattern), shorter })
  }
  return entries
}

/** All rules of one policy, those of one pattern as one; those with templates are apart. */
export interface CompiledPolicy {
  readonly name: string
  readonly rules: ReadonlyMap<string, MergedRule>
  readonly templates: readonly TemplatedRule[]
}

export interface TemplatedRule {
  readonly rule: PathRule
  readonly template: PathTemplate
  readonly options: TemplateOptions
}

export function compilePolicy(
  policy: Policy,
  options: TemplateOptions = { allowsSlashes: false },
): CompiledPolicy {
  const templates: TemplatedRule[] = []
  const plain: PathRule[] = []
  for (const rule of policy.rules) {
    if (!rule.isTemplated) plain.push(rule)
    else templates.push({ rule, template: parsePathTemplate(rule.path), options })
  }
  return { name: policy.name, rules: mergeRulesOf(policy.name, plain), templates }
}

/** A policy of filled rules alone: what could not be filled does not exist (platform.md §4.7). */
export function compileFilled(name: string, rules: readonly PathRule[]): CompiledPolicy {
  return { name, rules: mergeRulesOf(name, rules), templates: [] }
}

/** For each templated rule what it is for one token, in every spelling; none if not filled. */
export function fillRules(
  { templates }: CompiledPolicy,
  facts: TemplateFacts,
  nowSeconds: number,
): readonly (readonly PathRule[])[] {
  return templates.map(({ rule, template, options }) => {
    const isDeny = (rule.capabilities & capabilityBits.deny) !== 0
    const filled = fillPathTemplate(template, facts, nowSeconds, options)
    const isHeld =
      isDeny && filled === undefined && holdsUnfilled(template, facts, nowSeconds, options)
    const path = isHeld ? widestPathOf(template, options) : filled
    if (path === undefined) return []
    return spellingsOf(path, template).flatMap((spelling) => {
      const pattern = parsePathPattern(spelling)
      return pattern.ok ? [{ ...rule, path: spelling, pattern: pattern.value }] : []
    })
  })
}

/**
 * Names in paths of the identity mount have one spelling, for which policies are asked too; whoever
 * writes a name by hand writes that one.
 */
function spellingsOf(path: string, { head }: PathTemplate): readonly string[] {
  return head.startsWith('identity/') ? [...new Set([path, path.toLowerCase()])] : [path]
}

function mergeRulesOf(name: string, rules: readonly PathRule[]): ReadonlyMap<string, MergedRule> {
  const sums = new Map<string, RuleSum>()
  for (const rule of rules) {
    let sum = sums.get(rule.path)
    if (sum === undefined) sums.set(rule.path, (sum = new RuleSum(rule.pattern)))
    sum.add(rule)
  }
  const merged = new Map<string, MergedRule>()
  for (const [path, sum] of sums) {
    const { capabilities } = sum
    merged.set(path, sum.merged([{ policy: name, capabilities }]))
  }
  return merged
}

/** A rule that only one policy has is taken as it is. */
function mergePolicies(policies: readonly CompiledPolicy[]): readonly MergedRule[] {
  const found = new Map<string, MergedRule[]>()
  for (const { rules } of policies) {
    for (const [path, rule] of rules) {
      const known = found.get(path)
      if (known === undefined) found.set(path, [rule])
      else known.push(rule)
    }
  }
  return [...found.values()].map(mergeRules)
}

function mergeRules(rules: readonly MergedRule[]): MergedRule {
  const [first] = rules
  if (first === undefined) throw new Error('there are no rules to merge')
  if (rules.length === 1) return first
  const sum = new RuleSum(first.pattern)
  for (const { terms } of rules) sum.add(terms)
  return sum.merged(rules.flatMap(({ sources }) => sources))
}

/** Terms of one pattern added up; adding costs what is added and not what is there. */
class RuleSum {
  readonly #pattern: PathRule['pattern']
  readonly #parameters = new ParameterSum()
  #capabilities = 0
  #wrappingSecondsMin = 0
  #wrappingSecondsMax = 0

  constructor(pattern: PathRule['pattern']) {
    this.#pattern = pattern
  }

  /** Of all that was added, also beside a deny. */
  get capabilities(): number {
    return this.#capabilities
  }

  add(terms: RuleTerms): void {
    this.#capabilities |= terms.capabilities
    this.#parameters.add(terms.parameters)
    this.#wrappingSecondsMin = smallerLimit(this.#wrappingSecondsMin, terms.wrappingSecondsMin)
    this.#wrappingSecondsMax = smallerLimit(this.#wrappingSecondsMax, terms.wrappingSecondsMax)
  }

  merged(sources: MergedRule['sources']): MergedRule {
    return { pattern: this.#pattern, terms: this.#terms(), sources }
  }

  #terms(): RuleTerms {
    // platform.md §4.5: one deny denies all.
    if ((this.#capabilities & capabilityBits.deny) !== 0) return denyTerms
    return {
      capabilities: this.#capabilities,
      parameters: this.#parameters.limits,
      wrappingSecondsMin: this.#wrappingSecondsMin,
      wrappingSecondsMax: this.#wrappingSecondsMax,
    }
  }
}

function smallerLimit(a: number, b: number): number {
  if (a === 0 || b === 0) return a + b
  return Math.min(a, b)
}
