/**
 * Secrets planted in every field of every path, in headers, raw bodies and pages, and hostile texts:
 * what the audit file says of them.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { BackendType } from '../../src/framework/backend.ts'
import { definePath } from '../../src/framework/path.ts'
import { invalid } from '../../src/framework/refusal.ts'
import { maskSecrets } from '../../src/lib/masked-text.ts'
import { LineLogger } from '../../src/platform/logger.ts'
import { enableJwt } from '../platform/fixture.ts'
import { startAudited, type AuditedServer } from './fixture.ts'

const planted = 'PLANTED7f3a9c51e8d24b60'
const token = `hvs.${'Q'.repeat(60)}`
const jwtLike = `eyJ${'hbGciOiJub25l'}.${'eyJzdWIiOiJ4In0'}.${'c2lnbmF0dXJl'}`

/** A backend that quotes what it should not, as a storage or a provider might. */
const chatty: BackendType = {
  types: ['chatty'],
  class: 'secret',
  create: () => ({
    paths: [
      definePath({
        pattern: 'refuse',
        access: 'token',
        summary: 'Refuses with a quote.',
        fields: {},
        operations: {
          read: {
            summary: 'Refuse.',
            handler: async () => {
              throw invalid(`the provider said: bad token ${token} and ${jwtLike}`)
            },
          },
        },
      }),
      definePath({
        pattern: 'fail',
        access: 'token',
        summary: 'Fails with a quote.',
        fields: {},
        operations: {
          read: {
            summary: 'Fail.',
            handler: async () => {
              throw new Error(`connection to db with ${token} failed for ${jwtLike}`)
            },
          },
        },
      }),
    ],
  }),
}

const logged: string[] = []
let server: AuditedServer

before(async () => {
  const logger = new LineLogger({
    level: 'trace',
    format: 'json',
    nowMs: () => 0,
    write: (line) => logged.push(line),
  })
  server = await startAudited({ file: {} }, { logger, plugins: [chatty], ui: true })
})

after(() => server.stop())

const audit = () => readFileSync(server.file('file'), 'utf8')

/** As any of the forms in which bytes are written. */
function formsOf(text: string): readonly string[] {
  const bytes = Buffer.from(text)
  return [text, bytes.toString('hex'), bytes.toString('base64').slice(0, -4)]
}

/** Names that policies, tokens and mounts go by stand in records as they are (platform.md §8.3). */
const shownFields: ReadonlySet<string> = new Set([
  ...['policies', 'token_policies', 'policy', 'policy_names', 'name', 'display_name', 'meta'],
  ...[
    'metadata',
    'alias_metadata',
    'path',
    'paths',
    'path_suffix',
    'entity_alias',
    'group_policies',
  ],
])

/** They would end the test, take the devices away, or never end. */
const leftOut =
  /^\/sys\/(?:seal|step-down|audit|rotate|rekey|generate-root|init|unseal|remount|leases|config\/auditing|logins\/stream)|revoke|tidy/

interface Operation {
  readonly requestBody?: {
    readonly content: Readonly<
      Record<
        string,
        { readonly schema: { readonly properties?: Readonly<Record<string, unknown>> } }
      >
    >
  }
}

