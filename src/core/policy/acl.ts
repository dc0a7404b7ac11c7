/**
 * What a token may do: one decision per request from the rules of all its policies
 * (platform.md §4.3 to §4.6). Exactly one pattern decides. No I/O; policies come parsed and, where
 * they have templates, filled.
 */

import { emptyObject, type JsonObject, type JsonValue } from '../../lib/json.ts'
import {
  bitOfOperation,
  capabilityBits,
  grantsAnything,
  listCapabilities,
  listResultantCapabilities,
  type Operation,
} from './capability.ts'
import { areParametersAllowed, type ParameterValues } from './parameters.ts'
import type { Policy, RuleTerms } from './policy.ts'
import { compilePolicy, RuleSet, type CompiledPolicy, type MergedRule } from './rule-set.ts'

export type { Operation } from './capability.ts'

export interface AclRequest {
  /** Without `/v1/` and without a leading slash; a list path ends with a slash. */
  readonly path: string
  readonly operation: Operation
  /**
   * Body fields, or the query of a read; `unread` asks whether there are any that would be allowed.
   */
  readonly data?: JsonObject | 'unread'
  /** 0 when no wrapping is asked for. */
  readonly wrapTtlSeconds: number
  readonly sudoRequired: boolean
}

export interface AclDecision {
  readonly allowed: boolean
  /** The winning rule grants sudo. */
  readonly sudo: boolean
  /** Names of the policies that granted the operation; empty when it is refused. */
  readonly policies: readonly string[]
  /** Pattern of the rule that decided, as written; absent when none matched. */
  readonly pattern?: string
  /** Limits of the winning rule; 0 is no limit. */
  readonly wrapping?: { readonly secondsMin: number; readonly secondsMax: number }
}

/** Body of `sys/internal/ui/resultant-acl`, in the names of the wire (platform.md §2.8). */
export type ResultantAcl =
  | { readonly root: true }
  | { readonly root: false; readonly exact_paths: JsonObject; readonly glob_paths: JsonObject }

export type RuleLimits = Omit<RuleTerms, 'capabilities'>

export interface Acl {
  readonly decide: (request: AclRequest) => AclDecision
  /**
   * As `sys/capabilities` answers: parameters and wrapping limits do not count (platform.md §2.5).
   */
  readonly capabilities: (path: string) => string[]
  /** What the rule that answers for the path asks besides; undefined without a rule. */
  readonly limits: (path: string) => RuleLimits | undefined
  readonly hasAnyCapabilityUnder: (mountPath: string) => boolean
  readonly resultant: () => ResultantAcl
  /** The policies that each rule of `resultant` is from; those by prefix with a star at the end. */
  readonly origins: () => ReadonlyMap<string, readonly string[]>
}

/** For a token whose only policy is `root`. */
export function compileRootAcl(): Acl {
  return {
    decide: () => ({ allowed: true, sudo: true, policies: ['root'] }),
    capabilities: () => ['root'],
    limits: () => undefined,
    hasAnyCapabilityUnder: () => true,
    resultant: () => ({ root: true }),
    origins: () => new Map(),
  }
}

/** A policy named `root` has no meaning here: only `compileRootAcl` passes everything. */
export function compileAcl(policies: readonly Policy[]): Acl {
  return mergeAcl(policies.map((policy) => compilePolicy(policy)))
}

/** The same of policies that were compiled one by one, as they are kept. */
export function mergeAcl(policies: readonly CompiledPolicy[]): Acl {
  return new CompiledAcl(new RuleSet(policies))
}

const refusedWithoutRule: AclDecision = { allowed: false, sudo: false, policies: [] }

class CompiledAcl implements Acl {
  readonly #rules: RuleSet

  constructor(rules: RuleSet) {
    this.#rules = rules
  }

  decide(request: AclRequest): AclDecision {
    const { path, operation, wrapTtlSeconds } = request
    // platform.md §4.4: help is always allowed, also where sudo is needed for the rest.
    if (operation === 'help') return { allowed: true, sudo: false, policies: [] }
    const rule = this.#rules.find(path, operation === 'list' || operation === 'scan')
    if (rule === undefined) return refusedWithoutRule
    const { terms } = rule
    const bit = bitOfOperation[operation]
    const sudo = (terms.capabilities & capabilityBits.sudo) !== 0
    const allowed =
      (terms.capabilities & bit) !== 0 &&
      (sudo || !request.sudoRequired) &&
      isWrappingAllowed(terms, wrapTtlSeconds) &&
      (!checksParameters[operation] ||
        request.data === 'unread' ||
        areParametersAllowed(terms.parameters, request.data ?? noData))
    return {
      allowed,
      sudo,
      policies: allowed ? grantedBy(rule, bit) : [],
      pattern: rule.pattern.text,
      ...wrappingOf(terms),
    }
  }

