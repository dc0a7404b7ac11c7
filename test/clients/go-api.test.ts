/** What the Go library sends, and whether its structs take the answers (platform.md §10.8). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { LogLevel, Logger } from '../../src/platform/logger.ts'
import type { ManualClock } from '../harness/manual-clock.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { assertDecodes, GoApi, refusalOf, shapes } from './go-api.ts'
import { GoKv2 } from './go-kv.ts'
import { watchLifetime } from './lifetime-watcher.ts'

let server: TestServer
let api: GoApi

before(async () => {
  server = await startTestServer()
  api = new GoApi(server.url, server.rootToken)
})

after(async () => {
  api.close()
  await server.stop()
})

test('the decoder refuses what Go would refuse', () => {
  const wrong = [
    [{ t: '3' }, shapes.sealStatus],
    [{ t: 0.5 }, shapes.sealStatus],
    [{ warnings: 'one' }, shapes.sealStatus],
    [{ active_time: '' }, shapes.leader],
    [{ 'kv/': { config: [] } }, shapes.mounts],
    [{ 'kv/': { options: { version: 2 } } }, shapes.mounts],
    [{ delete_version_after: '3600' }, shapes.metadata],
  ] as const
  for (const [value, shape] of wrong) assert.throws(() => assertDecodes(value, shape))
  assertDecodes({ t: null, warnings: null, clock: {} }, shapes.sealStatus)
})

describe('Sys()', () => {
  test('Health, SealStatus and Leader of both libraries, open and sealed (CLT-27)', async () => {
    const codes = [
      'drsecondarycode=299&haunhealthycode=299&performancestandbycode=299&removedcode=299',
      'drsecondarycode=299&haunhealhty=299&performancestandbycode=299&removedcode=299',
    ].map((most) => `sys/health?${most}&sealedcode=299&standbycode=299&uninitcode=299`)
    for (const path of codes) {
      const health = await api.bare(path, shapes.health)
      assert.deepEqual([health.initialized, health.sealed, health.standby], [true, false, false])
      assert.ok(health.server_time_utc > 1_700_000_000)
    }
    const status = await api.bare('sys/seal-status', shapes.sealStatus)
    assert.deepEqual([status.sealed, status.t, status.n], [false, 1, 1])
    const leader = await api.bare('sys/leader', shapes.leader)
    assert.equal(leader.ha_enabled, false)

    await api.write('sys/seal', null)
    for (const path of codes) assert.equal((await api.bare(path, shapes.health)).sealed, true)
    assert.equal((await api.bare('sys/seal-status', shapes.sealStatus)).sealed, true)
    assert.equal((await api.bare('sys/leader', shapes.leader)).is_self, false)
    const key = { key: server.unsealKey, reset: false, migrate: false }
    assert.equal((await api.send('PUT', 'sys/unseal', key)).body.sealed, false)
  })

  test('ListAuth and ListMounts (CLT-27)', async () => {
    await api.post('sys/mounts/tuned', {
      type: 'kv',
      description: 'd',
      config: {
        options: null,
        default_lease_ttl: '1h',
        max_lease_ttl: '2h',
        force_no_cache: false,
        listing_visibility: 'hidden',
        audit_non_hmac_request_keys: ['a'],
      },
      local: false,
      seal_wrap: false,
      external_entropy_access: false,
      options: { version: '2' },
    })
    for (const [path, name] of [
      ['sys/auth', 'token/'],
      ['sys/mounts', 'tuned/'],
    ] as const) {
      const { data } = await api.read(path)
      assertDecodes(data, shapes.mounts, path)
      assert.ok(name in data)
      for (const one of Object.values<{ type: string }>(data)) assert.notEqual(one.type, '')
    }
    const { config, options } = (await api.read('sys/mounts')).data['tuned/']
    assert.deepEqual([config.default_lease_ttl, config.max_lease_ttl], [3600, 7200])
    assert.deepEqual(options, { version: '2' })
  })

  test('CapabilitiesSelf names the token too, and ListPolicies (CLT-27)', async () => {
    const path = 'secret/data/a'
    const policy = `path "${path}" { capabilities = ["read", "patch"] }`
    await api.write('sys/policies/acl/reader', { policy })
    const reader = await tokenFor(['reader'])
    for (const [who, wanted] of [
      [api, ['root']],
      [reader, ['patch', 'read']],
    ] as const) {
      const asked = { path, token: who.token }
      const { data } = await who.post('sys/capabilities-self', asked)
      assertDecodes(data[path], shapes.strings)
      assert.deepEqual(data[path], wanted)
      assert.deepEqual(data.capabilities, wanted)
    }
    const { data } = await api.list('sys/policies/acl')
    assertDecodes(data, shapes.keys)
    assert.deepEqual(data.keys, ['default', 'reader', 'root'])
  })
})

async function tokenFor(policies: readonly string[]): Promise<GoApi> {
  const { auth } = await api.post('auth/token/create', { policies, display_name: '', num_uses: 0 })
  return api.as(auth.client_token)
}

describe('Logical()', () => {
  before(async () => {
    await api.post('sys/mounts/kv1', { type: 'kv', description: '', options: null })
  })

  test('Write, Read, List and Delete; nothing is nil and no error (CLT-24)', async () => {
    assert.equal(await api.write('kv1/a/b', { x: 1, y: 'z' }), undefined)
    const read = await api.read('kv1/a/b')
    assert.deepEqual([read.data, read.lease_duration], [{ x: 1, y: 'z' }, 2_764_800])
    assert.deepEqual((await api.list('kv1/a')).data, { keys: ['b'] })
    assert.equal(await api.read('kv1/none'), undefined)
    assert.equal(await api.list('kv1/none'), undefined)
    assert.equal(await api.delete('kv1/a/b'), undefined)
    assert.equal(await api.read('kv1/a/b'), undefined)
    const { status, errors } = await refusalOf(api.write('sys/policies/acl/p', { policy: '' }))
    assert.deepEqual([status, errors], [400, ["'policy' parameter not supplied or empty"]])
    const odd = await api.read('secret/plain')
    assert.match(odd.warnings[0], /^Invalid path for a versioned K\/V secrets engine/)
  })

  test('JSONMergePatch, and the 404 of what is not there (CLT-24)', async () => {
    await api.write('secret/data/p', { data: { a: '1', gone: '2' } })
    const patched = await api.patch('secret/data/p', { data: { b: '2', gone: null } })
    assert.equal(patched.data.version, 2)
    assert.deepEqual((await api.read('secret/data/p')).data.data, { a: '1', b: '2' })
    const refused = await refusalOf(api.patch('secret/data/none', { data: { b: '2' } }))
    assert.deepEqual([refused.status, refused.errors], [404, []])
  })

  test('Unwrap with a token, and with none, when its body is the JSON null (CLT-24)', async () => {
    await api.write('kv1/wrapped', { a: 'b' })
    const wrapped = async (): Promise<string> => {
      const { wrap_info } = await api.wrapping('5m').read('kv1/wrapped')
      assert.deepEqual([wrap_info.ttl, wrap_info.creation_path], [300, 'kv1/wrapped'])
      return wrap_info.token
    }
    const token = await wrapped()
    assert.deepEqual((await api.unwrap(token)).data, { a: 'b' })
    const twice = await refusalOf(api.unwrap(token))
    assert.equal(twice.status, 400)
    assert.deepEqual(twice.errors, ['wrapping token is not valid or does not exist'])
    assert.deepEqual((await api.as(await wrapped()).unwrap()).data, { a: 'b' })
  })
})

describe('KVv2()', () => {
  test('Put with CheckAndSet, Patch, Get, GetVersion and Rollback (CLT-26)', async () => {
    const kv = new GoKv2(api, 'secret')
    assert.equal((await kv.put('a', { x: '1' }, 0)).version, 1)
    const stale = await refusalOf(kv.put('a', { x: '9' }, 0))
    assert.deepEqual(stale.errors, ['check-and-set parameter did not match the current version'])
    assert.equal((await kv.patch('a', { y: '2' })).version, 2)
    assert.equal((await kv.readThenWrite('a', { z: '3' })).version, 3)
    assert.equal((await refusalOf(kv.patch('none', { z: '3' }))).status, 404)
    assert.equal(await kv.get('none'), undefined)
    assert.deepEqual(await kv.get('a'), {
      data: { x: '1', y: '2', z: '3' },
      version: 3,
      deletionTime: '',
      destroyed: false,
      customMetadata: null,
    })
    assert.deepEqual((await kv.get('a', 1))?.data, { x: '1' })
    assert.equal((await kv.rollback('a', 1)).version, 4)
    assert.deepEqual((await kv.get('a'))?.data, { x: '1' })
  })

  test('versions are deleted, brought back and destroyed, and only what lives is rolled back to (CLT-26)', async () => {
    const kv = new GoKv2(api, 'secret')
    assert.equal(await kv.deleteVersions('a', [2]), undefined)
    const deleted = await kv.get('a', 2)
    assert.ok(deleted !== undefined)
    assert.equal(deleted.data, undefined)
    assert.notEqual(deleted.deletionTime, '')
    await assert.rejects(kv.rollback('a', 2), /no secret found/)
    assert.equal(await kv.undelete('a', [2]), undefined)
    assert.equal((await kv.rollback('a', 2)).version, 5)
    assert.equal(await kv.destroy('a', [2]), undefined)
    assert.equal((await kv.get('a', 2))?.destroyed, true)
    assert.equal(await kv.delete('a'), undefined)
    assert.equal((await kv.get('a'))?.data, undefined)
  })

  test('the metadata is written, changed in part, read and removed (CLT-26)', async () => {
    const kv = new GoKv2(api, 'secret')
    const body = {
      cas_required: false,
      custom_metadata: { owner: 'me' },
      delete_version_after: '1h0m0s',
      max_versions: 5,
    }
    assert.equal(await kv.putMetadata('a', body), undefined)
    assert.equal(await kv.patchMetadata('a', { max_versions: 7 }), undefined)
    const read = await kv.metadata('a')
    assert.deepEqual(
      [read.max_versions, read.delete_version_after, read.custom_metadata, read.current_version],
      [7, '1h0m0s', { owner: 'me' }, 5],
    )
    // All custom members are removed so.
    assert.equal(await kv.patchMetadata('a', { custom_metadata: null }), undefined)
    assert.deepEqual((await kv.metadata('a')).custom_metadata ?? {}, {})
    assert.equal(await kv.deleteMetadata('a'), undefined)
    assert.equal(await kv.metadata('a'), undefined)
  })
})

/** Keeps what is above debug. */
class LoudLines implements Logger {
  readonly lines: string[] = []

