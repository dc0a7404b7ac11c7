/** Namespaces over several processes: what one does the others know with the next request. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { initStatic, mustAt, pairOf, staticSeal, WorkerFolder } from '../server/worker-folder.ts'

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
