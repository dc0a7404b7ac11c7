/** The guide to namespaces: its commands run in order, in one shell, and say what the text says. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readText } from '../harness/checkout.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer } from '../harness/test-server.ts'
import { blocksOf, ReaderFolder } from './guide.ts'

test('the guide to namespaces does what it says', async () => {
  const reader = new ReaderFolder()
  const server = await startTestServer()
  try {
    const keys = makeJwtMaker('key', () => Math.floor(server.clock.nowMs() / 1000))
    const claims = { iss: 'https://iss/', sub: 'job', aud: 'vault' }
    reader.write('job.jwt', keys.sign(claims))
    reader.write('key.pem', keys.pem)
    const blocks = blocksOf(readText('docs/how-to/namespaces.md'), 'sh test')
    assert.equal(blocks.length, 4)
    const { code, output, outputs } = await reader.follow(blocks, {
      VAULT_ADDR: server.url,
      VAULT_TOKEN: server.rootToken,
      ROOT_TOKEN: server.rootToken,
    })
    assert.equal(code, 0, output)
    const [made, inside, fromAbove, ended] = outputs
    assert.match(made ?? '', /^path +team\/$/m)
    assert.match(inside ?? '', /^hunter2/m)
    assert.match(fromAbove ?? '', /^dev/m)
    assert.match(fromAbove ?? '', /permission denied/)
    assert.match(ended ?? '', /must be unlocked to gain access/)
    assert.match(ended ?? '', /Namespace deleted at: team\/$/m)
  } finally {
    await server.stop()
    reader.remove()
  }
})
