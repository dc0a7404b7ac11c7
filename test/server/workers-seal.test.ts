/** The seal of a server of several workers: what is done at one holds for all. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { replaceWorkers } from './worker-connections.ts'
import { initStatic, mustAt, pairOf, staticSeal, WorkerFolder } from './worker-folder.ts'

const folder = new WorkerFolder()
after(() => folder.remove())

test('shares may be given to any workers, and what opens or seals one does so to all', async (t) => {
  const server = folder.start(t, 'shamir')
  const [a, b] = await pairOf(server)
  const [one, two] = await Promise.all(
    [a, b].map((client) =>
      client.call('PUT', 'sys/init', undefined, { secret_shares: 3, secret_threshold: 2 }),
    ),
  )
  assert.deepEqual(
    new Set([one?.status, two?.status]),
    new Set([200, 400]),
    'it is initialised once',
  )
  const made = one?.status === 200 ? one.body : two?.body
  const [first, second, third] = made.keys
  const token = String(made.root_token)

  const given = await mustAt(b, 'PUT', 'sys/unseal', undefined, { key: first })
  assert.deepEqual([given.body.sealed, given.body.progress], [true, 1])
  const [seenByA, seenByB] = await Promise.all(
    [a, b].map(async (client) => (await client.call('GET', 'sys/seal-status')).body),
  )
  assert.deepEqual([seenByA.progress, seenByB.progress], [1, 1])
  assert.equal(seenByA.nonce, seenByB.nonce)
  const wrong = await Promise.all(
    [a, b].map((client) => client.call('PUT', 'sys/unseal', undefined, { key: 'zz'.repeat(33) })),
  )
  assert.deepEqual(
    wrong.map(({ status }) => status),
    [400, 400],
  )
  assert.deepEqual(wrong[0]?.body, wrong[1]?.body)

  const opened = await mustAt(a, 'PUT', 'sys/unseal', undefined, { key: second })
  assert.equal(opened.body.sealed, false)
  for (const client of [a, b]) {
    assert.equal((await client.call('GET', 'sys/health')).status, 200)
    await mustAt(client, 'GET', 'auth/token/lookup-self', token)
  }
  await mustAt(b, 'PUT', 'sys/seal', token)
  for (const client of [a, b]) {
    assert.equal((await client.call('GET', 'sys/health')).status, 503)
    assert.equal((await client.call('GET', 'auth/token/lookup-self', token)).status, 503)
  }
  await mustAt(b, 'PUT', 'sys/unseal', undefined, { key: third })
  await mustAt(b, 'PUT', 'sys/unseal', undefined, { reset: true })
  assert.equal((await a.call('GET', 'sys/seal-status')).body.progress, 0)
  for (const share of [third, first])
    await mustAt(a, 'PUT', 'sys/unseal', undefined, { key: share })
  for (const client of [a, b]) await mustAt(client, 'GET', 'auth/token/lookup-self', token)
})

test('a worker that comes later is as open or sealed as the others are', async (t) => {
  const server = folder.start(t, 'later')
  const [a, b] = await pairOf(server)
  const init = { secret_shares: 1, secret_threshold: 1 }
  const made = await mustAt(a, 'PUT', 'sys/init', undefined, init)
  const token = String(made.body.root_token)
  const share = { key: made.body.keys[0] }
  await mustAt(a, 'PUT', 'sys/unseal', undefined, share)
  // The leader, which gathered the share, and then the one that got the key from it.
  for (const { pid } of [a, b]) {
    for (const client of await replaceWorkers(server, [pid])) {
      await mustAt(client, 'GET', 'auth/token/lookup-self', token)
    }
  }
  const [c, d] = await pairOf(server)
  await mustAt(c, 'PUT', 'sys/seal', token)
  const sealed = await replaceWorkers(server, [d.pid])
  for (const client of sealed) assert.equal((await client.call('GET', 'sys/health')).status, 503)
  const [e, f] = await pairOf(server)
  await mustAt(e, 'PUT', 'sys/unseal', undefined, share)
  await mustAt(f, 'GET', 'auth/token/lookup-self', token)
  // Nobody is left who knows the key, and it lies nowhere.
  for (const client of await replaceWorkers(server, [e.pid, f.pid])) {
    assert.equal((await client.call('GET', 'sys/health')).status, 503)
  }
})

test('a server that opens itself does so in each worker, and none after somebody sealed it', async (t) => {
  const server = folder.start(t, 'static', { more: staticSeal })
  const [a, b] = await pairOf(server)
  const token = await initStatic(b)
  for (const client of [a, b]) await mustAt(client, 'GET', 'auth/token/lookup-self', token)
  for (const client of await replaceWorkers(server, [a.pid, b.pid])) {
    await mustAt(client, 'GET', 'auth/token/lookup-self', token)
  }
  const [c, d] = await pairOf(server)
  await mustAt(d, 'PUT', 'sys/seal', token)
  for (const client of await replaceWorkers(server, [c.pid])) {
    assert.equal((await client.call('GET', 'sys/health')).status, 503)
  }
})

test('holders of keys take their steps at any workers, and new keys count in all', async (t) => {
  const server = folder.start(t, 'rekey')
  const [a, b] = await pairOf(server)
  const init = { secret_shares: 2, secret_threshold: 2 }
  const made = await mustAt(a, 'PUT', 'sys/init', undefined, init)
  const token = String(made.body.root_token)
  const old: readonly string[] = made.body.keys
  for (const key of old) await mustAt(b, 'PUT', 'sys/unseal', undefined, { key })

  const attempt = await mustAt(a, 'PUT', 'sys/generate-root-token/attempt', token, {})
  const { nonce, otp } = attempt.body.data
  for (const [client, progress] of [[b, 1] as const, [a, 2] as const]) {
    const key = old[progress - 1]
    const path = 'sys/generate-root-token/update'
    const given = await mustAt(client, 'PUT', path, token, { key, nonce })
    assert.equal(given.body.data.progress, progress)
    if (progress === 1) {
      const seen = await mustAt(a, 'GET', 'sys/generate-root-token/attempt', token)
      assert.deepEqual([seen.body.data.progress, seen.body.data.nonce], [1, nonce])
      continue
    }
    const pad = Buffer.from(String(otp))
    const bytes = Buffer.from(String(given.body.data.encoded_token), 'base64')
    const second = Buffer.from(bytes.map((byte, at) => byte ^ (pad[at] ?? 0))).toString()
    for (const one of [a, b]) await mustAt(one, 'GET', 'auth/token/lookup-self', second)
  }

  const begun = await mustAt(b, 'PUT', 'sys/rotate/root/init', token, init)
  const change = { nonce: begun.body.data.nonce }
  await mustAt(a, 'PUT', 'sys/rotate/root/update', token, { ...change, key: old[0] })
  const wrong = await a.call('PUT', 'sys/rotate/root/update', token, { key: old[1], nonce: 'x' })
  assert.equal(wrong.status, 400)
  const changed = await mustAt(b, 'PUT', 'sys/rotate/root/update', token, {
    ...change,
    key: old[1],
  })
  const fresh: readonly string[] = changed.body.data.keys
  assert.equal(fresh.length, 2)
  // Each of them has the new root key: it rotates, and opens another worker with it.
  for (const client of [a, b]) await mustAt(client, 'PUT', 'sys/rotate', token)
  const [c] = await replaceWorkers(server, [a.pid])
  const [d] = await replaceWorkers(server, [b.pid])
  assert.ok(c !== undefined && d !== undefined)
  await mustAt(d, 'GET', 'auth/token/lookup-self', token)
  await mustAt(d, 'PUT', 'sys/seal', token)
  await mustAt(d, 'PUT', 'sys/unseal', undefined, { key: old[0] })
  assert.equal((await d.call('PUT', 'sys/unseal', undefined, { key: old[1] })).status, 400)
  for (const key of fresh) await mustAt(d, 'PUT', 'sys/unseal', undefined, { key })
  await mustAt(d, 'GET', 'auth/token/lookup-self', token)
})
