/** The published node-vault package against a server that nobody has touched yet (platform.md §10.2). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import nodeVault from 'node-vault'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { Cluster } from '../kubernetes/cluster.ts'

type Vault = ReturnType<typeof nodeVault>

const keys = makeJwtMaker()
const readerPolicy = 'path "secret/data/app" { capabilities = ["read"] }'

let server: TestServer
let vault: Vault
let rootToken: string
let shares: readonly string[]

before(async () => {
  server = await startTestServer({ raw: true })
  vault = connect()
})

after(() => server.stop())

function connect(token?: string): Vault {
  // An empty text keeps VAULT_TOKEN of the machine out of it.
  const client = nodeVault({ endpoint: server.url })
  client.token = token ?? ''
  return client
}

/** What the client makes of a refusal: status and message. */
async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (error) {
    const problem = error as Error & { readonly response?: { readonly statusCode: number } }
    return `${problem.response?.statusCode} ${problem.message}`
  }
  return 'no refusal'
}

describe('CLT-12: a server from its first second to its first seal', () => {
  test('CLT-12: before init the status is readable and health does not reject', async () => {
    const status = await vault.status()
    assert.equal(status.initialized, false)
    assert.equal(status.sealed, true)
    assert.deepEqual(await vault.initialized(), { initialized: false })
    const health = await vault.health()
    assert.equal(health.initialized, false)
    assert.equal(health.sealed, true)
    assert.match(await refusal(vault.read('secret/data/app')), /^503 Vault is sealed/)
  })

  test('CLT-12: init gives keys and a root token, once', async () => {
    const made = await vault.init({ secret_shares: 3, secret_threshold: 2 })
    assert.equal(made.keys.length, 3)
    assert.equal(made.keys_base64.length, 3)
    assert.match(made.root_token, /^hvs\./)
    shares = made.keys
    rootToken = made.root_token
    assert.deepEqual(await vault.initialized(), { initialized: true })
    const again = await refusal(vault.init({ secret_shares: 1, secret_threshold: 1 }))
    assert.equal(again, '400 Vault is already initialized')
  })

  test('CLT-12: health of a sealed server is an answer, and unseal counts its keys', async () => {
    assert.deepEqual(pick(await vault.health(), 'initialized', 'sealed'), [true, true])
    const first = await vault.unseal({ key: shares[0] })
    assert.deepEqual(pick(first, 'sealed', 'progress', 't'), [true, 1, 2])
    const reset = await vault.unseal({ reset: true })
    assert.equal(reset.progress, 0)
    await vault.unseal({ key: shares[2] })
    const open = await vault.unseal({ key: shares[0] })
    assert.equal(open.sealed, false)
    assert.deepEqual(pick(await vault.health(), 'initialized', 'sealed', 'standby'), [
      true,
      false,
      false,
    ])
    vault.token = rootToken
  })
})

function pick(from: Record<string, unknown>, ...names: readonly string[]): unknown[] {
  return names.map((name) => from[name])
}

describe('administration', () => {
  test('mounts: mount, read, remount, unmount', async () => {
    await vault.mount({ mount_point: 'secret', type: 'kv', options: { version: '2' } })
    await vault.mount({ mount_point: 'plain', type: 'kv', description: 'version 1' })
    const mounts = await vault.mounts()
    assert.equal(mounts['plain/'].type, 'kv')
    assert.equal(mounts.data['secret/'].options.version, '2')
    await vault.write('plain/a', { v: '1' })
    await vault.remount({ from: 'plain', to: 'moved' })
    assert.equal((await vault.read('moved/a')).data.v, '1')
    assert.match(await refusal(vault.read('plain/a')), /^404 /)
    await vault.unmount({ mount_point: 'moved' })
    assert.equal((await vault.mounts())['moved/'], undefined)
  })

  test('auths, enableAuth, disableAuth', async () => {
    await vault.enableAuth({ mount_point: 'jwt', type: 'jwt', description: 'ours' })
    await vault.enableAuth({ mount_point: 'other', type: 'jwt' })
    const auths = await vault.auths()
    assert.equal(auths['jwt/'].type, 'jwt')
    assert.equal(auths.data['jwt/'].description, 'ours')
    assert.equal(auths['token/'].type, 'token')
    await vault.disableAuth({ mount_point: 'other' })
    assert.equal((await vault.auths())['other/'], undefined)
  })

  test('CLT-15: addPolicy, policies, getPolicy, removePolicy, with rules and with policy', async () => {
    await vault.addPolicy({ name: 'reader', rules: readerPolicy })
    await vault.addPolicy({ name: 'gone', policy: readerPolicy })
    const list = await vault.policies()
    assert.deepEqual(list.policies, ['default', 'gone', 'reader', 'root'])
    assert.deepEqual(list.data.keys, list.policies)
    const read = await vault.getPolicy({ name: 'reader' })
    assert.equal(read.rules, readerPolicy)
    assert.equal(read.data.rules, readerPolicy)
    await vault.removePolicy({ name: 'gone' })
    assert.deepEqual((await vault.policies()).policies, ['default', 'reader', 'root'])
    assert.match(await refusal(vault.getPolicy({ name: 'gone' })), /^404 /)
  })

  test('rotate', async () => {
    await vault.write('secret/data/before', { data: { v: '1' } })
    await vault.rotate()
    assert.equal((await vault.read('secret/data/before')).data.data.v, '1')
    assert.equal((await vault.read('sys/key-status')).data.term, 2)
  })

  test('help is an answer', async () => {
    assert.equal(typeof (await vault.help('sys/mounts')).help, 'string')
  })
})

