/** auth, secrets, audit and status commands against a real server, and the life of a server from init to seal (platform.md §9). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Shell } from './fixture.ts'

describe('mounts', () => {
  let shell: Shell

  before(async () => {
    shell = await Shell.start()
  })
  after(() => shell.stop())

  test('CLI-47: enable sends the times as "0s" and says where', async () => {
    assert.equal(
      await shell.must(['auth', 'enable', '-path=corp', 'jwt']),
      'Success! Enabled jwt auth method at: corp/\n',
    )
    const [sent] = shell.taken()
    assert.equal(sent?.line, 'POST /v1/sys/auth/corp')
    const { type, config } = JSON.parse(sent?.body ?? '')
    assert.deepEqual([type, config.default_lease_ttl, config.max_lease_ttl], ['jwt', '0s', '0s'])
    const again = await shell.run(['auth', 'enable', '-path=corp', 'jwt'])
    assert.equal(again.code, 2)
    assert.match(again.err, /^Error enabling jwt auth method: [^]*path is already in use at corp\//)
  })

  test('CLI-48: auth list is a table, with -detailed a wide one, as json the mounts', async () => {
    await shell.must(['auth', 'enable', '-path=listed', '-description=for CI', 'jwt'])
    const table = await shell.must(['auth', 'list'])
    assert.match(
      table,
      /^Path +Type +Accessor +Description +Version\n---- +---- +-------- +-----------/,
    )
    assert.match(table, /^listed\/ +jwt +auth_jwt_[0-9a-f]{8} +for CI +n\/a$/m)
    assert.match(table, /^token\/ +token +auth_token_[0-9a-f]{8} +token based credentials +n\/a$/m)
    const detailed = await shell.must(['auth', 'list', '-detailed'])
    assert.match(detailed, /^Path +Plugin +Accessor +Default TTL +Max TTL +Token Type +Replication/)
    assert.match(detailed, /^listed\/ +jwt +\w+ +system +system +default-service +replicated /m)
    const json = await shell.json(['auth', 'list'])
    assert.equal(json['listed/'].type, 'jwt')
    assert.equal(json.data, undefined)
    assert.ok('token/' in json)
  })

  test('auth tune, move and disable', async () => {
    await shell.must(['auth', 'enable', '-path=t', 'jwt'])
    assert.equal(
      await shell.must([
        ...['auth', 'tune', '-default-lease-ttl=1h', '-max-lease-ttl=2h'],
        ...['-listing-visibility=unauth', '-description=tuned', 't'],
      ]),
      'Success! Tuned the auth method at: t/\n',
    )
    const [sent] = shell.taken()
    assert.equal(sent?.line, 'POST /v1/sys/mounts/auth/t/tune')
    const { data } = await shell.json(['read', 'sys/auth/t/tune'])
    assert.deepEqual(
      [data.default_lease_ttl, data.max_lease_ttl, data.listing_visibility, data.description],
      [3600, 7200, 'unauth', 'tuned'],
    )
    assert.match(await shell.must(['auth', 'move', 't', 'u']), /^Success! Finished moving /m)
    assert.ok('u/' in (await shell.json(['auth', 'list'])))
    const disabled = 'Success! Disabled the auth method (if it existed) at: u/\n'
    assert.equal(await shell.must(['auth', 'disable', 'u']), disabled)
    assert.equal(await shell.must(['auth', 'disable', 'u']), disabled)
    assert.equal((await shell.run(['auth', 'move', 'u', 'v'])).code, 2)
  })

  test('secrets enable, list, tune, move and disable', async () => {
    assert.equal(
      await shell.must(['secrets', 'enable', '-path=team/kv', 'kv-v2']),
      'Success! Enabled the kv-v2 secrets engine at: team/kv/\n',
    )
    assert.equal((await shell.json(['secrets', 'list']))['team/kv/'].options.version, '2')
    assert.match(await shell.must(['secrets', 'list']), /^team\/kv\/ +kv +kv_[0-9a-f]{8} +n\/a$/m)
    await shell.must(['kv', 'put', 'team/kv/a', 'x=1'])
    await shell.must(['secrets', 'tune', '-max-lease-ttl=1h', 'team/kv'])
    await shell.must(['secrets', 'move', 'team/kv', 'moved'])
    assert.equal(await shell.must(['kv', 'get', '-field=x', 'moved/a']), '1')
    assert.equal(
      await shell.must(['secrets', 'disable', 'moved']),
      'Success! Disabled the secrets engine (if it existed) at: moved/\n',
    )
    assert.equal((await shell.run(['kv', 'get', 'moved/a'])).code, 2)
  })

  test('a type that nobody has says which there are', async () => {
    const result = await shell.run(['auth', 'enable', 'ldap'])
    assert.equal(result.code, 2)
    assert.match(result.err, /plugin not found in the catalog: ldap/)
  })

  test('audit list without devices: exit code 2 for people, an empty object as json', async () => {
    assert.deepEqual(await shell.run(['audit', 'list']), {
      code: 2,
      out: 'No audit devices are enabled.\n',
      err: '',
    })
    assert.equal(await shell.must(['audit', 'list', '-format=json']), '{}\n')
  })
})

describe('from init to seal', () => {
  let shell: Shell
  let key = ''
  let rootToken = ''

  before(async () => {
    shell = await Shell.start({ raw: true })
  })
  after(() => shell.stop())

  const asRoot = () => ({ env: { VAULT_TOKEN: rootToken } })
  const noToken = { env: { VAULT_TOKEN: undefined } }

  test('before init: -status is 2, status is 2 with a table', async () => {
    const init = await shell.run(['operator', 'init', '-status'], noToken)
    assert.deepEqual(init, { code: 2, out: 'Vault is not initialized\n', err: '' })
    const status = await shell.run(['status'], noToken)
    assert.equal(status.code, 2)
    assert.match(status.out, /^Initialized +false$/m)
  })

  test('CLI-58: operator init as json has the names that scripts read', async () => {
    const words = ['operator', 'init', '-key-shares=1', '-key-threshold=1']
    const answer = await shell.json(words, noToken)
    assert.deepEqual(Object.keys(answer), [
      'unseal_keys_b64',
      'unseal_keys_hex',
      'unseal_shares',
      'unseal_threshold',
      'recovery_keys_b64',
      'recovery_keys_hex',
      'recovery_keys_shares',
      'recovery_keys_threshold',
      'root_token',
    ])
    assert.deepEqual([answer.unseal_shares, answer.unseal_threshold], [1, 1])
    assert.deepEqual([answer.recovery_keys_b64, answer.recovery_keys_shares], [[], 0])
    key = answer.unseal_keys_b64[0]
    assert.equal(Buffer.from(key, 'base64').toString('hex'), answer.unseal_keys_hex[0])
    rootToken = answer.root_token
    const again = await shell.run(words, noToken)
    assert.equal(again.code, 2)
    assert.match(again.err, /^Error initializing: [^]*Vault is already initialized/)
    assert.equal((await shell.run(['operator', 'init', '-status'])).code, 0)
  })

  test('CLI-04: status of a sealed server prints its table, exit code 2', async () => {
    const result = await shell.run(['status'], noToken)
    assert.deepEqual([result.code, result.err], [2, ''])
    assert.match(result.out, /^Sealed +true$/m)
    assert.match(result.out, /^Unseal Progress +0\/1$/m)
    const refused = await shell.run(['token', 'lookup'], asRoot())
    assert.equal(refused.code, 2)
    assert.match(refused.err, /Code: 503\. Errors:\n\n\* Vault is sealed\n/)
  })

  test('CLI-59: unseal prints the table of the seal', async () => {
    const wrong = await shell.run(['operator', 'unseal', Buffer.alloc(32).toString('hex')], noToken)
    assert.equal(wrong.code, 2)
    const out = await shell.must(['operator', 'unseal', '-'], { ...noToken, stdin: `${key}\n` })
    assert.match(
      out,
      /^Key +Value\n--- +-----\nSeal Type +shamir\nInitialized +true\nSealed +false\n/,
    )
    assert.doesNotMatch(out, /HA Enabled/)
  })

  test('CLI-04: status of an open server, exit code 0; of none, exit code 1', async () => {
    const open = await shell.must(['status'], noToken)
    assert.match(open, /^Sealed +false\nTotal Shares +1\nThreshold +1\nVersion +1\.17\.0/m)
    assert.match(open, /^HA Enabled +false$/m)
    assert.equal((await shell.json(['status'])).sealed, false)
    const none = await shell.run(['status'], { env: { VAULT_ADDR: 'http://127.0.0.1:1' } })
    assert.deepEqual([none.code, none.out], [1, ''])
    assert.match(none.err, /^Error checking seal status: /)
  })

  test('key-status, rotate and seal', async () => {
    assert.equal((await shell.json(['operator', 'key-status'], asRoot())).term, 1)
    assert.match(
      await shell.must(['operator', 'rotate'], asRoot()),
      /^Success! Rotated key\n\nKey Term +2\n/,
    )
    const denied = await shell.run(['operator', 'seal'], noToken)
    assert.equal(denied.code, 2)
    assert.equal(await shell.must(['operator', 'seal'], asRoot()), 'Success! Vault is sealed.\n')
    assert.equal((await shell.run(['status'])).code, 2)
  })

  test('several shares: each unseal shows how far it is, -reset starts over', async () => {
    const other = await Shell.start({ raw: true })
    try {
      const table = await other.must(
        ['operator', 'init', '-key-shares=3', '-key-threshold=2'],
        noToken,
      )
      const keys = [...table.matchAll(/^Unseal Key \d: (\S+)$/gm)].map(([, text = '']) => text)
      assert.equal(keys.length, 3)
      assert.match(table, /^Initial Root Token: hvs\.\w+$/m)
      const [first = '', , third = ''] = keys
      assert.match(await other.must(['operator', 'unseal', first]), /^Unseal Progress +1\/2$/m)
      assert.match(await other.must(['operator', 'unseal', '-reset']), /^Unseal Progress +0\/2$/m)
      await other.must(['operator', 'unseal', first])
      assert.match(await other.must(['operator', 'unseal', third]), /^Sealed +false$/m)
    } finally {
      await other.stop()
    }
  })
})
