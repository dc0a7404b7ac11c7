/** The guide to groups: its commands run in order, in one shell, and say what the text says. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer } from '../harness/test-server.ts'
import { readText } from '../harness/checkout.ts'
import { blocksOf, ReaderFolder } from './guide.ts'

test('the guide to groups does what it says', async () => {
  const reader = new ReaderFolder()
  const server = await startTestServer()
  try {
    const keys = makeJwtMaker('key', () => Math.floor(server.clock.nowMs() / 1000))
    const claims = { iss: 'https://iss/', sub: 'dora', aud: 'vault', groups: ['developers', 'all'] }
    reader.write('developer.jwt', keys.sign(claims))
    await server.root.must('sys/auth/jwt', { type: 'jwt' })
    await server.root.must('auth/jwt/config', {
      jwt_validation_pubkeys: [keys.pem],
      bound_issuer: 'https://iss/',
    })
    const blocks = blocksOf(readText('docs/how-to/groups-become-policies.md'), 'sh test')
    assert.equal(blocks.length, 5)
    const { code, output, outputs } = await reader.follow(blocks, {
      VAULT_ADDR: server.url,
      VAULT_TOKEN: server.rootToken,
    })
    assert.equal(code, 0, output)
    const [mapped, external, nested, , leaving] = outputs
    assert.match(mapped ?? '', /\[default reader\]/)
    assert.match(external ?? '', /\[reader\]/)
    assert.match(nested ?? '', /\[deployer reader\]/)
    assert.match(leaving ?? '', /permission denied/)
  } finally {
    await server.stop()
    reader.remove()
  }
})
