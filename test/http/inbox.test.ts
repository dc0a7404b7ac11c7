/** Requests of one turn of the event loop: together, in their order, in steps of a written size, and nobody waits long. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Inbox } from '../../src/http/inbox.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { startTestServer } from '../harness/test-server.ts'
import { data, head, RawConnection, run } from './running-server.ts'

const pipelined = 10_000

/** Who began in which step; each step is a piece of work that the event loop is given. */
async function stepsOf(count: number): Promise<readonly (readonly number[])[]> {
  const works: (() => void)[] = []
  const inbox = new Inbox({ soon: (work) => works.push(work) })
  const begun: number[] = []
  const all = Array.from({ length: count }, async (_, i) => {
    await inbox.turn()
    begun.push(i)
  })
  const steps: number[][] = []
  for (let work = works.shift(); work !== undefined; work = works.shift()) {
    work()
    await new Promise((resolve) => setImmediate(resolve))
    steps.push(begun.splice(0))
  }
  await Promise.all(all)
  return steps
}

test('requests of one turn begin in one step and in their order', async () => {
  assert.deepEqual(await stepsOf(3), [[0, 1, 2]])
})

test('a crowd begins in steps of 64, so that whoever comes meanwhile is behind one step and not all', async () => {
  const steps = await stepsOf(150)
  assert.deepEqual(
    steps.map((step) => step.length),
    [64, 64, 22],
  )
  assert.deepEqual(
    steps.flat(),
    Array.from({ length: 150 }, (_, i) => i),
  )
})

test('a request that comes later begins in a later step', async () => {
  const clock = new SystemClock()
  const inbox = new Inbox(clock)
  const begun: string[] = []
  const first = inbox.turn().then(() => begun.push('first'))
  await new Promise<void>((resolve) => clock.soon(resolve))
  assert.deepEqual(begun, ['first'])
  const second = inbox.turn().then(() => begun.push('second'))
  assert.deepEqual(begun, ['first'])
  await Promise.all([first, second])
})

test('one connection that pipelines ten thousand requests is answered in order and holds up nobody', async (t) => {
  const server = await startTestServer({ storage: 'lmdb' })
  t.after(() => server.stop())
  const greedy = await RawConnection.open(server.port)
  const other = await RawConnection.open(server.port)
  t.after(() => {
    greedy.close()
    other.close()
  })
  const token = `X-Vault-Token: ${server.rootToken}`
  const heads = Array.from({ length: pipelined }, (_, i) => head(`GET /v1/cubbyhole/${i}`, token))
  greedy.write(heads.join(''))
  let isOver = false
  const answered = (async () => {
    for (let i = 0; i < pipelined; i++) assert.equal((await greedy.read()).status, 404)
    isOver = true
  })()
  let others = 0
  for (; !isOver; others++) await other.ask(head('GET /v1/sys/health'))
  await answered
  // Who is never behind more than one step of the greedy one has about one answer for each of them.
  assert.ok(others > pipelined / 64 / 3, `another caller had ${others} answers meanwhile`)
})

test('when a connection ends, each of its requests learns that nobody waits, not only the one whose turn it was', async (t) => {
  const count = 10
  let gone = 0
  let begun = 0
  const running = await run(t, {
    handler: async (request) => {
      begun++
      await new Promise<void>((resolve) =>
        request.signal.addEventListener('abort', () => resolve()),
      )
      gone++
      return data({})
    },
  })
  const connection = await RawConnection.open(running.port)
  connection.write(head('GET /v1/a').repeat(count))
  while (begun < count) await new Promise((resolve) => setImmediate(resolve))
  connection.close()
  while (gone < count) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(gone, count)
})
