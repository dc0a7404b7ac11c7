/** Unseal keys and root tokens that are encrypted to people's PGP keys (platform.md §2.1, §2.10). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as openpgp from 'openpgp'
import type { ApiClient } from '../harness/api-client.ts'
import { base64OfKey, makePgpPerson, personOf, type PgpPerson } from '../harness/pgp-person.ts'
import { hostilePgpKey } from '../harness/pgp-hostile-key.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { wantAlive, wantError } from './fixture.ts'

let server: TestServer
let root: ApiClient
let people: readonly PgpPerson[]
let owner: PgpPerson
/** In clear, as their holders have them. */
let shares: string[]

before(async () => {
  server = await startTestServer({ raw: true })
  owner = await makePgpPerson({ type: 'rsa', rsaBits: 2048 })
  people = [await makePgpPerson(), await makePgpPerson(), owner]
})

after(() => server.stop())

const keysOf = (some: readonly PgpPerson[]) => some.map(({ key }) => key)
const openAll = (messages: readonly string[]) =>
  Promise.all(messages.map(async (message, place) => people[place]?.open(message) ?? ''))

async function expiredKey(): Promise<string> {
  const date = new Date(Date.UTC(2020, 1, 1))
  return (await makePgpPerson({ date, keyExpirationTime: 60 })).key
}

async function revokedKey(): Promise<string> {
  const { privateKey } = await makePgpPerson()
  const { publicKey } = await openpgp.revokeKey({ key: privateKey, format: 'object' })
  return base64OfKey(publicKey)
}

async function signingKey(): Promise<string> {
  return (await makePgpPerson({ subkeys: [{ sign: true }] })).key
}

async function versionSixKey(): Promise<string> {
  return (await makePgpPerson({ config: { v6Keys: true } })).key
}

/** As many subkeys as fit, each with signatures that a server could be made to verify. */
async function costlyKey(): Promise<string> {
  const { privateKey } = await makePgpPerson()
  const [subkey] = privateKey.subkeys
  assert.ok(subkey !== undefined)
  privateKey.subkeys = Array.from({ length: 150 }, () => subkey)
  return personOf(privateKey).key
}

test('a key that cannot be used is refused at once, with its field, and nothing is made', async () => {
  const nobody = server.client()
  const good = owner.key
  const cut = Buffer.from(good, 'base64').subarray(0, 100)
  const flipped = Buffer.from(good, 'base64')
  flipped.fill(0xff, 20, 60)
  const bad: readonly [name: string, key: string, text: RegExp][] = [
    ['no base64', '!!', /expected the base64/],
    ['empty', '', /expected the base64/],
    ['armour', owner.armoured, /without armour/],
    ['base64 of armour', Buffer.from(owner.armoured).toString('base64'), /expected the base64/],
    ['private', base64OfKey(owner.privateKey), /this is a private key/],
    ['expired', await expiredKey(), /has expired/],
    ['revoked', await revokedKey(), /is revoked/],
    ['for signatures alone', await signingKey(), /no subkey that can be encrypted to/],
    ['version 6', await versionSixKey(), /version 4/],
    ['cut off', cut.toString('base64'), /expected the base64/],
    ['damaged', flipped.toString('base64'), /expected the base64|no subkey/],
    [
      'two keys',
      Buffer.concat(keysOf(people).map((key) => Buffer.from(key, 'base64'))).toString('base64'),
      /of one binary/,
    ],
    ['costly', await costlyKey(), /too many/],
    ['DSA of long numbers', hostilePgpKey('dsa', 32_000), /expected a PGP key of RSA/],
    ['an exponent of 8,191 bits', hostilePgpKey('rsa', 8192, 20), /expected a PGP key of RSA/],
    ['RSA of 60,000 bits', hostilePgpKey('rsa', 60_000), /expected a PGP key of RSA/],
    ['large', Buffer.alloc(60_000, 0xc6).toString('base64'), /at most 49152 bytes/],
    ['noise', Buffer.alloc(49_152, 0xc6).toString('base64'), /expected the base64/],
  ]
  for (const [name, key, text] of bad) {
    const start = performance.now()
    const shared = { secret_shares: 2, secret_threshold: 2 }
    const refused = await nobody.call('PUT', 'sys/init', { ...shared, pgp_keys: [good, key] })
    wantError(refused, 400, new RegExp(`^pgp_keys: key 2: .*(?:${text.source})`))
    if (key !== '') {
      const body = { secret_shares: 1, secret_threshold: 1, root_token_pgp_key: key }
      wantError(await nobody.call('PUT', 'sys/init', body), 400, /^root_token_pgp_key: /)
    }
    assert.ok(performance.now() - start < 2000, name)
  }
  const tooLong = { secret_shares: 1, secret_threshold: 1, pgp_keys: ['A'.repeat(400_000)] }
  wantError(await nobody.call('PUT', 'sys/init', tooLong), 400, /pgp_keys/)
  const huge = { ...tooLong, pgp_keys: ['A'.repeat(10 * 1024 * 1024)] }
  wantError(await nobody.call('PUT', 'sys/init', huge), 400, /too large|at most/)
  const uneven = { secret_shares: 3, secret_threshold: 2, pgp_keys: [good] }
  wantError(
    await nobody.call('PUT', 'sys/init', uneven),
    400,
    'invalid seal configuration: count mismatch between number of provided PGP keys and number of shares',
  )
  assert.equal((await nobody.read('sys/init')).body.initialized, false)
})

