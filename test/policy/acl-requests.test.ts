/**
 * Policies as a client meets them: written over a socket, and asked by requests of a token. Nothing is mounted where the
 * rules point, so that what passes them is answered 404 and what does not 403.
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import * as fc from '../harness/properties.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { aclRows } from './acl-rows.suite.ts'
import { parameterRows } from './parameter-rows.suite.ts'
import { anyPath, anyRule, modelAllows } from './plain-model.ts'
import { ruleText } from './rules.ts'

let server: TestServer
let root: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
  await root.must('sys/mounts/kv', { type: 'kv', options: { version: '1' } })
})

after(() => server.stop())

const methods: Readonly<Record<string, string>> = {
  read: 'GET',
  header: 'HEAD',
  list: 'LIST',
  scan: 'SCAN',
  update: 'POST',
  patch: 'PATCH',
  delete: 'DELETE',
}

/** Whether the policy let it through; then there is nothing there, or another complaint. */
async function passes(at: ApiClient, operation: string, path: string): Promise<boolean> {
  const body = operation === 'update' || operation === 'patch' ? {} : undefined
  const { status } = await at.call(methods[operation] ?? '', encodeURI(path), body)
  assert.ok([200, 400, 403, 404, 405].includes(status), `${operation} ${path}: ${status}`)
  return status !== 403
}

let names = 0

/** A token of the root's with one policy for each text and nothing else. */
async function tokenOf(texts: readonly string[]): Promise<ApiClient> {
  const policies = texts.map(() => `p${++names}`)
  for (const [i, name] of policies.entries()) {
    await root.must(`sys/policies/acl/${name}`, { policy: `${texts[i]} # ${name}` })
  }
  return root.tokenWith(policies)
}

for (const { title, rules, allowed = '', denied = '' } of aclRows) {
  test(`at a server: ${title}`, async () => {
    const token = await tokenOf(rules.map(ruleText))
    for (const [list, expected] of [
      [allowed, true],
      [denied, false],
    ] as const) {
      for (const request of list === '' ? [] : list.split(', ')) {
        const [operation = '', path = ''] = request.split(' ')
        // A create needs a path that knows what is there, and a doubled slash is no path of its own over HTTP.
        if (methods[operation] === undefined || path === '' || path.includes('//')) continue
        assert.equal(await passes(token, operation, path), expected, request)
      }
    }
  })
}

test('whoever has no rule is denied every verb of every path there is, at its longest too (SEC-ACL-01)', async () => {
  const { paths } = (await root.read('sys/internal/specs/openapi')).body
  const token = await root.tokenFor('elsewhere', 'path "elsewhere/*" { capabilities = ["read"] }')
  // What answers strangers answers this token too; the default policy is not there.
  const open = Object.entries<Record<string, unknown>>(paths).flatMap(
    ([path, { 'x-vault-unauthenticated': isOpen }]) => (isOpen === true ? [path] : []),
  )
  assert.ok(open.length > 0)
  let asked = 0
  for (const template of Object.keys(paths)) {
    if (open.includes(template)) continue
    const path = template.slice(1).replaceAll(/\{[^}]*\}/g, 'x')
    for (const operation of Object.keys(methods)) {
      assert.equal(await passes(token, operation, path), false, `${operation} ${path}`)
      asked++
    }
  }
  assert.ok(asked > 300, String(asked))
  for (const path of ['kv', `kv/${'x'.repeat(7000)}`, `kv/${'x/'.repeat(2000)}x`]) {
    assert.equal(await passes(token, 'read', path), false, path.slice(0, 20))
  }
})

test('one deny among the longest list of grants wins, and so does one by wildcard (SEC-ACL-02)', async () => {
  const granting = 'path "kv/*" { capabilities = ["create", "read", "update", "delete", "list"] }'
  await root.must('kv/x', { a: 1 })
  const many = Array.from({ length: 100 }, () => granting)
  const all = await tokenOf(many)
  assert.equal((await all.read('kv/x')).status, 200)
  assert.equal((await all.list('kv/')).status, 200)
  for (const at of [0, 50, 100]) {
    const texts = many.toSpliced(at, 0, 'path "kv/*" { capabilities = ["deny"] }')
    const token = await tokenOf(texts)
    for (const operation of Object.keys(methods)) {
      assert.equal(await passes(token, operation, 'kv/x'), false, operation)
    }
    assert.equal((await token.list('kv/')).status, 403)
  }
})

