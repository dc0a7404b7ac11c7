/** Where a login may come from: `token_bound_cidrs` and `token_strictly_bind_ip` of a role. */

import { cidrContains, isAddress, parseCidr, type Cidr } from '../lib/cidr.ts'

export interface SourceRule {
  /** False when any address will do, also an unknown one. */
  readonly restricted: boolean
  /** Empty for a rule that only wants the address to be known. */
  readonly cidrs: readonly Cidr[]
  readonly anyKnown: boolean
}

export function parseSourceRule(cidrs: readonly string[], strictlyBound: boolean): SourceRule {
  return {
    // Counted before parsing: an entry that cannot be read must not open the role to everybody.
    restricted: cidrs.length > 0 || strictlyBound,
    cidrs: cidrs.map(parseCidr).filter((cidr) => cidr !== undefined),
    anyKnown: cidrs.length === 0,
  }
}

/** True when the rule allows that address. An unknown address counts as outside of every rule. */
export function isSourceAllowed(rule: SourceRule, address: string | undefined): boolean {
  if (!rule.restricted) return true
  if (address === undefined || !isAddress(address)) return false
  return rule.anyKnown || rule.cidrs.some((cidr) => cidrContains(cidr, address))
}
