/** auth/token/create and create-orphan (platform.md §3.4). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  changeEntity,
  create,
  enableJwt,
  wantAlive,
  wantDead,
  wantError,
  type JwtMount,
} from './fixture.ts'

let server: TestServer
let root: ApiClient
let jwt: JwtMount

before(async () => {
  server = await startTestServer()
  root = server.root
  jwt = await enableJwt(server)
  await root.must('sys/policies/acl/create', {
    policy: ['auth/token/create', 'auth/token/create-orphan']
      .map((path) => `path "${path}" { capabilities = ["update"] }`)
      .join('\n'),
  })
  await root.must('sys/policies/acl/create-sudo', {
    policy: 'path "auth/token/create" { capabilities = ["update", "sudo"] }',
  })
})

after(() => server.stop())

/** A token of exactly these policies. */
function having(...policies: string[]): Promise<ApiClient> {
  return root.tokenWith(policies, { no_default_policy: !policies.includes('default') })
}

test('TOK-01: a child of root with a policy', async () => {
  const { auth, warnings } = await create(root, { policies: ['a'] })
  assert.deepEqual(auth.policies, ['a', 'default'])
  assert.deepEqual(auth.token_policies, ['a', 'default'])
  assert.equal(auth.token_type, 'service')
  assert.equal(auth.orphan, false)
  assert.equal(auth.renewable, true)
  assert.equal(auth.lease_duration, 2_764_800)
  assert.deepEqual(warnings, ['Policy "a" does not exist'])
})

test('nulls of older clients are what was not given: hvac before 1.0 sends all its fields', async () => {
  const { auth } = await create(root, {
    id: null,
    policies: ['a'],
    meta: null,
    no_parent: false,
    display_name: null,
    num_uses: null,
    no_default_policy: false,
    renewable: null,
    lease: '1h',
    ttl: null,
    explicit_max_ttl: null,
    period: null,
    type: null,
    entity_alias: null,
  })
  assert.equal(auth.renewable, true)
  assert.equal(auth.lease_duration, 3600)
  assert.equal(auth.token_type, 'service')
  assert.deepEqual(auth.policies, ['a', 'default'])
  assert.equal((await create(root, { policies: ['a'], renewable: false })).auth.renewable, false)
})

test('TOK-02: a child of root without anything is root', async () => {
  const { auth, warnings } = await create(root, {})
  assert.deepEqual(auth.policies, ['root'])
  assert.equal(auth.lease_duration, 0)
  assert.equal(auth.renewable, false)
  assert.deepEqual(warnings, [])
})

interface PolicyRow {
  readonly id: string
  readonly parent: readonly string[]
  readonly body: object
  /** Token policies of the child. */
  readonly gives?: readonly string[]
  readonly error?: string
}

const subset = 'child policies must be subset of parent'

