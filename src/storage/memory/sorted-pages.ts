/**
 * An ordered map of texts to bytes in pages of a few hundred entries, with snapshots that cost
 * nothing: a page that a snapshot may still see is copied before its first change. Keys are order
 * texts (see `key-order.ts`).
 */

const pageEntriesMax = 512

interface Page {
  /** Grows with each snapshot; a page of an older one is shared and must not be changed. */
  readonly owner: number
  readonly keys: string[]
  readonly values: Uint8Array[]
}

export class SortedPages {
  #pages: Page[] = [{ owner: 0, keys: [], values: [] }]
  /** The list of pages itself belongs to this owner. */
  #pagesOwner = 0
  #owner = 0

  /** The map as it is now. Reading it is all that may be done with it. */
  snapshot(): SortedPages {
    const copy = new SortedPages()
    copy.#pages = this.#pages
    this.#owner++
    return copy
  }

  get(key: string): Uint8Array | undefined {
    const page = this.#pages[this.#pageOf(key)]
    if (page === undefined) return undefined
    const at = lowerBound(page.keys, key)
    return page.keys[at] === key ? page.values[at] : undefined
  }

  set(key: string, value: Uint8Array): void {
    const index = this.#pageOf(key)
    const page = this.#ownPage(index)
    const at = lowerBound(page.keys, key)
    if (page.keys[at] === key) {
      page.values[at] = value
      return
    }
    page.keys.splice(at, 0, key)
    page.values.splice(at, 0, value)
    if (page.keys.length > pageEntriesMax) this.#split(index, page, at)
  }

  delete(key: string): void {
    const index = this.#pageOf(key)
    const shared = this.#pages[index]
    if (shared === undefined || shared.keys[lowerBound(shared.keys, key)] !== key) return
    const page = this.#ownPage(index)
    const at = lowerBound(page.keys, key)
    page.keys.splice(at, 1)
    page.values.splice(at, 1)
    if (page.keys.length === 0 && this.#pages.length > 1) this.#ownPages().splice(index, 1)
  }

  /** Entries from `start` (included) to `end` (not included). */
  *ascend(start: string, end: string): Generator<readonly [string, Uint8Array]> {
    let index = this.#pageOf(start)
    let at = lowerBound(this.#pages[index]?.keys ?? [], start)
    for (; index < this.#pages.length; index++, at = 0) {
      const page = this.#pages[index]
      if (page === undefined) return
      for (; at < page.keys.length; at++) {
        const key = page.keys[at]
        const value = page.values[at]
        if (key === undefined || value === undefined || key >= end) return
        yield [key, value]
      }
    }
  }

  /** The same entries from the last to the first. */
  *descend(start: string, end: string): Generator<readonly [string, Uint8Array]> {
    let index = this.#pageOf(end)
    let at = lowerBound(this.#pages[index]?.keys ?? [], end) - 1
    for (;;) {
      const page = this.#pages[index]
      if (page === undefined) return
      for (; at >= 0; at--) {
        const key = page.keys[at]
        const value = page.values[at]
        if (key === undefined || value === undefined || key < start) return
        yield [key, value]
      }
      index--
      at = (this.#pages[index]?.keys.length ?? 0) - 1
    }
  }

  /** The last page whose first key is not above the key; the first page for everything below. */
  #pageOf(key: string): number {
    let low = 0
    let high = this.#pages.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      const first = this.#pages[middle]?.keys[0]
      if (first !== undefined && first <= key) low = middle
      else high = middle
    }
    return low
  }

  #ownPages(): Page[] {
    if (this.#pagesOwner !== this.#owner) {
      this.#pages = [...this.#pages]
      this.#pagesOwner = this.#owner
    }
    return this.#pages
  }

  #ownPage(index: number): Page {
    const page = this.#pages[index]
    if (page !== undefined && page.owner === this.#owner) return page
    const own: Page = {
      owner: this.#owner,
      keys: page === undefined ? [] : [...page.keys],
      values: page === undefined ? [] : [...page.values],
    }
    this.#ownPages()[index] = own
    return own
  }

  #split(index: number, page: Page, insertedAt: number): void {
    // Growing ids always add at the end: a page left full instead of half full needs half the
    // memory.
    const isLast = index === this.#pages.length - 1 && insertedAt === page.keys.length - 1
    const keep = isLast ? pageEntriesMax : page.keys.length >>> 1
    const right: Page = {
      owner: this.#owner,
      keys: page.keys.splice(keep),
      values: page.values.splice(keep),
    }
    this.#ownPages().splice(index + 1, 0, right)
  }
}

/** Index of the first key that is not below the key. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const candidate = keys[middle]
    if (candidate !== undefined && candidate < key) low = middle + 1
    else high = middle
  }
  return low
}
