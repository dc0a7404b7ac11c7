/** One key set over its life: rotation, withdrawal, outage, restart and floods. The provider is real, only time is moved by hand. */

import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, test } from 'node:test'
import type { KeySource } from '../../src/oidc/key-source.ts'
import { cacheLifeMs } from '../../src/oidc/provider-calls.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import type { PracticeIdp } from '../../src/practice-idp/practice-idp.ts'
import {
  KeptInMemory,
  makeSource,
  parse,
  sendText,
  startIdp,
  startServer,
  verdictOf,
} from './fixture.ts'

const startMs = Date.UTC(2026, 0, 1)

interface Scene {
  readonly idp: PracticeIdp
  readonly clock: ManualClock
  readonly store: KeptInMemory
  readonly source: KeySource
  /** A new process over the same storage. */
  restart(): KeySource
  fetches(): number
}

async function inScene(
  work: (scene: Scene) => Promise<void>,
  maxStaleMs = 3_600_000,
): Promise<void> {
  const clock = new ManualClock(startMs)
  const idp = await startIdp(clock)
  const store = new KeptInMemory()
  const restart = (): KeySource =>
    makeSource({ jwks_url: `${idp.issuer}/jwks` }, { clock, store, maxStaleMs })
  try {
    const fetches = (): number => idp.requestCount('/jwks')
    await work({ idp, clock, store, source: restart(), restart, fetches })
  } finally {
    await idp.stop()
  }
}

describe('one key set', () => {
  test('KEY-013: a known key needs no call within the life of the set', async () => {
    await inScene(async ({ idp, clock, source, fetches }) => {
      const jwt = parse(idp.mint())
      assert.equal(source.verifyCached(jwt), 'needs_refresh')
      assert.ok((await source.verify(jwt)).ok)
      clock.advance(59_000)
      const verdict = source.verifyCached(jwt)
      assert.ok(verdict !== 'needs_refresh' && verdict.ok)
      assert.deepEqual([verdict.value.ageSeconds, verdict.value.source], [59, 'network'])
      for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
        assert.equal(await verdictOf(source, idp.mint({}, { alg })), 'accepted')
      }
      assert.equal(fetches(), 1)
    })
  })

  test('KEY-012, SEC-NET-02: a rotation is seen by the very next login, with one fetch', async () => {
    await inScene(async ({ idp, source, fetches }) => {
      idp.rotate()
      assert.equal(await verdictOf(source, idp.mint()), 'accepted')
      assert.equal(fetches(), 1)
      idp.rotate()
      assert.equal(await verdictOf(source, idp.mint()), 'accepted')
      assert.equal(fetches(), 2)
    })
  })

  test('SEC-NET-02: a key that is published a moment after its first token is taken at once', async () => {
    await inScene(async ({ idp, source }) => {
      assert.equal(await verdictOf(source, idp.mint()), 'accepted')
      idp.setTrouble('status_500', true)
      idp.rotate()
      const jwt = idp.mint()
      assert.equal(await verdictOf(source, jwt), 'keys_unreachable')
      idp.setTrouble('status_500', false)
      assert.equal(await verdictOf(source, jwt), 'accepted')
    })
  })

  test('KEY-014: twenty concurrent logins after a rotation cause one refetch', async () => {
    await inScene(async ({ idp, source, fetches }) => {
      assert.equal(await verdictOf(source, idp.mint()), 'accepted')
      idp.rotate()
      const logins = Array.from({ length: 20 }, () => verdictOf(source, idp.mint()))
      assert.deepEqual(new Set(await Promise.all(logins)), new Set(['accepted']))
      assert.equal(fetches(), 2)
    })
  })

  test('SEC-NET-04: many parallel first logins cause one discovery and one key set request', async () => {
    const idp = await startIdp()
    const source = makeSource({ oidc_discovery_url: idp.issuer })
    const jwt = idp.mint({}, { alg: 'EdDSA' })
    const logins = Array.from({ length: 1000 }, () => verdictOf(source, jwt))
    assert.deepEqual(new Set(await Promise.all(logins)), new Set(['accepted']))
    assert.equal(idp.requestCount('/.well-known/openid-configuration'), 1)
    assert.equal(idp.requestCount('/jwks'), 1)
    await idp.stop()
  })

  test('KEY-019, SEC-NET-03: a withdrawn key is refused when the life of the set has passed', async () => {
    await inScene(async ({ idp, clock, source }) => {
      const jwt = idp.mint()
      assert.equal(await verdictOf(source, jwt), 'accepted')
      idp.rotate({ withdraw: true })
      assert.equal(await verdictOf(source, jwt), 'accepted')
      clock.advance(60_000)
      assert.equal(await verdictOf(source, jwt), 'key_unknown')
    })
  })

  test('SEC-NET-03: the life is what the provider says, at least 5 seconds and at most 10 minutes', () => {
    const life = (control: string, age = '0'): number =>
      cacheLifeMs({ 'cache-control': control, age })
    assert.equal(cacheLifeMs({}), 600_000)
    assert.equal(life('public, max-age=60'), 60_000)
    assert.equal(life('max-age=60', '20'), 40_000)
    assert.equal(life('max-age=86400'), 600_000)
    assert.equal(life('max-age=999999999999'), 600_000)
    assert.equal(life('MAX-AGE=0'), 5_000)
    assert.equal(life('no-store, max-age=60'), 5_000)
    assert.equal(life('no-cache'), 5_000)
    assert.equal(life('s-maxage=60'), 600_000)
    assert.equal(life('max-age=-1'), 600_000)
  })
})

