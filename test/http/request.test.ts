import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from '../harness/properties.ts'

import type { ApiRequest } from '../../src/framework/api.ts'
import { Refusal } from '../../src/framework/refusal.ts'
import { startTestServer } from '../harness/test-server.ts'
import { parseRequestTarget } from '../../src/http/request-target.ts'
import {
  askOnce,
  head,
  needsToken,
  RawConnection,
  run,
  type RawAnswer,
  type Running,
} from './running-server.ts'

function errorsOf(answer: RawAnswer): readonly string[] {
  return (JSON.parse(answer.body) as { errors: readonly string[] }).errors
}

async function ask(
  running: Running,
  line: string,
  ...headers: readonly string[]
): Promise<RawAnswer> {
  return askOnce(running.port, head(line, ...headers))
}

async function send(
  running: Running,
  line: string,
  body: string,
  ...headers: readonly string[]
): Promise<RawAnswer> {
  return askOnce(running.port, head(line, `Content-Length: ${body.length}`, ...headers) + body)
}

function last(running: Running): ApiRequest {
  const request = running.requests.at(-1)
  assert.ok(request !== undefined)
  return request
}

function plain(request: ApiRequest): unknown {
  return JSON.parse(JSON.stringify(request.data))
}

async function refusedPath(
  running: Running,
  path: string,
  status = 400,
): Promise<readonly string[]> {
  const before = running.requests.length
  const answer = await ask(running, `GET ${path}`)
  assert.equal(answer.status, status, path)
  assert.equal(running.requests.length, before)
  return errorsOf(answer)
}

test('ENV-24 ENV-27: list=true in every spelling of Go is a list', async (t) => {
  const running = await run(t)
  for (const value of ['1', 't', 'T', 'TRUE', 'true', 'True']) {
    await ask(running, `GET /v1/auth/jwt/role?list=${value}`)
    assert.equal(last(running).verb, 'list')
    assert.equal(last(running).path, 'auth/jwt/role/')
    assert.deepEqual(plain(last(running)), {})
  }
})

test('ENV-28 ENV-29 ENV-30: other values of list', async (t) => {
  const running = await run(t)
  assert.equal((await ask(running, 'GET /v1/r?list=notabool')).status, 400)
  assert.equal((await ask(running, 'GET /v1/r?list=true&scan=true')).status, 400)
  for (const value of ['', '0', 'false']) {
    await ask(running, `GET /v1/r?list=${value}`)
    assert.equal(last(running).verb, 'read')
  }
  await ask(running, 'GET /v1/r?scan=1&limit=2')
  assert.equal(last(running).verb, 'scan')
  assert.deepEqual(plain(last(running)), { limit: '2' })
})

test('help=1 asks for help', async (t) => {
  const running = await run(t)
  await ask(running, 'GET /v1/sys/mounts?help=1')
  assert.equal(last(running).verb, 'help')
})

test('ENV-35: PUT and POST are one', async (t) => {
  const running = await run(t)
  for (const method of ['PUT', 'POST']) {
    await send(running, `${method} /v1/a/b`, '{"x":[1,"y"]}')
    assert.equal(last(running).verb, 'write')
    assert.deepEqual(plain(last(running)), { x: [1, 'y'] })
  }
})

test('ENV-36: PATCH wants its content type', async (t) => {
  const running = await run(t)
  const refused = await send(running, 'PATCH /v1/a', '{}', 'Content-Type: application/json')
  assert.equal(refused.status, 415)
  assert.match(
    errorsOf(refused)[0] ?? '',
    /^PATCH requires Content-Type of application\/merge-patch\+json, provided application\/json$/,
  )
  await send(running, 'PATCH /v1/a', '{"b":null}', 'Content-Type: application/merge-patch+json')
  assert.equal(last(running).verb, 'patch')
  assert.deepEqual(plain(last(running)), { b: null })
})

test('ENV-37: a write to a folder is refused', async (t) => {
  const running = await run(t)
  const refused = await send(running, 'POST /v1/secret/data/', '{}')
  assert.equal(refused.status, 400)
  assert.deepEqual(errorsOf(refused), ["cannot write to a path ending in '/'"])
})

