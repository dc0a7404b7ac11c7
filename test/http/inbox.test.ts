/** Requests of one turn of the event loop: together, in their order, in steps of a written size, and nobody waits long. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Inbox } from '../../src/http/inbox.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { startTestServer } from '../harness/test-server.ts'
import { longestWaitDuring } from './longest-wait.ts'
import { data, head, RawConnection, run } from './running-server.ts'

const otherCallerMsMax = 100

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
  const count = 10_000
  const token = `X-Vault-Token: ${server.rootToken}`
  const greedy = await RawConnection.open(server.port)
  t.after(() => greedy.close())
  const { waitMs, result } = await longestWaitDuring(server.port, async () => {
    greedy.write(
      Array.from({ length: count }, (_, i) => head(`GET /v1/cubbyhole/no-${i}`, token)).join(''),
    )
    let answered = 0
    for (; answered < count; answered++) assert.equal((await greedy.read()).status, 404)
    return answered
  })
  assert.equal(result, count)
  assert.ok(waitMs < otherCallerMsMax, `another caller waited ${waitMs} ms`)
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
