/** Several key sets on one mount: who owns a key, what is fetched for it, and what one dead endpoint does. */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { KeySource } from '../../src/oidc/key-source.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import type { PracticeIdp } from '../../src/practice-idp/practice-idp.ts'
import {
  makeSource,
  parse,
  sendText,
  startIdp,
  startServer,
  verdictOf,
  type RunningServer,
} from './fixture.ts'

/** Publishes what a provider publishes under names of its own, so that no two pairs share a kid. */
async function startNamed(idp: PracticeIdp, prefix: string): Promise<RunningServer> {
  const { keys } = (await (await fetch(`${idp.issuer}/jwks`)).json()) as { keys: { kid: string }[] }
  const named = keys.map((key) => ({ ...key, kid: prefix + key.kid }))
  return await startServer((_request, response) =>
    sendText(response, JSON.stringify({ keys: named })),
  )
}

function mint(idp: PracticeIdp, kid: string): string {
  return idp.mint({}, { alg: 'EdDSA', header: { kid } })
}

function pairsOf(...urls: string[]): KeySource {
  return makeSource({ jwks_pairs: urls.map((url) => ({ jwks_url: url, jwks_ca_pem: '' })) })
}

describe('jwks_pairs', () => {
  let idp: PracticeIdp
  let servers: RunningServer[] = []
  const kidOf = (prefix: string): string => `${prefix}practice-eddsa-1`

  before(async () => {
    idp = await startIdp()
    servers = await Promise.all(['a-', 'b-', 'c-'].map((prefix) => startNamed(idp, prefix)))
  })
  after(async () => {
    await Promise.all([idp.stop(), ...servers.map((server) => server.close())])
  })
  const urls = (): string[] => servers.map((server) => server.url)
  const counts = (): number[] => servers.map((server) => server.paths.splice(0).length)

  test('KEY-022, KEY-024, KEY-025: the second pair owns the key; cold lists are all made, warm ones used', async () => {
    counts()
    const source = pairsOf(...urls())
    assert.equal(await verdictOf(source, mint(idp, kidOf('b-'))), 'accepted')
    assert.deepEqual(counts(), [1, 1, 1])
    for (const prefix of ['a-', 'b-', 'c-']) {
      assert.equal(await verdictOf(source, mint(idp, kidOf(prefix))), 'accepted')
    }
    assert.ok(source.verifyCached(parse(mint(idp, kidOf('c-')))) !== 'needs_refresh')
    assert.deepEqual(counts(), [0, 0, 0])
  })

  test('KEY-023, KEY-029: a token without a kid, or with an empty one, is refused without any call', async () => {
    counts()
    const source = pairsOf(...urls())
    const nameless = idp.mint({}, { header: { kid: undefined } })
    assert.equal(await verdictOf(source, nameless), 'key_unknown')
    assert.equal(await verdictOf(source, mint(idp, '')), 'key_unknown')
    assert.deepEqual(counts(), [0, 0, 0])
  })

  test('KEY-026, KEY-027: concurrent logins share one request for each pair', async () => {
    counts()
    const source = pairsOf(...urls())
    const cold = Array.from({ length: 100 }, () => verdictOf(source, mint(idp, kidOf('c-'))))
    assert.deepEqual(new Set(await Promise.all(cold)), new Set(['accepted']))
    assert.deepEqual(counts(), [1, 1, 1])
    const warm = Array.from({ length: 50 }, () => verdictOf(source, mint(idp, kidOf('a-'))))
    assert.deepEqual(new Set(await Promise.all(warm)), new Set(['accepted']))
    assert.deepEqual(counts(), [0, 0, 0])
  })

  test('KEY-028: a kid that no pair lists is named after every list was made anew', async () => {
    const source = pairsOf(...urls())
    assert.equal(await verdictOf(source, mint(idp, kidOf('a-'))), 'accepted')
    counts()
    const verdict = await source.verify(parse(mint(idp, 'nobody\n')))
    assert.ok(!verdict.ok)
    assert.equal(verdict.error.reason, 'key_unknown')
    assert.ok(verdict.error.detail.includes('"nobody\\n"'))
    assert.deepEqual(counts(), [1, 1, 1])
    for (let n = 0; n < 40; n++) await verdictOf(source, mint(idp, `flood-${n}`))
    assert.ok(Math.max(...counts()) <= 5)
  })

  test('KEY-030: a source made anew by a config write has no lists; warming fills them in the background', async () => {
    counts()
    const source = pairsOf(...urls())
    assert.deepEqual(
      source.status().sets.map((set) => set.keyCount),
      [0, 0, 0],
    )
    source.warm()
    assert.equal(await verdictOf(source, mint(idp, kidOf('c-'))), 'accepted')
    assert.deepEqual(
      source.status().sets.map((set) => set.keyCount),
      [3, 3, 3],
    )
    assert.deepEqual(counts(), [1, 1, 1])
  })

  test('KEY-031: one dead pair, before or after, does not stop the live one', async () => {
    const dead = await startServer(() => {})
    await dead.close()
    const [live] = urls()
    for (const list of [
      [dead.url, live ?? ''],
      [live ?? '', dead.url],
    ]) {
      assert.equal(await verdictOf(pairsOf(...list), mint(idp, kidOf('a-'))), 'accepted')
    }
  })

  test('KEY-031: an earlier pair that hangs holds a login of a later one up for a moment only', async () => {
    const hanging = await startServer(() => {})
    const clock = new ManualClock(Date.now())
    const pairs = [hanging.url, urls()[0] ?? ''].map((url) => ({ jwks_url: url, jwks_ca_pem: '' }))
    const source = makeSource({ jwks_pairs: pairs }, { clock })
    const login = verdictOf(source, mint(idp, kidOf('a-')))
    let isDone = false
    void login.finally(() => (isDone = true))
    for (let n = 0; n < 200 && !isDone; n++) {
      clock.advance(100)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    assert.equal(await login, 'accepted')
    await hanging.close()
  })

  test('KEY-032: all pairs down and no list known: all endpoints failed', async () => {
    const dead = await startServer(() => {})
    await dead.close()
    const verdict = await pairsOf(dead.url, `${dead.url}/2`).verify(parse(mint(idp, 'a')))
    assert.ok(!verdict.ok)
    assert.equal(verdict.error.reason, 'keys_unreachable')
    assert.match(verdict.error.detail, /^all endpoints of jwks_pairs failed: http:.*; http:/)
  })

  test('CFG-035: a pair whose CA cannot be parsed fails with that cause', async () => {
    const source = makeSource({
      jwks_pairs: [{ jwks_url: 'https://127.0.0.1:1/', jwks_ca_pem: 'defg' }],
    })
    const verdict = await source.verify(parse(mint(idp, 'a')))
    assert.ok(!verdict.ok)
    assert.match(verdict.error.detail, /CA certificate cannot be parsed/)
  })

  test('a key of one pair does not verify a token that names the key of another', async () => {
    const other = await startIdp()
    const foreign = await startNamed(other, 'x-')
    const source = pairsOf(urls()[0] ?? '', foreign.url)
    assert.equal(await verdictOf(source, mint(idp, kidOf('x-'))), 'signature_invalid')
    assert.equal(await verdictOf(source, mint(other, kidOf('x-'))), 'accepted')
    await foreign.close()
    await other.stop()
  })
})
