/** What stands directly below a prefix: names, and folders with a slash at their end. */

import type { MountStore } from '../../framework/backend.ts'

/** In the order of their bytes; each folder is stepped over with a new range. */
export async function childNames(store: MountStore, prefix: string): Promise<readonly string[]> {
  const base = store.key(prefix).text
  const { end } = store.keyRange(prefix)
  return store.view(async (view) => {
    const names: string[] = []
    let start: string | undefined = base
    while (start !== undefined) {
      let next: string | undefined
      for await (const key of view.keys({ start, end })) {
        const rest = key.slice(base.length)
        const slash = rest.indexOf('/')
        names.push(slash === -1 ? rest : rest.slice(0, slash + 1))
        if (slash === -1) continue
        // "0" is the character after "/": the folder has ended there.
        next = `${base}${rest.slice(0, slash)}0`
        break
      }
      start = next
    }
    return names
  })
}
