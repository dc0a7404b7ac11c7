import assert from 'node:assert/strict'
import { test } from 'node:test'
import { envelope, loginAuth, withServer, type Answers, type RecordedServer } from './cli-run.ts'

const login = { body: envelope({ auth: loginAuth }) }
const data = { body: envelope({ data: { x: 'y' } }) }
const kv2 = { body: envelope({ data: { path: 'secret/', options: { version: '2' } } }) }
const kv1 = { body: envelope({ data: { path: 'kv1/', options: null } }) }

/** Runs the words and gives the requests as `METHOD path body`. */
async function requests(
  server: RecordedServer,
  words: string[],
  answers: Answers,
): Promise<string[]> {
  server.answer(answers)
  const result = await server.run(words, { env: { VAULT_TOKEN: 'own' } })
  assert.equal(result.code, 0, `${words.join(' ')}: ${result.err}`)
  return server.seen.map(({ body, method, url }) =>
    body === undefined
      ? `${method} ${url.slice(4)}`
      : `${method} ${url.slice(4)} ${JSON.stringify(body)}`,
  )
}

async function check(rows: readonly (readonly [string, Answers, ...string[]])[]): Promise<void> {
  await withServer({}, async (server) => {
    for (const [line, answers, ...expected] of rows) {
      assert.deepEqual(await requests(server, line.split(' '), answers), expected, line)
    }
  })
}

test('the raw commands send what platform.md §9.5 says', () =>
  check([
    ['read a/b k=v k=w', { 'GET /v1/a/b': data }, 'GET a/b?k=v&k=w'],
    ['write a b=c', { 'PUT /v1/a': {} }, 'PUT a {"b":"c"}'],
    ['patch a b=c', { 'PATCH /v1/a': {} }, 'PATCH a {"b":"c"}'],
    ['delete a k=v', { 'DELETE /v1/a': {} }, 'DELETE a?k=v'],
    ['list a/', { 'GET /v1/a': { body: envelope({ data: { keys: ['x'] } }) } }, 'GET a?list=true'],
    ['path-help a', { 'GET /v1/a': { body: { help: 'text' } } }, 'GET a?help=1'],
    [
      'unwrap wrapping',
      { 'PUT /v1/sys/wrapping/unwrap': data },
      'PUT sys/wrapping/unwrap {"token":"wrapping"}',
    ],
    ['unwrap', { 'PUT /v1/sys/wrapping/unwrap': data }, 'PUT sys/wrapping/unwrap'],
  ]))

test('CLI-57: a wrapping token given alone goes into the header', () =>
  withServer({ 'PUT /v1/sys/wrapping/unwrap': data }, async (server) => {
    assert.equal((await server.run(['unwrap', '-field=x', 'wrapping'])).out, 'y')
    assert.deepEqual([server.seen[0]?.token, server.seen[0]?.body], ['wrapping', undefined])
    await server.run(['unwrap'], { env: { VAULT_TOKEN: 'wrapping' } })
    assert.equal(server.seen[1]?.token, 'wrapping')
  }))

test('a patch says that it is a merge patch', () =>
  withServer({ 'PATCH /v1/a': {} }, async (server) => {
    await server.run(['patch', 'a', 'b=c'])
    assert.equal(server.seen[0]?.headers['content-type'], 'application/merge-patch+json')
  }))

