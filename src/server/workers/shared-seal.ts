/**
 * The seal of a server of several workers: what is asked of any of them holds for all before it is
 * answered. Shares are gathered by one, the leader, so that there is one progress; what opens the
 * store goes from worker to worker in sealed letters.
 */

import type { OneOfAll } from '../../core/one-of-all.ts'
import type { InitRequest } from '../../core/seal/init-request.ts'
import type {
  InitOutcome,
  InitWork,
  KeyStatus,
  Seal,
  SealManager,
  SealStatus,
} from '../../core/seal/seal-manager.ts'
import type { ShareBackup } from '../../core/seal/seal-records.ts'
import type { ShareCounts } from '../../core/seal/shares.ts'
import type { Random } from '../../platform/random.ts'
import { Errands } from './errands.ts'
import { LetterBox, writeLetter, type Letter } from './letter.ts'
import type { Link } from './link.ts'
import { nothing, type OfPrimary, type Progress } from './questions.ts'

export interface UnsealRequest {
  readonly key?: string
  readonly reset?: boolean
}

export class SharedSeal implements Seal {
  readonly #own: SealManager
  readonly #primary: Link<OfPrimary>
  readonly #random: Random
  readonly #box = new LetterBox()
  readonly #unsealing: { readonly unseal: (request: UnsealRequest) => Promise<SealStatus> }
  /** What is done at the leader alone. */
  readonly errands: Errands

  constructor(parts: {
    readonly own: SealManager
    readonly primary: Link<OfPrimary>
    readonly random: Random
  }) {
    this.#own = parts.own
    this.#primary = parts.primary
    this.#random = parts.random
    this.errands = new Errands({ ...parts, box: this.#box })
    const unsealing = { unseal: (request: UnsealRequest) => this.#unsealHere(request) }
    this.#unsealing = this.errands.oneOfAll('seal', unsealing, ['unseal'])
    // The rotation itself does not wait: others may be rotating and wait for this worker.
    this.#own.onRotated(() => {
      this.#primary.ask('rotated', nothing).catch(() => undefined)
    })
  }

  get sealed(): boolean {
    return this.#own.sealed
  }

  get isLeader(): boolean {
    return this.errands.isLeader
  }

  get oneOfAll(): OneOfAll {
    return this.errands.oneOfAll
  }

  isInitialized(): Promise<boolean> {
    return this.#own.isInitialized()
  }

  /** The store itself lets one of any number of processes do this. */
  async init<T>(request: InitRequest, work: InitWork<T>): Promise<InitOutcome<T>> {
    const outcome = await this.#own.init(request, work)
    if (!this.#own.sealed) await this.#primary.ask('opened', nothing)
    return outcome
  }

  async status(): Promise<SealStatus> {
    const status = await this.#own.status()
    const isGathering = status.sealed && status.initialized && status.type === 'shamir'
    if (!isGathering || this.isLeader) return status
    return { ...status, ...(await this.#primary.ask('progress', nothing)) }
  }

  unseal(request: UnsealRequest): Promise<SealStatus> {
    return this.#own.sealed ? this.#unsealing.unseal(request) : this.#own.unseal(request)
  }

  /** The others first: whoever is told that it is sealed finds none open. */
  async seal(): Promise<void> {
    await this.#primary.ask('seal', nothing)
    await this.#own.seal()
  }

  keyStatus(): Promise<KeyStatus> {
    return this.#own.keyStatusWith(async (term) => {
      const { count } = await this.#primary.ask('unsavedSeals', { term })
      return count
    })
  }

  async rotate(): Promise<void> {
    await this.#own.rotate()
    await this.#primary.ask('rotated', nothing)
  }

  shareCounts(): Promise<ShareCounts> {
    return this.#own.shareCounts()
  }

  areTrue(shares: readonly Buffer[]): Promise<boolean> {
    return this.#own.areTrue(shares)
  }

  setRotation(seals: number): void {
    this.#own.setRotation(seals)
  }

  shareBackup(): Promise<ShareBackup | undefined> {
    return this.#own.shareBackup()
  }

  deleteShareBackup(): Promise<void> {
    return this.#own.deleteShareBackup()
  }

  async replaceSplitKey(key: Buffer, counts: ShareCounts, backup?: ShareBackup): Promise<void> {
    await this.#own.replaceSplitKey(key, counts, backup)
    await this.#primary.ask('opened', nothing)
  }

  async rotateRootKey(): Promise<void> {
    await this.#own.rotateRootKey()
    await this.#primary.ask('opened', nothing)
  }

  /** At start: becomes as open or sealed as the others are, or opens by itself as the first. */
  async autoUnseal(): Promise<boolean> {
    const { publicKey } = this.#box
    const { mayOpenItself } = await this.#primary.ask('join', { publicKey })
    if (!mayOpenItself || !(await this.#own.autoUnseal())) return !this.#own.sealed
    await this.#primary.ask('opened', nothing)
    return true
  }

  // ------------------------------------------------------------ asked by the others

  /** The root key, sealed to another worker; undefined when there is none. */
  rootKeyFor(publicKey: string): Letter | undefined {
    return this.#own.useRootKey((rootKey) =>
      writeLetter(publicKey, 'root-key', rootKey, this.#random),
    )
  }

  async openWith(letter: Letter): Promise<void> {
    const rootKey = this.#box.open('root-key', letter)
    if (rootKey === undefined) throw new Error('the root key is for another worker')
    await this.#own.openWith(rootKey)
  }

  /** Also when it seems sealed: it may be opening itself at this moment. */
  sealOwn(): Promise<void> {
    return this.#own.seal()
  }

  unsavedSeals(term: number): number {
    return this.#own.unsavedSeals(term)
  }

  reloadKeyring(): Promise<void> {
    return this.#own.reloadKeyring()
  }

  async progress(): Promise<Progress> {
    const { progress, nonce } = await this.#own.status()
    return { progress, nonce }
  }

  async #unsealHere(request: UnsealRequest): Promise<SealStatus> {
    const wasSealed = this.#own.sealed
    const status = await this.#own.unseal(request)
    if (wasSealed && !status.sealed) await this.#primary.ask('opened', nothing)
    return status
  }
}