test('ENV-38 SEC-HTP-06: dot segments are refused in every spelling', async (t) => {
  const running = await run(t)
  for (const path of [
    '/v1/secret/../sys/mounts',
    '/v1/secret/./x',
    '/v1/secret/..',
    '/v1/secret/.',
    '/v1/secret/%2e%2e/sys/mounts',
    '/v1/secret/%2E./x',
    '/v1/secret//../x',
    '/../v1/x',
  ]) {
    assert.deepEqual(await refusedPath(running, path), ['relative paths not supported'])
  }
  for (const name of ['..a', 'a..', '...', '.a']) {
    await ask(running, `GET /v1/secret/${name}/x`)
    assert.equal(last(running).path, `secret/${name}/x`)
  }
})

test('ENV-39: double slashes are collapsed', async (t) => {
  const running = await run(t)
  for (const path of ['/v1/secret//data/x', '/v1//secret/data///x', '//v1/secret/data/x']) {
    await ask(running, `GET ${path}`)
    assert.equal(last(running).path, 'secret/data/x')
  }
})

test('ENV-40 SEC-HTP-06: control characters and backslashes are refused, escaped or not', async (t) => {
  const running = await run(t)
  for (const path of [
    '/v1/a%00b',
    '/v1/a%07b',
    '/v1/a%7Fb',
    '/v1/a%C2%85b',
    '/v1/a%E2%80%AEb',
    '/v1/a\\b',
    '/v1/a%5Cb',
    '/v1/a%2F..%2Fb',
    '/v1/a%2f%2e%2e',
    '/v1/a%2F.',
    '/v1/a%0Ab',
    '/v1/a%FFb',
    '/v1/a%zz',
    '/v1/a%C0%AFb',
    '/v1/a#b',
  ]) {
    await refusedPath(running, path)
  }
  await refusedPath(running, `/v1/${'a'.repeat(8192)}`, 414)
})

test('ENV-41: a path is decoded once and never twice, and an escaped slash is a slash', async (t) => {
  const running = await run(t)
  for (const [sent, want] of [
    ['/v1/kv/a%2Fb%2fc', 'kv/a/b/c'],
    ['/v1%2Fkv%2F%2Fa', 'kv/a'],
    ['/%76%31/kv/a', 'kv/a'],
    ['/v1/kv/a%252Fb', 'kv/a%2Fb'],
    ['/v1/kv/a%25252Fb', 'kv/a%252Fb'],
    ['/v1/kv/%C3%A9', 'kv/é'],
  ] as const) {
    assert.equal((await ask(running, `GET ${sent}`)).status, 200, sent)
    assert.equal(last(running).path, want)
  }
  // A letter that was not escaped has two readings, its bytes and their characters.
  await refusedPath(running, '/v1/kv/\xc3\xa9')
  await ask(running, 'GET /v1/kv/a%252Fb%20%C3%A9+')
  assert.equal(last(running).path, 'kv/a%2Fb é+')
  await ask(running, 'GET /v1/kv/%252e%252e/x')
  assert.equal(last(running).path, 'kv/%2e%2e/x')
})

test('ENV-41 SEC-HTP-06: an accepted path is plain, and is exactly one decoding of what was sent', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '/',
      '//',
      '.',
      '..',
      '%2e',
      '%2F',
      '%5c',
      '%00',
      '%25',
      '%252e',
      '\\',
      '%C3%A9',
      '#',
      '?',
    ),
    fc.stringMatching(/^[a-z0-9+;=@ -]{1,3}$/),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const url = `/v1/${pieces.join('')}`
      let path: string
      try {
        ;({ path } = parseRequestTarget(url))
      } catch (error) {
        assert.ok(error instanceof Refusal)
        return
      }
      const segments = path.split('/')
      assert.ok(segments.slice(1, -1).every((segment) => segment !== ''))
      assert.ok(!segments.some((segment) => segment === '.' || segment === '..'))
      assert.ok(!/[\\\p{C}]/u.test(path))
      assert.ok(path.startsWith('/'))
      const sentPath = url.split('?')[0] ?? ''
      assert.equal(path, decodeURIComponent(sentPath).replaceAll(/\/+/g, '/'))
    }),
  )
})

test('the absolute form of a target is accepted', async (t) => {
  const running = await run(t)
  await ask(running, 'GET http://localhost/v1/a?b=c')
  assert.equal(last(running).path, 'a')
})

