/** TTL arithmetic and renewal (platform.md §3.7, §3.8), on one server whose clock the test moves. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ManualClock } from '../harness/manual-clock.ts'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { create, enableJwt, wantAlive, wantDead, wantError, type JwtMount } from './fixture.ts'

const m = 60
const h = 3600
const d = 86_400
const cut = (ttl: string, max: string) =>
  `TTL of "${ttl}" exceeded the effective max_ttl of "${max}"; TTL value is capped accordingly`
const periodCut = (period: string, max: string) =>
  `period of "${period}" exceeded the effective max_ttl of "${max}"; period value is capped accordingly`

let clock: ManualClock
let server: TestServer
let root: ApiClient

before(async () => {
  clock = manualClock()
  server = await startTestServer({ clock })
  root = server.root
  await root.must('sys/policies/acl/self', {
    policy: `path "auth/token/lookup-self" { capabilities = ["read"] }
             path "auth/token/renew-self" { capabilities = ["update"] }
             path "auth/token/create" { capabilities = ["update"] }`,
  })
})

after(() => server.stop())

/** What happens to the token at a time counted in seconds from its issue. */
interface Step {
  readonly at?: number
  /** Renew, with this increment; `{}` without one. */
  readonly renew?: { readonly increment?: unknown }
  /** lease_duration that the renewal grants. */
  readonly ld?: number
  readonly warns?: string | readonly string[]
  readonly error?: string | RegExp
  readonly dead?: true
  readonly alive?: true
  /** Members of the lookup answer. */
  readonly looks?: object
  readonly role?: object
  readonly tune?: object
  readonly removeRole?: true
}

interface Row {
  readonly ids: string
  readonly tune?: object
  /** Token settings of the login role … */
  readonly role?: object
  /** … or fields of auth/token/create. */
  readonly create?: object
  readonly ld: number
  readonly warns?: string | readonly string[]
  readonly renewable?: boolean
  readonly steps?: readonly Step[]
}

const ttl = (
  token_ttl: unknown,
  token_max_ttl: unknown = 0,
  token_period: unknown = 0,
  token_explicit_max_ttl: unknown = 0,
) => ({
  token_ttl,
  token_max_ttl,
  token_period,
  token_explicit_max_ttl,
})

