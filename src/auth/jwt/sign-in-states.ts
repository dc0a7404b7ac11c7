/**
 * Sign-ins that were started and not finished (contract jwt-oidc.md §4.2). They live in the mount's store, sealed, so that any node finishes any
 * sign-in and a restart in between does no harm; each is taken out in one atomic step, so that of many takers one succeeds.
 *
 * A record is kept under a hash of its state. Two index rows lead to it: by expiry, and by the address that started it. Nobody can fill the store:
 * records expire, and beyond the ceilings of mount and address the oldest goes.
 */

import { createHash } from 'node:crypto'
import type { BackendContext, Login, MountStore } from '../../framework/backend.ts'
import type { JsonObject } from '../../lib/json.ts'
import { BoundedCache } from '../../lib/bounded-cache.ts'
import type { Reason } from '../../trust/reasons.ts'
import { exactCodec, type Codec, type Key, type StoreTransaction } from '../../storage/store.ts'

/** What the provider sent the browser to this server with (form post). */
export interface PostedAnswer {
  readonly code: string
  readonly idToken: string
  /** Empty when there was none. */
  readonly error: string
  readonly iss: string
}

/** How a direct sign-in ended badly: told to the client at its next poll. */
export interface SignInFailure {
  readonly text: string
  readonly reason: Reason
  readonly status: number
}

export interface SignInState {
  readonly mode: 'client' | 'direct' | 'device'
  readonly role: string
  /** As sent to the provider. */
  readonly redirectUri: string
  readonly responseType: 'code' | 'id_token'
  readonly nonce: string
  readonly verifier: string
  /** Empty when the client gave none. */
  readonly clientNonce: string
  /** Who started it; empty when unknown. */
  readonly address: string
  readonly startedAtMs: number
  readonly expiresAtMs: number
  /** Seconds; 0 when the role asks for none. */
  readonly maxAge: number
  /** The provider's post is answered by a redirect to the UI, which keeps the sign-in of its own browser. */
  readonly formPostRedirect: boolean
  readonly posted?: PostedAnswer
  readonly deviceCode?: string
  /** Direct mode: one request at a time brings it further. */
  readonly phase: 'open' | 'exchanging' | 'done' | 'failed'
  readonly login?: Login
  readonly failure?: SignInFailure
}

export const signInLifeMs = 600_000
const signInsMax = 100_000
const signInsOfAddressMax = 10_000
/** Dropped at once when a ceiling is reached, so that counting is rare. */
const roomMade = 1_000
const deletedAtOnce = 100
const countedAddressesMax = 10_000

type StoredState = SignInState & JsonObject

const stateCodec: Codec<StoredState> = { ...exactCodec<StoredState>(), isShortLived: true }

export class SignInStates {
  readonly #context: BackendContext
  readonly #store: MountStore
  /** Started since the last count, beside what was counted then. Undefined until the first count of this process. */
  #estimate: number | undefined
  readonly #ofAddress = new BoundedCache<string, number>(countedAddressesMax)
  readonly #dropping = new Map<string, Promise<void>>()
  #cancelSweep: (() => void) | undefined
  #isClosed = false

  constructor(context: BackendContext) {
    this.#context = context
    this.#store = context.store
  }

  /** Durable when it resolves. */
  async start(state: string, record: Omit<SignInState, 'expiresAtMs'>): Promise<void> {
    await this.#makeRoom(record.address)
    const whole = { ...record, expiresAtMs: this.#context.clock.nowMs() + signInLifeMs }
    await this.#store.write((txn) => this.#put(txn, hashOf(state), whole))
    this.#scheduleSweep()
  }

  /** The sign-in if it is still open to somebody. */
  async load(state: string): Promise<SignInState | undefined> {
    const record = await this.#store.view((view) => view.get(this.#key(hashOf(state))))
    return this.#isAlive(record) ? record : undefined
  }

  /** Takes it out of the store: of any number of parallel takers one gets it. `which` may leave it where it is. */
  async take(
    state: string,
    which: (record: SignInState) => boolean = () => true,
  ): Promise<SignInState | undefined> {
    const hash = hashOf(state)
    return this.#store.write(async (txn) => {
      const record = await txn.get(this.#key(hash))
      if (record === undefined || !which(record)) return undefined
      this.#delete(txn, hash, record)
      return this.#isAlive(record) ? record : undefined
    })
  }

  /** Changes it in one atomic step, which begins its life anew; undefined when there is none or `change` declines. */
  async change(
    state: string,
    change: (record: SignInState) => SignInState | undefined,
  ): Promise<SignInState | undefined> {
    const hash = hashOf(state)
    return this.#store.write(async (txn) => {
      const record = await txn.get(this.#key(hash))
      if (record === undefined || !this.#isAlive(record)) return undefined
      const changed = change(record)
      if (changed === undefined) return undefined
      this.#delete(txn, hash, record)
      const whole = { ...changed, expiresAtMs: this.#context.clock.nowMs() + signInLifeMs }
      this.#put(txn, hash, whole)
      return whole
    })
  }

  close(): void {
    this.#isClosed = true
    this.#cancelSweep?.()
  }

  // ---------------------------------------------------------------- records

  #key(hash: string): Key<StoredState> {
    return this.#store.key(`oidc/state/${hash}`, stateCodec)
  }