test('300 random pairs of rules decide over requests as a plain model does (SEC-ACL-04)', async () => {
  const [one, two] = ['first', 'second']
  await root.must(`sys/policies/acl/${one}`, { policy: '# one' })
  await root.must(`sys/policies/acl/${two}`, { policy: '# two' })
  const token = await root.tokenWith([one, two])
  // The empty path and a doubled slash are no paths of their own over HTTP.
  const path = anyPath.filter(
    (text) => !text.includes('//') && !text.startsWith('/') && text !== '',
  )
  await fc.assert(
    fc.asyncProperty(
      anyRule,
      anyRule,
      fc.array(path, { minLength: 4, maxLength: 4 }),
      async (a, b, paths) => {
        const texts = [a, b].map(({ pattern, letters }) => `${ruleText(`${pattern} ${letters}`)} #`)
        await Promise.all([
          root.must(`sys/policies/acl/${one}`, { policy: texts[0] }),
          root.must(`sys/policies/acl/${two}`, { policy: texts[1] }),
        ])
        const asks = paths.flatMap(
          (text) =>
            [
              ['r', 'read', text],
              // Nothing is written to a path that ends in a slash.
              ['u', 'update', text.endsWith('/') ? text.slice(0, -1) : text],
              ['l', 'list', text.endsWith('/') ? text : `${text}/`],
            ] as const,
        )
        await Promise.all(
          asks.map(async ([letter, operation, text]) => {
            const expected = modelAllows([a, b], letter, text)
            assert.equal(await passes(token, operation, text), expected, `${operation} ${text}`)
          }),
        )
      },
    ),
    { numRuns: 300 },
  )
})

test('a thousand rules of the longest kind decide as the plain model does (SEC-ACL-04)', async () => {
  const rules = Array.from({ length: 1000 }, (_, i) => ({
    pattern: `deep/${'+/'.repeat(i % 40)}${i % 3 === 0 ? 'x' : `r${i}`}/${i % 2 === 0 ? '*' : 'end'}`,
    letters: i % 7 === 0 ? 'deny' : 'r',
  }))
  const token = await tokenOf([ruleText(rules.map((r) => `${r.pattern} ${r.letters}`).join(';'))])
  for (let i = 0; i < 1000; i += 41) {
    const path = `deep/${'a/'.repeat(i % 40)}${i % 3 === 0 ? 'x' : `r${i}`}/end`
    assert.equal(await passes(token, 'read', path), modelAllows(rules, 'r', path), path)
  }
})

for (const { title, limits, allowed = [], denied = [] } of parameterRows) {
  test(`at a server: ${title}`, async () => {
    const verbs = '["create", "update"]'
    const token = await tokenOf(
      limits.map((limit) => `path "kv/p" { capabilities = ${verbs} ${limit} }`),
    )
    for (const [list, isAllowed] of [
      [allowed, true],
      [denied, false],
    ] as const) {
      for (const raw of list) {
        const { status, text } = await token.call('POST', 'kv/p', undefined, { raw })
        assert.equal(status !== 403, isAllowed, `${raw}: ${status} ${text}`)
      }
    }
  })
}

test('no spelling, depth or length of a value leads past a rule about it (SEC-ACL-05)', async () => {
  const token = await tokenOf([
    'path "kv/n" { capabilities = ["create", "update"] denied_parameters = { n = [1] } }',
    'path "kv/o" { capabilities = ["create", "update"] allowed_parameters = { o = [{ a = 1 }] } }',
  ])
  const post = async (path: string, raw: string) =>
    (await token.call('POST', path, undefined, { raw })).status
  assert.equal(await post('kv/n', '{"n": 2}'), 204)
  assert.equal(await post('kv/o', '{"o": {"a": 1.0}}'), 204)
  const zeros = '0'.repeat(100_000)
  for (const n of [
    '1',
    '1.0',
    '10e-1',
    '0.1e1',
    `1.${zeros}`,
    `0.${zeros}1e100001`,
    '1E+0',
    '1e-0',
  ]) {
    // Either the deny fires or the number is none that a request may have.
    assert.ok([400, 403].includes(await post('kv/n', `{"n": ${n}}`)), n.slice(0, 20))
    assert.ok([400, 403].includes(await post('kv/n', `{"n": 2, "N": ${n}}`)), n.slice(0, 20))
  }
  const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
  const wide = `{"a": 1, ${Array.from({ length: 50_000 }, (_, i) => `"b${i}": 1`).join()}}`
  for (const o of [
    deep(2),
    deep(60),
    deep(100_000),
    wide,
    '{"a": 1, "a": 2}',
    `[${'1,'.repeat(50_000)}1]`,
  ]) {
    assert.ok([400, 403].includes(await post('kv/o', `{"o": ${o}}`)), o.slice(0, 20))
  }
})
