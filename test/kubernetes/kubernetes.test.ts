/** The kubernetes method on a real server, with a stand-in of a cluster's API server over HTTPS. */

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { parseLabelSelector, selectorMatches } from '../../src/auth/kubernetes/label-selector.ts'
import { LineLogger } from '../../src/platform/logger.ts'
import { firstError, type ApiResult } from '../harness/api-client.ts'
import { besideOtherCaller, otherCallerMsMax } from '../harness/other-caller.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { apiAudience, Cluster } from './cluster.ts'

const api = { namespace: 'shop', name: 'api', uid: '7d1c2b60-0000-4000-8000-000000000001' }
const at = 'auth/kubernetes'
const plainRole = {
  bound_service_account_names: 'api',
  bound_service_account_namespaces: 'shop',
  token_policies: 'shop-api',
  token_ttl: '20m',
}

let server: TestServer
let cluster: Cluster
const lines: string[] = []

before(async () => {
  cluster = await new Cluster().start()
  const write = (line: string): number => lines.push(line)
  const logger = new LineLogger({ level: 'info', format: 'json', nowMs: () => 0, write })
  server = await startTestServer({ logger })
  await server.root.must('sys/auth/kubernetes', { type: 'kubernetes' })
  await server.root.must(`${at}/config`, cluster.config)
  await server.root.must(`${at}/role/app`, plainRole)
})
beforeEach(async () => {
  cluster.answers.clear()
  cluster.asked.length = 0
  await server.root.must(`${at}/config`, cluster.config)
})
after(async () => {
  await server.stop()
  await cluster.stop()
})

function login(role: string, jwt: string): Promise<ApiResult> {
  return server.client().write(`${at}/login`, { role, jwt })
}

function assertDenied(result: ApiResult, reason: string, text = 'permission denied'): void {
  assert.equal(result.status, 403, result.text)
  assert.equal(firstError(result), text)
  assert.equal(result.headers['x-login-reason'], reason)
}

test('a cluster needs an address, and a CA where the pod has none to give (AUT-21)', async () => {
  const { root } = server
  const refuse = async (config: object, text: RegExp) => {
    const refused = await root.write(`${at}/config`, config)
    assert.equal(refused.status, 400)
    assert.match(firstError(refused), text)
  }
  await refuse({}, /^no host provided$/)
  await refuse({ kubernetes_host: ' ' }, /^no host provided$/)
  const kubernetes_host = cluster.url
  await refuse({ kubernetes_host, disable_local_ca_jwt: true }, /^kubernetes_ca_cert must be given/)
  await refuse({ kubernetes_host: 'http://192.0.2.1' }, /https/)
  await refuse({ kubernetes_host: 'https://u:p@192.0.2.1' }, /credentials/)
  await refuse({ kubernetes_host, kubernetes_ca_cert: 'none' }, /'kubernetes_ca_cert'/)
  await refuse({ kubernetes_host, pem_keys: ['none'] }, /'pem_keys', key 1/)
  await refuse({ kubernetes_host, token_reviewer_jwt: 'a\nb' }, /'token_reviewer_jwt'/)
})

test('the token of the reviewer is not shown, and a write replaces all (AUT-29)', async () => {
  const { body, text } = await server.root.read(`${at}/config`)
  assert.doesNotMatch(text, /reviewer-token/)
  assert.equal(body.data.token_reviewer_jwt_set, true)
  assert.equal(body.data.disable_iss_validation, true)
  await server.root.must(`${at}/config`, { kubernetes_host: cluster.url })
  const { data } = (await server.root.read(`${at}/config`)).body
  assert.deepEqual([data.token_reviewer_jwt_set, data.kubernetes_ca_cert], [false, ''])
})

test('a role names its accounts, and their namespaces or labels of them (AUT-22)', async () => {
  const { root } = server
  const refuse = async (role: object, text: RegExp) => {
    const refused = await root.write(`${at}/role/bad`, role)
    assert.equal(refused.status, 400)
    assert.match(firstError(refused), text)
  }
  const names = { bound_service_account_names: 'a' }
  await refuse({ bound_service_account_namespaces: 'a' }, /"bound_service_account_names"/)
  await refuse(names, /"bound_service_account_namespaces"/)
  await refuse({ ...plainRole, bound_service_account_names: 'a,*' }, /can not mix/)
  const selector = (text: string) => ({ ...names, bound_service_account_namespace_selector: text })
  for (const text of ['{', '[]', '{}', '{"matchLabels":{"a":1}}', '{"other":{}}']) {
    await refuse(selector(text), /namespace_selector/)
  }
  await refuse({ ...plainRole, alias_name_source: 'other' }, /'alias_name_source'/)
  const open = { bound_service_account_names: '*', bound_service_account_namespaces: '*' }
  const made = await root.must(`${at}/role/open`, open)
  assert.match(made.body.warnings[0], /every service account/)
  await root.must(`${at}/role/labels`, selector('{"matchLabels":{"team":"shop"}}'))
  assert.equal((await root.read(`${at}/role/bad`)).status, 404)
})

