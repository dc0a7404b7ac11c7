/** Compiled policies of a set of names, kept while the epoch stands still. */

import { BoundedCache } from '../lib/bounded-cache.ts'
import type { Soon } from '../lib/soon.ts'
import { turn, type Turns } from '../lib/turns.ts'
import type { Clock } from '../platform/clock.ts'
import type { StoreView } from '../storage/store.ts'
import { compileRootAcl, mergeAcl, type Acl } from './policy/acl.ts'
import { responseWrappingPolicyText } from './policy/default-policy.ts'
import { parsePolicy } from './policy/policy.ts'
import type { TemplateFacts } from './policy/path-template.ts'
import { compileFilled, compilePolicy, fillRules, type CompiledPolicy } from './policy/rule-set.ts'
import { TemplatedAcl } from './policy/templated-acl.ts'
import { keys } from './keys.ts'
import type { PolicyRecord } from './records.ts'

const aclsMax = 4096
/** Of ordinary size they take a few megabytes. */
const compiledMax = 512

interface CompiledText {
  readonly text: string
  readonly allowSlashes: true | undefined
  readonly policy: CompiledPolicy
}

/** The rules of one set of names, as far as all tokens that have them share them. */
interface SharedRules {
  readonly acl: Acl
  readonly policies: readonly CompiledPolicy[]
  /** What the paths of templated rules begin with. */
  readonly heads: readonly string[]
  /** Tells them from those of another epoch, which may have other texts under these names. */
  readonly serial: number
}

/** Unlike any other list's, whatever characters are in the names. */
function keyOf(names: readonly string[]): string {
  return names.length === 1 ? `=${names[0] ?? ''}` : JSON.stringify(names)
}

export class PolicyAccess {
  readonly #root = compileRootAcl()
  readonly #responseWrapping = compileText({
    name: 'response-wrapping',
    text: responseWrappingPolicyText,
  })
  readonly #shared = new BoundedCache<string, SharedRules>(aclsMax)
  /** With templates filled, by the shared rules and by what the templates were filled to. */
  readonly #filled = new BoundedCache<string, Acl>(aclsMax)
  /** By name; a policy that was not changed is compiled once, however often others are. */
  readonly #compiled = new BoundedCache<string, CompiledText>(compiledMax)
  readonly #clock: Turns & Pick<Clock, 'nowMs'>
  readonly #hasRoot: boolean
  #epoch = -1
  #serial = 0

  /** Below the root namespace the name `root` means nothing. */
  constructor(clock: Turns & Pick<Clock, 'nowMs'>, { hasRoot } = { hasRoot: true }) {
    this.#clock = clock
    this.#hasRoot = hasRoot
  }

  /**
   * The rules of all these policies together, at once when they are compiled; a name without a
   * policy grants nothing. What fills their templates is asked for when a path needs it.
   */
  acl(
    names: readonly string[],
    facts: () => TemplateFacts,
    epoch: number,
    view: StoreView,
  ): Soon<Acl> {
    if (this.#hasRoot && names.length === 1 && names[0] === 'root') return this.#root
    if (epoch !== this.#epoch) {
      this.#shared.clear()
      this.#filled.clear()
      this.#epoch = epoch
    }
    const shared = this.#shared.get(keyOf(names))
    if (shared !== undefined) return this.#for(facts, shared)
    return this.#merge(names, epoch, view).then((merged) => this.#for(facts, merged))
  }

  async #merge(names: readonly string[], epoch: number, view: StoreView): Promise<SharedRules> {
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
        await turn(this.#clock)
      }
      policies.push(this.#compile(record))
    }
    if (isNew) await turn(this.#clock)
    const templates = policies.flatMap((policy) => policy.templates)
    const heads = [...new Set(templates.map(({ template }) => template.head))]
    const shared = { acl: mergeAcl(policies), policies, heads, serial: ++this.#serial }
    if (epoch === this.#epoch) this.#shared.set(keyOf(names), shared)
    return shared
  }

  #for(facts: () => TemplateFacts, shared: SharedRules): Acl {
    if (shared.heads.length === 0) return shared.acl
    return new TemplatedAcl(shared.acl, shared.heads, () => this.#fill(facts(), shared))
  }

  #fill(facts: TemplateFacts, { policies, serial }: SharedRules): Acl {
    const nowSeconds = Math.floor(this.#clock.nowMs() / 1000)
    const filled = policies.map((policy) => fillRules(policy, facts, nowSeconds))
    // One place for each template, whether it was filled or not: the same paths of other templates
    // are other rights.
    const places = filled.flat().map(([rule]) => rule?.path ?? '')
    const key = `${serial}\0${places.join('\0')}`
    const known = this.#filled.get(key)
    if (known !== undefined) return known
    const more = policies.map(({ name }, at) => compileFilled(name, (filled[at] ?? []).flat()))
    const acl = mergeAcl([...policies, ...more])
    this.#filled.set(key, acl)
    return acl
  }

  /**
   * The rules of these policies with one of them as it would be; kept nowhere. What fills templates
   * is filled.
   */
  async aclWith(
    names: readonly string[],
    facts: () => TemplateFacts,
    view: StoreView,
    replaced?: PolicyRecord,
  ): Promise<Acl> {
    if (names.length === 1 && names[0] === 'root') return this.#root
    const policies: CompiledPolicy[] = []
    for (const name of names) {
      const record = name === replaced?.name ? replaced : await view.get(keys.policy(name))
      if (name === 'response-wrapping') policies.push(this.#responseWrapping)
      else if (record === replaced && record !== undefined) policies.push(compileText(record))
      else if (record !== undefined) policies.push(this.#compile(record))
    }
    if (policies.every(({ templates }) => templates.length === 0)) return mergeAcl(policies)
    const nowSeconds = Math.floor(this.#clock.nowMs() / 1000)
    const filled = policies.map((policy) =>
      compileFilled(policy.name, fillRules(policy, facts(), nowSeconds).flat()),
    )
    return mergeAcl([...policies, ...filled])
  }

  /** Forgets what was compiled: a sealed server keeps no rules. */
  clear(): void {
    this.#shared.clear()
    this.#filled.clear()
    this.#compiled.clear()
    this.#epoch = -1
  }

  #isCompiled({ name, text, allowSlashes }: PolicyRecord): boolean {
    const known = this.#compiled.get(name)
    return known?.text === text && known.allowSlashes === allowSlashes
  }

  #compile(record: PolicyRecord): CompiledPolicy {
    const { name, text, allowSlashes } = record
    const known = this.#compiled.get(name)
    if (known !== undefined && this.#isCompiled(record)) return known.policy
    const policy = compileText(record)
    this.#compiled.set(name, { text, allowSlashes, policy })
    return policy
  }
}

/** It parsed when it was stored. Leaving it out would also leave out what it denies. */
function compileText({
  name,
  text,
  allowSlashes,
}: Omit<PolicyRecord, 'modifiedAt'>): CompiledPolicy {
  const parsed = parsePolicy(name, text)
  if (!parsed.ok) throw new Error(`the stored policy ${name} does not parse`)
  return compilePolicy(parsed.value, { allowsSlashes: allowSlashes === true })
}