describe('an outage', () => {
  test('KEY-015, KEY-016: with the key set down a cached key serves and an unknown one is refused', async () => {
    await inScene(async ({ idp, clock, source }) => {
      const jwt = idp.mint()
      assert.equal(await verdictOf(source, jwt), 'accepted')
      await idp.stop()
      assert.equal(await verdictOf(source, jwt), 'accepted')
      idp.rotate()
      assert.equal(await verdictOf(source, idp.mint()), 'keys_unreachable')
      // The failed refetch has left the set in place, and its end of life does not stop logins.
      clock.advance(600_000)
      assert.equal(await verdictOf(source, jwt), 'accepted')
      const [status] = source.status().sets
      assert.equal(status?.staleUseCount, 1)
      assert.equal(status?.ageSeconds, 600)
      assert.match(status?.lastProblem ?? '', /refused/)
      clock.advance(3_000_000)
      assert.equal(await verdictOf(source, jwt), 'keys_stale')
    })
  })

  test('SEC-NET-07: a first login without any key fails with the address and the cause', async () => {
    await inScene(async ({ idp, source }) => {
      await idp.stop()
      const verdict = await source.verify(parse(idp.mint()))
      assert.ok(!verdict.ok)
      assert.equal(verdict.error.reason, 'keys_unreachable')
      assert.ok(verdict.error.detail.includes(`${idp.issuer}/jwks: the connection was refused`))
    })
  })

  test('SEC-NET-07: while the provider hangs, logins with known keys do not wait for it again and again', async () => {
    const clock = new ManualClock(startMs)
    const idp = await startIdp(clock)
    const published = await (await fetch(`${idp.issuer}/jwks`)).text()
    const held: ServerResponse[] = []
    let isHanging = false
    const server = await startServer((_request, response) => {
      if (isHanging) held.push(response)
      else sendText(response, published, { 'cache-control': 'max-age=60' })
    })
    const source = makeSource({ jwks_url: `${server.url}/` }, { clock })
    const jwt = idp.mint()
    assert.equal(await verdictOf(source, jwt), 'accepted')
    isHanging = true
    clock.advance(60_000)
    const waiting = verdictOf(source, jwt)
    await pause(20)
    clock.advance(3_000)
    assert.equal(await waiting, 'accepted')
    // The same hanging call is still under way: nobody waits for it any more.
    assert.equal(await verdictOf(source, jwt), 'accepted')
    assert.equal(server.paths.length, 2)
    await server.close()
    await idp.stop()
  })

  test('a restart during an outage uses the kept keys at once, within their bound', async () => {
    await inScene(async ({ idp, clock, source, restart, store }) => {
      const jwt = idp.mint()
      assert.equal(await verdictOf(source, jwt), 'accepted')
      await idp.stop()
      clock.advance(30_000)
      const verdict = await restart().verify(parse(jwt))
      assert.ok(verdict.ok)
      assert.deepEqual([verdict.value.source, verdict.value.ageSeconds], ['kept', 30])
      clock.advance(600_000)
      assert.equal(await verdictOf(restart(), jwt), 'accepted')
      clock.advance(3_600_000)
      assert.equal(await verdictOf(restart(), jwt), 'keys_stale')
      // Neither a clock that was set back nor a document of other settings makes old keys good.
      clock.setWallClock(startMs - 3_700_000)
      assert.equal(await verdictOf(restart(), jwt), 'keys_stale')
      for (const [url, kept] of store.documents)
        store.documents.set(url, { ...kept, sourceId: 'x' })
      assert.equal(await verdictOf(restart(), jwt), 'keys_unreachable')
    })
  })

  test('a restart with fresh kept keys needs no call, and one with old keys renews them', async () => {
    await inScene(async ({ idp, clock, source, restart, fetches }) => {
      const jwt = idp.mint()
      assert.equal(await verdictOf(source, jwt), 'accepted')
      assert.equal(await verdictOf(restart(), jwt), 'accepted')
      assert.equal(fetches(), 1)
      idp.rotate({ withdraw: true })
      clock.advance(61_000)
      const later = restart()
      await later.verify(parse(jwt))
      await pause(50)
      assert.equal(fetches(), 2)
      assert.equal(await verdictOf(later, jwt), 'key_unknown')
    })
  })

  test('a restart during an outage finds the keys of a discovery mount too', async () => {
    const clock = new ManualClock(startMs)
    const idp = await startIdp(clock)
    const store = new KeptInMemory()
    const config = { oidc_discovery_url: idp.issuer }
    const jwt = idp.mint()
    assert.equal(await verdictOf(makeSource(config, { clock, store }), jwt), 'accepted')
    await idp.stop()
    const source = makeSource(config, { clock, store })
    assert.equal(await verdictOf(source, jwt), 'accepted')
    assert.deepEqual(await source.discoveredIssuer(), { ok: true, value: idp.issuer })
  })

  test('what another node has fetched is taken over without a call', async () => {
    await inScene(async ({ idp, clock, source, restart, fetches }) => {
      const other = restart()
      const jwt = idp.mint()
      assert.equal(await verdictOf(source, jwt), 'accepted')
      assert.equal(await verdictOf(other, jwt), 'accepted')
      clock.advance(61_000)
      assert.equal(await verdictOf(other, jwt), 'accepted')
      assert.equal(await verdictOf(source, jwt), 'accepted')
      assert.equal(fetches(), 2)
    })
  })

  test('SEC-KEY-19, SEC-NET-14: an answer that is no key set replaces nothing and is not kept', async () => {
    const clock = new ManualClock(startMs)
    const idp = await startIdp(clock)
    const published = await (await fetch(`${idp.issuer}/jwks`)).text()
    let body = published
    const server = await startServer((_request, response) => {
      sendText(response, body, { 'cache-control': 'max-age=5' })
    })
    const store = new KeptInMemory()
    const source = makeSource({ jwks_url: server.url }, { clock, store })
    const jwt = idp.mint()
    assert.equal(await verdictOf(source, jwt), 'accepted')
    for (body of ['{"keys":{}}', '<html>', '', '{"keys":[],"keys":[]}', published.slice(0, -3)]) {
      clock.advance(6_000)
      assert.equal(await verdictOf(source, jwt), 'accepted', body)
    }
    assert.equal(store.documents.get(server.url)?.text, published)
    await server.close()
    await idp.stop()
  })

  for (const empty of [
    '{"keys":[]}',
    '{"keys":[{"kty":"oct","k":"AAAA"}]}',
    '{"keys":[{"kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"}]}',
  ]) {
    test(`${empty} behind usable keys is a failed refetch (SEC-KEY-19)`, async () => {
      const clock = new ManualClock(startMs)
      const idp = await startIdp(clock)
      const published = await (await fetch(`${idp.issuer}/jwks`)).text()
      let body = empty
      const server = await startServer((_request, response) => {
        sendText(response, body, { 'cache-control': 'max-age=5' })
      })
      try {
        const store = new KeptInMemory()
        const source = makeSource({ jwks_url: server.url }, { clock, store })
        const jwt = idp.mint()
        // Whoever never had a key hears that there is none.
        assert.equal(await verdictOf(source, jwt), 'key_unknown')
        body = published
        clock.advance(6_000)
        assert.equal(await verdictOf(source, jwt), 'accepted')
        body = empty
        for (let round = 0; round < 3; round++) {
          clock.advance(6_000)
          assert.equal(await verdictOf(source, jwt), 'accepted')
        }
        assert.equal(store.documents.get(server.url)?.text, published)
        assert.match(source.status().sets[0]?.lastProblem ?? '', /no usable key any more/)
        // A login that needs the refetch fails with it.
        idp.rotate()
        clock.advance(6_000)
        assert.equal(await verdictOf(source, idp.mint()), 'keys_unreachable')
        const restarted = makeSource({ jwks_url: server.url }, { clock, store })
        assert.equal(await verdictOf(restarted, jwt), 'accepted')
        clock.advance(24 * 3_600_000)
        assert.equal(await verdictOf(source, jwt), 'keys_stale')
      } finally {
        await server.close()
        await idp.stop()
      }
    })
  }
})

