/** The approle method on a real server: roles, secret ids, logins. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { approleBackend } from '../../src/auth/approle/index.ts'
import { firstError, type ApiResult } from '../harness/api-client.ts'
import { PluginHarness } from '../harness/plugin-harness.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'

const clock = manualClock()
let server: TestServer
let roles = 0

before(async () => {
  server = await startTestServer({ clock })
  await server.root.must('sys/auth/approle', { type: 'approle' })
})
after(() => server.stop())

const at = 'auth/approle'

interface Made {
  readonly name: string
  readonly role_id: string
  readonly secret_id: string
  readonly secret_id_accessor: string
}

async function makeSecret(name: string, terms: object = {}): Promise<Made> {
  const { data } = (await server.root.must(`${at}/role/${name}/secret-id`, terms)).body
  const { role_id } = (await server.root.read(`${at}/role/${name}/role-id`)).body.data
  return { name, role_id, ...data }
}

/** A new role with a secret id. */
async function makeRole(role: object = {}, terms: object = {}): Promise<Made> {
  const name = `role${++roles}`
  await server.root.must(`${at}/role/${name}`, role)
  return makeSecret(name, terms)
}

function login(credentials: object): Promise<ApiResult> {
  return server.client().write(`${at}/login`, credentials)
}

async function statuses(count: number, credentials: object): Promise<readonly number[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => login(credentials)))
  return answers.map(({ status }) => status)
}

test('a role id and a secret id become a token (AUT-10)', async () => {
  const made = await makeRole({ token_policies: 'app', token_ttl: '20m' })
  const { status, body, text } = await login(made)
  assert.equal(status, 200, text)
  assert.equal(body.auth.metadata.role_name, made.name)
  assert.equal(body.auth.lease_duration, 1200)
  const self = await server.client(body.auth.client_token).read('auth/token/lookup-self')
  assert.equal(self.body.data.display_name, 'approle')
  // The same entity however often, and another one for another role id.
  const again = (await login(made)).body.auth
  assert.equal(again.entity_id, body.auth.entity_id)
  const other = (await login(await makeRole())).body.auth
  assert.notEqual(other.entity_id, body.auth.entity_id)
})

test('a secret id of two uses is good for two logins (AUT-11)', async () => {
  const made = await makeRole({ secret_id_num_uses: 2 })
  assert.equal((await login(made)).status, 200)
  assert.equal((await login(made)).status, 200)
  const third = await login(made)
  assert.equal(third.status, 400)
  assert.equal(firstError(third), 'invalid role or secret ID')
})

test('of 32 logins at once with the last use one gets a token', async () => {
  await server.root.must('sys/auth/approle/tune', {
    user_lockout_config: { lockout_disable: true },
  })
  const once = await statuses(32, await makeRole({ secret_id_num_uses: 1 }))
  assert.equal(once.filter((status) => status === 200).length, 1)
  assert.equal(once.filter((status) => status === 400).length, 31)
  const five = await statuses(32, await makeRole({ secret_id_num_uses: 5 }))
  assert.equal(five.filter((status) => status === 200).length, 5)
  await server.root.must('sys/auth/approle/tune', { user_lockout_config: '' })
})

test('a secret id ends with its TTL (AUT-12)', async () => {
  const made = await makeRole({ secret_id_ttl: '1m' })
  clock.advance(59_000)
  assert.equal((await login(made)).status, 200)
  clock.advance(2000)
  const refused = await login(made)
  assert.deepEqual([refused.status, firstError(refused)], [400, 'invalid role or secret ID'])
  assert.equal(refused.headers['x-login-reason'], 'credentials_refused')
})

test('what is missing is named, and no stranger learns which role ids there are (AUT-13)', async () => {
  const { role_id } = await makeRole()
  const nothing = await login({})
  assert.deepEqual([nothing.status, firstError(nothing)], [400, 'missing role_id'])
  for (const id of [role_id, 'no-such-role']) {
    const half = await login({ role_id: id })
    assert.deepEqual([half.status, firstError(half)], [400, 'missing secret_id'])
    const wrong = await login({ role_id: id, secret_id: 'x' })
    assert.deepEqual([wrong.status, firstError(wrong)], [400, 'invalid role or secret ID'])
  }
  assert.equal((await login({ role_id, secret_id: 'x'.repeat(4097) })).status, 400)
})

