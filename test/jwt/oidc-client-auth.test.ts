/** How a mount proves itself to its provider: secret, own key, or nothing. */

import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { after, before, test } from 'node:test'
import { assertRefused, assertStatus } from './fixture.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import { nextAddress, redirectUri, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'
import type { ScriptedAnswer, TokenRequest } from '../harness/scripted-provider.ts'

let setup: SignInSetup
const plain = { role_type: 'oidc', user_claim: 'sub', allowed_redirect_uris: [redirectUri] }

before(async () => {
  setup = await setUpSignIn()
})

after(() => setup.stop())

async function signIn(onToken?: (request: TokenRequest) => ScriptedAnswer | undefined) {
  const role = await setup.role({}, plain)
  const { code, state, authUrl } = await setup.begin(role)
  const nonce = new URL(authUrl).searchParams.get('nonce') ?? ''
  const answer: ScriptedAnswer = {
    body: { access_token: 'access1', token_type: 'bEARER', id_token: setup.idp.mint(nonce) },
  }
  setup.idp.onToken = (request) => onToken?.(request) ?? answer
  const result = await setup.callback({ code, state }, nextAddress())
  setup.idp.onToken = undefined
  return {
    result,
    request: setup.idp.tokenRequests.at(-1) ?? { form: new URLSearchParams(), authorization: '' },
  }
}

test('CFG-051 a second write without client id and secret ends the browser flow', async () => {
  await setup.configure({ oidc_client_id: '', oidc_client_secret: '' })
  const role = await setup.role({}, plain)
  assertRefused(await setup.authUrl(role), /^OIDC login is not configured for this mount$/)
  await setup.configure()
})

test('the secret goes the way the mount names, and no other', async () => {
  await setup.configure({ oidc_client_auth_method: 'client_secret_post' })
  const posted = await signIn()
  assertStatus(posted.result, 200)
  assert.equal(posted.request.authorization, undefined)
  assert.equal(posted.request.form.get('client_secret'), 'def')
  await setup.configure({ oidc_client_auth_method: 'client_secret_basic' })
  const asked = setup.idp.tokenRequests.length
  const refused = await signIn(() => ({ status: 401, body: { error: 'invalid_client' } }))
  assertStatus(refused.result, 400)
  assert.equal(setup.idp.tokenRequests.length, asked + 1)
  assert.equal(refused.request.form.get('client_secret'), null)
  const read = await setup.root.read('auth/oidc/config')
  assert.equal(read.body.data.oidc_client_auth_method, 'client_secret_basic')
  await setup.configure()
  assert.ok(!('oidc_client_auth_method' in (await setup.root.read('auth/oidc/config')).body.data))
})

test('a client secret is never shown, and what is written beside it leaves it alone, however long it is (SEC-CFG-S3)', async () => {
  for (const secret of ['canary-7d20', `canary-7d20${'s'.repeat(4000)}`]) {
    await setup.configure({
      oidc_client_secret: secret,
      oidc_client_auth_method: 'client_secret_post',
    })
    const path = `auth/${setup.mount}`
    // A configuration is replaced as a whole, so one that would lose the secret alone is refused.
    const { oidc_client_secret: _, ...without } = setup.config
    const refused = await setup.root.write(`${path}/config`, without)
    assertRefused(refused, /oidc_client_secret/)
    await setup.root.must(`sys/auth/${setup.mount}/tune`, { description: 'people' })
    const shown = [
      refused,
      ...(await Promise.all(
        [`${path}/config`, `sys/auth/${setup.mount}`, 'sys/auth', 'sys/internal/specs/openapi'].map(
          (one) => setup.root.read(one),
        ),
      )),
    ]
    for (const { text } of shown) assert.ok(!text.includes('canary-7d20'), text.slice(0, 200))
    const { result, request } = await signIn()
    assertStatus(result, 200)
    assert.equal(request.form.get('client_secret'), secret)
  }
  await setup.configure()
})

test('RFC 6749 §2.3.1: id and secret are form-encoded before they become Basic credentials', async () => {
  await setup.configure({ oidc_client_secret: 'a:b+c d%' })
  const { request } = await signIn()
  const text = Buffer.from(
    (request.authorization ?? '').slice('Basic '.length),
    'base64',
  ).toString()
  assert.equal(text, 'abc:a%3Ab%2Bc+d%25')
  await setup.configure()
})