test('unseal keys and the first root token are for their holders alone, and open the store', async () => {
  const nobody = server.client()
  const { body } = await nobody.call('PUT', 'sys/init', {
    secret_shares: 3,
    secret_threshold: 2,
    pgp_keys: keysOf(people),
    root_token_pgp_key: owner.key,
  })
  const asBase64 = body.keys.map((key: string) => Buffer.from(key, 'hex').toString('base64'))
  assert.deepEqual(body.keys_base64, asBase64)
  shares = await openAll(body.keys_base64)
  for (const share of shares) assert.match(share, /^[0-9a-f]{66}$/)
  await assert.rejects(owner.open(body.keys_base64[0]))
  for (const key of shares.slice(1)) await nobody.call('PUT', 'sys/unseal', { key })
  root = server.client(await owner.open(body.root_token))
  await wantAlive(root)
})

test('a root token is made for the holder of a key, and no pad is told', async () => {
  const attempt = 'sys/generate-root-token/attempt'
  wantError(
    await root.call('PUT', attempt, { pgp_key: await revokedKey() }),
    400,
    /^pgp_key: the PGP key is revoked/,
  )
  assert.equal((await root.read(attempt)).body.data.started, false)
  const begun = (await root.call('PUT', attempt, { pgp_key: owner.key })).body.data
  assert.deepEqual([begun.otp, begun.pgp_fingerprint], ['', owner.fingerprint])
  assert.equal((await root.read(attempt)).body.data.pgp_fingerprint, owner.fingerprint)
  const { nonce } = begun
  let done
  for (const key of shares.slice(0, 2)) {
    done = (await root.call('PUT', 'sys/generate-root-token/update', { key, nonce })).body.data
  }
  assert.deepEqual(
    [done.complete, done.progress, done.pgp_fingerprint],
    [true, 2, owner.fingerprint],
  )
  await wantAlive(server.client(await owner.open(done.encoded_token)))
})

async function rekey(more: object) {
  const counts = { secret_shares: 3, secret_threshold: 2, pgp_keys: keysOf(people), ...more }
  const begun = await root.call('PUT', 'sys/rotate/root/init', counts)
  assert.equal(begun.status, 200, begun.text)
  const { nonce, pgp_fingerprints } = begun.body.data
  assert.deepEqual(
    pgp_fingerprints,
    people.map(({ fingerprint }) => fingerprint),
  )
  let last
  for (const key of shares.slice(0, 2)) {
    last = (await root.call('PUT', 'sys/rotate/root/update', { key, nonce })).body.data
  }
  return last
}