  capabilities(path: string): string[] {
    return listCapabilities(this.#capabilityBits(path))
  }

  limits(path: string): RuleLimits | undefined {
    return this.#rules.find(path, true)?.terms
  }

  hasAnyCapabilityUnder(mountPath: string): boolean {
    const path = mountPath.endsWith('/') ? mountPath : `${mountPath}/`
    return grantsAnything(this.#capabilityBits(path)) || this.#rules.grantsBelow(path)
  }

  resultant(): ResultantAcl {
    const exact = emptyObject()
    const glob = emptyObject()
    for (const [path, rule] of this.#rules.exact) exact[path] = resultantRule(rule.terms)
    // Vault compatibility: `+` rules are not listed.
    for (const { prefix, rule } of this.#rules.prefixes) glob[prefix] = resultantRule(rule.terms)
    return { root: false, exact_paths: exact, glob_paths: glob }
  }

  origins(): ReadonlyMap<string, readonly string[]> {
    const { exact, prefixes } = this.#rules
    return new Map([
      ...[...exact].map(([path, rule]) => [path, policiesOf(rule)] as const),
      ...prefixes.map(({ prefix, rule }) => [`${prefix}*`, policiesOf(rule)] as const),
    ])
  }

  /**
   * Vault compatibility: asked as a list, so that a rule without the slash answers for the path
   * with it.
   */
  #capabilityBits(path: string): number {
    return this.#rules.find(path, true)?.terms.capabilities ?? 0
  }
}

const noData = emptyObject()

const checksParameters: Readonly<Record<Operation, boolean>> = {
  read: true,
  header: true,
  create: true,
  update: true,
  patch: true,
  list: false,
  scan: false,
  delete: false,
  help: false,
}

/**
 * platform.md §4.6 step 1. A maximum below the minimum, which only merging can give, lets nothing
 * through.
 */
function isWrappingAllowed(terms: RuleTerms, wrapTtlSeconds: number): boolean {
  const { wrappingSecondsMin: min, wrappingSecondsMax: max } = terms
  if (min === 0 && max === 0) return true
  return wrapTtlSeconds > 0 && wrapTtlSeconds >= min && (max === 0 || wrapTtlSeconds <= max)
}

function wrappingOf(terms: RuleTerms): Pick<AclDecision, 'wrapping'> {
  const { wrappingSecondsMin: secondsMin, wrappingSecondsMax: secondsMax } = terms
  return secondsMin === 0 && secondsMax === 0 ? {} : { wrapping: { secondsMin, secondsMax } }
}

function policiesOf(rule: MergedRule): readonly string[] {
  return [...new Set(rule.sources.map(({ policy }) => policy))]
}

function grantedBy(rule: MergedRule, bit: number): string[] {
  const names = new Set<string>()
  for (const source of rule.sources) {
    if ((source.capabilities & bit) !== 0) names.add(source.policy)
  }
  return [...names]
}

function resultantRule(terms: RuleTerms): JsonObject {
  const rule: Record<string, JsonValue> = emptyObject()
  const { allowed, denied, required } = terms.parameters
  rule['capabilities'] = listResultantCapabilities(terms.capabilities)
  if (terms.wrappingSecondsMin > 0) rule['min_wrapping_ttl'] = Math.trunc(terms.wrappingSecondsMin)
  if (terms.wrappingSecondsMax > 0) rule['max_wrapping_ttl'] = Math.trunc(terms.wrappingSecondsMax)
  if (allowed.size > 0) rule['allowed_parameters'] = valuesAsObject(allowed)
  if (denied.size > 0) rule['denied_parameters'] = valuesAsObject(denied)
  if (required.length > 0) rule['required_parameters'] = required
  return rule
}

function valuesAsObject(values: ParameterValues): JsonObject {
  const object = emptyObject()
  for (const [name, listed] of values) object[name] = listed
  return object
}
