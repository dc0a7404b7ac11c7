/**
 * A map that drops its oldest entry when it is full. Reading does not make an entry younger: it
 * stays cheap.
 */

export class BoundedCache<K, V> {
  readonly #entriesMax: number
  readonly #entries = new Map<K, V>()
  /**
   * Goes on from eviction to eviction: a new one would step over every place that was freed before
   * it.
   */
  #oldest = this.#entries.keys()

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)
  }

  /** Adds or replaces; a full cache drops its oldest entry. */
  set(key: K, value: V): void {
    if (this.#entries.size >= this.#entriesMax && !this.#entries.has(key)) this.#dropOldest()
    this.#entries.set(key, value)
  }

  #dropOldest(): void {
    let oldest = this.#oldest.next()
    if (oldest.done === true) {
      this.#oldest = this.#entries.keys()
      oldest = this.#oldest.next()
    }
    if (oldest.done !== true) this.#entries.delete(oldest.value)
  }

  delete(key: K): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }
}