const policyRows: readonly PolicyRow[] = [
  {
    id: 'TOK-03',
    parent: ['root'],
    body: { policies: ['a'], no_default_policy: true },
    gives: ['a'],
  },
  {
    id: 'TOK-04',
    parent: ['root'],
    body: { policies: ['default'], no_default_policy: true },
    gives: [],
  },
  {
    id: 'TOK-05',
    parent: ['a', 'b', 'default', 'create'],
    body: {},
    gives: ['a', 'b', 'create', 'default'],
  },
  { id: 'TOK-06', parent: ['a', 'create'], body: {}, gives: ['a', 'create'] },
  {
    id: 'TOK-07',
    parent: ['a', 'b', 'default', 'create'],
    body: { policies: ['a'] },
    gives: ['a', 'default'],
  },
  { id: 'TOK-08', parent: ['a', 'create'], body: { policies: ['a'] }, gives: ['a'] },
  { id: 'TOK-08', parent: ['a', 'create'], body: { policies: ['a', 'default'] }, error: subset },
  { id: 'TOK-09', parent: ['a', 'default', 'create'], body: { policies: ['z'] }, error: subset },
  {
    id: 'TOK-09',
    parent: ['a', 'default', 'create'],
    body: { policies: ['a', 'root'] },
    error: subset,
  },
  { id: 'TOK-12', parent: ['create-sudo'], body: { policies: ['z'] }, gives: ['default', 'z'] },
  {
    id: 'TOK-13',
    parent: ['create-sudo'],
    body: { policies: ['root'] },
    error: 'root tokens may not be created without parent token being root',
  },
  { id: 'TOK-14', parent: ['root'], body: { policies: ['root', 'a'] }, gives: ['root'] },
  { id: 'TOK-15', parent: ['root'], body: { policies: ['A ', 'a', ''] }, gives: ['a', 'default'] },
  // Asking for nothing but blanks is asking for no policy, and must not give those of a root parent.
  { id: 'TOK-15', parent: ['root'], body: { policies: [''] }, gives: ['default'] },
  { id: 'TOK-15', parent: ['root'], body: { policies: [' '], no_default_policy: true }, gives: [] },
  {
    id: 'TOK-15',
    parent: ['a', 'create', 'default'],
    body: { policies: [' '] },
    gives: ['default'],
  },
  {
    id: 'TOK-16',
    parent: ['root'],
    body: { policies: ['response-wrapping'] },
    error: 'cannot assign policy "response-wrapping"',
  },
  {
    id: 'TOK-16',
    parent: ['create-sudo'],
    body: { policies: ['Response-Wrapping'] },
    error: 'cannot assign policy "response-wrapping"',
  },
  { id: 'PAR-15', parent: ['root'], body: { policies: 'a,b' }, gives: ['a,b', 'default'] },
  { id: 'PAR-16', parent: ['root'], body: { policies: ['a', 'b'] }, gives: ['a', 'b', 'default'] },
]

for (const row of policyRows) {
  const result = row.error ?? JSON.stringify(row.gives)
  test(`${row.id}: [${row.parent.join(', ')}] creates ${JSON.stringify(row.body)}: ${result}`, async () => {
    const parent = row.parent[0] === 'root' ? root : await having(...row.parent)
    if (row.error !== undefined) {
      wantError(await parent.write('auth/token/create', row.body), 400, row.error)
      return
    }
    const { auth } = await create(parent, row.body)
    assert.deepEqual(auth.policies, row.gives)
    assert.deepEqual(auth.token_policies ?? [], row.gives)
  })
}

test('TOK-10, TOK-11: identity policies of the parent are not its own, but the child shares the entity', async () => {
  await jwt.mustRole('maker', { token_policies: ['a', 'create'], token_no_default_policy: true })
  const parent = await jwt.client('maker', 'tok-10')
  const login = await jwt.mustLogin('maker', 'tok-10')
  const entity = String(login.body.auth.entity_id)
  await changeEntity(server, entity, { policies: ['z'] })
  wantError(await parent.write('auth/token/create', { policies: ['z'] }), 400, subset)
  const { auth } = await create(parent, {})
  assert.deepEqual(auth.token_policies, ['a', 'create'])
  assert.deepEqual(auth.identity_policies, ['z'])
  assert.deepEqual(auth.policies, ['a', 'create', 'z'])
  assert.equal(auth.entity_id, entity)
})

test('TOK-17, TOK-18, PAR-35: display names', async () => {
  for (const [given, shown] of [
    ['x y/z!', 'token-x-y-z'],
    [undefined, 'token'],
    ['', 'token'],
    [5, 'token-5'],
    ['a.b', 'token-a-b'],
  ]) {
    const { client } = await create(root, { policies: ['default'], display_name: given })
    assert.equal((await client.read('auth/token/lookup-self')).body.data.display_name, shown)
  }
})

test('TOK-19, TOK-21, TOK-22: what needs sudo', async () => {
  const parent = await having('create')
  wantError(await parent.write('auth/token/create', { no_parent: true }), 400, /sudo/)
  wantError(
    await parent.write('auth/token/create', { period: '1h' }),
    400,
    'root or sudo privileges required to create periodic token',
  )
  wantError(await parent.write('auth/token/create', { id: 'chosen' }), 400, /sudo/)
  const strong = await having('create-sudo')
  const body = { no_parent: true, period: '1h', id: 'by-sudo', policies: ['default'] }
  const { auth, client } = await create(strong, body)
  assert.equal(auth.orphan, true)
  assert.equal(auth.client_token, 'by-sudo')
  assert.equal(auth.lease_duration, 3600)
  await strong.as(server.rootToken).must('auth/token/revoke', { token: strong.token })
  await wantAlive(client)
})