const rows: readonly Row[] = [
  {
    ids: 'TTL-01, TTL-02',
    role: ttl(0),
    ld: 32 * d,
    steps: [{ at: 10 * d, renew: {}, ld: 1_900_800, warns: cut('768h', '528h') }],
  },
  {
    ids: 'TTL-03',
    role: ttl(0),
    ld: 32 * d,
    steps: [
      { at: 10 * d, renew: { increment: '1h' }, ld: h },
      { at: 10 * d + h, dead: true },
    ],
  },
  {
    ids: 'TTL-04',
    tune: { default_lease_ttl: '1h' },
    role: ttl(0),
    ld: h,
    steps: [{ at: 30 * m, renew: {}, ld: h }],
  },
  {
    ids: 'TTL-05',
    tune: { default_lease_ttl: '1h' },
    role: ttl(0),
    ld: h,
    steps: [{ at: 30 * m, renew: { increment: '2h' }, ld: 2 * h }],
  },
  {
    ids: 'TTL-06, TTL-07',
    tune: { max_lease_ttl: '2h' },
    role: ttl(0),
    ld: 2 * h,
    warns: cut('768h', '2h'),
    steps: [
      { at: 30 * m, renew: {}, ld: 5400, warns: cut('768h', '1h30m') },
      { at: 2 * h - 1, renew: {}, ld: 1, warns: cut('768h', '1s') },
      { at: 2 * h, dead: true },
    ],
  },
  {
    ids: 'TTL-08, TTL-09, TTL-11',
    role: ttl('20m', '30m'),
    ld: 1200,
    steps: [
      { at: 5 * m, renew: {}, ld: 1200 },
      { at: 15 * m, renew: {}, ld: 900, warns: cut('20m', '15m') },
      { at: 15 * m, renew: { increment: '1h' }, ld: 900, warns: cut('1h', '15m') },
      { at: 30 * m - 1, alive: true },
      { at: 30 * m, dead: true },
    ],
  },
  {
    ids: 'TTL-10',
    role: ttl('20m', '30m'),
    ld: 1200,
    steps: [{ at: 5 * m, renew: { increment: '1h' }, ld: 1500, warns: cut('1h', '25m') }],
  },
  { ids: 'TTL-12', role: ttl(0, '30m'), ld: 1800, warns: cut('768h', '30m') },
  {
    ids: 'TTL-13',
    role: ttl('20m'),
    ld: 1200,
    steps: [
      { at: m, renew: { increment: '1h' }, ld: h },
      { at: 2 * m, renew: {}, ld: 1200 },
    ],
  },
  { ids: 'TTL-14', role: ttl(0, '1000h'), ld: 32 * d },
  {
    ids: 'TTL-15',
    tune: { max_lease_ttl: '1000h' },
    role: ttl(0),
    ld: 32 * d,
    steps: [{ at: 700 * h, renew: {}, ld: 1_080_000, warns: cut('768h', '300h') }],
  },
  { ids: 'TTL-16', tune: { max_lease_ttl: '1000h' }, role: ttl('900h'), ld: 3_240_000 },
  {
    ids: 'TTL-17',
    tune: { max_lease_ttl: '1000h' },
    role: ttl(0, '900h'),
    ld: 32 * d,
    steps: [{ at: 760 * h, renew: {}, ld: 504_000, warns: cut('768h', '140h') }],
  },
  { ids: 'TTL-20', tune: { max_lease_ttl: '1h' }, role: ttl('2h'), ld: h, warns: cut('2h', '1h') },
  {
    ids: 'TTL-21, TTL-23',
    role: ttl(0, 0, '1h'),
    ld: h,
    steps: [
      { at: 50 * m, renew: { increment: 10 }, ld: h },
      { at: 100 * m, renew: { increment: '10h' }, ld: h },
      { at: 160 * m - 1, alive: true },
      { at: 160 * m, dead: true },
    ],
  },
  {
    ids: 'TTL-22',
    role: ttl(0, 0, '30d'),
    ld: 30 * d,
    steps: [20, 40, 60, 80, 100].map((days) => ({ at: days * d, renew: {}, ld: 30 * d })),
  },
  {
    ids: 'TTL-24',
    tune: { max_lease_ttl: '2h' },
    role: ttl(0, 0, '1h'),
    ld: h,
    steps: [
      { tune: { max_lease_ttl: '30m' } },
      ...[20, 40, 60, 80].map((minutes) => ({
        at: minutes * m,
        renew: {},
        ld: 1800,
        warns: periodCut('1h', '30m'),
      })),
      { at: 109 * m, alive: true },
    ],
  },
  {
    ids: 'TTL-25',
    role: ttl(0, '30m', '1h'),
    ld: 1800,
    warns: periodCut('1h', '30m'),
    steps: [25, 50, 75].map((at) => ({
      at: at * m,
      renew: {},
      ld: 1800,
      warns: periodCut('1h', '30m'),
    })),
  },
  { ids: 'TTL-26', role: ttl('10m', 0, '1h'), ld: h },
  {
    ids: 'TTL-27',
    role: ttl(0, 0, '1h', '90m'),
    ld: h,
    steps: [
      { at: 45 * m, renew: {}, ld: 2700, warns: cut('1h', '45m') },
      { at: 90 * m - 1, alive: true },
      { at: 90 * m, dead: true },
    ],
  },
  {
    ids: 'TTL-28',
    role: ttl(0, 0, '1h', '30m'),
    ld: 1800,
    warns: periodCut('1h', '30m'),
    steps: [
      { at: 10 * m, renew: {}, ld: 1200, warns: [periodCut('1h', '30m'), cut('30m', '20m')] },
      { at: 30 * m, dead: true },
    ],
  },
  {
    ids: 'TTL-29',
    role: ttl('10m', 0, 0, '15m'),
    ld: 600,
    steps: [{ at: 8 * m, renew: {}, ld: 420, warns: cut('10m', '7m') }],
  },
  {
    ids: 'TTL-30',
    role: ttl(0, 0, 0, '1h'),
    ld: h,
    warns: cut('768h', '1h'),
    steps: [
      { at: 30 * m, renew: { increment: '5h' }, ld: 1800, warns: cut('5h', '30m') },
      { at: h, dead: true },
    ],
  },
  {
    ids: 'TTL-31',
    role: ttl('20m'),
    ld: 1200,
    steps: [{ role: { token_ttl: '5m' } }, { at: m, renew: {}, ld: 300 }],
  },
  {
    ids: 'TTL-32',
    role: ttl('20m'),
    ld: 1200,
    steps: [{ role: { token_explicit_max_ttl: '10m' } }, { at: 15 * m, renew: {}, ld: 1200 }],
  },
  {
    ids: 'TTL-33',
    role: ttl('20m', 0, 0, '15m'),
    ld: 900,
    warns: cut('20m', '15m'),
    steps: [
      { role: { token_explicit_max_ttl: 0 } },
      { at: 10 * m, renew: {}, ld: 300, warns: cut('20m', '5m') },
    ],
  },
  {
    ids: 'TTL-34',
    role: ttl(0, 0, '1h'),
    ld: h,
    steps: [
      { role: { token_period: 0 } },
      { at: 30 * m, renew: {}, ld: 2_763_000, warns: cut('768h', '767h30m') },
    ],
  },
  {
    ids: 'TTL-35',
    role: ttl('20m'),
    ld: 1200,
    steps: [
      { role: { token_period: '10m' } },
      ...[10, 15, 20, 25].map((at) => ({ at: at * m, renew: {}, ld: 600 })),
    ],
  },
  {
    ids: 'TTL-36',
    role: ttl('20m'),
    ld: 1200,
    steps: [
      { role: ttl('5m', '10m') },
      { at: 15 * m, renew: {}, error: 'past the max TTL, cannot renew' },
      { at: 20 * m - 1, alive: true },
      { at: 20 * m, dead: true },
    ],
  },
  {
    ids: 'TTL-37',
    role: ttl(0),
    ld: 32 * d,
    steps: [
      { tune: { max_lease_ttl: '1h' } },
      { at: 30 * m, renew: {}, ld: 1800, warns: cut('768h', '30m') },
    ],
  },
  {
    ids: 'TTL-38',
    role: ttl(0),
    ld: 32 * d,
    steps: [{ tune: { max_lease_ttl: '1h' } }, { at: 2 * h, alive: true }],
  },
  {
    ids: 'TTL-39, SEC-TKN-07',
    role: ttl('20m'),
    ld: 1200,
    steps: [
      { removeRole: true },
      { at: 10 * m, renew: {}, error: /role/ },
      { at: 20 * m - 1, alive: true, looks: { ttl: 1 } },
      { at: 20 * m, dead: true },
    ],
  },
  {
    ids: 'TTL-42, TTL-43',
    tune: { default_lease_ttl: '1h', max_lease_ttl: '1h' },
    role: { ...ttl('4h'), token_type: 'batch' },
    ld: h,
    warns: cut('4h', '1h'),
    renewable: false,
    steps: [
      { at: 10, looks: { ttl: 3590, creation_ttl: 3600, type: 'batch', accessor: '' } },
      { at: h - 1, alive: true },
      { at: h, dead: true },
    ],
  },
  {
    ids: 'TTL-76',
    tune: { token_type: 'batch' },
    role: ttl(0, 0, '1h'),
    ld: h,
    renewable: false,
    steps: [
      { renew: {}, error: 'batch tokens cannot be renewed' },
      { at: h, dead: true },
    ],
  },
  {
    ids: 'TTL-44',
    role: ttl('1h'),
    ld: h,
    steps: [{ at: 10, looks: { ttl: 3590, creation_ttl: 3600 } }],
  },
  {
    ids: 'TTL-45, TTL-46',
    role: ttl('1h'),
    ld: h,
    steps: [
      { at: 600, renew: {}, ld: h },
      { at: 600, looks: { creation_ttl: 3600, ttl: 3600 } },
      { at: 601, renew: { increment: 60 }, ld: 60 },
      { at: 601, looks: { ttl: 60, creation_ttl: 3600 } },
    ],
  },
  { ids: 'TTL-47', create: { ttl: '2h' }, ld: 2 * h, steps: [{ at: h, renew: {}, ld: 2 * h }] },
  {
    ids: 'TTL-48',
    create: { ttl: '2h', explicit_max_ttl: '1h' },
    ld: h,
    warns: cut('2h', '1h'),
    steps: [
      { looks: { explicit_max_ttl: 3600 } },
      { at: 30 * m, renew: {}, ld: 1800, warns: cut('1h', '30m') },
      { at: h, dead: true },
    ],
  },
  { ids: 'TTL-49', create: { ttl: '1000h' }, ld: 32 * d, warns: cut('1000h', '768h') },
  { ids: 'TTL-51', create: { ttl: 3600 }, ld: h },
  { ids: 'TTL-51', create: { ttl: '3600' }, ld: h },
  { ids: 'TTL-51', create: { ttl: '1h' }, ld: h },
  { ids: 'TTL-51', create: { lease: '1h' }, ld: h },
  { ids: 'TTL-52', create: { ttl: '0s' }, ld: 32 * d },
  { ids: 'TTL-52', create: { ttl: '' }, ld: 32 * d },
  {
    ids: 'TTL-54',
    create: { ttl: '1h' },
    ld: h,
    steps: [
      { at: 1, renew: { increment: 60 }, ld: 60 },
      { at: 2, renew: {}, ld: 60 },
      { at: 3, renew: { increment: 3600 }, ld: h },
    ],
  },
  {
    ids: 'TTL-55',
    create: { period: '30m', ttl: '5m' },
    ld: 1800,
    steps: [{ looks: { period: 1800 } }, { at: 20 * m, renew: { increment: 5 }, ld: 1800 }],
  },
  {
    ids: 'TTL-56',
    create: { period: '30m', explicit_max_ttl: '45m' },
    ld: 1800,
    steps: [
      { looks: { explicit_max_ttl: 2700 } },
      { at: 20 * m, renew: {}, ld: 1500, warns: cut('30m', '25m') },
      { at: 45 * m, dead: true },
    ],
  },
  { ids: 'TTL-57', create: { period: '1000h' }, ld: 32 * d, warns: periodCut('1000h', '768h') },
  {
    ids: 'TTL-58',
    create: { ttl: '1h', renewable: false },
    ld: h,
    renewable: false,
    steps: [{ renew: {}, error: 'lease is not renewable' }],
  },
  {
    ids: 'TTL-71',
    create: { ttl: '2h' },
    ld: 2 * h,
    steps: [
      { renew: { increment: '1h' }, ld: h },
      { renew: { increment: 3600 }, ld: h },
    ],
  },
  {
    ids: 'TTL-71',
    role: ttl('2h'),
    ld: 2 * h,
    steps: [
      { renew: { increment: '1h' }, ld: h },
      { renew: { increment: '' }, ld: 2 * h },
      { renew: {}, ld: 2 * h },
      { renew: { increment: null }, ld: 2 * h },
    ],
  },
  {
    ids: 'TTL-72',
    create: { ttl: '1h' },
    ld: h,
    steps: [
      { renew: { increment: -5 }, error: /negative/ },
      { renew: { increment: '-5s' }, error: /negative/ },
      { renew: { increment: 'soon' }, error: /increment/ },
      { at: h - 1, alive: true },
      { at: h, dead: true },
    ],
  },
  {
    ids: 'TTL-79',
    create: { ttl: '90s' },
    ld: 90,
    steps: [
      { at: 89, alive: true, looks: { ttl: 1 } },
      { at: 90, dead: true },
    ],
  },
  {
    ids: 'TTL-80',
    create: { ttl: '1200s', explicit_max_ttl: '1200s', renewable: false },
    ld: 1200,
    renewable: false,
    steps: [
      { at: 1199, alive: true },
      { at: 1200, dead: true },
    ],
  },
]

