/** Stored policies: read, write, delete (platform contract §2.4). Texts are kept as they were written. */

import { invalid } from '../framework/refusal.ts'
import type { Clock } from '../platform/clock.ts'
import { prefixRange, type Store } from '../storage/store.ts'
import { keys } from './keys.ts'
import { responseWrappingPolicyText } from './policy/default-policy.ts'
import { decodePolicyText, parseNewPolicy } from './policy/policy.ts'

const nameLengthMax = 512
const hidden = new Set(['response-wrapping'])

export class Policies {
  readonly #store: Store
  readonly #clock: Clock

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Stored names sorted, `root` last. */
  async list(): Promise<readonly string[]> {
    return this.#store.view(async (view) => {
      const names: string[] = []
      for await (const key of view.keys(prefixRange(keys.policyPrefix))) {
        const name = key.slice(keys.policyPrefix.length)
        if (!hidden.has(name)) names.push(name)
      }
      names.sort()
      names.push('root')
      return names
    })
  }

  /** The text as written; undefined when there is none. */
  async read(name: string): Promise<string | undefined> {
    const clean = cleanPolicyName(name)
    if (clean === 'root') return ''
    if (clean === 'response-wrapping') return responseWrappingPolicyText
    const record = await this.#store.view((view) => view.get(keys.policy(clean)))
    return record?.text
  }

  /** Stores a policy that parses; gives warnings. */
  async write(name: string, given: string): Promise<readonly string[]> {
    const clean = cleanPolicyName(name)
    if (clean === 'root' || hidden.has(clean)) throw invalid(`cannot update "${clean}" policy`)
    if (clean === '' || clean.length > nameLengthMax) {
      throw invalid(`policy name must have 1 to ${nameLengthMax} characters`)
    }
    if (given.trim() === '') throw invalid("'policy' parameter not supplied or empty")
    const text = decodePolicyText(given)
    const parsed = parseNewPolicy(clean, text)
    if (!parsed.ok) throw invalid(`failed to parse policy: ${parsed.error.message}`)
    await this.#store.write((txn) => {
      txn.put(keys.policy(clean), { name: clean, text, modifiedAt: this.#clock.nowMs() })
    })
    const warnings = clean === name ? [] : [`policy name was converted to "${clean}"`]
    if (parsed.value.rules.some((rule) => rule.isTemplated)) {
      // Leaving this unsaid would hide that a templated deny protects nothing.
      warnings.push(
        'paths with {{…}} are not filled in by this version: those stanzas grant nothing and deny nothing',
      )
    }
    return warnings
  }

  async remove(name: string): Promise<void> {
    const clean = cleanPolicyName(name)
    if (clean === 'default') throw invalid('cannot delete default policy')
    if (clean === 'root' || hidden.has(clean)) throw invalid(`cannot delete "${clean}" policy`)
    await this.#store.write(async (txn) => {
      const key = keys.policy(clean)
      if ((await txn.get(key)) !== undefined) txn.delete(key.text)
    })
  }
}

/** As a policy is stored: trimmed, in lower case. */
export function cleanPolicyName(name: string): string {
  return name.trim().toLowerCase()
}
