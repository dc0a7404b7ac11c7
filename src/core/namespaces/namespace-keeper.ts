/**
 * What namespaces leave behind: empties those that are marked as deleted, and lets the others sweep
 * their dead tokens and mounts. All of it was unusable before, so it may be killed anywhere and
 * begun again.
 */

import { describeFault } from '../../lib/fault.ts'
import type { Soon } from '../../lib/soon.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import { partsOfKey, scopedKey, scopeMark } from '../../storage/scoped-store.ts'
import { destroyRange } from '../../storage/sealed-store.ts'
import { prefixRange, StoreSealed, type Store, type StoreView } from '../../storage/store.ts'
import { trimEnds } from '../../lib/trim.ts'
import { keyClasses, keys } from '../keys.ts'
import { readRateLimits } from '../quotas/quotas.ts'
import type { NamespaceRecord } from '../records.ts'
import { tellChange } from './namespace-admin.ts'
import type { TokenSweep } from '../token-sweep.ts'

const pauseMs = 10_000
const keysAtOnceMax = 512

export interface NamespaceKeeperContext {
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  readonly leads: () => boolean
  readonly all: () => Promise<readonly NamespaceRecord[]>
  readonly realm: (record: NamespaceRecord) => Soon<{ readonly sweep: Pick<TokenSweep, 'run'> }>
}

export class NamespaceKeeper {
  readonly #context: NamespaceKeeperContext
  #cancel: (() => void) | undefined
  #running: Promise<void> | undefined
  #stopped = true

  constructor(context: NamespaceKeeperContext) {
    this.#context = context
  }

  start(): void {
    this.#stopped = false
    this.#schedule(0)
  }

  /** Resolves when the running round is over. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    await this.#running
  }

  /** Something was marked: does not wait for the next round. */
  hurry(): void {
    if (this.#running === undefined) this.#schedule(0)
  }

  /** Does all that is due now. */
  async run(): Promise<void> {
    const all = await this.#context.all()
    if (all.length === 0) return
    for (const record of all) {
      if (this.#stopped) return
      if (record.tainted === true) await this.#empty(record)
    }
    const due = await this.#due()
    for (const record of all) {
      if (this.#stopped) return
      if (!due.has(record.id) || record.tainted === true) continue
      await (await this.#context.realm(record)).sweep.run()
    }
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return
    this.#cancel?.()
    this.#cancel = this.#context.clock.after(delayMs, () => {
      this.#running = (this.#context.leads() ? this.run() : Promise.resolve())
        .catch((problem: unknown) => {
          if (problem instanceof StoreSealed) return
          const error = describeFault(problem)
          this.#context.logger.log('warn', 'the sweep of namespaces failed', { error })
        })
        .then(() => {
          this.#running = undefined
          this.#schedule(pauseMs)
        })
    })
  }

  async #empty({ id, path }: NamespaceRecord): Promise<void> {
    const { store } = this.#context
    for (const letter of keyClasses) {
      if (this.#stopped) return
      await destroyRange(store, prefixRange(scopedKey(id, `${letter}/`)), keysAtOnceMax)
    }
    await store.write(async (txn) => {
      if ((await txn.get(keys.namespace(id))) === undefined) return
      txn.delete(keys.namespace(id).text)
      txn.delete(keys.namespacePath(path).text)
      for (const limit of await readRateLimits(txn)) {
        if (`${trimEnds(limit.path, '/')}/`.startsWith(path)) {
          txn.delete(keys.rateLimit(limit.name).text)
        }
      }
      await tellChange(txn, id)
    })
  }

  /** Ids of those that have expired tokens or jobs; one step for each that has any. */
  #due(): Promise<ReadonlySet<string>> {
    const now = Math.floor(this.#context.clock.nowMs() / 1000)
    return this.#context.store.view(async (view) => {
      const due = new Set<string>()
      for await (const [scope] of firstOfScopes(view, keys.jobPrefix)) due.add(scope)
      for await (const [scope, key] of firstOfScopes(view, keys.expiryPrefix)) {
        if (key < keys.expiryEnd(now)) due.add(scope)
      }
      return due
    })
  }
}

/** The first key of each scope in a class of keys. */
async function* firstOfScopes(
  view: StoreView,
  prefix: string,
): AsyncGenerator<readonly [scope: string, key: string]> {
  const end = `${prefix}${scopeMark}\u{7f}`
  let start = `${prefix}${scopeMark}`
  for (;;) {
    let found: string | undefined
    for await (const key of view.keys({ start, end, limit: 1 })) found = key
    const parts = found === undefined ? undefined : partsOfKey(found)
    if (parts === undefined) return
    yield [parts.scope, parts.key]
    start = prefixRange(scopedKey(parts.scope, prefix)).end
  }
}
