/**
 * Secret ids of a role: made, found, used up and taken away. Of a secret id only a keyed hash is
 * stored; the accessor, which opens nothing, leads to it. What has expired goes when others are
 * made.
 */

import type { BackendContext } from '../../framework/backend.ts'
import type { Page } from '../../framework/named-records.ts'
import { invalid } from '../../framework/refusal.ts'
import { describeFault } from '../../lib/fault.ts'
import { defineRecord, own, type StoredOf } from '../../schema/record.ts'
import { recordCodec } from '../../storage/record-codec.ts'
import type { Key, KeyRange, StoreTransaction, StoreView } from '../../storage/store.ts'
import type { RoleRecord } from './role-record.ts'
import type { AppRoles } from './roles.ts'

const noTexts: readonly string[] = []

const secretRecord = defineRecord({
  accessor: own<string>(''),
  /** Of the role. */
  role: own<string>(''),
  uid: own<string>(''),
  hash: own<string>(''),
  /** Logins left; 0 is no limit. */
  numUses: own<number>(0),
  ttlSeconds: own<number>(0),
  createdAtMs: own<number>(0),
  /** 0 is never. */
  expiresAtMs: own<number>(0),
  updatedAtMs: own<number>(0),
  metadata: own<Readonly<Record<string, string>>>({}),
  cidrs: own(noTexts),
  tokenCidrs: own(noTexts),
})
export type SecretRecord = StoredOf<typeof secretRecord.table>
const secretCodec = recordCodec(secretRecord)

interface AccessorEntry {
  readonly accessor: string
  readonly hash: string
  readonly expiresAtMs: number
}

/** What a new one is to be; checked. */
export type SecretTerms = Pick<
  SecretRecord,
  'numUses' | 'ttlSeconds' | 'metadata' | 'cidrs' | 'tokenCidrs'
>

/** Dead ones that go with the making of a new one, and in one step of cleaning up. */
const expiredAtOnceMax = 16
const pageMax = 200

export class SecretIds {
  readonly #context: BackendContext
  readonly #roles: AppRoles
  #isTidying = false

  constructor(context: BackendContext, roles: AppRoles) {
    this.#context = context
    this.#roles = roles
  }

  /** Stores a secret id of the role; durable when it resolves. */
  async create(name: string, secretId: string, terms: SecretTerms): Promise<SecretRecord> {
    const { store, clock, random } = this.#context
    return store.write(async (txn) => {
      const role = await this.#roles.load(name, txn)
      if (role === undefined) throw invalid(`role ${JSON.stringify(name)} does not exist`)
      const nowMs = clock.nowMs()
      const key = this.#key(role.uid, this.hash(secretId))
      const taken = await txn.get(key)
      if (taken !== undefined && isAlive(taken, nowMs)) {
        throw invalid("'secret_id' is already registered")
      }
      const secret: SecretRecord = {
        ...terms,
        accessor: random.uuid(),
        role: name,
        uid: role.uid,
        hash: this.hash(secretId),
        createdAtMs: nowMs,
        updatedAtMs: nowMs,
        expiresAtMs: terms.ttlSeconds === 0 ? 0 : nowMs + terms.ttlSeconds * 1000,
      }
      if (taken !== undefined) this.#delete(taken, txn)
      await this.#deleteExpired(nowMs, txn)
      this.#put(secret, txn)
      return secret
    })
  }

  hash(secretId: string): string {
    return this.#context.store.hashText('secret id', secretId)
  }

