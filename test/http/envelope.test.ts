import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { ApiOutcome } from '../../src/framework/api.ts'
import { Refusal } from '../../src/framework/refusal.ts'
import { JsonNumber, JsonText } from '../../src/lib/json.ts'
import {
  answer,
  askOnce,
  data,
  emptyEnvelope,
  head,
  refused,
  run,
  type RawAnswer,
} from './running-server.ts'

const auth = {
  client_token: 's.abc',
  accessor: 'acc',
  policies: ['default'],
  token_policies: ['default'],
  identity_policies: [],
  metadata: null,
  lease_duration: 60,
  renewable: true,
  entity_id: '',
  token_type: 'service',
  orphan: true,
  num_uses: 0,
} as const

async function sent(context: Parameters<typeof run>[0], outcome: ApiOutcome): Promise<RawAnswer> {
  const running = await run(context, { handler: async () => outcome })
  return askOnce(running.port, head('GET /v1/x'))
}

function parsed(got: RawAnswer): Record<string, unknown> {
  return JSON.parse(got.body) as Record<string, unknown>
}

const eight = [
  'request_id',
  'lease_id',
  'renewable',
  'lease_duration',
  'data',
  'wrap_info',
  'warnings',
  'auth',
]

test('ENV-01 ENV-08: the envelope has its eight keys, and duplicated data stands beside them', async (t) => {
  const got = await sent(
    t,
    answer({ ...emptyEnvelope, data: { 'a/': { b: 1 }, data: 2 }, duplicateData: true }),
  )
  const body = parsed(got)
  assert.deepEqual(Object.keys(body).toSorted(), [...eight, 'a/'].toSorted())
  assert.match(String(body['request_id']), /^[0-9a-f]{8}-[0-9a-f]{4}-4/)
  assert.equal(body['lease_id'], '')
  assert.equal(body['renewable'], false)
  assert.equal(body['lease_duration'], 0)
  assert.equal(body['wrap_info'], null)
  assert.equal(body['warnings'], null)
  assert.equal(body['auth'], null)
  assert.deepEqual(body['a/'], { b: 1 })
  assert.deepEqual(body['data'], { 'a/': { b: 1 }, data: 2 })
})

test('ready JSON is duplicated as well, and an empty object adds nothing', async (t) => {
  const full = await sent(
    t,
    answer({ ...emptyEnvelope, data: new JsonText(' {"k":1.50} '), duplicateData: true }),
  )
  assert.match(full.body, /"auth":null,"k":1\.50\}\n$/)
  const empty = await sent(
    t,
    answer({ ...emptyEnvelope, data: new JsonText('{}'), duplicateData: true }),
  )
  assert.match(empty.body, /"auth":null\}\n$/)
})

test('ENV-07: without duplication data stands under data alone', async (t) => {
  assert.deepEqual(Object.keys(parsed(await sent(t, data({ policy: 'x' })))), eight)
})

test('ENV-02 ENV-03 ENV-63: every JSON answer has the exact type, the headers and a newline at its end', async (t) => {
  const outcomes: ApiOutcome[] = [
    data({ a: 1 }),
    refused(new Refusal('token_refused')),
    refused(new Refusal('not_found')),
    answer({ kind: 'bare', status: 200, contentType: 'application/json', body: '{}\n' }),
  ]
  for (const outcome of outcomes) {
    const got = await sent(t, outcome)
    assert.equal(got.headers['content-type'], 'application/json')
    assert.equal(got.headers['cache-control'], 'no-store')
    assert.equal(got.headers['strict-transport-security'], 'max-age=31536000; includeSubDomains')
    assert.ok(got.body.endsWith('\n'))
  }
})

test('ENV-05 ENV-06: auth has all its members, and empty policy lists are left out', async (t) => {
  const body = parsed(await sent(t, answer({ ...emptyEnvelope, auth })))
  const { identity_policies: _omitted, ...rest } = auth
  assert.deepEqual(body['auth'], { ...rest, mfa_requirement: null })
  assert.equal(body['data'], null)
})

test('a wrapped answer has no request id in its body and one in its header', async (t) => {
  const wrapInfo = {
    token: 's.w',
    accessor: 'a',
    ttl: 300,
    creation_time: '2026-01-01T00:00:00Z',
    creation_path: 'auth/jwt/login',
  }
  const got = await sent(t, answer({ ...emptyEnvelope, wrapInfo, warnings: ['w'] }))
  const body = parsed(got)
  assert.equal(body['request_id'], '')
  assert.deepEqual(body['wrap_info'], wrapInfo)
  assert.deepEqual(body['warnings'], ['w'])
  assert.match(got.headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/)
})

