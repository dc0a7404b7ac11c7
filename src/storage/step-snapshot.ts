/**
 * One snapshot for all reads of one step of the event loop: what many requests do in step, they do
 * on one state. It is never older than the step, so everything that had come before it is seen,
 * also what another process has committed; and it moves on when a commit of this process is told,
 * so that whoever heard of a write sees it.
 *
 * Whoever took it keeps it until he releases it, as long as he needs, while later steps have newer
 * ones.
 */

import { atEndOfStep } from '../platform/step.ts'
import type { Engine, EngineSnapshot } from './store.ts'

export class StepSnapshots<V> {
  readonly #engine: Pick<Engine, 'snapshot'>
  readonly #viewOf: (snapshot: EngineSnapshot) => V
  #present: SharedSnapshot<V> | undefined

  /** `viewOf` makes what all of one step read through. */
  constructor(engine: Pick<Engine, 'snapshot'>, viewOf: (snapshot: EngineSnapshot) => V) {
    this.#engine = engine
    this.#viewOf = viewOf
  }

  /** The snapshot of this step, held until it is released. */
  take(): SharedSnapshot<V> {
    const present = this.#present ?? this.#open()
    present.hold()
    return present
  }

  /** Whoever comes now gets a newer one. */
  renew(): void {
    const present = this.#present
    this.#present = undefined
    present?.release()
  }

  #open(): SharedSnapshot<V> {
    const snapshot = this.#engine.snapshot()
    const opened = new SharedSnapshot(snapshot, this.#viewOf(snapshot))
    this.#present = opened
    atEndOfStep(() => {
      if (this.#present === opened) this.renew()
    })
    return opened
  }
}

class SharedSnapshot<V> {
  readonly view: V
  readonly #snapshot: EngineSnapshot
  /** The step itself is the first. */
  #holders = 1

  constructor(snapshot: EngineSnapshot, view: V) {
    this.#snapshot = snapshot
    this.view = view
  }

  hold(): void {
    this.#holders++
  }

  release(): void {
    if (--this.#holders === 0) this.#snapshot.release()
  }
}
