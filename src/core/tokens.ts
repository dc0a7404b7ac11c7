/**
 * Service and batch tokens: made, found, renewed, revoked (platform.md §3).
 *
 * A token is alive when its record is there, its time is not over, it has a use left, its mount
 * still stands, no revocation marker names it, and its parent is alive. So one small durable write
 * ends a token with everything below it; what is left behind is removed by the sweep
 * (`token-sweep.ts`), which expiry uses as well.
 */

import { invalid } from '../framework/refusal.ts'
import { equalSecrets } from '../lib/constant-time.ts'
import { after, type Soon } from '../lib/soon.ts'
import type { Store, StoreTransaction, StoreView, TextSealer } from '../storage/store.ts'
import { batchPrefix, servicePrefix, type ParsedTokenText, type TokenIds } from './token-id.ts'
import { keys } from './keys.ts'
import type { CoreConfiguration } from './configuration.ts'
import { tokenRecord, type TokenRecord } from './records.ts'
import type { TokenClock } from './token-clock.ts'
import { TokenUses } from './token-uses.ts'

export interface LiveToken {
  /** Empty for a batch token. */
  readonly id: string
  readonly type: 'service' | 'batch'
  readonly record: TokenRecord
  /** Empty for a batch token. */
  readonly accessor: string
}

/** Whether a token of a namespace above lives, at the moment of the view. */
export type IsAliveAbove = (namespace: string, id: string, view: StoreView) => Soon<boolean>

export interface IssuedToken {
  readonly text: string
  readonly accessor: string
  readonly id: string
  readonly record: TokenRecord
  readonly type: 'service' | 'batch'
}

/** What version 0.1 has sealed into a batch token; now it is the record as it would be stored. */
interface BatchContent {
  readonly v: 1
  readonly record: Omit<TokenRecord, 'h'>
}

const { codec: batchCodec } = keys.token('')

const batchPurpose = 'batch token'
const textLengthMax = 32_768
const ancestorsMax = 256
/**
 * A token that was revoked but still has something below it: it is due for the sweep since ever.
 */
export const revokedAtSeconds = 1

export class Tokens {
  readonly #store: Store & TextSealer
  readonly #uses: TokenUses
  readonly ids: TokenIds
  readonly isAliveAbove: IsAliveAbove
  readonly #time: TokenClock

  constructor(parts: {
    readonly store: Store & TextSealer
    readonly ids: TokenIds
    readonly time: TokenClock
    /** Of tokens of namespaces above; asked for children that were made from there. */
    readonly isAliveAbove?: IsAliveAbove
  }) {
    this.#store = parts.store
    this.#uses = new TokenUses(parts.store)
    this.ids = parts.ids
    this.#time = parts.time
    this.isAliveAbove = parts.isAliveAbove ?? (() => false)
  }

  /** The time that tokens live by; see `TokenClock`. */
  get nowMs(): number {
    return this.#time.nowMs()
  }

  get nowSeconds(): number {
    return Math.floor(this.nowMs / 1000)
  }

  /** What is made from now on is not of that moment. */
  leaveMoment(ms: number): void {
    this.#time.leaveMoment(ms)
  }