test('ENV-09: a bare body is sent as it is', async (t) => {
  const got = await sent(
    t,
    answer({
      kind: 'bare',
      status: 503,
      contentType: 'application/json',
      body: '{"sealed":true}\n',
    }),
  )
  assert.equal(got.status, 503)
  assert.equal(got.body, '{"sealed":true}\n')
})

test('ENV-33: 204 has no body, no type and no length', async (t) => {
  const got = await sent(t, answer({ kind: 'empty', status: 204 }))
  assert.equal(got.status, 204)
  assert.equal(got.body, '')
  assert.equal(got.headers['content-type'], undefined)
  assert.equal(got.headers['content-length'], undefined)
})

test('numbers keep their digits', async (t) => {
  const got = await sent(t, data({ big: new JsonNumber('12345678901234567890.10') }))
  assert.match(got.body, /"big":12345678901234567890\.10/)
})

test('a refusal brings its errors, its reason, its id and its headers', async (t) => {
  const refusal = new Refusal('login_refused', {
    text: 'no',
    sentence: 'Do this.',
    reason: 'expired',
    headers: { 'Retry-After': '3' },
  })
  const got = await sent(t, refused(refusal))
  assert.equal(got.status, 400)
  assert.deepEqual(parsed(got), { errors: ['no', 'Do this.'] })
  assert.equal(got.headers['x-login-reason'], 'expired')
  assert.equal(got.headers['retry-after'], '3')
  assert.match(got.headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/)
})

test('ENV-20: a refusal without a text has an empty list', async (t) => {
  const got = await sent(t, refused(new Refusal('verb_unsupported')))
  assert.equal(got.status, 405)
  assert.equal(got.body, '{"errors":[]}\n')
})

test('an endpoint may allow caching; custom headers follow the status', async (t) => {
  const running = await run(t, {
    handler: async () =>
      answer(
        { kind: 'bare', status: 200, contentType: 'text/plain', body: new Uint8Array([104, 105]) },
        { 'Cache-Control': 'max-age=60' },
      ),
    listener: {
      customResponseHeaders: {
        default: { 'X-A': 'default', 'X-B': 'default' },
        '2xx': { 'X-B': 'class' },
        '404': { 'X-B': 'exact', 'Content-Type': 'text/evil' },
      },
    },
  })
  const good = await askOnce(running.port, head('GET /v1/x'))
  assert.equal(good.headers['cache-control'], 'max-age=60')
  assert.equal(good.headers['x-a'], 'default')
  assert.equal(good.headers['x-b'], 'class')
  assert.equal(good.body, 'hi')
  const missing = await askOnce(running.port, head('GET /x'))
  assert.equal(missing.headers['x-b'], 'exact')
  assert.equal(missing.headers['content-type'], 'application/json')
})

test('SEC-HTP-12: a fault in the handler is 500, logged without its message, and the server lives on', async (t) => {
  let isBroken = true
  const running = await run(t, {
    handler: async () => {
      if (isBroken) throw new TypeError('canary-secret')
      return data({})
    },
  })
  const got = await askOnce(running.port, head('GET /v1/x'))
  assert.equal(got.status, 500)
  assert.deepEqual(parsed(got), { errors: ['internal error'] })
  assert.equal(running.logLines.filter((line) => line.includes('a request failed')).length, 1)
  assert.ok(running.logLines.every((line) => !line.includes('canary-secret')))
  assert.ok(running.logLines.some((line) => line.includes(got.headers['x-request-id'] ?? '?')))
  isBroken = false
  assert.equal((await askOnce(running.port, head('GET /v1/x'))).status, 200)
})

test('a header value that cannot be sent ends the connection and not the server', async (t) => {
  let value = 'a\r\nSet-Cookie: x'
  const running = await run(t, {
    handler: async () => answer({ kind: 'empty', status: 204 }, { 'X-A': value }),
  })
  const got = await askOnce(running.port, head('GET /v1/x'))
  assert.equal(got.status, 500)
  assert.equal(got.headers['set-cookie'], undefined)
  value = 'fine'
  assert.equal((await askOnce(running.port, head('GET /v1/x'))).status, 204)
})