test('a token that the cluster vouches for becomes one of ours (AUT-23)', async () => {
  const jwt = cluster.tokenOf(api)
  const { status, body, text } = await login('APP', jwt)
  assert.equal(status, 200, text)
  const { metadata, client_token, lease_duration } = body.auth
  assert.equal(metadata.service_account_name, 'api')
  assert.equal(metadata.service_account_namespace, 'shop')
  assert.equal(metadata.service_account_uid, api.uid)
  assert.deepEqual([metadata.role, lease_duration], ['app', 1200])
  const self = await server.client(client_token).read('auth/token/lookup-self')
  assert.equal(self.body.data.display_name, 'kubernetes-shop-api')
  const [review] = cluster.reviews
  assert.equal(review?.bearer, cluster.reviewer)
  assert.deepEqual(review?.spec, { token: jwt, audiences: [apiAudience] })
  // The uid is the alias: an account that was made anew is somebody else.
  const again = { ...api, uid: '7d1c2b60-0000-4000-8000-000000000002' }
  const other = await login('app', cluster.tokenOf(again))
  assert.notEqual(other.body.auth.entity_id, body.auth.entity_id)
})

test('a token of a secret has no audience, and is reviewed without one', async () => {
  const { status, body, text } = await login('app', cluster.oldTokenOf(api))
  assert.equal(status, 200, text)
  assert.equal(body.auth.metadata.service_account_secret_name, 'api-token')
  assert.deepEqual(Object.keys(cluster.reviews[0]?.spec ?? {}), ['token'])
})

test('what the cluster does not vouch for gets nothing, for whatever reason (AUT-24)', async () => {
  const jwt = cluster.tokenOf(api)
  cluster.forget(jwt)
  assertDenied(await login('app', jwt), 'token_review_refused')
  const good = cluster.tokenOf(api)
  const review = 'tokenreviews'
  const status = { authenticated: true, audiences: [apiAudience], user: {} }
  for (const answer of [
    { status: 401 },
    { status: 403, body: { kind: 'Status', message: 'secret words of the cluster' } },
    { status: 500, body: '<html>' },
    { status: 200, body: 'no JSON' },
    { status: 200, body: '[]' },
    { status: 200, body: `{"pad":"${'x'.repeat(300_000)}"}` },
    { status: 302, headers: { location: `${cluster.url}/elsewhere` } },
    { status: 307, headers: { location: 'https://192.0.2.1/' } },
  ]) {
    cluster.answers.set(review, answer)
    const refused = await login('app', good)
    assertDenied(refused, 'token_review_failed')
    assert.doesNotMatch(refused.text, /secret words|html/)
  }
  for (const body of [
    {},
    { status: {} },
    { status: { ...status, authenticated: 'true' } },
    { status },
  ]) {
    cluster.answers.set(review, { body })
    assertDenied(await login('app', good), 'token_review_refused')
  }
  cluster.answers.clear()
  // Clients try a configuration with the frame of a certificate; it is taken, and nothing trusts it.
  const framed = '-----BEGIN CERTIFICATE-----\\n.....\\n-----END CERTIFICATE-----'
  const taken = await server.root.write(`${at}/config`, {
    ...cluster.config,
    kubernetes_ca_cert: framed,
  })
  assert.match(String(taken.body.warnings), /'kubernetes_ca_cert' has no certificate/)
  assertDenied(await login('app', good), 'token_review_failed')
  const config = { ...cluster.config, kubernetes_ca_cert: '' }
  await server.root.must(`${at}/config`, config)
  assertDenied(await login('app', good), 'token_review_failed')
  await server.root.must(`${at}/config`, {
    ...cluster.config,
    kubernetes_host: 'https://127.0.0.1:1',
  })
  assertDenied(await login('app', good), 'token_review_failed')
  assert.ok(lines.some((line) => line.includes('could not be reviewed') && line.includes('detail')))
  assert.ok(!lines.some((line) => line.includes('secret words') || line.includes(good)))
  const refusedLines = lines.filter((line) => line.includes('"reason":"token_review_failed"'))
  assert.equal(refusedLines.length, 11)
})