describe('tokens', () => {
  // A client takes on the token that it makes or renews, so each of these calls gets one of its own.
  const asRoot = (): Vault => connect(rootToken)

  test('tokenCreate, tokenLookup, tokenRenew, tokenRevoke and their forms by accessor', async () => {
    const { auth } = await asRoot().tokenCreate({
      policies: ['reader'],
      ttl: '1h',
      display_name: 'made',
      meta: { team: 'a' },
    })
    assert.deepEqual(auth.policies, ['default', 'reader'])
    const byText = await vault.tokenLookup({ token: auth.client_token })
    const byAccessor = await vault.tokenLookupAccessor({ accessor: auth.accessor })
    assert.equal(byText.data.display_name, 'token-made')
    assert.equal(byAccessor.data.id, '')
    assert.equal(byAccessor.data.accessor, auth.accessor)
    const renewed = await asRoot().tokenRenew({ token: auth.client_token, increment: 600 })
    assert.equal(renewed.auth.lease_duration, 600)
    const mine = connect(auth.client_token)
    assert.equal((await mine.tokenLookupSelf()).data.accessor, auth.accessor)
    assert.equal((await mine.tokenRenewSelf({ increment: 900 })).auth.lease_duration, 900)
    await vault.tokenRevokeAccessor({ accessor: auth.accessor })
    assert.equal(await refusal(mine.tokenLookupSelf()), '403 permission denied')
  })

  test('tokenAccessors, tokenRevoke, tokenRevokeSelf, tokenRevokeOrphan', async () => {
    const parent = (await asRoot().tokenCreate({ policies: ['root'] })).auth
    const child = (await connect(parent.client_token).tokenCreate({ policies: ['default'] })).auth
    const orphan = (await asRoot().tokenCreateOrphan({ policies: ['default'] })).auth
    const { data } = await vault.tokenAccessors()
    for (const one of [parent, child, orphan]) assert.ok(data.keys.includes(one.accessor))
    await vault.tokenRevokeOrphan({ token: parent.client_token })
    await connect(child.client_token).tokenLookupSelf()
    assert.match(await refusal(connect(parent.client_token).tokenLookupSelf()), /^403 /)
    await vault.tokenRevoke({ token: child.client_token })
    assert.match(await refusal(connect(child.client_token).tokenLookupSelf()), /^403 /)
    await connect(orphan.client_token).tokenRevokeSelf()
    assert.match(await refusal(connect(orphan.client_token).tokenLookupSelf()), /^403 /)
    const left = (await vault.tokenAccessors()).data.keys
    for (const one of [parent, child, orphan]) assert.ok(!left.includes(one.accessor))
  })

  test('CLT-17: addTokenRole, getTokenRole, tokenRoles, tokenCreateRole, tokenAccessors, removeTokenRole', async () => {
    await vault.addTokenRole({
      role_name: 'ours',
      allowed_policies: 'reader,default',
      disallowed_policies: 'other',
      orphan: true,
      period: 3600,
      renewable: true,
      path_suffix: 'team',
      explicit_max_ttl: 7200,
    })
    const { data } = await vault.getTokenRole({ role_name: 'ours' })
    assert.deepEqual(pick(data, 'allowed_policies', 'orphan', 'token_period', 'path_suffix'), [
      ['default', 'reader'],
      true,
      3600,
      'team',
    ])
    assert.deepEqual((await vault.tokenRoles()).data.keys, ['ours'])
    const maker = asRoot()
    const { auth } = await maker.tokenCreateRole({
      role_name: 'ours',
      policies: ['reader'],
      meta: { team: 'a' },
      no_parent: false,
      display_name: 'made',
      num_uses: 0,
    })
    assert.equal(maker.token, auth.client_token)
    assert.deepEqual(pick(auth, 'orphan', 'lease_duration', 'renewable'), [true, 3600, true])
    const own = (await connect(auth.client_token).tokenLookupSelf()).data
    assert.deepEqual(pick(own, 'role', 'path'), ['ours', 'auth/token/create/ours/team'])
    assert.ok((await vault.tokenAccessors()).data.keys.includes(auth.accessor))
    const other = asRoot().tokenCreateRole({ role_name: 'ours', policies: ['root'] })
    assert.match(await refusal(other), /^400 /)
    await vault.removeTokenRole({ role_name: 'ours' })
    assert.match(await refusal(vault.tokenRoles()), /^404 /)
    await vault.tokenRevokeAccessor({ accessor: auth.accessor })
  })

  test('CLT-18: it rejects an answer of 202, and what was asked for is done all the same', async () => {
    const { auth } = await asRoot().tokenCreate({ policies: ['default'] })
    const mine = connect(auth.client_token)
    await vault.write('sys/auth/approle', { type: 'approle' })
    await vault.write('sys/namespaces/gone', {})
    const revokePrefix = 'sys/leases/revoke-prefix/auth/token/create'
    for (const [path, body] of [
      ['auth/token/tidy', {}],
      ['auth/approle/tidy/secret-id', {}],
      ['sys/leases/revoke', { lease_id: 'auth/token/create/none', sync: false }],
      [revokePrefix, { sync: false }],
    ] as const) {
      assert.equal(await refusal(vault.write(path, body)), '202 Status 202', path)
    }
    assert.equal(await refusal(vault.delete('sys/namespaces/gone')), '202 Status 202')
    assert.match(await refusal(mine.tokenLookupSelf()), /^403 /)
    assert.match(await refusal(vault.read('sys/namespaces/gone')), /^404 /)
    await vault.write('sys/leases/revoke', { lease_id: 'auth/token/create/none' })
    await vault.delete('sys/auth/approle')
  })
})

