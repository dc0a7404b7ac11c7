/**
 * Where sign-ins are kept between their start and their end (jwt-oidc.md §4.2): in the mount's
 * store, sealed, so that any node finishes any sign-in and a restart in between does no harm. What
 * may become of one is said in `sign-in-transitions.ts`; here each transition is one atomic step,
 * so that of many callers one succeeds.
 *
 * A record is kept under a hash of its state. Nobody can fill the store: records expire, and how
 * much there may be of them is said in `sign-in-room.ts`.
 */

import { createHash } from 'node:crypto'
import type { BackendContext, MountStore } from '../../framework/backend.ts'
import type { JsonObject } from '../../lib/json.ts'
import { equalSecrets } from '../../lib/constant-time.ts'
import { exactCodec, type Codec, type Key, type StoreTransaction } from '../../storage/store.ts'
import { SignInRoom, rowsOf, weightOf, type SignInPlace } from './sign-in-room.ts'
import { signInLifeMs, type NewSignIn, type ProviderAnswer, type SignIn } from './sign-in.ts'
import * as transitions from './sign-in-transitions.ts'
import type { Transition } from './sign-in-transitions.ts'

/** One call to the provider may take ten seconds; five more, and nobody is coming back. */
const claimLifeMs = 15_000

type StoredSignIn = SignIn & JsonObject

const signInCodec: Codec<StoredSignIn> = { ...exactCodec<StoredSignIn>(), isShortLived: true }

/** A claim of one caller on one sign-in: it ends by `finish`, by `release`, or by itself. */
export interface Claim {
  readonly state: string
  readonly id: string
}

export class SignInStates {
  readonly #context: BackendContext
  readonly #store: MountStore
  readonly #room: SignInRoom
  #cancelSweep: (() => void) | undefined
  #isClosed = false

  constructor(context: BackendContext) {
    this.#context = context
    this.#store = context.store
    this.#room = new SignInRoom(context, (hashes, rows) => this.#drop(hashes, rows))
    // What a restart left behind goes by itself too.
    this.#scheduleSweep()
  }

  // ---------------------------------------------------------------- transitions

  /** Durable when it resolves. */
  async start(state: string, signIn: NewSignIn): Promise<void> {
    const expiresAtMs = this.#context.clock.nowMs() + signInLifeMs
    const whole: SignIn = { ...signIn, phase: { kind: 'open' }, expiresAtMs }
    await this.#room.makeRoom(signIn.address, weightOfRecord(whole))
    await this.#store.write((txn) => this.#put(txn, hashOf(state), whole))
    this.#scheduleSweep()
  }

  /**
   * The ticket with which the answer may be spent; for the browser that brought it and for nobody
   * else.
   */
  async park(
    state: string,
    answer: ProviderAnswer,
    clientNonce: string,
  ): Promise<
    { readonly kind: 'parked'; readonly ticket: string } | { readonly kind: 'waiting' | 'over' }
  > {
    const ticket = this.#context.random.bytes(32).toString('base64url')
    const parking = { answer, ticketHash: hashOf(ticket), clientNonce }
    await this.#room.makeRoomToGrow(weightOfRecord(answer))
    const told = await this.#apply(state, (signIn) => transitions.park(signIn, parking))
    return told === 'parked' ? { kind: told, ticket } : { kind: told ?? 'over' }
  }

  async spend(
    state: string,
    answer: ProviderAnswer,
    clientNonce: string,
  ): Promise<transitions.Spent> {
    const code = answer.result.kind === 'code' ? answer.result.code : ''
    const spending = { answer, codeHash: hashOf(code), clientNonce }
    const told = await this.#apply(state, (signIn) => transitions.spend(signIn, spending))
    return told ?? { kind: 'over' }
  }

  async confirm(
    state: string,
    ticket: string,
  ): Promise<transitions.Confirmed & { readonly claim: Claim }> {
    const claim = this.#newClaim(state)
    const told = await this.#apply(state, (signIn) =>
      transitions.confirm(signIn, hashOf(ticket), this.#claiming(claim)),
    )
    return { ...(told ?? { kind: 'over' }), claim }
  }