  log(level: LogLevel, message: string): void {
    if (this.isEnabled(level)) this.lines.push(message)
  }

  setLevel(): void {}

  isEnabled(level: LogLevel): boolean {
    return level !== 'trace' && level !== 'debug'
  }
}

describe('LifetimeWatcher', () => {
  const log = new LoudLines()
  let clock: ManualClock
  let watched: TestServer
  let own: GoApi

  before(async () => {
    clock = manualClock()
    watched = await startTestServer({ clock, logger: log })
    own = new GoApi(watched.url, watched.rootToken)
  })

  after(async () => {
    own.close()
    await watched.stop()
  })

  async function shortToken(ttl: string, explicit_max_ttl: string): Promise<GoApi> {
    const { auth } = await own.post('auth/token/create-orphan', {
      policies: ['default'],
      ttl,
      explicit_max_ttl,
      display_name: '',
      num_uses: 0,
      renewable: true,
      type: '',
      entity_alias: '',
    })
    assert.equal(auth.renewable, true)
    return own.as(auth.client_token)
  }

  for (const [incrementSeconds, jitter] of [
    [30, 0],
    [30, 1],
    [0, 0.5],
  ] as const) {
    test(`30 s with a maximum of 90 s, increment ${incrementSeconds}, jitter ${jitter}: about every 20 s, and an end at the maximum (CLT-25)`, async () => {
      const token = await shortToken('30s', '90s')
      const began = clock.nowMs()
      const input = { leaseSeconds: 30, incrementSeconds, jitter }
      const renewals = await watchLifetime(token, clock, input)
      const leases = renewals.map((one) => one.leaseSeconds)
      assert.deepEqual(leases.slice(0, 3), [30, 30, 30])
      const times = renewals.map((one) => one.atSeconds)
      for (const [at, seconds] of times.slice(1, 4).entries()) {
        const pause = seconds - (times[at] ?? 0)
        assert.ok(pause >= 20 && pause <= 23, `${pause} s until renewal ${at + 1}`)
      }
      const last = renewals.at(-1)
      assert.ok(last?.leaseSeconds !== undefined && last.leaseSeconds < 30)
      assert.match(last.warnings[0] ?? '', /^TTL of "\d+s" exceeded the effective max_ttl of /)
      assert.equal(last.atSeconds + last.leaseSeconds <= 90, true)

      clock.advance(began + 89_900 - clock.nowMs())
      assert.equal((await token.send('GET', 'auth/token/lookup-self')).status, 200)
      clock.advance(200)
      assert.equal((await token.send('GET', 'auth/token/lookup-self')).status, 403)
    })
  }

  test('at the maximum it asks again and again; each is a 400, and the log stays quiet (CLT-25)', async () => {
    const token = await shortToken('4s', '8s')
    log.lines.length = 0
    const input = { leaseSeconds: 4, incrementSeconds: 4, jitter: 0 }
    const renewals = await watchLifetime(token, clock, input)
    const refused = renewals.filter((one) => one.leaseSeconds === undefined)
    assert.ok(refused.length > 5, `${refused.length} refusals`)
    for (const { errors } of refused) assert.deepEqual(errors, ['past the max TTL, cannot renew'])
    assert.deepEqual(log.lines, [])
    assert.equal((await token.send('GET', 'auth/token/lookup-self')).status, 200)
  })
})
