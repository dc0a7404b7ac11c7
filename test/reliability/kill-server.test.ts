/** Kills a whole server under load, again and again, and asks the next one for all that was acknowledged. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiClient } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { findLosses, Ledger, Load } from './load.ts'
import { killChildren, startChild, type RunningChild } from './running-child.ts'
import { checkFolder } from './store-check.ts'

const rounds = 12
const keys = makeJwtMaker()
const staticKey = randomBytes(32).toString('hex')
const makerPolicy = 'path "auth/token/create" { capabilities = ["update"] }'

interface World {
  readonly folder: string
  readonly ledger: Ledger
  readonly rootToken: string
  readonly batchToken: string
}

async function makeWorld(folder: string): Promise<World> {
  const child = await startChild(folder, staticKey)
  const made = await new ApiClient(child.url).write('sys/init', {
    recovery_shares: 1,
    recovery_threshold: 1,
  })
  const rootToken = String(made.body.root_token)
  const root = new ApiClient(child.url, rootToken)
  await root.must('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  await root.must('sys/policies/acl/maker', { policy: makerPolicy })
  for (const mount of ['jwt', 'short']) {
    await root.must(`sys/auth/${mount}`, { type: 'jwt' })
    await root.must(`auth/${mount}/config`, {
      jwt_validation_pubkeys: [keys.pem],
      bound_issuer: 'https://iss/',
    })
    await root.must(`auth/${mount}/role/r`, {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: ['vault'],
      token_policies: ['maker'],
      token_ttl: '1h',
      token_max_ttl: '2h',
    })
  }
  const batch = await root.must('auth/token/create', {
    type: 'batch',
    policies: ['default'],
    ttl: '1h',
  })
  const batchToken = String(batch.body.auth.client_token)
  child.kill('SIGKILL')
  await child.ended
  return { folder, ledger: new Ledger(), rootToken, batchToken }
}

/** Everything acknowledged so far, at that server. */
async function assertNothingLost(
  world: World,
  child: RunningChild,
  tokensFrom: number,
): Promise<void> {
  const { ledger, rootToken, batchToken } = world
  const losses = await findLosses({ url: child.url, rootToken, ledger, tokensFrom })
  assert.deepEqual(losses, [])
  assert.deepEqual(ledger.problems, [])
  const batch = await new ApiClient(child.url, batchToken).read('auth/token/lookup-self')
  assert.equal(batch.status, 200, 'the batch token works on')
}

describe('a server that dies under load', () => {
  let world: World

  before(async () => {
    world = await makeWorld(mkdtempSync(join(tmpdir(), 'tokenstile-kill-')))
  })

  after(() => {
    killChildren()
    rmSync(world.folder, { recursive: true, force: true })
  })

  test(
    `SEC-STO-05, SEC-STO-06, SEC-STO-12, SEC-STO-13, TOK-65, IDN-99: ${rounds} kills at random moments lose nothing that was acknowledged ` +
      'and revive nothing that was revoked',
    { timeout: 60_000 },
    async (t) => {
      const { ledger, rootToken } = world
      const readyMs: number[] = []
      for (let round = 0; round < rounds; round++) {
        const child = await startChild(world.folder, staticKey)
        readyMs.push(child.readyMs)
        const tokensFrom = ledger.tokens.length
        const load = new Load({ url: child.url, rootToken, keys, ledger, round, goingDown: [] })
        await sleep(30 + Math.random() * 500)
        load.expectDown()
        child.kill('SIGKILL')
        await child.ended
        await load.stop()
        const next = await startChild(world.folder, staticKey)
        readyMs.push(next.readyMs)
        await assertNothingLost(world, next, tokensFrom)
        next.kill('SIGKILL')
        await next.ended
      }
      const last = await startChild(world.folder, staticKey)
      await assertNothingLost(world, last, 0)
      last.kill('SIGKILL')
      await last.ended
      const report = await checkFolder(join(world.folder, 'data'), staticKey)
      assert.deepEqual([...new Set(report.problems)], [])
      const sorted = readyMs.toSorted((a, b) => a - b)
      const [median = 0, slowest = 0] = [sorted[sorted.length >> 1], sorted.at(-1)]
      t.diagnostic(
        `${ledger.acknowledged} steps acknowledged, ${ledger.tokens.length} tokens issued, ${report.tokens} left; ` +
          `ready in ${Math.round(median)} ms, at worst ${Math.round(slowest)} ms`,
      )
      assert.ok(median <= 3000, `ready in ${median} ms`)
      assert.ok(ledger.acknowledged > rounds * 10)
    },
  )

  test(
    'SEC-STO-18, SEC-STO-19: a stop under load drains in time and loses nothing that was acknowledged',
    { timeout: 30_000 },
    async (t) => {
      const { ledger, rootToken } = world
      for (let round = 100; round < 103; round++) {
        const child = await startChild(world.folder, staticKey)
        const tokensFrom = ledger.tokens.length
        const load = new Load({ url: child.url, rootToken, keys, ledger, round, goingDown: [503] })
        await sleep(300)
        const askedMs = performance.now()
        load.expectDown()
        child.kill('SIGTERM')
        const { how, lastLine } = await child.ended
        const tookMs = performance.now() - askedMs
        await load.stop()
        assert.deepEqual([how, lastLine], [0, 'stopped'])
        assert.ok(tookMs < 10_000, `stopped in ${tookMs} ms`)
        t.diagnostic(`stopped in ${Math.round(tookMs)} ms`)
        const next = await startChild(world.folder, staticKey)
        await assertNothingLost(world, next, tokensFrom)
        next.kill('SIGKILL')
        await next.ended
      }
      const report = await checkFolder(join(world.folder, 'data'), staticKey)
      assert.deepEqual([...new Set(report.problems)], [])
    },
  )
})
