/**
 * Who may commit. Writes are optimistic and in nobody's way until one has lost against others again
 * and again: it then takes a turn in which no other of this process commits, so that every write
 * ends. The others keep what they have worked out meanwhile and find at their commit whether it
 * still holds.
 */

export class WriteTurn {
  /** Those that wait for a turn alone, one behind the other; undefined when there is none. */
  #last: Promise<void> | undefined

  /** Resolves when nobody has a turn alone; undefined at once, which is nearly always. */
  others(): Promise<void> | undefined {
    return this.#last === undefined ? undefined : this.#waitForOthers()
  }

  /** Runs the work while all `others()` wait. It must not ask for a turn itself. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last
    let end = (): void => {}
    const turn = new Promise<void>((resolve) => {
      end = resolve
    })
    this.#last = turn
    await before
    try {
      return await work()
    } finally {
      if (this.#last === turn) this.#last = undefined
      end()
    }
  }

  async #waitForOthers(): Promise<void> {
    while (this.#last !== undefined) await this.#last
  }
}
