/** Compiled policies of a set of names, kept while the epoch stands still. */

import { BoundedCache } from '../lib/bounded-cache.ts'
import type { StoreView } from '../storage/store.ts'
import { compileAcl, compileRootAcl, type Acl } from './policy/acl.ts'
import { parsePolicy, type Policy } from './policy/policy.ts'
import { keys } from './keys.ts'
import type { PolicyRecord } from './records.ts'

const aclsMax = 4096

export class PolicyAccess {
  readonly #root = compileRootAcl()
  readonly #acls = new BoundedCache<string, Acl>(aclsMax)
  /** The record object stays the same while the stored text does, see `StoreView.get`. */
  readonly #parsed = new WeakMap<PolicyRecord, Policy>()
  #epoch = -1

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
      const record = await view.get(keys.policy(name))
      if (record === undefined) continue
      const policy = this.#parse(record)
      if (policy !== undefined) policies.push(policy)
    }
    const acl = compileAcl(policies)
    if (epoch === this.#epoch) this.#acls.set(cacheKey, acl)
    return acl
  }

  #parse(record: PolicyRecord): Policy | undefined {
    const known = this.#parsed.get(record)
    if (known !== undefined) return known
    const parsed = parsePolicy(record.name, record.text)
    if (!parsed.ok) return undefined
    this.#parsed.set(record, parsed.value)
    return parsed.value
  }
}
