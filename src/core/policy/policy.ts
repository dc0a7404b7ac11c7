/**
 * Text of one policy to its rules (platform.md §4.1, §2.4). What the rules of several policies mean
 * together is in `acl.ts`. A text that asks for a limit we cannot keep is refused: ignoring it
 * would grant more.
 */

import { parseDurationMs } from '../../lib/duration.ts'
import { listHclBlocks, parseHclOrJson, toJsonValue, type HclProblem } from '../../lib/hcl.ts'
import type { HclBlock, HclBody, HclItem } from '../../lib/hcl-tree.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import { capabilityBits, parseCapability, parseOldPolicyWord } from './capability.ts'
import { noParameterLimits, ParameterSum, type ParameterLimits } from './parameters.ts'
import { parsePathPattern, parseTemplateBraces, type PathPattern } from './path-pattern.ts'

export interface Policy {
  readonly name: string
  readonly rules: readonly PathRule[]
}

export interface PathRule {
  /** As written, without a leading slash. */
  readonly path: string
  readonly pattern: PathPattern
  /** The path holds `{{...}}`: only what it is filled to matches anything. */
  readonly isTemplated: boolean
  /** `capabilityBits` added up; with deny it is deny alone. */
  readonly capabilities: number
  readonly parameters: ParameterLimits
  /** 0 is no limit; may be a fraction of a second. */
  readonly wrappingSecondsMin: number
  readonly wrappingSecondsMax: number
}

export interface PolicyProblem {
  readonly message: string
}

const charactersMax = 262_144
const rulesMax = 5_000

/**
 * Reads a policy that is to be written, within bounds that no real one reaches. What is stored
 * already is read whatever its size: leaving it out would also leave out what it denies.
 */
export function parseNewPolicy(name: string, text: string): Result<Policy, PolicyProblem> {
  if (text.length > charactersMax) {
    return err({ message: `the text has ${text.length} characters, at most ${charactersMax}` })
  }
  const parsed = parsePolicy(name, text)
  if (!parsed.ok || parsed.value.rules.length <= rulesMax) return parsed
  return err({ message: `there are ${parsed.value.rules.length} paths, at most ${rulesMax}` })
}

/** Reads HCL or its JSON twin. The message goes behind `failed to parse policy: `. */
export function parsePolicy(name: string, text: string): Result<Policy, PolicyProblem> {
  const tree = parseHclOrJson(text)
  if (!tree.ok) return err({ message: describe(tree.error) })
  for (const item of tree.value.items) {
    if (item.name !== 'path' && item.name !== 'name') return err(invalidKey(item))
  }
  const blocks = listHclBlocks(tree.value, 'path', 1)
  if (!blocks.ok) return err({ message: describe(blocks.error) })
  const rules: PathRule[] = []
  for (const block of blocks.value) {
    const written = block.labels[0]?.text ?? ''
    const rule = parseRule(written, block)
    if (!rule.ok) {
      return err({ message: `path ${JSON.stringify(written)}: ${rule.error.message}` })
    }
    rules.push(rule.value)
  }
  return ok({ name, rules })
}

/** The text itself, or what it says when it is base64 as a whole: no policy text is both. */
export function decodePolicyText(text: string): string {
  const compact = text.replace(/[\r\n]/g, '')
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) return text
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(compact, 'base64'),
    )
  } catch {
    return text
  }
}

function parseRule(written: string, block: HclBlock): Result<PathRule, PolicyProblem> {
  const path = written.startsWith('/') ? written.slice(1) : written
  const isTemplated = parseTemplateBraces(path)
  if (!isTemplated.ok) {
    return err({ message: `failed to validate policy templating: ${isTemplated.error.message}` })
  }
  const pattern = parsePathPattern(path)
  if (!pattern.ok) return pattern
  const terms = parseTerms(block.body)
  if (!terms.ok) return terms
  const rule = { path, pattern: pattern.value, isTemplated: isTemplated.value }
  const { capabilities, wrappingSecondsMin, wrappingSecondsMax, parameters } = terms.value
  // platform.md §4.1: a deny discards everything else in its block, limits too.
  if ((capabilities & capabilityBits.deny) !== 0) return ok({ ...rule, ...denyTerms })
  if (wrappingSecondsMax !== 0 && wrappingSecondsMax < wrappingSecondsMin) {
    return err({ message: 'max_wrapping_ttl cannot be less than min_wrapping_ttl' })
  }
  return ok({ ...rule, capabilities, parameters, wrappingSecondsMin, wrappingSecondsMax })
}

