/** Namespaces over several processes: what one does the others know with the next request. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { viewOf } from '../../src/storage/store.ts'
import { initStatic, mustAt, pairOf, staticSeal, WorkerFolder } from '../server/worker-folder.ts'
import { openAt } from '../storage/folder.ts'

const folder = new WorkerFolder()
after(() => folder.remove())

test('a namespace is made, used, locked and removed through two workers', async (t) => {
  const server = folder.start(t, 'namespaces', { more: staticSeal })
  const [a, b] = await pairOf(server)
  const root = await initStatic(a)
  for (let round = 0; round < 8; round++) {
    const [one, other] = round % 2 === 0 ? [a, b] : [b, a]
    const name = `n${round}`
    await mustAt(one, 'POST', `sys/namespaces/${name}`, root)
    await mustAt(other, 'POST', `${name}/sys/mounts/kv`, root, { type: 'kv' })
    await mustAt(one, 'POST', `${name}/kv/x`, root, { a: 'b' })
    assert.equal((await mustAt(other, 'GET', `${name}/kv/x`, root)).body.data.a, 'b')
    const made = await mustAt(one, 'POST', `${name}/auth/token/create`, root)
    const token = String(made.body.auth.client_token)
    const own = `${name}/auth/token/lookup-self`
    assert.equal((await other.call('GET', own, token)).status, 200)
    await mustAt(other, 'POST', `sys/namespaces/api-lock/lock/${name}`, root)
    assert.equal((await one.call('GET', own, token)).status, 503)
    await mustAt(one, 'POST', `sys/namespaces/api-lock/unlock/${name}`, root)
    assert.equal((await other.call('GET', own, token)).status, 200)
    await mustAt(other, 'POST', `${name}/auth/token/revoke`, root, { token })
    assert.equal((await one.call('GET', own, token)).status, 403)
    await mustAt(one, 'DELETE', `sys/namespaces/${name}`, root)
    assert.ok((await other.call('GET', `${name}/kv/x`, root)).status >= 400)
    assert.ok((await one.call('GET', own, token)).status >= 400)
  }
})

test('what other workers write while a namespace is removed leaves nothing behind (NSP-17)', async (t) => {
  const server = folder.start(t, 'removed', { more: staticSeal })
  const [a, b] = await pairOf(server)
  const root = await initStatic(a)
  const ids: string[] = []
  for (let round = 0; round < 4; round++) {
    const made = await mustAt(a, 'POST', `sys/namespaces/n${round}`, root)
    ids.push(String(made.body.data.id))
    await mustAt(a, 'POST', `n${round}/sys/mounts/kv`, root, { type: 'kv' })
    let isOver = false
    const writers = Array.from({ length: 8 }, async (_, at) => {
      const client = at % 2 === 0 ? a : b
      for (let count = 0; !isOver; count++) {
        await client.call('POST', `n${round}/kv/${at}-${count}`, root, { a: 'b' })
        await client.call('POST', `n${round}/auth/token/create`, root, { policies: ['default'] })
      }
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    await mustAt(b, 'DELETE', `sys/namespaces/n${round}`, root)
    await new Promise((resolve) => setTimeout(resolve, 50))
    isOver = true
    await Promise.all(writers)
  }
  // The leader empties them, at its next round where another has marked them.
  for (const round of ids.keys()) {
    for (let tries = 0; ; tries++) {
      if ((await a.call('GET', `sys/namespaces/n${round}`, root)).status === 404) break
      assert.ok(tries < 1500, 'it is never removed')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  await server.stop()
  const engine = await openAt(folder.at('removed'))
  const left: string[] = []
  await viewOf(engine, async (view) => {
    for await (const [key] of view.range({ start: '', end: '\u{10ffff}' })) left.push(key)
  })
  await engine.close()
  assert.ok(left.length > 10)
  assert.deepEqual(
    left.filter((key) => ids.some((id) => key.includes(id))),
    [],
  )
})