test('ENV-42 ENV-43 ENV-44: where the token comes from', async (t) => {
  const running = await run(t)
  const cases: ReadonlyArray<readonly [readonly string[], string | undefined]> = [
    [['Authorization: Bearer abc '], 'abc'],
    [['X-Vault-Token: own', 'Authorization: Bearer abc'], 'own'],
    [['X-Vault-Token:', 'Authorization: Bearer abc'], 'abc'],
    [['Authorization: bearer abc'], undefined],
    [['Authorization: Basic abc'], undefined],
    [['Authorization: Bearer'], undefined],
    [[], undefined],
  ]
  for (const [headers, want] of cases) {
    await ask(running, 'GET /v1/a', ...headers)
    assert.equal(last(running).token, want, headers.join('|'))
  }
})

test('SEC-HTP-07: a header that has one value may not come twice', async (t) => {
  const running = await run(t)
  for (const name of [
    'X-Vault-Token',
    'Authorization',
    'X-Vault-Namespace',
    'Host',
    'Content-Type',
  ]) {
    const answer = await askOnce(
      running.port,
      `GET /v1/a HTTP/1.1\r\n${name}: a\r\nHost: b\r\n${name.toLowerCase()}: a\r\n\r\n`,
    )
    assert.equal(answer.status, 400, name)
  }
  assert.equal((await askOnce(running.port, 'GET /v1/a HTTP/1.1\r\n\r\n')).status, 400)
  assert.equal(running.requests.length, 0)
})

test('SEC-HTP-10: a token in the query is data and no credential', async (t) => {
  const running = await run(t)
  await ask(running, 'GET /v1/a?token=s.x&X-Vault-Token=s.y&access_token=s.z')
  assert.equal(last(running).token, undefined)
})

test('ENV-46 ENV-47: the namespace loses its slashes and is echoed as it came', async (t) => {
  const running = await run(t)
  const none = await ask(running, 'GET /v1/a', 'X-Vault-Namespace:')
  assert.equal(last(running).namespace, '')
  assert.equal(none.headers['x-vault-namespace'], undefined)
  const team = await ask(running, 'GET /v1/a', 'X-Vault-Namespace: /team/a/')
  assert.equal(last(running).namespace, 'team/a')
  assert.equal(team.headers['x-vault-namespace'], '/team/a/')
  const wrong = await ask(running, 'GET /v1/a/../b', 'X-Vault-Namespace: team/')
  assert.equal(wrong.headers['x-vault-namespace'], 'team/')
})

test('ENV-48 ENV-49: headers that mean nothing here change nothing', async (t) => {
  const running = await run(t)
  for (const header of [
    'X-Vault-Request: true',
    'X-Vault-Index: abc',
    'X-Vault-Inconsistent: forward-active-node',
    'X-Vault-Forward: active-node',
    'X-Vault-No-Request-Forwarding: true',
    'X-Vault-MFA: x',
    'X-Vault-Policy-Override: true',
    'X-Forwarded-For: 1.2.3.4',
    'Expect: something',
    'X-HTTP-Method-Override: DELETE',
  ]) {
    assert.equal((await ask(running, 'GET /v1/a', header)).status, 200, header)
    assert.equal(last(running).verb, 'read')
    assert.equal(last(running).clientAddress, '127.0.0.1')
  }
})

test('the wrapping header takes seconds and durations', async (t) => {
  const running = await run(t)
  for (const [value, want] of [
    ['300', 300],
    ['5m', 300],
    ['0', 0],
    ['', 0],
  ] as const) {
    await ask(running, 'GET /v1/a', `X-Vault-Wrap-TTL: ${value}`)
    assert.equal(last(running).wrapTtlSeconds, want)
  }
  for (const value of ['-5', '-5m', 'soon']) {
    const answer = await ask(running, 'GET /v1/a', `X-Vault-Wrap-TTL: ${value}`)
    assert.equal(answer.status, 400)
    assert.match(errorsOf(answer)[0] ?? '', /^error parsing X-Vault-Wrap-TTL header: /)
  }
})

