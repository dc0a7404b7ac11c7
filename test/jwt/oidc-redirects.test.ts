/** Redirect addresses at `oidc/auth_url` of a real server: a foreign one gets an empty address and leaves nothing behind. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { redirectRows } from '../oidc/redirect-rows.suite.ts'
import { assertStatus } from './fixture.ts'
import { redirectUri, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

let setup: SignInSetup

before(async () => {
  setup = await setUpSignIn()
})

after(() => setup.stop())

/** How many records the server has. */
function records(): Promise<number> {
  return setup.server.server.core.store.view(async (view) => {
    let count = 0
    for await (const _ of view.keys({ start: '', end: '\u{10ffff}' })) count++
    return count
  })
}

const peopleRole = { user_claim: 'email', role_type: 'oidc' }

/** A role with that list; undefined when such a list may not be written. */
async function roleWith(allowed: readonly string[]): Promise<string | undefined> {
  const path = `auth/${setup.mount}/role/redirects`
  const made = await setup.root.write(path, { ...peopleRole, allowed_redirect_uris: allowed })
  if (made.status === 400) return undefined
  assert.ok(made.status < 300, made.text)
  return 'redirects'
}

for (const [name, asked, allowed, isAllowed] of redirectRows) {
  test(`at a server: ${name}: ${JSON.stringify(asked)} is ${isAllowed ? 'taken' : 'refused'}`, async () => {
    const role = await roleWith(allowed)
    if (role === undefined) {
      assert.equal(isAllowed, false)
      return
    }
    const before = await records()
    const answer = await setup.authUrl(role, { redirect_uri: asked })
    assertStatus(answer, 200)
    const url = String(answer.body.data.auth_url)
    if (isAllowed) {
      assert.equal(new URL(url).searchParams.get('redirect_uri'), asked)
      assert.ok((await records()) > before)
    } else {
      assert.deepEqual(answer.body.data, { auth_url: '' })
      assert.equal(await records(), before)
    }
  })
}

test('the longest lists and the longest addresses change nothing: foreign is foreign, and nothing is stored (SEC-OID-14, SEC-OID-15)', async () => {
  const many = Array.from({ length: 500 }, (_, i) => `https://app${i}.example.com/cb`)
  const role = await roleWith([...many, 'http://localhost:1/cb', redirectUri])
  assert.ok(role !== undefined)
  const before = await records()
  const long = 'x'.repeat(1900)
  const hostile = [
    `${redirectUri}/${long}`,
    `${redirectUri}?${long}`,
    `${redirectUri}#${long}`,
    `https://${long}@example.com`,
    `https://example.com@${'a.'.repeat(900)}test`,
    `http://localhost:${'0'.repeat(1800)}2/cb`,
    `http://localhost:2/${'%2e%2e/'.repeat(250)}cb`,
    `http://localhost:2/${'../'.repeat(600)}cb`,
    `http://${'localhost.'.repeat(180)}test:2/cb`,
    'x'.repeat(100_000),
    `${redirectUri}/${'x'.repeat(400_000)}`,
  ]
  for (const redirect_uri of hostile) {
    const answer = await setup.authUrl(role, { redirect_uri })
    // What is longer than an address may be is a bad request.
    if (redirect_uri.length > 2048) assertStatus(answer, 400, redirect_uri.slice(0, 40))
    else assert.deepEqual(answer.body.data, { auth_url: '' }, redirect_uri.slice(0, 40))
  }
  for (let i = 0; i < 500; i++) {
    const answer = await setup.authUrl(role, { redirect_uri: `https://app${i}.example.com/cb/` })
    assert.deepEqual(answer.body.data, { auth_url: '' })
  }
  assert.equal(await records(), before)
  const honest = await setup.authUrl(role, { redirect_uri: 'http://localhost:65535/cb' })
  assert.notEqual(honest.body.data.auth_url, '')
})
