/** read, write, delete and list against a real server: K=V words, output, exit codes (platform.md §9.4 to §9.6). */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { apiError, denied, Shell } from './fixture.ts'

let shell: Shell

before(async () => {
  shell = await Shell.start()
  await shell.must(['secrets', 'enable', '-path=kv1', '-version=1', 'kv'])
})
after(() => shell.stop())

function file(name: string, text: string): string {
  const path = join(shell.home, name)
  writeFileSync(path, text)
  return path
}

/** Writes the words to kv1/a and gives what the server holds afterwards. */
async function stored(words: readonly string[], stdin?: string): Promise<unknown> {
  const options = stdin === undefined ? {} : { stdin }
  const out = await shell.must(['write', 'kv1/a', ...words], options)
  assert.equal(out, 'Success! Data written to: kv1/a\n')
  return (await shell.json(['read', 'kv1/a'])).data
}

test('CLI-09: nothing there is "No value found" and exit code 2', async () => {
  const cases: [readonly string[], string][] = [
    [['kv', 'get', 'secret/none'], 'secret/data/none'],
    [['read', 'kv1/none'], 'kv1/none'],
    [['list', 'kv1/none'], 'kv1/none'],
  ]
  for (const [words, path] of cases) {
    const result = await shell.run(words)
    assert.deepEqual(result, { code: 2, out: '', err: `No value found at ${path}\n` })
  }
})

test('nothing there as json: a list is an empty object, a read says so on stderr', async () => {
  const list = await shell.run(['list', '-format=json', 'kv1/none'])
  assert.deepEqual(list, { code: 2, out: '{}\n', err: '' })
  const read = await shell.run(['read', '-format=json', 'kv1/none'])
  assert.deepEqual(read, { code: 2, out: '', err: 'No value found at kv1/none\n' })
})

test('an unknown mount is told apart from an empty one', async () => {
  const result = await shell.run(['read', 'kvv/a'])
  assert.deepEqual([result.code, result.out], [2, ''])
  assert.equal(
    result.err,
    'No value found at kvv/a\n* no handler for route "kvv/a". route entry not found.\nThere is no mount that this token can see holds kvv/a. Did you mean kv1/a?\n',
  )
})

test('CLI-10: a refusal has the layout that scripts know, and exit code 2', async () => {
  const token = await shell.tokenFor('nothing', 'path "x" { capabilities = ["deny"] }')
  const result = await shell.run(['read', 'secret/data/x'], { env: { VAULT_TOKEN: token } })
  assert.deepEqual([result.code, result.out], [2, ''])
  const request = `GET ${shell.address}/v1/secret/data/x`
  const hint =
    'Permission denied. What the token may do there: vault token capabilities secret/data/x\n'
  assert.equal(result.err, apiError('Error reading secret/data/x', request, 403, [denied]) + hint)
})

test('CLI-11, CLI-12, CLI-20: what cannot be sent is not sent, exit code 1', async () => {
  const noPair = await shell.run(['write', 'secret/x', 'nokv'])
  assert.equal(noPair.code, 1)
  assert.match(noPair.err, /^Failed to parse K=V data: .*format must be key=value\n$/)
  const noData = await shell.run(['write', 'kv1/x'])
  assert.deepEqual(noData, { code: 1, out: '', err: 'Must supply data or use -force\n' })
  const twice = await shell.run(['write', 'kv1/a', 'k=-', 'j=-'], { stdin: 'abc' })
  assert.equal(twice.code, 1)
  assert.match(twice.err, /stdin already consumed/)
  assert.deepEqual(shell.taken(), [])
})

test('CLI-12: -f sends one PUT without data', async () => {
  await shell.must(['write', '-f', 'sys/rotate'])
  const sent = shell.taken().map(({ line, body }) => [line, body])
  assert.deepEqual(sent, [['PUT /v1/sys/rotate', '']])
})

