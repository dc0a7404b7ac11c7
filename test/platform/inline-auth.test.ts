/** A login that comes with a request in headers: judged as at its own path, and nothing is stored (platform.md §1.6.1). */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { LineLogger } from '../../src/platform/logger.ts'
import { startAudited, type AuditedServer } from '../audit/fixture.ts'
import { firstError, type ApiResult } from '../harness/api-client.ts'
import { inlineLogin, inlineParameter, type InlineHeaders } from '../harness/inline-auth.ts'
import { assertStatus, configS, fresh, keyK, plainClaims, plainRole } from '../jwt/fixture.ts'
import { changeEntity } from './fixture.ts'

let server: AuditedServer
const lines: string[] = []
const password = 'a password that nobody else has, and nobody shall read'

const jwt = (claims: object = {}): string => keyK.sign(fresh({ ...plainClaims, ...claims }))
const withJwt = (claims: object = {}, more: InlineHeaders = {}): InlineHeaders =>
  inlineLogin('auth/jwt/login', { role: 'job', jwt: jwt(claims) }, more)
const asAnn = (given = password): InlineHeaders =>
  inlineLogin('auth/userpass/login/ann', { password: given })

function call(
  method: string,
  path: string,
  headers: InlineHeaders,
  body?: unknown,
): Promise<ApiResult> {
  return server.client().call(method, path, body, { headers })
}

const get = (path: string, headers: InlineHeaders): Promise<ApiResult> => call('GET', path, headers)

/** Refused as a login is, and not the request. */
function assertLoginRefused(answer: ApiResult, status: number, note = ''): void {
  assertStatus(answer, status, note)
  assert.equal(answer.headers['x-vault-inline-auth-failed'], 'true', note)
}

/** Of the request itself. */
function assertAnswered(answer: ApiResult, status: number, note = ''): void {
  assertStatus(answer, status, note)
  assert.equal(answer.headers['x-vault-inline-auth-failed'], undefined, note)
}

async function accessors(): Promise<number> {
  return (await server.root.list('auth/token/accessors')).body.data.keys.length
}

async function kept(mount: string, decision = 'accepted'): Promise<Record<string, unknown>[]> {
  const found = await server.root.read(`sys/logins?mount=${mount}&decision=${decision}&limit=100`)
  return found.body.data.logins
}

before(async () => {
  const logger = new LineLogger({
    level: 'trace',
    format: 'json',
    nowMs: () => 0,
    write: (line) => lines.push(line),
  })
  server = await startAudited({ file: {} }, { logger })
  const { root } = server
  await root.must('sys/policies/acl/p', {
    policy:
      'path "kv/app" { capabilities = ["read", "update", "create", "delete"] }\npath "kv/big" { capabilities = ["create", "update"] }\npath "kv/folder/*" { capabilities = ["list"] }',
  })
  await root.must('sys/mounts/kv', { type: 'kv' })
  await root.must('kv/app', { x: 'y' })
  await root.must('kv/folder/one', { x: 'y' })
  await root.must('sys/auth/jwt', { type: 'jwt' })
  await root.must('auth/jwt/config', configS)
  await root.must('auth/jwt/role/job', plainRole)
  await root.must('auth/jwt/cel/role/cel', {
    cel_program: {
      expression:
        'claims.aud == "a" ? pb.Auth{policies: ["p"], alias: logical.Alias{name: claims.sub}} : false',
    },
  })
  await root.must('sys/auth/userpass', { type: 'userpass' })
  await root.must('auth/userpass/users/ann', { password, token_policies: 'p' })
  await root.must('sys/auth/approle', { type: 'approle' })
  await root.must('auth/approle/role/once', { token_policies: 'p', secret_id_num_uses: 1 })
})

after(() => server.stop())

async function secretId(): Promise<{ readonly role_id: string; readonly secret_id: string }> {
  const { role_id } = (await server.root.read('auth/approle/role/once/role-id')).body.data
  const { secret_id } = (await server.root.must('auth/approle/role/once/secret-id')).body.data
  return { role_id, secret_id }
}