test('an API server that hangs ends a login in ten seconds and holds up nobody (AUT-24)', async () => {
  cluster.answers.set('tokenreviews', { hangs: true })
  const jwt = cluster.tokenOf(api)
  const before = performance.now()
  const { result, otherCallerMs } = await besideOtherCaller(server, async () => {
    const all = await Promise.all(Array.from({ length: 80 }, () => login('app', jwt)))
    // Sixty-four of one address wait for it, and no more.
    const statuses = all.map(({ status }) => status).toSorted((a, b) => a - b)
    assert.deepEqual([statuses[63], statuses[64]], [403, 429])
    return all.find(({ status }) => status === 403) ?? assert.fail()
  })
  assertDenied(result, 'token_review_failed')
  assert.ok(performance.now() - before < 20_000)
  assert.ok(otherCallerMs < otherCallerMsMax, `${otherCallerMs} ms`)
})

test('a flood of forged tokens asks the cluster a bounded number of times (AUT-24)', async () => {
  const flooded = await startTestServer({ clock: manualClock() })
  await flooded.root.must('sys/auth/kubernetes', { type: 'kubernetes' })
  await flooded.root.must(`${at}/config`, cluster.config)
  await flooded.root.must(`${at}/role/app`, plainRole)
  const forged = cluster.tokenOf(api)
  cluster.forget(forged)
  const tryFrom = (address: string, jwt: string) =>
    flooded.client().from(address).write(`${at}/login`, { role: 'app', jwt })
  const statuses: number[] = []
  for (let i = 0; i < 200; i++) statuses.push((await tryFrom('127.0.0.2', forged)).status)
  assert.equal(cluster.reviews.length, 30)
  assert.deepEqual([statuses[29], statuses[30], statuses.at(-1)], [403, 429, 429])
  // Others are not asked to pay for it.
  assert.equal((await tryFrom('127.0.0.3', cluster.tokenOf(api))).status, 200)
  await flooded.stop()
})

test('a name or a namespace that is none of the role is refused without asking (AUT-25)', async () => {
  const nameRefused = await login('app', cluster.tokenOf({ ...api, name: 'other' }))
  assertDenied(nameRefused, 'service_account_refused', 'service account name not authorized')
  const spaceRefused = await login('app', cluster.tokenOf({ ...api, namespace: 'other' }))
  assertDenied(spaceRefused, 'namespace_refused', 'namespace not authorized')
  for (const jwt of ['', 'x', 'a.b.c', cluster.key.sign({ sub: 'nobody' })]) {
    assert.ok([400, 403].includes((await login('app', jwt)).status), jwt)
  }
  assertDenied(await login('app', cluster.key.sign({ sub: 'nobody' })), 'claim_missing')
  const odd = { ...api, name: 'api\u0000', namespace: '../shop' }
  assertDenied(await login('app', cluster.tokenOf(odd)), 'claim_missing')
  const long = cluster.tokenOf(api, [apiAudience], { exp: 1, nbf: 0, iat: 0 })
  assertDenied(await login('app', long), 'expired')
  assert.equal(cluster.asked.length, 0)
})

test('globs bind names and namespaces', async () => {
  const role = { bound_service_account_names: 'api-*', bound_service_account_namespaces: 'shop-*' }
  await server.root.must(`${at}/role/globs`, role)
  const of = (name: string, namespace: string) =>
    login('globs', cluster.tokenOf({ ...api, name, namespace }))
  assert.equal((await of('api-1', 'shop-eu')).status, 200)
  assertDenied(
    await of('my-api-1', 'shop-eu'),
    'service_account_refused',
    'service account name not authorized',
  )
  assertDenied(await of('api-1', 'my-shop-eu'), 'namespace_refused', 'namespace not authorized')
})

test('the alias is the name of the account where the role says so (AUT-26)', async () => {
  await server.root.must(`${at}/role/named`, {
    ...plainRole,
    alias_name_source: 'serviceaccount_name',
  })
  const first = await login('named', cluster.tokenOf(api))
  const anew = await login('named', cluster.tokenOf({ ...api, uid: 'another-uid' }))
  assert.equal(first.body.auth.entity_id, anew.body.auth.entity_id)
})

