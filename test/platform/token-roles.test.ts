/** Token roles and what is made by them (platform.md §3.5, §3.8), on a whole server. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import type { ManualClock } from '../harness/manual-clock.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  changeEntity,
  enableJwt,
  forwardingListener,
  from,
  want403P,
  want403T,
  wantAlive,
  wantDead,
  wantError,
} from './fixture.ts'

let clock: ManualClock
let server: TestServer
let root: ApiClient
let count = 0

const minute = 60_000

before(async () => {
  clock = manualClock()
  server = await startTestServer({ clock, listeners: [forwardingListener()] })
  root = server.root
  for (const name of ['a', 'x', 'z']) {
    await root.must(`sys/policies/acl/${name}`, {
      policy: 'path "auth/token/create/*" { capabilities = ["update"] }',
    })
  }
})

after(() => server.stop())

/** A role of its own name. */
async function role(settings: object): Promise<string> {
  const name = `role-${count++}`
  const result = await writeRole(name, settings)
  assert.ok(result.status < 300, result.text)
  return name
}

function writeRole(name: string, settings: object): Promise<ApiResult> {
  return root.write(`auth/token/roles/${name}`, settings)
}

function make(by: ApiClient, name: string, body: object = {}): Promise<ApiResult> {
  return by.write(`auth/token/create/${name}`, body)
}

async function made(by: ApiClient, name: string, body: object = {}) {
  const result = await make(by, name, body)
  assert.equal(result.status, 200, result.text)
  const { auth } = result.body
  return { auth, warnings: result.body.warnings ?? [], client: root.as(auth.client_token) }
}

async function lookup(accessor: string) {
  return (await root.must('auth/token/lookup-accessor', { accessor })).body.data
}

/** A token of exactly these policies, which may create by roles. */
function having(...policies: string[]): Promise<ApiClient> {
  return root.tokenWith(policies)
}

interface PolicyRow {
  readonly id: string
  readonly role: object
  readonly parent: readonly string[]
  readonly body: object
  readonly gives?: readonly string[]
  readonly error?: RegExp | string
}

const disallowed = (name: string) => `token policy "${name}" is disallowed by this role`

