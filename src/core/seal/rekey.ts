/**
 * Another key with other shares in the place of the one that was split (platform.md §2.10): the
 * root key of a shamir seal, the recovery key of one that opens itself. Holders of enough present
 * shares decide it. With verification the new key counts only once enough of the new shares were
 * given back: nobody is left with shares that were lost on their way.
 */

import type { Clock } from '../../platform/clock.ts'
import type { Random } from '../../platform/random.ts'
import { checkCounts, checkKeyCount } from './init-request.ts'
import { InTurn } from '../in-turn.ts'
import { readPgpKeys, type PgpKey } from './pgp.ts'
import type { SealManager } from './seal-manager.ts'
import { foreignKeys, SealProblem } from './seal-problem.ts'
import type { ShareBackup } from './seal-records.ts'
import { requireNonce, ShareAttempt } from './share-attempt.ts'
import {
  areSameKeys,
  combineShares,
  requireShareText,
  splitKey,
  splitKeyBytes,
  type ShareCounts,
} from './shares.ts'

export interface RekeyContext {
  readonly seal: Pick<
    SealManager,
    'shareCounts' | 'areTrue' | 'replaceSplitKey' | 'shareBackup' | 'deleteShareBackup'
  >
  readonly clock: Clock
  readonly random: Random
}

export interface RekeyRequest extends ShareCounts {
  readonly requireVerification: boolean
  /** Texts of people's keys, one for each share; empty when they are given in clear. */
  readonly pgpKeys: readonly string[]
  /** Whether what is encrypted to them is kept besides. */
  readonly backup: boolean
}

interface Wanted extends RekeyRequest {
  readonly people: readonly PgpKey[]
}

/** The names are those of the wire. */
export interface RekeyStatus {
  readonly nonce: string
  readonly started: boolean
  readonly t: number
  readonly n: number
  readonly progress: number
  readonly required: number
  readonly pgp_fingerprints: readonly string[] | null
  readonly backup: boolean
  readonly verification_required: boolean
  readonly verification_nonce?: string
}

export interface RekeyOutcome {
  readonly nonce: string
  readonly keys: readonly Buffer[]
  readonly fingerprints: readonly string[] | null
  readonly backup: boolean
  /** Set when the new keys count only after their verification. */
  readonly verificationNonce: string | undefined
}

export interface VerificationStatus {
  readonly nonce: string
  readonly started: boolean
  readonly t: number
  readonly n: number
  readonly progress: number
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'collecting'; readonly request: Wanted; readonly given: ShareAttempt }
  | {
      readonly kind: 'verifying'
      readonly request: Wanted
      readonly backup: ShareBackup | undefined
      readonly nonce: string
      readonly key: Buffer
      given: ShareAttempt
    }

/** What people do one step after the other. */
export const rekeySteps = [
  'status',
  'start',
  'cancel',
  'update',
  'verification',
  'restartVerification',
  'verify',
  'backup',
  'deleteBackup',
] as const
export type RekeySteps = Pick<Rekey, (typeof rekeySteps)[number]>

const idle: State = { kind: 'idle' }
const noRekey = 'no rekey in progress'
const noVerification = 'no rekey verification in progress'

export class Rekey {
  readonly #context: RekeyContext
  readonly #turn = new InTurn()
  #state: State = idle

  constructor(context: RekeyContext) {
    this.#context = context
  }

  status(): Promise<RekeyStatus> {
    return this.#turn.run(() => this.#status())
  }