test('an account that the review names otherwise than the token is refused (AUT-27)', async () => {
  const jwt = cluster.tokenOf(api)
  const user = { username: 'system:serviceaccount:shop:api', uid: api.uid }
  for (const wrong of [
    { ...user, uid: 'another' },
    { ...user, username: 'system:serviceaccount:shop:admin' },
    { ...user, username: 'system:serviceaccount:kube-system:api' },
    { username: user.username },
  ]) {
    const status = { authenticated: true, audiences: [apiAudience], user: wrong }
    cluster.answers.set('tokenreviews', { body: { status } })
    assertDenied(await login('app', jwt), 'token_review_refused')
  }
  const status = { authenticated: true, audiences: [apiAudience], user }
  cluster.answers.set('tokenreviews', { body: { status } })
  assert.equal((await login('app', jwt)).status, 200)
})

test('a role that is not there is named (AUT-28)', async () => {
  const refused = await login('nothing', cluster.tokenOf(api))
  assert.equal(refused.status, 400)
  assert.equal(firstError(refused), 'invalid role name "nothing"')
  assert.equal((await login('', 'x')).status, 400)
})

test('an audience of the role is wanted from the token and from the review', async () => {
  await server.root.must(`${at}/role/aud`, { ...plainRole, audience: 'https://tokens.test' })
  assertDenied(await login('aud', cluster.tokenOf(api)), 'audience_mismatch')
  assert.equal(cluster.asked.length, 0)
  const jwt = cluster.tokenOf(api, ['https://tokens.test', 'other'])
  assert.equal((await login('aud', jwt)).status, 200)
  assert.deepEqual(cluster.reviews[0]?.spec?.audiences, ['https://tokens.test'])
  const user = { username: 'system:serviceaccount:shop:api', uid: api.uid }
  for (const audiences of [[], ['other'], undefined]) {
    cluster.answers.set('tokenreviews', {
      body: { status: { authenticated: true, audiences, user } },
    })
    assertDenied(await login('aud', jwt), 'token_review_refused')
  }
})

test('labels of the namespace are asked after the review alone', async () => {
  const bound_service_account_namespace_selector = JSON.stringify({
    matchLabels: { team: 'shop' },
    matchExpressions: [{ key: 'stage', operator: 'In', values: ['live', 'test'] }],
  })
  const role = { bound_service_account_names: 'api', bound_service_account_namespace_selector }
  await server.root.must(`${at}/role/labelled`, role)
  const of = (namespace: string) => login('labelled', cluster.tokenOf({ ...api, namespace }))
  cluster.labels['shop-eu'] = { team: 'shop', stage: 'live' }
  cluster.labels['shop-us'] = { team: 'shop' }
  const made = await of('shop-eu')
  assert.equal(made.status, 200, made.text)
  assertDenied(await of('shop-us'), 'namespace_refused', 'namespace not authorized')
  assertDenied(await of('not-there'), 'token_review_failed')
  const forged = cluster.tokenOf({ ...api, namespace: 'shop-eu' })
  cluster.forget(forged)
  cluster.asked.length = 0
  assertDenied(await login('labelled', forged), 'token_review_refused')
  assert.equal(cluster.asked.length, 1)
  const own = server.client(made.body.auth.client_token)
  assert.equal((await own.write('auth/token/renew-self')).status, 200)
  await server.root.must(`${at}/role/labelled`, {
    bound_service_account_namespace_selector: '{"matchLabels":{"a":"b"}}',
  })
  assert.equal((await own.write('auth/token/renew-self')).status, 400)
})

test('with keys of the cluster a token that none has signed is not reviewed', async () => {
  const keyed = { ...cluster.config, pem_keys: [makeJwtMaker().pem, cluster.key.pem] }
  await server.root.must(`${at}/config`, keyed)
  assert.equal((await login('app', cluster.tokenOf(api))).status, 200)
  cluster.asked.length = 0
  const { namespace, name, uid } = api
  const claims = { 'kubernetes.io': { namespace, serviceaccount: { name, uid } } }
  assertDenied(await login('app', makeJwtMaker('cluster-key').sign(claims)), 'signature_invalid')
  assert.equal(cluster.asked.length, 0)
})

