/** Works one after the other: two shares that arrive together must not both be the last one. */

export class InTurn {
  #queue: Promise<unknown> = Promise.resolve()

  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => {})
    return turn
  }
}
