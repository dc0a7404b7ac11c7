/**
 * Stored policies: read, write, delete (platform.md §2.4). Texts are kept as they were written;
 * names come in the one spelling in which they are kept (`field.foldedString`).
 */

import { invalid } from '../framework/refusal.ts'
import type { Clock } from '../platform/clock.ts'
import { prefixRange, type Store } from '../storage/store.ts'
import { keys } from './keys.ts'
import { responseWrappingPolicyText } from './policy/default-policy.ts'
import { parsePathTemplate, type TemplateOptions } from './policy/path-template.ts'
import { decodePolicyText, parseNewPolicy, type Policy } from './policy/policy.ts'
import type { PolicyRecord } from './records.ts'

/** Its letters have at most three bytes each, and its storage key has to hold them all. */
export const policyNameCharsMax = 480

const warningsMax = 10
const hidden = new Set(['response-wrapping'])

export interface DraftedPolicy {
  readonly current: PolicyRecord | undefined
  readonly next: PolicyRecord
  readonly warnings: readonly string[]
}

export class Policies {
  readonly #store: Store
  readonly #clock: Clock
  readonly #hasRoot: boolean

  /** Below the root namespace there is no `root`. */
  constructor(store: Store, clock: Clock, { hasRoot } = { hasRoot: true }) {
    this.#store = store
    this.#clock = clock
    this.#hasRoot = hasRoot
  }

  /** Stored names sorted, `root` last where there is one. */
  async list(): Promise<readonly string[]> {
    return this.#store.view(async (view) => {
      const names: string[] = []
      for await (const key of view.keys(prefixRange(keys.policyPrefix))) {
        const name = key.slice(keys.policyPrefix.length)
        if (!hidden.has(name)) names.push(name)
      }
      names.sort()
      if (this.#hasRoot) names.push('root')
      return names
    })
  }

  /** The text as written; undefined when there is none. */
  async read(name: string): Promise<Pick<PolicyRecord, 'text' | 'allowSlashes'> | undefined> {
    if (name === 'root') return this.#hasRoot ? { text: '' } : undefined
    if (name === 'response-wrapping') return { text: responseWrappingPolicyText }
    return this.#store.view((view) => view.get(keys.policy(name)))
  }

  /** Stores a policy that parses; gives warnings. */
  async write(name: string, given: string, options: TemplateOptions): Promise<readonly string[]> {
    const { next, warnings } = this.#written(name, given, options)
    await this.#store.write((txn) => {
      txn.put(keys.policy(name), next)
    })
    return warnings
  }

  /** What a write would store, beside what is stored; throws what a write would throw. */
  async draft(name: string, given: string, options: TemplateOptions): Promise<DraftedPolicy> {
    const written = this.#written(name, given, options)
    const current = await this.#store.view((view) => view.get(keys.policy(name)))
    return { current, ...written }
  }

  #written(
    name: string,
    given: string,
    { allowsSlashes }: TemplateOptions,
  ): Omit<DraftedPolicy, 'current'> {
    if (name === 'root' || hidden.has(name)) throw invalid(`cannot update "${name}" policy`)
    if (name === '') throw invalid('policy name must not be empty')
    if (given.trim() === '') throw invalid("'policy' parameter not supplied or empty")
    const text = decodePolicyText(given)
    const parsed = parseNewPolicy(name, text)
    if (!parsed.ok) throw invalid(`failed to parse policy: ${parsed.error.message}`)
    const record = { name, text, modifiedAt: this.#clock.nowMs() }
    const next = allowsSlashes ? { ...record, allowSlashes: true as const } : record
    return { next, warnings: templateWarnings(parsed.value) }
  }

  async remove(name: string): Promise<void> {
    if (name === 'default') throw invalid('cannot delete default policy')
    if (name === 'root' || hidden.has(name)) throw invalid(`cannot delete "${name}" policy`)
    await this.#store.write(async (txn) => {
      const key = keys.policy(name)
      if ((await txn.get(key)) !== undefined) txn.delete(key.text)
    })
  }
}

/** What nothing will ever fill; left unsaid, it would hide that a deny protects nothing. */
function templateWarnings({ rules }: Policy): readonly string[] {
  const unknown = new Set<string>()
  for (const { path, isTemplated } of rules) {
    if (isTemplated) for (const one of parsePathTemplate(path).unknown) unknown.add(one)
  }
  return [...unknown]
    .slice(0, warningsMax)
    .map(
      (one) =>
        `{{${one.slice(0, 128)}}} is never filled: paths with it grant nothing and deny nothing`,
    )
}