let mounts = 0

for (const row of rows) {
  const given = row.create ?? { tune: row.tune, role: row.role }
  test(`${row.ids}: ${JSON.stringify(given)} gives ${row.ld}`, async () => {
    const jwt =
      row.role === undefined
        ? undefined
        : await enableJwt(server, { path: `j${mounts++}`, config: row.tune ?? {} })
    if (jwt !== undefined) {
      const written = await jwt.role('r', { ...row.role, token_policies: 'self' })
      assert.ok(written.status < 300, written.text)
    }
    const issued = clock.nowMs()
    const { body } =
      jwt === undefined
        ? await root.must('auth/token/create', { policies: ['self'], ...row.create })
        : await jwt.mustLogin('r')
    wantGrant(body, row)
    assert.equal(body.auth.renewable, row.renewable ?? true)
    const token = server.client(body.auth.client_token)
    for (const step of row.steps ?? []) await take(step, token, issued, jwt)
  })
}

function wantGrant(body: ApiResult['body'], wanted: Pick<Step, 'ld' | 'warns'>): void {
  assert.equal(body.auth.lease_duration, wanted.ld)
  const warnings = typeof wanted.warns === 'string' ? [wanted.warns] : (wanted.warns ?? null)
  assert.deepEqual(body.warnings, warnings)
}