test('CLI-42, CLI-43: token commands send what platform.md §9.5 says', () =>
  check([
    [
      'token create',
      { 'POST /v1/auth/token/create': login },
      'POST auth/token/create {"display_name":"","num_uses":0,"renewable":true,"type":"service","entity_alias":""}',
    ],
    [
      'token create -orphan -policy=a -policy=b -ttl=1h -metadata=k=v -renewable=false -role=ci',
      { 'POST /v1/auth/token/create/ci': login },
      'POST auth/token/create/ci {"display_name":"","num_uses":0,"renewable":false,"type":"service","entity_alias":"","policies":["a","b"],"meta":{"k":"v"},"no_parent":true,"ttl":"1h0m0s"}',
    ],
    ['token lookup', { 'GET /v1/auth/token/lookup-self': data }, 'GET auth/token/lookup-self'],
    [
      'token lookup t',
      { 'POST /v1/auth/token/lookup': data },
      'POST auth/token/lookup {"token":"t"}',
    ],
    [
      'token lookup -accessor a',
      { 'POST /v1/auth/token/lookup-accessor': data },
      'POST auth/token/lookup-accessor {"accessor":"a"}',
    ],
    [
      'token renew -increment=1h',
      { 'PUT /v1/auth/token/renew-self': login },
      'PUT auth/token/renew-self {"increment":3600}',
    ],
    [
      'token renew t',
      { 'PUT /v1/auth/token/renew': login },
      'PUT auth/token/renew {"token":"t","increment":0}',
    ],
    [
      'token renew -accessor a',
      { 'POST /v1/auth/token/renew-accessor': login },
      'POST auth/token/renew-accessor {"accessor":"a","increment":0}',
    ],
    ['token revoke t', { 'PUT /v1/auth/token/revoke': {} }, 'PUT auth/token/revoke {"token":"t"}'],
    ['token revoke -self', { 'PUT /v1/auth/token/revoke-self': {} }, 'PUT auth/token/revoke-self'],
    [
      'token revoke -accessor a',
      { 'POST /v1/auth/token/revoke-accessor': {} },
      'POST auth/token/revoke-accessor {"accessor":"a"}',
    ],
    [
      'token revoke -mode=orphan t',
      { 'PUT /v1/auth/token/revoke-orphan': {} },
      'PUT auth/token/revoke-orphan {"token":"t"}',
    ],
    [
      'token revoke -mode=path auth/jwt/',
      { 'PUT /v1/sys/leases/revoke-prefix/auth/jwt': {} },
      'PUT sys/leases/revoke-prefix/auth/jwt',
    ],
    [
      'token capabilities p',
      { 'POST /v1/sys/capabilities-self': data },
      'POST sys/capabilities-self {"path":"p"}',
    ],
    [
      'token capabilities t p',
      { 'POST /v1/sys/capabilities': data },
      'POST sys/capabilities {"token":"t","path":"p"}',
    ],
  ]))

test('CLI-47: mount commands send what platform.md §9.5 says', () =>
  check([
    [
      'auth enable -path=corp jwt',
      { 'POST /v1/sys/auth/corp': {} },
      'POST sys/auth/corp {"type":"jwt","description":"","local":false,"seal_wrap":false,"external_entropy_access":false,"config":{"default_lease_ttl":"0s","max_lease_ttl":"0s","force_no_cache":false},"options":null}',
    ],
    [
      'secrets enable -path=kv -version=2 -default-lease-ttl=1h kv',
      { 'POST /v1/sys/mounts/kv': {} },
      'POST sys/mounts/kv {"type":"kv","description":"","local":false,"seal_wrap":false,"external_entropy_access":false,"config":{"default_lease_ttl":"1h0m0s","max_lease_ttl":"0s","force_no_cache":false},"options":{"version":"2"}}',
    ],
    [
      'auth tune -listing-visibility=unauth -description= -options=compat=vault jwt/',
      { 'POST /v1/sys/mounts/auth/jwt/tune': {} },
      'POST sys/mounts/auth/jwt/tune {"listing_visibility":"unauth","description":"","options":{"compat":"vault"}}',
    ],
    [
      'secrets tune -max-lease-ttl=24h -audit-non-hmac-request-keys=a kv',
      { 'POST /v1/sys/mounts/kv/tune': {} },
      'POST sys/mounts/kv/tune {"max_lease_ttl":"24h0m0s","audit_non_hmac_request_keys":["a"]}',
    ],
    ['auth disable jwt', { 'DELETE /v1/sys/auth/jwt': {} }, 'DELETE sys/auth/jwt'],
    ['secrets disable kv/', { 'DELETE /v1/sys/mounts/kv': {} }, 'DELETE sys/mounts/kv'],
    [
      'auth move jwt corp',
      {
        'POST /v1/sys/remount': { body: envelope({ data: { migration_id: 'm1' } }) },
        'GET /v1/sys/remount/status/m1': {
          body: envelope({ data: { migration_info: { status: 'success' } } }),
        },
      },
      'POST sys/remount {"from":"auth/jwt/","to":"auth/corp/"}',
      'GET sys/remount/status/m1',
    ],
    [
      'secrets move a b',
      { 'POST /v1/sys/remount': {} },
      'POST sys/remount {"from":"a/","to":"b/"}',
    ],
    ['auth list', { 'GET /v1/sys/auth': data }, 'GET sys/auth'],
    ['secrets list', { 'GET /v1/sys/mounts': data }, 'GET sys/mounts'],
  ]))

