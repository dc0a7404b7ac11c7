/**
 * The guide to reverse proxies: each of its configurations stands before a real server where the program is on this machine, and does what the guide asks of a
 * proxy; everywhere their texts have the lines that matter.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ApiClient } from '../harness/api-client.ts'
import { ServerFolder, type ServerProcess } from '../server/server-process.ts'
import type { ReaderFolder } from './guide.ts'
import { blockOf, proxies, skipWithout, standing, type Through } from './proxy-stand.ts'

describe('the guide to reverse proxies', () => {
  const configs = new ServerFolder()
  let server: ServerProcess
  let operator: ApiClient
  let behind = 0

  before(async () => {
    const own = blockOf('hcl').replace('127.0.0.1:8200', '127.0.0.1:0')
    const plain = 'listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n}\n'
    const storage = `storage "lmdb" { path = "${join(configs.path, 'data')}" }\n`
    server = configs.start('server.hcl', `${storage}${plain}${own}`)
    operator = await server.open()
    const [, believing = ''] = await server.urls()
    behind = Number(new URL(believing).port)
    await operator.must('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
    await operator.must('sys/auth/jwt', { type: 'jwt' })
    const rules = { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'here' }
    await operator.must('auth/jwt/role/one', rules)
  })

  after(async () => {
    await server.stop()
    configs.remove()
  })

  test('a listener as the guide has it answers nobody but its proxy', async () => {
    const direct = new ApiClient(`http://127.0.0.1:${behind}`)
    assert.equal((await direct.read('sys/health')).status, 400)
    const headers = { 'X-Forwarded-For': '192.0.2.7' }
    const proxied = await direct.call('GET', 'sys/health', undefined, { headers })
    assert.equal(proxied.status, 200)
  })

  for (const proxy of proxies) {
    test(`the text for ${proxy.version[0]} has the lines that matter`, () => {
      const block = blockOf(proxy.language)
      for (const line of proxy.lines) assert.match(block, line)
    })

    test(
      `${proxy.version[0]} before the server passes all that a client needs, and no forged address`,
      { skip: skipWithout(proxy) },
      () => standing(proxy, behind, check),
    )
  }

  async function check(through: Through, folder: ReaderFolder): Promise<void> {
    // The guide's own check.
    const script = blockOf('sh').replace('https://tokens.example.com', through.url)
    await folder.must(script.replace('192.0.2.7', '127.0.0.1'), {
      VAULT_TOKEN: operator.token ?? '',
      VAULT_CACERT: folder.at('tokens.crt'),
    })

    // Who calls is who calls, whatever the caller says.
    const networks = { allowed_policies: 'default', token_bound_cidrs: '127.0.0.9' }
    await operator.must('auth/token/roles/elsewhere', networks)
    const bound = (await operator.must('auth/token/create/elsewhere')).body.auth.client_token
    const lookup = (localAddress: string, headers: Readonly<Record<string, string>> = {}) =>
      through.ask('GET', '/v1/auth/token/lookup-self', {
        localAddress,
        headers: { 'X-Vault-Token': bound, ...headers },
      })
    assert.equal((await lookup('127.0.0.9')).status, 200)
    assert.equal((await lookup('127.0.0.1')).status, 403)
    const forged = { 'X-Forwarded-For': '127.0.0.9' }
    assert.equal((await lookup('127.0.0.1', forged)).status, 403)

    // Paths come as they were sent.
    await operator.must('secret/data/a/b', { data: { word: 'here' } })
    for (const path of [
      'secret/data/a/b',
      'secret/data/a%2Fb',
      'secret//data/a/b',
      'sys//health',
    ]) {
      const [there, here] = await Promise.all([
        through.ask('GET', `/v1/${path}`, { headers: { 'X-Vault-Token': operator.token ?? '' } }),
        operator.read(path),
      ])
      assert.equal(there.status, here.status, path)
    }
  }
})
