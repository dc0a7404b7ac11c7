/**
 * How much the open sign-ins of a mount may take up. Strangers start them and answer them, so there
 * is a ceiling for how many there are, for those of one address, and for what they weigh together;
 * beyond it the oldest go. Of weight, those go first that belong to whoever has most: an address
 * that has little loses nothing to a crowd that has much.
 *
 * Two index rows lead to a record, by expiry and by the address that started it. Each has the
 * weight of its record in its name, so that counting reads keys and no records.
 */

import type { BackendContext, MountStore } from '../../framework/backend.ts'
import { BoundedCache } from '../../lib/bounded-cache.ts'
import { customerOf } from '../../lib/cidr.ts'

/** How many there may be, of a mount and of one address. */
const signInsMax = 100_000
const signInsOfAddressMax = 10_000
/** What they may weigh together, in units of 256 bytes: 96 MiB. */
const weightMax = (96 * 1024 * 1024) / 256
const bytesOfUnit = 256
/** A record beyond that has pages of its own in the data file, and its last page is not shared. */
const sharedPageBytesMax = 1900
const pageBytes = 4096
/** What sealing, keys and the index rows add. */
const overheadBytes = 512
/** Left free when a ceiling was reached, so that counting is rare. */
const roomMade = 1_000
const weightMade = weightMax / 10
const deletedAtOnce = 100
const countedAddressesMax = 10_000

/** Where a record stands in the order of those that go first. */
export interface SignInPlace {
  readonly hash: string
  readonly address: string
  readonly expiresAtMs: number
  /** See `weightOf`. */
  readonly weight: number
}

interface Held {
  count: number
  weight: number
}

/** Deletes the records with these hashes and the rows that are given. */
type Drop = (hashes: readonly string[], rows: readonly string[]) => Promise<void>

export class SignInRoom {
  readonly #context: BackendContext
  readonly #store: MountStore
  readonly #drop: Drop
  /**
   * Begun since the last count, beside what was counted then: never less than there is. Undefined
   * until the first count of this process.
   */
  #estimate: Held | undefined
  readonly #ofAddress = new BoundedCache<string, number>(countedAddressesMax)
  readonly #dropping = new Map<string, Promise<void>>()
  #isClosed = false

  constructor(context: BackendContext, drop: Drop) {
    this.#context = context
    this.#store = context.store
    this.#drop = drop
  }

  close(): void {
    this.#isClosed = true
  }

