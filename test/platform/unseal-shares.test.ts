/** Unsealing over HTTP with shares that are none (SEC-STO-17): nothing opens, nothing breaks, and everybody is still served. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

const triesMax = 10_000
const atOnce = 50

let server: TestServer
let other: TestServer
let shares: readonly string[]
let foreign: readonly string[]

before(async () => {
  server = await startTestServer({ raw: true })
  other = await startTestServer({ raw: true })
  shares = await init(server)
  foreign = await init(other)
})

after(() => Promise.all([server.stop(), other.stop()]))

async function init(at: TestServer): Promise<readonly string[]> {
  const { body } = await at
    .client()
    .call('PUT', 'sys/init', { secret_shares: 3, secret_threshold: 2 })
  return body.keys
}

const unseal = (key: unknown, more: object = {}) =>
  server.client().call('PUT', 'sys/unseal', { key, ...more })

const reset = () => server.client().call('PUT', 'sys/unseal', { reset: true })

async function wantSealed(note: string): Promise<void> {
  const { status, body } = await server.client().read('sys/seal-status')
  assert.deepEqual([status, body.sealed], [200, true], note)
}

test('truncated, stretched, foreign, mixed and repeated shares open nothing (SEC-STO-17)', async () => {
  const [mine = ''] = shares
  const bytes = Buffer.from(mine, 'hex')
  const sibling = Buffer.from(bytes)
  sibling.writeUInt8(sibling.readUInt8(0) ^ 1, 0)
  const never: readonly unknown[] = [
    ...[1, 16, 31, 32].map((length) => bytes.subarray(0, length).toString('hex')),
    Buffer.concat([bytes, Buffer.alloc(1)]).toString('hex'),
    Buffer.concat([bytes, bytes]).toString('hex'),
    mine.slice(0, -1),
    `${mine.slice(0, -1)}!`,
    '',
    '\u0000',
    {},
    [mine, mine],
    'ab'.repeat(5000),
    '!'.repeat(200_000),
    // The hostile maximum: as much as a stranger's body may have.
    'ab'.repeat(250_000),
  ]
  for (const key of never) {
    const { status, body, text } = await unseal(key)
    assert.equal(status, 400, text.slice(0, 200))
    assert.ok(!JSON.stringify(body).includes(mine.slice(0, 12)), 'a share is repeated')
    await wantSealed(JSON.stringify(key).slice(0, 40))
  }
  for (const second of [foreign[0], foreign[1], sibling.toString('hex')]) {
    await reset()
    assert.equal((await unseal(mine)).body.progress, 1)
    assert.equal((await unseal(second)).status, 400)
    await wantSealed('with one of another set')
  }
  await reset()
  for (let i = 0; i < 10; i++) assert.equal((await unseal(mine)).body.progress, 1)
  await wantSealed('one share ten times')
  await reset()
})

test('ten thousand guesses open nothing, and the right shares do (SEC-STO-17)', async () => {
  const delaysMs: number[] = []
  for (let tries = 0; tries < triesMax; tries += atOnce) {
    const guesses = Array.from({ length: atOnce }, async () => {
      const key = randomBytes(33).toString('hex')
      const answer = await fetch(`${server.url}/v1/sys/unseal`, {
        method: 'PUT',
        body: JSON.stringify({ key }),
      })
      await answer.arrayBuffer()
      assert.ok([200, 400].includes(answer.status), String(answer.status))
    })
    if (tries % 1000 === 0) {
      const startMs = performance.now()
      await wantSealed(`after ${tries}`)
      delaysMs.push(performance.now() - startMs)
    }
    await Promise.all(guesses)
  }
  assert.ok(Math.min(...delaysMs) < 250, `others wait ${delaysMs.join()} ms`)
  await reset()
  await unseal(shares[2])
  assert.equal((await unseal(shares[0])).body.sealed, false)
})
