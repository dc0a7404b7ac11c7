/**
 * From version 1 to version 2. The first request after the tune moves the secrets in small durable
 * steps: a small mount is ready within that request, a large one answers 400 until the rest has
 * moved. A stop half-way only delays it: the next request goes on, on whichever node.
 */

import type { BackendContext, MountStore } from '../../framework/backend.ts'
import { invalid } from '../../framework/refusal.ts'
import { describeFault } from '../../lib/fault.ts'
import type { Soon } from '../../lib/soon.ts'
import type { Key, StoreTransaction } from '../../storage/store.ts'
import { addVersion, defaultConfig, newKeyMetadata } from './key-metadata.ts'
import { plainKey, plainPrefix } from './plain-secret.ts'
import { metadataKey, versionKey } from './versioned-keys.ts'

export const upgradeText =
  'Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will ' +
  'resume service shortly.'

export const upgradeWarning =
  'Upgrading mount from version 1 to version 2. This mount will be unavailable for a brief period and will resume ' +
  'service shortly.'

export interface Layout {
  readonly state: 'moving' | 'versioned'
}

/** Absent as long as the mount is version 1. */
export function layoutKey(store: MountStore): Key<Layout> {
  return store.key<Layout>('layout')
}

/** Of one step; both bound what a transaction holds in memory. */
const stepSecretsMax = 256
const stepCharactersMax = 4_194_304

export class Upgrade {
  readonly #context: BackendContext
  #isDone = false
  #isClosed = false
  #firstStep: Promise<void> | undefined
  #step: Promise<void> = Promise.resolve()

  constructor(context: BackendContext) {
    this.#context = context
  }

  /** At an end when the data is versioned; a 400 while it is being moved. */
  requireDone(): Soon<void> {
    return this.#isDone ? undefined : this.#requireMoved()
  }

  async #requireMoved(): Promise<void> {
    this.#firstStep ??= this.#start()
    await this.#firstStep
    if (!this.#isDone) throw invalid(upgradeText)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    // What it was doing has its own report; here it only has to be over.
    await this.#step.catch(() => {})
  }

  async #start(): Promise<void> {
    try {
      await this.#takeStep()
    } catch (problem) {
      this.#firstStep = undefined
      throw problem
    }
    if (!this.#isDone) void this.#moveRest()
  }

  async #moveRest(): Promise<void> {
    const { clock, logger } = this.#context
    try {
      for (;;) {
        await clock.sleep(0)
        if (this.#isDone || this.#isClosed) return
        await this.#takeStep()
      }
    } catch (problem) {
      // The next request tries again.
      this.#firstStep = undefined
      const error = describeFault(problem)
      logger.log('error', 'kv upgrade stopped', { mount: this.#context.mount().path, error })
    }
  }

  #takeStep(): Promise<void> {
    this.#step = this.#moveOneStep()
    return this.#step
  }

  async #moveOneStep(): Promise<void> {
    const { store, clock } = this.#context
    const nowMs = clock.nowMs()
    this.#isDone = await store.write(async (txn) => {
      const layout = await txn.get(layoutKey(store))
      if (layout?.state === 'versioned') return true
      const isLast = await moveSome(store, txn, nowMs)
      const state = isLast ? 'versioned' : 'moving'
      if (state !== layout?.state) txn.put(layoutKey(store), { state })
      return isLast
    })
  }
}

/** Moves the first secrets that are left; true when none is left. */
async function moveSome(store: MountStore, txn: StoreTransaction, nowMs: number): Promise<boolean> {
  const paths: string[] = []
  for await (const key of txn.keys(store.keyRange(plainPrefix, { limit: stepSecretsMax }))) {
    paths.push(store.pathOf(key).slice(plainPrefix.length))
  }
  let characters = 0
  for (const path of paths) {
    const secret = await txn.get(plainKey(store, path))
    txn.delete(plainKey(store, path).text)
    if (secret === undefined) continue
    const { metadata, number } = addVersion(newKeyMetadata(nowMs), defaultConfig, nowMs)
    txn.put(metadataKey(store, path), metadata)
    txn.put(versionKey(store, path, number), secret.body.text)
    characters += secret.body.text.length
    if (characters > stepCharactersMax) return false
  }
  return paths.length < stepSecretsMax
}
