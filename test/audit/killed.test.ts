/** A server that is killed under load: whoever saw an answer finds both of its records in the file. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { ApiClient } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { ServerFolder } from '../server/server-process.ts'

const kills = 4
const answersPerLife = 1500
const connections = 32

/** Calls until the server is gone; gives the request ids of the answers that came whole. */
async function callUntilGone(
  url: string,
  next: (n: number) => { readonly path: string; readonly token?: string; readonly body?: string },
  seen: (id: string) => void,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const { hostname, port } = new URL(url)
  let count = 0
  const one = () =>
    new Promise<boolean>((resolve) => {
      const { path, token, body } = next(count++)
      const request = httpRequest(
        {
          agent,
          hostname,
          port,
          path,
          method: body === undefined ? 'GET' : 'POST',
          headers: token === undefined ? {} : { 'X-Vault-Token': token },
        },
        (response) => {
          response.on('error', () => resolve(false))
          response.resume()
          response.on('end', () => {
            if (!response.complete) return resolve(false)
            const id = response.headers['x-request-id']
            if (typeof id === 'string' && (response.statusCode ?? 500) < 300) seen(id)
            return resolve(true)
          })
        },
      )
      request.on('error', () => resolve(false))
      request.end(body)
    })
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (await one()) continue
    }),
  )
  agent.destroy()
}

test('no client has seen a success without both records, however often the server is killed (SEC-AUD-03)', async () => {
  const folder = new ServerFolder()
  const file = join(folder.path, 'audit.log')
  const maker = makeJwtMaker('k')
  const text = [
    `storage "lmdb" { path = "${join(folder.path, 'data')}" }`,
    'seal "static" { key_env = "SEAL_KEY" }',
    'listener "tcp" {',
    '  address = "127.0.0.1:0"',
    '  tls_disable = true',
    '}',
    `audit "file" "main" { options { file_path = "${file}" } }`,
    '',
  ].join('\n')
  const env = { SEAL_KEY: 'ab'.repeat(32) }
  const seen = new Set<string>()
  let token = ''
  try {
    for (let life = 0; life < kills; life++) {
      const server = folder.start('server.hcl', text, { env })
      const url = await server.url()
      if (token === '') {
        const made = await new ApiClient(url).call('PUT', 'sys/init', {})
        token = made.body.root_token
        const root = new ApiClient(url, token)
        await root.must('sys/auth/jwt', { type: 'jwt' })
        await root.must('auth/jwt/config', { jwt_validation_pubkeys: [maker.pem] })
        const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'] }
        await root.must('auth/jwt/role/r', role)
      }
      const jwt = maker.sign({ sub: 'alice', aud: 'vault' })
      const login = JSON.stringify({ role: 'r', jwt })
      const limit = seen.size + answersPerLife
      await callUntilGone(
        url,
        (n) =>
          n % 3 === 0
            ? { path: '/v1/auth/jwt/login', body: login }
            : { path: '/v1/auth/token/lookup-self', token },
        (id) => {
          seen.add(id)
          if (seen.size === limit) server.child.kill('SIGKILL')
        },
      )
      await server.exit
    }
    const found = new Map<string, Set<string>>()
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      // A kill may leave half a line: it belongs to no answer.
      const record = parse(line)
      if (record === undefined) continue
      const types = found.get(record.request.id) ?? new Set()
      found.set(record.request.id, types.add(record.type))
    }
    const missing = [...seen].filter((id) => found.get(id)?.size !== 2)
    assert.ok(seen.size >= kills * answersPerLife)
    assert.deepEqual(missing, [])
  } finally {
    folder.remove()
  }
})

interface Parsed {
  readonly type: string
  readonly request: { readonly id: string }
}

function parse(line: string): Parsed | undefined {
  try {
    return JSON.parse(line) as Parsed
  } catch {
    return undefined
  }
}