async function take(
  step: Step,
  token: ApiClient,
  issuedMs: number,
  jwt: JwtMount | undefined,
): Promise<void> {
  if (step.at !== undefined) clock.advance(issuedMs + step.at * 1000 - clock.nowMs())
  if (step.role !== undefined) await jwt?.mustRole('r', step.role)
  if (step.tune !== undefined) await root.must(`sys/auth/${jwt?.path}/tune`, step.tune)
  if (step.removeRole === true) await root.remove(`auth/${jwt?.path}/role/r`)
  if (step.alive === true) await wantAlive(token)
  if (step.dead === true) await wantDead(token)
  if (step.looks !== undefined) {
    const { data } = (await token.read('auth/token/lookup-self')).body
    for (const [name, value] of Object.entries(step.looks)) assert.equal(data[name], value, name)
    assert.equal(Date.parse(data.expire_time), (Math.floor(clock.nowMs() / 1000) + data.ttl) * 1000)
    assert.equal(Date.parse(data.issue_time), Math.floor(issuedMs / 1000) * 1000)
  }
  if (step.renew === undefined) return
  const result = await token.write('auth/token/renew-self', step.renew)
  if (step.error !== undefined) {
    wantError(result, 400, step.error)
    return
  }
  assert.equal(result.status, 200, result.text)
  wantGrant(result.body, step)
  const { data } = (await token.read('auth/token/lookup-self')).body
  assert.equal(data.last_renewal_time, Math.floor(clock.nowMs() / 1000))
  assert.equal(Date.parse(data.last_renewal), data.last_renewal_time * 1000)
}