async function unsealAgain(): Promise<void> {
  await root.call('PUT', 'sys/seal', {})
  const nobody = server.client()
  for (const key of shares.slice(0, 2)) await nobody.call('PUT', 'sys/unseal', { key })
  await wantAlive(root)
}

test('a rekey gives encrypted keys and keeps them where that is asked', async () => {
  const backup = 'sys/rekey/backup'
  const counts = { secret_shares: 1, secret_threshold: 1 }
  const start = (body: object) => root.call('PUT', 'sys/rotate/root/init', { ...counts, ...body })
  wantError(await start({ backup: true }), 400, /^backup: .*without pgp_keys/)
  wantError(await start({ pgp_keys: keysOf(people) }), 400, /count mismatch/)
  wantError(await start({ pgp_keys: [await expiredKey()] }), 400, /^pgp_keys: .*expired/)
  wantError(await root.read(backup), 400, 'no backed-up keys found')

  const done = await rekey({ backup: true })
  assert.deepEqual([done.complete, done.backup], [true, true])
  shares = await openAll(done.keys_base64)
  await unsealAgain()
  const kept = (await root.read(backup)).body.data
  assert.equal(kept.nonce, done.nonce)
  for (const [place, { fingerprint }] of people.entries()) {
    assert.deepEqual(kept.keys[fingerprint], [done.keys[place]])
    assert.deepEqual(kept.keys_base64[fingerprint], [done.keys_base64[place]])
  }
  assert.deepEqual((await root.read('sys/rotate/root/backup')).body.data, kept)
  assert.equal((await server.client().read(backup)).status, 403)
  assert.equal((await root.remove(backup)).status, 204)
  wantError(await root.read(backup), 400, 'no backed-up keys found')
})

test('with verification the keys are kept once they count', async () => {
  const done = await rekey({ backup: true, require_verification: true })
  wantError(await root.read('sys/rekey/backup'), 400, 'no backed-up keys found')
  const next = await openAll(done.keys_base64)
  for (const key of next.slice(1)) {
    await root.must('sys/rotate/root/verify', { key, nonce: done.verification_nonce })
  }
  shares = next
  await unsealAgain()
  assert.equal((await root.read('sys/rekey/backup')).body.data.nonce, done.nonce)
})

test('what was kept goes when other keys count, and not before', async () => {
  const done = await rekey({ require_verification: true })
  assert.equal((await root.read('sys/rekey/backup')).status, 200)
  const next = await openAll(done.keys_base64)
  for (const key of next.slice(1)) {
    await root.must('sys/rotate/root/verify', { key, nonce: done.verification_nonce })
  }
  shares = next
  wantError(await root.read('sys/rekey/backup'), 400, 'no backed-up keys found')
  shares = await openAll((await rekey({ backup: true })).keys_base64)
  shares = await openAll((await rekey({})).keys_base64)
  wantError(await root.read('sys/rekey/backup'), 400, 'no backed-up keys found')
  await unsealAgain()
})

test('recovery keys are encrypted likewise where the seal opens itself', async () => {
  const other = await startTestServer({ raw: true, staticKey: 'c'.repeat(64) })
  try {
    const { body } = await other.client().call('PUT', 'sys/init', {
      recovery_shares: 3,
      recovery_threshold: 2,
      recovery_pgp_keys: keysOf(people),
    })
    const admin = other.client(body.root_token)
    const { nonce } = (await admin.call('PUT', 'sys/generate-root-token/attempt', {})).body.data
    let done
    for (const key of await openAll(body.recovery_keys_base64)) {
      done = await admin.call('PUT', 'sys/generate-root-token/update', { key, nonce })
      if (done.body.data.complete === true) break
    }
    assert.equal(done?.body.data.complete, true)
  } finally {
    await other.stop()
  }
})
