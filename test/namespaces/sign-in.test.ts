/** Sign-ins through a provider inside a namespace: by the API and by the pages (jwt-oidc.md §4.6). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { formTokenOf, textOf, Visitor } from '../ui/visitor.ts'

let server: TestServer
let root: ApiClient
let inside: ApiClient
let idp: ScriptedProvider
let page: string
let id: string

before(async () => {
  idp = await new ScriptedProvider().start()
  server = await startTestServer({ ui: true })
  root = server.root
  await root.must('sys/namespaces/team')
  id = (await root.must('sys/namespaces/team/a')).body.data.id
  inside = root.in('team/a')
  page = `${server.url}/ui/vault/auth/oidc/oidc/callback`
  await inside.must('sys/auth/oidc', {
    type: 'oidc',
    description: 'People of the team',
    config: { listing_visibility: 'unauth' },
  })
  await configure()
  await role('people')
})

after(async () => {
  await server.stop()
  await idp.stop()
})

async function configure(more: object = {}): Promise<void> {
  await inside.must('auth/oidc/config', {
    oidc_discovery_url: idp.issuer,
    oidc_client_id: idp.clientId,
    oidc_client_secret: idp.clientSecret,
    jwt_supported_algs: ['ES256'],
    default_role: 'people',
    namespace_in_state: true,
    ...more,
  })
}

async function role(name: string, more: object = {}): Promise<void> {
  await inside.must(`auth/oidc/role/${name}`, {
    role_type: 'oidc',
    user_claim: 'email',
    allowed_redirect_uris: [page],
    token_policies: ['reader'],
    token_ttl: '1h',
    ...more,
  })
}

function placeOf(answer: ApiResult): string {
  assert.equal(answer.status, 303, answer.text)
  return answer.headers['location'] ?? ''
}

test('the namespace of a redirect goes into the state, and the sign-in ends in that namespace alone (NSP-20)', async () => {
  const asked = { redirect_uri: `${page}?namespace=team/a`, client_nonce: 'n' }
  const started = await inside.as(undefined).write('auth/oidc/oidc/auth_url', asked)
  const { code, state } = idp.authorize(started.body.data.auth_url)
  assert.match(state, /^st_\w+,ns=team\/a$/)
  const url = new URL(started.body.data.auth_url)
  assert.equal(url.searchParams.get('redirect_uri'), page)
  const query = new URLSearchParams({ code, state, client_nonce: 'n' }).toString()
  for (const elsewhere of [root, root.in('team')]) {
    const lost = await elsewhere.as(undefined).read(`auth/oidc/oidc/callback?${query}`)
    assert.ok(lost.status >= 400)
  }
  const ended = await inside.as(undefined).read(`auth/oidc/oidc/callback?${query}`)
  assert.equal(ended.status, 200, ended.text)
  assert.ok(ended.body.auth.client_token.endsWith(`.${id}`))
})

test('a browser signs in inside a namespace, sees who it is, and signs out', async () => {
  const who = new Visitor(server.url)
  const login = await who.get('/ui/login?namespace=team/a')
  assert.match(textOf(login), /People of the team/)
  assert.match(textOf(login), /Namespace\s+team\/a/)
  assert.equal((await who.get('/ui/login')).text.includes('People of the team'), false)
  const { code, state } = idp.authorize(
    placeOf(await who.get('/ui/login/oidc/start?namespace=team/a')),
  )
  assert.match(state, /,ns=team\/a$/)
  const query = (said: string) => new URLSearchParams({ code, state: said }).toString()
  const other = state.replace('ns=team/a', 'ns=team')
  const back = '/ui/vault/auth/oidc/oidc/callback'
  assert.equal(placeOf(await who.get(`${back}?${query(other)}`)), '/ui/sign-in')
  assert.equal(placeOf(await who.get(`${back}?${query(state)}`)), '/ui/')
  const account = await who.get('/ui/')
  assert.equal(account.status, 200)
  assert.match(textOf(account), /reader/)
  const left = await who.post('/ui/sign-out', { form_token: formTokenOf(account) })
  assert.match(placeOf(left), /signed_out=1/)
})

test('without namespace_in_state the redirect comes back with its query', async () => {
  await configure({ namespace_in_state: false })
  await role('people', { allowed_redirect_uris: [`${page}?namespace=team/a`] })
  const who = new Visitor(server.url)
  const address = placeOf(await who.get('/ui/login/oidc/start?namespace=team/a'))
  assert.equal(new URL(address).searchParams.get('redirect_uri'), `${page}?namespace=team/a`)
  const { code, state } = idp.authorize(address)
  assert.equal(state.includes(',ns='), false)
  const query = new URLSearchParams({ namespace: 'team/a', code, state }).toString()
  assert.equal(placeOf(await who.get(`/ui/vault/auth/oidc/oidc/callback?${query}`)), '/ui/')
  assert.equal((await who.get('/ui/')).status, 200)
  await configure()
  await role('people')
})

test('a provider that posts, posts to the API of the namespace', async () => {
  await configure({ oidc_response_mode: 'form_post' })
  const who = new Visitor(server.url)
  const address = placeOf(await who.get('/ui/login/oidc/start?namespace=team/a'))
  const posted = `${server.url}/v1/team/a/auth/oidc/oidc/callback`
  assert.equal(new URL(address).searchParams.get('redirect_uri'), posted)
  const { code, state } = idp.authorize(address)
  const form = new URLSearchParams({ code, state }).toString()
  const answer = await root.as(undefined).call('POST', new URL(posted).pathname, undefined, {
    raw: form,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: idp.issuer },
  })
  assert.equal(placeOf(await who.get(placeOf(answer))), '/ui/')
  assert.equal((await who.get('/ui/')).status, 200)
  await configure()
})

test('a sign-in of a terminal asks at the address of the namespace', async () => {
  const redirect_uri = `${server.url}/v1/team/a/auth/oidc/oidc/callback`
  await role('terminal', { callback_mode: 'direct', allowed_redirect_uris: [redirect_uri] })
  const asked = { role: 'terminal', redirect_uri, client_nonce: 'n' }
  const { auth_url, state } = (await inside.as(undefined).must('auth/oidc/oidc/auth_url', asked))
    .body.data
  const who = new Visitor(server.url)
  const { code, state: sent } = idp.authorize(auth_url)
  const query = new URLSearchParams({ code, state: sent }).toString()
  const own = '/v1/team/a/auth/oidc/oidc/callback'
  const first = await who.get(`${own}?${query}`, { accept: 'text/html' })
  assert.equal(placeOf(first), own)
  const ask = await who.get(own)
  const [, action] = /<form[^>]* action="([^"]*)"/.exec(ask.text) ?? []
  assert.equal(action, own)
  const poll = { state, client_nonce: 'n' }
  const waiting = await inside.as(undefined).write('auth/oidc/oidc/poll', poll)
  assert.equal(waiting.status, 400)
  assert.ok((await root.as(undefined).write('auth/oidc/oidc/poll', poll)).status >= 400)
})
