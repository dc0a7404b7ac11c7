/** JSON texts inside a token: duplicates, encodings, depth, names of inherited properties. All are rightly signed. */

import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import { member } from '../../src/lib/json.ts'
import {
  claims,
  parseAccepted,
  refusalOf,
  signToken,
  withClaimsText,
  withHeaderText,
} from './sample-tokens.ts'

test('SEC-JSN-01 SEC-006: two members of one name are refused at any depth and in any spelling', () => {
  const headers = [
    '{"alg":"RS256","alg":"RS256"}',
    '{"alg":"RS256","kid":"a","kid":"a"}',
    '{"alg":"RS256","\\u0061lg":"none"}',
    '{"alg":"RS256","x":{"a":1,"a":1}}',
  ]
  for (const text of headers) assert.equal(refusalOf(withHeaderText(text)), 'jwt_malformed', text)
  const payloads = [
    '{"sub":"root","sub":"anon"}',
    '{"sub":"root","s\\u0075b":"anon"}',
    '{"aud":"a","aud":["a"]}',
    '{"exp":1,"exp":2}',
    '{"a":{"b":[{"c":1,"d":2,"c":3}]}}',
    '{"__proto__":1,"__proto__":2}',
    '{"1":1,"1":2}',
    '{"":1,"":2}',
  ]
  for (const text of payloads)
    assert.equal(refusalOf(withClaimsText(text)), 'claims_malformed', text)
  assert.equal(refusalOf(withClaimsText('{"a":{"x":1},"b":{"x":1}}')), undefined)
})

test('SEC-JSN-02: claims that are no object are refused', () => {
  for (const text of ['[]', '[{}]', '"x"', '1', 'null', 'true', '']) {
    assert.equal(refusalOf(withClaimsText(text)), 'claims_malformed', text)
  }
  // An empty object has the right form; what is missing in it is for the claim checks.
  assert.equal(refusalOf(withClaimsText('{}')), undefined)
})

test('SEC-JSN-03: text that JSON does not know is refused', () => {
  const texts = [
    '{"a":1}x',
    '{"a":1}{"a":1}',
    '{"a":1,}',
    '{"a":[1,]}',
    '{"a":1}//',
    '{/**/"a":1}',
    "{'a':1}",
    '{a:1}',
    '{"a":"\u0001"}',
    '{"a":"\n"}',
    '{"a":"\0"}',
    '{"a":1}\0',
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":0x10}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":"\\x41"}',
    '{"a":"\\u12"}',
    '{"a":1}\u00a0',
    '{"a":tru}',
  ]
  for (const text of texts) {
    assert.equal(refusalOf(withClaimsText(text)), 'claims_malformed', JSON.stringify(text))
    const header = text.replace('{', '{"alg":"RS256",')
    assert.equal(refusalOf(withHeaderText(header)), 'jwt_malformed', JSON.stringify(header))
  }
})

test('SEC-JSN-04: a byte order mark, UTF-16 and broken UTF-8 are refused', () => {
  const text = '{"alg":"RS256","a":"?"}'
  const broken = [
    [0xff],
    [0xc0, 0xaf],
    [0xe0, 0x80, 0xaf],
    [0xe2, 0x82],
    [0xed, 0xa0, 0x80],
    [0x80],
  ]
  const [front = '', back = ''] = text.split('?')
  const all = [
    Buffer.from(`\u{feff}${text}`),
    Buffer.from(text, 'utf16le'),
    Buffer.from(`\u{feff}${text}`, 'utf16le'),
    ...broken.map((bytes) =>
      Buffer.concat([Buffer.from(front), Buffer.from(bytes), Buffer.from(back)]),
    ),
    ...[
      [0xf4, 0x90, 0x80, 0x80],
      [0xf8, 0x88, 0x80, 0x80, 0x80],
    ].map((bytes) => Buffer.concat([Buffer.from(front), Buffer.from(bytes), Buffer.from(back)])),
  ]
  for (const bytes of all) {
    assert.equal(refusalOf(withHeaderText(bytes)), 'jwt_malformed', bytes.toString('hex'))
    assert.equal(refusalOf(withClaimsText(bytes)), 'claims_malformed', bytes.toString('hex'))
  }
  const jwt = parseAccepted(withClaimsText('{"name":"Zoë 😀 日本"}'))
  assert.equal(member(jwt.claims, 'name'), 'Zoë 😀 日本')
})

