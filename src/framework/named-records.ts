/**
 * The records of a mount that have a name, such as the roles of a method: found and listed. What
 * writes them extends it.
 */

import type { Soon } from '../lib/soon.ts'
import { field } from '../schema/field.ts'
import type { Codec, Key, StoreView } from '../storage/store.ts'
import type { MountStore } from './backend.ts'
import { reply } from './reply.ts'
import { definePath, type PathDeclaration } from './path.ts'

export interface Page {
  /** Names after this one; the first page when it is empty or absent. */
  readonly after?: string | undefined
  /** At most so many; 0 is all. */
  readonly limit?: number | undefined
}

export class NamedRecords<T> {
  readonly #store: MountStore
  /** With a slash at its end. */
  readonly #prefix: string
  readonly #codec: Codec<T>

  constructor(store: MountStore, prefix: string, codec: Codec<T>) {
    this.#store = store
    this.#prefix = prefix
    this.#codec = codec
  }

  key(name: string): Key<T> {
    return this.#store.configKey(this.#prefix + name, this.#codec)
  }

  load(name: string, view?: StoreView): Soon<T | undefined> {
    const key = this.key(name)
    return view === undefined ? this.#store.look((one) => one.get(key)) : view.get(key)
  }

  async has(name: string): Promise<boolean> {
    return (await this.load(name)) !== undefined
  }

  async names({ after = '', limit = 0 }: Page = {}, view?: StoreView): Promise<readonly string[]> {
    if (view === undefined) return this.#store.view((one) => this.names({ after, limit }, one))
    const options = { ...(after === '' ? {} : { after }), ...(limit <= 0 ? {} : { limit }) }
    const names: string[] = []
    for await (const key of view.keys(this.#store.configRange(this.#prefix, options))) {
      names.push(this.#store.pathOf(key).slice(this.#prefix.length))
    }
    return names
  }
}

interface Listed {
  readonly pattern: string
  readonly summary: string
  /** Of the one operation. */
  readonly list: string
}

/** The path that lists names, page by page. */
export function listPath(
  { pattern, summary, list }: Listed,
  names: (page: Page) => Promise<readonly string[]>,
): PathDeclaration {
  return definePath({
    pattern,
    access: 'token',
    summary,
    fields: {
      after: field.string({ help: 'Start after this name.' }),
      limit: field.int({ help: 'At most so many; 0 is all.' }),
    },
    operations: {
      list: { summary: list, handler: async ({ input }) => reply.list(await names(input)) },
    },
  })
}
