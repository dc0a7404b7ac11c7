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
import { ManualClock } from '../harness/manual-clock.ts'
import { SilentLogger } from '../../src/platform/logger.ts'
import { createOutbound } from '../../src/platform/outbound-http.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { builtIns } from '../../src/server/built-ins.ts'
import { createPageShell } from '../../src/server/page-shell.ts'
import { localCall } from '../../src/server/local-call.ts'
import { MemoryEngine } from '../../src/storage/memory/memory-engine.ts'
import { SealedStore } from '../../src/storage/sealed-store.ts'
import { createSystem } from '../../src/sys/index.ts'
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
  return { behind, ahead, create, revoke, isAlive, stop }
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