test('a request may bring any login along, and may then what its token might (ENV-68)', async () => {
  const ways = {
    jwt: withJwt(),
    cel: inlineLogin('auth/jwt/cel/login', { role: 'cel', jwt: jwt() }),
    userpass: asAnn(),
    approle: inlineLogin('auth/approle/login', await secretId()),
    'with the operation': withJwt({}, { 'x-vault-inline-auth-operation': 'update' }),
    'from the root of paths': inlineLogin('/auth/jwt/login', { role: 'job', jwt: jwt() }),
    'without auth/': inlineLogin('jwt/login', { role: 'job', jwt: jwt() }),
  }
  for (const [way, headers] of Object.entries(ways)) {
    const read = await get('kv/app', headers)
    assertAnswered(read, 200, way)
    assert.deepEqual(read.body.data, { x: 'y' })
    assert.equal(read.body.auth, null)
  }
  assertAnswered(await get('kv/other', withJwt()), 403)
  assertAnswered(await get('sys/mounts', asAnn()), 403)
  const self = await get('auth/token/lookup-self', withJwt())
  assert.deepEqual([self.body.data.type, self.body.data.accessor], ['batch', ''])
  assert.equal(self.body.data.path, 'auth/jwt/login')
  const twofold = inlineLogin('auth/userpass/login/ann', { username: 'bob', password })
  const named = await get('auth/token/lookup-self', twofold)
  assert.equal(named.body.data.display_name, 'userpass-ann')
  assert.doesNotMatch(self.text, /hv[bs]\./)
})

test('every verb brings it, with a body and without', async () => {
  assertAnswered(await call('POST', 'kv/app', asAnn(), { x: 'z' }), 204)
  assertAnswered(await call('LIST', 'kv/folder/', withJwt()), 200)
  assertAnswered(await get('kv/folder/?list=true', withJwt()), 200)
  assertAnswered(await call('DELETE', 'kv/app', withJwt()), 204)
  assertAnswered(await call('GET', 'kv/app', withJwt()), 404)
  assertAnswered(await call('PUT', 'kv/app', withJwt(), { x: 'y' }), 204)
  const value = 'x'.repeat(100_000)
  assertAnswered(await call('POST', 'kv/big', withJwt(), { value }), 204)
  assertAnswered(await call('POST', 'kv/other', withJwt(), { value }), 403)
  assertLoginRefused(await call('POST', 'kv/big', withJwt({ aud: 'x' }), { value }), 400)
})

test('nothing is stored, and nothing can be made with it that outlives it (ENV-68)', async () => {
  await get('kv/app', asAnn())
  const before = await accessors()
  for (let i = 0; i < 3; i++) {
    assertAnswered(await get('kv/app', asAnn()), 200)
    assertAnswered(await get('kv/app', withJwt()), 200)
  }
  assert.equal(await accessors(), before)
  for (const path of ['auth/token/create', 'auth/token/renew-self', 'cubbyhole/a']) {
    const answer = await call('POST', path, asAnn(), { x: 'y' })
    assert.ok(answer.status >= 400 && answer.status < 500, `${path} ${answer.text}`)
  }
  assert.equal(await accessors(), before)
})

