/** Kills workers of a server under load, again and again: the others go on, and nothing that was acknowledged is lost. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiClient } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { replaceWorkers, until, workerPids } from '../server/worker-connections.ts'
import { initStatic, mustAt, pairOf, staticSeal, WorkerFolder } from '../server/worker-folder.ts'
import { findLosses, Ledger, Load } from './load.ts'
import { checkFolder } from './store-check.ts'

const kills = 8
const keys = makeJwtMaker()
const folder = new WorkerFolder()
after(() => folder.remove())

async function prepare(root: ApiClient): Promise<void> {
  await root.must('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  const policy = 'path "auth/token/create" { capabilities = ["update"] }'
  await root.must('sys/policies/acl/maker', { policy })
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
}

test(
  `SEC-STO-05, SEC-STO-06, SEC-STO-19: ${kills} kills of workers under load lose nothing that was acknowledged, ` +
    'nor does the stop',
  { timeout: 90_000 },
  async (t) => {
    const server = folder.start(t, 'load', { more: `${staticSeal}log_level = "info"\n` })
    const [a, b] = await pairOf(server)
    const rootToken = await initStatic(a)
    a.close()
    b.close()
    const url = await server.url()
    await prepare(new ApiClient(url, rootToken))
    const ledger = new Ledger()
    // A worker that is gone breaks connections; it refuses nothing.
    const load = new Load({ url, rootToken, keys, ledger, round: 0, goingDown: [], goesOn: true })
    load.expectDown()
    const served = () => server.output.split('a worker serves').length
    for (let kill = 0; kill < kills; kill++) {
      await sleep(100 + Math.random() * 300)
      const before = served()
      const pids = workerPids(server)
      process.kill(pids[kill % pids.length] ?? 0, 'SIGKILL')
      await until(() => served() > before, 'another one serves')
    }
    await load.stop()
    assert.deepEqual(ledger.problems, [])
    assert.deepEqual(await findLosses({ url, rootToken, ledger, tokensFrom: 0 }), [])
    const known = ledger.tokens.length

    const last = new Load({
      url,
      rootToken,
      keys,
      ledger,
      round: 1,
      goingDown: [503],
      goesOn: true,
    })
    await sleep(300)
    last.expectDown()
    assert.equal(await server.stop(), 0)
    await last.stop()
    const again = folder.start(t, 'load', { more: staticSeal })
    const found = { url: await again.url(), rootToken, ledger, tokensFrom: known }
    assert.deepEqual(await findLosses(found), [])
    assert.deepEqual(ledger.problems, [])
    await again.stop()
    const report = await checkFolder(folder.at('load'), 'b'.repeat(64))
    assert.deepEqual([...new Set(report.problems)], [])
    t.diagnostic(`${ledger.acknowledged} steps acknowledged, ${ledger.tokens.length} tokens issued`)
    assert.ok(ledger.acknowledged > kills * 10)
  },
)

test('a worker that dies in the middle of a seal or an unseal leaves all alike', async (t) => {
  const server = folder.start(t, 'seal')
  const [a] = await pairOf(server)
  const made = await mustAt(a, 'PUT', 'sys/init', undefined, {
    secret_shares: 1,
    secret_threshold: 1,
  })
  const token = String(made.body.root_token)
  const share = { key: made.body.keys[0] }
  await mustAt(a, 'PUT', 'sys/unseal', undefined, share)
  for (const delayMs of [0, 1, 3, 10]) {
    for (const [path, body] of [
      ['sys/seal', undefined],
      ['sys/unseal', share],
    ] as const) {
      const [one] = await pairOf(server)
      const asked = one.call('PUT', path, token, body).then(
        ({ status }) => status,
        () => 'broken',
      )
      await sleep(delayMs)
      const clients = await replaceWorkers(server, [one.pid])
      const states = await Promise.all(
        clients.map(async (client) => (await client.call('GET', 'sys/health')).status),
      )
      assert.equal(new Set(states).size, 1, `${path} after ${delayMs} ms: ${states.join()}`)
      const answer = await asked
      if (answer !== 'broken') assert.equal(states[0], path === 'sys/seal' ? 503 : 200)
      const wanted = path === 'sys/seal' ? 503 : 200
      const [two] = await pairOf(server)
      if (states[0] !== wanted) await mustAt(two, 'PUT', path, token, body)
    }
  }
})
