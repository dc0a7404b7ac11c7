/**
 * The pages for whoever runs a server: their settings are read, and what they say of the log is
 * what the log says. Their commands run in operations-guides.test.ts.
 */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { loginFields, loginMessages } from '../../src/core/login-log.ts'
import { LineLogger } from '../../src/platform/logger.ts'
import { configProblemText, parseServerConfig } from '../../src/server/config-file.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer } from '../harness/test-server.ts'
import { readText } from '../harness/checkout.ts'
import { blocksOf } from './guide.ts'

const pages = ['upgrade', 'backup', 'log-shipping', 'rate-limits']

function pageText(name: string): string {
  return readText(`docs/how-to/${name}.md`)
}

suite('pages for operators', () => {
  test('their settings are read without a warning', () => {
    for (const name of pages) {
      for (const text of blocksOf(pageText(name), 'hcl test')) {
        const listener = text.includes('listener')
          ? ''
          : 'listener "tcp" {\n tls_disable = true\n}\n'
        const whole = `storage "inmem" {}\n${listener}${text}`
        const parsed = parseServerConfig([{ name: 'server.hcl', text: whole }], {})
        if (!parsed.ok) assert.fail(`${name}: ${configProblemText(parsed.error)}`)
        assert.deepEqual(parsed.value.warnings, [], name)
      }
    }
  })
})

test('the reference of the log names what the log says, and the pages name events that there are', async () => {
  const reference = readText('docs/reference/log.md')
  const lines: string[] = []
  const server = await startTestServer({
    logger: new LineLogger({
      level: 'debug',
      format: 'json',
      nowMs: () => Date.now(),
      write: (line) => lines.push(line),
    }),
  })
  const keys = makeJwtMaker()
  await server.root.must('sys/auth/jwt', { type: 'jwt' })
  await server.root.must('auth/jwt/config', { jwt_validation_pubkeys: [keys.pem] })
  await server.root.must('auth/jwt/role/r', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['a'],
  })
  for (const aud of ['a', 'b']) {
    await server.client().write('auth/jwt/login', { role: 'r', jwt: keys.sign({ sub: 's', aud }) })
  }
  await server.stop()
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  const logins = events.filter((event) => event['event'] === 'login')
  assert.deepEqual(
    logins.map((event) => event['@message']),
    [loginMessages.accepted, loginMessages.refused],
  )
  for (const event of events) {
    assert.ok(reference.includes(`\`${String(event['@message'])}\``), String(event['@message']))
    for (const name of Object.keys(event).filter((one) => !one.startsWith('@'))) {
      const known = name in loginFields || reference.includes(`\`${name}\``)
      assert.ok(known, `${String(event['@message'])}: ${name}`)
    }
  }
  const [, alarms = ''] = /^## What to alarm on$(.*)/ms.exec(pageText('log-shipping')) ?? []
  for (const [, event = ''] of alarms.matchAll(/^\| `([^`]+)`/gm)) {
    assert.ok(reference.includes(`\`${event}\``), event)
  }
})