describe('floods and races', () => {
  for (const [id, trouble] of [
    ['SEC-NET-05: unknown kids', 'unknown_kid'],
    ['SEC-NET-06: wrong signatures under a known kid', 'wrong_key'],
  ] as const) {
    test(`${id}: at most 70 key set requests a minute, and honest logins go on`, async () => {
      await inScene(async ({ idp, clock, source, fetches }) => {
        const honest = idp.mint({}, { alg: 'EdDSA' })
        assert.equal(await verdictOf(source, honest), 'accepted')
        idp.setTrouble(trouble, true)
        const bad = Array.from({ length: 20 }, (_, n) =>
          idp.mint(
            { n },
            { alg: 'EdDSA', ...(id.includes('kids') ? { header: { kid: `k${n}` } } : {}) },
          ),
        )
        idp.setTrouble(trouble, false)
        const before = fetches()
        for (let step = 0; step < 240; step++) {
          await Promise.all(bad.slice(0, 8).map((jwt) => verdictOf(source, jwt)))
          assert.equal(await verdictOf(source, honest), 'accepted')
          clock.advance(250)
        }
        assert.ok(fetches() - before <= 70, String(fetches() - before))
      })
    })
  }

  test('SEC-NET-05: with the budget spent by a flood, a rotation is still seen by the next login', async () => {
    await inScene(async ({ idp, source }) => {
      assert.equal(await verdictOf(source, idp.mint()), 'accepted')
      idp.setTrouble('unknown_kid', true)
      const bad = idp.mint()
      idp.setTrouble('unknown_kid', false)
      for (let n = 0; n < 50; n++) assert.equal(await verdictOf(source, bad), 'key_unknown')
      idp.rotate()
      assert.equal(await verdictOf(source, idp.mint()), 'accepted')
    })
  })

  test('SEC-NET-10: an older refresh that finishes after a newer one changes nothing', async () => {
    const clock = new ManualClock(startMs)
    const idp = await startIdp(clock)
    const publish = async (): Promise<string> => await (await fetch(`${idp.issuer}/jwks`)).text()
    const old = await publish()
    let body = old
    const held: ServerResponse[] = []
    let isSlow = false
    const server = await startServer((_request, response) => {
      if (isSlow) held.push(response)
      else sendText(response, body)
    })
    const source = makeSource({ jwks_url: server.url }, { clock })
    assert.equal(await verdictOf(source, idp.mint()), 'accepted')
    isSlow = true
    idp.setTrouble('unknown_kid', true)
    const slow = verdictOf(source, idp.mint())
    idp.setTrouble('unknown_kid', false)
    while (held.length === 0) await pause(5)
    isSlow = false
    idp.rotate({ withdraw: true })
    body = await publish()
    clock.advance(6_000)
    const jwt = idp.mint()
    assert.equal(await verdictOf(source, jwt), 'accepted')
    for (const response of held) sendText(response, old)
    assert.equal(await slow, 'key_unknown')
    const verdict = source.verifyCached(parse(jwt))
    assert.ok(verdict !== 'needs_refresh' && verdict.ok)
    await server.close()
    await idp.stop()
  })
})

