/** Fields of mounts and roles whose effect no other test shows from outside (SEC-CFG-S4). */

import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { startTestServer } from '../harness/test-server.ts'
import { makeCertificate } from '../http/self-signed.ts'
import { assertStatus, configS, keyK, login, makeMount, plainClaims, plainRole } from './fixture.ts'
import { setUpSignIn } from './oidc-fixture.ts'

test('token_max_ttl ends renewals, and token_explicit_max_ttl the token (SEC-CFG-S4)', async () => {
  const server = await startTestServer()
  const mount = await makeMount(server.root, configS)
  const role = { ...plainRole, token_ttl: '1m' }
  await server.root.must(`auth/${mount}/role/capped`, { ...role, token_max_ttl: '2m' })
  await server.root.must(`auth/${mount}/role/hard`, { ...role, token_explicit_max_ttl: '2m' })
  for (const name of ['capped', 'hard']) {
    const done = await login(server, mount, name, keyK.sign(plainClaims))
    assertStatus(done, 200)
    const own = server.client(done.body.auth.client_token)
    const renewed = await server.root.must('auth/token/renew', {
      token: own.token,
      increment: '1h',
    })
    const left = renewed.body.auth.lease_duration
    assert.ok(left > 60 && left <= 120, `${name} ${left}`)
  }
  await server.stop()
})

test('oauth2_metadata keeps the named tokens of the provider with the token (SEC-CFG-S4)', async () => {
  const setup = await setUpSignIn()
  for (const names of [[], ['access_token', 'id_token']]) {
    const role = await setup.role({ oauth2_metadata: names })
    const { code, state } = await setup.begin(role)
    const done = await setup.callback({ code, state })
    assertStatus(done, 200)
    const { metadata } = done.body.auth
    const kept = names.map((name) => metadata[`oauth2_${name}`])
    assert.ok(kept.every((text) => typeof text === 'string' && text !== ''))
    assert.equal(
      Object.keys(metadata).filter((key) => key.startsWith('oauth2')).length,
      kept.length,
    )
  }
  await setup.stop()
})

test('override_allowed_server_names takes a certificate of another name (SEC-CFG-S4)', async () => {
  const authority = makeCertificate({ commonName: 'ca', isAuthority: true })
  const leaf = makeCertificate({ commonName: 'a', altNames: ['idp.test'], issuer: authority })
  const keys = createServer({ cert: leaf.certificate, key: leaf.key }, (_, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ keys: [keyK.jwk] }))
  })
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
  const jwks_url = `https://127.0.0.1:${(keys.address() as AddressInfo).port}/`
  const server = await startTestServer()
  const mount = await makeMount(server.root)
  const config = { jwks_url, jwks_ca_pem: authority.certificate }
  const write = (more: object) => server.root.write(`auth/${mount}/config`, { ...config, ...more })
  assertStatus(await write({}), 400)
  assertStatus(await write({ override_allowed_server_names: 'else.test' }), 400)
  assertStatus(await write({ override_allowed_server_names: 'idp.test' }), 204)
  await server.stop()
  keys.close()
})

test('plugin_name is the older word for the type of a mount (SEC-CFG-S4)', async () => {
  const server = await startTestServer()
  await server.root.must('sys/auth/older', { plugin_name: 'jwt' })
  assert.equal((await server.root.read('sys/auth/older')).body.data.type, 'jwt')
  await server.stop()
})