  #isAlive(record: SignInState | undefined): record is SignInState {
    return record !== undefined && record.expiresAtMs > this.#context.clock.nowMs()
  }

  #put(txn: StoreTransaction, hash: string, record: SignInState): void {
    txn.put(this.#key(hash), record as StoredState)
    for (const row of this.#rows(hash, record)) txn.putIndex(row)
  }

  #delete(txn: StoreTransaction, hash: string, record: SignInState): void {
    txn.delete(this.#key(hash).text)
    for (const row of this.#rows(hash, record)) txn.delete(row)
  }

  #rows(hash: string, { address, expiresAtMs }: SignInState): readonly string[] {
    const order = `${sortable(expiresAtMs)}/${hash}`
    return [
      this.#store.key(`${expiryPrefix}${order}`).text,
      this.#store.key(`${addressPrefix(address)}${order}`).text,
    ]
  }

  // ---------------------------------------------------------------- ceilings

  async #makeRoom(address: string): Promise<void> {
    this.#estimate ??= await this.#count(expiryPrefix)
    this.#estimate++
    const started = (this.#ofAddress.get(address) ?? 0) + 1
    this.#ofAddress.set(address, started)
    if (this.#estimate > signInsMax) {
      await this.#dropOnce(expiryPrefix, signInsMax, (left) => {
        this.#estimate = left
      })
    }
    if (started > signInsOfAddressMax) {
      await this.#dropOnce(addressPrefix(address), signInsOfAddressMax, (left) =>
        this.#ofAddress.set(address, left),
      )
    }
  }

  /** Starts that come while room is made wait for it and do not make more. */
  async #dropOnce(prefix: string, ceiling: number, told: (left: number) => void): Promise<void> {
    const running = this.#dropping.get(prefix)
    if (running !== undefined) return running
    const work = this.#dropOldest(prefix, ceiling)
      .then(told)
      .finally(() => this.#dropping.delete(prefix))
    this.#dropping.set(prefix, work)
    return work
  }

  async #count(prefix: string): Promise<number> {
    return this.#store.view(async (view) => {
      let count = 0
      for await (const _ of view.keys(this.#store.keyRange(prefix))) count++
      return count
    })
  }

  /** Leaves room below the ceiling; gives how many are left. */
  async #dropOldest(prefix: string, ceiling: number): Promise<number> {
    const count = await this.#count(prefix)
    const excess = count - (ceiling - roomMade)
    if (count < ceiling || excess <= 0) return count
    await this.#deleteFirst(prefix, excess)
    this.#context.logger.log('warn', 'too many open sign-ins: the oldest were dropped', {
      mount: this.#context.mount().path,
      dropped: excess,
    })
    return count - excess
  }

  async #deleteFirst(prefix: string, count: number, upTo?: string): Promise<number> {
    let deleted = 0
    while (deleted < count && !this.#isClosed) {
      const limit = Math.min(deletedAtOnce, count - deleted)
      const rows = await this.#store.view(async (view) => {
        const found: string[] = []
        for await (const key of view.keys(this.#store.keyRange(prefix, { limit }))) {
          const row = this.#store.pathOf(key).slice(prefix.length)
          if (upTo !== undefined && row >= upTo) break
          found.push(row)
        }
        return found
      })
      if (rows.length === 0) break
      await this.#store.write(async (txn) => {
        for (const row of rows) {
          const hash = row.slice(row.indexOf('/') + 1)
          const record = await txn.get(this.#key(hash))
          if (record !== undefined) this.#delete(txn, hash, record)
          // Also when its record is gone: a row that leads nowhere must not be found again.
          txn.delete(this.#store.key(prefix + row).text)
        }
      })
      deleted += rows.length
    }
    return deleted
  }

  #scheduleSweep(): void {
    if (this.#cancelSweep !== undefined || this.#isClosed) return
    this.#cancelSweep = this.#context.clock.after(signInLifeMs + 1000, () => {
      this.#cancelSweep = undefined
      this.#sweep().catch(() => this.#scheduleSweep())
    })
  }

  async #sweep(): Promise<void> {
    const now = sortable(this.#context.clock.nowMs())
    await this.#deleteFirst(expiryPrefix, signInsMax, now)
    this.#estimate = await this.#count(expiryPrefix)
    if (this.#estimate > 0) this.#scheduleSweep()
  }
}

const expiryPrefix = 'oidc/expiry/'

function addressPrefix(address: string): string {
  return `oidc/address/${address === '' ? 'unknown' : address}/`
}

function sortable(ms: number): string {
  return String(Math.floor(ms)).padStart(15, '0')
}

/** Keys are visible to the storage engine, a state is not for it. */
function hashOf(state: string): string {
  return createHash('sha256').update(state).digest('base64url')
}
