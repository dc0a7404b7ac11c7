/** Compiled policies of a set of names, kept while the epoch stands still. */

import { BoundedCache } from '../lib/bounded-cache.ts'
import type { StoreView } from '../storage/store.ts'
import { compileAcl, compileRootAcl, type Acl } from './policy/acl.ts'
import { responseWrappingPolicyText } from './policy/default-policy.ts'
import { parsePolicy, type Policy } from './policy/policy.ts'
import { keys } from './keys.ts'
import type { PolicyRecord } from './records.ts'

const aclsMax = 4096

export class PolicyAccess {
  readonly #root = compileRootAcl()
  readonly #responseWrapping: readonly Policy[] = builtInPolicy(
    'response-wrapping',
    responseWrappingPolicyText,
  )
  readonly #acls = new BoundedCache<string, Acl>(aclsMax)
  /** The record object stays the same while the stored text does, see `StoreView.get`. */
  readonly #parsed = new WeakMap<PolicyRecord, Policy>()
  #epoch = -1

  /** The compiled rules if they are there already: the hot path. */
  peek(names: readonly string[], epoch: number): Acl | undefined {
    if (names.length === 1 && names[0] === 'root') return this.#root
    return epoch === this.#epoch ? this.#acls.get(names.join('\n')) : undefined
  }

  /** The rules of all these policies together; a name without a policy grants nothing. */
  async acl(names: readonly string[], epoch: number, view: StoreView): Promise<Acl> {
    if (names.length === 1 && names[0] === 'root') return this.#root
    if (epoch !== this.#epoch) {
      this.#acls.clear()
      this.#epoch = epoch
    }
    const cacheKey = names.join('\n')
    const known = this.#acls.get(cacheKey)
    if (known !== undefined) return known
    const policies: Policy[] = []
    for (const name of names) {
      if (name === 'response-wrapping') {
        policies.push(...this.#responseWrapping)
        continue
      }
      const record = await view.get(keys.policy(name))
      if (record !== undefined) policies.push(this.#parse(record))
    }
    const acl = compileAcl(policies)
    if (epoch === this.#epoch) this.#acls.set(cacheKey, acl)
    return acl
  }

  /** Forgets what was compiled: a sealed server keeps no rules. */
  clear(): void {
    this.#acls.clear()
    this.#epoch = -1
  }

  #parse(record: PolicyRecord): Policy {
    const known = this.#parsed.get(record)
    if (known !== undefined) return known
    const parsed = parsePolicy(record.name, record.text)
    // It parsed when it was stored. Leaving it out would also leave out what it denies.
    if (!parsed.ok) throw new Error(`the stored policy ${record.name} does not parse`)
    this.#parsed.set(record, parsed.value)
    return parsed.value
  }
}

function builtInPolicy(name: string, text: string): readonly Policy[] {
  const parsed = parsePolicy(name, text)
  if (!parsed.ok) throw new Error(`the built-in policy ${name} does not parse`)
  return [parsed.value]
}
