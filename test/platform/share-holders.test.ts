/** What holders of unseal keys may do: another root token, other unseal keys (platform.md §2.10). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { closedSwitches } from '../../src/framework/api.ts'
import { tcpListener } from '../../src/http/listener-options.ts'
import { ApiClient, type ApiResult } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { ServerFolder } from '../server/server-process.ts'
import { want403P, want403T, wantAlive, wantDead, wantError } from './fixture.ts'

let server: TestServer
/** At a listener that opens the ways without a token. */
let nobody: ApiClient
let root: ApiClient
let keys: readonly string[]

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
  const open = server.addresses[1]
  nobody = new ApiClient(open?.kind === 'tcp' ? open.url : '')
  const { body } = await nobody.call('PUT', 'sys/init', { secret_shares: 5, secret_threshold: 3 })
  keys = body.keys
  root = server.client(body.root_token)
  await unseal(keys)
})

after(() => server.stop())

async function unseal(shares: readonly string[]): Promise<ApiResult> {
  let last: ApiResult | undefined
  for (const key of shares.slice(0, 3)) last = await nobody.call('PUT', 'sys/unseal', { key })
  assert.ok(last !== undefined)
  return last
}

const unsupported = '1 error occurred:\n\t* unsupported operation\n\n'
const shareOf = (place: number) => keys[place] ?? ''

function decode(encoded: string, otp: string): string {
  const pad = Buffer.from(otp)
  return Buffer.from(encoded, 'base64')
    .map((byte, place) => byte ^ (pad[place] ?? 0))
    .toString()
}

test('the ways without a token are closed where nothing opens them (SYS-78)', async () => {
  const closed = server.client()
  for (const path of ['sys/generate-root/attempt', 'sys/rekey/init', 'sys/rekey/verify']) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      wantError(await closed.call(method, path), 405, unsupported)
    }
  }
  wantError(await root.call('PUT', 'sys/rekey/update', {}), 405, unsupported)
})

test('holders of enough keys make a root token when none is left', async () => {
  const attempt = 'sys/generate-root/attempt'
  const idle = (await nobody.read(attempt)).body
  assert.deepEqual(
    [idle.started, idle.nonce, idle.progress, idle.required, idle.complete, idle.otp],
    [false, '', 0, 3, false, ''],
  )
  await root.must('auth/token/revoke-self')
  await wantDead(root)
  const begun = (await nobody.call('PUT', attempt, {})).body
  assert.deepEqual([begun.started, begun.otp.length, begun.otp_length], [true, 52, 52])
  assert.equal((await nobody.read(attempt)).body.otp, '')
  const update = (key: string) =>
    nobody.call('PUT', 'sys/generate-root/update', { key, nonce: begun.nonce })
  assert.equal((await update(shareOf(0))).body.progress, 1)
  assert.equal((await update(shareOf(1))).body.progress, 2)
  const done = (await update(shareOf(2))).body
  assert.deepEqual([done.complete, done.progress, done.nonce], [true, 3, begun.nonce])
  assert.equal(done.encoded_token, done.encoded_root_token)
  assert.equal(done.encoded_token.includes('='), false)
  root = server.client(decode(done.encoded_token, begun.otp))
  const self = (await root.read('auth/token/lookup-self')).body.data
  assert.deepEqual([self.policies, self.ttl, self.expire_time], [['root'], 0, null])
  assert.equal((await nobody.read(attempt)).body.started, false)
  wantError(await update(shareOf(0)), 400, 'no root generation in progress')
})

