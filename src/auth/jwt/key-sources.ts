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

export class KeySources {
  readonly #context: BackendContext
  readonly #live = new Map<string, Live>()

  constructor(context: BackendContext) {
    this.#context = context
  }

  /** The one source of that issuer as it is configured now. */
  of(name: string, record: KeyedRecord): KeySource {
    const live = this.#live.get(name)
    if (live?.revision === record.revision) return live.source
    live?.source.close()
    const checked = validateKeySourceConfig(record)
    // It was checked when it was stored.
    if (!checked.ok) throw new Error(`the stored key source is refused: ${checked.error}`)
    const source = this.create(name, record.revision, checked.value)
    this.#live.set(name, { revision: record.revision, source })
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
    this.#live.get(name)?.source.close()
    this.#live.delete(name)
  }

  close(): void {
    for (const { source } of this.#live.values()) source.close()
    this.#live.clear()
  }

  /** Issuers that another node deleted leave their source here; the oldest goes when there are too many. */
  #evict(): void {
    for (const name of this.#live.keys()) {
      if (this.#live.size <= issuersMax + 1) return
      this.drop(name)
    }
  }
}