/** What a rule says about its path. */
export type RuleTerms = Omit<PathRule, 'path' | 'pattern' | 'isTemplated'>

export const denyTerms: RuleTerms = {
  capabilities: capabilityBits.deny,
  parameters: noParameterLimits,
  wrappingSecondsMin: 0,
  wrappingSecondsMax: 0,
}

function parseTerms(body: HclBody): Result<RuleTerms, PolicyProblem> {
  let capabilities = 0
  let wrappingSecondsMin = 0
  let wrappingSecondsMax = 0
  const parameters = new ParameterSum()
  for (const item of body.items) {
    if (item.labels.length > 0) return refuse(item, 'takes no label')
    switch (item.name) {
      case 'capabilities': {
        const bits = parseCapabilities(item)
        if (!bits.ok) return bits
        capabilities |= bits.value
        break
      }
      case 'policy': {
        const word = item.value.kind === 'string' ? item.value.value : ''
        const bits = parseOldPolicyWord(word)
        if (bits === undefined) return err({ message: `invalid policy ${JSON.stringify(word)}` })
        capabilities |= bits
        break
      }
      case 'allowed_parameters':
      case 'denied_parameters': {
        const problem = readParameters(item, parameters)
        if (problem !== undefined) return err(problem)
        break
      }
      case 'required_parameters': {
        const names = stringsOf(item)
        if (names === undefined) return refuse(item, 'must be a list of strings')
        for (const name of names) parameters.require(name.toLowerCase())
        break
      }
      case 'min_wrapping_ttl':
      case 'max_wrapping_ttl': {
        const seconds = parseTtlSeconds(item)
        if (seconds === undefined) return refuse(item, 'is not a duration')
        if (item.name === 'min_wrapping_ttl') wrappingSecondsMin = seconds
        else wrappingSecondsMax = seconds
        break
      }
      case 'mfa_methods':
      case 'comment':
      case 'subscribe_event_types':
        break
      case 'control_group':
      case 'pagination_limit':
      case 'expiration':
      case 'list_scan_response_keys_filter_path':
        // Each of them narrows what the rule grants; see the head of this file.
        return refuse(item, 'is not supported')
      default:
        return err(invalidKey(item))
    }
  }
  const { limits } = parameters
  return ok({ capabilities, parameters: limits, wrappingSecondsMin, wrappingSecondsMax })
}

function parseCapabilities(item: HclItem): Result<number, PolicyProblem> {
  const words = stringsOf(item)
  if (words === undefined) return refuse(item, 'must be a list of strings')
  let bits = 0
  for (const word of words) {
    const bit = parseCapability(word)
    if (bit === undefined) return err({ message: `invalid capability ${JSON.stringify(word)}` })
    bits |= bit
  }
  return ok(bits)
}

function readParameters(item: HclItem, target: ParameterSum): PolicyProblem | undefined {
  const bodies = item.value.kind === 'list' ? item.value.values : [item.value]
  for (const body of bodies) {
    if (body.kind !== 'body') return problemOf(item, 'must be a map of lists')
    for (const parameter of body.items) {
      if (parameter.value.kind !== 'list' || parameter.labels.length > 0) {
        return problemOf(item, `must give ${JSON.stringify(parameter.name)} a list of values`)
      }
      const values = parameter.value.values.map(toJsonValue)
      const name = parameter.name.toLowerCase()
      if (item.name === 'allowed_parameters') target.allow(name, values)
      else target.deny(name, values)
    }
  }
  return undefined
}

function stringsOf(item: HclItem): readonly string[] | undefined {
  if (item.value.kind !== 'list') return undefined
  const strings: string[] = []
  for (const value of item.value.values) {
    if (value.kind !== 'string') return undefined
    strings.push(value.value)
  }
  return strings
}

function parseTtlSeconds(item: HclItem): number | undefined {
  const { value } = item
  if (value.kind === 'number') {
    return Number.isSafeInteger(value.value) && value.value >= 0 ? value.value : undefined
  }
  const ms = value.kind === 'string' ? parseDurationMs(value.value) : undefined
  return ms === undefined || ms < 0 ? undefined : ms / 1000
}

function describe(problem: HclProblem): string {
  return `line ${problem.line}, column ${problem.column}: ${problem.message}`
}

function invalidKey(item: HclItem): PolicyProblem {
  return { message: `invalid key ${JSON.stringify(item.name)} on line ${item.line}` }
}

function problemOf(item: HclItem, what: string): PolicyProblem {
  return { message: `${item.name} on line ${item.line} ${what}` }
}

function refuse(item: HclItem, what: string): Result<never, PolicyProblem> {
  return err(problemOf(item, what))
}
