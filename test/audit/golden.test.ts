/**
 * Records of every kind as they are, compared with the files under `test/fixtures/audit/`. What differs from run to run (times, ids,
 * hashes, ports) is written by its kind and number, so that equal values stay equal. `UPDATE_GOLDEN=1` writes the files anew.
 */

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { enableJwt } from '../platform/fixture.ts'
import { manualClock } from '../harness/test-server.ts'
import { startAudited } from './fixture.ts'

const folder = join(import.meta.dirname, '../../../test/fixtures/audit')
const isUpdating = process.env['UPDATE_GOLDEN'] === '1'

/** Values of one kind, each with its number in the order of appearance. */
class Numbers {
  readonly #known = new Map<string, string>()

  of(kind: string, value: string): string {
    const key = `${kind} ${value}`
    const count = [...this.#known.keys()].filter((one) => one.startsWith(`${kind} `)).length
    const name = this.#known.get(key) ?? `<${kind} ${count + 1}>`
    this.#known.set(key, name)
    return name
  }
}

const kinds: readonly (readonly [string, RegExp])[] = [
  ['time', /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g],
  ['hash', /hmac-sha256:[0-9a-f]{64}/g],
  ['uuid', /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g],
  ['accessor', /(?:auth_)?(?:jwt|token|kv|system|cubbyhole)_[0-9a-f]{8}/g],
]

function steady(record: unknown, numbers: Numbers): string {
  let text = JSON.stringify(record, undefined, 2)
  for (const [kind, pattern] of kinds) {
    text = text.replaceAll(pattern, (value) => numbers.of(kind, value))
  }
  return text
    .replaceAll(/"remote_port": \d+/g, '"remote_port": <port>')
    .replaceAll(/"(creation_time|ttl|token_ttl|expire_time_unix)": \d+/g, '"$1": <number>')
}

test('records of every kind are what they were', async () => {
  const server = await startAudited({ file: {} }, { clock: manualClock() })
  try {
    const jwt = await enableJwt(server)
    await jwt.mustRole('dev', { token_policies: ['reader'] })
    const reader = 'path "secret/*" { capabilities = ["read", "list"] }'
    await server.root.must('sys/policies/acl/reader', { policy: reader })
    await server.root.must('sys/config/auditing/request-headers/x-trace', { hmac: false })
    const headers = { 'X-Trace': 'abc' }
    const wrap = { 'X-Vault-Wrap-TTL': '60' }
    const person = await jwt.client('dev', 'carol')
    const limited = await server.root.must('auth/token/create', {
      policies: ['reader'],
      num_uses: 3,
    })
    const uses = server.client(limited.body.auth.client_token)
    const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['login', () => jwt.login('dev', 'dave')],
      ['login-refused', () => jwt.login('none', 'dave')],
      ['login-wrapped', () => jwt.login('dev', 'carol', wrap)],
      ['write', () => server.root.write('secret/data/app', { data: { a: 'x', n: 1, b: true } })],
      ['read', () => person.call('GET', 'secret/data/app', undefined, { headers })],
      ['list', () => person.list('secret/metadata')],
      ['delete', () => server.root.remove('secret/metadata/gone')],
      ['denied', () => person.write('secret/data/app', { data: { a: 'y' } })],
      ['unknown-token', () => server.client('nothing').read('secret/data/app')],
      ['unknown-path', () => server.root.read('nowhere/at/all')],
      ['broken-body', () => server.root.call('POST', 'secret/data/app', undefined, { raw: '{' })],
      ['limited-uses', () => uses.read('secret/data/app')],
      [
        'token-create',
        () => server.root.write('auth/token/create', { policies: ['reader'], ttl: '1h' }),
      ],
      ['wrapped', () => server.root.call('GET', 'secret/data/app', undefined, { headers: wrap })],
      ['help', () => server.root.read('secret/data/app?help=1')],
    ]
    mkdirSync(folder, { recursive: true })
    for (const [name, call] of calls) {
      await call()
      const { request, response } = server.last()
      const numbers = new Numbers()
      const text = `${steady(request, numbers)}\n${steady(response, numbers)}\n`
      const path = join(folder, `${name}.txt`)
      if (isUpdating) writeFileSync(path, text)
      assert.equal(text, readFileSync(path, 'utf8'), name)
    }
  } finally {
    await server.stop()
  }
})