  /** Before a sign-in begins: makes room for it, and resolves when there is. */
  async makeRoom(address: string, weight: number): Promise<void> {
    const prefix = addressPrefix(address)
    const started = (this.#ofAddress.get(prefix) ?? 0) + 1
    this.#ofAddress.set(prefix, started)
    if (started > signInsOfAddressMax) {
      await this.#once(prefix, async () => {
        this.#ofAddress.set(prefix, await this.#dropOldest(prefix, signInsOfAddressMax))
      })
    }
    await this.#add({ count: 1, weight })
  }

  /** Before a sign-in grows, by an answer that waits for somebody. */
  async makeRoomToGrow(weight: number): Promise<void> {
    await this.#add({ count: 0, weight })
  }

  async #add({ count, weight }: Held): Promise<void> {
    this.#estimate ??= await this.#held()
    this.#estimate.count += count
    this.#estimate.weight += weight
    if (this.#estimate.count > signInsMax) {
      await this.#once('count', async () => {
        await this.#dropOldest(expiryPrefix, signInsMax)
        this.#estimate = await this.#held()
      })
    }
    if (this.#estimate.weight > weightMax) await this.#once('weight', () => this.#dropHeaviest())
  }

  /** Deletes what is over; gives how many are left. */
  async sweep(): Promise<number> {
    await this.#deleteFirst(expiryPrefix, {
      isEnough: () => false,
      upTo: sortable(this.#context.clock.nowMs()),
    })
    this.#estimate = await this.#held()
    return this.#estimate.count
  }

  /** Whoever comes while room is made waits for it and makes no more. */
  async #once(what: string, work: () => Promise<void>): Promise<void> {
    const running = this.#dropping.get(what)
    if (running !== undefined) return running
    const making = work().finally(() => this.#dropping.delete(what))
    this.#dropping.set(what, making)
    return making
  }

  async #held(): Promise<Held> {
    const held = { count: 0, weight: 0 }
    await this.#eachRow(expiryPrefix, (_, weight) => {
      held.count++
      held.weight += weight
    })
    return held
  }

  async #eachRow(prefix: string, visit: (row: string, weight: number) => void): Promise<void> {
    await this.#store.view(async (view) => {
      for await (const key of view.keys(this.#store.keyRange(prefix))) {
        const row = this.#store.pathOf(key).slice(prefix.length)
        visit(row, weightIn(row))
      }
    })
  }

  /** Leaves room below the ceiling; gives how many are left. */
  async #dropOldest(prefix: string, ceiling: number): Promise<number> {
    let count = 0
    await this.#eachRow(prefix, () => count++)
    const excess = count - (ceiling - roomMade)
    if (count < ceiling || excess <= 0) return count
    let left = excess
    await this.#deleteFirst(prefix, { isEnough: () => left-- <= 0 })
    this.#warn(excess)
    return count - excess
  }

  /** Brings down to one level what weighs more than it, and leaves alone who has less. */
  async #dropHeaviest(): Promise<void> {
    const before = { count: 0, weight: 0, ...this.#estimate }
    const weights = new Map<string, number>()
    const held = { count: 0, weight: 0 }
    await this.#eachRow(addressesPrefix, (row, weight) => {
      const address = row.slice(0, row.indexOf('/'))
      weights.set(address, (weights.get(address) ?? 0) + weight)
      held.count++
      held.weight += weight
    })
    const level = levelFor([...weights.values()], weightMax - weightMade)
    let dropped = 0
    for (const [address, weight] of weights) {
      let excess = weight - level
      if (excess <= 0) continue
      const isEnough = (ofRow: number): boolean => {
        if (excess <= 0) return true
        excess -= ofRow
        held.weight -= ofRow
        held.count--
        dropped++
        return false
      }
      await this.#deleteFirst(`${addressesPrefix}${address}/`, { isEnough })
    }
    if (dropped > 0) this.#warn(dropped)
    // Those that began meanwhile may have been seen or not: they are counted once more.
    held.count += (this.#estimate?.count ?? 0) - before.count
    held.weight += (this.#estimate?.weight ?? 0) - before.weight
    this.#estimate = held
  }

  #warn(dropped: number): void {
    this.#context.logger.log('warn', 'too many open sign-ins: the oldest were dropped', {
      mount: this.#context.mount().path,
      dropped,
    })
  }

  /** In small steps, so that others go on between them. */
  async #deleteFirst(
    prefix: string,
    until: { readonly isEnough: (weight: number) => boolean; readonly upTo?: string },
  ): Promise<void> {
    let isOver = false
    while (!isOver && !this.#isClosed) {
      const range = this.#store.keyRange(prefix, { limit: deletedAtOnce })
      const rows = await this.#store.view(async (view) => {
        const found: string[] = []
        for await (const key of view.keys(range)) {
          const row = this.#store.pathOf(key).slice(prefix.length)
          isOver = (until.upTo !== undefined && row >= until.upTo) || until.isEnough(weightIn(row))
          if (isOver) break
          found.push(row)
        }
        return found
      })
      if (rows.length === 0) return
      // Also the rows whose record is gone: what leads nowhere must not be found again.
      await this.#drop(
        rows.map((row) => hashIn(row)),
        rows.map((row) => prefix + row),
      )
    }
  }
}

/** The rows that lead to a record, as paths in the mount's store. */
export function rowsOf({ hash, address, expiresAtMs, weight }: SignInPlace): readonly string[] {
  const order = `${sortable(expiresAtMs)}/${hash}/${weight}`
  return [`${expiryPrefix}${order}`, `${addressPrefix(address)}${order}`]
}

/** What a record of so many bytes takes up in the data file, in units of 256 bytes. */
export function weightOf(recordBytes: number): number {
  const pages = Math.ceil((recordBytes + 64) / pageBytes)
  const stored = recordBytes > sharedPageBytesMax ? pages * pageBytes : recordBytes
  return Math.ceil((stored + overheadBytes) / bytesOfUnit)
}

/** How much each may keep so that all together keep no more than `total`. */
function levelFor(weights: number[], total: number): number {
  weights.sort((a, b) => a - b)
  let left = total
  for (const [i, weight] of weights.entries()) {
    const share = left / (weights.length - i)
    if (weight > share) return share
    left -= weight
  }
  return Infinity
}

const expiryPrefix = 'oidc/expiry/'
const addressesPrefix = 'oidc/address/'

/**
 * All addresses of one IPv6 customer are one: else whoever has a network could push out everybody's
 * sign-ins.
 */
function addressPrefix(address: string): string {
  const customer = address.includes(':') ? customerOf(address) : address
  return `${addressesPrefix}${customer === '' ? 'unknown' : customer}/`
}

function sortable(ms: number): string {
  return String(Math.floor(ms)).padStart(15, '0')
}

/** The end of a row: time, hash, weight. A row of version 0.1 has no weight. */
function partsOf(row: string): readonly string[] {
  const parts = row.split('/')
  return parts.slice(parts.findIndex((part) => /^\d{15}$/.test(part)))
}

function hashIn(row: string): string {
  return partsOf(row)[1] ?? ''
}

function weightIn(row: string): number {
  return Number(partsOf(row)[2] ?? weightOf(1024))
}
