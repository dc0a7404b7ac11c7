import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { run, withServer, type RecordedServer, type RunOptions } from './cli-run.ts'

async function sent(
  server: RecordedServer,
  words: string[],
  options?: RunOptions,
): Promise<unknown> {
  server.answer({ 'PUT /v1/kv1/a': {} })
  const result = await server.run(['write', 'kv1/a', ...words], options)
  assert.equal(result.code, 0, result.err)
  assert.equal(result.out, 'Success! Data written to: kv1/a\n')
  assert.deepEqual(server.lines, ['PUT /v1/kv1/a'])
  return server.seen[0]?.body
}

test('CLI-13 to CLI-19: every way to write a value arrives as documented', () =>
  withServer({}, async (server) => {
    const file = `${server.home}/f`
    await writeFile(file, 'abc\n')
    await writeFile(`${server.home}/j`, '{"a":1,"b":[2],"c":1.50}')
    assert.deepEqual(await sent(server, [`v=@${file}`]), { v: 'abc\n' })
    assert.deepEqual(await sent(server, ['v=\\@f']), { v: '@f' })
    assert.deepEqual(await sent(server, ['v=-'], { stdin: 'abc' }), { v: 'abc' })
    assert.deepEqual(await sent(server, ['-'], { stdin: '{"a":1,"b":[2]}' }), { a: 1, b: [2] })
    assert.deepEqual(await sent(server, [`@${server.home}/j`, 'x=1']), {
      a: 1,
      b: [2],
      c: 1.5,
      x: '1',
    })
    assert.deepEqual(await sent(server, ['k=1', 'k=2', 'k=3']), { k: ['1', '2', '3'] })
    assert.deepEqual(await sent(server, ['k=a=b', 'e=']), { k: 'a=b', e: '' })
  }))

test('CLI-11: a word without = is refused without repeating it', async () => {
  const result = await run(['write', 'secret/x', 'canary-secret'])
  assert.equal(result.code, 1)
  assert.equal(
    result.err,
    'Failed to parse K=V data: invalid key/value pair at word 1: format must be key=value\n',
  )
})

test('CLI-12: write without data needs -force, and with it sends one PUT without a body', () =>
  withServer({ 'PUT /v1/auth/x': {} }, async (server) => {
    const refused = await server.run(['write', 'auth/x'])
    assert.deepEqual([refused.code, refused.err], [1, 'Must supply data or use -force\n'])
    assert.equal((await server.run(['write', '-f', '/auth/x/'])).code, 0)
    assert.deepEqual(server.lines, ['PUT /v1/auth/x'])
    assert.equal(server.seen[0]?.body, undefined)
  }))

test('CLI-20: standard input is read once', async () => {
  const result = await run(['write', 'kv1/a', 'k=-', 'j=-'], { stdin: 'x' })
  assert.equal(result.code, 1)
  assert.equal(result.err, 'Failed to parse K=V data: stdin already consumed\n')
})

test('a document without its braces is refused before the server is asked (seed S-11)', async () => {
  const result = await run(['write', 'auth/oidc/role/demo', '-'], {
    stdin: '"user_claim": "sub",\n"role_type": "oidc",\n',
  })
  assert.equal(result.code, 1)
  assert.match(result.err, /^Failed to parse K=V data: standard input is not JSON: /u)
  const file = await run(['write', 'a', 'k=@/nonexistent/file'])
  assert.equal(file.code, 1)
  assert.match(file.err, /there is no file \/nonexistent\/file/u)
})
