/** Records of the store that somebody moved or damaged while the server was down, and a store that outgrows its map. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { viewOf, type Engine } from '../../src/storage/store.ts'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer } from '../harness/test-server.ts'
import { openAt } from '../storage/folder.ts'

async function recordsOf(engine: Engine): Promise<ReadonlyMap<string, Buffer>> {
  return viewOf(engine, async (view) => {
    const found = new Map<string, Buffer>()
    for await (const [key, value] of view.range({ start: '', end: '\u{10ffff}' })) {
      found.set(key, Buffer.from(value))
    }
    return found
  })
}

/** A server on LMDB, changed behind its back, and a server again. */
async function tampered(
  prepare: (root: ApiClient) => Promise<void>,
  change: (engine: Engine) => Promise<void>,
  look: (root: ApiClient) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-tampered-'))
  const staticKey = randomBytes(32).toString('hex')
  const serve = async (work: (client: ApiClient) => Promise<void>) => {
    const server = await startTestServer({ storage: 'lmdb', raw: true, folder, staticKey })
    try {
      await work(server.client())
    } finally {
      await server.stop()
    }
  }
  try {
    let token = ''
    await serve(async (client) => {
      const made = await client.call('PUT', 'sys/init', {})
      token = String(made.body.root_token)
      await prepare(client.as(token))
    })
    const engine = await openAt(join(folder, 'data'))
    try {
      await change(engine)
    } finally {
      await engine.close()
    }
    await serve((client) => look(client.as(token)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const count = 30

async function fill(root: ApiClient): Promise<void> {
  await root.must('sys/mounts/kv', { type: 'kv' })
  for (let i = 0; i < count; i++) {
    // Two terms of the key: half of the records are from before.
    if (i === count / 2) await root.must('sys/rotate')
    await root.must(`kv/r${i}`, { value: `v${i}` })
  }
}

function recordOf(records: ReadonlyMap<string, Buffer>, name: string): readonly [string, Buffer] {
  const found = [...records].find(([key]) => key.endsWith(`/${name}`))
  assert.ok(found !== undefined, name)
  return found
}

/** Refused as a fault of the server, whose answer has nothing of any record in it. */
async function wantRefused(root: ApiClient, path: string): Promise<void> {
  const { status, text } = await root.read(path)
  assert.equal(status, 500, `${path}: ${text}`)
  assert.doesNotMatch(text, /"value"|v\d/)
}

test('a record under another path, from another term or with a byte changed is refused, its neighbours are served (SEC-STO-03)', async () => {
  await tampered(
    fill,
    async (engine) => {
      const records = await recordsOf(engine)
      const [old, young] = [recordOf(records, 'r3'), recordOf(records, 'r20')]
      const flipped = Buffer.from(recordOf(records, 'r4')[1])
      flipped.writeUInt8(flipped.readUInt8(flipped.length - 1) ^ 1, flipped.length - 1)
      // The number of the term stands in front; this one says another than it was sealed under.
      const renamed = Buffer.from(recordOf(records, 'r5')[1])
      young[1].copy(renamed, 1, 1, 5)
      const puts = [
        [old[0], young[1]],
        [young[0], old[1]],
        [recordOf(records, 'r4')[0], flipped],
        [recordOf(records, 'r5')[0], renamed],
        [recordOf(records, 'r6')[0], Buffer.alloc(1)],
      ] as const
      assert.deepEqual(await engine.commit([{ expects: [], puts, deletes: [] }]), ['committed'])
    },
    async (root) => {
      for (const name of ['r3', 'r20', 'r4', 'r5', 'r6']) await wantRefused(root, `kv/${name}`)
      assert.equal((await root.read('kv/r7')).body.data.value, 'v7')
      assert.equal((await root.read('kv/r21')).body.data.value, 'v21')
      assert.equal((await root.remove('kv/r3')).status, 204)
      await root.must('kv/r3', { value: 'anew' })
      assert.equal((await root.read('kv/r3')).body.data.value, 'anew')
    },
  )
})

test('of a whole folder of records that changed places none is shown under its new name (SEC-STO-03)', async () => {
  await tampered(
    fill,
    async (engine) => {
      const records = await recordsOf(engine)
      const all = Array.from({ length: count }, (_, i) => recordOf(records, `r${i}`))
      const puts = all.map(([key], i) => [key, all[(i + 1) % count]?.[1] ?? ''] as const)
      const bytes = puts.map(([key, value]) => [key, Buffer.from(value)] as const)
      await engine.commit([{ expects: [], puts: bytes, deletes: [] }])
    },
    async (root) => {
      for (let i = 0; i < count; i++) await wantRefused(root, `kv/r${i}`)
      assert.equal((await root.list('kv/')).body.data.keys.length, count)
    },
  )
})

test('no nonce comes twice in what a server has stored, and the count of seals outlives it (SEC-STO-04)', async () => {
  const writes = 1000
  let sealsBefore = 0
  await tampered(
    async (root) => {
      await root.must('sys/mounts/kv', { type: 'kv' })
      for (let i = 0; i < writes; i += 50) {
        const some = Array.from({ length: 50 }, (_, j) => root.must(`kv/n${i + j}`, { value: 'x' }))
        await Promise.all(some)
      }
      sealsBefore = (await root.read('sys/key-status')).body.data.encryptions
      assert.ok(sealsBefore >= writes, String(sealsBefore))
    },
    async (engine) => {
      const sealed = [...(await recordsOf(engine))].filter(([key]) => /\/n\d+$/.test(key))
      assert.equal(sealed.length, writes)
      const nonces = new Set(sealed.map(([, value]) => value.toString('hex', 5, 17)))
      assert.equal(nonces.size, writes)
    },
    async (root) => {
      const { encryptions } = (await root.read('sys/key-status')).body.data
      assert.ok(encryptions >= sealsBefore, `${encryptions} after ${sealsBefore}`)
    },
  )
})

test('the store grows with what clients write, by records as large as they may be (SEC-STO-14)', async () => {
  const value = 'x'.repeat(1_000_000)
  const records = 40
  await tampered(
    async (root) => {
      await root.must('sys/mounts/kv', { type: 'kv' })
      await root.must('kv/small', { value: 'x' })
      for (let i = 0; i < records; i++) {
        const { status, text } = await root.write(`kv/big/${i}`, { value })
        assert.equal(status, 204, text)
      }
    },
    () => Promise.resolve(),
    async (root) => {
      assert.equal((await root.read('kv/small')).body.data.value, 'x')
      for (let i = 0; i < records; i++) {
        assert.equal((await root.read(`kv/big/${i}`)).body.data.value.length, value.length)
      }
    },
  )
})