test('CLI-27: kv commands ask about the mount first, then use its version', () =>
  check([
    [
      'kv get secret/a',
      { 'GET /v1/sys/internal/ui/mounts/secret/a': kv2, 'GET /v1/secret/data/a': data },
      'GET sys/internal/ui/mounts/secret/a',
      'GET secret/data/a',
    ],
    [
      'kv get -mount=secret -version=2 a',
      { 'GET /v1/sys/internal/ui/mounts/secret': kv2, 'GET /v1/secret/data/a': data },
      'GET sys/internal/ui/mounts/secret',
      'GET secret/data/a?version=2',
    ],
    [
      'kv get kv1/a',
      { 'GET /v1/sys/internal/ui/mounts/kv1/a': kv1, 'GET /v1/kv1/a': data },
      'GET sys/internal/ui/mounts/kv1/a',
      'GET kv1/a',
    ],
    [
      'kv put old/a x=1',
      { 'PUT /v1/old/a': {} },
      'GET sys/internal/ui/mounts/old/a',
      'PUT old/a {"x":"1"}',
    ],
    [
      'kv put -cas=0 secret/a x=1',
      { 'GET /v1/sys/internal/ui/mounts/secret/a': kv2, 'PUT /v1/secret/data/a': data },
      'GET sys/internal/ui/mounts/secret/a',
      'PUT secret/data/a {"data":{"x":"1"},"options":{"cas":0}}',
    ],
    [
      'kv patch -remove-data=y secret/a x=1',
      { 'GET /v1/sys/internal/ui/mounts/secret/a': kv2, 'PATCH /v1/secret/data/a': data },
      'GET sys/internal/ui/mounts/secret/a',
      'PATCH secret/data/a {"data":{"x":"1","y":null},"options":{}}',
    ],
    [
      'kv patch secret/a x=1',
      {
        'GET /v1/sys/internal/ui/mounts/secret/a': kv2,
        'PATCH /v1/secret/data/a': { status: 405, body: { errors: [] } },
        'GET /v1/secret/data/a': {
          body: envelope({ data: { data: { z: 1 }, metadata: { version: 4 } } }),
        },
        'PUT /v1/secret/data/a': data,
      },
      'GET sys/internal/ui/mounts/secret/a',
      'PATCH secret/data/a {"data":{"x":"1"},"options":{}}',
      'GET secret/data/a',
      'PUT secret/data/a {"data":{"z":1,"x":"1"},"options":{"cas":4}}',
    ],
    [
      'kv delete secret/a',
      { 'GET /v1/sys/internal/ui/mounts/secret/a': kv2, 'DELETE /v1/secret/data/a': {} },
      'GET sys/internal/ui/mounts/secret/a',
      'DELETE secret/data/a',
    ],
    [
      'kv delete -versions=1,2 secret/a',
      { 'GET /v1/sys/internal/ui/mounts/secret/a': kv2, 'PUT /v1/secret/delete/a': {} },
      'GET sys/internal/ui/mounts/secret/a',
      'PUT secret/delete/a {"versions":["1","2"]}',
    ],
    [
      'kv undelete -versions=1 secret/a',
      { 'GET /v1/sys/internal/ui/mounts/secret/a': kv2, 'PUT /v1/secret/undelete/a': {} },
      'GET sys/internal/ui/mounts/secret/a',
      'PUT secret/undelete/a {"versions":["1"]}',
    ],
    [
      'kv destroy -mount=secret -versions=1 a',
      { 'GET /v1/sys/internal/ui/mounts/secret': kv2, 'PUT /v1/secret/destroy/a': {} },
      'GET sys/internal/ui/mounts/secret',
      'PUT secret/destroy/a {"versions":["1"]}',
    ],
    [
      'kv list secret',
      {
        'GET /v1/sys/internal/ui/mounts/secret': kv2,
        'GET /v1/secret/metadata': { body: envelope({ data: { keys: ['a'] } }) },
      },
      'GET sys/internal/ui/mounts/secret',
      'GET secret/metadata?list=true',
    ],
    [
      'kv rollback -version=1 secret/a',
      {
        'GET /v1/sys/internal/ui/mounts/secret/a': kv2,
        'GET /v1/secret/data/a': {
          body: envelope({ data: { data: { x: 'old' }, metadata: { version: 3 } } }),
        },
        'PUT /v1/secret/data/a': data,
      },
      'GET sys/internal/ui/mounts/secret/a',
      'GET secret/data/a',
      'GET secret/data/a?version=1',
      'PUT secret/data/a {"data":{"x":"old"},"options":{"cas":3}}',
    ],
    [
      'kv enable-versioning kv',
      { 'POST /v1/sys/mounts/kv/tune': {} },
      'POST sys/mounts/kv/tune {"options":{"version":"2"}}',
    ],
    [
      'kv metadata put -max-versions=5 -cas-required -delete-version-after=1h -custom-metadata=a=b secret/a',
      { 'GET /v1/sys/internal/ui/mounts/secret/a': kv2, 'PUT /v1/secret/metadata/a': {} },
      'GET sys/internal/ui/mounts/secret/a',
      'PUT secret/metadata/a {"max_versions":5,"cas_required":true,"delete_version_after":"1h0m0s","custom_metadata":{"a":"b"}}',
    ],
    [
      'kv metadata patch -remove-custom-metadata=a secret/a',
      { 'GET /v1/sys/internal/ui/mounts/secret/a': kv2, 'PATCH /v1/secret/metadata/a': {} },
      'GET sys/internal/ui/mounts/secret/a',
      'PATCH secret/metadata/a {"custom_metadata":{"a":null}}',
    ],
    [
      'kv metadata delete secret/a',
      { 'GET /v1/sys/internal/ui/mounts/secret/a': kv2, 'DELETE /v1/secret/metadata/a': {} },
      'GET sys/internal/ui/mounts/secret/a',
      'DELETE secret/metadata/a',
    ],
  ]))

