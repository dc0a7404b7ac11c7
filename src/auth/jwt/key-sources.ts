/**
 * The live key sources of a mount: one for each issuer, made at its first login. Caches live and die with the revision
 * of the record they were made from, and no source ever answers for another issuer (DESIGN.md §6).
 */

import type { BackendContext } from '../../framework/backend.ts'
import {
  validateKeySourceConfig,
  type CheckedKeySource,
  type KeySourceConfig,
} from '../../oidc/key-source-config.ts'
import { createKeySource, type KeySource } from '../../oidc/key-source.ts'
import { systemClusterFiles } from '../../platform/cluster-files.ts'
import { keptDocuments } from './kept-documents.ts'

/** The classic fields of `config`. */
export const defaultIssuerName = 'default'
export const issuersMax = 100

export interface KeyedRecord extends KeySourceConfig {
  /** New at every write. */
  readonly revision: string
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
    const live = this.#live.get(name) ?? []
    const known = live.find(({ revision }) => revision === record.revision)
    if (known !== undefined) return known.source
    const checked = validateKeySourceConfig(record)
    // It was checked when it was stored.
    if (!checked.ok) throw new Error(`the stored key source is refused: ${checked.error}`)
    const source = this.create(name, record.revision, checked.value)
    const kept = live.slice(1 - revisionsMax)
    for (const { source: old } of live) if (!kept.some((one) => one.source === old)) old.close()
    this.#live.set(name, [...kept, { revision: record.revision, source }])
    this.#evict()
    return source
  }

  /** A source of its own, not shared with logins: for the checks of a write. */
  create(name: string, revision: string, checked: CheckedKeySource): KeySource {
    const { clock, logger, outbound, store } = this.#context
    return createKeySource(checked.settings, {
      outbound,
      clock,
      logger,
      store: keptDocuments(store, name, revision),
      cluster: systemClusterFiles,
    })
  }

  drop(name: string): void {
    for (const { source } of this.#live.get(name) ?? []) source.close()
    this.#live.delete(name)
  }

  close(): void {
    for (const name of this.#live.keys()) this.drop(name)
  }

  /** Issuers that another node deleted leave their source here; the oldest goes when there are too many. */
  #evict(): void {
    for (const name of this.#live.keys()) {
      if (this.#live.size <= issuersMax + 1) return
      this.drop(name)
    }
  }
}
