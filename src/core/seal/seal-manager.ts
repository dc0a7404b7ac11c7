/**
 * Opens and closes the store: initialisation, unsealing by shares or by the static key, sealing,
 * and rotation of the barrier key (platform.md §2.1, §2.10). Owns the root key while the store is
 * open. Knows nothing of tokens and mounts: those register with `onUnsealed` and hand their first
 * records to `init`.
 */

import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Random } from '../../platform/random.ts'
import { Keyring, openUnder, sealUnder } from '../../storage/keyring.ts'
import type { SealedStore } from '../../storage/sealed-store.ts'
import {
  RecordDamaged,
  StoreSealed,
  type Engine,
  type Expectation,
  type StoreTransaction,
} from '../../storage/store.ts'
import { InTurn } from '../in-turn.ts'
import { requireShares, type InitRequest } from './init-request.ts'
import { replaceKeyRecords, staleKeyRecords, type FreshKeys } from './key-replacement.ts'
import { readPgpKeys } from './pgp.ts'
import { operationsMax } from './rotation-bound.ts'
import { SealProblem } from './seal-problem.ts'
import {
  addEncryptions,
  commitOne,
  configKey,
  createConfig,
  keyringKey,
  loadConfig,
  loadSealRecords,
  loadShareBackup,
  recoveryKeyKey,
  requireRecord,
  rootKeyKey,
  shareBackupKey,
  type SealConfig,
  type ShareBackup,
} from './seal-records.ts'
import { ShareAttempt } from './share-attempt.ts'
import {
  areSameKeys,
  combineShares,
  decodeShare,
  requireShareText,
  splitKey,
  splitKeyBytes,
  type ShareCounts,
} from './shares.ts'
import type { SealType } from './static-seal.ts'

const alreadyInitialized = 'Vault is already initialized'

const rotateAttemptsMax = 16

export interface SealManagerOptions {
  readonly engine: Engine
  readonly store: SealedStore
  readonly type: SealType
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The operator's name for the cluster; the one made at initialisation when absent or empty. */
  readonly clusterName?: string | undefined
}

/** `sys/seal-status` without the version fields; the names are those of the wire. */
export interface SealStatus {
  readonly type: 'shamir' | 'static'
  readonly initialized: boolean
  readonly sealed: boolean
  readonly t: number
  readonly n: number
  readonly progress: number
  readonly nonce: string
  readonly migration: boolean
  readonly recovery_seal: boolean
  readonly storage_type: Engine['type']
  readonly recovery_seal_type?: string
  readonly cluster_name?: string
  readonly cluster_id?: string
}

export interface KeyStatus {
  readonly term: number
  readonly install_time: string
  readonly encryptions: number
}

export interface InitOutcome<T> {
  /** Unseal keys; empty for a seal that opens itself. */
  readonly keys: readonly Buffer[]
  readonly recoveryKeys: readonly Buffer[]
  /** What the work of the caller gave. */
  readonly value: T
}

/**
 * Writes the first records; the keyring is the one that they are sealed with, for what needs its
 * subkeys.
 */
export type InitWork<T> = (txn: StoreTransaction, keyring: Keyring) => Promise<T> | T

/** What the core asks of the seal; with several processes, of the seal of all of them. */
export type Seal = Pick<
  SealManager,
  | 'sealed'
  | 'isInitialized'
  | 'status'
  | 'init'
  | 'autoUnseal'
  | 'unseal'
  | 'seal'
  | 'rotate'
  | 'shareCounts'
  | 'areTrue'
  | 'replaceSplitKey'
  | 'shareBackup'
  | 'deleteShareBackup'
  | 'rotateRootKey'
  | 'setRotation'
> & { keyStatus(): KeyStatus | Promise<KeyStatus> }

