/** Renewal: the role as it is now is asked about the facts of the login (DESIGN.md §5 and §8, JWT contract §3.9). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  assertRefused,
  assertStatus,
  configS,
  keyK,
  login,
  makeMount,
  plainClaims,
  plainRole,
  type Claims,
} from './fixture.ts'

let server: TestServer
const mounts = { strict: '', vault: '' }
let count = 0

before(async () => {
  server = await startTestServer()
  mounts.strict = await makeMount(server.root, configS)
  mounts.vault = await makeMount(server.root, configS)
  await server.root.must(`sys/auth/${mounts.vault}/tune`, { compat: 'vault' })
})
after(() => server.stop())

/** Logs in through a new role, changes the role, and renews. */
async function renewAfter(
  mount: string,
  role: object,
  change: object | undefined,
  claims: Claims = {},
) {
  const name = `r${++count}`
  const path = `auth/${mount}/role/${name}`
  await server.root.must(path, { ...plainRole, token_ttl: '10m', ...role })
  const made = await login(server, mount, name, keyK.sign({ ...plainClaims, ...claims }))
  assertStatus(made, 200)
  if (change === undefined) await server.root.remove(path)
  else await server.root.must(path, { role_type: 'jwt', ...change })
  const mine = server.client(made.body.auth.client_token)
  return { renewed: await mine.write('auth/token/renew-self'), mine, path, name }
}

for (const mode of ['strict', 'vault'] as const) {
  test(`LOG-033: a deleted role ends renewals (${mode})`, async () => {
    const { renewed, mine } = await renewAfter(mounts[mode], {}, undefined)
    assertRefused(renewed, /could not be found/)
    assertStatus(await mine.read('auth/token/lookup-self'), 200, 'the token lives to its end')
  })

  test(`LOG-034: a changed lifetime counts from the next renewal (${mode})`, async () => {
    const { renewed } = await renewAfter(mounts[mode], {}, { token_ttl: '5m' })
    assertStatus(renewed, 200)
    assert.equal(renewed.body.auth.lease_duration, 300)
  })

  test(`a role that became periodic (${mode})`, async () => {
    const { renewed } = await renewAfter(mounts[mode], {}, { token_period: '7m' })
    assert.equal(renewed.body.auth.lease_duration, 420)
  })
}

const changes: readonly (readonly [string, object, object, Claims])[] = [
  [
    'bound_claims that no longer match',
    { bound_claims: { env: 'prod' } },
    { bound_claims: { env: 'dev' } },
    { env: 'prod' },
  ],
  ['a bound claim that the login did not have', {}, { bound_claims: { team: 'x' } }, {}],
  ['another subject', {}, { bound_subject: 'else' }, {}],
  ['another audience', {}, { bound_audiences: ['else'] }, {}],
  ['no audience any more', {}, { bound_audiences: [], bound_subject: 'u' }, {}],
  [
    'a pointer',
    { bound_claims: { '/o/p': 'x' } },
    { bound_claims: { '/o/p': 'y' } },
    { o: { p: 'x' } },
  ],
]

for (const [what, role, change, claims] of changes) {
  test(`§8: ${what} ends renewals`, async () => {
    const { renewed, mine } = await renewAfter(mounts.strict, role, change, claims)
    assertRefused(renewed, /may no longer be renewed/)
    assertStatus(await mine.read('auth/token/lookup-self'), 200)
  })

  test(`LOG-035, §8: with compat=vault ${what} is not looked at`, async () => {
    assertStatus((await renewAfter(mounts.vault, role, change, claims)).renewed, 200)
  })
}

test('§8: a role that changed and still says yes renews', async () => {
  const bound = { bound_claims: { env: ['prod'], __proto: 'x', '/a/b': 1 } }
  const { renewed } = await renewAfter(
    mounts.strict,
    bound,
    {
      bound_claims: { env: ['prod', 'dev'], '/a/b': [1, 2] },
      bound_audiences: ['a', 'b'],
      bound_subject: 'u',
    },
    { env: 'prod', __proto: 'x', a: { b: 1 } },
  )
  assertStatus(renewed, 200)
})

test('§8: a role that was deleted and made anew is another role', async () => {
  const made = await renewAfter(mounts.strict, { bound_claims: { env: 'prod' } }, undefined, {
    env: 'prod',
  })
  await server.root.must(made.path, { ...plainRole, bound_claims: { env: 'dev' } })
  assertRefused(await made.mine.write('auth/token/renew-self'), /may no longer be renewed/)
  await server.root.must(made.path, { ...plainRole, bound_claims: { env: 'prod' } })
  assertStatus(await made.mine.write('auth/token/renew-self'), 200)
})

test('§8: an audience that the mount demands from now on ends renewals of those without it', async () => {
  const mount = await makeMount(server.root, configS)
  const { mine } = await renewAfter(mount, {}, {})
  await server.root.must(`auth/${mount}/config`, { ...configS, token_audiences: 'new' })
  assertRefused(await mine.write('auth/token/renew-self'), /may no longer be renewed/)
  await server.root.must(`auth/${mount}/config`, { ...configS, token_audiences: 'a,new' })
  assertStatus(await mine.write('auth/token/renew-self'), 200)
})

test('a claim that was too large to keep is no obstacle while the role stays as it is', async () => {
  const large = 'x'.repeat(5000)
  const same = { bound_claims: { big: large } }
  const name = `r${++count}`
  await server.root.must(`auth/${mounts.strict}/role/${name}`, { ...plainRole, ...same })
  const made = await login(server, mounts.strict, name, keyK.sign({ ...plainClaims, big: large }))
  const mine = server.client(made.body.auth.client_token)
  assertStatus(await mine.write('auth/token/renew-self'), 200)
})

test('SEC-MAT-12: a fact called __proto__ is kept and judged', async () => {
  const claims = Object.defineProperty({ ...plainClaims }, '__proto__', {
    value: 'x',
    enumerable: true,
  })
  const path = `auth/${mounts.strict}/role/proto`
  await server.root.must(path, { ...plainRole, bound_claims: '{"__proto__":"x"}' })
  const made = await login(server, mounts.strict, 'proto', keyK.sign(claims))
  assertStatus(made, 200)
  const mine = server.client(made.body.auth.client_token)
  await server.root.must(path, { role_type: 'jwt', token_ttl: 60 })
  assertStatus(await mine.write('auth/token/renew-self'), 200)
  await server.root.must(path, { role_type: 'jwt', bound_claims: '{"__proto__":"y"}' })
  assertStatus(await mine.write('auth/token/renew-self'), 400)
})