test('SEC-JSN-05: lone and swapped surrogates are refused in values and names', () => {
  for (const half of ['\\ud800', '\\udc00', '\\udc00\\ud800', '\\ud800x', '\\uD83D']) {
    assert.equal(refusalOf(withClaimsText(`{"a":"${half}"}`)), 'claims_malformed', half)
    assert.equal(refusalOf(withClaimsText(`{"${half}":1}`)), 'claims_malformed', half)
    assert.equal(
      refusalOf(withHeaderText(`{"alg":"RS256","kid":"${half}"}`)),
      'jwt_malformed',
      half,
    )
  }
  assert.equal(refusalOf(withClaimsText('{"a":"\\ud83d\\ude00"}')), undefined)
})

test('SEC-JSN-10: 64 levels are read, more are refused without a stack overflow', () => {
  const lists = (levels: number): string =>
    `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
  assert.equal(refusalOf(withClaimsText(lists(64))), undefined)
  assert.equal(refusalOf(withClaimsText(lists(65))), 'claims_malformed')
  for (const levels of [10_000, 80_000]) {
    assert.equal(refusalOf(withClaimsText(lists(levels))), 'claims_malformed')
    assert.equal(refusalOf(withClaimsText('{"a":'.repeat(levels / 4))), 'claims_malformed')
    assert.equal(refusalOf(withClaimsText('['.repeat(levels))), 'claims_malformed')
    assert.equal(
      refusalOf(withHeaderText(`{"alg":"RS256","x":${'['.repeat(levels)}`)),
      'jwt_malformed',
    )
  }
})

test('SEC-JSN-11: large but legal texts are quick', () => {
  const names = Array.from({ length: 15_000 }, (_, i) => `"m${i}":1`).join(',')
  const indices = Array.from({ length: 12_000 }, (_, i) => `"${(i * 286_331) % 4_294_967_291}":1`)
  const texts = [
    `{${names}}`,
    `{${indices.join(',')}}`,
    `{"a":[${'1,'.repeat(60_000)}1]}`,
    `{"a":${'9'.repeat(100_000)}}`,
    `{"a":1e${'9'.repeat(100_000)}}`,
    `{"a":"${'\\u0041'.repeat(20_000)}"}`,
    `{"a":"${'\\\\'.repeat(60_000)}"}`,
  ]
  for (const text of texts) {
    const token = withClaimsText(text)
    const startMs = performance.now()
    assert.equal(refusalOf(token), undefined)
    const tookMs = performance.now() - startMs
    // The ruling is 100 ms on an idle machine; the suite may share its processors.
    assert.ok(tookMs < 400, `${tookMs} ms for ${text.slice(0, 20)}`)
  }
})

test('SEC-JSN-12: __proto__ is an ordinary name that changes no other object', () => {
  assert.equal(refusalOf(withHeaderText('{"__proto__":{"alg":"RS256"}}')), 'algorithm_refused')
  const crit = withHeaderText('{"alg":"RS256","__proto__":{"kid":"k","crit":["x"]}}')
  assert.equal(parseAccepted(crit).header.kid, undefined)
  const payload = '{"__proto__":{"sub":"root","exp":9},"constructor":{"prototype":{"sub":"root"}}}'
  const jwt = parseAccepted(withClaimsText(payload))
  assert.equal(member(jwt.claims, 'sub'), undefined)
  assert.equal(jwt.claims['sub'], undefined)
  assert.equal(jwt.claims['exp'], undefined)
  assert.equal(Reflect.get({}, 'sub'), undefined)
})

test('SEC-JSN-13: names of inherited properties are plain data', () => {
  const names = ['toString', 'hasOwnProperty', 'then', 'toJSON', 'length', 'valueOf', 'constructor']
  const jwt = parseAccepted(
    signToken('RS256', {}, Object.fromEntries(names.map((name) => [name, 1]))),
  )
  for (const name of names) assert.equal(member(jwt.claims, name), 1)
  const bare = parseAccepted(signToken('RS256', {}, claims))
  for (const name of names) assert.equal(member(bare.claims, name), undefined)
})

test('SEC-JSN-14: claims of any type pass here untouched, for the claim checks to refuse', () => {
  const odd = { iss: 1, sub: [], jti: {}, aud: [null, ['x']] }
  const jwt = parseAccepted(signToken('RS256', {}, odd))
  assert.deepEqual(JSON.parse(JSON.stringify(jwt.claims)), odd)
})