export class SealManager {
  readonly #engine: Engine
  readonly #store: SealedStore
  readonly #type: SealType
  readonly #clock: Clock
  readonly #random: Random
  readonly #logger: Logger
  readonly #clusterName: string
  readonly #unsealedWork: (() => Promise<void> | void)[] = []
  readonly #sealingWork: (() => Promise<void> | void)[] = []
  #tellRotated: () => void = () => {}
  readonly #turn = new InTurn()
  #attempt: ShareAttempt | undefined
  #rootKey: Buffer | undefined
  #ready = false
  #rotateAtSeals = operationsMax

  constructor(options: SealManagerOptions) {
    this.#engine = options.engine
    this.#store = options.store
    this.#type = options.type
    this.#clock = options.clock
    this.#random = options.random
    this.#logger = options.logger
    this.#clusterName = options.clusterName ?? ''
  }

  /**
   * False from the end of a successful unseal, with all that `onUnsealed` registered done, until
   * the next seal.
   */
  get sealed(): boolean {
    return !this.#ready || this.#store.sealed
  }

  /**
   * Work that makes the server ready, in order, after each unseal. If it fails, the store is sealed
   * again.
   */
  onUnsealed(work: () => Promise<void> | void): void {
    this.#unsealedWork.push(work)
  }

  /**
   * Work that stops what runs on the open store and forgets what was made from it, in order, before
   * each seal.
   */
  onSealing(work: () => Promise<void> | void): void {
    this.#sealingWork.push(work)
  }

  /** Called after each rotation, also one that no request asked for. */
  onRotated(work: () => void): void {
    this.#tellRotated = work
  }

  async isInitialized(): Promise<boolean> {
    return (await this.#loadConfig()) !== undefined
  }

  async status(): Promise<SealStatus> {
    const config = await this.#loadConfig()
    const type = config?.type ?? this.#type.type
    const isRecovery = type !== 'shamir'
    const sealed = this.sealed
    return {
      type,
      initialized: config !== undefined,
      sealed,
      t: config?.threshold ?? 0,
      n: config?.shares ?? 0,
      progress: this.#attempt?.progress ?? 0,
      nonce: this.#attempt?.nonce ?? '',
      migration: false,
      recovery_seal: isRecovery,
      storage_type: this.#engine.type,
      ...(isRecovery ? { recovery_seal_type: 'shamir' } : {}),
      ...(config === undefined || sealed
        ? {}
        : { cluster_name: this.#clusterName || config.clusterName, cluster_id: config.clusterId }),
    }
  }

  /**
   * Makes keyring, seal and the caller's first records in one atomic commit: a crash leaves an
   * empty store or a whole one, and keys are given out only for the latter. With `shamir` the store
   * stays sealed.
   */
  init<T>(request: InitRequest, work: InitWork<T>): Promise<InitOutcome<T>> {
    return this.#turn.run(() => this.#init(request, work))
  }

  /** Takes one share, in hex or base64, or forgets those given so far. Throws SealProblem. */
  unseal(request: { readonly key?: string; readonly reset?: boolean }): Promise<SealStatus> {
    return this.#turn.run(async () => {
      await this.#unseal(request.key ?? '', request.reset === true)
      return this.status()
    })
  }

  /**
   * At start: opens the store when the seal needs nobody; true when it did. Throws when the store
   * was made with another seal or another key.
   */
  autoUnseal(): Promise<boolean> {
    return this.#turn.run(async () => {
      const config = await this.#loadConfig()
      if (config === undefined || !this.sealed) return false
      this.#checkType(config)
      if (this.#type.type !== 'static') return false
      const wrapped = await requireRecord(this.#engine, rootKeyKey)
      let rootKey: Buffer
      try {
        rootKey = openUnder(this.#type.key, rootKeyKey, wrapped)
      } catch (error) {
        if (!(error instanceof RecordDamaged)) throw error
        throw new SealProblem(
          `the static seal key${this.#type.origin} does not open this store: it was made with another key`,
        )
      }
      await this.#open(rootKey, await this.#openKeyring(rootKey))
      return true
    })
  }

  /**
   * Opens the store with the root key that another process of this server has; an open one has
   * that root key from now on.
   */
  openWith(rootKey: Buffer): Promise<void> {
    return this.#turn.run(async () => {
      const keyring = await this.#openKeyring(rootKey)
      if (this.sealed) return this.#open(rootKey, keyring)
      keyring.destroy()
      this.#rootKey?.fill(0)
      this.#rootKey = rootKey
    })
  }