test('a role needs something that a login has to show (AUT-14)', async () => {
  const { root } = server
  const open = await root.write(`${at}/role/open`, { bind_secret_id: false })
  assert.equal(open.status, 400)
  assert.match(firstError(open), /at least one constraint/)
  const bound = { bind_secret_id: false, token_bound_cidrs: '127.0.0.1/32' }
  await root.must(`${at}/role/by-address`, bound)
  const { role_id } = (await root.read(`${at}/role/by-address/role-id`)).body.data
  assert.equal((await login({ role_id })).status, 200)
  const made = await root.write(`${at}/role/by-address/secret-id`)
  assert.equal(made.status, 400)
})

test('metadata of a secret id go into its tokens (AUT-15)', async () => {
  const made = await makeRole({}, { metadata: '{"k":"v","role_name":"forged"}' })
  const { metadata } = (await login(made)).body.auth
  assert.deepEqual(metadata, { k: 'v', role_name: made.name })
})

test('metadata is a text with an object of texts (PAR-40)', async () => {
  const { name } = await makeRole()
  for (const metadata of [{ k: 'v' }, '["a"]', '{"k":1}', '{', 'x'.repeat(9000)]) {
    const refused = await server.root.write(`${at}/role/${name}/secret-id`, { metadata })
    assert.equal(refused.status, 400, JSON.stringify(metadata))
    assert.match(firstError(refused), /metadata/)
  }
  const made = await server.root.write(`${at}/role/${name}/secret-id`, { metadata: '{"k":"v"}' })
  assert.equal(made.status, 200)
})

test('a secret id is looked up and destroyed (AUT-16)', async () => {
  const { root } = server
  const made = await makeRole({ secret_id_num_uses: 3 }, { ttl: '1h', metadata: '{"k":"v"}' })
  const lookup = () => root.write(`${at}/role/${made.name}/secret-id/lookup`, made)
  const { data } = (await lookup()).body
  assert.equal(data.secret_id_accessor, made.secret_id_accessor)
  assert.deepEqual([data.secret_id_num_uses, data.secret_id_ttl, data.metadata.k], [3, 3600, 'v'])
  assert.equal(Date.parse(data.expiration_time) - Date.parse(data.creation_time), 3_600_000)
  assert.equal((await root.write(`${at}/role/${made.name}/secret-id/destroy`, made)).status, 204)
  assert.equal((await lookup()).status, 204)
  assert.equal((await login(made)).status, 400)
})

test('an accessor leads to its secret id, and an unknown one to nothing (AUT-17)', async () => {
  const { root } = server
  const made = await makeRole()
  const by = (verb: string, secret_id_accessor: string) =>
    root.write(`${at}/role/${made.name}/secret-id-accessor/${verb}`, { secret_id_accessor })
  assert.equal((await by('lookup', made.secret_id_accessor)).status, 200)
  const unknown = await by('lookup', 'nobody')
  assert.equal(unknown.status, 404)
  assert.ok(firstError(unknown) !== '')
  // Of another role: its accessor opens nothing here.
  const other = await makeRole()
  assert.equal((await by('destroy', other.secret_id_accessor)).status, 404)
  assert.equal((await login(other)).status, 200)
  assert.equal((await by('destroy', made.secret_id_accessor)).status, 204)
  assert.equal((await login(made)).status, 400)
})

test('a login from outside the networks of the secret id is refused and spends nothing (AUT-18)', async () => {
  const made = await makeRole({ secret_id_bound_cidrs: '127.0.0.8/32', secret_id_num_uses: 1 })
  const refused = await login(made)
  assert.equal(refused.status, 400)
  assert.match(firstError(refused), /CIDR/)
  const inside = await server.client().from('127.0.0.8').write(`${at}/login`, made)
  assert.equal(inside.status, 200, inside.text)
})

