/** sys/logins/stream in namespaces: it ends with a lock, and all of them share one room. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { Watcher } from '../harness/watcher.ts'
import { wantError } from '../platform/fixture.ts'

let server: TestServer
let root: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
  for (const path of ['team', 'team/a', 'b', 'c', 'd', 'e']) {
    await root.must(`sys/namespaces/${path}`)
  }
})
after(() => server.stop())

function watch(namespace?: string): Promise<Watcher> {
  return Watcher.open(server, server.rootToken, namespace === undefined ? {} : { namespace })
}

async function readers(): Promise<number> {
  const { text } = await root.read('sys/metrics?format=prometheus')
  return Number(/^tokenstile_login_stream_readers (\d+)$/m.exec(text)?.[1])
}

test('streams of a namespace end when it, or one above it, is locked; those beside it go on (NSP-22)', async () => {
  const [inner, outer, beside, above] = [
    await watch('team/a'),
    await watch('team'),
    await watch('b'),
    await watch(),
  ]
  const { unlock_key } = (await root.must('sys/namespaces/api-lock/lock/team')).body.data
  await inner.until(() => inner.hasEnded, 1_000)
  await outer.until(() => outer.hasEnded, 1_000)
  assert.match(inner.text, /event: end\n/)
  assert.equal(beside.hasEnded || above.hasEnded, false)
  wantError(await root.in('team').read('sys/logins/stream'), 503, /locked/)
  await root.must('sys/namespaces/api-lock/unlock/team', { unlock_key })
  const again = await watch('team/a')
  for (const one of [beside, above, again]) one.close()
})

test('two hundred streams in all and fifty in a namespace, counted together (NSP-23)', async () => {
  const open: Watcher[] = []
  const fill = async (namespace: string | undefined, count: number) => {
    for (let i = 0; i < count; i++) {
      const one = await watch(namespace)
      assert.equal(one.status, 200, `${namespace} ${i}: ${one.text}`)
      open.push(one)
    }
  }
  const wantFull = async (namespace?: string) => {
    const refused = await watch(namespace)
    await refused.until(() => refused.hasEnded)
    assert.equal(refused.status, 429)
  }
  await fill('b', 50)
  await wantFull('b')
  await fill(undefined, 40)
  assert.equal(await readers(), 90)
  await fill('c', 50)
  await fill('d', 50)
  await fill('team', 10)
  for (const namespace of [undefined, 'e', 'team']) await wantFull(namespace)
  assert.equal(await readers(), 200)
  for (const one of open.splice(0, 100)) one.close()
  const late = Date.now() + 10_000
  while ((await readers()) !== 100 && Date.now() < late) {
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
  }
  assert.equal(await readers(), 100)
  await fill('e', 1)
  for (const one of open) one.close()
})

test('a server that stops does not wait for a stream of a namespace (NSP-23)', async () => {
  const own = await startTestServer()
  await own.root.must('sys/namespaces/team')
  const watcher = await Watcher.open(own, own.rootToken, { namespace: 'team' })
  const startedMs = Date.now()
  await own.stop()
  assert.ok(Date.now() - startedMs < 4_000)
  await watcher.until(() => watcher.hasEnded, 1_000)
})
