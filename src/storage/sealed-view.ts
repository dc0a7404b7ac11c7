/** Typed reads of one snapshot. */

import { isStorableKey } from './key-order.ts'
import { epochKey } from './epoch.ts'
import { after, type Soon } from '../lib/soon.ts'
import { TermUnknown } from './keyring.ts'
import type { RecordReader } from './record-reader.ts'
import { type Codec, type EngineView, type Key, type KeyRange, type StoreView } from './store.ts'

/** What a view needs of its store, which may be sealed or get a new keyring at any moment. */
export interface Opening {
  /** Throws StoreSealed while the store is sealed. */
  reader(): RecordReader
  /** Loads the keyring again when a term is unknown; false when that brought nothing new. */
  reload(): Promise<boolean>
}

/**
 * Records that a view remembers: as many as the requests of a step need, and a scan fills no
 * memory.
 */
const rememberedMax = 1024
/** Of one of them, as it is stored. */
const rememberedBytesMax = 4096

interface Remembered {
  readonly codec: Codec<unknown>
  readonly value: unknown
}

export class SealedView implements StoreView {
  readonly #view: EngineView
  readonly #opening: Opening
  /** The state does not change, so what was read once is not asked for again. */
  readonly #remembered = new Map<string, Remembered>()

  constructor(view: EngineView, opening: Opening) {
    this.#view = view
    this.#opening = opening
  }

  get<T>(key: Key<T>): Soon<T | undefined> {
    const known = this.#remembered.get(key.text)
    if (known !== undefined && known.codec === key.codec) {
      this.#opening.reader()
      return known.value as T | undefined
    }
    return this.#getOne(key)
  }

  #getOne<T>(key: Key<T>): Soon<T | undefined> {
    const keys = [key]
    const now = this.getNow(keys)
    if (now !== undefined) return now[0] as T | undefined
    return this.getMany(keys).then(([value]) => value as T | undefined)
  }

  getNow(keys: readonly Key<unknown>[]): readonly unknown[] | undefined {
    const view = this.#view
    if (view.getNow === undefined) return undefined
    const reader = this.#opening.reader()
    const values: unknown[] = []
    try {
      for (const key of keys) {
        const known = this.#remembered.get(key.text)
        if (known !== undefined && known.codec === key.codec) {
          values.push(known.value)
          continue
        }
        if (!isStorableKey(key.text)) return undefined
        const stored = view.getNow(key.text)
        const isSmall = stored === undefined || stored.length <= rememberedBytesMax
        const value = reader.read(key, stored)
        if (isSmall && this.#remembered.size < rememberedMax) {
          this.#remembered.set(key.text, { codec: key.codec, value })
        }
        values.push(value)
      }
      return values
    } catch (error) {
      // The keyring has to be loaded again, and that takes a wait.
      if (error instanceof TermUnknown) return undefined
      throw error
    }
  }

  async getMany(keys: readonly Key<unknown>[]): Promise<readonly unknown[]> {
    return readRecords(this.#view, this.#opening, keys)
  }

  epoch(): Soon<number> {
    return after(this.get(epochKey), (epoch) => epoch ?? 0)
  }

  async *keys(range: KeyRange): AsyncGenerator<string> {
    this.#opening.reader()
    for await (const [key] of this.#view.range(range)) {
      yield key
      // Sealed while the caller worked on that key.
      this.#opening.reader()
    }
  }
}

/** Values of records; `see` is shown the stored bytes of each, which it must copy to keep. */
export async function readRecords(
  view: EngineView,
  opening: Opening,
  keys: readonly Key<unknown>[],
  see?: (key: string, stored: Uint8Array | undefined) => void,
): Promise<readonly unknown[]> {
  const texts = keys.map((key) => key.text)
  // No record can have such a key, so there is none; an engine would throw.
  if (!texts.every(isStorableKey)) return readOneByOne(view, opening, keys, see)
  try {
    return open(opening.reader(), keys, await view.getMany(texts), see)
  } catch (error) {
    if (!(error instanceof TermUnknown) || !(await opening.reload())) throw error
    return open(opening.reader(), keys, await view.getMany(texts), see)
  }
}

async function readOneByOne(
  view: EngineView,
  opening: Opening,
  keys: readonly Key<unknown>[],
  see?: (key: string, stored: Uint8Array | undefined) => void,
): Promise<readonly unknown[]> {
  opening.reader()
  const values: unknown[] = []
  for (const key of keys) {
    if (isStorableKey(key.text)) values.push(...(await readRecords(view, opening, [key], see)))
    else values.push(undefined)
  }
  return values
}

function open(
  reader: RecordReader,
  keys: readonly Key<unknown>[],
  stored: readonly (Uint8Array | undefined)[],
  see?: (key: string, stored: Uint8Array | undefined) => void,
): readonly unknown[] {
  return keys.map((key, index) => {
    see?.(key.text, stored[index])
    return reader.read(key, stored[index])
  })
}