test('networks of a secret id lie within those of its role, and bind its tokens', async () => {
  const { root } = server
  const bounds = { secret_id_bound_cidrs: '127.0.0.0/8', token_bound_cidrs: '127.0.0.0/24' }
  const { name } = await makeRole(bounds)
  const ask = (terms: object) => root.write(`${at}/role/${name}/secret-id`, terms)
  assert.equal((await ask({ cidr_list: '10.0.0.0/8' })).status, 400)
  assert.equal((await ask({ token_bound_cidrs: '127.0.0.0/16' })).status, 400)
  assert.equal((await ask({ cidr_list: 'no network' })).status, 400)
  const made = await makeSecret(name, { token_bound_cidrs: '127.0.0.1/32' })
  const { client_token } = (await login(made)).body.auth
  const self = 'auth/token/lookup-self'
  assert.equal((await server.client(client_token).read(self)).status, 200)
  assert.equal((await server.client(client_token).from('127.0.0.2').read(self)).status, 403)
  const outside = await server.client().from('127.0.0.2').write(`${at}/login`, made)
  assert.equal(outside.status, 403)
})

test('uses and TTL of a secret id stay within those of its role', async () => {
  const { name } = await makeRole({ secret_id_num_uses: 3, secret_id_ttl: '1h' })
  for (const terms of [{ num_uses: 4 }, { num_uses: 0 }, { num_uses: -1 }, { ttl: '2h' }]) {
    const refused = await server.root.write(`${at}/role/${name}/secret-id`, terms)
    assert.equal(refused.status, 400, JSON.stringify(terms))
  }
  const made = await server.root.must(`${at}/role/${name}/secret-id`, { num_uses: 1, ttl: '1m' })
  const { secret_id_num_uses, secret_id_ttl } = made.body.data
  assert.deepEqual([secret_id_num_uses, secret_id_ttl], [1, 60])
})

test('roles are listed in lower case, each once (AUT-20)', async () => {
  const { root } = server
  await root.must(`${at}/role/Zebra`)
  await root.must(`${at}/role/zEBRA`, { token_ttl: '1h' })
  await root.must(`${at}/role/Aardvark`)
  const { keys } = (await root.list(`${at}/role`)).body.data
  assert.ok(keys.includes('zebra') && keys.includes('aardvark'))
  assert.equal(keys.filter((key: string) => key.toLowerCase() === 'zebra').length, 1)
  const { data } = (await root.read(`${at}/role/ZEBRA`)).body
  assert.deepEqual([data.token_ttl, data.bind_secret_id], [3600, true])
  assert.equal(data.secret_id_bound_cidrs, null)
  assert.equal(data.role_id, undefined)
})

test('each field of a role has a path of its own', async () => {
  const { root } = server
  const { name } = await makeRole({ token_policies: 'a' })
  const values = {
    policies: ['token_policies', ['b'], []],
    'secret-id-num-uses': ['secret_id_num_uses', 4, 0],
    'secret-id-ttl': ['secret_id_ttl', 60, 0],
    'secret-id-bound-cidrs': ['secret_id_bound_cidrs', ['127.0.0.1/32'], null],
    'bound-cidr-list': ['bound_cidr_list', ['127.0.0.1/32'], null],
    'token-bound-cidrs': ['token_bound_cidrs', ['127.0.0.1/32'], []],
    'bind-secret-id': ['bind_secret_id', true, true],
    period: ['token_period', 90, 0],
    'token-num-uses': ['token_num_uses', 9, 0],
    'token-ttl': ['token_ttl', 30, 0],
    'token-max-ttl': ['token_max_ttl', 300, 0],
  } as const
  for (const [segment, [field, value, initial]] of Object.entries(values)) {
    const path = `${at}/role/${name}/${segment}`
    await root.must(path, { [field]: value })
    assert.deepEqual((await root.read(path)).body.data[field], value, segment)
    assert.equal((await root.remove(path)).status, 204)
    assert.deepEqual((await root.read(path)).body.data[field], initial, segment)
    assert.equal((await root.write(`${at}/role/nobody/${segment}`, { [field]: value })).status, 404)
  }
  const local = `${at}/role/${name}/local-secret-ids`
  assert.equal((await root.read(local)).body.data.local_secret_ids, false)
  assert.equal((await root.write(`${at}/role/${name}`, { local_secret_ids: true })).status, 400)
})

test('a role id of your own is taken once', async () => {
  const { root } = server
  const one = await makeRole({ role_id: 'own-id' })
  assert.equal(one.role_id, 'own-id')
  assert.equal((await root.write(`${at}/role/second`, { role_id: 'own-id' })).status, 400)
  await root.must(`${at}/role/${one.name}/role-id`, { role_id: 'new-id' })
  assert.equal((await login(one)).status, 400)
  assert.equal((await login({ ...one, role_id: 'new-id' })).status, 200)
  await root.must(`${at}/role/second`, { role_id: 'own-id' })
})