test('a login that is refused reads as at its own path, and says that the request was not tried (ENV-69)', async () => {
  const { root } = server
  const refused: readonly (readonly [string, InlineHeaders, string, object])[] = [
    [
      'another audience',
      withJwt({ aud: 'x' }),
      'jwt/login',
      { role: 'job', jwt: jwt({ aud: 'x' }) },
    ],
    [
      'no role',
      inlineLogin('auth/jwt/login', { role: 'none', jwt: jwt() }),
      'jwt/login',
      { role: 'none', jwt: jwt() },
    ],
    ['nothing', inlineLogin('auth/jwt/login'), 'jwt/login', {}],
    [
      'a number',
      inlineLogin('auth/jwt/login', { role: [7], jwt: 'x' }),
      'jwt/login',
      { role: [7], jwt: 'x' },
    ],
    ['a password', asAnn('wrong'), 'userpass/login/ann', { password: 'wrong' }],
    [
      'nobody',
      inlineLogin('auth/userpass/login/bob', { password }),
      'userpass/login/bob',
      { password },
    ],
    [
      'a secret id',
      inlineLogin('auth/approle/login', { role_id: 'x', secret_id: 'y' }),
      'approle/login',
      { role_id: 'x', secret_id: 'y' },
    ],
    [
      'a dry run',
      inlineLogin('auth/jwt/login', { role: 'job', jwt: jwt(), dry_run: true }),
      'jwt/login',
      { role: 'job', jwt: jwt(), dry_run: true },
    ],
  ]
  for (const [note, headers, path, body] of refused) {
    const inline = await get('kv/app', headers)
    const own = await server.client().write(`auth/${path}`, body)
    assertLoginRefused(inline, own.status, note)
    assert.ok(own.status >= 400, note)
    assert.equal(inline.headers['x-login-reason'], own.headers['x-login-reason'], note)
    assert.equal(firstError(inline), firstError(own), note)
    assert.equal(own.headers['x-vault-inline-auth-failed'], undefined)
  }
  assertAnswered(await root.read('kv/app'), 200)
})

test('a path that is that of no login reads the same, whatever is there (ENV-72)', async () => {
  const ways = [
    'auth/none/login',
    'auth/jwt/role/job',
    'auth/jwt/oidc/auth_url',
    'auth/jwt/oidc/callback',
    'auth/jwt/oidc/poll',
    'auth/jwt/login/x',
    'auth/userpass/login',
    'auth/userpass/users/ann',
    'auth/token/create',
    'auth/token/lookup-self',
    'sys/mounts',
    'sys/unseal',
    'sys/wrapping/unwrap',
    'kv/app',
    'auth/kv/app',
    'identity/entity',
    'auth',
    'login',
  ]
  const texts = new Set<string>()
  for (const path of ways) {
    const answer = await get('kv/app', inlineLogin(path, { role: 'job', jwt: jwt() }))
    assertLoginRefused(answer, 403, path)
    texts.add(answer.text)
  }
  assert.equal(texts.size, 1)
  assert.match([...texts][0] ?? '', /permission denied/)
})

