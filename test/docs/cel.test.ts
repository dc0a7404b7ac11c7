/** The guide to CEL roles: its program is written, lets in whom it says, and what the guide claims of programs holds. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readText } from '../harness/checkout.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer } from '../harness/test-server.ts'
import { blocksOf, ReaderFolder } from './guide.ts'

test('the guide to CEL does what it says', async () => {
  const reader = new ReaderFolder()
  const server = await startTestServer()
  try {
    const keys = makeJwtMaker('key')
    await server.root.must('sys/auth/jwt', { type: 'jwt' })
    await server.root.must('auth/jwt/config', { jwt_validation_pubkeys: [keys.pem] })
    const job = { sub: 'job-1', repository: 'acme/shop' }
    reader.write('main.jwt', keys.sign({ ...job, ref: 'refs/heads/main' }))
    reader.write('branch.jwt', keys.sign({ ...job, ref: 'refs/heads/other' }))
    const guide = readText('docs/how-to/cel.md')
    const env = { VAULT_ADDR: server.url, VAULT_TOKEN: server.rootToken }
    const blocks = blocksOf(guide, 'sh test')
    assert.equal(blocks.length, 2)
    const { code, output, outputs } = await reader.follow(blocks, env)
    assert.equal(code, 0, output)
    assert.match(outputs[1] ?? '', /^token_duration +10m$/m)
    assert.match(outputs[1] ?? '', /^token_policies +\["acme-deploy" "default"\]$/m)

    const [refused = ''] = blocksOf(guide, 'sh refused')
    const turned = await reader.run(refused, env)
    assert.equal(turned.code, 2)
    assert.match(turned.output, /deploys run from main only/)

    const write = (expression: string) =>
      server.root.write('auth/jwt/cel/role/tried', { cel_program: { expression } })
    const login = () =>
      server.client().write('auth/jwt/cel/login', { role: 'tried', jwt: keys.sign(job) })
    for (const unknown of ['claimz.sub == "a"', 'frobnicate(claims.sub)']) {
      assert.equal((await write(unknown)).status, 400, unknown)
    }
    const outcomes = [
      ['claims.absent == "a" ? pb.Auth{} : false', 400],
      ['has(claims.absent) ? false : pb.Auth{}', 200],
      ['"no"', 400],
      ['true', 400],
    ] as const
    for (const [expression, status] of outcomes) {
      assert.ok((await write(expression)).status < 300, expression)
      const answer = await login()
      assert.equal(answer.status, status, `${expression} ${answer.text}`)
      if (status === 200) assert.equal(answer.body.auth.entity_id, '')
    }
  } finally {
    await server.stop()
    reader.remove()
  }
})