test('ENV-52 SEC-HTP-04: too complex JSON is refused quickly', async (t) => {
  const running = await run(t, { traitsOf: needsToken })
  const deep = `{"a":${'['.repeat(300)}${']'.repeat(300)}}`
  const wide = `{"a":[${'1,'.repeat(10_000)}1]}`
  const long = `{"a":"${'x'.repeat(1_048_577)}"}`
  const lists = `{"a":[${`[${'1,'.repeat(9_999)}1],`.repeat(10)}[]]}`
  const blanks = `{"a":${' '.repeat(1_048_577)}1}`
  const digits = `{"a":${'1'.repeat(1_048_577)}}`
  const deeper = '['.repeat(1_000_000)
  for (const body of [deep, wide, long, lists, blanks, digits, deeper]) {
    const answer = await send(running, 'POST /v1/a', body, 'X-Vault-Token: t')
    assert.equal(answer.status, 400)
    assert.match(
      errorsOf(answer)[0] ?? '',
      /^failed to decode JSON input: refused JSON input due to high complexity/,
    )
  }
  assert.equal(running.requests.length, 0)
})

test('ENV-53 ENV-54 SEC-HTP-12: bodies that are no object, and no echo of what was sent', async (t) => {
  const running = await run(t)
  for (const body of [
    '[1,2]',
    '"canary"',
    '17',
    'true',
    '{bad',
    '{"canary":',
    '{"a":1}{}',
    '\u00a0{}',
    '\x80',
  ]) {
    const answer = await send(running, 'POST /v1/a', body)
    assert.equal(answer.status, 400, body)
    assert.match(errorsOf(answer)[0] ?? '', /^failed to decode JSON input:/)
    assert.ok(!answer.body.includes('canary'))
  }
})

test('bytes that are not UTF-8 are refused', async (t) => {
  const running = await run(t)
  const answer = await askOnce(
    running.port,
    head('POST /v1/a', 'Content-Length: 9') + '{"a":"\xff"}',
  )
  assert.equal(answer.status, 400)
})

test('ENV-55: an empty body, blanks and null are no data', async (t) => {
  const running = await run(t)
  for (const body of ['', ' \n', 'null', '{}']) {
    assert.equal((await send(running, 'POST /v1/a', body)).status, 200)
    assert.deepEqual(plain(last(running)), {})
  }
  assert.equal((await ask(running, 'POST /v1/a')).status, 200)
})

test('ENV-56 ENV-57: the form type with JSON is JSON, and a form joins repeated keys', async (t) => {
  const running = await run(t)
  const form = 'Content-Type: application/x-www-form-urlencoded'
  await send(running, 'POST /v1/a', ' {"password":"a"}', form)
  assert.deepEqual(plain(last(running)), { password: 'a' })
  await send(running, 'POST /v1/a', 'policies=a&policies=b&x=1+2%263&y', `${form}; charset=utf-8`)
  assert.deepEqual(plain(last(running)), { policies: 'a,b', x: '1 2&3', y: '' })
})

test('ENV-58 ENV-59: a write ignores its query, a delete its body', async (t) => {
  const running = await run(t)
  await send(running, 'POST /v1/auth/token/create?ttl=1h', '{}')
  assert.deepEqual(plain(last(running)), {})
  await send(running, 'DELETE /v1/kv/x?versions=1&versions=2&a=b', '{"c":1}')
  assert.equal(last(running).verb, 'delete')
  assert.deepEqual(plain(last(running)), { versions: ['1', '2'], a: 'b' })
})

test('ENV-60: of two members with one name the last counts', async (t) => {
  const running = await run(t)
  await send(running, 'POST /v1/a', '{"a":1,"a":2,"__proto__":3}')
  assert.deepEqual(Object.entries(last(running).data), [
    ['a', 2],
    ['__proto__', 3],
  ])
})

