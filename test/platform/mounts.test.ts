/** Mounts and auth mounts over the wire (platform.md §2.3). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, want403P, wantAlive, wantDead, wantError } from './fixture.ts'

let server: TestServer
let root: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
})

after(() => server.stop())

test('SYS-26, SYS-27: the built-in mounts are there', async () => {
  const secret = (await root.read('sys/mounts')).body.data
  for (const [path, type] of [
    ['cubbyhole/', 'cubbyhole'],
    ['identity/', 'identity'],
    ['sys/', 'system'],
  ] as const) {
    assert.equal(secret[path].type, type)
    assert.match(secret[path].accessor, new RegExp(`^${type}_[0-9a-f]{8}$`))
    assert.match(secret[path].uuid, /^[0-9a-f-]{36}$/)
    assert.equal(secret[path].config.default_lease_ttl, 0)
  }
  assert.equal(secret['cubbyhole/'].local, true)
  const auth = (await root.read('sys/auth')).body.data
  assert.equal(auth['token/'].config.token_type, 'default-service')
})

test('SYS-28, SYS-29, SYS-30, SYS-31, POL-54, POL-55, POL-56, POL-57: sudo is needed where the contract says so', async () => {
  const rule = (path: string, ...capabilities: string[]) =>
    `path "${path}" { capabilities = ${JSON.stringify(capabilities)} }`
  const one = await root.tokenFor('m-update', rule('sys/auth/m1', 'update'))
  want403P(await one.write('sys/auth/m1', { type: 'jwt' }))
  const exact = await root.tokenFor('m-sudo', rule('sys/auth/m2', 'update', 'sudo'))
  assert.equal((await exact.write('sys/auth/m2', { type: 'jwt' })).status, 204)
  const prefix = await root.tokenFor('m-prefix', rule('sys/auth/*', 'update', 'sudo'))
  assert.equal((await prefix.write('sys/auth/m3', { type: 'jwt' })).status, 204)
  await root.must('sys/policies/acl/p1', { policy: rule('sys/auth/*', 'update') })
  await root.must('sys/policies/acl/p2', { policy: rule('sys/auth/m4', 'sudo') })
  await root.must('sys/policies/acl/p3', { policy: rule('sys/auth/*', 'sudo') })
  want403P(await (await root.tokenWith(['p1', 'p2'])).write('sys/auth/m4', { type: 'jwt' }))
  assert.equal(
    (await (await root.tokenWith(['p1', 'p3'])).write('sys/auth/m4', { type: 'jwt' })).status,
    204,
  )
  const secret = await root.tokenFor('m-secret', rule('sys/mounts/m5', 'update'))
  assert.equal((await secret.write('sys/mounts/m5', { type: 'kv' })).status, 204)
  const lister = await root.tokenFor('m-list', rule('sys/auth', 'read'))
  assert.equal((await lister.read('sys/auth')).status, 200)
})

const refusedEnables: readonly (readonly [string, string, object, string | RegExp])[] = [
  ['SYS-34', 'sys/auth/x', { type: 'nosuch' }, /^plugin not found in the catalog: nosuch/],
  ['SYS-34', 'sys/mounts/x', { type: 'jwt' }, /^plugin not found in the catalog: jwt/],
  ['SYS-34', 'sys/mounts/x', {}, 'backend type must be specified as a string'],
  ['SYS-35', 'sys/mounts/sys', { type: 'kv' }, /path is already in use/],
  ['SYS-35', 'sys/mounts/cubbyhole', { type: 'kv' }, /path is already in use/],
  ['SYS-35', 'sys/mounts/identity', { type: 'kv' }, /path is already in use/],
  ['SYS-35', 'sys/mounts/auth', { type: 'kv' }, /path is already in use/],
  ['SYS-35', 'sys/mounts/auth/x', { type: 'kv' }, /path is already in use/],
  ['SYS-35', 'sys/auth/token', { type: 'jwt' }, /path is already in use/],
  ['SYS-35', 'sys/auth/token/x', { type: 'jwt' }, /path is already in use/],
  [
    'SYS-44',
    'sys/mounts/x',
    { type: 'kv', config: { default_lease_ttl: '2h', max_lease_ttl: '1h' } },
    /default lease TTL/,
  ],
  [
    'SYS-44',
    'sys/mounts/x',
    { type: 'kv', config: { default_lease_ttl: '1000h' } },
    /default lease TTL/,
  ],
  [
    'SYS-44',
    'sys/mounts/x',
    { type: 'kv', config: { default_lease_ttl: '1d12h' } },
    /default_lease_ttl/,
  ],
  [
    'SYS-46',
    'sys/auth/x',
    { type: 'jwt', config: { token_type: 'nonsense' } },
    "invalid value for 'token_type'",
  ],
]

for (const [id, path, body, error] of refusedEnables) {
  test(`${id}: ${path} with ${JSON.stringify(body)} is refused and makes nothing`, async () => {
    wantError(await root.write(path, body), 400, error)
    assert.equal((await root.read('sys/mounts')).body.data['x/'], undefined)
    assert.equal((await root.read('sys/auth')).body.data['x/'], undefined)
  })
}

test('SYS-32, SYS-33: a path is taken with everything above and below it', async () => {
  await root.must('sys/auth/taken', { type: 'jwt' })
  wantError(
    await root.write('sys/auth/taken', { type: 'jwt' }),
    400,
    'path is already in use at taken/',
  )
  await root.must('sys/mounts/a/b', { type: 'kv' })
  wantError(await root.write('sys/mounts/a', { type: 'kv' }), 400, /^path is already in use at /)
  wantError(
    await root.write('sys/mounts/a/b/c', { type: 'kv' }),
    400,
    /^path is already in use at /,
  )
  assert.equal((await root.write('sys/mounts/a/bc', { type: 'kv' })).status, 204)
})

test('SYS-36, SYS-37: the name given at enable time is kept, and kv-v2 is a kv with options', async () => {
  await root.must('sys/auth/people', { type: 'oidc' })
  const { data } = (await root.read('sys/auth')).body
  assert.equal(data['people/'].type, 'oidc')
  assert.match(data['people/'].accessor, /^auth_oidc_[0-9a-f]{8}$/)
  await root.must('sys/mounts/kk', { type: 'kv-v2' })
  const mount = (await root.read('sys/mounts/kk')).body.data
  assert.equal(mount.type, 'kv')
  assert.deepEqual(mount.options, { version: '2' })
})

test('generic, as clients still call it, is a kv without versions', async () => {
  await root.must('sys/mounts/generic-one', { type: 'generic' })
  const mounts = (await root.read('sys/mounts')).body.data
  assert.deepEqual([mounts['generic-one/'].type, mounts['generic-one/'].options], ['kv', {}])
  assert.equal((await root.write('sys/auth/generic-two', { type: 'generic' })).status, 400)
})

test('a mount made without options shows an empty object, as strict clients parse it; a built-in one null', async () => {
  await root.must('sys/mounts/plain', { type: 'kv' })
  await root.must('sys/auth/plain', { type: 'userpass' })
  const mount = (await root.read('sys/mounts/plain')).body
  assert.deepEqual([mount.data.options, mount.options], [{}, {}])
  assert.deepEqual((await root.read('sys/auth')).body.data['plain/'].options, {})
  assert.deepEqual(
    (await root.read('sys/internal/ui/mounts')).body.data.secret['plain/'].options,
    {},
  )
  assert.equal((await root.read('sys/mounts/plain/tune')).body.data.options, undefined)
  for (const [list, path] of [
    ['sys/mounts', 'cubbyhole/'],
    ['sys/mounts', 'identity/'],
    ['sys/auth', 'token/'],
  ] as const) {
    assert.equal((await root.read(list)).body.data[path].options, null)
  }
})

test('versions of plugins read as in Vault: of its own code, of a module beside it, of a core mount', async () => {
  await root.must('sys/mounts/versioned', { type: 'kv' })
  await root.must('sys/auth/versioned', { type: 'userpass' })
  const facts = ({ running_plugin_version, deprecation_status }: Record<string, string>) => [
    running_plugin_version,
    deprecation_status,
  ]
  const secret = (await root.read('sys/mounts')).body.data
  const auth = (await root.read('sys/auth')).body.data
  assert.deepEqual(facts(secret['versioned/']), ['v1.17.0+builtin', 'supported'])
  assert.deepEqual(facts(auth['versioned/']), ['v1.17.0+builtin.vault', 'supported'])
  for (const core of [secret['sys/'], secret['cubbyhole/'], auth['token/']]) {
    assert.deepEqual(facts(core), ['v1.17.0+builtin.vault', undefined])
  }
})

test('the catalog names what can be enabled: whole, by type, one by one', async () => {
  const whole = (await root.read('sys/plugins/catalog')).body.data
  assert.deepEqual(whole.auth, ['jwt', 'oidc', 'userpass', 'approle', 'kubernetes'])
  assert.deepEqual([whole.secret, whole.database], [['kv'], []])
  assert.deepEqual(whole.detailed.at(-1), {
    type: 'secret',
    name: 'kv',
    builtin: true,
    version: 'v1.17.0+builtin',
    deprecation_status: 'supported',
  })
  assert.deepEqual((await root.list('sys/plugins/catalog/auth')).body.data.keys, whole.auth)
  assert.deepEqual((await root.list('sys/plugins/catalog/secret')).body.data.keys, ['kv'])
  for (const other of ['database', 'nonsense']) {
    assert.equal((await root.list(`sys/plugins/catalog/${other}`)).status, 404)
  }
  const one = (await root.read('sys/plugins/catalog/auth/approle')).body.data
  assert.deepEqual([one.name, one.builtin, one.args, one.sha256], ['approle', true, [], ''])
  assert.equal((await root.read('sys/plugins/catalog/secret/approle')).status, 404)
  assert.equal((await root.read('sys/plugins/catalog/auth/token')).status, 404)
  const reader = await root.tokenFor('cat', 'path "sys/plugins/*" { capabilities = ["read"] }')
  want403P(await reader.read('sys/plugins/catalog/auth/approle'))
})

test('SYS-38, SYS-39: what is not there cannot be read, and can be disabled', async () => {
  wantError(await root.read('sys/auth/none'), 400, 'No auth engine at none/')
  wantError(await root.read('sys/mounts/none'), 400, 'No secret engine mount at none/')
  assert.equal((await root.remove('sys/auth/none')).status, 204)
  assert.equal((await root.remove('sys/mounts/none')).status, 204)
  for (const path of [
    'sys/mounts/sys',
    'sys/mounts/cubbyhole',
    'sys/mounts/identity',
    'sys/auth/token',
  ]) {
    wantError(await root.remove(path), 400, /cannot unmount/)
  }
})

test('SYS-40, TTL-40, SEC-TKN-03: disabling a mount kills its service and batch tokens at once', async () => {
  const jwt = await enableJwt(server, { path: 'gone' })
  await jwt.mustRole('s')
  await jwt.mustRole('b', { token_type: 'batch' })
  const tokens = [await jwt.client('s'), await jwt.client('b')]
  for (const token of tokens) await wantAlive(token)
  assert.equal((await root.remove('sys/auth/gone')).status, 204)
  for (const token of tokens) await wantDead(token)
  assert.equal((await jwt.login('s')).status, 403)
})

test('SYS-40: a mount made again at the path has another accessor and nothing of the old one', async () => {
  const jwt = await enableJwt(server, { path: 'again' })
  await jwt.mustRole('s')
  const old = await jwt.client('s')
  const before = (await root.read('sys/auth/again')).body.data
  await root.remove('sys/auth/again')
  await root.must('sys/auth/again', { type: 'jwt' })
  const now = (await root.read('sys/auth/again')).body.data
  assert.notEqual(now.accessor, before.accessor)
  assert.notEqual(now.uuid, before.uuid)
  assert.equal((await root.list('auth/again/role')).status, 404)
  assert.equal((await root.read('auth/again/config')).status, 404)
  await wantDead(old)
  await server.server.core.sweep.run()
  await wantDead(old)
  assert.equal((await root.read('sys/auth/again')).status, 200)
})

test('SYS-41, SYS-42, SYS-43, PAR-38, PAR-39: TTLs of a mount', async () => {
  await root.must('sys/auth/tuned', { type: 'jwt', config: { default_lease_ttl: '0s' } })
  const tune = async () => {
    const { data } = (await root.read('sys/auth/tuned/tune')).body
    return [data.default_lease_ttl, data.max_lease_ttl]
  }
  assert.deepEqual(await tune(), [2_764_800, 2_764_800])
  assert.equal(
    (await root.write('sys/mounts/auth/tuned/tune', { default_lease_ttl: '1h' })).status,
    204,
  )
  assert.deepEqual(await tune(), [3600, 2_764_800])
  assert.equal((await root.read('sys/mounts/auth/tuned/tune')).body.data.default_lease_ttl, 3600)
  const { config } = (await root.read('sys/auth')).body.data['tuned/']
  assert.equal(config.default_lease_ttl, 3600)
  assert.equal(config.max_lease_ttl, 0)
  assert.equal((await root.write('sys/auth/tuned/tune', { max_lease_ttl: '1000h' })).status, 204)
  assert.deepEqual(await tune(), [3600, 3_600_000])
  await root.must('sys/auth/tuned/tune', { default_lease_ttl: '' })
  assert.deepEqual(await tune(), [3600, 3_600_000])
  await root.must('sys/auth/tuned/tune', { default_lease_ttl: 'system', max_lease_ttl: 'system' })
  assert.deepEqual(await tune(), [2_764_800, 2_764_800])
})

test('SYS-44, SYS-46, SYS-47, TTL-18: a tune that cannot be is refused and changes nothing', async () => {
  await root.must('sys/auth/strict', { type: 'jwt' })
  const before = (await root.read('sys/auth/strict/tune')).body.data
  for (const [path, body] of [
    ['sys/auth/strict/tune', { default_lease_ttl: '2h', max_lease_ttl: '1h' }],
    ['sys/auth/strict/tune', { default_lease_ttl: '1000h' }],
    ['sys/auth/strict/tune', { description: 'x', token_type: 'nonsense' }],
    ['sys/auth/strict/tune', { listing_visibility: 'loud' }],
    ['sys/auth/strict/tune', { default_lease_ttl: '-1h' }],
    ['sys/auth/token/tune', { token_type: 'batch' }],
    ['sys/mounts/secret/tune', { token_type: 'batch' }],
    ['sys/mounts/sys/tune', { description: 'x' }],
    ['sys/mounts/cubbyhole/tune', { default_lease_ttl: '1h' }],
    ['sys/mounts/none/tune', { description: 'x' }],
  ] as const) {
    wantError(await root.write(path, body), 400, /./)
  }
  assert.deepEqual((await root.read('sys/auth/strict/tune')).body.data, before)
  const audit = { audit_non_hmac_request_keys: 'a, b' }
  assert.equal((await root.write('sys/mounts/sys/tune', audit)).status, 204)
  assert.deepEqual((await root.read('sys/mounts/sys/tune')).body.data.audit_non_hmac_request_keys, [
    'a',
    'b',
  ])
  await root.must('sys/mounts/sys/tune', { audit_non_hmac_request_keys: [] })
  assert.equal(
    (await root.read('sys/mounts/sys/tune')).body.data.audit_non_hmac_request_keys,
    undefined,
  )
})

test('SYS-45: an empty description clears it and nothing else', async () => {
  await root.must('sys/auth/described', {
    type: 'jwt',
    description: 'text',
    config: { default_lease_ttl: '1h', listing_visibility: 'hidden' },
  })
  const before = (await root.read('sys/auth/described/tune')).body.data
  assert.equal(before.description, 'text')
  assert.equal((await root.write('sys/auth/described/tune', { description: '' })).status, 204)
  const now = (await root.read('sys/auth/described/tune')).body.data
  assert.deepEqual(now, { ...before, description: '' })
})

test('SYS-81: a moved mount keeps its data', async () => {
  await root.must('sys/mounts/old', { type: 'kv' })
  await root.must('old/k', { v: '1' })
  const moved = await root.must('sys/remount', { from: 'old', to: 'new/place' })
  assert.equal(moved.status, 200)
  assert.ok(moved.body.warnings.length > 0)
  const status = await root.read(`sys/remount/status/${moved.body.data.migration_id}`)
  assert.deepEqual(status.body.data.migration_info, {
    source_mount: 'old/',
    target_mount: 'new/place/',
    status: 'success',
  })
  assert.deepEqual((await root.read('new/place/k')).body.data, { v: '1' })
  assert.equal((await root.read('old/k')).status, 404)
})

test('a moved auth mount keeps its roles, and the tokens of the old path are dead', async () => {
  const jwt = await enableJwt(server, { path: 'from' })
  await jwt.mustRole('r')
  const token = await jwt.client('r')
  await root.must('sys/remount', { from: 'auth/from', to: 'auth/to' })
  await wantDead(token)
  assert.equal((await root.read('auth/to/role/r')).status, 200)
})

test('a mount never moves onto, above or below another one', async () => {
  for (const path of ['mv/b', 'mv/c']) await root.must(`sys/mounts/${path}`, { type: 'kv' })
  await root.must('sys/auth/mv', { type: 'jwt' })
  await root.must('mv/c/k', { v: '1' })
  for (const [source, to] of [
    ['mv/b', 'mv'],
    ['mv/b', 'mv/c'],
    ['mv/b', 'mv/c/d'],
    ['mv/b', 'auth/x'],
    ['mv/b', 'sys'],
    ['mv/b', 'identity/x'],
    ['auth/mv', 'auth'],
    ['auth/mv', 'auth/token'],
    ['auth/mv', 'auth/token/x'],
    ['auth/token', 'auth/x'],
    ['sys', 'x'],
    ['none', 'x'],
    ['', 'x'],
  ]) {
    wantError(await root.write('sys/remount', { from: source, to }), 400, /./)
  }
  assert.deepEqual((await root.read('mv/c/k')).body.data, { v: '1' })
  assert.equal((await root.read('auth/mv/config')).status, 404)
  assert.equal((await root.read('auth/token/lookup-self')).status, 200)
})

test('SYS-32: of parallel enables of one path, and of paths inside each other, one succeeds', async () => {
  const paths = ['race', 'race', 'race/a', 'race', 'race/a/b', 'race', 'race/a', 'race/a/b']
  const all = await Promise.all(
    paths.map((path) => root.write(`sys/mounts/${path}`, { type: 'kv' })),
  )
  const statuses = all.map((result) => result.status)
  assert.equal(statuses.filter((status) => status === 204).length, 1, statuses.join())
  assert.equal(statuses.filter((status) => status === 400).length, paths.length - 1)
})
