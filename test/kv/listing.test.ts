/** Lists with folders: order, paging, and what they cost. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from '../harness/properties.ts'

import type { MountStore } from '../../src/framework/backend.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { cubbyholeBackend } from '../../src/secrets/cubbyhole/index.ts'
import { listFolder } from '../../src/secrets/kv/folder-list.ts'
import { kvBackend } from '../../src/secrets/kv/index.ts'
import type { KeyRange, StoreView } from '../../src/storage/store.ts'
import { PluginHarness } from '../harness/plugin-harness.ts'

/** All children of a folder, found by looking at every path. */
function naiveList(paths: readonly string[], folder: string): readonly string[] {
  const names = new Set<string>()
  for (const path of paths) {
    if (!path.startsWith(folder)) continue
    const rest = path.slice(folder.length)
    const slash = rest.indexOf('/')
    names.add(slash === -1 ? rest : rest.slice(0, slash + 1))
  }
  return [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

const segment = fc
  .stringMatching(/^[ab.\-0/!ä😀\uffee]{1,3}$/u)
  .map((text) => text.replaceAll('/', 'a'))
const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
const paths = fc.uniqueArray(path, { maxLength: 40 })

test('a list is what a look at every path finds, in the order of bytes', async () => {
  await fc.assert(
    fc.asyncProperty(paths, path, fc.integer({ min: 0, max: 5 }), async (all, after, limit) => {
      const kv = new PluginHarness(kvBackend)
      const cubbyhole = new PluginHarness(cubbyholeBackend)
      for (const one of all) await kv.put(one, { x: 1 })
      for (const one of all) await cubbyhole.put(one, { x: 1 })
      for (const folder of ['', 'a/', 'a/b/', 'ä/']) {
        const expected = naiveList(all, folder)
        assert.deepEqual(keysOf(await kv.list(folder)), expected)
        assert.deepEqual(keysOf(await cubbyhole.list(folder)), expected)
        const page = await kv.list(folder, { after, limit: String(limit) })
        const later = expected.filter(
          (name) => Buffer.compare(Buffer.from(name), Buffer.from(after)) > 0,
        )
        const isAfterInFolder = after.includes('/')
        // What stands inside of `after`'s folder is not listed again.
        const left = isAfterInFolder
          ? later.filter((name) => name !== after.slice(0, after.indexOf('/') + 1))
          : later
        assert.deepEqual(keysOf(page), limit === 0 ? left : left.slice(0, limit))
      }
    }),
    { numRuns: 60 },
  )
})

test('pages together are the whole list', async () => {
  const kv = new PluginHarness(kvBackend, { options: { version: '2' } })
  const all = ['a', 'a-b', 'a/1', 'a/2', 'b/1', 'c', 'ä', '😀', '\uffee/x']
  for (const one of all) await kv.put(`data/${one}`, { data: {} })
  const found: string[] = []
  let after = ''
  for (;;) {
    const page = keysOf(await kv.list('metadata/', { after, limit: '2' }))
    if (page.length === 0) break
    found.push(...page)
    after = page.at(-1) ?? ''
  }
  assert.deepEqual(found, naiveList(all, ''))
  assert.deepEqual(keysOf(await kv.list('metadata/', { limit: 'max' })), naiveList(all, ''))
  assert.deepEqual(keysOf(await kv.list('metadata/', { limit: '-1' })), naiveList(all, ''))
  assert.equal((await kv.list('metadata/', { limit: 'few' })).status, 400)
})

test('what is inside a folder is stepped over (ruling R12)', async () => {
  const clock = new SystemClock()
  const kv = new PluginHarness(kvBackend, { clock })
  await kv.store.write((txn) => {
    for (let n = 0; n < 30_000; n++) txn.putIndex(`d/test/mount/s/big/${n}`)
    txn.putIndex('d/test/mount/s/a')
    txn.putIndex('d/test/mount/s/z')
  })
  let seen = 0
  const counted = (view: StoreView): StoreView =>
    new Proxy(view, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        if (name !== 'keys') return value.bind(target) as unknown
        return async function* keys(range: KeyRange) {
          for await (const key of target.keys(range)) {
            seen++
            yield key
          }
        }
      },
    })
  const counting: MountStore = {
    ...kv.mountStore,
    view: (work) => kv.mountStore.view((view) => work(counted(view))),
  }
  assert.deepEqual(await listFolder(counting, clock, 's/'), ['a', 'big/', 'z'])
  assert.ok(seen < 30, `${seen} keys were read`)
  // A list longer than one page gives others their turn and misses nothing.
  assert.equal((await listFolder(kv.mountStore, clock, 's/big/')).length, 30_000)
})

function keysOf(answer: { readonly status: number; readonly data: unknown }): readonly string[] {
  if (answer.status === 404) return []
  assert.equal(answer.status, 200)
  return (answer.data as { keys: string[] }).keys
}
