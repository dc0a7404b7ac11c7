/** What scripts read from the command line: the members, nulls and order of the existing client, and the headings of its tables (platform.md §9.6). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Shell } from './fixture.ts'

/** What differs from run to run, by what it is. */
function withoutChance(text: string): string {
  return (
    text
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
      // YAML needs the quotes only where it begins with a digit.
      .replaceAll('request_id: "UUID"', 'request_id: UUID')
      .replaceAll(/hvs\.[A-Za-z0-9]+/g, 'TOKEN')
      .replaceAll(/"(accessor)": "[A-Za-z0-9]{24}"/g, '"$1": "ACCESSOR"')
      .replaceAll(/\b(auth|kv|vault-cluster)([_-])(\w*_)?[0-9a-f]{8}\b/g, '$1$2$3ID')
      .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000 UTC)/g, 'TIME')
  )
}

const lines = (...all: string[]) => `${all.join('\n')}\n`

describe('what the Go client prints', () => {
  let shell: Shell

  before(async () => {
    shell = await Shell.start()
    await shell.must(['auth', 'enable', 'jwt'])
  })
  after(() => shell.stop())

  const golden = async (words: readonly string[]) =>
    withoutChance(await shell.must(words, { programName: 'bao' }))

  test('a token as json has the members of the client, with null for what it has not', async () => {
    const policy = '[\n      "default"\n    ]'
    assert.equal(
      await golden(['token', 'create', '-policy=default', '-ttl=1h', '-format=json']),
      lines(
        '{',
        '  "request_id": "UUID",',
        '  "lease_id": "",',
        '  "lease_duration": 0,',
        '  "renewable": false,',
        '  "data": null,',
        '  "warnings": null,',
        '  "auth": {',
        '    "client_token": "TOKEN",',
        '    "accessor": "ACCESSOR",',
        `    "policies": ${policy},`,
        `    "token_policies": ${policy},`,
        '    "identity_policies": null,',
        '    "metadata": null,',
        '    "orphan": false,',
        '    "entity_id": "",',
        '    "lease_duration": 3600,',
        '    "renewable": true,',
        '    "mfa_requirement": null',
        '  }',
        '}',
      ),
    )
  })

  test('an answer without a token has neither auth nor wrap_info, and sorted data', async () => {
    await shell.must(['write', 'cubbyhole/a', 'b=2', 'a=1'])
    assert.equal(
      await golden(['read', '-format=json', 'cubbyhole/a']),
      lines(
        '{',
        '  "request_id": "UUID",',
        '  "lease_id": "",',
        '  "lease_duration": 0,',
        '  "renewable": false,',
        '  "data": {',
        '    "a": "1",',
        '    "b": "2"',
        '  },',
        '  "warnings": null',
        '}',
      ),
    )
  })

  test('yaml has the same members, sorted as the client sorts them', async () => {
    await shell.must(['write', 'cubbyhole/y', 'x10=a', 'x9=b', 'xa=c', 'x_=d', 'B=e'])
    assert.equal(
      await golden(['read', '-format=yaml', 'cubbyhole/y']),
      lines(
        'data:',
        '  B: e',
        '  x_: d',
        '  x9: b',
        '  x10: a',
        '  xa: c',
        'lease_duration: 0',
        'lease_id: ""',
        'renewable: false',
        'request_id: UUID',
        'warnings: null',
      ),
    )
  })

  test('a wrapping token as json has its six members', async () => {
    const text = await shell.must(['token', 'create', '-wrap-ttl=60s', '-format=json'])
    assert.deepEqual(Object.keys(JSON.parse(text).wrap_info), [
      'token',
      'accessor',
      'ttl',
      'creation_time',
      'creation_path',
      'wrapped_accessor',
    ])
  })

  test('status as json lists the members of the client and leaves out what is empty', async () => {
    const text = await golden(['status', '-format=json'])
    assert.deepEqual(Object.keys(JSON.parse(text)), [
      'type',
      'initialized',
      'sealed',
      't',
      'n',
      'progress',
      'nonce',
      'version',
      'commit_date',
      'migration',
      'cluster_name',
      'cluster_id',
      'recovery_seal',
      'storage_type',
      'build_date',
      'ha_enabled',
    ])
    assert.match(await golden(['status']), /^Commit Date +TIME\nStorage Type +inmem\n/m)
  })

  test('auth list has the column Version, secrets list has not', async () => {
    assert.equal(
      await golden(['auth', 'list']),
      lines(
        'Path      Type     Accessor               Description                Version',
        '----      ----     --------               -----------                -------',
        'jwt/      jwt      auth_jwt_ID      n/a                        n/a',
        'token/    token    auth_token_ID    token based credentials    n/a',
      ),
    )
    assert.match(await golden(['secrets', 'list']), /^Path +Type +Accessor +Description\n/)
  })

  test('-detailed has the columns of the client, those of plugins too', async () => {
    const headings = async (group: string) =>
      (await golden([group, 'list', '-detailed'])).split('\n')[0]?.split(/ {2,}/)
    const ends = ['Seal Wrap', 'External Entropy Access', 'Options', 'Description', 'UUID']
    const plugin = ['Version', 'Running Version', 'Running SHA256', 'Deprecation Status']
    const start = ['Path', 'Plugin', 'Accessor', 'Default TTL', 'Max TTL']
    assert.deepEqual(await headings('auth'), [
      ...[...start, 'Token Type', 'Replication'],
      ...[...ends, ...plugin],
    ])
    assert.deepEqual(await headings('secrets'), [
      ...[...start, 'Force No Cache', 'Replication'],
      ...[...ends, ...plugin],
    ])
    const table = await golden(['secrets', 'list', '-detailed'])
    assert.match(table, /^cubbyhole\/ +cubbyhole +\w+ +n\/a +n\/a +false /m)
  })

  test('a mount as json has the members of the client in their order', async () => {
    const { 'jwt/': mount } = JSON.parse(await shell.must(['auth', 'list', '-format=json']))
    assert.deepEqual(Object.keys(mount), [
      'uuid',
      'type',
      'description',
      'accessor',
      'config',
      'options',
      'local',
      'seal_wrap',
      'external_entropy_access',
      'plugin_version',
      'running_plugin_version',
      'running_sha256',
      'deprecation_status',
    ])
    assert.deepEqual(Object.keys(mount.config), [
      'default_lease_ttl',
      'max_lease_ttl',
      'force_no_cache',
      'token_type',
    ])
  })

  test('kv rollback prints one table without headings above it', async () => {
    await shell.must(['secrets', 'enable', '-path=kvr', '-version=2', 'kv'])
    await shell.must(['kv', 'put', 'kvr/a', 'x=1'])
    await shell.must(['kv', 'put', 'kvr/a', 'x=2'])
    assert.equal(
      await golden(['kv', 'rollback', '-version=1', 'kvr/a']),
      lines(
        'Key                Value',
        '---                -----',
        'created_time       TIME',
        'custom_metadata    <nil>',
        'deletion_time      n/a',
        'destroyed          false',
        'version            3',
      ),
    )
  })

  test('path-help names the path that was asked for, and its pattern', async () => {
    const text = await golden(['path-help', 'auth/jwt/role/one'])
    assert.match(text, /^Request: +role\/one\nMatching Route: role\/:name\n\n/)
    const described = JSON.parse(await golden(['path-help', '-format=json', 'auth/jwt/role/one']))
    assert.equal(described.openapi, '3.0.2')
  })

  test('version as json', async () => {
    const described = JSON.parse(await golden(['version', '-format=json']))
    assert.deepEqual(Object.keys(described), ['name', 'version', 'compatible_version'])
  })
})