test('TOK-20: create-orphan needs no sudo and gives no entity', async () => {
  await jwt.mustRole('orphans', { token_policies: ['a', 'create'] })
  const parent = await jwt.client('orphans', 'tok-20')
  const result = await parent.write('auth/token/create-orphan', {})
  assert.equal(result.status, 200)
  assert.equal(result.body.auth.orphan, true)
  assert.equal(result.body.auth.entity_id, '')
  const child = server.client(result.body.auth.client_token)
  const self = (await child.read('auth/token/lookup-self')).body.data
  assert.equal(self.path, 'auth/token/create-orphan')
  await parent.write('auth/token/revoke-self')
  await wantAlive(child)
})

test('TOK-23, TOK-24, SEC-TKN-11: a chosen id works once, and again after its token is gone', async () => {
  const { auth, client } = await create(root, { id: 'mytoken', policies: ['default'] })
  assert.equal(auth.client_token, 'mytoken')
  const self = await client.read('auth/token/lookup-self')
  assert.equal(self.body.data.id, 'mytoken')
  assert.equal(
    (await root.write('auth/token/lookup', { token: 'mytoken' })).body.data.id,
    'mytoken',
  )
  wantError(
    await root.write('auth/token/create', { id: 'mytoken', policies: ['a'] }),
    400,
    'cannot create a token with a duplicate ID',
  )
  assert.equal((await client.write('auth/token/renew-self')).body.auth.client_token, 'mytoken')
  await root.must('auth/token/revoke', { token: 'mytoken' })
  await wantDead(client)
  await create(root, { id: 'mytoken', policies: ['default'] })
  await wantAlive(client)
  await root.must('auth/token/revoke-accessor', { accessor: self.body.data.accessor })
  await wantAlive(client)
})

test('TOK-24: of parallel creations with one id exactly one succeeds', async () => {
  const all = await Promise.all(
    Array.from({ length: 8 }, () =>
      root.write('auth/token/create', { id: 'raced', policies: ['a'] }),
    ),
  )
  assert.equal(all.filter((result) => result.status === 200).length, 1)
})

const refusedRows: readonly (readonly [string, object, string | RegExp])[] = [
  ['TOK-25', { id: 'a.b' }, /cannot have a '\.' in the value/],
  ['TOK-25', { id: 'hvs.x' }, "custom token ID cannot have the 'hvs.' prefix"],
  ['TOK-25', { id: 's.x' }, "custom token ID cannot have the 's.' prefix"],
  ['TOK-25', { id: 'hvb.x' }, /prefix/],
  ['TOK-25', { id: 'a b' }, /printable/],
  ['TOK-25', { id: 'x'.repeat(513) }, /512/],
  ['TOK-26', { type: 'x' }, "invalid 'token_type' value"],
  ['TOK-27', { num_uses: -1 }, /negative/],
  [
    'TOK-61',
    { type: 'batch', policies: ['a'], num_uses: 1 },
    'batch tokens cannot have "num_uses" set',
  ],
  [
    'TOK-61',
    { type: 'batch', policies: ['a'], period: '1h' },
    'batch tokens cannot have "period" set',
  ],
  [
    'TOK-61',
    { type: 'batch', policies: ['a'], explicit_max_ttl: '1h' },
    'batch tokens cannot have "explicit_max_ttl" set',
  ],
  ['TOK-62', { type: 'batch', policies: ['root'] }, 'batch tokens cannot be root tokens'],
  ['TOK-62', { type: 'batch' }, 'batch tokens cannot be root tokens'],
  [
    'TOK-104',
    { entity_alias: 'svc-one' },
    "'entity_alias' is only allowed in combination with token role",
  ],
  ['TTL-53', { ttl: '-1h' }, 'ttl must be positive'],
  ['TTL-53', { ttl: 'abc' }, /ttl/],
  ['TTL-53', { explicit_max_ttl: '-1h' }, /explicit_max_ttl/],
  ['TTL-53', { period: '1d12h' }, /period/],
  ['PAR-22', { meta: ['novalue'] }, /invalid key pair "novalue"/],
  [
    'PAR-34',
    { display_name: [] },
    /^Field validation failed: error converting input for field "display_name"/,
  ],
  ['PAR-34', { ttl: {} }, /^Field validation failed: error converting input for field "ttl"/],
]

