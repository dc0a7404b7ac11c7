/** Kills a process in the middle of its writes, again and again, and looks at what is left. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { prefixRange, viewOf } from '../../src/storage/store.ts'
import { startWriter } from './child.ts'
import { freshFolder, openAt, removeFolders } from './folder.ts'

after(removeFolders)

const rounds = 20

test('SEC-STO-06: after 20 kills at random moments all that was acknowledged holds and nothing is torn', async (t) => {
  const path = freshFolder()
  const present = new Set<number>()
  const deleted = new Set<number>()
  for (let round = 0; round < rounds; round++) {
    const writer = startWriter('load', path, 'alone', round * 1_000_000)
    await writer.ready
    await sleep(5 + Math.random() * 150)
    writer.process.kill('SIGKILL')
    await writer.ended
    for (const line of writer.lines) {
      const [what, n] = line.split(' ')
      if (what === 'put') present.add(Number(n))
      if (what === 'delete') deleted.add(Number(n))
    }
    // Opening at once also proves that the kill has freed the folder.
    const engine = await openAt(path)
    const a = new Map<number, Buffer>()
    const b = new Map<number, Buffer>()
    await viewOf(engine, async (view) => {
      for await (const [key, value] of view.range(prefixRange('t/'))) {
        a.set(Number(key.slice(2)), Buffer.from(value))
      }
      for await (const [key, value] of view.range(prefixRange('x/'))) {
        b.set(Number(key.split('/')[2]), Buffer.from(value))
      }
    })
    await engine.close()
    for (const n of deleted) assert.ok(!a.has(n) && !b.has(n), `${n} was deleted`)
    for (const n of present) {
      // A delete that was asked for and not acknowledged may have happened.
      if (n % 3 === 0) continue
      assert.ok(a.has(n) && b.has(n), `${n} was written`)
    }
    assert.deepEqual([...a.keys()].toSorted(byNumber), [...b.keys()].toSorted(byNumber))
    for (const [n, value] of a) {
      assert.ok(value.equals(Buffer.alloc(50 + (n % 3000), n % 251)), `${n} is whole`)
      assert.ok(b.get(n)?.equals(value), `${n} is the same twice`)
    }
  }
  assert.ok(present.size > rounds, 'the writers have written')
  t.diagnostic(`${present.size} writes and ${deleted.size} deletes were acknowledged`)
})

function byNumber(a: number, b: number): number {
  return a - b
}