test('whatever is sent to any path, only keyed hashes of it are in the file (SEC-AUD-01)', async () => {
  const { root } = server
  const jwt = await enableJwt(server)
  await jwt.mustRole('dev')
  await root.must('sys/mounts/kv1', { type: 'kv' })
  const { body } = await root.read('sys/internal/specs/openapi')
  const values = [
    planted,
    [planted, [planted]],
    { a: planted, b: { c: [planted] } },
    `${planted}=${planted}`,
    Buffer.from(planted).toString('base64'),
    null,
    true,
    12,
  ]
  let count = 0
  for (const [path, item] of Object.entries<Readonly<Record<string, Operation>>>(body.paths)) {
    if (leftOut.test(path)) continue
    const url = path.slice(1).replaceAll(/\{[^}]*\}/g, 'thing')
    for (const method of ['GET', 'POST', 'DELETE', 'PATCH']) {
      const operation = item[method.toLowerCase()]
      const schema = Object.values(operation?.requestBody?.content ?? {})[0]?.schema
      const names = Object.keys(schema?.properties ?? {}).filter((name) => !shownFields.has(name))
      const fields = [...names, 'unknown_field']
      const headers = { 'X-Planted': planted, Cookie: `s=${planted}`, 'User-Agent': planted }
      for (const value of method === 'GET' || method === 'DELETE' ? [planted] : values) {
        const data = Object.fromEntries(fields.map((name) => [name, value]))
        const query = method === 'POST' || method === 'PATCH' ? '' : `?x=${planted}`
        const sent = query === '' ? data : undefined
        await root.call(method, `${url}${query}`, sent, { headers })
        count++
      }
    }
  }
  assert.ok(count > 300, String(count))
  const raw = [
    'text',
    `a=${planted}&b=${planted}`,
    `{"a":"${planted}"`,
    `["${planted}"]`,
    `\0${planted}`,
  ]
  for (const [at, text] of raw.entries()) {
    const type = at === 1 ? 'application/x-www-form-urlencoded' : 'text/plain'
    for (const path of ['secret/data/x', 'auth/jwt/login', 'cubbyhole/x', 'sys/wrapping/wrap']) {
      await root.call('POST', path, undefined, { raw: text, headers: { 'Content-Type': type } })
    }
  }
  // Answers that are no JSON, and what is asked for them.
  await server.client().call('GET', `auth/jwt/oidc/callback?state=${planted}&code=${planted}`)
  await root.must('sys/mounts/kv2', { type: 'kv', options: { version: '2' } })
  await root.must('kv2/data/x', { data: { password: planted, list: [planted] } })
  await root.must('kv1/x', { password: planted })
  for (const path of ['kv2/data/x', 'kv1/x']) {
    assert.ok((await root.read(path)).text.includes(planted))
  }
  // Old clients have the token in the path.
  for (const path of [
    `auth/token/lookup/${server.rootToken}`,
    `${token}/x`,
    `secret/data/${jwtLike}`,
  ]) {
    await root.read(path)
  }
  await root.as(planted).read('secret/data/x')
  await jwt.mustLogin('dev')
  const text = audit()
  for (const form of [...formsOf(planted), server.rootToken, token, jwtLike, server.unsealKey]) {
    const at = text.indexOf(form)
    assert.equal(at, -1, `${form}: ${text.slice(Math.max(0, at - 400), at + 80)}`)
  }
  assert.ok(text.includes('hmac-sha256:'))
})

test('a token that somebody quotes in an error is masked, in records and in the log (SEC-AUD-13)', async () => {
  const { root } = server
  const provider = createServer((_, response) => {
    response.writeHead(500, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify({ error: token, error_description: `bad ${jwtLike}` }))
  })
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve))
  const { port } = provider.address() as AddressInfo
  try {
    await root.must('sys/auth/quoting', { type: 'jwt' })
    const config = { jwks_url: `http://127.0.0.1:${port}/keys` }
    assert.equal((await root.write('auth/quoting/config', config)).status, 400)
  } finally {
    provider.closeAllConnections()
    provider.close()
  }
  await root.must('sys/mounts/chatty', { type: 'chatty' })
  assert.equal((await root.read('chatty/refuse')).status, 400)
  const { error } = server.last().response
  assert.equal(error, 'the provider said: bad token <masked> and <masked>.<masked>.c2lnbmF0dXJl')
  assert.equal((await root.read('chatty/fail')).status, 500)
  assert.equal(server.last().response.error, 'internal error')
  for (const text of [audit(), logged.join('')]) {
    assert.ok(!text.includes(token) && !text.includes(jwtLike.split('.')[0] ?? ''))
  }
  const long = `${'hvs.'.repeat(50_000)}${'eyJ'.repeat(50_000)}`
  const beganMs = performance.now()
  maskSecrets(long)
  assert.ok(performance.now() - beganMs < 500)
})

const hostile = [
  'line\nbreak\r\n',
  '\u001b[31mred\u001b[0m',
  '\u2028\u2029',
  '\u202ereversed',
  '\u0000\u0007\u007f\u0085',
  '"},"type":"response","forged":{"a":"',
  '</script>',
  '\\ud800',
  '\u{1f600}',
]