test('another operation is neither moved on nor ended by who does not know it (SEC-TKN-15)', async () => {
  for (const [begin, update, body] of [
    ['generate-root/attempt', 'generate-root/update', {}],
    ['rekey/init', 'rekey/update', { secret_shares: 2, secret_threshold: 2 }],
  ] as const) {
    const begun = (await nobody.call('PUT', `sys/${begin}`, body)).body
    const give = (key: string, nonce: string) => nobody.call('PUT', `sys/${update}`, { key, nonce })
    wantError(await nobody.call('PUT', `sys/${begin}`, body), 400, /already in progress/)
    for (const nonce of ['', 'x'.repeat(36), begun.nonce.toUpperCase()]) {
      wantError(await give(shareOf(0), nonce), 400, 'incorrect nonce supplied')
      wantError(
        await nobody.call('DELETE', `sys/${begin}?nonce=${nonce}`),
        400,
        'incorrect nonce supplied',
      )
    }
    wantError(await give('zz!', begun.nonce), 400, "'key' must be a valid hex or base64 string")
    wantError(await give('ab', begun.nonce), 400, /wrong length/)
    wantError(await give('A'.repeat(2000), begun.nonce), 400, /at most 1024/)
    // A share that was given already counts once, however often and at the same time.
    await Promise.all(Array.from({ length: 20 }, () => give(shareOf(0), begun.nonce)))
    const { progress, nonce } = (await nobody.read(`sys/${begin}`)).body
    assert.deepEqual([progress, nonce], [1, begun.nonce])
    // Wrong keys at the end: all have to be given again, by the same people.
    const other = `${'00'.repeat(32)}07`
    await give(other, begun.nonce)
    wantError(await give(shareOf(1), begun.nonce), 400, /not those of this server/)
    assert.equal((await nobody.read(`sys/${begin}`)).body.progress, 0)
    const ended = await nobody.call('DELETE', `sys/${begin}?nonce=${begun.nonce}`)
    assert.equal(ended.status, 204)
    assert.equal((await nobody.read(`sys/${begin}`)).body.started, false)
  }
  assert.equal((await unseal(keys)).body.sealed, false)
})

test('of many who bring the last key one gets the token (SEC-TKN-15)', async () => {
  const { nonce, otp } = (await nobody.call('PUT', 'sys/generate-root/attempt', {})).body
  const give = (key: string) => nobody.call('PUT', 'sys/generate-root/update', { key, nonce })
  await give(shareOf(0))
  await give(shareOf(1))
  const answers = await Promise.all(Array.from({ length: 20 }, () => give(shareOf(2))))
  const done = answers.filter(({ body }) => body.complete === true)
  assert.equal(done.length, 1)
  await wantAlive(server.client(decode(done[0]?.body.encoded_token, otp)))
})

test('with a token the same needs sudo and no switch', async () => {
  const weak = await root.tokenFor(
    'holder',
    'path "sys/generate-root-token/*" { capabilities = ["read", "update", "delete"] }\n' +
      'path "sys/rotate/root/*" { capabilities = ["read", "update"] }',
  )
  want403P(await weak.call('PUT', 'sys/generate-root-token/attempt', {}))
  want403P(await weak.call('PUT', 'sys/rotate/root/init', {}))
  want403T(await server.client().read('sys/generate-root-token/attempt'))
  const begun = await root.call('PUT', 'sys/generate-root-token/attempt', {})
  assert.equal(begun.body.data.otp, begun.body.otp)
  const { nonce, otp } = begun.body.data
  let last: ApiResult | undefined
  for (const key of keys.slice(1, 4)) {
    last = await root.call('PUT', 'sys/generate-root-token/update', { key, nonce })
  }
  await wantAlive(server.client(decode(last?.body.data.encoded_token, otp)))
  await root.call('PUT', 'sys/generate-root-token/attempt', {})
  assert.equal((await root.remove('sys/generate-root-token/attempt')).status, 204)
})

async function rekey(body: object): Promise<ApiResult> {
  const { nonce } = (await nobody.call('PUT', 'sys/rekey/init', body)).body
  let last: ApiResult | undefined
  for (const key of keys.slice(0, 3)) {
    last = await nobody.call('PUT', 'sys/rekey/update', { key, nonce })
  }
  assert.ok(last?.status === 200, last?.text)
  return last
}

async function sealAgain(): Promise<void> {
  assert.equal((await root.call('PUT', 'sys/seal', {})).status, 204)
}

test('a rekey gives other keys, and the earlier ones open nothing any more', async () => {
  wantError(
    await nobody.call('PUT', 'sys/rekey/init', { secret_shares: 2, secret_threshold: 1 }),
    400,
    /^invalid seal configuration:/,
  )
  wantError(
    await nobody.call('PUT', 'sys/rekey/init', {
      secret_shares: 1,
      secret_threshold: 1,
      pgp_keys: ['x'],
    }),
    400,
    /PGP/,
  )
  const before = keys
  const done = (await rekey({ secret_shares: 4, secret_threshold: 3 })).body
  assert.deepEqual([done.complete, done.keys.length], [true, 4])
  assert.deepEqual(
    done.keys_base64.map((key: string) => Buffer.from(key, 'base64').toString('hex')),
    done.keys,
  )
  keys = done.keys
  await wantAlive(root)
  await sealAgain()
  assert.equal((await nobody.read('sys/seal-status')).body.n, 4)
  assert.equal((await unseal(before)).status, 400)
  assert.equal((await unseal(keys)).body.sealed, false)
  await wantAlive(root)
  await root.must('sys/rotate')
})

