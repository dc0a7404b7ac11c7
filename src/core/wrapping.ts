/**
 * Response wrapping (platform.md §1.10, §2.7): an answer is kept in the cubbyhole of a token that
 * is made for it, can be used once, and is all that the caller gets. Whoever unwraps second knows
 * that somebody was faster.
 */

import type { WrapInfo } from '../framework/api.ts'
import { invalid, type Refusal } from '../framework/refusal.ts'
import { rfc3339Nano } from '../lib/time.ts'
import {
  textCodec,
  type Key,
  type Store,
  type StoreTransaction,
  type StoreView,
} from '../storage/store.ts'
import type { CoreConfiguration } from './configuration.ts'
import { keys } from './keys.ts'
import type { TokenRecord } from './records.ts'
import type { CoreSettings } from './settings.ts'
import { revokedAtSeconds, type IssuedToken, type LiveToken, type Tokens } from './tokens.ts'

/** Kept until somebody comes for it, for as long as the caller said. */
const textBytesMax = 1_048_576

const wrappingPolicy = 'response-wrapping'

/** What is to be wrapped. */
export interface Wrappable {
  /** The whole answer as it would have gone out. */
  readonly text: string
  readonly path: string
  readonly ttlSeconds: number
  /** Of the token inside, if there is one. */
  readonly accessor: string
}

/** How a wrapping token came to be; kept beside the answer. */
export interface WrapNote {
  readonly creation_ttl: number
  readonly creation_time: string
  readonly creation_path: string
}

export interface WrappingContext {
  readonly store: Store
  readonly tokens: Tokens
  readonly settings: Pick<CoreSettings, 'maxLeaseTtl'>
  readonly configuration: () => Promise<CoreConfiguration>
}

export class Wrapping {
  readonly #context: WrappingContext

  constructor(context: WrappingContext) {
    this.#context = context
  }