describe('members of a set', () => {
  test('KEY-010, KEY-017, KEY-018, SEC-KEY-16, SEC-KEY-17: odd neighbours do not matter, and why a key is passed over is said', async () => {
    const idp = await startIdp()
    const set = JSON.parse(await (await fetch(`${idp.issuer}/jwks`)).text()) as { keys: object[] }
    const strange = [
      { kty: 'oct', k: 'c2VjcmV0', kid: 'shared' },
      { kty: 'ML-DSA', kid: 'future' },
      { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'broken' },
      { ...set.keys[0], use: 'enc', kid: 'enc' },
      {},
      7,
    ]
    const text = JSON.stringify({ keys: [...strange, ...set.keys] })
    const server = await startServer((_request, response) => sendText(response, text))
    const source = makeSource({ jwks_url: server.url })
    assert.equal(await verdictOf(source, idp.mint()), 'accepted')
    assert.equal(await verdictOf(source, idp.mint({}, { header: { kid: 'enc' } })), 'key_unusable')
    assert.equal(
      await verdictOf(source, idp.mint({}, { header: { kid: 'shared' } })),
      'key_unusable',
    )
    const other = 'practice-es256-1'
    assert.equal(await verdictOf(source, idp.mint({}, { header: { kid: other } })), 'key_unusable')
    assert.equal(source.status().sets[0]?.passedOver.length, 6)
    await server.close()
    await idp.stop()
  })

  test('KEY-011: a token without a kid is tried with every key', async () => {
    const idp = await startIdp()
    const source = makeSource({ jwks_url: `${idp.issuer}/jwks` })
    const jwt = idp.mint({}, { alg: 'ES256', header: { kid: undefined } })
    assert.equal(await verdictOf(source, jwt), 'accepted')
    await idp.stop()
  })
})