  /** What `work` makes of the root key, for another process; undefined when this one is sealed. */
  useRootKey<T>(work: (rootKey: Buffer) => T): T | undefined {
    return this.sealed || this.#rootKey === undefined ? undefined : work(this.#rootKey)
  }

  /** After a rotation by another process. */
  reloadKeyring(): Promise<void> {
    return this.#turn.run(async () => {
      if (this.#store.sealed) return
      const keyring = await this.#reloadKeyring()
      const isNewer = (keyring?.activeTerm ?? 0) > this.#store.keyring.activeTerm
      if (keyring !== undefined && isNewer) this.#store.openWith(keyring)
    })
  }

  seal(): Promise<void> {
    return this.#turn.run(async () => {
      if (this.#store.sealed && this.#rootKey === undefined) return this.#endAttempt()
      if (!this.#store.sealed) {
        await this.#saveEncryptions().catch((error: unknown) => this.#warnUnsaved(error))
      }
      await this.#close()
      this.#logger.log('info', 'sealed')
    })
  }

  /** Throws StoreSealed. */
  keyStatus(): KeyStatus {
    const keyring = this.#store.keyring
    return {
      term: keyring.activeTerm,
      install_time: new Date(keyring.installedAtMs).toISOString(),
      encryptions: keyring.encryptions,
    }
  }

  /** Records that this process has sealed under that term and not counted in the store yet. */
  unsavedSeals(term: number): number {
    if (this.#store.sealed) return 0
    const { keyring } = this.#store
    return keyring.activeTerm === term ? keyring.unsavedSeals : 0
  }

  /** With what all processes have counted in the store, and what others have not yet. */
  async keyStatusWith(unsavedOfOthers: (term: number) => Promise<number>): Promise<KeyStatus> {
    const keyring = this.#store.keyring
    const term = keyring.activeTerm
    keyring.setSavedSeals(await addEncryptions(this.#engine, term, 0))
    const others = await unsavedOfOthers(term)
    const status = this.keyStatus()
    return { ...status, encryptions: status.encryptions + others }
  }

  /** After so many records the next term begins, at the latest after what is safe; 0 is that. */
  setRotation(seals: number): void {
    this.#rotateAtSeals = seals > 0 ? Math.min(seals, operationsMax) : operationsMax
  }

  /** A new term seals from now on; what older terms sealed stays readable. */
  rotate(): Promise<void> {
    return this.#turn.run(() => this.#rotate())
  }

  /** How many shares there are, and how many of them prove a right. Throws SealProblem. */
  async shareCounts(): Promise<ShareCounts> {
    const config = await this.#loadConfig()
    if (config === undefined) throw new SealProblem('server is not yet initialized')
    if (config.shares === 0) throw new SealProblem('this server has no recovery keys')
    return { shares: config.shares, threshold: config.threshold }
  }

  /** Whether these shares give the key that was split: the root key, or the recovery key. */
  async areTrue(shares: readonly Buffer[]): Promise<boolean> {
    const wanted = await this.#splitKey()
    const given = await combineShares(shares)
    const isTrue = given !== undefined && areSameKeys(given, wanted)
    given?.fill(0)
    wanted.fill(0)
    return isTrue
  }

  /**
   * Puts another key in the place of the one that was split, in one commit: what its shares were
   * opens nothing any more.
   */
  replaceSplitKey(key: Buffer, counts: ShareCounts, backup?: ShareBackup): Promise<void> {
    const name = this.#type.type === 'shamir' ? 'rootKey' : 'recoveryKey'
    return this.#turn.run(() => this.#replaceKeys({ [name]: key, counts, backup }))
  }

  /** The shares that were encrypted to people and kept at the last rekey, if it asked for it. */
  shareBackup(): Promise<ShareBackup | undefined> {
    return loadShareBackup(this.#engine)
  }

  async deleteShareBackup(): Promise<void> {
    await commitOne(this.#engine, { expects: [], puts: [], deletes: [shareBackupKey] })
  }

  /** Makes another root key; for a seal that opens itself, since no share depends on it. */
  rotateRootKey(): Promise<void> {
    return this.#turn.run(async () => {
      if (this.#type.type === 'shamir') {
        throw new SealProblem(
          'with seal type shamir the root key is what the shares give: use rotate/root/init or rekey',
        )
      }
      await this.#replaceKeys({ rootKey: this.#random.bytes(splitKeyBytes) })
    })
  }

  async #init<T>(request: InitRequest, work: InitWork<T>): Promise<InitOutcome<T>> {
    if (await this.isInitialized()) throw new SealProblem(alreadyInitialized)
    const { counts, pgpKeys, pgpField } = requireShares(this.#type.type, request)
    const people = await readPgpKeys(pgpField, pgpKeys, this.#clock.nowMs())
    const rootKey = this.#random.bytes(splitKeyBytes)
    const keyring = Keyring.create(this.#random, this.#clock.nowMs())
    const { change, value } = await this.#store
      .prepare(keyring, (txn) => work(txn, keyring))
      .catch(async (problem: unknown) => {
        // What another process has made meanwhile does not open with this keyring.
        if (await this.isInitialized()) throw new SealProblem(alreadyInitialized)
        throw problem
      })
    const puts: [string, Uint8Array][] = [
      [configKey, this.#createConfig(counts.shares, counts.threshold)],
      [keyringKey, this.#sealKeyring(rootKey, keyring)],
    ]
    let keys: readonly Buffer[] = []
    let recoveryKeys: readonly Buffer[] = []
    if (this.#type.type === 'shamir') {
      keys = await splitKey(rootKey, counts, people)
    } else {
      puts.push([rootKeyKey, sealUnder(this.#type.key, this.#random, rootKeyKey, rootKey)])
      if (counts.shares > 0) {
        const recoveryKey = this.#random.bytes(splitKeyBytes)
        recoveryKeys = await splitKey(recoveryKey, counts, people)
        puts.push([recoveryKeyKey, sealUnder(rootKey, this.#random, recoveryKeyKey, recoveryKey)])
        recoveryKey.fill(0)
      }
    }
    const expects: Expectation[] = [configKey, keyringKey].map((key) => ({
      kind: 'value',
      key,
      value: undefined,
    }))
    const committed = await commitOne(this.#engine, {
      ...change,
      expects: [...expects, ...(change?.expects ?? [])],
      puts: [...(change?.puts ?? []), ...puts],
      deletes: change?.deletes ?? [],
    })
    if (!committed) throw new SealProblem(alreadyInitialized)
    this.#logger.log('info', 'initialised', { seal: this.#type.type })
    if (this.#type.type === 'shamir') {
      keyring.destroy()
      rootKey.fill(0)
    } else {
      await this.#open(rootKey, keyring)
    }
    return { keys, recoveryKeys, value }
  }

  async #unseal(text: string, reset: boolean): Promise<void> {
    if (text === '' && !reset) {
      throw new SealProblem(
        "'key' must be specified in request body as JSON, or 'reset' set to true",
      )
    }
    if (!this.sealed) {
      if (reset) throw new SealProblem('vault is unsealed')
      return
    }
    if (reset) return this.#endAttempt()
    const config = await this.#loadConfig()
    // Undecodable text is told first, whatever the state.
    requireShareText(text)
    if (config === undefined) throw new SealProblem('server is not yet initialized')
    this.#checkType(config)
    if (config.type !== 'shamir') {
      throw new SealProblem(
        `unseal keys are not used with seal type ${config.type}: the server opens itself when it is restarted`,
      )
    }
    const share = decodeShare(text, config.shares)
    if (share === undefined) throw new SealProblem('unseal failed, invalid key: wrong length')
    this.#attempt ??= new ShareAttempt(this.#random.uuid())
    this.#attempt.add(share)
    if (this.#attempt.progress >= config.threshold) await this.#combine(this.#attempt)
  }

  async #combine(attempt: ShareAttempt): Promise<void> {
    try {
      const rootKey = await combineShares(attempt.shares)
      if (rootKey === undefined) throw new SealProblem('unseal failed, invalid key')
      let keyring: Keyring
      try {
        keyring = await this.#openKeyring(rootKey)
      } catch (error) {
        rootKey.fill(0)
        if (!(error instanceof RecordDamaged)) throw error
        throw new SealProblem('unseal failed, invalid key')
      }
      await this.#open(rootKey, keyring)
    } finally {
      this.#endAttempt()
    }
  }

  async #open(rootKey: Buffer, keyring: Keyring): Promise<void> {
    this.#rootKey = rootKey
    try {
      await this.#prepareKeyring(keyring)
      this.#store.openWith(keyring, () => this.#reloadKeyring())
      for (const work of this.#unsealedWork) await work()
      this.#ready = true
      this.#logger.log('info', 'unsealed', { term: keyring.activeTerm })
    } catch (error) {
      await this.#close()
      throw error
    }
  }

  async #close(): Promise<void> {
    // From here on nothing is served, however long the work below takes.
    this.#ready = false
    this.#endAttempt()
    for (const work of this.#sealingWork) {
      try {
        await work()
      } catch (error) {
        this.#logger.log('error', 'something did not stop before the seal', {
          error: String(error),
        })
      }
    }
    this.#store.seal()
    this.#rootKey?.fill(0)
    this.#rootKey = undefined
  }

  #endAttempt(): void {
    this.#attempt?.end()
    this.#attempt = undefined
  }

  async #rotate(): Promise<void> {
    for (let attempt = 0; attempt < rotateAttemptsMax; attempt++) {
      const rootKey = this.#requireRootKey()
      // From storage and not from memory: another process may have rotated.
      const before = await requireRecord(this.#engine, keyringKey)
      const stored = Keyring.parse(this.#random, openUnderOwn(rootKey, before))
      const keyring = stored.withNewTerm(this.#clock.nowMs())
      const after = this.#sealKeyring(rootKey, keyring)
      const committed = await commitOne(this.#engine, {
        expects: [{ kind: 'value', key: keyringKey, value: before }],
        puts: [[keyringKey, after]],
        deletes: [],
      })
      if (!committed) continue
      // Sealed in the meantime by a failed commit: then the new term is there and nobody uses it
      // yet.
      if (this.#store.sealed) throw new StoreSealed()
      await this.#prepareKeyring(keyring)
      this.#store.openWith(keyring)
      this.#logger.log('info', 'rotated the barrier key', { term: keyring.activeTerm })
      this.#tellRotated()
      return
    }
    throw new Error('the barrier key is being rotated by others all the time')
  }

  /** A copy of the key that was split. */
  async #splitKey(): Promise<Buffer> {
    const rootKey = this.#requireRootKey()
    if (this.#type.type === 'shamir') return Buffer.from(rootKey)
    return openUnder(rootKey, recoveryKeyKey, await requireRecord(this.#engine, recoveryKeyKey))
  }

  /** The old keys stay in force until the commit, and are of no use after it. */
  async #replaceKeys(fresh: FreshKeys): Promise<void> {
    for (let attempt = 0; attempt < rotateAttemptsMax; attempt++) {
      const rootKey = this.#requireRootKey()
      const stored = await loadSealRecords(this.#engine)
      const committed = await commitOne(this.#engine, {
        expects: [...stored].map(([key, value]) => ({ kind: 'value', key, value })),
        puts: replaceKeyRecords({ type: this.#type, rootKey, stored }, fresh, this.#random),
        deletes: staleKeyRecords(fresh),
      })
      if (!committed) continue
      if (fresh.rootKey !== undefined) {
        this.#rootKey = Buffer.from(fresh.rootKey)
        rootKey.fill(0)
      }
      this.#logger.log('info', fresh.counts === undefined ? 'rotated the root key' : 'rekeyed')
      return
    }
    throw new Error('the keys are being changed by others all the time')
  }

  /** Loads the count of the active term and watches it. */
  async #prepareKeyring(keyring: Keyring): Promise<void> {
    keyring.setSavedSeals(await addEncryptions(this.#engine, keyring.activeTerm, 0))
    keyring.onSealsDue(() => {
      this.#turn
        .run(() => this.#saveEncryptions())
        .catch((error: unknown) => this.#warnUnsaved(error))
    })
  }

  /**
   * Saves the count; rotates long before the active term has sealed as much as it may (NIST
   * SP 800-38D §8.3).
   */
  async #saveEncryptions(): Promise<void> {
    if (this.#store.sealed) return
    const keyring = this.#store.keyring
    const count = keyring.takeUnsavedSeals()
    keyring.setSavedSeals(await addEncryptions(this.#engine, keyring.activeTerm, count))
    if (keyring.encryptions >= this.#rotateAtSeals) await this.#rotate()
  }

  async #reloadKeyring(): Promise<Keyring | undefined> {
    if (this.#rootKey === undefined) return undefined
    const sealed = await requireRecord(this.#engine, keyringKey)
    const keyring = Keyring.parse(this.#random, openUnderOwn(this.#rootKey, sealed))
    await this.#prepareKeyring(keyring)
    return keyring
  }

  async #openKeyring(rootKey: Buffer): Promise<Keyring> {
    const sealed = await requireRecord(this.#engine, keyringKey)
    return Keyring.parse(this.#random, openUnder(rootKey, keyringKey, sealed))
  }

  #sealKeyring(rootKey: Buffer, keyring: Keyring): Buffer {
    return sealUnder(rootKey, this.#random, keyringKey, keyring.serialise())
  }

  #createConfig(shares: number, threshold: number): Buffer {
    const clusterId = this.#random.uuid()
    return createConfig({
      type: this.#type.type,
      shares,
      threshold,
      clusterName: `vault-cluster-${clusterId.slice(0, 8)}`,
      clusterId,
    })
  }

  /** Read each time: another process may have changed the shares. */
  #loadConfig(): Promise<SealConfig | undefined> {
    return loadConfig(this.#engine)
  }

  #checkType(config: SealConfig): void {
    if (config.type === this.#type.type) return
    throw new SealProblem(
      `the store was initialised with seal type ${config.type}, and the server is configured for ${this.#type.type}`,
    )
  }

  #requireRootKey(): Buffer {
    if (this.#rootKey === undefined || this.#store.sealed) throw new StoreSealed()
    return this.#rootKey
  }

  #warnUnsaved(error: unknown): void {
    this.#logger.log('warn', 'the encryption count was not saved', { error: String(error) })
  }
}

/** The keyring under the root key that this process was opened with. */
function openUnderOwn(rootKey: Buffer, sealed: Buffer): Buffer {
  try {
    return openUnder(rootKey, keyringKey, sealed)
  } catch (error) {
    if (!(error instanceof RecordDamaged)) throw error
    throw new Error('another process has changed the root key: seal this one and open it again', {
      cause: error,
    })
  }
}