test('hostile texts in any field are one valid JSON line each (SEC-AUD-08)', async () => {
  const { root } = server
  const before = server.records().length
  let count = 0
  for (const text of hostile) {
    const quoted = JSON.stringify(text).replaceAll('\\\\ud800', '\\ud800')
    const bodies: readonly (readonly [string, string])[] = [
      ['cubbyhole/x', `{${quoted}:${quoted},"n":{${quoted}:1}}`],
      ['sys/mounts/hostile/tune', `{"description":${quoted},"audit_non_hmac_request_keys":["x"]}`],
      ['sys/auth/hostile', `{"type":"jwt","description":${quoted}}`],
      ['auth/token/create', `{"display_name":${quoted},"policies":[${quoted}]}`],
      ['auth/token/create', `{"meta":{${quoted}:${quoted}},"ttl":"1h"}`],
      [`sys/policies/acl/hostile`, `{"policy":${quoted}}`],
      [
        `secret/data/${encodeURIComponent(text.replace('\\ud800', 'x'))}`,
        `{"data":{"a":${quoted}}}`,
      ],
      ['auth/jwt/login', `{"role":${quoted},"jwt":${quoted}}`],
    ]
    for (const [path, raw] of bodies) {
      await root.call('POST', path, undefined, { raw })
      count++
    }
  }
  const text = audit()
  // oxlint-disable-next-line no-control-regex
  assert.ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\ud800-\udfff]/u.test(text))
  const records = server.records()
  // Paths that cannot be printed are refused before they are requests.
  assert.ok(records.length - before > count, `${records.length - before} of ${count}`)
  assert.ok(records.every((record) => record.forged === undefined))
  assert.ok(records.every(({ type }) => type === 'request' || type === 'response'))
})

test('a million characters and a hundred thousand fields hold up nobody else (SEC-AUD-08)', async () => {
  const many = Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => [
      `g${i}`,
      Object.fromEntries(Array.from({ length: 9000 }, (__, k) => [`k${k}`, `value ${i} ${k}`])),
    ]),
  )
  const other = server.client()
  let isOver = false
  let longestMs = 0
  const asking = (async () => {
    while (!isOver) {
      const beganMs = performance.now()
      const cpu = process.cpuUsage()
      await other.read('sys/health')
      const { user, system } = process.cpuUsage(cpu)
      longestMs = Math.max(longestMs, Math.min(performance.now() - beganMs, (user + system) / 1000))
    }
  })()
  const answer = await server.root.write('cubbyhole/large', many)
  assert.ok(answer.status < 300, answer.text)
  const long = await server.root.write('cubbyhole/long', { a: 'x'.repeat(1_000_000) })
  assert.ok(long.status < 300)
  isOver = true
  await asking
  assert.ok(longestMs < 900, `${longestMs} ms`)
  const { data } = server
    .records()
    .findLast(({ request }) => request.path === 'cubbyhole/large').request
  assert.match(data.g8.k8999, /^hmac-sha256:/)
})

test('what is denied, malformed, unknown or too often has its two records (SEC-AUD-12)', async () => {
  const server = await startAudited()
  const { root } = server
  const weak = await root.tokenFor('weak12', 'path "cubbyhole/*" { capabilities = ["list"] }')
  await root.must('sys/quotas/rate-limit/slow', {
    path: 'secret/data/often',
    rate: 1,
    interval: '1h',
  })
  await root.read('secret/data/often')
  const cases: readonly (readonly [string, number, () => Promise<{ readonly status: number }>])[] =
    [
      ['denied', 403, () => weak.read('secret/data/x')],
      [
        'denied before its body is read',
        403,
        () => weak.write('secret/data/x', { a: 'x'.repeat(700_000) }),
      ],
      ['no token', 403, () => server.client().write('secret/data/x', { a: 1 })],
      ['a dead token', 403, () => server.client('hvs.dead').read('secret/data/x')],
      ['broken JSON', 400, () => root.call('POST', 'secret/data/x', undefined, { raw: '{"a":' })],
      ['no object', 400, () => root.call('POST', 'secret/data/x', undefined, { raw: '[1]' })],
      ['a field of another type', 400, () => root.write('auth/token/create', { num_uses: 'x' })],
      ['an unknown mount', 404, () => root.read('nowhere/x')],
      ['an unknown path', 404, () => root.read('sys/nothing/here')],
      ['an unknown operation', 405, () => root.remove('sys/mounts')],
      ['too often', 429, () => root.read('secret/data/often')],
    ]
  for (const [what, status, send] of cases) {
    const before = server.records().length
    assert.equal((await send()).status, status, what)
    assert.equal(server.records().length, before + 2, what)
    const { request, response } = server.last()
    assert.deepEqual([request.type, response.type], ['request', 'response'], what)
    assert.equal(request.request.id, response.request.id, what)
    assert.equal(typeof response.error, 'string', what)
    assert.equal(request.request.mount_point === undefined, what === 'an unknown mount', what)
  }
  await server.stop()
})
