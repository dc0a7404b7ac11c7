/** Namespaces over restarts: what was there is there, and a removal that was cut short goes on. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { keys } from '../../src/core/keys.ts'
import { scopedKey } from '../../src/storage/scoped-store.ts'
import { recordKey } from '../../src/storage/store.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { want403T, wantError } from '../platform/fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'tokenstile-namespaces-'))

after(() => rmSync(folder, { recursive: true, force: true }))

async function allKeys(server: TestServer): Promise<readonly string[]> {
  const found: string[] = []
  await server.server.core.store.view(async (view) => {
    for await (const key of view.keys({ start: '', end: '\u{10ffff}' })) found.push(key)
  })
  return found
}

async function again(first: TestServer, place = folder): Promise<TestServer> {
  await first.stop()
  const server = await startTestServer({ storage: 'lmdb', folder: place, raw: true })
  const key = { key: first.unsealKey }
  assert.equal((await server.root.call('PUT', 'sys/unseal', key)).body.sealed, false)
  return server
}

test('a restart keeps namespaces, tokens and secrets, and ends what was marked as deleted (NSP-16)', async () => {
  const first = await startTestServer({ storage: 'lmdb', folder })
  const root = first.root
  for (const path of ['kept', 'kept/a', 'half']) {
    await root.must(`sys/namespaces/${path}`, { custom_metadata: { for: path } })
    await root.in(path).must('sys/mounts/kv', { type: 'kv' })
    await root.in(path).must('kv/x', { here: path })
  }
  const { auth } = (await root.in('kept/a').must('auth/token/create', {})).body
  const half = (await root.read('sys/namespaces/half')).body.data.id
  // As if it had been killed right after the mark.
  await first.server.core.store.write(async (txn) => {
    const record = await txn.get(keys.namespace(half))
    assert.ok(record)
    txn.put(keys.namespace(half), { ...record, tainted: true })
    txn.put(recordKey(scopedKey(half, 'd/left')), { a: 1 })
    const revision = await txn.get(keys.namespaceRevision())
    txn.put(keys.namespaceRevision(), { revision: (revision?.revision ?? 0) + 1, changed: half })
  })

  const second = await again(first)
  const inside = second.client(first.rootToken)
  assert.equal((await inside.in('kept/a').read('kv/x')).body.data.here, 'kept/a')
  const held = second.client(auth.client_token).in('kept/a')
  assert.equal((await held.read('auth/token/lookup-self')).status, 200)
  want403T(await held.in().read('auth/token/lookup-self'))
  assert.deepEqual((await inside.read('sys/namespaces/kept')).body.data.custom_metadata, {
    for: 'kept',
  })
  wantError(await inside.in('half').read('kv/x'), 404, 'namespace not found')
  for (let tries = 0; (await inside.read('sys/namespaces/half')).status !== 404; tries++) {
    assert.ok(tries < 500, 'what was marked is never removed')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.deepEqual(
    (await allKeys(second)).filter((key) => key.includes(half)),
    [],
  )
  const check = await inside.read('sys/storage/check')
  assert.equal(check.body.data.problem_count, 0, check.text)
  await second.stop()
})

for (const storage of ['inmem', 'lmdb'] as const) {
  test(`what is written while a namespace is removed leaves nothing behind, in ${storage} (NSP-17)`, async () => {
    const server = await startTestServer({ storage })
    const { root } = server
    const { id } = (await root.must('sys/namespaces/busy')).body.data
    const inside = root.in('busy')
    await inside.must('sys/mounts/kv', { type: 'kv' })
    let isOver = false
    const writers = Array.from({ length: 8 }, async (_, at) => {
      for (let count = 0; !isOver; count++) {
        await inside.write(`kv/${at}-${count}`, { a: 'b' })
        await inside.write('auth/token/create', { policies: ['default'] })
        await inside.write(`sys/policies/acl/p${at}-${count}`, { policy: 'path "x" {}' })
      }
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal((await root.remove('sys/namespaces/busy')).status, 202)
    await new Promise((resolve) => setTimeout(resolve, 300))
    isOver = true
    await Promise.all(writers)
    for (let tries = 0; (await root.read('sys/namespaces/busy')).status !== 404; tries++) {
      assert.ok(tries < 500, 'it is never removed')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.deepEqual(
      (await allKeys(server)).filter((key) => key.includes(id)),
      [],
    )
    await server.stop()
  })
}

test('a namespace without the sign that it may be written to is given one by who comes first', async () => {
  const place = mkdtempSync(join(tmpdir(), 'tokenstile-namespaces-'))
  try {
    const first = await startTestServer({ storage: 'lmdb', folder: place })
    const { id } = (await first.root.must('sys/namespaces/older')).body.data
    await first.root.in('older').must('sys/mounts/kv', { type: 'kv' })
    const sign = scopedKey(id, keys.namespaceSign().text)
    await first.server.core.store.write((txn) => txn.delete(sign))

    const second = await again(first, place)
    const inside = second.client(first.rootToken).in('older')
    await inside.must('kv/x', { a: 'b' })
    assert.ok((await allKeys(second)).includes(sign))
    assert.equal((await second.client(first.rootToken).remove('sys/namespaces/older')).status, 202)
    wantError(await inside.write('kv/x', { a: 'c' }), 404, 'namespace not found')
    await second.stop()
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
})
