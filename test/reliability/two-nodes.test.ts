/** Two nodes on one store whose clocks differ by two seconds: revocations hold everywhere (SEC-CLU-05, SEC-CLK-01). */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { systemLeaseTtlSeconds } from '../../src/core/settings.ts'
import { noAudit } from '../../src/core/audit-devices.ts'
import { Core } from '../../src/core/core.ts'
import { SealManager } from '../../src/core/seal/seal-manager.ts'
import { createStaticSeal } from '../../src/core/seal/static-seal.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { isJsonObject, type JsonObject } from '../../src/lib/json.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import { SilentLogger } from '../../src/platform/logger.ts'
import { createOutbound } from '../../src/platform/outbound-http.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { builtIns } from '../../src/server/built-ins.ts'
import { createPageShell } from '../../src/server/page-shell.ts'
import { localCall } from '../../src/server/local-call.ts'
import { MemoryEngine } from '../../src/storage/memory/memory-engine.ts'
import { SealedStore } from '../../src/storage/sealed-store.ts'
import { createIdentityPaths } from '../../src/identity/index.ts'
import { createNamespaceSystem, createSystem } from '../../src/sys/index.ts'
import { initialise } from '../../src/sys/seal-paths.ts'

const outbound = createOutbound({ clock: new SystemClock(), proxyFromEnvironment: {} })

function node(engine: MemoryEngine, key: Buffer, clock: ManualClock): Core {
  const store = new SealedStore({ engine, cacheEntriesMax: 1000, onFatal: () => undefined })
  const parts = { clock, random: new SystemRandom(), logger: new SilentLogger() }
  const seal = new SealManager({ engine, store, type: createStaticSeal(key), ...parts })
  const core = new Core({
    ...parts,
    store,
    seal,
    outbound,
    audit: noAudit,
    settings: {
      defaultLeaseTtl: systemLeaseTtlSeconds,
      maxLeaseTtl: systemLeaseTtlSeconds,
      reportedVersion: '1.0.0',
      buildDate: '2026-01-01T00:00:00Z',
      ui: false,
      explainToCaller: 'none',
      loginRecordsMax: 100,
    },
    plugins: builtIns,
    system: createSystem,
    namespaceSystem: createNamespaceSystem,
    identityPaths: createIdentityPaths,
    pages: createPageShell({ random: parts.random, environment: '', ui: false }),
  })
  seal.onUnsealed(() => core.open())
  seal.onSealing(() => core.close())
  return core
}

/** A request comes to a node in a step of its own, as from a socket: what another node has committed is older than that. */
async function call(
  core: Core,
  request: Parameters<typeof localCall>[1],
): ReturnType<typeof localCall> {
  await new Promise<void>((resolve) => new SystemClock().soon(resolve))
  return localCall(core, request)
}

async function pair() {
  const engine = new MemoryEngine()
  const key = randomBytes(32)
  const now = Math.floor(Date.now() / 1000) * 1000
  const behind = node(engine, key, new ManualClock(now))
  const { rootToken: token } = await initialise(behind, {})
  const ahead = node(engine, key, new ManualClock(now + 2000))
  await ahead.seal.autoUnseal()
  const create = async (core: Core): Promise<string> => {
    const data = { policies: ['default'], no_parent: true, ttl: '10m' }
    const answer = await call(core, { verb: 'write', path: 'auth/token/create', token, data })
    return answer.body.kind === 'envelope' ? String(answer.body.auth?.client_token) : ''
  }
  const revoke = (core: Core) =>
    call(core, { verb: 'write', path: 'sys/leases/revoke-prefix/auth/token/create', token })
  const isAlive = async (core: Core, text: string): Promise<boolean> => {
    const request = { verb: 'read', path: 'auth/token/lookup-self', token: text } as const
    return call(core, request).then(
      () => true,
      () => false,
    )
  }
  const stop = async () => {
    await ahead.seal.seal()
    await behind.seal.seal()
  }
  return { behind, ahead, token, create, revoke, isAlive, stop }
}

test('SEC-TKN-03, SEC-CLU-05: revoke-prefix on a node ends the token of a node whose clock is ahead', async () => {
  const { behind, ahead, create, revoke, isAlive, stop } = await pair()
  const victim = await create(ahead)
  assert.equal(await isAlive(behind, victim), true)
  await revoke(behind)
  assert.equal(await isAlive(ahead, victim), false, 'the revocation was answered, the token lives')
  assert.equal(await isAlive(behind, victim), false)
  await stop()
})

test('SEC-CLU-05: a token made after a revocation of a node whose clock is ahead is alive', async () => {
  const { behind, ahead, create, revoke, isAlive, stop } = await pair()
  await revoke(ahead)
  assert.equal(
    await isAlive(behind, await create(behind)),
    true,
    'the new token is dead on arrival',
  )
  await stop()
})

test('a check of the store knows the keys that another node has made since', async () => {
  const { behind, ahead, create, stop } = await pair()
  await ahead.seal.rotate()
  await create(ahead)
  const { problem_count, problems, tokens } = await behind.storeCheck.run()
  assert.deepEqual([problem_count, problems], [0, []])
  assert.equal(tokens, 2)
  await stop()
})

test('a change of an entity or a group on one node counts with the next request on the other', async () => {
  const { behind, ahead, token, stop } = await pair()
  const write = async (path: string, data: JsonObject, by: string | undefined = token) => {
    const { body } = await call(behind, { verb: 'write', path, token: by, data })
    return body.kind === 'envelope' ? body : undefined
  }
  const keys = makeJwtMaker('key', () => Math.floor(behind.clock.nowMs() / 1000))
  await write('sys/auth/jwt', { type: 'jwt' })
  await write('auth/jwt/config', { jwt_validation_pubkeys: [keys.pem] })
  const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['a'] }
  await write('auth/jwt/role/r', role)
  const jwt = keys.sign({ sub: 'u', aud: 'a' })
  const auth = (await write('auth/jwt/login', { role: 'r', jwt }, undefined))?.auth
  const policies = async () => {
    const asked = {
      verb: 'read',
      path: 'auth/token/lookup-self',
      token: auth?.client_token,
    } as const
    const { body } = await call(ahead, asked)
    const data = body.kind === 'envelope' ? body.data : null
    return isJsonObject(data) ? (data['identity_policies'] ?? []) : []
  }
  const entity = auth?.entity_id ?? ''
  assert.deepEqual(await policies(), [])
  await write('identity/group', { name: 'g', policies: ['pg'], member_entity_ids: [entity] })
  assert.deepEqual(await policies(), ['pg'])
  await write(`identity/entity/id/${entity}`, { policies: ['pe'] })
  assert.deepEqual(await policies(), ['pe', 'pg'])
  await write('identity/group', { name: 'g', policies: ['other'] })
  assert.deepEqual(await policies(), ['other', 'pe'])
  await write('identity/group', { name: 'g', member_entity_ids: [] })
  assert.deepEqual(await policies(), ['pe'])
  await write(`identity/entity/id/${entity}`, { disabled: true })
  await assert.rejects(policies, /permission denied/)
  await stop()
})