describe('logins', () => {
  before(async () => {
    await vault.write('auth/jwt/config', {
      jwt_validation_pubkeys: keys.pem,
      bound_issuer: 'https://iss/',
    })
    await vault.write('auth/jwt/role/ci', {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: 'vault',
      token_policies: 'reader',
    })
    await vault.write('secret/data/app', { data: { password: 'p' } })
  })

  test('CLT-14: jwtLogin sets the token of the client', async () => {
    const client = await signIn('alice')
    assert.match(client.token, /^hvs\./)
    assert.equal((await client.read('secret/data/app')).data.data.password, 'p')
    assert.match(await refusal(client.read('secret/data/other')), /^403 /)
  })

  test('CLT-14: a refused jwtLogin rejects with the first error and sets nothing', async () => {
    const client = connect()
    const jwt = keys.sign({ iss: 'https://iss/', sub: 's', aud: 'other' })
    const text = await refusal(client.jwtLogin({ role: 'ci', jwt }))
    assert.match(text, /^400 error validating token: /)
    assert.equal(client.token, '')
  })

  test('CLT-14: userpassLogin and approleLogin set the token of the client', async () => {
    for (const type of ['userpass', 'approle']) await vault.write(`sys/auth/${type}`, { type })
    await vault.write('auth/userpass/users/alice', { password: 'open', policies: 'reader' })
    const person = connect()
    await person.userpassLogin({ username: 'alice', password: 'open' })
    assert.equal((await person.read('secret/data/app')).data.data.password, 'p')
    await vault.write('auth/approle/role/app', { token_policies: 'reader' })
    const { role_id } = (await vault.read('auth/approle/role/app/role-id')).data
    const { secret_id } = (await vault.write('auth/approle/role/app/secret-id', {})).data
    const machine = connect()
    await machine.approleLogin({ role_id, secret_id })
    assert.equal((await machine.read('secret/data/app')).data.data.password, 'p')
    const text = await refusal(connect().approleLogin({ role_id, secret_id: 'wrong' }))
    assert.match(text, /^400 invalid role or secret ID/)
  })

  test('CLT-14: kubernetesLogin sets the token of the client', async () => {
    const cluster = await new Cluster().start()
    await vault.write('sys/auth/kubernetes', { type: 'kubernetes' })
    await vault.write('auth/kubernetes/config', cluster.config)
    await vault.write('auth/kubernetes/role/app', {
      bound_service_account_names: ['api'],
      bound_service_account_namespaces: ['shop'],
      token_policies: ['reader'],
    })
    const jwt = cluster.tokenOf({ namespace: 'shop', name: 'api', uid: 'u1' })
    const pod = connect()
    await pod.kubernetesLogin({ mount_point: 'kubernetes', role: 'app', jwt })
    assert.equal((await pod.read('secret/data/app')).data.data.password, 'p')
    await cluster.stop()
  })

  test('CLT-16: revokePrefix on its old path ends every login of the mount', async () => {
    const [a, b] = [await signIn('a'), await signIn('b')]
    await vault.revokePrefix({ path_prefix: 'auth/jwt/login' })
    for (const one of [a, b]) {
      assert.equal(await refusal(one.tokenLookupSelf()), '403 permission denied')
    }
    await (await signIn('a')).tokenLookupSelf()
  })

  async function signIn(subject: string): Promise<Vault> {
    const client = connect()
    const jwt = keys.sign({ iss: 'https://iss/', sub: subject, aud: 'vault' })
    await client.jwtLogin({ role: 'ci', jwt })
    return client
  }
})

