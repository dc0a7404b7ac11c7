/** User names that look alike or turn the line around (RFC 8725 §2.6): people stay apart, and nobody's screen is deceived. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { LineLogger } from '../../src/platform/logger.ts'
import { Shell } from '../cli-server/fixture.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { Visitor } from '../ui/visitor.ts'

const key = makeJwtMaker()
const lines: string[] = []
let shell: Shell

before(async () => {
  const logger = new LineLogger({
    level: 'info',
    format: 'json',
    nowMs: () => 0,
    write: (text) => void lines.push(text),
  })
  shell = await Shell.start({ ui: true, logger })
  const { root } = shell.server
  await root.must('sys/auth/jwt', { type: 'jwt' })
  await root.must('auth/jwt/config', { jwt_validation_pubkeys: [key.pem] })
  const role = { role_type: 'jwt', bound_audiences: ['a'], token_policies: ['default'] }
  const shown = { claim_mappings: { user: 'name' } }
  await root.must('auth/jwt/role/people', { ...role, ...shown, user_claim: 'user' })
})

after(() => shell.stop())

function login(user: string) {
  const jwt = key.sign({ aud: 'a', sub: 's', user })
  return shell.server.client().write('auth/jwt/login', { role: 'people', jwt })
}

/** Control codes, direction marks, zero-width and other invisible characters as they are. */
const deceiving = /(?![\n\t])[\p{Cc}\p{Cf}]/u

const users = [
  'jeff',
  'jeff\u200b',
  '\u202ejeff',
  'je\u2066ff',
  'j\u0435ff',
  'je\ufb00',
  'Jeff',
  'jeff\u001b[2J',
  '\ufeffjeff',
]

test('users who look alike are different users (SEC-JSN-07)', async () => {
  const entities = new Set<string>()
  for (const user of users) {
    const first = await login(user)
    assert.equal(first.status, 200, `${JSON.stringify(user)}: ${first.text}`)
    entities.add(first.body.auth.entity_id)
    assert.equal((await login(user)).body.auth.entity_id, first.body.auth.entity_id)
  }
  assert.equal(entities.size, users.length)
})

test('terminal, pages and log show what a name hides as escapes, in the longest name too (SEC-JSN-07)', async () => {
  const longest = ['\u202e', '\u200b', 'j\u0301'].map((text) => text.repeat(200))
  for (const user of [...users, ...longest]) {
    lines.length = 0
    const { status, body, text } = await login(user)
    assert.equal(status, 200, text)
    const token = String(body.auth.client_token)
    const env = { VAULT_TOKEN: token }
    for (const words of [
      ['token', 'lookup'],
      ['token', 'lookup', '-format=json'],
    ]) {
      const out = await shell.must(words, { env })
      assert.doesNotMatch(out, deceiving, out)
    }
    const visitor = new Visitor(shell.server.url)
    await visitor.signInWithToken(token)
    const page = await visitor.get('/ui/')
    assert.equal(page.status, 200)
    assert.match(page.text, /jwt-/)
    assert.doesNotMatch(page.text, deceiving, page.text.slice(0, 200))
    if (user.startsWith('\u202e')) {
      assert.match(await shell.must(['token', 'lookup'], { env }), /jwt-\\u202e/)
      assert.match(page.text, /jwt-\\u202e/)
    }
    assert.ok(lines.length > 0)
    // Each line ends in a line feed; inside there is none.
    for (const line of lines) assert.doesNotMatch(line.trimEnd(), deceiving, line)
  }
})