  /** Valid up to a millisecond before its end, dead at it. */
  #isOver(record: TokenRecord): boolean {
    return record.expires !== 0 && this.nowMs >= Math.round(record.expires * 1000)
  }

  // ------------------------------------------------------------ finding

  /** The live token behind a text, or undefined whatever is wrong with it. */
  resolve(
    text: string,
    view: StoreView,
    configuration: CoreConfiguration,
  ): Soon<LiveToken | undefined> {
    if (text.length === 0 || text.length > textLengthMax) return undefined
    if (text.startsWith(batchPrefix)) return this.#resolveBatch(text, view, configuration)
    const parsed = text.startsWith(servicePrefix)
      ? this.ids.parse(text)
      : this.#parseCustom(text, view)
    return after(parsed, (named) => {
      if (named === undefined) return undefined
      const { id, hash, accessor } = named
      return after(view.get(keys.token(id)), (record) =>
        record !== undefined && equalSecrets(record.h, hash)
          ? this.#ifAlive({ id, type: 'service', record, accessor }, view, configuration)
          : undefined,
      )
    })
  }

  #ifAlive(
    token: LiveToken,
    view: StoreView,
    configuration: CoreConfiguration,
  ): Soon<LiveToken | undefined> {
    const alive = this.isAlive(token.id, token.record, view, configuration)
    return after(alive, (is) => (is ? token : undefined))
  }

  /** The live service token behind an accessor. */
  async byAccessor(
    accessor: string,
    view: StoreView,
    configuration: CoreConfiguration,
  ): Promise<LiveToken | undefined> {
    const id = this.ids.parseAccessor(accessor)
    return id === undefined ? undefined : this.byId(id, view, configuration)
  }

  async byId(
    id: string,
    view: StoreView,
    configuration: CoreConfiguration,
  ): Promise<LiveToken | undefined> {
    const record = await view.get(keys.token(id))
    if (record === undefined || !(await this.isAlive(id, record, view, configuration))) {
      return undefined
    }
    return { id, type: 'service', record, accessor: this.ids.accessor(id) }
  }

  async #parseCustom(text: string, view: StoreView): Promise<ParsedTokenText | undefined> {
    if (text.includes('.')) return undefined
    const hash = this.ids.customHash(text)
    const found = await view.get(keys.customToken(hash))
    return found === undefined
      ? undefined
      : { id: found.id, hash, accessor: this.ids.accessor(found.id) }
  }

  #resolveBatch(
    text: string,
    view: StoreView,
    configuration: CoreConfiguration,
  ): Soon<LiveToken | undefined> {
    const own = this.ids.withoutSuffix(text)?.slice(batchPrefix.length)
    if (own === undefined) return undefined
    const sealed = Buffer.from(own, 'base64url')
    if (sealed.toString('base64url') !== own) return undefined
    const plain = this.#store.openText(batchPurpose, sealed)
    if (plain === undefined) return undefined
    const record = readBatch(plain)
    return this.#ifAlive({ id: '', type: 'batch', record, accessor: '' }, view, configuration)
  }

  /** Answers at once unless the token has a parent, which has to be alive too. */
  isAlive(
    id: string,
    record: TokenRecord,
    view: StoreView,
    configuration: CoreConfiguration,
  ): Soon<boolean> {
    if (!this.#isAliveAlone(id, record, configuration)) return false
    return record.parent === undefined || this.#areAncestorsAlive(record, view, configuration)
  }

  #isAliveAlone(id: string, record: TokenRecord, configuration: CoreConfiguration): boolean {
    if (record.uses < 0) return false
    if (this.#isOver(record)) return false
    const mount = configuration.mounts.byUuid(record.mount)
    if (mount === undefined || mount.tainted === true) return false
    return id === '' ? !configuration.isBatchRevoked(record) : !configuration.isRevoked(id, record)
  }

  async #areAncestorsAlive(
    child: TokenRecord,
    view: StoreView,
    configuration: CoreConfiguration,
  ): Promise<boolean> {
    let record = child
    for (let depth = 0; depth < ancestorsMax; depth++) {
      const { parent, parentNamespace } = record
      if (parent === undefined) return true
      if (parentNamespace !== undefined) return this.isAliveAbove(parentNamespace, parent, view)
      const above: TokenRecord | undefined = await view.get(keys.token(parent))
      if (above === undefined || !this.#isAliveAlone(parent, above, configuration)) return false
      record = above
    }
    return record.parent === undefined
  }

  /**
   * True when a child of the token would have more ancestors than are looked at, so that it could
   * never live.
   */
  async isTooDeep(record: TokenRecord, view: StoreView): Promise<boolean> {
    let above: TokenRecord | undefined = record
    let depth = 1
    for (; above !== undefined && isChildHere(above) && depth <= ancestorsMax; depth++) {
      above = await view.get(keys.token(above.parent))
    }
    return depth > ancestorsMax
  }

  // ------------------------------------------------------------ making

  /**
   * Puts a new service token into the transaction, or seals a batch token, which needs no write.
   */
  issue(
    txn: StoreTransaction,
    type: 'service' | 'batch',
    content: Omit<TokenRecord, 'h' | 'custom'>,
    customText?: string,
  ): IssuedToken {
    if (type === 'batch') {
      const record: TokenRecord = { h: '', ...content }
      const plain = batchCodec.encode(record)
      const sealed = this.#store.sealText(batchPurpose, plain).toString('base64url')
      const text = batchPrefix + sealed + this.ids.suffix
      if (text.length > textLengthMax) {
        throw invalid(
          `the batch token would have ${text.length} characters, the most is ${textLengthMax}: shorten what it carries`,
        )
      }
      return { text, accessor: '', id: '', record, type }
    }
    // By the time that it will end by: what a restart goes on from is the newest id.
    const id = this.ids.next(this.nowMs)
    const made =
      customText === undefined
        ? this.ids.issue(id)
        : { text: customText, hash: this.ids.customHash(customText) }
    const record: TokenRecord =
      customText === undefined
        ? { h: made.hash, ...content }
        : { h: made.hash, custom: true, ...content }
    txn.put(keys.token(id), record)
    if (customText !== undefined) txn.put(keys.customToken(made.hash), { id })
    if (record.expires !== 0) txn.putIndex(keys.expiry(record.expires, id))
    if (isChildHere(record)) txn.putIndex(keys.child(record.parent, id))
    return { text: made.text, accessor: this.ids.accessor(id), id, record, type }
  }

  // ------------------------------------------------------------ using

  /** Takes one use of a limited token; see `TokenUses`. */
  spendUse(id: string): Promise<TokenRecord | undefined> {
    return this.#uses.spend(id)
  }

  /**
   * Gives the token a new end; undefined when it is gone. Never touches a token that died
   * meanwhile.
   */
  async extend(
    id: string,
    change: (record: TokenRecord) => Partial<TokenRecord> & { readonly expires: number },
  ): Promise<TokenRecord | undefined> {
    return this.#store.write(async (txn) => {
      const record = await txn.get(keys.token(id))
      if (record === undefined || record.uses < 0 || this.#isOver(record)) return undefined
      const after: TokenRecord = { ...record, ...change(record) }
      // Renewals of one second that grant the same are one: a crowd of them does not fight over the
      // record.
      if (
        record.expires === after.expires &&
        record.lastTtl === after.lastTtl &&
        record.renewed === after.renewed
      ) {
        return after
      }
      txn.put(keys.token(id), after)
      if (record.expires !== after.expires) {
        if (record.expires !== 0) txn.delete(keys.expiry(record.expires, id))
        if (after.expires !== 0) txn.putIndex(keys.expiry(after.expires, id))
      }
      return after
    })
  }

  // ------------------------------------------------------------ ending

  /** From here on it is dead, and due for the sweep since ever. */
  markRevoked(txn: StoreTransaction, id: string, record: TokenRecord): void {
    if (record.expires !== 0) txn.delete(keys.expiry(record.expires, id))
    txn.put(keys.token(id), { ...record, expires: revokedAtSeconds, renewable: false })
    txn.putIndex(keys.expiry(revokedAtSeconds, id))
  }

  /** Deletes a token's own keys. */
  remove(txn: StoreTransaction, id: string, record: TokenRecord): void {
    txn.delete(keys.token(id).text)
    if (record.expires !== 0) txn.delete(keys.expiry(record.expires, id))
    if (isChildHere(record)) txn.delete(keys.child(record.parent, id))
    if (record.custom === true) txn.delete(keys.customToken(record.h).text)
  }
}

/** A child of a token above stands in no index: it ends by being asked about its parent. */
export function isChildHere(
  record: TokenRecord,
): record is TokenRecord & { readonly parent: string } {
  return record.parent !== undefined && record.parentNamespace === undefined
}

function readBatch(plain: string): TokenRecord {
  if (!plain.startsWith('{')) return batchCodec.decode(plain)
  const content = JSON.parse(plain) as BatchContent
  return tokenRecord.upgrade({ ...content.record, h: '' })
}
