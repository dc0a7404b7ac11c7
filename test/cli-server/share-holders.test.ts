/** `operator generate-root` and `operator rekey` against a real server, open and closed (platform.md §2.10). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { closedSwitches } from '../../src/framework/api.ts'
import { tcpListener } from '../../src/http/listener-options.ts'
import { run, type RunResult } from '../cli/cli-run.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { wantAlive } from '../platform/fixture.ts'

let server: TestServer
let rootToken: string
let keys: readonly string[]
const addresses: string[] = []

before(async () => {
  const address = { host: '127.0.0.1', port: 0 }
  const switches = {
    ...closedSwitches,
    unauthenticatedGenerateRoot: true,
    unauthenticatedRekey: true,
  }
  server = await startTestServer({
    raw: true,
    listeners: [tcpListener(address), tcpListener({ ...address, switches })],
  })
  for (const bound of server.addresses) if (bound.kind === 'tcp') addresses.push(bound.url)
  const nobody = server.client()
  const { body } = await nobody.call('PUT', 'sys/init', { secret_shares: 3, secret_threshold: 2 })
  keys = body.keys
  rootToken = body.root_token
  for (const key of keys.slice(0, 2)) await nobody.call('PUT', 'sys/unseal', { key })
})

after(() => server.stop())

interface Place {
  readonly name: string
  readonly env: () => Readonly<Record<string, string>>
}

const places: readonly Place[] = [
  {
    name: 'with a token where the other way is closed',
    env: () => ({ VAULT_ADDR: addresses[0] ?? '', VAULT_TOKEN: rootToken }),
  },
  { name: 'without a token', env: () => ({ VAULT_ADDR: addresses[1] ?? '' }) },
]

async function well(env: Place['env'], ...words: readonly string[]): Promise<RunResult> {
  const result = await run(['operator', ...words], { env: env() })
  assert.equal(result.code, 0, result.out + result.err)
  return result
}

async function jsonOf(env: Place['env'], ...words: readonly string[]) {
  const [command = '', ...rest] = words
  return JSON.parse((await well(env, command, '-format=json', ...rest)).out)
}

for (const { name, env } of places) {
  test(`a root token is made and decoded ${name}`, async () => {
    const early = await run(['operator', 'generate-root', '-nonce=x', 'ab'], { env: env() })
    assert.match(early.err, /Nothing is in progress/)
    const { nonce, otp } = await jsonOf(env, 'generate-root', '-init')
    assert.match((await well(env, 'generate-root', '-status')).out, /Progress +0\/2\n/)
    const [first = '', second = ''] = keys
    const unnamed = await run(['operator', 'generate-root', first], { env: env() })
    assert.match(unnamed.err, /Missing nonce value/)
    await well(env, 'generate-root', `-nonce=${nonce}`, first)
    const piped = await run(['operator', 'generate-root', `-nonce=${nonce}`, '-'], {
      env: env(),
      stdin: `${second}\n`,
    })
    const encoded = /Encoded Token +(\S+)/.exec(piped.out)?.[1] ?? ''
    const decoded = await run(['operator', 'generate-root', `-decode=${encoded}`, `-otp=${otp}`])
    const token = /^Root token: (\S+)\n$/.exec(decoded.out)?.[1] ?? ''
    await wantAlive(server.client(token))
    const wrong = await run(['operator', 'generate-root', `-decode=${encoded}`, '-otp=short'])
    assert.deepEqual([wrong.code, wrong.out], [1, ''])
    await well(env, 'generate-root', '-init')
    assert.match((await well(env, 'generate-root', '-cancel')).out, /^Success!/)
    assert.match((await well(env, 'generate-root', '-status')).out, /Started +false/)
  })

  test(`the unseal keys are changed and verified ${name}`, async () => {
    const init = ['-init', '-key-shares=2', '-key-threshold=2', '-verify']
    const { nonce } = await jsonOf(env, 'rekey', ...init)
    let after: { keys: string[]; verification_nonce: string } | undefined
    for (const key of keys.slice(0, 2)) {
      after = await jsonOf(env, 'rekey', `-nonce=${nonce}`, key)
    }
    assert.ok(after !== undefined)
    const verification = after.verification_nonce
    const status = await well(env, 'rekey', '-status')
    assert.match(status.out, new RegExp(`Verification Nonce +${verification}`))
    let last: RunResult | undefined
    for (const key of after.keys) {
      last = await well(env, 'rekey', '-verify', `-nonce=${verification}`, key)
    }
    assert.match(last?.out ?? '', /are verified/)
    keys = after.keys
    await jsonOf(env, 'rekey', '-init', '-n=3', '-t=2')
    await well(env, 'rekey', '-cancel')
    const { n } = (await server.client().read('sys/seal-status')).body
    assert.equal(n, 2)
  })
}

test('a one-time password is made without a server', async () => {
  const { out, code } = await run(['operator', 'generate-root', '-generate-otp'])
  assert.deepEqual([code, /^[0-9A-Za-z]{52}\n$/.test(out)], [0, true])
})