test('CLI-13: the content of a file is not trimmed', async () => {
  assert.deepEqual(await stored([`v=@${file('f', 'abc\n')}`]), { v: 'abc\n' })
})

test('CLI-14: a backslash keeps the at sign', async () => {
  assert.deepEqual(await stored(['v=\\@f']), { v: '@f' })
})

test('CLI-15: a lone dash is all of stdin', async () => {
  assert.deepEqual(await stored(['v=-'], 'abc'), { v: 'abc' })
})

test('CLI-16: a JSON object on stdin keeps its types', async () => {
  assert.deepEqual(await stored(['-'], '{"a":1,"b":[2]}'), { a: 1, b: [2] })
  await shell.must(['write', 'kv1/big', '-'], { stdin: '{"n":12345678901234567890.10}' })
  assert.match(
    await shell.must(['read', '-format=json', 'kv1/big']),
    /"n": 12345678901234567890\.10/,
  )
  assert.equal(await shell.must(['read', '-field=n', 'kv1/big']), '12345678901234567890.10')
})

test('CLI-17: a JSON file and a word are merged', async () => {
  const path = file('j', '{"a":true,"x":"0"}')
  assert.deepEqual(await stored([`@${path}`]), { a: true, x: '0' })
  const other = file('k', '{"a":{"b":null}}')
  assert.deepEqual(await stored([`@${other}`, 'x=1']), { a: { b: null }, x: '1' })
})

test('CLI-18, CLI-19: the same key twice is a list, only the first equals sign splits', async () => {
  assert.deepEqual(await stored(['k=1', 'k=2', 'j=a=b']), { k: ['1', '2'], j: 'a=b' })
})

test('CLI-21: json is the whole envelope', async () => {
  await stored(['x=1'])
  const envelope = await shell.json(['read', 'kv1/a'])
  assert.match(envelope.request_id, /^[0-9a-f-]{36}$/)
  assert.deepEqual(
    { ...envelope, request_id: '' },
    {
      request_id: '',
      lease_id: '',
      renewable: false,
      lease_duration: 2_764_800,
      data: { x: '1' },
      warnings: null,
    },
  )
})

test('CLI-22: a list as json is the bare array, with -detailed the envelope', async () => {
  assert.equal(await shell.must(['list', '-format=json', 'kv1']), '[\n  "a",\n  "big"\n]\n')
  const detailed = await shell.json(['list', '-detailed', 'kv1/'])
  assert.deepEqual(detailed.data, { keys: ['a', 'big'] })
  assert.equal(await shell.must(['list', 'kv1']), 'Keys\n----\na\nbig\n')
})

test('CLI-23, CLI-24: a field is its value without a line feed, or exit code 1', async () => {
  await stored(['x=y'])
  assert.equal(await shell.must(['read', '-field=x', 'kv1/a']), 'y')
  const missing = await shell.run(['read', '-field=none', 'kv1/a'])
  assert.deepEqual(missing, { code: 1, out: '', err: 'Field "none" not present in secret\n' })
})

test('the table of a version 1 secret begins with refresh_interval', async () => {
  await stored(['x=y'])
  assert.equal(
    await shell.must(['read', 'kv1/a']),
    [
      'Key                 Value',
      '---                 -----',
      'refresh_interval    768h',
      'x                   y',
      '',
    ].join('\n'),
  )
})

test('CLI-54: -format counts behind the path, any other flag there is data and warned of', async () => {
  await stored(['v=1'])
  const format = await shell.run(['read', 'kv1/a', '-format=json'])
  assert.deepEqual([format.code, format.err], [0, ''])
  assert.deepEqual(JSON.parse(format.out).data, { v: '1' })
  const field = await shell.run(['read', 'kv1/a', '-field=v'])
  assert.equal(field.code, 0)
  assert.match(field.out, /^Key /)
  assert.match(
    field.err,
    /^Command flags must be provided before positional arguments\. The following arguments will not be parsed as flags: \[-field=v\]\n/,
  )
})