test('an issuer is looked at where the config says so', async () => {
  const issuer = 'https://kubernetes.default.svc.cluster.local'
  await server.root.must(`${at}/config`, { ...cluster.config, disable_iss_validation: false })
  assertDenied(await login('app', cluster.tokenOf(api)), 'issuer_mismatch')
  assert.equal((await login('app', cluster.oldTokenOf(api))).status, 200)
  const named = { ...cluster.config, disable_iss_validation: false, issuer }
  await server.root.must(`${at}/config`, named)
  assert.equal((await login('app', cluster.tokenOf(api))).status, 200)
})

test('without a reviewer the token itself asks', async () => {
  await server.root.must(`${at}/config`, { ...cluster.config, token_reviewer_jwt: '' })
  const jwt = cluster.tokenOf(api)
  assert.equal((await login('app', jwt)).status, 200)
  assert.equal(cluster.reviews[0]?.bearer, jwt)
  cluster.forget(jwt)
  assertDenied(await login('app', jwt), 'token_review_refused')
})

test('the same token logs in through jwt mounts, by discovery or by pasted keys', async () => {
  const { root } = server
  const aud = 'https://tokens.test'
  const iss = cluster.url
  const discovered = { oidc_discovery_url: iss, oidc_discovery_ca_pem: cluster.caPem }
  const pasted = { jwt_validation_pubkeys: [cluster.key.pem], bound_issuer: iss }
  const role = {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: [aud],
    bound_subject: 'system:serviceaccount:shop:api',
    claim_mappings: { '/kubernetes.io/namespace': 'namespace' },
  }
  const jwt = cluster.tokenOf(api, [aud], { iss })
  const other = cluster.tokenOf({ ...api, name: 'other' }, [aud], { iss })
  for (const [path, config] of Object.entries({ discovered, pasted })) {
    await root.must(`sys/auth/${path}`, { type: 'jwt' })
    await root.must(`auth/${path}/config`, config)
    await root.must(`auth/${path}/role/app`, role)
    const tryWith = (one: string) =>
      server.client().write(`auth/${path}/login`, { role: 'app', jwt: one })
    const made = await tryWith(jwt)
    assert.equal(made.status, 200, made.text)
    assert.equal(made.body.auth.metadata.namespace, 'shop')
    assert.equal((await tryWith(other)).status, 400)
  }
  // What the guide says of both: keys know nothing of a pod that is gone.
  cluster.forget(jwt)
  const gone = await server.client().write('auth/pasted/login', { role: 'app', jwt })
  assert.equal(gone.status, 200)
  assert.equal(cluster.reviews.length, 0)
})

test('a renewal goes by the role as it is now', async () => {
  await server.root.must(`${at}/role/later`, plainRole)
  const { client_token } = (await login('later', cluster.tokenOf(api))).body.auth
  const renew = () => server.client(client_token).write('auth/token/renew-self')
  await server.root.must(`${at}/role/later`, { token_ttl: '30m' })
  assert.equal((await renew()).body.auth.lease_duration, 1800)
  await server.root.must(`${at}/role/later`, { bound_service_account_namespaces: 'other' })
  assert.equal((await renew()).status, 400)
  await server.root.must(`${at}/role/later`, plainRole)
  assert.equal((await renew()).status, 200)
  await server.root.remove(`${at}/role/later`)
  assert.equal((await renew()).status, 400)
})

test('each operator of a label selector', () => {
  const matches = (expression: object, labels: Record<string, string>) => {
    const parsed = parseLabelSelector(JSON.stringify({ matchExpressions: [expression] }))
    assert.ok(parsed.ok)
    return selectorMatches(parsed.value, labels)
  }
  const inA = { key: 'k', operator: 'In', values: ['a'] }
  assert.deepEqual(
    [matches(inA, { k: 'a' }), matches(inA, { k: 'b' }), matches(inA, {})],
    [true, false, false],
  )
  const notInA = { key: 'k', operator: 'NotIn', values: ['a'] }
  assert.deepEqual([matches(notInA, { k: 'a' }), matches(notInA, {})], [false, true])
  const exists = { key: 'k', operator: 'Exists' }
  assert.deepEqual([matches(exists, { k: '' }), matches(exists, {})], [true, false])
  const absent = { key: 'k', operator: 'DoesNotExist' }
  assert.deepEqual([matches(absent, { k: '' }), matches(absent, {})], [false, true])
  assert.equal(matches({ key: 'constructor', operator: 'Exists' }, {}), false)
})