test('a secret id of your own is taken once for a role, and listed by its accessor', async () => {
  const { root } = server
  const made = await makeRole()
  const custom = `${at}/role/${made.name}/custom-secret-id`
  assert.equal((await root.write(custom)).status, 400)
  const answer = await root.must(custom, { secret_id: 'my own secret' })
  assert.equal(answer.body.data.secret_id, 'my own secret')
  assert.equal((await root.write(custom, { secret_id: 'my own secret' })).status, 400)
  assert.equal((await login({ ...made, secret_id: 'my own secret' })).status, 200)
  const { keys } = (await root.list(`${at}/role/${made.name}/secret-id`)).body.data
  const both = [made.secret_id_accessor, answer.body.data.secret_id_accessor]
  assert.deepEqual(new Set(keys), new Set(both))
})

test('a role that comes back under its name has none of the secret ids of before', async () => {
  const { root } = server
  const made = await makeRole({ role_id: 'comes-back' })
  const { client_token } = (await login(made)).body.auth
  assert.equal((await root.remove(`${at}/role/${made.name}`)).status, 204)
  assert.equal((await login(made)).status, 400)
  const renewal = await server.client(client_token).write('auth/token/renew-self')
  assert.equal(renewal.status, 400)
  await root.must(`${at}/role/${made.name}`, { role_id: 'comes-back' })
  assert.equal((await login(made)).status, 400)
  assert.equal((await root.list(`${at}/role/${made.name}/secret-id`)).status, 404)
})

test('five wrong secret ids lock the role id for a while', async () => {
  const made = await makeRole()
  for (let i = 0; i < 5; i++) {
    assert.equal((await login({ ...made, secret_id: `wrong${i}` })).status, 400)
  }
  assert.equal((await login(made)).status, 403)
  const { accessor } = (await server.root.read('sys/auth/approle')).body.data
  await server.root.must(`sys/locked-users/${accessor}/unlock/${made.role_id}`)
  assert.equal((await login(made)).status, 200)
})

test('a secret id is stored as a keyed hash alone, and tidying leaves nothing of dead ones', async () => {
  const harness = new PluginHarness(approleBackend, { clock })
  await harness.put('role/a', { secret_id_ttl: '1m' })
  const ids: string[] = []
  for (let i = 0; i < 20; i++) {
    ids.push((await harness.put('role/a/secret-id')).text.match(/"secret_id":"([^"]+)"/)?.[1] ?? '')
  }
  const paths = await harness.storedPaths()
  assert.equal(paths.length, 60)
  for (const path of paths) {
    const record = await harness.mountStore.view((view) => view.get(harness.mountStore.key(path)))
    const text = `${path} ${JSON.stringify(record ?? null)}`
    assert.ok(ids.every((id) => id !== '' && !text.includes(id)))
  }
  clock.advance(60_000)
  // A new one takes sixteen dead ones along; the rest goes with a tidy.
  await harness.put('role/a/secret-id')
  assert.equal((await harness.storedPaths()).length, 3 * 5)
  assert.equal((await harness.put('tidy/secret-id')).status, 202)
  for (let i = 0; i < 50 && (await harness.storedPaths()).length > 3; i++)
    await new Promise(setImmediate)
  assert.equal((await harness.storedPaths()).length, 3)
  await harness.delete('role/a')
  assert.equal((await harness.storedPaths()).length, 0)
})

test('a secret id that is wrapped is known by its accessor outside (AUT-19)', async () => {
  const { root } = server
  await root.must('auth/approle/role/wrapped', { token_policies: 'p' })
  const answer = await root.call('POST', 'auth/approle/role/wrapped/secret-id', undefined, {
    headers: { 'X-Vault-Wrap-TTL': '60' },
  })
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.body.data, null)
  const { token, wrapped_accessor } = answer.body.wrap_info
  const inside = await root.as(String(token)).write('sys/wrapping/unwrap')
  assert.equal(inside.body.data.secret_id_accessor, wrapped_accessor)
  assert.match(inside.body.data.secret_id, /^[0-9a-f-]{36}$/)
})