const policyRows: readonly PolicyRow[] = [
  {
    id: 'TOK-79',
    role: { allowed_policies: ['a', 'b'] },
    parent: ['root'],
    body: {},
    gives: ['a', 'b', 'default'],
  },
  {
    id: 'TOK-80',
    role: { allowed_policies: ['a', 'b'] },
    parent: ['z'],
    body: { policies: ['a'] },
    gives: ['a', 'default'],
  },
  {
    id: 'TOK-81',
    role: { allowed_policies: ['a', 'b'] },
    parent: ['z'],
    body: { policies: ['c'] },
    error: /^token policies \(/,
  },
  {
    id: 'TOK-82',
    role: { allowed_policies_glob: ['dev-*'] },
    parent: ['z'],
    body: {},
    gives: ['default'],
  },
  {
    id: 'TOK-83',
    role: { allowed_policies_glob: ['dev-*'] },
    parent: ['z'],
    body: { policies: ['DEV-x'] },
    gives: ['default', 'dev-x'],
  },
  {
    id: 'TOK-84',
    role: { allowed_policies: ['a'], disallowed_policies: ['default'] },
    parent: ['z'],
    body: {},
    gives: ['a'],
  },
  {
    id: 'TOK-85',
    role: { allowed_policies: ['a'], disallowed_policies: ['default'] },
    parent: ['z'],
    body: { policies: ['a', 'default'] },
    error: /^token policies \(/,
  },
  {
    id: 'TOK-86',
    role: { disallowed_policies: ['x'] },
    parent: ['a'],
    body: {},
    gives: ['a', 'default'],
  },
  {
    id: 'TOK-87',
    role: { disallowed_policies: ['x'] },
    parent: ['a', 'x'],
    body: {},
    error: disallowed('x'),
  },
  {
    id: 'TOK-88',
    role: { disallowed_policies_glob: ['adm*'] },
    parent: ['a'],
    body: { policies: ['admin'] },
    error: disallowed('admin'),
  },
  {
    id: 'TOK-89',
    role: {},
    parent: ['a'],
    body: { policies: ['z'] },
    error: 'child policies must be subset of parent',
  },
]

for (const row of policyRows) {
  test(`a role decides about policies (${row.id})`, async () => {
    const parent = row.parent[0] === 'root' ? root : await having(...row.parent)
    const result = await make(parent, await role(row.role), row.body)
    if (row.error !== undefined) return wantError(result, 400, row.error)
    assert.equal(result.status, 200, result.text)
    assert.deepEqual(result.body.auth.token_policies, row.gives)
  })
}

test('no role makes root tokens of others, and blanks ask for nothing', async () => {
  const parent = await having('a')
  for (const settings of [
    { allowed_policies: ['root'] },
    { allowed_policies_glob: ['*'] },
    { disallowed_policies: ['x'] },
  ]) {
    const result = await make(parent, await role(settings), { policies: ['root', 'x'] })
    wantError(result, 400, /^root tokens may not|disallowed/)
  }
  const blank = await made(root, await role({ disallowed_policies: ['x'] }), { policies: [' '] })
  assert.deepEqual(blank.auth.token_policies, ['default'])
  // A star inside a name is no pattern.
  const inside = await role({ allowed_policies_glob: ['a*z'] })
  wantError(await make(parent, inside, { policies: ['abcz'] }), 400, /^token policies \(/)
  const many = Array.from({ length: 600 }, (_, i) => `p${i}`)
  wantError(await make(root, inside, { policies: many }), 400, /at most 512/)
})

test('a role decides whether its tokens are orphans (TOK-90, TOK-91)', async () => {
  const jwt = await enableJwt(server)
  await jwt.mustRole('r', { token_policies: 'a' })
  const parent = await jwt.client('r')
  const orphan = await made(parent, await role({ orphan: true }))
  assert.deepEqual([orphan.auth.orphan, orphan.auth.entity_id], [true, ''])
  const child = await made(parent, await role({ orphan: false }), { no_parent: true })
  assert.equal(child.auth.orphan, false)
  assert.notEqual(child.auth.entity_id, '')
  await parent.must('auth/token/revoke-self')
  await wantAlive(orphan.client)
  await wantDead(child.client)
})

test('tokens of a role have its path, and go with it alone (TOK-92, SYS-71)', async () => {
  const [x, y] = [await role({ path_suffix: 'v1' }), await role({ path_suffix: 'v1' })]
  const [ofX, ofY] = [await made(root, x), await made(root, y)]
  const data = await lookup(ofX.auth.accessor)
  assert.deepEqual([data.path, data.role], [`auth/token/create/${x}/v1`, x])
  await root.must(`sys/leases/revoke-prefix/auth/token/create/${x}`)
  await wantDead(ofX.client)
  await wantAlive(ofY.client)
  for (const path_suffix of ['..', 'a/../b', '/', 'a b', 'a//b', '-a']) {
    wantError(await writeRole(x, { path_suffix }), 400, /path suffix/)
  }
})

test('a role limits renewal, uses and networks (TOK-93, TOK-94)', async () => {
  const fixed = await role({ renewable: false })
  const child = await made(root, fixed, { renewable: true, policies: ['a'] })
  assert.equal(child.auth.renewable, false)
  const few = await role({ token_num_uses: 3 })
  for (const [num_uses, wanted] of [
    [0, 3],
    [1, 1],
    [9, 3],
  ]) {
    const { auth } = await made(root, few, { num_uses, policies: ['a'] })
    assert.equal(auth.num_uses, wanted)
  }
  const bound = await role({ token_bound_cidrs: ['10.0.0.0/8'] })
  const { client, auth } = await made(root, bound, { policies: ['default'] })
  assert.deepEqual((await lookup(auth.accessor)).bound_cidrs, ['10.0.0.0/8'])
  want403T(await client.read('auth/token/lookup-self'))
  const inside = await client.call('GET', 'auth/token/lookup-self', undefined, from('10.1.1.1'))
  assert.equal(inside.status, 200)
})

test('a role decides about the type (TOK-95..TOK-98)', async () => {
  const text = (what: string) =>
    `'token_type' cannot be 'batch' when role is set to generate ${what}`
  const batch = { token_type: 'batch', orphan: true, renewable: false }
  for (const [settings, what] of [
    [{ orphan: false }, 'non-orphan tokens'],
    [{ renewable: true }, 'renewable tokens'],
    [{ token_period: 60 }, 'periodic tokens'],
    [{ explicit_max_ttl: 60 }, 'tokens with an explicit max TTL'],
    [{ token_num_uses: 2 }, 'tokens with limited use count'],
  ] as const) {
    wantError(await writeRole('bad', { ...batch, ...settings }), 400, text(what))
  }
  const typeOf = async (name: string, body: object) =>
    (await made(root, name, { policies: ['a'], ...body })).auth.token_type
  assert.equal(await typeOf(await role(batch), { type: 'service' }), 'batch')
  const either = await role({ token_type: 'default-batch', orphan: true })
  assert.equal(await typeOf(either, {}), 'batch')
  assert.equal(await typeOf(either, { type: 'service' }), 'service')
  assert.equal(await typeOf(await role({ token_type: 'service' }), { type: 'batch' }), 'service')
  assert.equal(await typeOf(await role({}), { type: 'batch' }), 'batch')
})

test('the type of a role is one of four (TOK-99)', async () => {
  for (const token_type of ['default', '', null, 'nonsense']) {
    wantError(await writeRole('bad', { token_type }), 400, /^invalid 'token_type' value "/)
  }
  wantError(await root.read('auth/token/roles/bad'), 404)
})

test('of two names of one field the newer counts (TOK-100)', async () => {
  const result = await writeRole('both', { period: '1h', token_period: '2h' })
  assert.equal(result.status, 200, result.text)
  assert.deepEqual(result.body.warnings, [
    "Both 'token_period' and deprecated 'period' value supplied, ignoring the deprecated value",
  ])
  const read = async () => (await root.read('auth/token/roles/both')).body.data
  assert.deepEqual([(await read()).token_period, (await read()).period], [7200, 0])
  await root.must('auth/token/roles/both', { period: '3h', bound_cidrs: '10.0.0.1' })
  const after = await read()
  assert.deepEqual([after.token_period, after.period], [10_800, 10_800])
  assert.deepEqual([after.token_bound_cidrs, after.bound_cidrs], [['10.0.0.1'], ['10.0.0.1']])
})

test('an unknown role makes nothing (TOK-101)', async () => {
  wantError(await make(root, 'norole'), 400, 'unknown role norole')
})

test('a role reads back as it was sent, and is listed and deleted', async () => {
  const sent = {
    allowed_policies: ['dev', 'test'],
    allowed_policies_glob: ['qa-*'],
    disallowed_policies: ['default'],
    disallowed_policies_glob: ['adm*'],
    allowed_entity_aliases: ['svc-*'],
    orphan: true,
    renewable: false,
    path_suffix: 'path-suffix',
    token_period: 86_400,
    token_explicit_max_ttl: 115_200,
    token_bound_cidrs: ['0.0.0.0/0'],
    token_no_default_policy: true,
    token_num_uses: 5,
    token_type: 'service',
  }
  assert.equal((await writeRole('whole', sent)).status, 204)
  const { data } = (await root.read('auth/token/roles/whole')).body
  assert.deepEqual(data, { ...sent, name: 'whole', period: 0, explicit_max_ttl: 0 })
  assert.equal((await writeRole('plain', {})).status, 204)
  assert.deepEqual((await root.read('auth/token/roles/plain')).body.data, {
    name: 'plain',
    allowed_policies: [],
    allowed_policies_glob: [],
    disallowed_policies: [],
    disallowed_policies_glob: [],
    allowed_entity_aliases: [],
    orphan: false,
    renewable: true,
    path_suffix: '',
    period: 0,
    token_period: 0,
    explicit_max_ttl: 0,
    token_explicit_max_ttl: 0,
    token_no_default_policy: false,
    token_type: 'default-service',
  })
  assert.ok((await root.list('auth/token/roles')).body.data.keys.includes('whole'))
  assert.equal((await root.remove('auth/token/roles/whole')).status, 204)
  wantError(await root.read('auth/token/roles/whole'), 404)
  const typo = await writeRole('plain', { alowed_policies: 'a' })
  assert.match(String(typo.body?.warnings), /did you mean "allowed_policies"/)
  wantError(await writeRole('plain', { token_bound_cidrs: 'x' }), 400, /token_bound_cidrs/)
  wantError(await writeRole('plain', { token_num_uses: -1 }), 400, /token_num_uses/)
  wantError(await writeRole('plain', { allowed_policies: 'a,'.repeat(20_000) }), 400, /16384/)
})

test('who may only update roles makes none', async () => {
  const weak = await root.tokenFor(
    'role-updater',
    'path "auth/token/roles/*" { capabilities = ["update"] }',
  )
  want403P(await weak.write('auth/token/roles/fresh', {}))
})

test('a role binds to the entity of an alias (TOK-102, TOK-103, TOK-105)', async () => {
  const name = await role({ allowed_entity_aliases: ['SVC-*'], orphan: true })
  const first = await made(root, name, { entity_alias: 'SVC-one', policies: ['a'] })
  assert.match(first.auth.entity_id, /^[0-9a-f-]{36}$/)
  const again = await made(root, name, { entity_alias: 'svc-ONE', policies: ['a'] })
  assert.equal(again.auth.entity_id, first.auth.entity_id)
  wantError(await make(root, name, { entity_alias: 'other' }), 400, "invalid 'entity_alias' value")
  await changeEntity(server, first.auth.entity_id, { disabled: true })
  want403T(await make(root, name, { entity_alias: 'svc-one', policies: ['a'] }))
})

const cut = (from: string, to: string) =>
  `TTL of "${from}" exceeded the effective max_ttl of "${to}"; TTL value is capped accordingly`

async function renewed(accessor: string, increment: string | number = 0) {
  return root.write('auth/token/renew-accessor', { accessor, increment })
}

test('the explicit maximum is the smaller one of role and request (TTL-63..TTL-66)', async () => {
  const hour = await role({ token_explicit_max_ttl: '1h' })
  const half = await role({ token_explicit_max_ttl: '30m' })
  const body = { policies: ['default'] }
  const plain = await made(root, hour, body)
  assert.deepEqual([plain.auth.lease_duration, plain.warnings], [3600, [cut('768h', '1h')]])
  assert.equal((await lookup(plain.auth.accessor)).explicit_max_ttl, 0)
  const lesser =
    'Explicit max TTL specified both during creation call and in role; using the lesser value of 1800 seconds'
  const shorter = await made(root, hour, { ...body, explicit_max_ttl: '30m' })
  assert.deepEqual([shorter.auth.lease_duration, shorter.warnings[0]], [1800, lesser])
  const longer = await made(root, half, { ...body, explicit_max_ttl: '1h' })
  assert.deepEqual([longer.auth.lease_duration, longer.warnings[0]], [1800, lesser])
  clock.advance(20 * minute)
  const after = await renewed(shorter.auth.accessor, '1h')
  assert.equal(after.body.auth.lease_duration, 600)
})

test('the period is the smaller one of role and request (TTL-67, TTL-68)', async () => {
  const name = await role({ token_period: '10m' })
  const body = { policies: ['default'] }
  const plain = await made(root, name, body)
  assert.equal(plain.auth.lease_duration, 600)
  assert.equal((await renewed(plain.auth.accessor, '1h')).body.auth.lease_duration, 600)
  assert.equal('period' in (await lookup(plain.auth.accessor)), false)
  const shorter = await made(root, name, { ...body, period: '5m' })
  assert.equal(shorter.auth.lease_duration, 300)
  assert.deepEqual(shorter.warnings, [
    'Period specified both during creation call and in role; using the lesser value of 300 seconds',
  ])
  assert.equal((await renewed(shorter.auth.accessor)).body.auth.lease_duration, 300)
})

test('a renewal asks the role as it is now (TTL-69, TTL-70)', async () => {
  const name = await role({ token_period: '10m' })
  const { auth, client } = await made(root, name, { policies: ['default'] })
  await root.must(`auth/token/roles/${name}`, { token_period: '20m' })
  assert.equal((await renewed(auth.accessor)).body.auth.lease_duration, 1200)
  await root.remove(`auth/token/roles/${name}`)
  wantError(
    await renewed(auth.accessor),
    500,
    `original token role "${name}" could not be found, not renewing`,
  )
  await wantAlive(client)
  clock.advance(20 * minute)
  await wantDead(client)
})
