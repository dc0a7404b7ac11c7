/**
 * What stands directly in a folder: names, and folders with a slash at their end, in the order of
 * their bytes. What is inside a folder is stepped over with a new range, so a folder of millions
 * costs one seek.
 */

import type { MountStore } from '../../framework/backend.ts'
import { invalid } from '../../framework/refusal.ts'
import type { Clock } from '../../platform/clock.ts'
import { field } from '../../schema/field.ts'

export interface ListOptions {
  /** Names up to this one are left out. */
  readonly after?: string | undefined
  /** Undefined is all. */
  readonly limit?: number | undefined
}

export const listFields = {
  after: field.string({ help: 'Only names that come after this one.' }),
  limit: field.string({ help: 'How many names at most; "max", 0 or absent is all.' }),
} as const

/** Keys looked at in one snapshot; other requests have their turn in between. */
const pageKeysMax = 20_000

/** Keys of one folder read in a row before the rest of it is stepped over with a new range. */
const folderKeysMax = 16

/** The character after "/", where a folder's keys have ended. */
const afterSlash = '0'

export function parseListOptions(input: {
  readonly after?: string | undefined
  readonly limit?: string | undefined
}): ListOptions {
  const text = input.limit ?? ''
  if (text === '' || text === 'max') return { after: input.after }
  if (!/^-?\d{1,15}$/.test(text)) {
    throw invalid(
      'Field validation failed: error converting input for field "limit": expected a whole number',
    )
  }
  const limit = Number(text)
  return { after: input.after, limit: limit > 0 ? limit : undefined }
}

/** The children of the folder whose keys begin with the prefix. */
export async function listFolder(
  store: MountStore,
  clock: Clock,
  prefix: string,
  options: ListOptions = {},
): Promise<readonly string[]> {
  const names: string[] = []
  const limit = options.limit ?? Infinity
  let from = options.after === undefined ? '' : nameAfter(options.after)
  for (;;) {
    const next = await listPage(store, prefix, from, limit, names)
    if (next === undefined) return names
    from = next
    await clock.sleep(0)
  }
}

/** Adds names from one snapshot; gives where the next page begins, undefined at the end. */
async function listPage(
  store: MountStore,
  prefix: string,
  from: string,
  limit: number,
  names: string[],
): Promise<string | undefined> {
  return store.view(async (view) => {
    const { end } = store.keyRange(prefix)
    const base = store.key(prefix).text
    let left = pageKeysMax
    let start: string | undefined = from
    while (start !== undefined) {
      let folder: string | undefined
      let inFolder = 0
      let jump: string | undefined
      for await (const key of view.keys({ start: base + start, end })) {
        const rest = key.slice(base.length)
        if (left-- === 0) return rest
        if (folder !== undefined && rest.startsWith(folder)) {
          if (++inFolder < folderKeysMax) continue
          jump = folder.slice(0, -1) + afterSlash
          break
        }
        if (names.length >= limit) return undefined
        const slash = rest.indexOf('/')
        const name = slash === -1 ? rest : rest.slice(0, slash + 1)
        folder = slash === -1 ? undefined : name
        inFolder = 1
        if (names.at(-1) !== name) names.push(name)
      }
      start = jump
    }
    return undefined
  })
}

/** Where the names after the given one begin; a folder is left with all that is in it. */
function nameAfter(name: string): string {
  const slash = name.indexOf('/')
  return slash === -1 ? `${name}\u0000` : name.slice(0, slash) + afterSlash
}
