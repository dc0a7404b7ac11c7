/**
 * When the barrier key rotates by itself (`sys/rotate/config`): after so many seals, and after so
 * long. However it is set, no term seals more than is safe (NIST SP 800-38D §8.3).
 */

import { describeFault } from '../../lib/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Store } from '../../storage/store.ts'
import { keys } from '../keys.ts'
import type { RotationRecord } from '../records.ts'
import { InTurn } from '../in-turn.ts'
import type { Seal } from './seal-manager.ts'

const checkEveryMs = 10 * 60_000

export interface KeyRotationContext {
  readonly store: Store
  readonly seal: Pick<Seal, 'keyStatus' | 'rotate' | 'setRotation'>
  readonly clock: Clock
  readonly logger: Logger
  /** Of several processes one rotates when the time has come. */
  readonly leads: () => boolean
}

export class KeyRotation {
  readonly #context: KeyRotationContext
  /** Two that find it due at once must not both rotate. */
  readonly #turn = new InTurn()
  #cancel: (() => void) | undefined

  constructor(context: KeyRotationContext) {
    this.#context = context
  }

  /** While the seal opens: nothing can rotate before that has come to its end. */
  async start(): Promise<void> {
    await this.#load()
    this.#schedule()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** Reads what is set, which another process may have changed, and rotates when it is due. */
  check(): Promise<void> {
    return this.#turn.run(() => this.#check())
  }

  async #check(): Promise<void> {
    const { seal, clock } = this.#context
    const set = await this.#load()
    const intervalMs = set?.enabled === true ? set.intervalSeconds * 1000 : 0
    const ageMs = clock.nowMs() - Date.parse((await seal.keyStatus()).install_time)
    if (intervalMs > 0 && ageMs >= intervalMs) await seal.rotate()
  }

  /** Every process knows after how many seals it rotates. */
  async #checkInTime(): Promise<void> {
    if (this.#context.leads()) await this.check()
    else await this.#load()
  }

  async #load(): Promise<RotationRecord | undefined> {
    const { store, seal } = this.#context
    const set = await store.view((view) => view.get(keys.rotation()))
    seal.setRotation(set?.enabled === true ? set.maxOperations : 0)
    return set
  }

  #schedule(): void {
    this.#cancel = this.#context.clock.after(checkEveryMs, () => {
      void this.#checkInTime()
        .catch((problem: unknown) => {
          const error = describeFault(problem)
          this.#context.logger.log('warn', 'the key rotation was not checked', { error })
        })
        .finally(() => {
          if (this.#cancel !== undefined) this.#schedule()
        })
    })
  }
}
