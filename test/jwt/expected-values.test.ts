/** No answer to somebody without a right tells what a role expects (explain.md §2); the kit looks at every one. */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { lookForExpectations, startExpectations } from '../harness/expected-values.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { configS, keyK, makeMount } from './fixture.ts'

const canary = (field: string): string => `CANARY-${field}-7f31`
const claims = {
  iss: 'https://iss/',
  sub: canary('sub'),
  aud: canary('aud'),
  team: canary('team'),
  org: { name: canary('org') },
}
const role = {
  role_type: 'jwt',
  user_claim: 'sub',
  bound_audiences: claims.aud,
  bound_subject: claims.sub,
  bound_claims: { team: [claims.team, canary('other')], '/org/name': claims.org.name },
}
let server: TestServer
let mount: string

before(async () => {
  server = await startTestServer()
  mount = await makeMount(server.root, configS)
  await server.root.must(`auth/${mount}/role/r`, role)
  await server.root.must(`auth/${mount}/role/net`, {
    ...role,
    token_bound_cidrs: '203.0.113.0/28',
  })
})
after(() => server.stop())

describe('a refused login tells nothing of the values that its role expects', () => {
  const { aud: _, ...withoutAudience } = claims
  const wrong: Readonly<Record<string, Record<string, unknown>>> = {
    sub: { ...claims, sub: 'CANARY' },
    aud: { ...claims, aud: 'CANARY-aud' },
    'no aud': withoutAudience,
    team: { ...claims, team: 'canary-team-7f31' },
    'team as an object': { ...claims, team: { a: 1 } },
    org: { ...claims, org: {} },
    iss: { ...claims, iss: 'https://iss' },
    all: { iss: 'https://iss/', sub: 'x', aud: 'y', team: 'z' },
  }
  for (const [what, told] of Object.entries(wrong)) {
    test(what, async () => {
      for (const name of ['r', 'net', 'rr']) {
        const body = { role: name, jwt: keyK.sign(told) }
        const answer = await server.client().write(`auth/${mount}/login`, body)
        assert.ok(answer.status === 400 || answer.status === 403, answer.text)
        const { text, headers } = answer
        const seen = text + JSON.stringify(headers)
        for (const field of ['sub', 'aud', 'team', 'other', 'org']) {
          const isOwn = JSON.stringify(told).includes(canary(field))
          assert.equal(!isOwn && seen.includes(canary(field)), false, `${field}: ${text}`)
        }
        assert.doesNotMatch(text, /203\.0\.113/)
      }
    })
  }
})

test('whoever has a token and no right to the role is told as little', async () => {
  const nobody = await server.root.tokenWith(['none'])
  for (const path of [`role/r`, 'lint', 'doctor', 'role']) {
    assert.equal((await nobody.read(`auth/${mount}/${path}`)).status, 403)
  }
  const jwt = keyK.sign({ ...claims, aud: 'y' })
  const explained = await nobody.write('sys/explain/login', { mount, role: 'r', jwt })
  assert.equal(explained.status, 403)
})

test('the kit sees an answer that tells it, and lets the own value of a caller pass', () => {
  const origin = 'http://canary.test'
  startExpectations(origin, false)
  const written = { origin, method: 'POST', token: 't', payload: '', status: 204, answer: '' }
  lookForExpectations({ ...written, path: 'auth/jwt/role/r', body: role })
  const refused = { ...written, path: 'auth/jwt/login', body: {}, token: undefined, status: 400 }
  const told = { ...refused, answer: `wants ${claims.aud}` }
  assert.throws(() => lookForExpectations(told), /CANARY-aud/)
  assert.throws(() => lookForExpectations({ ...told, token: 't', status: 403 }), /CANARY-aud/)
  lookForExpectations({ ...told, payload: JSON.stringify({ jwt: keyK.sign(claims) }) })
  lookForExpectations({ ...told, token: 't', status: 200 })
  startExpectations(origin, true)
  lookForExpectations(told)
})