  /** A live one of the role. */
  async find(
    { uid }: RoleRecord,
    hash: string,
    view: StoreView,
  ): Promise<SecretRecord | undefined> {
    const secret = await view.get(this.#key(uid, hash))
    return secret !== undefined && isAlive(secret, this.#context.clock.nowMs()) ? secret : undefined
  }

  async findByAccessor(
    role: RoleRecord,
    accessor: string,
    view: StoreView,
  ): Promise<SecretRecord | undefined> {
    const entry = await view.get(this.#accessorKey(role.uid, accessor))
    return entry === undefined ? undefined : this.find(role, entry.hash, view)
  }

  /** Takes one use, in the step that makes the token; false when there is none left. */
  async spend(role: RoleRecord, hash: string, txn: StoreTransaction): Promise<boolean> {
    const secret = await this.find(role, hash, txn)
    if (secret === undefined) return false
    if (secret.numUses === 1) this.#delete(secret, txn)
    else if (secret.numUses > 1) {
      const updatedAtMs = this.#context.clock.nowMs()
      txn.put(this.#key(role.uid, hash), { ...secret, numUses: secret.numUses - 1, updatedAtMs })
    }
    return true
  }

  /** Durable when it resolves; false when there was none. */
  async destroy(
    find: (txn: StoreTransaction) => Promise<SecretRecord | undefined>,
  ): Promise<boolean> {
    return this.#context.store.write(async (txn) => {
      const secret = await find(txn)
      if (secret !== undefined) this.#delete(secret, txn)
      return secret !== undefined
    })
  }

  /** Accessors of the role, page by page. */
  async accessors(role: RoleRecord, { after = '', limit = 0 }: Page): Promise<readonly string[]> {
    const { store, clock } = this.#context
    const nowMs = clock.nowMs()
    const prefix = `accessor/${role.uid}/`
    const options = after === '' ? {} : { after: store.hashText('accessor', after) }
    return store.view(async (view) => {
      const accessors: string[] = []
      for await (const key of view.keys(store.keyRange(prefix, options))) {
        const entry = await view.get(store.key<AccessorEntry>(store.pathOf(key)))
        if (entry !== undefined && isAlive(entry, nowMs)) accessors.push(entry.accessor)
        if (limit > 0 && accessors.length === limit) break
      }
      return accessors
    })
  }

  /** All of a role that is gone; from the moment it went none of them opened anything. */
  async removeOf({ uid }: RoleRecord): Promise<void> {
    const { store } = this.#context
    const range = store.keyRange(`secret/${uid}/`, { limit: pageMax })
    let isMore = true
    while (isMore) {
      isMore = await store.write(async (txn) => {
        const paths = await this.#pathsOf(range, txn)
        for (const path of paths) {
          const secret = await txn.get(store.key(path, secretCodec))
          if (secret !== undefined) this.#delete(secret, txn)
        }
        return paths.length === pageMax
      })
    }
  }

  /** Removes in the background what has expired or has lost its role; false when it is at it. */
  tidy(): boolean {
    if (this.#isTidying) return false
    this.#isTidying = true
    this.#tidyAll()
      .catch((problem: unknown) => {
        const error = describeFault(problem)
        this.#context.logger.log('error', 'secret ids could not be tidied', { error })
      })
      .finally(() => {
        this.#isTidying = false
      })
    return true
  }

  async #tidyAll(): Promise<void> {
    const { store } = this.#context
    let after: string | undefined = ''
    while (after !== undefined) after = await store.write((txn) => this.#tidyPage(after, txn))
  }

  /** Gives where to go on. */
  async #tidyPage(after: string | undefined, txn: StoreTransaction): Promise<string | undefined> {
    const { store, clock } = this.#context
    const options = { limit: pageMax, ...(after === '' || after === undefined ? {} : { after }) }
    const paths = await this.#pathsOf(store.keyRange('secret/', options), txn)
    for (const path of paths) {
      const secret = await txn.get(store.key(path, secretCodec))
      if (secret === undefined) continue
      const role = await this.#roles.load(secret.role, txn)
      if (role?.uid !== secret.uid || !isAlive(secret, clock.nowMs())) this.#delete(secret, txn)
    }
    return paths.length === pageMax ? paths.at(-1)?.slice('secret/'.length) : undefined
  }

  async #pathsOf(range: KeyRange, view: StoreView): Promise<readonly string[]> {
    const paths: string[] = []
    for await (const key of view.keys(range)) paths.push(this.#context.store.pathOf(key))
    return paths
  }

  async #deleteExpired(nowMs: number, txn: StoreTransaction): Promise<void> {
    const { store } = this.#context
    // No further than the dead ones: those that are made meanwhile are no conflict.
    const start = store.key('expiry/').text
    const end = store.key(`expiry/${sortable(Math.floor(nowMs / 1000) + 1)}`).text
    const range = { start, end, limit: expiredAtOnceMax }
    for (const path of await this.#pathsOf(range, txn)) {
      const [, , uid = '', hash = ''] = path.split('/')
      const secret = await txn.get(this.#key(uid, hash))
      if (secret === undefined) txn.delete(store.key(path).text)
      else if (!isAlive(secret, nowMs)) this.#delete(secret, txn)
    }
  }

  #put(secret: SecretRecord, txn: StoreTransaction): void {
    const { accessor, uid, hash, expiresAtMs } = secret
    txn.put(this.#key(uid, hash), secret)
    txn.put(this.#accessorKey(uid, accessor), { accessor, hash, expiresAtMs })
    if (expiresAtMs > 0) txn.putIndex(this.#expiryKey(secret))
  }

  #delete(secret: SecretRecord, txn: StoreTransaction): void {
    const { accessor, uid, hash, expiresAtMs } = secret
    txn.delete(this.#key(uid, hash).text)
    txn.delete(this.#accessorKey(uid, accessor).text)
    if (expiresAtMs > 0) txn.delete(this.#expiryKey(secret))
  }

  #key(uid: string, hash: string): Key<SecretRecord> {
    return this.#context.store.key(`secret/${uid}/${hash}`, secretCodec)
  }

  #accessorKey(uid: string, accessor: string): Key<AccessorEntry> {
    const { store } = this.#context
    return store.key<AccessorEntry>(`accessor/${uid}/${store.hashText('accessor', accessor)}`)
  }

  /** Ordered by the second in which it has ended. */
  #expiryKey({ uid, hash, expiresAtMs }: SecretRecord): string {
    const second = sortable(Math.ceil(expiresAtMs / 1000))
    return this.#context.store.key(`expiry/${second}/${uid}/${hash}`).text
  }
}

function isAlive({ expiresAtMs }: Pick<SecretRecord, 'expiresAtMs'>, nowMs: number): boolean {
  return expiresAtMs === 0 || nowMs < expiresAtMs
}

/** Seconds as a text that sorts as they do. */
function sortable(seconds: number): string {
  return seconds.toString(36).padStart(8, '0')
}