test('what is wrong with a header is a 400 that names it and says no value (ENV-71)', async () => {
  const part = (text: string | Buffer): string => Buffer.from(text).toString('base64url')
  const path = { 'X-Vault-Inline-Auth-Path': 'auth/jwt/login' }
  const parameter = 'X-Vault-Inline-Auth-Parameter-Secret'
  const good = inlineParameter('role', 'job')
  const bad: readonly (readonly [InlineHeaders, RegExp])[] = [
    [{ [parameter]: good }, /x-vault-inline-auth-path is missing/],
    [{ 'X-Vault-Inline-Auth-Path': '' }, /x-vault-inline-auth-path is missing/],
    [{ 'X-Vault-Inline-Auth-Operation': 'update' }, /x-vault-inline-auth-path is missing/],
    [{ 'X-Vault-Inline-Auth-Namespace': 'a' }, /x-vault-inline-auth-path is missing/],
    [{ ...path, 'X-Vault-Inline-Auth-Operation': 'read' }, /-operation must be update/],
    [{ ...path, 'X-Vault-Inline-Auth-Operation': 'UPDATE' }, /-operation must be update/],
    [{ ...path, 'X-Vault-Inline-Auth-Paths': 'x' }, /x-vault-inline-auth-paths is not known/],
    [{ ...path, 'X-Vault-Inline-Auth-': 'x' }, /x-vault-inline-auth- is not known/],
    [{ ...path, 'X-Vault-Inline-Auth-Failed': 'true' }, /-failed is not known/],
    [{ ...path, [parameter]: '' }, /-parameter-secret is not URL-safe base64/],
    [{ ...path, [parameter]: `${part('{"key":"k","value":"11"}')}=` }, /is not URL-safe base64/],
    [{ ...path, [parameter]: 'se+cret/' }, /is not URL-safe base64/],
    [{ ...path, [parameter]: 'secret secret' }, /is not URL-safe base64/],
    [{ ...path, [parameter]: part('secret') }, /is not the base64 of a JSON object/],
    [{ ...path, [parameter]: part('["secret"]') }, /is not the base64 of a JSON object/],
    [{ ...path, [parameter]: part('{"key":"a","key":"b","value":1}') }, /of a JSON object/],
    [{ ...path, [parameter]: part(Buffer.from([0x22, 0xff, 0x22])) }, /of a JSON object/],
    [{ ...path, [parameter]: part('{"key":"secret"}') }, /members key and value/],
    [{ ...path, [parameter]: part('{"value":"secret"}') }, /members key and value/],
    [{ ...path, [parameter]: part('{"Key":"a","value":"secret"}') }, /members key and value/],
    [{ ...path, [parameter]: part('{"key":"a","value":1,"x":"secret"}') }, /and no others/],
    [{ ...path, [parameter]: part('{"key":7,"value":"secret"}') }, /the key of .* must be a text/],
    [{ ...path, [parameter]: part('{"key":"","value":"secret"}') }, /the key of .* must be a text/],
    [{ ...path, [parameter]: inlineParameter('k'.repeat(257), 'secret') }, /1 to 256 characters/],
    [{ ...path, [`${parameter}-2`]: good, [parameter]: good }, /has the key of another header/],
    [
      inlineLogin(
        'auth/jwt/login',
        Object.fromEntries(Array.from({ length: 33 }, (_, i) => [i, i])),
      ),
      /more than 32 headers/,
    ],
    ...[
      'a//../b',
      'auth/../sys',
      'auth/jwt/login/',
      '/',
      'a?b=secret',
      'a#secret',
      'a\\b',
      'a b',
      'a%00b',
      'a%zz',
      `auth/${'x'.repeat(9000)}`,
    ].map(
      (value) => [{ 'X-Vault-Inline-Auth-Path': value }, /-path is no path of a login/] as const,
    ),
  ]
  for (const [headers, text] of bad) {
    for (const [method, where] of [
      ['GET', 'kv/app'],
      ['DELETE', 'kv/app'],
      ['GET', 'sys/seal-status'],
      ['POST', 'auth/jwt/login'],
    ] as const) {
      const answer = await call(method, where, headers)
      assertLoginRefused(answer, 400, JSON.stringify(headers).slice(0, 200))
      assert.match(firstError(answer), text)
      assert.doesNotMatch(firstError(answer), /"|job|secret[^ ]|xxx/)
    }
  }
  assertAnswered(await server.root.read('kv/app'), 200)
})

test('a name is there once, in whatever case (ENV-71)', async () => {
  const { port } = server
  const send = (headers: readonly string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('end', () => resolve(text))
      socket.on('error', reject)
      socket.write(
        `GET /v1/kv/app HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers.join('\r\n')}\r\n\r\n`,
      )
    })
  const headers = Object.entries(withJwt()).map(([name, value]) => `${name}: ${value}`)
  assert.match(await send(headers), /^HTTP\/1.1 200 /)
  const again = [
    'x-vault-inline-auth-path: auth/jwt/login',
    'X-VAULT-INLINE-AUTH-PATH: auth/userpass/login/ann',
    'X-Vault-Inline-Auth-Parameter-0: e30',
    'x-vault-inline-auth-operation: update\r\nx-vault-inline-auth-operation: update',
  ]
  for (const one of again) {
    const answer = await send([...headers, one])
    assert.match(answer, /^HTTP\/1.1 400 /)
    assert.match(answer, /the header x-vault-inline-auth-[a-z0-9-]+ is there twice/)
    assert.match(answer, /X-Vault-Inline-Auth-Failed: true/)
  }
})

test('a token and a login are not sent together (ENV-70)', async () => {
  const tokens: readonly InlineHeaders[] = [
    { 'X-Vault-Token': server.rootToken },
    { 'X-Vault-Token': 'x' },
    { Authorization: `Bearer ${server.rootToken}` },
    { Authorization: `Bearer ${jwt()}` },
  ]
  for (const headers of tokens) {
    for (const path of ['kv/app', 'sys/seal-status']) {
      const answer = await get(path, withJwt({}, headers))
      assertLoginRefused(answer, 400)
      assert.match(
        firstError(answer),
        /^x-vault-inline-auth-\* and a token cannot be sent together$/,
      )
    }
  }
  assertAnswered(await get('kv/app', withJwt({}, { 'X-Vault-Token': '' })), 200)
})

