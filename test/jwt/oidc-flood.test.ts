/** Sign-ins that one stranger begins without end, each as large as it may be (SEC-OID-24), at a real server. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordKey } from '../../src/storage/store.ts'
import { manualClock } from '../harness/test-server.ts'
import { nextAddress, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

const starts = 10_050
const ofAddressMax = 10_000
const atOnce = 50
const signInLifeMs = 600_000

interface Stored {
  readonly count: number
  /** Of the largest record. */
  readonly bytes: number
}

/** What the server keeps of sign-ins. */
function stored({ server }: SignInSetup): Promise<Stored> {
  return server.server.core.store.view(async (view) => {
    let [count, bytes] = [0, 0]
    for await (const key of view.keys({ start: '', end: '\u{10ffff}' })) {
      if (!key.includes('oidc/state/')) continue
      const [record] = await view.getMany([recordKey(key)])
      bytes = Math.max(bytes, Buffer.byteLength(JSON.stringify(record)))
      count++
    }
    return { count, bytes }
  })
}

test('ten thousand of the largest sign-ins repeat nothing, keep a ceiling, cost others nothing and go by themselves (SEC-OID-12, SEC-OID-13, SEC-OID-24)', async () => {
  const clock = manualClock()
  const setup = await setUpSignIn({ clock })
  try {
    const cb = 'https://x.test/cb'
    const role = await setup.role({ callback_mode: 'direct', allowed_redirect_uris: [cb] })
    const path = `auth/${setup.mount}/oidc/auth_url`
    const honest = setup.server.client().from(nextAddress())
    const mine = { role, redirect_uri: cb, client_nonce: 'mine' }
    const { state } = (await honest.must(path, mine)).body.data
    const hostile = {
      role,
      redirect_uri: `${cb}?namespace=${'n'.repeat(1900)}`,
      client_nonce: '\u{1f600}'.repeat(128),
    }
    const seen = { state: new Set(), nonce: new Set(), code_challenge: new Set() }
    const stranger = setup.server.client()
    const begin = async (): Promise<void> => {
      const { data } = (await stranger.must(path, hostile)).body
      const query = new URL(String(data.auth_url)).searchParams
      assert.equal(query.get('code_challenge_method'), 'S256')
      for (const name of ['state', 'nonce', 'code_challenge'] as const) {
        const value = query.get(name) ?? ''
        // 43 characters of 62 are 256 bits.
        assert.ok(value.length >= 43)
        seen[name].add(value)
      }
    }
    for (let i = 0; i < starts; i += atOnce) {
      clock.advance(1)
      await Promise.all(Array.from({ length: atOnce }, begin))
    }
    for (const values of Object.values(seen)) assert.equal(values.size, starts)
    const full = await stored(setup)
    // One of them is another's.
    assert.ok(full.count <= ofAddressMax + 1, `${full.count} sign-ins`)
    assert.ok(full.bytes <= 1024, `${full.bytes} bytes`)
    // It was the first of all.
    const waiting = await setup.poll({ state, client_nonce: 'mine' })
    assert.deepEqual(waiting.body.errors, ['authorization_pending'])
    clock.advance(signInLifeMs + 1000)
    while ((await stored(setup)).count > 0) {
      for (let i = 0; i < 500; i++) await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    await setup.stop()
  }
})