test('CLT-39: -wrap-ttl goes with the request, not with the question about the mount', () =>
  withServer(
    { 'GET /v1/sys/internal/ui/mounts/secret/a': kv2, 'GET /v1/secret/data/a': data },
    async (server) => {
      await server.run(['kv', 'get', '-wrap-ttl=60', 'secret/a'])
      assert.deepEqual(
        server.seen.map(({ headers }) => headers['x-vault-wrap-ttl']),
        [undefined, '1m0s'],
      )
    },
  ))

test('a dry run of a kv command asks about the mount and stops there', () =>
  withServer({ 'GET /v1/sys/internal/ui/mounts/secret/a': kv2 }, async (server) => {
    const result = await server.run(['kv', 'get', '-output-policy', 'secret/a'])
    assert.equal(result.out, 'path "secret/data/a" {\n  capabilities = ["read"]\n}\n')
    assert.deepEqual(server.lines, ['GET /v1/sys/internal/ui/mounts/secret/a'])
  }))

test('operator, lease, audit and policy commands send what platform.md §9.5 says', () =>
  check([
    [
      'operator unseal k',
      { 'PUT /v1/sys/unseal': { body: { sealed: true } } },
      'PUT sys/unseal {"key":"k","migrate":false,"reset":false}',
    ],
    [
      'operator unseal -reset',
      { 'PUT /v1/sys/unseal': { body: { sealed: true } } },
      'PUT sys/unseal {"reset":true}',
    ],
    ['operator seal', { 'PUT /v1/sys/seal': {} }, 'PUT sys/seal'],
    ['operator step-down', { 'PUT /v1/sys/step-down': {} }, 'PUT sys/step-down'],
    [
      'operator rotate',
      { 'PUT /v1/sys/rotate': {}, 'GET /v1/sys/key-status': data },
      'PUT sys/rotate',
      'GET sys/key-status',
    ],
    [
      'lease lookup l',
      { 'PUT /v1/sys/leases/lookup': data },
      'PUT sys/leases/lookup {"lease_id":"l"}',
    ],
    [
      'lease renew -increment=60 l',
      { 'PUT /v1/sys/leases/renew': data },
      'PUT sys/leases/renew {"increment":60,"lease_id":"l"}',
    ],
    [
      'lease revoke l',
      { 'PUT /v1/sys/leases/revoke/l': {} },
      'PUT sys/leases/revoke/l {"sync":false}',
    ],
    [
      'lease revoke -prefix -sync a/b',
      { 'PUT /v1/sys/leases/revoke-prefix/a/b': {} },
      'PUT sys/leases/revoke-prefix/a/b {"sync":true}',
    ],
    [
      'lease revoke -force -prefix a',
      { 'PUT /v1/sys/leases/revoke-force/a': {} },
      'PUT sys/leases/revoke-force/a',
    ],
    [
      'audit enable -path=f file file_path=/x',
      { 'PUT /v1/sys/audit/f': {} },
      'PUT sys/audit/f {"type":"file","description":"","local":false,"options":{"file_path":"/x"}}',
    ],
    [
      'namespace create -custom-metadata=a=b team/',
      { 'PUT /v1/sys/namespaces/team': data },
      'PUT sys/namespaces/team {"custom_metadata":{"a":"b"}}',
    ],
    ['namespace create t', { 'PUT /v1/sys/namespaces/t': data }, 'PUT sys/namespaces/t {}'],
    [
      'namespace patch -custom-metadata=a=b -remove-custom-metadata=c team',
      { 'PATCH /v1/sys/namespaces/team': data },
      'PATCH sys/namespaces/team {"custom_metadata":{"a":"b","c":null}}',
    ],
    ['namespace lookup team/', { 'GET /v1/sys/namespaces/team': data }, 'GET sys/namespaces/team'],
    [
      'namespace list',
      { 'GET /v1/sys/namespaces': { body: envelope({ data: { keys: ['a/'] } }) } },
      'GET sys/namespaces?list=true',
    ],
    [
      'namespace scan',
      { 'GET /v1/sys/namespaces': { body: envelope({ data: { keys: ['a/'] } }) } },
      'GET sys/namespaces?scan=true',
    ],
    [
      'namespace delete team/',
      { 'DELETE /v1/sys/namespaces/team': {} },
      'DELETE sys/namespaces/team',
    ],
    [
      'namespace lock team',
      { 'PUT /v1/sys/namespaces/api-lock/lock/team': data },
      'PUT sys/namespaces/api-lock/lock/team',
    ],
    [
      'namespace unlock -unlock-key=k',
      { 'PUT /v1/sys/namespaces/api-lock/unlock': {} },
      'PUT sys/namespaces/api-lock/unlock {"unlock_key":"k"}',
    ],
    ['audit disable f', { 'DELETE /v1/sys/audit/f': {} }, 'DELETE sys/audit/f'],
    [
      'policy list',
      { 'GET /v1/sys/policies/acl': { body: envelope({ data: { keys: ['a'] } }) } },
      'GET sys/policies/acl?list=true',
    ],
    ['policy delete P', { 'DELETE /v1/sys/policies/acl/p': {} }, 'DELETE sys/policies/acl/p'],
  ]))

