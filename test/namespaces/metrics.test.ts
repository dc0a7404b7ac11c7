/** What is counted of mounts in namespaces, and the tokens that live (explain.md §8). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, type JwtMount } from '../platform/fixture.ts'

const clock = manualClock()
let server: TestServer
let jwt: JwtMount
let inner: JwtMount

before(async () => {
  server = await startTestServer({ clock })
  await server.root.must('sys/namespaces/team')
  jwt = await enableJwt(server)
  inner = await enableJwt(server, { root: server.root.in('team') })
  for (const mount of [jwt, inner]) await mount.mustRole('r', { token_ttl: '1m' })
})
after(() => server.stop())

async function scrape(): Promise<string> {
  return (await server.root.read('sys/metrics?format=prometheus')).text
}

/** Lets what is due be counted, a page at a time with its pauses. */
async function live(wanted: RegExp): Promise<string> {
  for (let i = 0; i < 200; i++) {
    clock.advance(i === 0 ? 16_000 : 20)
    await new Promise((resolve) => setImmediate(resolve))
    const text = await scrape()
    if (wanted.test(text)) return text
  }
  assert.fail(`${wanted} in\n${await scrape()}`)
}

test('logins of a namespace are counted by its mount, with the namespace beside it', async () => {
  await inner.mustLogin('r')
  await jwt.mustLogin('r')
  const text = await scrape()
  assert.match(
    text,
    /^tokenstile_logins_total\{namespace="team\/",mount="team\/jwt\/",role="r",decision="accepted",reason=""\} 1$/m,
  )
  assert.match(text, /^tokenstile_logins_total\{mount="jwt\/",role="r".*\} 1$/m)
})

test('keys of issuers in a namespace show their age', async () => {
  const keys = /^tokenstile_keys_refresh_total\{mount="team\/jwt\/",.*namespace="team\/"\}/m
  assert.match(await scrape(), keys)
})

test('stored tokens that live are counted in the background, by mount; the dead are not', async () => {
  const first = await live(/^tokenstile_tokens_live\{mount="jwt\/"\} 1$/m)
  assert.match(first, /^tokenstile_tokens_live\{namespace="team\/",mount="team\/jwt\/"\} 1$/m)
  assert.match(first, /^tokenstile_tokens_live\{mount="token\/"\} \d+$/m)
  assert.match(first, /^tokenstile_tokens_live_age_seconds \d/m)

  for (let i = 0; i < 300; i++) await jwt.mustLogin('r', `user${i % 7}`)
  const { client_token } = (await jwt.mustLogin('r', 'revoked')).body.auth
  await server.root.must('auth/token/revoke', { token: client_token })
  await live(/^tokenstile_tokens_live\{mount="jwt\/"\} 301$/m)
  await jwt.mustLogin('r')
  await live(/^tokenstile_tokens_live\{mount="jwt\/"\} 302$/m)
  // The others die first, and not while they are being counted.
  clock.advance(13_000)
  await live(/^tokenstile_tokens_live\{mount="jwt\/"\} 1$/m)
})
