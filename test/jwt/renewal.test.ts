/** Renewal: the role as it is now is asked about the facts of the login (design.md §5 and §8, jwt-oidc.md §3.9). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
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
  writeFrom,
  type Claims,
} from './fixture.ts'
import { setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

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

test('a key that was taken out of the configuration ends renewals of what it signed; one beside it does not', async () => {
  const mount = await makeMount(server.root, { jwt_validation_pubkeys: [keyK.pem] })
  const path = `auth/${mount}`
  await server.root.must(`${path}/role/r`, { ...plainRole, token_period: '10m' })
  const made = await login(server, mount, 'r', keyK.sign(plainClaims))
  assertStatus(made, 200)
  const renew = () => server.client(made.body.auth.client_token).write('auth/token/renew-self')
  const other = makeJwtMaker('other').pem
  await server.root.must(`${path}/config`, { jwt_validation_pubkeys: [other, keyK.pem] })
  assertStatus(await renew(), 200)
  await server.root.must(`${path}/config`, { jwt_validation_pubkeys: [other] })
  assertRefused(await renew(), /may no longer be renewed/)
  await server.root.must(`${path}/config`, { jwt_validation_pubkeys: [keyK.pem] })
  assertStatus(await renew(), 200)
})

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
  ['another kind of role', {}, { role_type: 'oidc', allowed_redirect_uris: ['https://x'] }, {}],
  ['a network without the one who renews', {}, { token_bound_cidrs: ['192.0.2.0/24'] }, {}],
  [
    'a pointer',
    { bound_claims: { '/o/p': 'x' } },
    { bound_claims: { '/o/p': 'y' } },
    { o: { p: 'x' } },
  ],
]

for (const [what, role, change, claims] of changes) {
  test(`${what} ends renewals (design.md §8)`, async () => {
    const { renewed, mine } = await renewAfter(mounts.strict, role, change, claims)
    assertRefused(renewed, /may no longer be renewed/)
    assertStatus(await mine.read('auth/token/lookup-self'), 200)
  })

  test(`with compat=vault ${what} is not looked at (LOG-035, design.md §8)`, async () => {
    assertStatus((await renewAfter(mounts.vault, role, change, claims)).renewed, 200)
  })
}

test('a role that changed and still says yes renews (design.md §8)', async () => {
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

test('a role that was deleted and made anew is another role (design.md §8)', async () => {
  const made = await renewAfter(mounts.strict, { bound_claims: { env: 'prod' } }, undefined, {
    env: 'prod',
  })
  await server.root.must(made.path, { ...plainRole, bound_claims: { env: 'dev' } })
  assertRefused(await made.mine.write('auth/token/renew-self'), /may no longer be renewed/)
  await server.root.must(made.path, { ...plainRole, bound_claims: { env: 'prod' } })
  assertStatus(await made.mine.write('auth/token/renew-self'), 200)
})

test('an audience that the mount demands from now on ends renewals of those without it (design.md §8)', async () => {
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
  // Another lifetime is no other judgement; what decides logins has to be asked again.
  const path = `auth/${mounts.strict}/role/${name}`
  await server.root.must(path, { role_type: 'jwt', token_ttl: '20m' })
  assertStatus(await mine.write('auth/token/renew-self'), 200)
  await server.root.must(path, { role_type: 'jwt', bound_subject: 'u' })
  assertRefused(await mine.write('auth/token/renew-self'), /may no longer be renewed/)
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

describe('trust that was withdrawn', () => {
  const partner = 'https://partner'
  const partnerKeys = { issuer: partner, jwt_validation_pubkeys: [keyK.pem] }

  /** A token of the named issuer and one of the classic configuration, each to be renewed. */
  async function makeTrust(config: object, role: object = {}) {
    const mount = await makeMount(server.root, config)
    await server.root.must(`auth/${mount}/issuers/partner`, partnerKeys)
    await server.root.must(`auth/${mount}/role/r`, { ...plainRole, ...role })
    const enter = async (claims: Claims) => {
      const made = await login(server, mount, 'r', keyK.sign({ ...plainClaims, ...claims }))
      assertStatus(made, 200)
      const mine = server.client(made.body.auth.client_token)
      return { renew: () => mine.write('auth/token/renew-self'), mine }
    }
    return { mount, main: await enter({}), partner: await enter({ iss: partner }) }
  }

  for (const [kind, role] of [
    ['a token with an end', {}],
    ['a periodic token', { token_period: '10m' }],
  ] as const) {
    test(`an issuer that is deleted ends renewals of its tokens alone: ${kind}`, async () => {
      const made = await makeTrust(configS, role)
      assertStatus(await made.partner.renew(), 200)
      await server.root.remove(`auth/${made.mount}/issuers/partner`)
      assertRefused(await made.partner.renew(), /may no longer be renewed: .*issuer/)
      assertStatus(await made.partner.mine.read('auth/token/lookup-self'), 200)
      assertStatus(await made.main.renew(), 200)
    })

    test(`another bound_issuer ends renewals of the tokens before: ${kind}`, async () => {
      const made = await makeTrust(configS, role)
      await server.root.must(`auth/${made.mount}/config`, {
        ...configS,
        bound_issuer: 'https://new/',
      })
      assertRefused(await made.main.renew(), /may no longer be renewed: .*issuer/)
      assertStatus(await made.partner.renew(), 200)
    })
  }

  test('a configuration that takes any issuer does not inherit the tokens of a deleted one', async () => {
    const anybody = { jwt_validation_pubkeys: [keyK.pem] }
    const made = await makeTrust(anybody)
    await server.root.remove(`auth/${made.mount}/issuers/partner`)
    assertRefused(await made.partner.renew(), /may no longer be renewed: .*issuer/)
    assertStatus(await made.main.renew(), 200)
    await server.root.must(`auth/${made.mount}/config`, { ...anybody, bound_issuer: partner })
    assertStatus(await made.partner.renew(), 200, 'the configuration took its place by name')
    assertRefused(await made.main.renew(), /issuer/)
  })

  test('an issuer that comes back under another name goes on', async () => {
    const made = await makeTrust(configS)
    await server.root.remove(`auth/${made.mount}/issuers/partner`)
    await server.root.must(`auth/${made.mount}/issuers/again`, partnerKeys)
    assertStatus(await made.partner.renew(), 200)
  })

  test('with compat=vault none of it is looked at', async () => {
    const made = await makeTrust(configS)
    await server.root.must(`sys/auth/${made.mount}/tune`, { compat: 'vault' })
    await server.root.remove(`auth/${made.mount}/issuers/partner`)
    await server.root.must(`auth/${made.mount}/config`, { ...configS, bound_issuer: 'https://n/' })
    assertStatus(await made.partner.renew(), 200)
    assertStatus(await made.main.renew(), 200)
  })

  test('renewal by another token is judged by the address it comes from', async () => {
    const mount = await makeMount(server.root, configS)
    await server.root.must(`auth/${mount}/role/r`, plainRole)
    const made = await login(server, mount, 'r', keyK.sign(plainClaims))
    const body = { accessor: made.body.auth.accessor }
    await server.root.must(`auth/${mount}/role/r`, {
      ...plainRole,
      token_bound_cidrs: ['127.0.0.9/32'],
    })
    const renewFrom = (address: string) =>
      writeFrom(server, address, 'auth/token/renew-accessor', body, server.rootToken)
    assertRefused(await renewFrom('127.0.0.1'), /may no longer be renewed: permission denied/)
    assertStatus(await renewFrom('127.0.0.9'), 200)
  })
})