test('what a form leaves as it is stands so in Basic credentials: providers that decode nothing know a UUID by its hyphens', async () => {
  await setup.configure({ oidc_client_secret: "s-e_c.r~e!t*'()" })
  const { request } = await signIn()
  const basic = (request.authorization ?? '').slice('Basic '.length)
  assert.equal(Buffer.from(basic, 'base64').toString(), "abc:s-e_c.r~e!t*'()")
  await setup.configure()
})

test('a client secret is never shown, and stays through writes of everything else (SEC-CFG-S3)', async () => {
  const secret = `hidden${'s'.repeat(4_000)}`
  await setup.configure({ oidc_client_secret: secret })
  const { oidc_client_secret: _, ...without } = setup.config
  const refused = await setup.root.write('auth/oidc/config', without)
  assertRefused(refused, /oidc_client_secret/)
  await setup.root.must('sys/auth/oidc/tune', { description: 'people' })
  const texts = [refused.text]
  for (const path of ['auth/oidc/config', 'auth/oidc/lint', 'sys/auth', 'sys/auth/oidc/tune']) {
    texts.push((await setup.root.read(path)).text)
  }
  const { result, request } = await signIn()
  assertStatus(result, 200)
  texts.push(result.text)
  const basic = (request.authorization ?? '').slice('Basic '.length)
  assert.equal(Buffer.from(basic, 'base64').toString(), `abc:${secret}`)
  for (const text of texts) assert.doesNotMatch(text, /hiddens/)
  await setup.configure()
})

test('a public client sends its id and no secret', async () => {
  await setup.configure({ oidc_client_secret: '', oidc_client_auth_method: 'none' })
  const { result, request } = await signIn()
  assertStatus(result, 200)
  assert.equal(request.authorization, undefined)
  assert.equal(request.form.get('client_id'), 'abc')
  assert.equal(request.form.get('client_secret'), null)
  assert.equal(request.form.get('code_verifier')?.length, 43)
  await setup.configure()
})

