/** What hvac's methods send to the methods of signing in, in the order of its documents (platform.md §10.1). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { assertRaised, assertResponse, Hvac, json } from './hvac.ts'

const keys = makeJwtMaker()
const opened: Hvac[] = []

let server: TestServer
let root: Hvac

before(async () => {
  server = await startTestServer()
  root = client(server.rootToken)
})

after(async () => {
  for (const one of opened) one.close()
  await server.stop()
})

function client(token = ''): Hvac {
  const made = new Hvac(server.url, token)
  opened.push(made)
  return made
}

describe('auth.jwt and auth.oidc', () => {
  before(async () => {
    for (const type of ['jwt', 'oidc']) {
      assertResponse(await root.post(`sys/auth/${type}`, { type, local: false }))
    }
    const methods = json(await root.get('sys/auth'))
    assert.equal(methods.data['jwt/'].type, 'jwt')
    assert.equal(methods['oidc/'].type, 'oidc')
  })

  test('configure, create_role, read_role, list_roles, jwt_login, delete_role (CLT-04)', async () => {
    const config = { jwt_validation_pubkeys: [keys.pem], bound_issuer: 'https://iss/' }
    assertResponse(await root.post('auth/jwt/config', config))
    const read = json(await root.get('auth/jwt/config')).data
    assert.equal(read.bound_issuer, 'https://iss/')
    assert.equal(read.jwt_validation_pubkeys.length, 1)

    const role = {
      name: 'ci',
      role_type: 'jwt',
      bound_audiences: ['vault'],
      user_claim: 'sub',
      bound_claims: { sub: 'build' },
      bound_claims_type: 'string',
      verbose_oidc_logging: false,
      token_ttl: '1h',
      token_policies: ['reader'],
    }
    assertResponse(await root.post('auth/jwt/role/ci', role))
    const again = { ...role, allowed_redirect_uris: ['https://app.example/callback'] }
    assertResponse(await root.post('auth/jwt/role/ci', again))
    const { data } = json(await root.get('auth/jwt/role/ci'))
    const { name: _, ...wanted } = { ...again, token_ttl: 3600 }
    for (const [field, value] of Object.entries(wanted)) assert.deepEqual(data[field], value, field)
    assert.deepEqual(json(await root.list('auth/jwt/role')).data.keys, ['ci'])

    const job = client()
    const jwt = keys.sign({ iss: 'https://iss/', sub: 'build', aud: 'vault' })
    const auth = await job.login('auth/jwt/login', { role: 'ci', jwt })
    assert.deepEqual([auth.lease_duration, auth.metadata.role], [3600, 'ci'])
    assert.equal(await job.isAuthenticated(), true)
    const refused = await client().post('auth/jwt/login', { role: 'ci', jwt: 'x.y.z' })
    assertRaised(refused, 'InvalidRequest')

    assertResponse(await root.delete('auth/jwt/role/ci'))
    assertRaised(await root.get('auth/jwt/role/ci'), 'InvalidPath', [])
    assertRaised(await root.list('auth/jwt/role'), 'InvalidPath', [])
  })

  test('oidc_authorization_url_request: an auth_url that is empty for a bad redirect, and oidc_callback (CLT-05)', async () => {
    const provider = await new ScriptedProvider().start()
    assertResponse(
      await root.post('auth/oidc/config', {
        oidc_discovery_url: provider.issuer,
        oidc_client_id: provider.clientId,
        oidc_client_secret: provider.clientSecret,
        jwt_supported_algs: ['ES256'],
      }),
    )
    const redirect_uri = 'https://app.example/v1/auth/oidc/oidc/callback'
    assertResponse(
      await root.post('auth/oidc/role/web', {
        name: 'web',
        role_type: 'oidc',
        user_claim: 'sub',
        allowed_redirect_uris: [redirect_uri],
        bound_claims_type: 'string',
        verbose_oidc_logging: false,
      }),
    )
    const asked = { role: 'web', redirect_uri: 'https://elsewhere.example/callback' }
    assert.equal(json(await root.post('auth/oidc/oidc/auth_url', asked)).data.auth_url, '')
    const good = { role: 'web', redirect_uri }
    const { auth_url } = json(await root.post('auth/oidc/oidc/auth_url', good)).data
    assert.ok(auth_url.includes(`?client_id=${provider.clientId}`), auth_url)

    const { code, state } = provider.authorize(auth_url)
    const back = { state, nonce: new URL(auth_url).searchParams.get('nonce') ?? '', code }
    const query = new URLSearchParams(back).toString()
    const answer = json(await client().get(`auth/oidc/oidc/callback?${query}`, { body: back }))
    assert.equal(await client(answer.auth.client_token).isAuthenticated(), true)
    await provider.stop()
  })
})

describe('auth.token', () => {
  /** What its create sends beside the arguments. */
  const createDefaults = {
    policies: ['reader'],
    no_parent: false,
    no_default_policy: false,
    renewable: true,
    display_name: 'token',
    num_uses: 0,
  }

  async function create(more: object = {}): Promise<{ client_token: string; accessor: string }> {
    const body = { ...createDefaults, ...more }
    return json(await root.post('auth/token/create', body)).auth
  }

  test('create, lookup and renew, by token, as self and by accessor (CLT-09)', async () => {
    const made = await create({ ttl: '1h', meta: { team: 'a' }, display_name: 'me' })
    const { client_token: token, accessor } = made
    const looked = json(await root.post('auth/token/lookup', { token })).data
    assert.deepEqual(
      [looked.id, looked.display_name, looked.meta],
      [token, 'token-me', { team: 'a' }],
    )
    const byAccessor = json(await root.post('auth/token/lookup-accessor', { accessor })).data
    assert.deepEqual([byAccessor.id, byAccessor.accessor], ['', accessor])
    const self = client(token)
    assert.equal(json(await self.get('auth/token/lookup-self')).data.accessor, accessor)
    const renewed = json(await root.post('auth/token/renew', { token, increment: '30m' })).auth
    assert.deepEqual([renewed.client_token, renewed.lease_duration], [token, 1800])
    const wished = { accessor, increment: 60 }
    const unnamed = json(await root.post('auth/token/renew-accessor', wished)).auth
    assert.deepEqual([unnamed.client_token, unnamed.lease_duration], ['', 60])
    const own = json(await self.post('auth/token/renew-self', { increment: '10m' })).auth
    assert.equal(own.lease_duration, 600)
    assert.ok(json(await root.list('auth/token/accessors')).data.keys.includes(accessor))
    assertResponse(await root.post('auth/token/revoke-accessor', { accessor }))
    assert.equal(await self.isAuthenticated(), false)
  })

  test('create_orphan, and every way to revoke (CLT-09)', async () => {
    const { no_parent: _, ...orphanBody } = createDefaults
    const orphan = json(await root.post('auth/token/create-orphan', orphanBody)).auth
    assert.equal(orphan.orphan, true)
    const [one, two, three] = [await create(), await create(), await create()]
    assertResponse(await root.post('auth/token/revoke', { token: one.client_token }))
    assertResponse(await client(two.client_token).post('auth/token/revoke-self'))
    assertResponse(await root.post('auth/token/revoke-orphan', { token: three.client_token }))
    for (const { client_token } of [one, two, three]) {
      assert.equal(await client(client_token).isAuthenticated(), false)
    }
  })

  test('create_or_update_role, read_role, list_roles, a token of the role, delete_role, tidy (CLT-09)', async () => {
    const role = { allowed_policies: ['reader'], orphan: true, renewable: true }
    assertResponse(await root.post('auth/token/roles/ours', role))
    const { data } = json(await root.get('auth/token/roles/ours'))
    assert.deepEqual([data.name, data.allowed_policies, data.orphan], ['ours', ['reader'], true])
    assert.deepEqual(json(await root.list('auth/token/roles')).data.keys, ['ours'])
    const made = json(await root.post('auth/token/create/ours', createDefaults)).auth
    assert.equal(made.orphan, true)
    assertResponse(await root.delete('auth/token/roles/ours'))
    assertRaised(await root.list('auth/token/roles'), 'InvalidPath', [])
    assertResponse(await root.post('auth/token/tidy'), 202)
  })
})

