/** A provider that takes no request from a browser (RFC 9126): what is asked for goes there first, and the browser brings its name. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { LineLogger } from '../../src/platform/logger.ts'
import { startCertifiedProvider, type CertifiedProvider } from '../harness/certified-provider.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { setUpSignIn } from '../jwt/oidc-fixture.ts'

let idp: CertifiedProvider
let server: TestServer
const log: string[] = []
const loopback = 'http://localhost:8250/oidc/callback'
const clients = [
  {
    client_id: 'basic',
    client_secret: 'a secret with + and %',
    redirect_uris: [loopback],
    application_type: 'native',
  },
  {
    client_id: 'body',
    client_secret: 'secret',
    token_endpoint_auth_method: 'client_secret_post',
    redirect_uris: [loopback],
    application_type: 'native',
  },
]

before(async () => {
  idp = await startCertifiedProvider(clients, {
    features: {
      devInteractions: { enabled: true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
    },
  })
  server = await startTestServer({
    logger: new LineLogger({
      level: 'warn',
      format: 'json',
      nowMs: () => 0,
      write: (line) => log.push(line),
    }),
  })
  for (const { client_id: path, client_secret } of clients) {
    await server.root.must(`sys/auth/${path}`, { type: 'oidc' })
    await server.root.must(`auth/${path}/config`, {
      oidc_discovery_url: idp.issuer,
      oidc_client_id: path,
      oidc_client_secret: client_secret,
      default_role: 'people',
    })
    await server.root.must(`auth/${path}/role/people`, {
      user_claim: 'sub',
      allowed_redirect_uris: [loopback],
    })
  }
})

after(async () => {
  await server.stop()
  await idp.stop()
})

function start(path: string) {
  const asked = { redirect_uri: loopback, client_nonce: 'nonce' }
  return server.client().write(`auth/${path}/oidc/auth_url`, asked)
}

async function signIn(path: string): Promise<number> {
  const { body } = await start(path)
  const { parameters } = await idp.signIn(body.data.auth_url, 'alice')
  const query = new URLSearchParams({ ...parameters, client_nonce: 'nonce' }).toString()
  return (await server.client().read(`auth/${path}/oidc/callback?${query}`)).status
}

test('the address has the client and the name of the request, and nothing of what was asked', async () => {
  const { body } = await start('basic')
  const { searchParams } = new URL(body.data.auth_url)
  assert.deepEqual([...searchParams.keys()].toSorted(), ['client_id', 'request_uri'])
  assert.match(searchParams.get('request_uri') ?? '', /^urn:ietf:params:oauth:request_uri:/)
})

test('people sign in, the secret sent in either way, and an office does not spend what strangers may', async () => {
  for (const path of ['basic', 'body']) {
    for (let i = 0; i < 15; i++) assert.equal(await signIn(path), 200, `${path} ${i}`)
  }
})

test('starts that lead to nothing call the provider no more often than strangers may (SEC-OID-33)', async () => {
  const statuses: number[] = []
  for (let i = 0; i < 20; i++) statuses.push((await start('basic')).status)
  assert.equal(statuses[0], 200)
  assert.equal(statuses.at(-1), 429)
})

test('a provider that refuses the request gives no address, and the log says why', async () => {
  await server.root.must('auth/body/config', {
    oidc_discovery_url: idp.issuer,
    oidc_client_id: 'body',
    oidc_client_secret: 'another',
    default_role: 'people',
  })
  const { body } = await start('body')
  assert.equal(body.data.auth_url, '')
  const line = log.find((text) => text.includes('no authorization URL was given'))
  assert.match(line ?? '', /\/request answered .*invalid_client/)
})

test('a provider that wants pushed requests and names no place for them gives no address', async () => {
  const setup = await setUpSignIn()
  try {
    setup.idp.metadata = { require_pushed_authorization_requests: true }
    await setup.configure()
    const answer = await setup.authUrl(await setup.role())
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.body.data.auth_url, '')
  } finally {
    await setup.stop()
  }
})
