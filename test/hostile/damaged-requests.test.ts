/** Damaged tokens, texts and names at a real server: each gets an answer, and none an exception's (SEC-SUP-05). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { createDice, damage } from '../jose/damage.ts'

const casesMax = 1500
const atOnce = 25

const key = makeJwtMaker('k')
let server: TestServer

before(async () => {
  server = await startTestServer()
  await server.root.must('sys/auth/jwt', { type: 'jwt' })
  await server.root.must('auth/jwt/config', { jwt_validation_pubkeys: [key.pem] })
  await server.root.must('auth/jwt/role/r', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['a'],
  })
})

after(() => server.stop())

interface Sent {
  readonly path: string
  readonly body: string
  readonly type?: string
}

const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['a'] }
const policy =
  'path "kv/+/a*" {\n  capabilities = ["read"]\n  allowed_parameters = { "a" = [1, "x*"] }\n}\n# end'
const json = '{"role":"r","jwt":"x","n":[1,-2.5e3,true,null,"x\\u0041\\ud83d\\ude00"],"o":{"c":{}}}'

/** One honest request to each parser; the text that is damaged on its way there. */
const parsers: Readonly<Record<string, readonly [string, (text: string) => Sent]>> = {
  token: [
    key.sign({ sub: 'u', aud: 'a' }),
    (jwt) => ({ path: 'auth/jwt/login', body: JSON.stringify({ role: 'r', jwt }) }),
  ],
  claims: [
    '{"sub":"u","aud":"a","exp":4102444800,"iat":1,"x":[1,{"y":null}]}',
    (claims) => {
      const part = (text: string) => Buffer.from(text).toString('base64url')
      const jwt = `${part('{"alg":"ES256"}')}.${part(claims)}.AAAA`
      return { path: 'auth/jwt/login', body: JSON.stringify({ role: 'r', jwt }) }
    },
  ],
  json: [json, (body) => ({ path: 'auth/jwt/login', body })],
  form: [
    'role=r&jwt=a.b.c&x=%41%20+&y',
    (body) => ({ path: 'auth/jwt/login', body, type: 'application/x-www-form-urlencoded' }),
  ],
  policy: [
    policy,
    (text) => ({ path: 'sys/policies/acl/p', body: JSON.stringify({ policy: text }) }),
  ],
  duration: [
    '1h30m2.5s',
    (ttl) => ({ path: 'auth/jwt/role/d', body: JSON.stringify({ ...role, token_ttl: ttl }) }),
  ],
  pointer: [
    '/a/b~1c/~0d',
    (user_claim) => ({
      path: 'auth/jwt/role/p',
      body: JSON.stringify({ ...role, user_claim, user_claim_json_pointer: true }),
    }),
  ],
  glob: [
    'https://*.example/?*',
    (glob) => ({
      path: 'auth/jwt/role/g',
      body: JSON.stringify({ ...role, bound_claims_type: 'glob', bound_claims: { a: glob } }),
    }),
  ],
  'PEM key': [
    key.pem,
    (pem) => ({ path: 'auth/jwt/config', body: JSON.stringify({ jwt_validation_pubkeys: [pem] }) }),
  ],
}

async function send({ path, body, type }: Sent): Promise<readonly [number, string]> {
  const answer = await fetch(`${server.url}/v1/${path}`, {
    method: 'POST',
    body,
    headers: {
      'x-vault-token': server.rootToken,
      ...(type === undefined ? {} : { 'content-type': type }),
    },
  })
  return [answer.status, await answer.text()]
}

for (const [name, [honest, request]] of Object.entries(parsers)) {
  test(`${casesMax} damaged texts for the ${name} parser, and a huge one, are answered and never with a fault (SEC-SUP-05)`, async () => {
    const dice = createDice(20_261_128)
    const seen = new Set<number>()
    const ask = async (text: string): Promise<void> => {
      const [status, answer] = await send(request(text))
      assert.ok(status < 500, `${status} for ${JSON.stringify(text).slice(0, 300)}: ${answer}`)
      assert.doesNotMatch(answer, /\bat \S+ \(|\.js:\d|TypeError|RangeError/)
      seen.add(status)
    }
    await ask(honest)
    for (let i = 0; i < casesMax; i += atOnce) {
      await Promise.all(Array.from({ length: atOnce }, () => ask(damage(honest, dice))))
    }
    await ask(honest.repeat(Math.floor(400_000 / honest.length)))
    assert.ok(
      seen.size > 0 && [...seen].every((status) => [200, 204, 400, 413].includes(status)),
      String([...seen]),
    )
    assert.equal((await server.root.read('auth/token/lookup-self')).status, 200)
  })
}

const baitCharacters = 65_536
const baits = [
  '/',
  '=',
  ' ',
  '\n',
  'a',
  '0',
  '9.',
  '-',
  'a.',
  '%',
  '*',
  '+/',
  '{',
  '"',
  '1h',
  ',',
  'é',
]

test('sixty-four KiB of bait at each parser keep nobody waiting (SEC-SUP-04)', async () => {
  for (const [name, [, request]] of Object.entries(parsers)) {
    for (const bait of baits) {
      // With another character at its end, so that what has matched so far is tried again.
      const text = `${bait.repeat(Math.ceil(baitCharacters / bait.length))}\u0001`
      const waits: number[] = []
      // On a busy machine anything may be slow once.
      for (let i = 0; i < 3 && (waits.at(-1) ?? Infinity) > 250; i++) {
        const sent = send(request(text))
        const startMs = performance.now()
        assert.equal((await server.client().read('sys/health')).status, 200)
        waits.push(performance.now() - startMs)
        const [status] = await sent
        assert.ok(status < 500, `${name}: ${status} for ${bait}`)
      }
      assert.ok(Math.min(...waits) <= 250, `${name}: others wait ${waits.join()} ms for ${bait}`)
    }
  }
})