for (const [id, body, error] of refusedRows) {
  test(`${id}: create with ${JSON.stringify(body).slice(0, 80)} is refused`, async () => {
    wantError(await root.write('auth/token/create', body), 400, error)
  })
}

test('TOK-28: a token with limited uses has no children', async () => {
  const { client } = await create(root, { policies: ['create'], num_uses: 5 })
  wantError(
    await client.write('auth/token/create'),
    400,
    'restricted use token cannot generate child tokens',
  )
  wantError(
    await client.write('auth/token/create-orphan'),
    400,
    'restricted use token cannot generate child tokens',
  )
})

test('checks of create come in the contract’s order', async () => {
  const limited = (await create(root, { policies: ['create-sudo'], num_uses: 9 })).client
  const batch = (await create(root, { type: 'batch', policies: ['create-sudo'] })).client
  const plain = await having('create')
  const everythingWrong = {
    type: 'x',
    num_uses: -1,
    entity_alias: 'e',
    id: 'a.b',
    policies: ['root'],
    no_parent: true,
    ttl: '-1h',
  }
  const { type: _type, ...withoutType } = everythingWrong
  const { num_uses: _uses, ...withoutUses } = withoutType
  const { entity_alias: _alias, ...withoutAlias } = withoutUses
  const { id: _id, ...withoutId } = withoutAlias
  for (const [by, body, error] of [
    [batch, everythingWrong, 'batch tokens cannot create more tokens'],
    [limited, everythingWrong, 'restricted use token cannot generate child tokens'],
    [plain, everythingWrong, "invalid 'token_type' value"],
    [plain, withoutType, /negative/],
    [plain, withoutUses, /entity_alias/],
    [plain, withoutAlias, /token id/],
    [plain, withoutId, subset],
    [plain, { no_parent: true, ttl: '-1h' }, /orphan/],
  ] as const) {
    wantError(await by.write('auth/token/create', body), 400, error)
  }
})

const metaRows: readonly (readonly [string, unknown, Record<string, string> | null])[] = [
  ['PAR-18', { n: 1, b: true, s: 'x' }, { n: '1', b: '1', s: 'x' }],
  ['PAR-19', { b: false }, { b: '0' }],
  ['PAR-20', ['k=v', 'k2=v=2'], { k: 'v', k2: 'v=2' }],
  ['PAR-21', 'k=v', { k: 'v' }],
  ['PAR-21', undefined, null],
]

for (const [id, meta, shown] of metaRows) {
  test(`${id}: meta ${JSON.stringify(meta)} becomes ${JSON.stringify(shown)}`, async () => {
    const { auth, client } = await create(root, { policies: ['default'], meta })
    assert.deepEqual(auth.metadata, shown)
    assert.deepEqual((await client.read('auth/token/lookup-self')).body.data.meta, shown)
  })
}

test('SEC-TKN-01: tokens are unique and have nothing in common with their accessors', async () => {
  const seen = new Set<string>()
  for (let round = 0; round < 20; round++) {
    const made = await Promise.all(
      Array.from({ length: 16 }, () => create(root, { policies: ['a'] })),
    )
    for (const { auth } of made) {
      assert.match(auth.client_token, /^hvs\.[0-9A-Za-z]{24,}$/)
      assert.match(auth.accessor, /^[0-9A-Za-z]{24}$/)
      seen.add(auth.client_token).add(auth.accessor).add(auth.client_token.slice(-20))
    }
  }
  assert.equal(seen.size, 20 * 16 * 3)
})

test('SEC-TKN-09: a child never outlives its parent, and who may not make orphans makes none', async () => {
  const parent = (await create(root, { policies: ['create', 'default'], ttl: '1h' })).client
  const { client, auth } = await create(parent, { ttl: '2h' })
  assert.equal(auth.orphan, false)
  await wantAlive(client)
  await parent.write('auth/token/revoke-self')
  await wantDead(client)
  const weak = await root.tokenFor(
    'only-create',
    'path "auth/token/create" { capabilities = ["update"] }',
  )
  assert.equal((await weak.write('auth/token/create-orphan')).status, 403)
  assert.equal((await weak.write('auth/token/create', { no_parent: true })).status, 400)
})