test('where a path says so, a field that is there twice is refused in query, form and JSON (SEC-OID-05)', async (t) => {
  const running = await run(t, {
    traitsOf: (path) => ({ isOpen: true, repeats: path.startsWith('once') ? 'refuse' : undefined }),
  })
  const form = 'Content-Type: application/x-www-form-urlencoded'
  for (const [path, want] of [
    ['once', 400],
    ['often', 200],
  ] as const) {
    for (const query of ['a=1&a=2', 'a=1&b=2&%61=1', 'list=true&list=true', 'a=1&a=1']) {
      assert.equal((await ask(running, `GET /v1/${path}?${query}`)).status, want, query)
      assert.equal((await ask(running, `LIST /v1/${path}?${query}`)).status, want, query)
      assert.equal((await ask(running, `DELETE /v1/${path}?${query}`)).status, want, query)
    }
    for (const body of ['a=1&a=2', 'a=1&b=2&%61=1', 'state=S&state=ns%3Dx', 'a&a']) {
      assert.equal((await send(running, `POST /v1/${path}`, body, form)).status, want, body)
    }
    for (const body of ['{"a":1,"a":2}', '{"a":1,"\\u0061":1}', '{"b":[{"a":1,"a":1}]}']) {
      assert.equal((await send(running, `POST /v1/${path}`, body)).status, want, body)
    }
  }
  const named = await send(running, 'POST /v1/once', 'state=S&state=x', form)
  assert.deepEqual(errorsOf(named), ['the parameter state is there twice'])
  assert.equal((await ask(running, 'GET /v1/once?a=1&b=1')).status, 200)
  assert.equal((await send(running, 'POST /v1/once', 'a=1&b=1', form)).status, 200)
  assert.equal((await send(running, 'POST /v1/once?a=1&a=2', '{"a":1}')).status, 200)
  assert.deepEqual(plain(last(running)), { a: 1 })
})

test('ENV-61: paths outside the API are not found', async (t) => {
  const running = await run(t)
  for (const path of ['/', '/ui', '/robots.txt', '/v2/x', '/foo', '/v1', '/v1/']) {
    const answer = await ask(running, `GET ${path}`)
    assert.equal(answer.status, 404)
    assert.equal(answer.body, '{"errors":[]}\n')
  }
  assert.equal(running.requests.length, 0)
})

test('ENV-62: HEAD is its own operation and never has a body', async (t) => {
  const running = await run(t)
  const connection = await RawConnection.open(running.port)
  connection.write(head('HEAD /v1/sys/health?standbyok=true', 'Connection: close'))
  const text = await connection.readToEnd()
  assert.match(text, /^HTTP\/1\.1 200 /)
  assert.ok(text.endsWith('\r\n\r\n'))
  assert.equal(last(running).verb, 'header')
  assert.deepEqual(plain(last(running)), { standbyok: 'true' })
})

test('ENV-21 SEC-HTP-08: verbs that nobody serves are 405', async (t) => {
  const running = await run(t)
  for (const method of ['TRACE', 'CONNECT', 'PROPFIND', 'MKCOL', 'FOO', 'get', 'LISTS', 'X']) {
    for (const target of method === 'CONNECT' ? ['localhost:443'] : ['/v1/a', '/a', '/']) {
      const answer = await ask(running, `${method} ${target}`)
      assert.equal(answer.status, 405, `${method} ${target}`)
      assert.equal(answer.body, '{"errors":[]}\n')
    }
  }
  assert.equal(running.requests.length, 0)
})

test('ENV-64: without CORS there is no preflight and no header', async (t) => {
  const running = await run(t)
  const answer = await ask(running, 'OPTIONS /v1/sys/health', 'Origin: https://a')
  assert.equal(answer.status, 405)
  assert.ok(Object.keys(answer.headers).every((name) => !name.startsWith('access-control')))
})

test('ENV-65 ENV-66 SEC-HTP-11: CORS for one origin', async (t) => {
  const running = await run(t, {
    cors: () => ({
      allowedOrigins: ['https://a'],
      allowedHeaders: ['X-Extra'],
      allowCredentials: true,
    }),
  })
  for (const origin of ['https://b', 'null', 'https://a.evil', 'HTTPS://A']) {
    const foreign = await ask(running, 'GET /v1/a', `Origin: ${origin}`)
    assert.equal(foreign.status, 403)
    assert.deepEqual(errorsOf(foreign), ['origin not allowed'])
    assert.equal(foreign.headers['access-control-allow-origin'], undefined)
  }
  const preflight = await ask(
    running,
    'OPTIONS /v1/a',
    'Origin: https://a',
    'Access-Control-Request-Method: PUT',
  )
  assert.equal(preflight.status, 200)
  assert.equal(preflight.body, '')
  assert.equal(preflight.headers['access-control-allow-origin'], 'https://a')
  assert.equal(preflight.headers['vary'], 'Origin')
  assert.equal(preflight.headers['access-control-max-age'], '300')
  assert.match(
    preflight.headers['access-control-allow-headers'] ?? '',
    /X-Extra.*Content-Type.*X-Vault-Namespace/,
  )
  const strange = await ask(
    running,
    'OPTIONS /v1/a',
    'Origin: https://a',
    'Access-Control-Request-Method: TRACE',
  )
  assert.equal(strange.status, 405)
  assert.equal(running.requests.length, 0)
  const wrong = await ask(running, 'GET /v1/a?list=x', 'Origin: https://a')
  assert.equal(wrong.status, 400)
  assert.equal(wrong.headers['access-control-allow-origin'], 'https://a')
  assert.equal((await ask(running, 'GET /v1/a')).headers['access-control-allow-origin'], undefined)
  const own = await ask(running, 'GET /v1/a', 'Origin: http://localhost')
  assert.equal(own.status, 200)
  assert.equal(own.headers['access-control-allow-origin'], undefined)
})