test('CLI-45: policy write takes standard input or a file', () =>
  withServer({ 'PUT /v1/sys/policies/acl/p': {} }, async (server) => {
    const result = await server.run(['policy', 'write', 'P', '-'], { stdin: 'path "a" {}\n' })
    assert.deepEqual([result.code, result.out], [0, 'Success! Uploaded policy: p\n'])
    assert.deepEqual(server.seen[0]?.body, { policy: 'path "a" {}\n' })
  }))

test('CLI-52: the namespace goes with every request but those of status', () =>
  withServer(
    {
      'GET /v1/a': data,
      'GET /v1/sys/seal-status': { body: { sealed: false } },
      'GET /v1/sys/leader': { body: { ha_enabled: false } },
    },
    async (server) => {
      const env = { VAULT_NAMESPACE: 'x', VAULT_TOKEN: 't' }
      await server.run(['read', 'a'], { env })
      await server.run(['read', '-ns=y', 'a'], { env })
      await server.run(['status'], { env })
      assert.deepEqual(
        server.seen.map(({ headers, token }) => [headers['x-vault-namespace'], token]),
        [
          ['x', 't'],
          ['y', 't'],
          [undefined, undefined],
          [undefined, undefined],
        ],
      )
    },
  ))

test('CLI-49: of two addresses the one of the earlier name is asked', () =>
  withServer({ 'GET /v1/a': data }, async (server) => {
    const env = { BAO_ADDR: server.address, VAULT_ADDR: 'http://127.0.0.1:1' }
    assert.equal((await server.run(['read', 'a'], { env })).code, 0)
    const hidden = await server.run(['status'], { env: { BAO_ADDR: '' } })
    assert.match(hidden.err, /https:\/\/127\.0\.0\.1:8200/u)
  }))