  /** Durable when it resolves. */
  async wrap({ text, path, ttlSeconds, accessor }: Wrappable): Promise<WrapInfo> {
    if (Buffer.byteLength(text) > textBytesMax) {
      throw invalid(`the answer is too large to be wrapped: at most ${textBytesMax} bytes`)
    }
    const { store, tokens, settings } = this.#context
    const places = await this.#places()
    const ttl = Math.max(1, Math.min(Math.floor(ttlSeconds), settings.maxLeaseTtl))
    const nowMs = tokens.nowMs
    const note: WrapNote = {
      creation_ttl: ttl,
      creation_time: rfc3339Nano(nowMs),
      creation_path: path,
    }
    const inside = JSON.stringify({ response: text })
    const issued = await store.write((txn) => this.#put(txn, places, { note, inside }))
    return infoOf(issued, note, accessor)
  }

  /** What is known of a live wrapping token; it is not spent. Throws for any other text. */
  async look(text: string): Promise<WrapNote> {
    return this.lookAt(await this.#find(text))
  }

  /** The same of the token of the request. */
  async lookAt(token: LiveToken): Promise<WrapNote> {
    if (!isWrapping(token.record)) throw notLive()
    const { store } = this.#context
    const places = await this.#places()
    const kept = await store.view((view) => view.get(places.note(token.id)))
    if (kept === undefined) throw notLive()
    return JSON.parse(kept) as WrapNote
  }

  /**
   * The answer that is in a token that somebody else shows; the token is spent by this one atomic
   * step and gone afterwards. So is a wrapping token that asks for it.
   */
  async take(text: string, asker: LiveToken | undefined): Promise<string> {
    const { id } = await this.#find(text)
    const spent = asker !== undefined && isWrapping(asker.record) ? [asker.id] : []
    return this.#take(id, spent)
  }

  /** The answer that is in the token of the request, which is spent and gone in the same way. */
  async takeOwn({ id, record }: LiveToken): Promise<string> {
    if (!isWrapping(record)) throw notLive()
    return this.#take(id, [])
  }

  async #take(id: string, besides: readonly string[]): Promise<string> {
    const places = await this.#places()
    return this.#context.store.write(async (txn) => {
      const { inside } = await this.#takeOut(txn, places, id)
      for (const other of besides) await this.#takeOut(txn, places, other)
      return responseIn(inside)
    })
  }

  /** A new token for the same answer; the old one is dead with the same commit. */
  async rewrap(text: string): Promise<WrapInfo> {
    const { store, tokens } = this.#context
    const { id } = await this.#find(text)
    const places = await this.#places()
    return store.write(async (txn) => {
      const { inside, kept } = await this.#takeOut(txn, places, id)
      const note: WrapNote = {
        ...(JSON.parse(kept) as WrapNote),
        creation_time: rfc3339Nano(tokens.nowMs),
      }
      return infoOf(this.#put(txn, places, { note, inside }), note, '')
    })
  }

  /** What is in a token that has its use left; the token is gone with this transaction. */
  async #takeOut(
    txn: StoreTransaction,
    places: Places,
    id: string,
  ): Promise<{ readonly inside: string; readonly kept: string }> {
    const record = await txn.get(keys.token(id))
    if (record?.uses !== 1 || record.expires === revokedAtSeconds) throw notLive()
    const [inside, kept] = await txn.getMany([places.response(id), places.note(id)])
    if (typeof inside !== 'string' || typeof kept !== 'string') throw notLive()
    this.#context.tokens.remove(txn, id, record)
    txn.delete(places.response(id).text)
    txn.delete(places.note(id).text)
    return { inside, kept }
  }

  /** Whether the text is that of the token with this id, alive or spent. */
  isTextOf(text: string, { id }: LiveToken): boolean {
    return id !== '' && this.#context.tokens.ids.parse(text)?.id === id
  }

  #put(
    txn: StoreTransaction,
    places: Places,
    { note, inside }: { readonly note: WrapNote; readonly inside: string },
  ): IssuedToken {
    const { tokens } = this.#context
    const { creation_ttl: ttl } = note
    const created = tokens.nowMs / 1000
    const issued = tokens.issue(txn, 'service', {
      policies: [wrappingPolicy],
      path: note.creation_path,
      mount: places.tokenMount,
      meta: null,
      name: '',
      uses: 1,
      created,
      ttl,
      expires: created + ttl,
      explicitMax: ttl,
      period: 0,
      renewable: false,
      entity: '',
      orphan: true,
    })
    txn.put(places.response(issued.id), inside)
    txn.put(places.note(issued.id), JSON.stringify(note))
    return issued
  }

  async #find(text: string): Promise<LiveToken> {
    const { store, tokens, configuration } = this.#context
    const now = await configuration()
    const token = await store.view((view: StoreView) => tokens.resolve(text, view, now))
    if (token === undefined || !isWrapping(token.record)) throw notLive()
    return token
  }

  async #places(): Promise<Places> {
    const { mounts } = await this.#context.configuration()
    const cubbyhole = mounts.byPath('cubbyhole/')
    const tokenMount = mounts.byPath('auth/token/')
    if (cubbyhole === undefined || tokenMount === undefined) {
      throw new Error('the mounts of tokens and cubbyholes are always there')
    }
    const at = (id: string, name: string): Key<string> => ({
      text: `${keys.mountDataPrefix(cubbyhole.uuid)}${id}/${name}`,
      codec: textCodec,
    })
    return {
      tokenMount: tokenMount.uuid,
      response: (id) => at(id, 'response'),
      note: (id) => at(id, 'wrapinfo'),
    }
  }
}

/** Where a wrapping token's things are: in its cubbyhole, which its own policy lets it read. */
interface Places {
  readonly tokenMount: string
  readonly response: (id: string) => Key<string>
  readonly note: (id: string) => Key<string>
}

function responseIn(kept: string): string {
  return (JSON.parse(kept) as { readonly response: string }).response
}

/** Whether it is the token of a wrapped answer. */
export function isWrapping({ policies }: TokenRecord): boolean {
  return policies.length === 1 && policies[0] === wrappingPolicy
}

export function notLive(): Refusal {
  return invalid('wrapping token is not valid or does not exist')
}

function infoOf(issued: IssuedToken, note: WrapNote, accessor: string): WrapInfo {
  return {
    token: issued.text,
    accessor: issued.accessor,
    ttl: note.creation_ttl,
    creation_time: note.creation_time,
    creation_path: note.creation_path,
    ...(accessor === '' ? {} : { wrapped_accessor: accessor }),
  }
}