test('TTL-19, TTL-18: a role whose first TTL is above its maximum, and a tune above the system’s, are refused', async () => {
  const jwt = await enableJwt(server, { path: 'refusals' })
  wantError(
    await jwt.role('r', ttl('20m', '10m')),
    400,
    "'token_ttl' cannot be greater than 'token_max_ttl'",
  )
  assert.equal((await root.read('auth/refusals/role/r')).status, 404)
  wantError(
    await root.write('sys/auth/refusals/tune', { default_lease_ttl: '1000h' }),
    400,
    /default lease TTL/,
  )
})

test('TTL-50: the token mount can be tuned too', async () => {
  await root.must('sys/auth/token/tune', { max_lease_ttl: '1h' })
  const { body } = await root.must('auth/token/create', { policies: ['self'], ttl: '2h' })
  wantGrant(body, { ld: h, warns: cut('2h', '1h') })
  await root.must('sys/auth/token/tune', { max_lease_ttl: 'system' })
})

test('TTL-59, TTL-60, TTL-61, TTL-62: root tokens that expire', async () => {
  const { client, auth } = await create(root, { ttl: '1h' })
  assert.deepEqual(auth.policies, ['root'])
  assert.equal(auth.lease_duration, h)
  assert.equal(auth.renewable, true)
  const issued = clock.nowMs()
  assert.equal(
    (await create(root, { policies: ['root'], explicit_max_ttl: '1h' })).auth.lease_duration,
    h,
  )
  wantError(
    await client.write('auth/token/create', {}),
    400,
    'expiring root tokens cannot create non-expiring root tokens',
  )
  const child = await create(client, { ttl: '2h' })
  assert.equal(child.auth.lease_duration, 2 * h)
  clock.advance(issued + h * 1000 - 1000 - clock.nowMs())
  await wantAlive(child.client)
  clock.advance(1000)
  await wantDead(client)
  await wantDead(child.client)
})

