/** curl as shell scripts call it (platform.md §10.7). */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

const program = '/usr/bin/curl'
const skip = existsSync(program) ? false : 'curl is not installed on this machine'

interface Outcome {
  readonly exitCode: number
  readonly status: number
  readonly text: string
}

/** Parsed bodies are looked into freely. */
// oxlint-disable-next-line typescript/no-explicit-any
const json = (text: string): any => JSON.parse(text)

describe('curl', { skip }, () => {
  let server: TestServer

  before(async () => {
    server = await startTestServer()
    await server.root.must('sys/mounts/kv', { type: 'kv' })
    await server.root.must('kv/dir/a', { v: '1' })
    await server.root.must('kv/dir/b', { v: '2' })
  })

  after(() => server.stop())

  function curl(...words: readonly string[]): Promise<Outcome> {
    const path = words.at(-1) ?? ''
    const all = [
      ...['-q', '-sS', '--noproxy', '*', '--max-time', '8', '-w', '\n%{http_code}'],
      ...words.slice(0, -1),
      `${server.url}/v1/${path}`,
    ]
    return new Promise((resolve) => {
      execFile(program, all, (error, stdout) => {
        const cut = stdout.lastIndexOf('\n')
        resolve({
          exitCode: error === null ? 0 : Number(error.code),
          status: Number(stdout.slice(cut + 1)),
          text: stdout.slice(0, cut),
        })
      })
    })
  }

  function asRoot(...words: readonly string[]): Promise<Outcome> {
    return curl('-H', `X-Vault-Token: ${server.rootToken}`, ...words)
  }

  test('CLT-35: -X LIST and ?list=true give the same keys', async () => {
    for (const words of [['-X', 'LIST', 'kv/dir'], ['kv/dir?list=true']]) {
      const { status, text } = await asRoot(...words)
      assert.equal(status, 200, text)
      assert.deepEqual(json(text).data.keys, ['a', 'b'])
    }
  })

  test('CLT-35: --data @file, with the content type that curl adds by itself', async () => {
    const file = join(server.folder, 'body.json')
    writeFileSync(file, '{"password":"from a file"}\n')
    const written = await asRoot('--data', `@${file}`, 'kv/file')
    assert.equal(written.status, 204, written.text)
    assert.deepEqual(json((await asRoot('kv/file')).text).data, { password: 'from a file' })
  })

  test('CLT-35: -d key=value is read as a form', async () => {
    const made = await asRoot('-d', 'ttl=1h', '-d', 'policies=default', 'auth/token/create')
    assert.equal(made.status, 200, made.text)
    const { auth } = json(made.text)
    assert.equal(auth.lease_duration, 3600)
    assert.deepEqual(auth.policies, ['default'])
  })

  test('CLT-35: a POST without a body', async () => {
    const made = await asRoot('-X', 'POST', 'auth/token/create')
    assert.equal(made.status, 200, made.text)
    const token: string = json(made.text).auth.client_token
    const revoked = await curl(
      ...['-X', 'POST', '-H', `Authorization: Bearer ${token}`, 'auth/token/revoke-self'],
    )
    assert.equal(revoked.status, 204)
  })

  test('CLT-35: PUT from a stream and several requests on one connection', async () => {
    const written = await asRoot('-X', 'PUT', '-d', '{"v":"3"}', 'kv/dir/c')
    assert.equal(written.status, 204)
    const twice = await asRoot('-X', 'LIST', `${server.url}/v1/kv/dir`, 'kv/dir')
    assert.equal(twice.exitCode, 0)
    assert.equal(twice.text.match(/"c"/g)?.length, 2)
  })

  test('CLT-36: curl -sf on the health of a sealed server ends with 22', async () => {
    assert.equal((await curl('-f', 'sys/health')).exitCode, 0)
    await server.root.must('sys/seal')
    const health = await curl('-f', 'sys/health')
    assert.deepEqual([health.exitCode, health.status], [22, 503])
    await server.client().must('sys/unseal', { key: server.unsealKey })
  })
})
