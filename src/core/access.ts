/** Compiled policies of a set of names, kept while the epoch stands still. */

import { BoundedCache } from '../lib/bounded-cache.ts'
import type { Soon } from '../lib/soon.ts'
import { turn, type Turns } from '../lib/turns.ts'
import type { StoreView } from '../storage/store.ts'
import { compileRootAcl, mergeAcl, type Acl } from './policy/acl.ts'
import { responseWrappingPolicyText } from './policy/default-policy.ts'
import { parsePolicy } from './policy/policy.ts'
import { compilePolicy, type CompiledPolicy } from './policy/rule-set.ts'
import { keys } from './keys.ts'
import type { PolicyRecord } from './records.ts'

const aclsMax = 4096
/** Of ordinary size they take a few megabytes. */
const compiledMax = 512

interface CompiledText {
  readonly text: string
  readonly policy: CompiledPolicy
}

export class PolicyAccess {
  readonly #root = compileRootAcl()
  readonly #responseWrapping = compileText('response-wrapping', responseWrappingPolicyText)
  readonly #acls = new BoundedCache<string, Acl>(aclsMax)
  /** By name; a policy that was not changed is compiled once, however often others are. */
  readonly #compiled = new BoundedCache<string, CompiledText>(compiledMax)
  readonly #turns: Turns
  #epoch = -1

  constructor(turns: Turns) {
    this.#turns = turns
  }

  /**
   * The rules of all these policies together, at once when they are compiled; a name without a
   * policy grants nothing.
   */
  acl(names: readonly string[], epoch: number, view: StoreView): Soon<Acl> {
    if (names.length === 1 && names[0] === 'root') return this.#root
    if (epoch !== this.#epoch) {
      this.#acls.clear()
      this.#epoch = epoch
    }
    const cacheKey = names.join('\n')
    return this.#acls.get(cacheKey) ?? this.#merge(names, cacheKey, epoch, view)
  }

  async #merge(
    names: readonly string[],
    cacheKey: string,
    epoch: number,
    view: StoreView,
  ): Promise<Acl> {
    const policies: CompiledPolicy[] = []
    let isNew = false
    for (const name of names) {
      if (name === 'response-wrapping') {
        policies.push(this.#responseWrapping)
        continue
      }
      const record = await view.get(keys.policy(name))
      if (record === undefined) continue
      // One of the largest size takes some hundredths of a second, and a token may have many.
      if (!this.#isCompiled(record)) {
        isNew = true
        await turn(this.#turns)
      }
      policies.push(this.#compile(record))
    }
    if (isNew) await turn(this.#turns)
    const acl = mergeAcl(policies)
    if (epoch === this.#epoch) this.#acls.set(cacheKey, acl)
    return acl
  }

  /** Forgets what was compiled: a sealed server keeps no rules. */
  clear(): void {
    this.#acls.clear()
    this.#compiled.clear()
    this.#epoch = -1
  }

  #isCompiled({ name, text }: PolicyRecord): boolean {
    return this.#compiled.get(name)?.text === text
  }

  #compile({ name, text }: PolicyRecord): CompiledPolicy {
    const known = this.#compiled.get(name)
    if (known?.text === text) return known.policy
    const policy = compileText(name, text)
    this.#compiled.set(name, { text, policy })
    return policy
  }
}

/** It parsed when it was stored. Leaving it out would also leave out what it denies. */
function compileText(name: string, text: string): CompiledPolicy {
  const parsed = parsePolicy(name, text)
  if (!parsed.ok) throw new Error(`the stored policy ${name} does not parse`)
  return compilePolicy(parsed.value)
}