test('a JWT of 8 KiB fits, and values keep their kind', async () => {
  const long = jwt({ filler: 'x'.repeat(6100) })
  assert.ok(long.length > 8192)
  assertAnswered(
    await get('kv/app', inlineLogin('auth/jwt/login', { role: 'job', jwt: long })),
    200,
  )
  const tooLong = inlineLogin('auth/jwt/login', { role: 'job', jwt: 'x'.repeat(60_000) })
  assertStatus(await get('kv/app', tooLong), 431)
})

test('an open path looks at no login, and pages for those who show somebody know who it is (ENV-73)', async () => {
  const before = (await kept('jwt')).length
  const failures = (await kept('jwt', 'refused')).length
  assertAnswered(await get('sys/health', withJwt({ aud: 'x' })), 200)
  assertAnswered(await get('sys/seal-status', withJwt()), 200)
  const login = { role: 'job', jwt: jwt() }
  assertAnswered(await call('POST', 'auth/jwt/login', asAnn('wrong'), login), 200)
  assert.equal((await kept('jwt')).length, before + 1)
  const rules = await get('sys/internal/ui/resultant-acl', asAnn())
  assert.deepEqual([rules.status, rules.body.data.root], [200, false])
  assertAnswered(await get('sys/internal/ui/resultant-acl', withJwt({ aud: 'x' })), 204)
  assert.equal((await kept('jwt', 'refused')).length, failures + 1)
})

test('an answer is wrapped as it is for a token, and a stranger with a bad login wraps nothing', async () => {
  const wrap = { 'X-Vault-Wrap-TTL': '60s' }
  const wrapped = await get('kv/app', withJwt({}, wrap))
  assertAnswered(wrapped, 200)
  const { token } = wrapped.body.wrap_info
  const inside = await server.client(token).write('sys/wrapping/unwrap')
  assert.deepEqual(inside.body.data, { x: 'y' })
  const before = await accessors()
  assertLoginRefused(await get('kv/app', withJwt({ aud: 'x' }, wrap)), 400)
  assert.equal(await accessors(), before)
})

test('a secret id is spent by one request, and by one that came slowly once (ENV-74)', async () => {
  const once = await secretId()
  const all = await Promise.all(
    Array.from({ length: 5 }, () => get('kv/app', inlineLogin('auth/approle/login', once))),
  )
  assert.deepEqual(
    all.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 400, 400, 400, 400],
  )
  const headers = {
    ...inlineLogin('auth/approle/login', await secretId()),
    'Content-Type': 'application/json',
  }
  const body = JSON.stringify({ value: 'x'.repeat(40_000) })
  const status = await new Promise<number>((resolve, reject) => {
    const request = httpRequest(
      {
        port: server.port,
        method: 'POST',
        path: '/v1/kv/big',
        headers: { ...headers, 'Content-Length': body.length },
      },
      (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      },
    )
    request.on('error', reject)
    request.write(body.slice(0, 20_000))
    setTimeout(() => request.end(body.slice(20_000)), 900)
  })
  assert.equal(status, 204)
})

