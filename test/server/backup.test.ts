/** Backup, restore and check of an embedded store, through the program itself (platform.md §2.11). */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { keys } from '../../src/core/keys.ts'
import { servingDefaults, tcpListener } from '../../src/http/listener-options.ts'
import { Computer, type Ended } from '../cli-server/program.ts'
import type { ApiClient } from '../harness/api-client.ts'
import { ProgramFolder } from '../harness/program-folder.ts'
import { startTestServer } from '../harness/test-server.ts'
import { want403P, wantAlive, wantDead, wantError } from '../platform/fixture.ts'

const computer = new Computer()
const program = new ProgramFolder()
const scratch = mkdtempSync(join(tmpdir(), 'tokenstile-backup-'))
const at = (name: string) => join(scratch, name)

let url: string
let root: ApiClient

before(async () => {
  const { client } = await program.start()
  root = await program.init(client)
  url = client.url
})

after(async () => {
  await computer.remove()
  await program.stop()
  rmSync(scratch, { recursive: true, force: true })
})

function stile(...words: readonly string[]): Promise<Ended> {
  const env = { VAULT_ADDR: url, VAULT_TOKEN: root.token ?? '' }
  return computer.run(words, { env })
}

async function tokenOf(more: object): Promise<string> {
  const { body } = await root.must('auth/token/create', { policies: ['default'], ...more })
  return String(body.auth.client_token)
}

test('a backup that is taken under load is whole, and restored it opens elsewhere (SEC-STO-15)', async () => {
  const kept = await tokenOf({})
  const batch = await tokenOf({ type: 'batch' })
  await root.must('sys/namespaces/team')
  const ofTeam = await root.in('team').must('auth/token/create', { type: 'batch' })
  const batchOfTeam = String(ofTeam.body.auth.client_token)
  await wantAlive(root.in('team').as(batchOfTeam))
  const revokedLater = await tokenOf({})
  const secret = { data: { word: 'kept' } }
  await root.must('sys/mounts/kv', { type: 'kv', options: { version: '2' } })
  await root.must('kv/data/one', secret)
  let isOver = false
  const made: string[] = []
  const writers = Array.from({ length: 4 }, async () => {
    while (!isOver) made.push(await tokenOf({ ttl: '1h' }))
  })
  while (made.length < 60) await root.read('sys/health')
  const before = made.slice()
  const taken = await stile('operator', 'backup', at('store.backup'))
  isOver = true
  await Promise.all(writers)
  assert.equal(taken.code, 0, taken.err)
  assert.match(taken.out, /Store +[0-9a-f-]{36}\n/)
  assert.equal(statSync(at('store.backup')).mode & 0o777, 0o600)
  const bytes = readFileSync(at('store.backup'))
  for (const text of [kept, batch, 'word', root.token ?? '']) {
    assert.equal(bytes.includes(text), false)
  }
  await root.must('auth/token/revoke', { token: revokedLater })

  const restored = await stile('operator', 'restore', `-path=${at('data')}`, at('store.backup'))
  assert.equal(restored.code, 0, restored.err)
  assert.match(restored.out, /What was revoked after .* is valid again/)
  assert.match(restored.out, /Batch tokens made until now are void/)
  const elsewhere = await program.startOn(at('data'))
  const there = (token: string) => elsewhere.client.as(token)
  for (const token of [kept, revokedLater, ...before]) await wantAlive(there(token))
  await wantDead(there(batch))
  await wantDead(there(batchOfTeam).in('team'))
  assert.equal((await there(root.token ?? '').read('kv/data/one')).body.data.data.word, 'kept')
  const check = await computer.run(['operator', 'check', '-format=json'], {
    env: { VAULT_ADDR: elsewhere.client.url, VAULT_TOKEN: root.token ?? '' },
  })
  assert.equal(check.code, 0, check.out + check.err)
  assert.ok(JSON.parse(check.out).tokens > before.length)
  const fresh = await there(root.token ?? '').must('auth/token/create', {
    policies: ['default'],
    type: 'batch',
  })
  await wantAlive(there(fresh.body.auth.client_token))
  await program.end(elsewhere.process, 'SIGTERM')
  const again = await program.startOn(at('data'))
  await wantDead(again.client.as(batch))
  await wantAlive(again.client.as(fresh.body.auth.client_token))
  await program.end(again.process, 'SIGTERM')
})

test('a damaged, cut, longer or foreign backup is refused before anything is written (SEC-STO-15)', async () => {
  assert.equal((await stile('operator', 'backup', at('good.backup'))).code, 0)
  const good = readFileSync(at('good.backup'))
  const flipped = (place: number) => {
    const bytes = Buffer.from(good)
    bytes[place] = (bytes[place] ?? 0) ^ 1
    return bytes
  }
  const cases: Readonly<Record<string, Buffer>> = {
    empty: Buffer.alloc(0),
    'another file': Buffer.from('SQLite format 3\0'),
    'first line alone': good.subarray(0, good.indexOf('\n') + 1),
    'head without end': Buffer.concat([good.subarray(0, 30), Buffer.alloc(10_000, 0x20)]),
    'first byte': flipped(0),
    'head changed': flipped(good.indexOf('"bytes"') + 9),
    'store changed': flipped(good.length - 100_000),
    'sum changed': flipped(good.length - 1),
    cut: good.subarray(0, good.length - 1),
    'cut in half': good.subarray(0, good.length / 2),
    longer: Buffer.concat([good, Buffer.from([0])]),
  }
  for (const [name, bytes] of Object.entries(cases)) {
    writeFileSync(at('bad.backup'), bytes)
    const result = await stile('operator', 'restore', `-path=${at('bad')}`, at('bad.backup'))
    assert.equal(result.code, 1, name)
    assert.match(result.err, /^Error restoring: the backup .* (?:is|was|has) /, name)
    assert.equal(existsSync(at('bad')), false, name)
  }
  const other = await stile(
    ...['operator', 'restore', `-path=${at('bad')}`],
    ...['-store=00000000-0000-4000-8000-000000000000', at('good.backup')],
  )
  assert.match(other.err, /is of the store .* and not of/)
  const used = await stile('operator', 'restore', `-path=${scratch}`, at('good.backup'))
  assert.match(used.err, /is not empty/)
  const missing = await stile('operator', 'restore', `-path=${at('bad')}`, at('none.backup'))
  assert.match(missing.err, /cannot be read/)
  assert.equal(existsSync(at('bad')), false)
})