  /** Throws SealProblem. */
  start(request: RekeyRequest): Promise<RekeyStatus> {
    return this.#turn.run(async () => {
      if (this.#state.kind !== 'idle') throw new SealProblem('rekey already in progress')
      checkCounts(request)
      checkKeyCount(request.pgpKeys, request)
      if (request.backup && request.pgpKeys.length === 0) {
        throw new SealProblem(
          'backup: cannot keep the new keys without pgp_keys to encrypt them with',
        )
      }
      const { seal, clock } = this.#context
      await seal.shareCounts()
      const people = await readPgpKeys('pgp_keys', request.pgpKeys, clock.nowMs())
      const wanted = { ...request, people }
      this.#state = { kind: 'collecting', request: wanted, given: this.#attempt() }
      return this.#status()
    })
  }

  /** Ends it; new keys that were not verified never count. */
  cancel(nonce: string | undefined): Promise<void> {
    return this.#turn.run(async () => {
      const state = this.#state
      if (state.kind === 'idle') return
      const named = state.kind === 'verifying' ? state.nonce : state.given.nonce
      if (nonce !== undefined) requireNonce(named, nonce)
      this.#end()
    })
  }

  /** Takes one of the present shares; the outcome when it was the last that was missing. */
  update(key: string, nonce: string): Promise<RekeyStatus | RekeyOutcome> {
    return this.#turn.run(() => this.#update(key, nonce))
  }

  verification(): Promise<VerificationStatus> {
    return this.#turn.run(async () => this.#verification())
  }

  /** Begins the verification again, under another nonce; the new keys stay the same. */
  restartVerification(nonce: string | undefined): Promise<VerificationStatus> {
    return this.#turn.run(async () => {
      const state = this.#state
      if (state.kind !== 'verifying') throw new SealProblem(noVerification)
      if (nonce !== undefined) requireNonce(state.given.nonce, nonce)
      state.given.end()
      state.given = this.#attempt()
      return this.#verification()
    })
  }

  /** Takes one of the new shares; `complete` when the new keys count from now on. */
  verify(
    key: string,
    nonce: string,
  ): Promise<VerificationStatus | { readonly complete: true; readonly nonce: string }> {
    return this.#turn.run(() => this.#verify(key, nonce))
  }

  /** What the last rekey has kept, if it asked for it. */
  backup(): Promise<ShareBackup | undefined> {
    return this.#context.seal.shareBackup()
  }

  deleteBackup(): Promise<void> {
    return this.#context.seal.deleteShareBackup()
  }

  /** The server is being sealed: whoever began has to begin again. */
  forget(): void {
    this.#end()
  }

  async #update(text: string, nonce: string): Promise<RekeyStatus | RekeyOutcome> {
    requireShareText(text)
    const state = this.#state
    if (state.kind === 'verifying') throw new SealProblem('the new keys wait for verification')
    if (state.kind !== 'collecting') throw new SealProblem(noRekey)
    requireNonce(state.given.nonce, nonce)
    const { seal, random } = this.#context
    const { shares, threshold } = await seal.shareCounts()
    state.given.take(text, shares)
    if (state.given.progress < threshold) return this.#status()
    if (!(await seal.areTrue(state.given.shares))) {
      state.given.end()
      throw foreignKeys()
    }
    const { request } = state
    const key = random.bytes(splitKeyBytes)
    const keys = await splitKey(key, request, request.people)
    const fingerprints = fingerprintsOf(request)
    const outcome = { nonce, keys, fingerprints, backup: request.backup }
    const backup = request.backup ? backupOf(outcome) : undefined
    this.#end()
    if (!request.requireVerification) {
      await seal.replaceSplitKey(key, request, backup)
      key.fill(0)
      return { ...outcome, verificationNonce: undefined }
    }
    const given = this.#attempt()
    this.#state = { kind: 'verifying', request, backup, nonce, key, given }
    return { ...outcome, verificationNonce: given.nonce }
  }

  async #verify(
    text: string,
    nonce: string,
  ): Promise<VerificationStatus | { readonly complete: true; readonly nonce: string }> {
    requireShareText(text)
    const state = this.#state
    if (state.kind !== 'verifying') throw new SealProblem(noVerification)
    requireNonce(state.given.nonce, nonce)
    const { request } = state
    state.given.take(text, request.shares)
    if (state.given.progress < request.threshold) return this.#verification()
    const combined = await combineShares(state.given.shares)
    const isTrue = combined !== undefined && areSameKeys(combined, state.key)
    combined?.fill(0)
    if (!isTrue) {
      state.given.end()
      throw new SealProblem('the keys are not the new ones: all have to be given again')
    }
    await this.#context.seal.replaceSplitKey(state.key, request, state.backup)
    this.#end()
    return { complete: true, nonce }
  }

  async #status(): Promise<RekeyStatus> {
    const state = this.#state
    const { threshold: required } = await this.#context.seal.shareCounts()
    const request = state.kind === 'idle' ? undefined : state.request
    return {
      nonce:
        state.kind === 'collecting'
          ? state.given.nonce
          : state.kind === 'verifying'
            ? state.nonce
            : '',
      started: state.kind !== 'idle',
      t: request?.threshold ?? 0,
      n: request?.shares ?? 0,
      progress: state.kind === 'collecting' ? state.given.progress : 0,
      required,
      pgp_fingerprints: request === undefined ? null : fingerprintsOf(request),
      backup: request?.backup ?? false,
      verification_required: request?.requireVerification ?? false,
      ...(state.kind === 'verifying' ? { verification_nonce: state.given.nonce } : {}),
    }
  }

  #verification(): VerificationStatus {
    const state = this.#state
    if (state.kind !== 'verifying') throw new SealProblem(noVerification)
    const { request, given } = state
    const { threshold: t, shares: n } = request
    return { nonce: given.nonce, started: true, t, n, progress: given.progress }
  }

  #attempt(): ShareAttempt {
    return new ShareAttempt(this.#context.random.uuid())
  }

  #end(): void {
    const state = this.#state
    this.#state = idle
    if (state.kind === 'idle') return
    state.given.end()
    if (state.kind === 'verifying') state.key.fill(0)
  }
}

function fingerprintsOf({ people }: Wanted): readonly string[] | null {
  return people.length === 0 ? null : people.map(({ fingerprint }) => fingerprint)
}

/** One person may have several keys. */
function backupOf({
  nonce,
  keys,
  fingerprints,
}: Omit<RekeyOutcome, 'verificationNonce'>): ShareBackup {
  const byPerson: Record<string, string[]> = {}
  for (const [place, fingerprint] of (fingerprints ?? []).entries()) {
    byPerson[fingerprint] = [...(byPerson[fingerprint] ?? []), keys[place]?.toString('hex') ?? '']
  }
  return { nonce, keys: byPerson }
}
