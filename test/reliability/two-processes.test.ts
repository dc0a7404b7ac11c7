/** Two server processes on one data folder: what one revokes the other refuses at once (SEC-CLU-05). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { ProgramFolder } from '../harness/program-folder.ts'

const folder = new ProgramFolder({ isShared: true })
let one: ApiClient
let two: ApiClient

before(async () => {
  const first = (await folder.start()).client
  one = await folder.init(first)
  two = (await folder.start()).client.as(one.token)
})

after(() => folder.stop())

async function isAlive(at: ApiClient, token: string): Promise<boolean> {
  return (await at.as(token).read('auth/token/lookup-self')).status === 200
}

async function create(at: ApiClient, more: object = {}): Promise<string> {
  const made = await at.must('auth/token/create', { policies: ['default'], ...more })
  return String(made.body.auth.client_token)
}

test('a token revoked at one process is refused by the other with its next request (SEC-CLU-05)', async () => {
  for (let i = 0; i < 40; i++) {
    const [here, there] = i % 2 === 0 ? [one, two] : [two, one]
    const token = await create(here)
    // Both have it in their memory.
    assert.ok((await isAlive(here, token)) && (await isAlive(there, token)))
    await here.must('auth/token/revoke', { token })
    assert.equal(await isAlive(there, token), false)
  }
})

test('five hundred tokens in use are over everywhere when their prefix is (SEC-CLU-05)', async () => {
  const tokens: string[] = []
  for (let i = 0; i < 500; i += 50) {
    const some = Array.from({ length: 50 }, (_, j) => create(j % 2 === 0 ? one : two))
    tokens.push(...(await Promise.all(some)))
  }
  assert.ok(await isAlive(two, tokens[0] ?? ''))
  await one.must('sys/leases/revoke-prefix/auth/token/create')
  for (let i = 0; i < tokens.length; i += 50) {
    const some = tokens.slice(i, i + 50).map((token) => isAlive(two, token))
    assert.deepEqual([...new Set(await Promise.all(some))], [false])
  }
  assert.equal(await isAlive(one, await create(two)), true)
})