describe('auth.userpass and auth.approle', () => {
  before(async () => {
    for (const type of ['userpass', 'approle']) {
      assertResponse(await root.post(`sys/auth/${type}`, { type, local: false }))
    }
  })

  test('userpass: users, passwords, login (CLT-11)', async () => {
    const user = { password: 'first', policies: 'reader' }
    assertResponse(await root.post('auth/userpass/users/bob', user))
    const { data } = json(await root.get('auth/userpass/users/bob'))
    assert.deepEqual(data.token_policies, ['reader'])
    assert.deepEqual(json(await root.list('auth/userpass/users')).data.keys, ['bob'])
    const changed = { password: 'second' }
    assertResponse(await root.post('auth/userpass/users/bob/password', changed))
    const bob = client()
    const auth = await bob.login('auth/userpass/login/bob', changed)
    assert.deepEqual(auth.metadata, { username: 'bob' })
    assert.equal(await bob.isAuthenticated(), true)
    const wrong = await client().post('auth/userpass/login/bob', { password: 'first' })
    assertRaised(wrong, 'InvalidRequest')
    assertResponse(await root.delete('auth/userpass/users/bob'))
    assertRaised(await root.list('auth/userpass/users'), 'InvalidPath', [])
  })

  test('approle: role, role id, secret ids by themselves and by accessor, login (CLT-11)', async () => {
    const at = 'auth/approle/role/app'
    assertResponse(
      await root.post(at, {
        token_policies: 'reader',
        bind_secret_id: true,
        secret_id_num_uses: 3,
        token_ttl: '10m',
      }),
    )
    const { data } = json(await root.get(at))
    assert.deepEqual([data.token_policies, data.token_ttl], [['reader'], 600])
    assert.deepEqual(json(await root.list('auth/approle/role')).data.keys, ['app'])
    assert.match(json(await root.get(`${at}/role-id`)).data.role_id, /^[\da-f-]{36}$/)
    assertResponse(await root.post(`${at}/role-id`, { role_id: 'own-role-id' }))

    const wanted = { metadata: '{"job": "build"}', cidr_list: '127.0.0.0/8' }
    const made = json(await root.post(`${at}/secret-id`, wanted)).data
    const custom = { secret_id: 'own-secret-id', metadata: '{"job": "other"}' }
    const own = json(await root.post(`${at}/custom-secret-id`, custom)).data
    const { secret_id } = made
    const looked = json(await root.post(`${at}/secret-id/lookup`, { secret_id })).data
    assert.deepEqual([looked.metadata, looked.secret_id_num_uses], [{ job: 'build' }, 3])
    const accessors = json(await root.list(`${at}/secret-id`)).data.keys
    assert.deepEqual(new Set(accessors), new Set([made.secret_id_accessor, own.secret_id_accessor]))
    const { secret_id_accessor } = made
    const byAccessor = `${at}/secret-id-accessor/lookup`
    const same = json(await root.post(byAccessor, { secret_id_accessor })).data
    assert.deepEqual(same.cidr_list, ['127.0.0.0/8'])

    const app = client()
    const auth = await app.login('auth/approle/login', { role_id: 'own-role-id', secret_id })
    assert.deepEqual(auth.metadata, { job: 'build', role_name: 'app' })
    assert.equal(await app.isAuthenticated(), true)

    assertResponse(await root.post(`${at}/secret-id/destroy`, { secret_id }))
    assertResponse(await root.post(`${at}/secret-id/lookup`, { secret_id }))
    const accessor = { secret_id_accessor: own.secret_id_accessor }
    assertResponse(await root.post(`${at}/secret-id-accessor/destroy`, accessor))
    const spent = { role_id: 'own-role-id', secret_id: 'own-secret-id' }
    assertRaised(await client().post('auth/approle/login', spent), 'InvalidRequest')
    const wrapped = json(await root.post(`${at}/secret-id`, {}, '5m')).wrap_info
    assert.equal(wrapped.creation_path, `${at}/secret-id`)
    const inner = json(await root.post('sys/wrapping/unwrap', { token: wrapped.token }))
    assert.match(inner.data.secret_id, /^[\da-f-]{36}$/)
    assertResponse(await root.delete(at))
  })
})
