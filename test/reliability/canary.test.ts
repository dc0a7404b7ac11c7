/**
 * Plants secrets in every part of a request that may carry one, and looks for them in every file of the data folder, every log line at
 * the lowest level and every refusal.
 */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { SystemClock } from '../../src/platform/clock.ts'
import { LineLogger } from '../../src/platform/logger.ts'
import { SeededRandom } from '../harness/seeded-random.ts'
import { createPracticeIdp, type PracticeIdp } from '../../src/practice-idp/practice-idp.ts'
import type { ApiClient, ApiResult, CallOptions } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

const keys = makeJwtMaker()
const stranger = makeJwtMaker()

const planted = {
  secret: 'CANARY-kv-2f8e1c',
  plain: 'CANARY-kv1-77aa03',
  cubbyhole: 'CANARY-cubbyhole-91bd',
  client: 'CANARY-client-secret-5e5e',
  customToken: 'CANARYtokentext4711',
  claim: 'CANARY-claim-of-a-refused-token',
  name: 'canary-user-name',
  metadata: 'CANARY-metadata-331',
  queryToken: 'hvs.CANARYqueryCANARYqueryCANARYqueryCANARYqueryCANARY',
  body: 'CANARY-wrong-place-8c',
} as const

const lines: string[] = []
const refusals: { readonly what: string; readonly text: string }[] = []

/** Texts made by the server or from keys here. */
const made: string[] = []
const accessors: string[] = []

let server: TestServer
let idp: PracticeIdp

before(async () => {
  const clock = new SystemClock()
  idp = createPracticeIdp({
    address: '127.0.0.1',
    port: 0,
    random: new SeededRandom('canary'),
    clock,
  })
  await idp.start()
  server = await startTestServer({
    storage: 'lmdb',
    logger: new LineLogger({
      level: 'trace',
      format: 'json',
      nowMs: () => clock.nowMs(),
      write: (line) => lines.push(line),
    }),
  })
  made.push(
    server.rootToken,
    server.unsealKey,
    Buffer.from(server.unsealKey, 'base64').toString('hex'),
  )
})

after(async () => {
  await server.stop()
  await idp.stop()
})

async function call(
  client: ApiClient,
  method: string,
  path: string,
  body?: unknown,
  options?: CallOptions,
): Promise<ApiResult> {
  const result = await client.call(method, path, body, options)
  if (result.status >= 400) refusals.push({ what: `${method} ${path}`, text: result.text })
  return result
}

/** A token's own secret parts, wherever they might be cut out of it. */
function partsOf(jwt: string): readonly string[] {
  return [jwt, ...jwt.split('.').slice(1)].filter((text) => text.length > 20)
}

test('secrets are planted everywhere', async () => {
  const { root } = server
  const bodies = { data: { password: planted.secret, nested: { deep: [planted.secret] } } }
  await root.must('secret/data/app', bodies)
  await root.must('secret/metadata/app', { custom_metadata: { note: planted.metadata } })
  await root.must('sys/mounts/kv1', { type: 'kv' })
  await root.must('kv1/app', { password: planted.plain })
  await root.must('cubbyhole/mine', { password: planted.cubbyhole })
  const custom = { id: planted.customToken, policies: ['default'], meta: { m: planted.metadata } }
  await root.must('auth/token/create', custom)
  await root.must('sys/auth/jwt', { type: 'jwt' })
  await root.must('auth/jwt/config', { jwt_validation_pubkeys: [keys.pem] })
  await root.must('sys/auth/oidc', { type: 'oidc' })
  await root.must('auth/oidc/config', {
    oidc_discovery_url: idp.issuer,
    oidc_client_id: 'client',
    oidc_client_secret: planted.client,
  })
  const config = await root.read('auth/oidc/config')
  assert.ok(!config.text.includes(planted.client), 'the client secret is write-only')
  const role = {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['vault'],
    bound_claims: { env: 'prod' },
    token_policies: ['reader'],
  }
  await root.must('auth/jwt/role/r', role)
  const honest = { sub: planted.name, aud: 'vault', env: 'prod' }
  for (let i = 0; i < 3; i++) {
    const jwt = keys.sign({ ...honest, iss: `https://iss/${i}` })
    const login = await call(server.client(), 'POST', 'auth/jwt/login', { role: 'r', jwt })
    assert.equal(login.status, 200, login.text)
    made.push(login.body.auth.client_token, login.body.auth.accessor, ...partsOf(jwt))
    accessors.push(login.body.auth.accessor)
  }
  for (const type of ['service', 'batch']) {
    const { body } = await root.must('auth/token/create', { type, policies: ['default'] })
    made.push(body.auth.client_token)
  }
})

test('SEC-AUD-02, SEC-HTP-12: refused logins repeat nothing of the token', async () => {
  const claims = { sub: 's', aud: 'vault', env: 'prod', note: planted.claim }
  const at = Math.floor(Date.now() / 1000)
  const tokens = [
    keys.sign({ ...claims, exp: at - 4000, iat: at - 5000, nbf: at - 5000 }),
    keys.sign({ ...claims, aud: 'other' }),
    keys.sign({ ...claims, env: 'other' }),
    stranger.sign(claims),
    `${keys.sign(claims)}x`,
    keys.sign(claims).replace('.', '..'),
    keys.sign(claims, { crit: ['x'] }),
  ]
  for (const jwt of tokens) {
    made.push(...partsOf(jwt))
    for (const role of ['r', 'missing']) {
      const login = await call(server.client(), 'POST', 'auth/jwt/login', { role, jwt })
      assert.equal(login.status, 400, login.text)
    }
  }
})