  async block(
    state: string,
    ticket: string,
    failure: Parameters<typeof transitions.block>[2],
  ): Promise<'blocked' | 'not_yours' | 'over'> {
    const told = await this.#apply(state, (signIn) =>
      transitions.block(signIn, hashOf(ticket), failure),
    )
    return told ?? 'over'
  }

  /** Undefined when there is no such sign-in. */
  async poll(
    state: string,
    clientNonce: string,
  ): Promise<(transitions.Polled & { readonly claim: Claim }) | undefined> {
    const claim = this.#newClaim(state)
    const nowMs = this.#context.clock.nowMs()
    const told = await this.#apply(state, (signIn) =>
      transitions.poll(signIn, { clientNonce, nowMs, ...this.#claiming(claim) }),
    )
    return told === undefined ? undefined : { ...told, claim }
  }

  async release({ state, id }: Claim): Promise<void> {
    await this.#apply(state, (signIn) => transitions.release(signIn, id))
  }

  /** False when the claim was over before and its end has been told. */
  async finish({ state, id }: Claim, ending: transitions.Ending): Promise<boolean> {
    const told = await this.#apply(state, (signIn) => transitions.finish(signIn, id, ending))
    return told === 'finished'
  }

  // ---------------------------------------------------------------- reads

  /**
   * The sign-in as it is now, which may be another one a moment later: good for a look, never for a
   * decision.
   */
  async load(state: string): Promise<SignIn | undefined> {
    const record = await this.#store.view((view) => view.get(this.#key(hashOf(state))))
    return this.#isAlive(record) ? record : undefined
  }

  /** Whether that ticket is the one of the answer that waits. */
  isTicketOf({ phase }: SignIn, ticket: string): boolean {
    return phase.kind === 'parked' && equalSecrets(phase.ticket, hashOf(ticket))
  }

  close(): void {
    this.#isClosed = true
    this.#room.close()
    this.#cancelSweep?.()
  }

  #newClaim(state: string): Claim {
    return { state, id: this.#context.random.bytes(16).toString('base64url') }
  }

  #claiming({ id }: Claim): transitions.Claiming {
    return { claim: id, untilMs: this.#context.clock.nowMs() + claimLifeMs }
  }

  /** One atomic step; undefined when there is no such sign-in. */
  async #apply<T>(
    state: string,
    transition: (signIn: SignIn) => Transition<T>,
  ): Promise<T | undefined> {
    const hash = hashOf(state)
    return this.#store.write(async (txn) => {
      const before = await txn.get(this.#key(hash))
      if (!this.#isAlive(before)) return undefined
      const step = transition(before)
      if (step.kind === 'kept') return step.told
      this.#delete(txn, hash, before)
      if (step.kind === 'moved') {
        const expiresAtMs = step.renews
          ? this.#context.clock.nowMs() + signInLifeMs
          : before.expiresAtMs
        this.#put(txn, hash, { ...before, phase: step.to, expiresAtMs })
      }
      return step.told
    })
  }

  // ---------------------------------------------------------------- records

  #key(hash: string): Key<StoredSignIn> {
    return this.#store.key(`oidc/state/${hash}`, signInCodec)
  }

  #isAlive(record: StoredSignIn | undefined): record is StoredSignIn {
    // A sign-in that version 0.1 began has its phase as a word, and is over with the upgrade.
    if (record === undefined || typeof record.phase === 'string') return false
    return record.expiresAtMs > this.#context.clock.nowMs()
  }

  #put(txn: StoreTransaction, hash: string, record: SignIn): void {
    txn.put(this.#key(hash), record as StoredSignIn)
    for (const row of rowsOf(placeOf(hash, record))) txn.putIndex(this.#store.key(row).text)
  }

  #delete(txn: StoreTransaction, hash: string, record: SignIn): void {
    txn.delete(this.#key(hash).text)
    for (const row of rowsOf(placeOf(hash, record))) txn.delete(this.#store.key(row).text)
  }

  async #drop(hashes: readonly string[], rows: readonly string[]): Promise<void> {
    await this.#store.write(async (txn) => {
      for (const hash of hashes) {
        const record = await txn.get(this.#key(hash))
        if (record !== undefined) this.#delete(txn, hash, record)
      }
      for (const row of rows) txn.delete(this.#store.key(row).text)
    })
  }

  #scheduleSweep(): void {
    if (this.#cancelSweep !== undefined || this.#isClosed) return
    this.#cancelSweep = this.#context.clock.after(signInLifeMs + 1000, () => {
      this.#cancelSweep = undefined
      this.#sweep().catch(() => this.#scheduleSweep())
    })
  }

  async #sweep(): Promise<void> {
    if ((await this.#room.sweep()) > 0) this.#scheduleSweep()
  }
}

function placeOf(hash: string, record: SignIn): SignInPlace {
  const { address, expiresAtMs } = record
  return { hash, address, expiresAtMs, weight: weightOfRecord(record) }
}

function weightOfRecord(record: SignIn | ProviderAnswer): number {
  return weightOf(Buffer.byteLength(JSON.stringify(record)))
}

/** Keys are visible to the storage engine, a state is not for it. */
function hashOf(state: string): string {
  return createHash('sha256').update(state).digest('base64url')
}