test('with verification the earlier keys count until enough new ones came back', async () => {
  const body = { secret_shares: 3, secret_threshold: 3, require_verification: true }
  const first = (await rekey(body)).body
  assert.equal(first.verification_required, true)
  const status = (await nobody.read('sys/rekey/init')).body
  assert.deepEqual([status.started, status.verification_nonce], [true, first.verification_nonce])
  const verify = (key: string, nonce = first.verification_nonce) =>
    nobody.call('PUT', 'sys/rekey/verify', { key, nonce })
  assert.equal((await verify(first.keys[0])).body.progress, 1)
  wantError(await verify(first.keys[1], 'other'), 400, 'incorrect nonce supplied')
  // The earlier keys are no proof of the new ones.
  await verify(shareOf(0))
  wantError(await verify(shareOf(1)), 400, /not the new ones/)
  await sealAgain()
  assert.equal((await unseal(keys)).body.sealed, false)
  wantError(await verify(first.keys[0]), 400, 'no rekey verification in progress')

  const second = (await rekey(body)).body
  const path = `sys/rekey/verify?nonce=${second.verification_nonce}`
  const again = (await nobody.call('DELETE', path)).body
  assert.notEqual(again.nonce, second.verification_nonce)
  const answers: ApiResult[] = []
  for (const key of second.keys) answers.push(await verify(key, again.nonce))
  assert.deepEqual(answers.at(-1)?.body, { complete: true, nonce: again.nonce })
  await sealAgain()
  assert.equal((await unseal(keys)).status, 400)
  keys = second.keys
  assert.equal((await unseal(keys)).body.sealed, false)
  await wantAlive(root)
})

test('where the seal opens itself the recovery keys decide, and change', async () => {
  const other = await startTestServer({ raw: true, storage: 'lmdb', staticKey: 'b'.repeat(64) })
  const made = await other.client().call('PUT', 'sys/init', {
    recovery_shares: 2,
    recovery_threshold: 2,
  })
  const admin = other.client(made.body.root_token)
  await admin.must('sys/rotate/root')
  const { nonce } = (
    await admin.call('PUT', 'sys/rotate/root/init', {
      secret_shares: 1,
      secret_threshold: 1,
    })
  ).body
  let last: ApiResult | undefined
  for (const key of made.body.recovery_keys) {
    last = await admin.call('PUT', 'sys/rotate/root/update', { key, nonce })
  }
  const [recoveryKey] = last?.body.keys ?? []
  const begun = (await admin.call('PUT', 'sys/generate-root-token/attempt', {})).body
  const done = await admin.call('PUT', 'sys/generate-root-token/update', {
    key: recoveryKey,
    nonce: begun.nonce,
  })
  const again = decode(done.body.encoded_token, begun.otp)
  await other.server.stop()
  const reopened = await startTestServer({
    raw: true,
    storage: 'lmdb',
    folder: other.folder,
    staticKey: 'b'.repeat(64),
  })
  try {
    await wantAlive(reopened.client(again))
    await wantAlive(reopened.client(made.body.root_token))
    assert.equal((await reopened.client().read('sys/seal-status')).body.n, 1)
  } finally {
    await reopened.stop()
    await other.stop()
  }
})

test('a switch of the configuration opens the ways without a token, and says so', async () => {
  const folder = new ServerFolder()
  const listener = (more: string) =>
    `listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n${more}\n}\n`
  const opening =
    '  disable_unauthed_generate_root_endpoints = false\n  disable_unauthed_rekey_endpoints = false'
  const started = folder.start('open.hcl', `storage "inmem" {}\n${listener(opening)}`)
  try {
    const client = new ApiClient(await started.url())
    const { body } = await client.call('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 })
    await client.call('PUT', 'sys/unseal', { key: body.keys[0] })
    for (const path of ['sys/generate-root/attempt', 'sys/rekey/init']) {
      assert.equal((await client.read(path)).status, 200, path)
    }
    assert.match(started.output, /open\.hcl:5.*disable_unauthed_generate_root_endpoints/)
  } finally {
    await started.stop()
    folder.remove()
  }
})