describe('secrets', () => {
  test('CLT-13: kv version 2 is written, read, patched, listed with the verb LIST and deleted', async () => {
    const written = await vault.write('secret/data/team/one', { data: { a: '1', b: '2' } })
    assert.equal(written.data.version, 1)
    await vault.write('secret/data/team/two', { data: { a: '1' } })
    await vault.update('secret/data/team/one', { data: { b: null, c: '3' } })
    const read = await vault.read('secret/data/team/one')
    assert.deepEqual(read.data.data, { a: '1', c: '3' })
    assert.equal(read.data.metadata.version, 2)
    assert.deepEqual((await vault.list('secret/metadata/team')).data.keys, ['one', 'two'])
    assert.ok((await vault.list('secret/metadata')).data.keys.includes('team/'))
    const plain = nodeVault({ endpoint: server.url, token: rootToken, noCustomHTTPVerbs: true })
    assert.deepEqual((await plain.list('secret/metadata/team')).data.keys, ['one', 'two'])
    await vault.delete('secret/data/team/one')
    assert.match(await refusal(vault.read('secret/data/team/one')), /^404 /)
    await vault.write('secret/undelete/team/one', { versions: [2] })
    assert.deepEqual((await vault.read('secret/data/team/one')).data.data, { a: '1', c: '3' })
    await vault.delete('secret/metadata/team/one')
    assert.deepEqual((await vault.list('secret/metadata/team')).data.keys, ['two'])
  })

  test('CLT-13: kv version 1 is written, read, listed and deleted', async () => {
    await vault.mount({ mount_point: 'kv1', type: 'kv' })
    await vault.write('kv1/a/b', { v: '1' })
    assert.deepEqual((await vault.read('kv1/a/b')).data, { v: '1' })
    assert.deepEqual((await vault.list('kv1/a')).data.keys, ['b'])
    await vault.delete('kv1/a/b')
    assert.match(await refusal(vault.list('kv1/a')), /^404 /)
  })

  test('ENV-31: fifty times LIST and GET on one kept connection', async () => {
    const { Agent } = await import('node:http')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const options = { httpAgent: agent }
    try {
      for (let i = 0; i < 50; i++) {
        assert.deepEqual((await vault.list('secret/metadata/team', options)).data.keys, ['two'])
        assert.equal((await vault.read('secret/data/team/two', options)).data.data.a, '1')
      }
    } finally {
      agent.destroy()
    }
  })
})

test('CLT-12: seal closes the server, and two keys open it again', async () => {
  await vault.seal()
  assert.equal((await vault.status()).sealed, true)
  assert.equal((await vault.health()).sealed, true)
  assert.match(await refusal(vault.read('secret/data/app')), /^503 /)
  for (const key of shares.slice(0, 2)) await vault.unseal({ key })
  assert.equal((await vault.read('secret/data/app')).data.data.password, 'p')
})
