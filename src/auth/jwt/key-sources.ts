/**
 * The live key sources of a mount: one for each issuer, made at its first login. Caches live and
 * die with the revision of the record they were made from, and no source ever answers for another
 * issuer (design.md §6).
 */

import type { BackendContext } from '../../framework/backend.ts'
import { invalid } from '../../framework/refusal.ts'
import {
  validateKeySourceConfig,
  type CheckedKeySource,
  type KeySourceConfig,
  type KeySourceSettings,
} from '../../oidc/key-source-config.ts'
import { createKeySource, type KeySource, type KeySourceStatus } from '../../oidc/key-source.ts'
import { systemClusterFiles } from '../../platform/cluster-files.ts'
import { keptDocuments } from './kept-documents.ts'

/** The classic fields of `config`. */
export const defaultIssuerName = 'default'
export const issuersMax = 100

export type KeyedRecord = KeySourceConfig & {
  /** New at every write. */
  readonly revision: string
}

export interface CheckedWrite {
  /** What is to be stored. */
  readonly keys: KeySourceConfig
  readonly settings: KeySourceSettings
  readonly warnings: readonly string[]
  /** What the network said against it. */
  readonly problem: { readonly text: string; readonly isSkippable: boolean } | undefined
}

interface Live {
  readonly revision: string
  readonly source: KeySource
}

/**
 * A request that began before a write still holds the record of then, and its source must not be
 * closed under it.
 */
const revisionsMax = 2

export class KeySources {
  readonly #context: BackendContext
  /** By issuer; the revision that was met last stands at the end. */
  readonly #live = new Map<string, readonly Live[]>()

  constructor(context: BackendContext) {
    this.#context = context
  }

  /** The one source of that issuer as it is configured now. */
  of(name: string, record: KeyedRecord): KeySource {
    const known = this.#find(name, record.revision)
    if (known !== undefined) return known
    // It was checked when it was stored; here it was stored by another node, or before a restart.
    const checked = validateKeySourceConfig(record)
    if (!checked.ok) throw new Error(`the stored key source is refused: ${checked.error}`)
    return this.adopt(name, record.revision, checked.value.settings)
  }

  /** What a write has checked is what logins use, once it is stored. */
  adopt(name: string, revision: string, settings: KeySourceSettings): KeySource {
    const known = this.#find(name, revision)
    if (known !== undefined) return known
    const live = this.#live.get(name) ?? []
    const source = this.#create(name, revision, settings)
    const kept = live.slice(1 - revisionsMax)
    for (const { source: old } of live) if (!kept.some((one) => one.source === old)) old.close()
    this.#live.set(name, [...kept, { revision, source }])
    this.#evict()
    return source
  }

  #find(name: string, revision: string): KeySource | undefined {
    return this.#live.get(name)?.find((live) => live.revision === revision)?.source
  }

  /** The checks of a write, those that need the network among them. Throws a 400 for the others. */
  async check(name: string, revision: string, config: KeySourceConfig): Promise<CheckedWrite> {
    const checked = requireValid(config)
    const source = this.#create(name, revision, checked.settings)
    const { problem, isSkippable, changes } = await source.check().finally(() => source.close())
    const keys = { ...config, ...checked.changes, ...changes }
    // What the provider says it is called may be more than was known before it was asked.
    const isKnown = Object.keys(changes).length === 0
    return {
      keys,
      settings: isKnown ? checked.settings : requireValid(keys).settings,
      warnings: checked.warnings,
      problem: problem === undefined ? undefined : { text: problem, isSkippable },
    }
  }

  #create(name: string, revision: string, settings: KeySourceSettings): KeySource {
    const { clock, logger, outbound, store } = this.#context
    return createKeySource(settings, {
      outbound,
      clock,
      logger,
      store: keptDocuments(store, name, revision),
      cluster: systemClusterFiles,
    })
  }

  /** What is known of the keys of each issuer, as it is configured now. */
  status(): readonly { readonly issuer: string; readonly status: KeySourceStatus }[] {
    return [...this.#live].flatMap(([issuer, live]) => {
      const now = live.at(-1)
      return now === undefined ? [] : [{ issuer, status: now.source.status() }]
    })
  }

  drop(name: string): void {
    for (const { source } of this.#live.get(name) ?? []) source.close()
    this.#live.delete(name)
  }

  close(): void {
    for (const name of this.#live.keys()) this.drop(name)
  }

  /**
   * Issuers that another node deleted leave their source here; the oldest goes when there are too
   * many.
   */
  #evict(): void {
    for (const name of this.#live.keys()) {
      if (this.#live.size <= issuersMax + 1) return
      this.drop(name)
    }
  }
}

function requireValid(config: KeySourceConfig): CheckedKeySource {
  const checked = validateKeySourceConfig(config)
  if (!checked.ok) throw invalid(checked.error)
  return checked.value
}