test('TTL-73, TOK-53: a child is dead when its parent’s time is over, whatever its own says', async () => {
  const parent = (await create(root, { policies: ['self'], ttl: '1h' })).client
  const child = await create(parent, { ttl: '2h' })
  const grandchild = (await create(child.client, { ttl: '2h' })).client
  assert.equal(child.auth.lease_duration, 2 * h)
  clock.advance(h * 1000 - 1000)
  await wantAlive(grandchild)
  clock.advance(1000)
  for (const one of [parent, child.client, grandchild]) await wantDead(one)
})

test('ENV-13: an expired token is refused as an unknown one', async () => {
  const { client } = await create(root, { policies: ['self'], ttl: '1s' })
  await wantAlive(client)
  clock.advance(1000)
  await wantDead(client)
})

test('SEC-TKN-06: nothing renews a token in or after its last second beyond its end', async () => {
  const { client } = await create(root, { policies: ['self'], ttl: '1m', explicit_max_ttl: '1m' })
  clock.advance(59_000)
  const last = await client.write('auth/token/renew-self', { increment: '1h' })
  assert.equal(last.body.auth.lease_duration, 1)
  clock.advance(1000)
  await wantDead(client)
  wantError(await root.write('auth/token/renew', { token: client.token }), 400, 'token not found')
  await wantDead(client)
})

test('SEC-CLK-03: a maximum of centuries is exact and does not overflow', async () => {
  const jwt = await enableJwt(server, {
    path: 'centuries',
    config: { max_lease_ttl: '9223372036s' },
  })
  await jwt.mustRole('r', ttl('9223372036s'))
  const { body } = await jwt.mustLogin('r')
  assert.equal(body.auth.lease_duration, 9_223_372_036)
  const token = server.client(body.auth.client_token)
  const { data } = (await token.read('auth/token/lookup-self')).body
  const expires = (Math.floor(clock.nowMs() / 1000) + 9_223_372_036) * 1000
  assert.equal(Date.parse(data.expire_time), expires)
  const { client } = await create(root, { policies: ['self'], ttl: '30d' })
  // 2106 is where unsigned seconds of 32 bits end.
  clock.advance(Date.UTC(2107, 0) - clock.nowMs())
  await wantDead(client)
  await wantAlive(token)
  await server.server.core.sweep.run()
  await wantAlive(token)
})

test('SEC-CLK-01: what expired or was revoked stays dead when the wall clock goes back', async () => {
  const start = clock.nowMs()
  const short = (await create(root, { policies: ['self'], ttl: '10m' })).client
  const long = (await create(root, { policies: ['self'], ttl: '5h' })).client
  const revoked = (await create(root, { policies: ['self'] })).client
  await root.must('auth/token/revoke', { token: revoked.token })
  clock.setWallClock(start + h * 1000)
  await wantDead(short)
  clock.setWallClock(start)
  await wantDead(short)
  await wantDead(revoked)
  await wantAlive(long)
  clock.setWallClock(start - h * 1000)
  await wantDead(short)
  await wantAlive(long)
  const made = (await create(root, { policies: ['self'], ttl: '10m' })).client
  await wantAlive(made)
  clock.setWallClock(start)
})

test('SEC-CLK-01: a strobing wall clock never lets a token come back once it was dead', async () => {
  // Past everything that the test before has shown to the server.
  clock.setWallClock(clock.nowMs() + 2 * h * 1000)
  const { client } = await create(root, { policies: ['self'], ttl: '2s' })
  const base = clock.nowMs()
  let wasDead = false
  for (let step = 0; step < 40; step++) {
    // 1.6 s to 2.4 s after the issue, forth and back by 100 ms.
    clock.setWallClock(base + 1600 + step * 20 + (step % 2 === 0 ? 100 : -100))
    const isDead = (await client.read('auth/token/lookup-self')).status === 403
    assert.ok(isDead || !wasDead, `step ${step}`)
    wasDead = isDead
  }
  assert.ok(wasDead)
  clock.setWallClock(base)
})