test('SEC-HTP-10: a token in the query or in the path is no credential', async () => {
  const { rootToken } = server
  const anyone = server.client()
  for (const token of [rootToken, planted.queryToken]) {
    for (const name of ['token', 'X-Vault-Token', 'access_token', 'client_token']) {
      const result = await call(anyone, 'GET', `auth/token/lookup-self?${name}=${token}`)
      assert.equal(result.status, 403)
    }
    for (const path of [
      `auth/token/lookup/${token}`,
      `auth/token/renew/${token}`,
      `auth/token/revoke/${token}`,
      `secret/data/app/${token}`,
      `${token}/secret/data/app`,
    ]) {
      for (const method of ['GET', 'POST']) {
        const result = await call(anyone, method, path, method === 'GET' ? undefined : {})
        assert.ok(result.status >= 400 && result.status < 500, `${path}: ${result.status}`)
      }
    }
  }
  const asBody = await call(anyone, 'POST', 'auth/token/lookup-self', { token: rootToken })
  assert.equal(asBody.status, 403)
  const basic = `Basic ${Buffer.from(`x:${rootToken}`).toString('base64')}`
  const asBasic = await call(anyone, 'GET', 'auth/token/lookup-self', undefined, {
    headers: { Authorization: basic },
  })
  assert.equal(asBasic.status, 403)
  assert.equal((await server.root.read('auth/token/lookup-self')).status, 200)
})

test('SEC-HTP-12: wrong types, broken bodies and unknown paths are answered without the value', async () => {
  const { root } = server
  const value = planted.body
  const bodies: readonly (readonly [string, string, unknown])[] = [
    ['POST', 'auth/token/create', { ttl: value }],
    ['POST', 'auth/token/create', { num_uses: value }],
    ['POST', 'auth/token/create', { policies: { a: value } }],
    // A pair without "=" is named in the refusal (platform.md §1.8), so it is not planted.
    ['POST', 'auth/token/create', { meta: { a: { b: value } } }],
    ['POST', 'auth/token/create', { type: value }],
    ['POST', 'auth/token/lookup', { token: value }],
    ['POST', 'auth/token/lookup', { token: { a: value } }],
    ['POST', 'auth/token/lookup-accessor', { accessor: value }],
    ['POST', 'auth/token/renew', { token: value }],
    ['POST', 'auth/token/revoke-accessor', { accessor: value }],
    ['POST', 'auth/jwt/login', { role: 'r', jwt: value }],
    ['POST', 'auth/jwt/login', { role: 'r', jwt: { a: value } }],
    ['POST', 'auth/jwt/login', { role: 'r', jwt: [value, value] }],
    ['POST', 'auth/jwt/config', { jwt_validation_pubkeys: [value] }],
    ['POST', 'auth/oidc/config', { oidc_client_secret: [value] }],
    ['POST', 'auth/jwt/role/x', { role_type: 'jwt', bound_claims: value }],
    ['POST', 'sys/unseal', { key: { a: value } }],
    ['POST', 'sys/policies/acl/x', { policy: { a: value } }],
    ['POST', 'secret/data/app', { data: value }],
    ['POST', 'secret/data/app', { data: { a: value }, options: { cas: 99 } }],
    ['POST', 'secret/data/app', { data: { a: value }, options: value }],
    ['POST', 'sys/capabilities', { token: value, paths: ['a'] }],
    ['POST', 'sys/tools/random', { bytes: value }],
    ['POST', 'no/such/path', { a: value }],
    ['PATCH', 'secret/data/app', { data: value }],
  ]
  for (const [method, path, body] of bodies) {
    const result = await call(root, method, path, body)
    assert.ok(result.status < 500, `${path}: ${result.text}`)
  }
  const raws = [
    `{"a":"${value}`,
    `{"a":"${value}"}}`,
    `{"a":"${value}","a":1}`,
    `["${value}"]`,
    value,
    `{"a":${value}}`,
    `{"a":"${value}\\ud800"}`,
  ]
  for (const raw of raws) {
    for (const path of ['auth/jwt/login', 'secret/data/app', 'auth/token/create']) {
      const result = await call(root, 'POST', path, undefined, { raw })
      assert.ok(result.status < 500, `${path}: ${result.text}`)
    }
  }
})

test('SEC-STO-01, SEC-TKN-02, SEC-AUD-02, SEC-CFG-S3, SEC-HTP-12: none of it is in a file, a log line or a refusal', async () => {
  const wanted = [...Object.values(planted), ...made].filter((text) => text.length > 0)
  assert.ok(wanted.length > 40)
  const { folder } = server
  const folderFiles = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  assert.ok(folderFiles.length > 0)
  const hits: string[] = []
  for (const file of folderFiles) {
    const bytes = readFileSync(file)
    for (const text of wanted) {
      if (bytes.includes(text)) hits.push(`${file}: ${text}`)
      // The same without its prefix, as bytes.
      if (text.startsWith('hvs.') && bytes.includes(text.slice(4))) hits.push(`${file}: ${text}`)
    }
  }
  assert.ok(lines.length > 0, 'something was logged')
  for (const line of lines) {
    // The line of a login says who came and by what accessor the token is found, and no other does.
    const isLogin = (JSON.parse(line) as Record<string, unknown>)['event'] === 'login'
    const told = isLogin ? [planted.name, ...accessors] : []
    const secrets = wanted.filter((text) => !told.includes(text))
    for (const text of secrets) if (line.includes(text)) hits.push(`log: ${line}`)
  }
  assert.ok(refusals.length > 60)
  for (const { what, text } of refusals) {
    // What the caller claims to be is shown to the caller alone, after the signature.
    for (const one of wanted) if (text.includes(one)) hits.push(`${what}: ${text}`)
    if (/node:internal|\.[jt]s:\d+|\bat \S+ \(|\/src\//.test(text)) hits.push(`${what}: ${text}`)
  }
  assert.deepEqual(hits, [])
})