test('what goes on for long is one login, and ends when its rights do', async () => {
  await server.root.must('sys/policies/acl/p-stream', {
    policy: 'path "sys/logins/stream" { capabilities = ["read"] }',
  })
  await server.root.must('auth/approle/role/watch', {
    token_policies: 'p-stream',
    secret_id_num_uses: 1,
  })
  const { role_id } = (await server.root.read('auth/approle/role/watch/role-id')).body.data
  const { secret_id } = (await server.root.must('auth/approle/role/watch/secret-id')).body.data
  const before = (await kept('approle')).length
  const headers = inlineLogin('auth/approle/login', { role_id, secret_id })
  const stream = await new Promise<IncomingMessage>((resolve, reject) => {
    const at = { port: server.port, path: '/v1/sys/logins/stream', headers }
    httpRequest(at, resolve).on('error', reject).end()
  })
  assert.equal(stream.statusCode, 200)
  let text = ''
  let isOver = false
  stream.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  stream.on('end', () => (isOver = true))
  // Readers are asked for their rights again and again meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  assert.equal(isOver, false)
  assert.equal((await kept('approle')).length, before + 1)
  const until = async (isTrue: () => boolean): Promise<void> => {
    const deadline = performance.now() + 10_000
    while (!isTrue() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.ok(isTrue(), text)
  }
  await get('kv/app', withJwt())
  await until(() => text.includes('"role":"job"'))
  await server.root.must('sys/policies/acl/p-stream', { policy: '# nothing\n' })
  await until(() => isOver)
})

test('who brings a login is nobody before it is judged: 512 KiB, and a refusal that names them after', async () => {
  const large = { value: 'x'.repeat(600_000) }
  const before = (await kept('userpass')).length
  const refused = await call('POST', 'kv/big', asAnn(), large)
  assert.equal(refused.status, 400)
  assert.match(firstError(refused), /the request body is too large: at most 524288 bytes/)
  assert.equal((await kept('userpass')).length, before)
  const denied = await call('POST', 'kv/other', asAnn(), { value: 'x'.repeat(100_000) })
  assertAnswered(denied, 403)
  const { request, response } = server.last()
  for (const record of [request, response]) {
    assert.equal(record.auth.display_name, 'userpass-ann', record.type)
    assert.match(record.error, /permission denied/)
  }
})

test('wrong passwords lock the name out, here as there (ENV-74)', async () => {
  const { root } = server
  await root.must('auth/userpass/users/lock', { password, token_policies: 'p' })
  const asLock = (given: string): InlineHeaders =>
    inlineLogin('auth/userpass/login/lock', { password: given })
  for (let i = 0; i < 5; i++) {
    assertLoginRefused(await get(i % 2 === 0 ? 'kv/app' : 'kv/none', asLock('wrong')), 400)
  }
  const locked = await get('kv/app', asLock(password))
  assertLoginRefused(locked, 403)
  assert.equal(locked.headers['x-login-reason'], 'locked_out')
  const own = await server.client().write('auth/userpass/login/lock', { password })
  assert.equal(own.headers['x-login-reason'], 'locked_out')
})

test('limits of logins count it, and so do those of the request (ENV-74)', async () => {
  const { root } = server
  const name = 'sys/quotas/rate-limit/inline'
  await root.must(name, { path: 'auth/jwt/login', rate: 1, interval: '60s' })
  const statuses: number[] = []
  for (let i = 0; i < 3; i++) {
    const answer = await get('kv/app', withJwt())
    statuses.push(answer.status)
    if (answer.status === 429) assertLoginRefused(answer, 429)
  }
  assert.deepEqual(statuses.slice(1), [429, 429])
  await root.must(name, { path: 'auth/jwt/', role: 'job', rate: 1, interval: '60s' })
  await get('kv/app', withJwt())
  assertLoginRefused(await get('kv/app', withJwt()), 429)
  await root.must(name, { path: 'kv/', role: '', rate: 1, interval: '60s' })
  await get('kv/app', withJwt())
  const before = (await kept('jwt')).length
  assertAnswered(await get('kv/app', withJwt()), 429)
  assert.equal((await kept('jwt')).length, before)
  assertStatus(await root.call('DELETE', name), 204)
})

test('addresses, disabled people and mounts that are gone count as at a login', async () => {
  const { root } = server
  await root.must('auth/jwt/role/near', { ...plainRole, token_bound_cidrs: ['127.0.0.2/32'] })
  const near = () => inlineLogin('auth/jwt/login', { role: 'near', jwt: jwt() })
  const refused = await get('kv/app', near())
  assertLoginRefused(refused, 403)
  assert.equal(refused.headers['x-login-reason'], 'source_address_refused')
  const from = server.client().from('127.0.0.2')
  assertAnswered(await from.call('GET', 'kv/app', undefined, { headers: near() }), 200)
  const login = await server
    .client()
    .write('auth/jwt/login', { role: 'job', jwt: jwt({ sub: 'gone' }) })
  await changeEntity(server, login.body.auth.entity_id, { disabled: true })
  assertLoginRefused(await get('kv/app', withJwt({ sub: 'gone' })), 403)
  await root.must('auth/jwt/role/few', { ...plainRole, token_num_uses: 1 })
  const few = inlineLogin('auth/jwt/login', { role: 'few', jwt: jwt() })
  assertAnswered(await get('kv/app', few), 200)
  await root.must('sys/auth/away', { type: 'jwt' })
  await root.must('auth/away/config', configS)
  await root.must('auth/away/role/job', plainRole)
  const away = inlineLogin('auth/away/login', { role: 'job', jwt: jwt() })
  assertAnswered(await get('kv/app', away), 200)
  assertStatus(await root.remove('sys/auth/away'), 204)
  assertLoginRefused(await get('kv/app', away), 403)
})

async function counted(): Promise<number> {
  const { text } = await server.root.read('sys/metrics?format=prometheus')
  const line = /^tokenstile_logins_total\{mount="jwt\/",role="job",decision="accepted".*\} (\d+)$/m
  return Number(line.exec(text)?.[1] ?? 0)
}

test('it is in the records of logins once, by its mount, and is counted', async () => {
  const sub = 'recorded'
  const countedBefore = await counted()
  assertAnswered(await get('kv/app', withJwt({ sub })), 200)
  assert.equal(await counted(), countedBefore + 1)
  assertAnswered(await call('POST', 'kv/big', withJwt({ sub }), { v: 'x'.repeat(50_000) }), 204)
  const mine = (await kept('jwt')).filter((one) => one['display_name'] === `jwt-${sub}`)
  assert.equal(mine.length, 2)
  const before = (await kept('jwt', 'refused')).length
  const refused = await get('kv/app', withJwt({ aud: 'x' }))
  assertLoginRefused(refused, 400)
  const [latest, ...others] = await kept('jwt', 'refused')
  assert.equal(others.length, before)
  assert.equal(latest?.['reason'], 'audience_mismatch')
  assert.equal(latest?.['request_id'], refused.headers['x-request-id'])
})

test('it is one event for an auditor: who, by which token, and never what it was proven by', async () => {
  await get('kv/app', withJwt({ sub: 'auditor' }))
  const { request, response } = server.last()
  for (const record of [request, response]) {
    assert.equal(record.auth.display_name, 'jwt-auditor')
    assert.equal(record.auth.token_type, 'batch')
    assert.equal(record.request.path, 'kv/app')
    assert.equal(record.request.operation, 'read')
  }
  await get('kv/app', asAnn('wrong'))
  assert.equal(server.last().request.request.path, 'kv/app')
  assert.ok(server.last().response.error)
})

test('records show no header of it in clear, whatever they are told to show', async () => {
  const { root } = server
  const name = 'x-vault-inline-auth-parameter-0'
  const setting = `sys/config/auditing/request-headers/${name}`
  assertStatus(await root.write(setting, { hmac: false }), 400)
  await root.must(setting, { hmac: true })
  await get('kv/app', asAnn())
  const [shown] = server.last().request.request.headers[name]
  assert.match(shown, /^hmac-sha256:/)
  assertStatus(await root.remove(setting), 204)
})

test('a record names the login where it is told to show the header of its path', async () => {
  const setting = 'sys/config/auditing/request-headers/x-vault-inline-auth-path'
  await server.root.must(setting, { hmac: false })
  for (const headers of [asAnn(), asAnn('wrong')]) {
    await get('kv/app', headers)
    for (const { request } of Object.values(server.last())) {
      assert.deepEqual(request.headers['x-vault-inline-auth-path'], ['auth/userpass/login/ann'])
    }
  }
  assertStatus(await server.root.remove(setting), 204)
})

test('nothing of a login is in the log or in a record', () => {
  const records = readFileSync(server.file('file'), 'utf8')
  for (const text of [records, lines.join('')]) {
    assert.ok(text.length > 1000)
    for (const secret of [password, 'wrong', inlineParameter('password', password), 'eyJ']) {
      assert.ok(!text.includes(secret), secret)
    }
  }
})