describe('sign-ins', () => {
  let setup: SignInSetup
  before(async () => {
    setup = await setUpSignIn()
  })
  after(() => setup.stop())

  async function signIn(role: object = {}) {
    const name = await setup.role({
      claim_mappings: {},
      groups_claim: '',
      bound_claims: {},
      ...role,
    })
    const { code, state } = await setup.begin(name)
    const made = await setup.callback({ state, code })
    assertStatus(made, 200)
    const mine = setup.server.client(made.body.auth.client_token)
    return { renew: () => mine.write('auth/token/renew-self'), name }
  }

  for (const [what, change] of [
    ['another provider', { other: true }],
    ['no provider', { oidc_discovery_url: '', jwt_validation_pubkeys: [keyK.pem] }],
    ['another client of the same provider', { oidc_client_id: 'other-client' }],
  ] as const) {
    test(`a mount that was pointed at ${what} ends renewals of sign-ins`, async () => {
      await setup.configure()
      const made = await signIn({ token_period: '10m' })
      assertStatus(await made.renew(), 200)
      const second = await new ScriptedProvider().start()
      const to = 'other' in change ? { oidc_discovery_url: second.issuer } : change
      const none = { oidc_client_id: '', oidc_client_secret: '' }
      await setup.configure('jwt_validation_pubkeys' in to ? { ...to, ...none } : to)
      await second.stop()
      assertRefused(await made.renew(), /may no longer be renewed/)
      await setup.configure()
      assertStatus(await made.renew(), 200)
    })
  }

  test('a mount without bound_issuer goes by its discovery URL, for JWT logins too', async () => {
    const { idp, root } = setup
    const jwts = { oidc_discovery_url: idp.issuer, jwt_supported_algs: ['ES256'] }
    const mount = await makeMount(root, jwts)
    const role = { ...plainRole, bound_audiences: [idp.clientId] }
    await root.must(`auth/${mount}/role/r`, role)
    const made = await login(setup.server, mount, 'r', idp.mint('n'))
    assertStatus(made, 200)
    const mine = setup.server.client(made.body.auth.client_token)
    assertStatus(await mine.write('auth/token/renew-self'), 200)
    const second = await new ScriptedProvider().start()
    await root.must(`auth/${mount}/config`, { ...jwts, oidc_discovery_url: second.issuer })
    await second.stop()
    assertRefused(await mine.write('auth/token/renew-self'), /invalid issuer/)
  })

  test('a sign-in whose subject the role no longer takes is not renewed', async () => {
    await setup.configure()
    const made = await signIn()
    await setup.root.must(`auth/oidc/role/${made.name}`, { bound_subject: 'somebody else' })
    assertRefused(await made.renew(), /bound subject/)
  })
})