test('RFC 7523: the mount signs for itself with a key that the provider can read, also after a rotation', async () => {
  await setup.configure({ oidc_client_secret: '', oidc_client_auth_method: 'private_key_jwt' })
  const first = await keySet(setup)
  assert.equal(first.length, 1)
  assert.deepEqual(Object.keys(first[0] ?? {}).toSorted(), ['alg', 'e', 'kid', 'kty', 'n', 'use'])
  const rotated = await setup.root.must('auth/oidc/oidc/rotate-client-key')
  const both = await keySet(setup)
  // A provider that has just read the key set reads it again when it thinks it time.
  assert.deepEqual(both[0], first[0], 'what the provider knows is still in use')
  assert.equal(both[1]?.['kid'], rotated.body.data.kid)
  const { result, request } = await signIn()
  assertStatus(result, 200)
  const { form } = request
  assert.equal(
    form.get('client_assertion_type'),
    'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  )
  const [header = '', payload = '', signature = ''] = (form.get('client_assertion') ?? '').split(
    '.',
  )
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  assert.equal(read(header).kid, both[0]?.['kid'])
  assert.equal(read(payload).iss, 'abc')
  assert.equal(read(payload).sub, 'abc')
  assert.ok(read(payload).exp - Math.floor(Date.now() / 1000) <= 120)
  const key = createPublicKey({ key: both[0] ?? {}, format: 'jwk' })
  const signed = Buffer.from(`${header}.${payload}`)
  assert.ok(verify('sha256', signed, key, Buffer.from(signature, 'base64url')))
  await setup.configure()
})

test('a provider that wants its token endpoint as the audience gets an assertion with it, from then on at once', async () => {
  const aud = ({ form }: TokenRequest): unknown => {
    const [, payload = ''] = (form.get('client_assertion') ?? '').split('.')
    return JSON.parse(Buffer.from(payload, 'base64url').toString()).aud
  }
  await setup.configure({ oidc_client_secret: '', oidc_client_auth_method: 'private_key_jwt' })
  const before = setup.idp.tokenRequests.length
  const endpoint = `${setup.idp.issuer}/token`
  const pickyProvider = (request: TokenRequest) =>
    aud(request) === endpoint ? undefined : { status: 401, body: { error: 'invalid_client' } }
  for (let round = 0; round < 2; round++) {
    assertStatus((await signIn(pickyProvider)).result, 200)
  }
  const { issuer } = setup.idp
  assert.deepEqual(setup.idp.tokenRequests.slice(before).map(aud), [issuer, endpoint, endpoint])
  await setup.configure()
})

test('a provider that looks at the code before the client teaches nothing about the client', async () => {
  await setup.configure()
  const posted = ({ authorization, form }: TokenRequest) => {
    if (form.get('code') === 'junk') return { status: 400, body: { error: 'invalid_grant' } }
    const isTaken = authorization === undefined && form.get('client_secret') === 'def'
    return isTaken ? undefined : { status: 401, body: { error: 'invalid_client' } }
  }
  const role = await setup.role({}, plain)
  const { state } = await setup.begin(role)
  setup.idp.onToken = posted
  assertRefused(await setup.callback({ code: 'junk', state }, nextAddress()), /invalid_grant/)
  assertStatus((await signIn(posted)).result, 200)
  await setup.configure()
})

test('a provider that turns both ways of a secret away is quoted for both', async () => {
  await setup.configure()
  const { result } = await signIn(({ authorization }) => {
    const error_description = authorization === undefined ? 'Basic only' : 'no such secret'
    return { status: 401, body: { error: 'invalid_client', error_description } }
  })
  assertRefused(
    result,
    /as Basic credentials: .*no such secret.*; with the secret in the form: .*Basic only/,
  )
  await setup.configure()
})

test('an error member that says nothing is no error', async () => {
  await setup.configure()
  for (const error of [null, '']) {
    const answer: ScriptedAnswer = { body: { error, access_token: 'a', token_type: 'Bearer' } }
    // It got as far as the ID token, which is not there.
    assertRefused((await signIn(() => answer)).result, /No id_token found in response/)
  }
})

test('a provider that spends the code on a client that it turns away is quoted for both, and the next sign-in is right', async () => {
  await setup.configure()
  const seen = new Set<string>()
  // As better-auth does.
  const provider = ({ authorization, form }: TokenRequest) => {
    const code = form.get('code') ?? ''
    if (seen.has(code)) return { status: 400, body: { error: 'invalid_grant' } }
    seen.add(code)
    return authorization === undefined
      ? undefined
      : { status: 401, body: { error: 'invalid_client' } }
  }
  const first = await signIn(provider)
  assertRefused(first.result, /Basic credentials: .*invalid_client.*form: .*invalid_grant/)
  assertStatus((await signIn(provider)).result, 200)
  await setup.configure()
})

const otherErrors: readonly (readonly [object, RegExp])[] = [
  [{ error: { type: 'OAuthException', message: 'no such app' } }, /answered .*"no such app/],
  [{ errorCode: 'E0000011', errorSummary: 'Invalid token provided' }, /"Invalid token provided/],
  [{ message: 'no route matches def' }, /"no route matches …/],
  [{ type: 'about:blank', title: 'Forbidden', detail: 'not from here' }, /"not from here/],
  [{ ok: false, error: 7 }, /answered with status 403/],
]

test('a provider with an error in a form of its own is quoted, without what was sent', async () => {
  await setup.configure({ oidc_client_auth_method: 'client_secret_basic' })
  for (const [body, said] of otherErrors) {
    const { result } = await signIn(() => ({ status: 403, body: { ...body } }))
    assertRefused(result, said)
    assert.doesNotMatch(result.text, /matches def/)
  }
  await setup.configure()
})

test('a new client key is used when providers have had time to read it, or at once where the old one leaked', async () => {
  const clock = new ManualClock(Date.now())
  const other = await setUpSignIn({ clock })
  try {
    await other.configure({ oidc_client_secret: '', oidc_client_auth_method: 'private_key_jwt' })
    const rotate = async (more: object = {}) =>
      (await other.root.must('auth/oidc/oidc/rotate-client-key', more)).body.data
    const used = async () => (await keySet(other)).map(({ kid }) => kid)
    const [first] = await used()
    const second = await rotate()
    assert.deepEqual(await used(), [first, second.kid])
    assert.equal(Date.parse(second.used_from), clock.nowMs() + 600_000)
    clock.advance(599_999)
    assert.deepEqual(await used(), [first, second.kid])
    clock.advance(1)
    assert.deepEqual(await used(), [second.kid, first])
    // The one before stays known for a while, and a rotation that is under way is not begun anew.
    const third = await rotate()
    clock.advance(60_000)
    assert.deepEqual(await rotate(), third)
    assert.deepEqual(await used(), [second.kid, third.kid, first])
    const fifth = await rotate({ leaked: true })
    assert.deepEqual(await used(), [fifth.kid])
    assert.equal(Date.parse(fifth.used_from), clock.nowMs())
  } finally {
    await other.stop()
  }
})

async function keySet({ server }: SignInSetup): Promise<readonly Record<string, string>[]> {
  const answer = await server.client().read('auth/oidc/oidc/jwks')
  assertStatus(answer, 200)
  // Rhonabwy, of Glewlwyd, reads no other.
  assert.equal(answer.headers['content-type'], 'application/json')
  return answer.body.keys
}

test('a method that does not fit the secret is refused, and an unknown one is named', async () => {
  const write = (more: object) => setup.root.write('auth/oidc/config', { ...setup.config, ...more })
  assertRefused(await write({ oidc_client_auth_method: 'mtls' }), /oidc_client_auth_method.*"mtls"/)
  assertRefused(await write({ oidc_client_auth_method: 'none' }), /oidc_client_secret/)
  const none = { oidc_client_id: '', oidc_client_secret: '', oidc_client_auth_method: 'none' }
  assertRefused(await write(none), /oidc_client_id/)
})

const ages = [
  ['60', '60'],
  [180, '180'],
  ['', null],
  ['30s', '30'],
  ['2m', '120'],
  ['1h', '3600'],
] as const

for (const [max_age, wanted] of ages) {
  test(`ROL-044 max_age ${JSON.stringify(max_age)} asks the provider for ${wanted}`, async () => {
    const role = await setup.role({ max_age }, plain)
    const answer = await setup.authUrl(role)
    assert.equal(new URL(answer.body.data.auth_url).searchParams.get('max_age'), wanted)
  })
}

test('AUT-30 sign-ins ask for no token, and their configuration does', async () => {
  const client = setup.server.client()
  for (const [method, path] of [
    ['POST', 'auth/oidc/login'],
    ['POST', 'auth/oidc/oidc/auth_url'],
    ['GET', 'auth/oidc/oidc/callback'],
    ['POST', 'auth/oidc/oidc/poll'],
  ] as const) {
    assertStatus(await client.call(method, path, method === 'POST' ? {} : undefined), 400, path)
  }
  assertStatus(await client.read('auth/oidc/config'), 403)
  assertStatus(await client.write('auth/oidc/oidc/rotate-client-key'), 403)
})

test('what the provider repeats of code, secret and verifier is told to nobody', async () => {
  await setup.configure()
  const code = 's0-sh0rt'
  let verifier = ''
  setup.idp.onToken = ({ form }) => {
    verifier = form.get('code_verifier') ?? ''
    const description = `code ${code} verifier ${verifier} secret ${setup.idp.clientSecret}`
    return { status: 400, body: { error: `bad_${code}`, error_description: description } }
  }
  const { state } = await setup.begin(await setup.role({}, plain))
  const result = await setup.callback({ state, code })
  setup.idp.onToken = undefined
  assertStatus(result, 400)
  assert.match(result.text, /code … verifier … secret …/)
  for (const secret of [code, verifier, `secret ${setup.idp.clientSecret}`]) {
    assert.ok(secret !== '' && !result.text.includes(secret), `${secret} in ${result.text}`)
  }
})

test('codes that nobody gave out cost a provider that turns the client away one call each (SEC-OID-33)', async () => {
  await setup.configure()
  const asked = setup.idp.tokenRequests.length
  for (let i = 0; i < 10; i++) {
    await signIn(() => ({ status: 401, body: { error: 'invalid_client' } }))
  }
  assert.equal(setup.idp.tokenRequests.length - asked, 11, 'the other way was tried once')
})

test('a provider that refuses a code has taken the secret, and is asked once for the next', async () => {
  await setup.configure()
  await signIn(() => ({ status: 400, body: { error: 'invalid_grant' } }))
  const asked = setup.idp.tokenRequests.length
  await signIn(() => ({ status: 400, body: { error: 'invalid_request' } }))
  assert.equal(setup.idp.tokenRequests.length - asked, 1)
})
