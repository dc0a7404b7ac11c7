/** Where a server process may call, as its configuration file says: the `outbound` block at the front door. */

import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { plainServer, ServerFolder, type ServerProcess } from './server-process.ts'

const folder = new ServerFolder()
const key = makeJwtMaker('k1')
const started: ServerProcess[] = []
/** What came to the provider: a path, or for a proxy the whole address. */
const asked: string[] = []
let provider: Server
let port = 0

before(async () => {
  provider = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ keys: [key.jwk] }))
  })
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve))
  port = (provider.address() as AddressInfo).port
})

after(async () => {
  await Promise.all(started.map((server) => server.stop()))
  provider.closeAllConnections()
  provider.close()
  folder.remove()
})

async function serverWith(outbound: string): Promise<ApiClient> {
  const env = { HTTP_PROXY: '', http_proxy: '', HTTPS_PROXY: '', https_proxy: '' }
  const server = folder.start('outbound.hcl', `${plainServer}${outbound}\n`, { env })
  started.push(server)
  const root = await server.open()
  await root.must('sys/auth/jwt', { type: 'jwt' })
  asked.length = 0
  return root
}

/** Lets a mount take its keys from there. */
function takeKeys(root: ApiClient, host: string): Promise<ApiResult> {
  return root.call('PUT', 'auth/jwt/config', { jwks_url: `http://${host}:${port}/keys` })
}

function assertRefused(result: ApiResult, host: string): void {
  assert.equal(result.status, 400, `${host}: ${result.text}`)
  assert.match(result.text, /a network that this server must not call/, host)
  // Where a name leads is nothing that the caller is told.
  assert.ok(!/127\.0\.0\.1|::1/.test(result.text.replaceAll(host, '')), result.text)
}

test('a denied network is not called, however the address is written or named (SEC-NET-12)', async () => {
  const root = await serverWith('outbound { deny_networks = ["127.0.0.0/8", "::1/128"] }')
  const hosts = [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '0.0.0.0',
    '[::]',
    '[::ffff:0.0.0.0]',
    // Where a translator or a tunnel makes the IPv4 address of it again.
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[::ffff:0:127.0.0.1]',
    '[::127.0.0.1]',
  ]
  for (const host of hosts) assertRefused(await takeKeys(root, host), host)
  assert.deepEqual(asked, [])
})

test('nothing but the allowed networks is called, and of a name only its allowed addresses (SEC-NET-12)', async () => {
  const elsewhere = await serverWith('outbound { allow_networks = ["192.0.2.0/24"] }')
  for (const host of ['127.0.0.1', 'localhost']) {
    assertRefused(await takeKeys(elsewhere, host), host)
  }
  assert.deepEqual(asked, [])
  const here = await serverWith(
    'outbound {\n  allow_networks = "127.0.0.0/8, 192.0.2.0/24"\n  deny_networks = ["127.0.0.2"]\n}',
  )
  assertRefused(await takeKeys(here, '127.0.0.2'), '127.0.0.2')
  for (const host of ['127.0.0.1', 'localhost']) {
    const result = await takeKeys(here, host)
    assert.equal(result.status, 204, result.text)
  }
  assert.deepEqual(asked, ['/keys', '/keys'])
})

test('without the block providers of this machine are called, metadata services never (SEC-NET-12)', async () => {
  const root = await serverWith('')
  const hosts = [
    '169.254.169.254',
    '[::ffff:169.254.169.254]',
    '0xa9fea9fe',
    '169.254.170.2',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '[fd20:ce::254]',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    '0.0.0.0',
    '[64:ff9b::169.254.169.254]',
    '[2002:a9fe:a9fe::1]',
  ]
  for (const host of hosts) assertRefused(await takeKeys(root, host), host)
  assert.equal((await takeKeys(root, '127.0.0.1')).status, 204)
  assert.deepEqual(asked, ['/keys'])
  // `::1` looks like an IPv4 address of that old form and is none: it is called, and nobody listens there.
  assert.doesNotMatch((await takeKeys(root, '[::1]')).text, /must not call/)
})

test('the switch for link-local networks opens them again, and is warned of (SEC-NET-12)', async () => {
  const root = await serverWith(
    'outbound {\n  insecure_allow_link_local = true\n  deny_networks = ["169.254.169.254/32"]\n}',
  )
  assert.match(
    started.at(-1)?.output ?? '',
    /outbound\.hcl:7:3: outbound: "insecure_allow_link_local" lets whoever configures a mount/,
  )
  assertRefused(await takeKeys(root, '169.254.169.254'), '169.254.169.254')
  assertRefused(await takeKeys(root, '0.0.0.0'), '0.0.0.0')
  const result = await takeKeys(root, '[fe80::1]')
  assert.ok(!result.text.includes('must not call'), result.text)
})

test('the proxy of the block is used instead of those of the environment', async () => {
  const root = await serverWith(`outbound { proxy_address = "http://127.0.0.1:${port}" }`)
  const result = await root.call('PUT', 'auth/jwt/config', { jwks_url: 'http://idp.test/keys' })
  assert.equal(result.status, 204, result.text)
  assert.deepEqual(asked, ['http://idp.test/keys'])
})

test('what is no network or no proxy stops the start with its line, and is not repeated (SEC-CFG-S1)', async () => {
  const wrong = [
    [
      'deny_networks = ["10.0.0.0/33"]',
      /:6:12: outbound: "deny_networks" holds what is no network/,
    ],
    ['allow_networks = "canary"', /:6:12: outbound: "allow_networks" holds what is no network/],
    ['allow_networks = []', /:6:12: outbound: "allow_networks" names no network: leave it out/],
    ['proxy_address = "socks5://u:canary@h"', /:6:12: outbound: "proxy_address" must be http:/],
    ['proxy_address = "http://u:%canary@h"', /:6:12: outbound: "proxy_address" must be http:/],
    [
      `deny_networks = "${'10.0.0.0/8,'.repeat(1001)}"`,
      /:6:12: outbound: "deny_networks" has more than 1000 networks/,
    ],
  ] as const
  for (const [line, text] of wrong) {
    const server = folder.start('wrong.hcl', `${plainServer}outbound { ${line} }\n`)
    assert.equal(await server.exit, 1)
    assert.match(server.output, text)
    assert.ok(!server.output.includes('canary'), server.output)
  }
})