test('CLI-55: a dry run prints a curl command and sends nothing; the flag may stand before the command', async () => {
  const expected = `curl -X PUT -H 'X-Vault-Request: true' -H "X-Vault-Token: $(vault print token)" -H 'Content-Type: application/json' -d '{"b":"c"}' ${shell.address}/v1/a\n`
  for (const words of [
    ['write', '-output-curl-string', 'a', 'b=c'],
    ['-output-curl-string', 'write', 'a', 'b=c'],
  ]) {
    assert.equal(await shell.must(words), expected)
    assert.deepEqual(shell.taken(), [])
  }
})

test('CLI-56: a dry run prints the policy that the request needs', async () => {
  const policy = (path: string, names: string) =>
    `path "${path}" {\n  capabilities = [${names}]\n}\n`
  const words = ['-output-policy', 'secret/data/x']
  assert.equal(await shell.must(['read', ...words]), policy('secret/data/x', '"read"'))
  assert.equal(await shell.must(['list', ...words]), policy('secret/data/x', '"list"'))
  assert.equal(
    await shell.must(['write', ...words, 'a=b']),
    policy('secret/data/x', '"create", "update"'),
  )
  assert.deepEqual(shell.taken(), [])
  assert.equal(
    await shell.must(['kv', 'get', '-output-policy', 'secret/x']),
    policy('secret/data/x', '"read"'),
  )
})

test('CLI-57: wrapping and unwrapping, and a second unwrapping fails with exit code 2', async () => {
  const wrap = await shell.json(['read', '-wrap-ttl=60s', '-format=json', 'kv1/a'])
  assert.equal(wrap.wrap_info.ttl, 60)
  const table = await shell.must(['token', 'create', '-wrap-ttl=60s'])
  assert.match(table, /wrapping_token:\s+hvs\./)
  assert.match(table, /wrapped_accessor:/)
  const inside = await shell.json(['unwrap', '-format=json', wrap.wrap_info.token])
  assert.ok(Object.keys(inside.data).length > 0)
  for (const words of [['unwrap', 'hvs.x'], ['unwrap']]) {
    const result = await shell.run(words)
    assert.equal(result.code, 2)
    assert.match(result.err, /^Error unwrapping: Error making API request\./)
  }
})

test('delete says where, with and without something there', async () => {
  for (const _ of [1, 2]) {
    const out = await shell.must(['delete', 'kv1/big'])
    assert.equal(out, 'Success! Data deleted (if it existed) at: kv1/big\n')
  }
  assert.equal(await shell.must(['delete', '-format=json', 'kv1/big']), '')
})

test('raw and yaml print what the server said', async () => {
  const raw = await shell.must(['read', '-format=raw', 'sys/health'])
  assert.equal(JSON.parse(raw).sealed, false)
  await shell.must(['write', 'kv1/y', '-'], { stdin: '{"number":1.50,"text":"yes"}' })
  const yaml = await shell.must(['read', '-format=yaml', 'kv1/y'])
  assert.match(yaml, /^data:\n  number: 1\.50\n  text: "yes"\n/m)
})

test('patch changes the named fields only', async () => {
  const result = await shell.run(['patch', 'secret/data/none', 'data=x'])
  assert.equal(result.code, 2)
  const text = '{"data":{"a":"2"}}'
  await shell.must(['kv', 'put', 'secret/p', 'a=1', 'b=1'])
  await shell.must(['patch', 'secret/data/p', '-'], { stdin: text })
  assert.deepEqual((await shell.json(['kv', 'get', 'secret/p'])).data.data, { a: '2', b: '1' })
})

test('path-help prints what the server says about a path', async () => {
  const out = await shell.must(['path-help', 'auth/token/create'])
  assert.match(out, /^Request: +create\n/)
  assert.match(out, /^## OPERATIONS$/m)
  assert.match(out, /^## PARAMETERS$/m)
  const unknown = await shell.run(['path-help', 'nope'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.err, /^Error retrieving help for nope: /)
})