test('a backup never takes the place of a file, and leaves none behind when it fails', async () => {
  writeFileSync(at('taken'), 'mine')
  const taken = await stile('operator', 'backup', at('taken'))
  assert.notEqual(taken.code, 0)
  assert.equal(readFileSync(at('taken'), 'utf8'), 'mine')
  const refused = await computer.run(['operator', 'backup', at('refused')], {
    env: { VAULT_ADDR: url, VAULT_TOKEN: await tokenOf({}) },
  })
  assert.equal(refused.code, 2, refused.err)
  assert.deepEqual([existsSync(at('refused')), existsSync(at('refused.tmp'))], [false, false])
  const piped = await computer.shell(`"$NODE" "$TOKENSTILE" operator backup - > ${at('piped')}`, {
    env: {
      VAULT_ADDR: url,
      VAULT_TOKEN: root.token ?? '',
      NODE: process.execPath,
      TOKENSTILE: computer.program,
    },
  })
  assert.equal(piped.code, 0, piped.err)
  const restored = await stile('operator', 'restore', `-path=${at('from-pipe')}`, at('piped'))
  assert.equal(restored.code, 0, restored.err)
})

test('a backup needs sudo, and an engine that has a file', async () => {
  const server = await startTestServer()
  try {
    wantError(await server.root.read('sys/storage/backup'), 400, /inmem has no backup/)
    const weak = await server.root.tokenFor(
      'backups',
      'path "sys/storage/*" { capabilities = ["read"] }',
    )
    want403P(await weak.read('sys/storage/backup'))
    want403P(await weak.read('sys/storage/check'))
  } finally {
    await server.stop()
  }
})

test('who takes nothing of a backup is cut off, and holds up nobody', async () => {
  const timeouts = { ...servingDefaults.timeouts, writeMs: 1500 }
  const listeners = [tcpListener({ host: '127.0.0.1', port: 0, timeouts })]
  const server = await startTestServer({ storage: 'lmdb', listeners })
  try {
    const { root: admin } = server
    for (let i = 0; i < 30; i++) {
      await admin.must(`secret/data/${i}`, { data: { text: 'x'.repeat(500_000) } })
    }
    const socket = connect(server.port, '127.0.0.1')
    socket.write(
      `GET /v1/sys/storage/backup HTTP/1.1\r\nHost: a\r\nX-Vault-Token: ${server.rootToken}\r\n\r\n`,
    )
    await once(socket, 'readable')
    const ended = once(socket, 'close')
    wantError(await admin.read('sys/storage/backup'), 503, 'another backup is running')
    assert.equal((await admin.read('auth/token/lookup-self')).status, 200)
    // Only now it is read on: what was not taken in time never comes.
    while ((await admin.read('sys/storage/backup')).status === 503) continue
    socket.resume()
    socket.on('error', () => undefined)
    await ended
  } finally {
    await server.stop()
  }
})

test('a check tells what does not open, what is missing and what is left over', async () => {
  const server = await startTestServer({ storage: 'lmdb' })
  try {
    const check = async () => (await server.root.read('sys/storage/check')).body.data
    await server.root.must('auth/token/create', { policies: ['default'], id: 'chosen' })
    await server.root.must('auth/token/create', { policies: ['default'], ttl: '1h' })
    const whole = await check()
    assert.deepEqual([whole.problem_count, whole.problems, whole.tokens], [0, [], 3])
    const { engine } = server.server.core.store
    const tokens: string[] = []
    const rows: string[] = []
    const snapshot = engine.snapshot()
    for await (const [key] of snapshot.range({ start: '', end: '\u{10ffff}' })) {
      if (key.startsWith(keys.tokenPrefix)) tokens.push(key)
      if (key.startsWith(keys.expiryPrefix)) rows.push(key)
    }
    snapshot.release()
    const damaged = tokens.at(-1) ?? ''
    const missing = rows.at(-1) ?? ''
    const leftOver = keys.expiry(4_000_000_000, 'nobody')
    await engine.commit([
      {
        expects: [],
        puts: [
          [damaged, Buffer.alloc(64, 1)],
          [leftOver, Buffer.alloc(0)],
        ],
        deletes: [missing],
      },
    ])
    const { problem_count, problems } = await check()
    assert.equal(problem_count, problems.length)
    assert.ok(problems.includes(`the record ${damaged} does not open`), problems.join('\n'))
    assert.ok(problems.includes(`the row ${leftOver} has no token`), problems.join('\n'))
    assert.ok(
      problems.some((problem: string) => problem.endsWith(` lacks ${missing}`)),
      problems.join('\n'),
    )
  } finally {
    await server.stop()
  }
})