test("a provider's form post is carried out whatever CORS says, and nobody may read its answer (SEC-HTP-19)", async (t) => {
  const server = await startTestServer()
  t.after(() => server.stop())
  await server.root.must('sys/auth/jwt', { type: 'jwt' })
  const form = 'Content-Type: application/x-www-form-urlencoded'
  const callback = 'POST /v1/auth/jwt/oidc/callback'
  const body = 'state=unknown&code=abc'
  const from = async (origin: string, ...headers: readonly string[]): Promise<RawAnswer> =>
    askOnce(
      server.port,
      head(callback, `Origin: ${origin}`, `Content-Length: ${body.length}`, ...headers) + body,
    )
  const without = await from('https://idp.example', form)
  await server.root.must('sys/config/cors', { allowed_origins: ['https://app.example'] })
  for (const origin of ['https://idp.example', 'null']) {
    const answer = await from(origin, form)
    assert.equal(answer.status, without.status)
    assert.equal(answer.headers['content-type'], without.headers['content-type'])
    assert.doesNotMatch(answer.body, /origin not allowed/)
    assert.ok(Object.keys(answer.headers).every((name) => !name.startsWith('access-control')))
    // What a page cannot send by a mere form is still refused.
    for (const more of ['Content-Type: application/json', 'Content-Type: text/plain', 'A: b']) {
      assert.equal((await from(origin, more)).status, 403, more)
    }
    assert.equal((await from(origin, form, `X-Vault-Token: ${server.rootToken}`)).status, 403)
    assert.equal((await from(origin, form, 'Authorization: Bearer x')).status, 403)
    const closed = head('POST /v1/secret/data/a', `Origin: ${origin}`, form, 'Content-Length: 0')
    assert.equal((await askOnce(server.port, closed)).status, 403)
    const health = head('GET /v1/sys/health', `Origin: ${origin}`, form)
    assert.equal((await askOnce(server.port, health)).status, 403)
  }
})

test('SEC-HTP-11: every origin together with credentials gives no credentials', async (t) => {
  const running = await run(t, {
    cors: () => ({ allowedOrigins: ['*'], allowedHeaders: [], allowCredentials: true }),
  })
  const answer = await ask(running, 'GET /v1/a', 'Origin: https://any')
  assert.equal(answer.headers['access-control-allow-origin'], 'https://any')
  assert.equal(answer.headers['access-control-allow-credentials'], undefined)
  assert.equal((await ask(running, 'GET /v1/a', 'Origin: null')).status, 403)
})

test('pages outside the API come from the other handler', async (t) => {
  const running = await run(t, {
    other: async (request) =>
      request.path === '/ui/'
        ? {
            status: 200,
            headers: { 'Content-Type': 'text/html' },
            body: `${request.method} ${request.query} ${request.body.toString()}`,
          }
        : undefined,
  })
  const page = await send(running, 'POST /ui/?a=b', 'x=y')
  assert.equal(page.body, 'POST a=b x=y')
  assert.equal(page.headers['content-type'], 'text/html')
  assert.equal(page.headers['cache-control'], 'no-store')
  assert.ok(page.headers['strict-transport-security'] !== undefined)
  assert.equal((await ask(running, 'GET /ui/none')).status, 404)
  assert.equal((await ask(running, 'TRACE /ui/')).status, 405)
})
