/** A provider that answers with anything but what was asked for: each sign-in ends with a reason, and the next honest one works. */

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { ScriptedAnswer } from '../harness/scripted-provider.ts'
import { LineLogger } from '../../src/platform/logger.ts'
import { assertReason, assertStatus } from './fixture.ts'
import { nextAddress, redirectUri, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

let setup: SignInSetup
const log: string[] = []
const plain = { role_type: 'oidc', user_claim: 'sub', allowed_redirect_uris: [redirectUri] }
const canary = 'canary-access-token-0123456789'

before(async () => {
  const logger = new LineLogger({
    level: 'trace',
    format: 'json',
    nowMs: () => 0,
    write: (line) => log.push(line),
  })
  setup = await setUpSignIn({ logger })
})

after(() => setup.stop())

async function signIn(role: object = {}) {
  const name = await setup.role(role, plain)
  const { code, state } = await setup.begin(name)
  const start = performance.now()
  const answer = await setup.callback({ code, state }, nextAddress())
  return { answer, code, ms: performance.now() - start }
}

const big = 'x'.repeat(10_485_760)
const answers: readonly (readonly [string, ScriptedAnswer])[] = [
  ['a page', { body: '<!doctype html><b>down</b>', type: 'text/html' }],
  ['10 MiB', { body: big }],
  ['10 MiB of JSON', { body: { access_token: big, id_token: 'x' } }],
  ['10,000 levels', { body: `${'['.repeat(10_000)}${']'.repeat(10_000)}` }],
  ['a member twice', { body: '{"access_token":"a","access_token":"b","id_token":"c"}' }],
  ['a lone surrogate', { body: '{"access_token":"\\ud800","id_token":"c"}' }],
  ['a list', { body: '[]' }],
  ['numbers for tokens', { body: { access_token: 1, id_token: 2 } }],
  ['nothing', { body: '' }],
  ['500', { status: 500, body: 'oops' }],
  ['a redirect elsewhere', { status: 307, body: '', headers: { location: 'http://127.0.0.1:9/' } }],
  ['an error with tags', { status: 400, body: { error: '<script>alert(1)</script>' } }],
  ['an ID token of another kind', { body: { access_token: 'a', id_token: 'no.jwt' } }],
]

for (const [what, answer] of answers) {
  test(`SEC-NET-07, SEC-NET-14: a token endpoint that answers with ${what} gets nobody in, and harms nobody`, async () => {
    setup.idp.onToken = () => answer
    const { answer: refused, ms } = await signIn()
    assertStatus(refused, 400, what)
    assert.ok(refused.headers['x-login-reason'] !== undefined)
    assert.ok(!refused.text.includes('<script'))
    assert.ok(ms < 2000, `${ms} ms`)
    setup.idp.onToken = undefined
    assertStatus((await signIn()).answer, 200)
  })
}

test('SEC-NET-07: a token endpoint that stops in the middle is given up in time, while others sign in', async () => {
  setup.idp.onToken = () => ({ body: '{"access_token":"a"}', stopsAfter: 5 })
  const hanging = signIn()
  await new Promise((resolve) => setTimeout(resolve, 200))
  setup.idp.onToken = undefined
  assertStatus((await signIn()).answer, 200)
  const { answer, ms } = await hanging
  assertReason(answer, 'code_exchange_failed')
  assert.ok(ms < 25_000, `${ms} ms`)
})

test('SEC-NET-08: neither secret nor bearer follows a redirect to another origin', async () => {
  const seen: string[] = []
  const other = createServer((request, response) => {
    seen.push(`${request.method} ${request.headers.authorization ?? ''}`)
    response.end('{}')
  })
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`
  for (const status of [301, 302, 303, 307, 308]) {
    setup.idp.onToken = () => ({ status, body: '', headers: { location } })
    assertStatus((await signIn()).answer, 400)
    setup.idp.onToken = undefined
    setup.idp.userInfo = { status, body: '', headers: { location } } as never
    assertStatus((await signIn()).answer, 200)
  }
  setup.idp.userInfo = { sub: 'bob-subject' }
  other.close()
  assert.deepEqual(seen, [])
})

test('user info that is a page, huge, malformed or somebody else’s is not used', async () => {
  const bodies: readonly ScriptedAnswer[] = [
    { body: '<b>x</b>', type: 'text/html' },
    { body: big },
    { body: '{"sub":"bob-subject","sub":"bob-subject","team":"x"}' },
    { body: '{"sub":"bob-subject","team":"\\ud800"}' },
    { body: '"bob-subject"' },
    { body: 'a.b.c', type: 'application/jwt' },
  ]
  const role = { claim_mappings: { team: 'team' }, optional_claim_mappings: ['*'] }
  for (const userInfo of bodies) {
    setup.idp.userInfo = userInfo as never
    const { answer } = await signIn(role)
    assertStatus(answer, 200)
    assert.equal(answer.body.auth.metadata.team, undefined)
  }
  setup.idp.userInfo = { sub: 'bob-subject' }
})

test('no code, token or secret of a sign-in is in the log, also where claims are asked for', async () => {
  setup.idp.claims = { ...setup.idp.claims, team: 'blue' }
  setup.idp.onToken = ({ form }) => {
    const nonce = nonces.get(form.get('code') ?? '') ?? ''
    return { body: { access_token: canary, token_type: 'Bearer', id_token: setup.idp.mint(nonce) } }
  }
  const nonces = new Map<string, string>()
  const name = await setup.role({ verbose_oidc_logging: true }, plain)
  const { code, state, authUrl } = await setup.begin(name, { client_nonce: 'canary-client-nonce' })
  nonces.set(code, new URL(authUrl).searchParams.get('nonce') ?? '')
  const answer = await setup.callback({ code, state, client_nonce: 'canary-client-nonce' })
  assertStatus(answer, 200)
  await setup.callback({ code: 'wrong', state: 'st_wrong' })
  setup.idp.onToken = undefined
  const text = log.join('\n')
  assert.match(text, /claims of a sign-in/)
  assert.match(text, /blue/)
  for (const secret of [
    canary,
    code,
    state,
    'canary-client-nonce',
    'eyJ',
    setup.idp.clientSecret + '"',
  ]) {
    assert.ok(!text.includes(secret), secret.slice(0, 12))
  }
  assert.ok(!text.includes(answer.body.auth.client_token))
})
