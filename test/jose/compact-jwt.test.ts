/** The form of a token: size, parts, encoding, header. Every token here is rightly signed unless it says otherwise. */

import assert from 'node:assert/strict'
import { deflateRawSync } from 'node:zlib'
import { test } from 'node:test'
import { parseCompactJwt } from '../../src/jose/compact-jwt.ts'
import { verifySignature } from '../../src/jose/verify.ts'
import {
  allTen,
  claims,
  pairs,
  parseAccepted,
  part,
  publicJwk,
  rawPart,
  refusalOf,
  signParts,
  signToken,
  verificationKey,
  withClaimsText,
  withHeaderText,
} from './sample-tokens.ts'

const honest = signToken('RS256', { kid: 'k1', typ: 'JWT' })
const [head = '', body = '', signature = ''] = honest.split('.')

test('an honest token gives its header, claims, signed bytes and signature', () => {
  const jwt = parseAccepted(honest)
  assert.deepEqual(jwt.header, { alg: 'RS256', kid: 'k1', typ: 'JWT' })
  assert.deepEqual({ ...jwt.claims }, claims)
  assert.equal(Buffer.from(jwt.signed).toString(), `${head}.${body}`)
  assert.equal(Buffer.from(jwt.signature).toString('base64url'), signature)
  assert.deepEqual(parseAccepted(honest).header, jwt.header, 'the remembered header is the same')
})

test('SEC-TOK-01 KEY-009: a wrong number of parts or an empty part is refused and counted', () => {
  assert.equal(refusalOf(''), 'jwt_missing')
  assert.equal(refusalOf(' \n'), 'jwt_missing')
  const malformed = [
    head,
    `${head}.${body}`,
    `${honest}.${signature}`,
    `.${honest}`,
    `${honest}.`,
    `.${body}.${signature}`,
    `${head}.${body}.`,
    '.',
    '..',
    '....',
  ]
  for (const text of malformed) assert.equal(refusalOf(text), 'jwt_malformed', text)
  assert.equal(refusalOf(`${head}..${signature}`), 'claims_malformed')
  const two = parseCompactJwt(`${head}.${body}`, allTen)
  assert.ok(!two.ok)
  assert.equal(two.error.detail, 'three parts expected, two found')
})

test('SEC-TOK-02: hundreds of thousands of dots are refused without splitting', () => {
  assert.equal(refusalOf('.'.repeat(262_144)), 'jwt_malformed')
  assert.equal(refusalOf('.'.repeat(400_000)), 'jwt_too_large')
})

test('SEC-TOK-03: the size is looked at before anything else', () => {
  assert.equal(refusalOf('a'.repeat(262_144)), 'jwt_malformed')
  assert.equal(refusalOf('a'.repeat(262_145)), 'jwt_too_large')
  assert.equal(refusalOf(honest + 'A'.repeat(1_048_576)), 'jwt_too_large')
})

test('SEC-TOK-04: an honest token of 60 KiB is read and verified', () => {
  const groups = Array.from({ length: 1_180 }, (_, i) => `0a1b2c3d-0000-4000-8000-${i + 1e11}`)
  const token = signToken('RS256', {}, { ...claims, groups })
  assert.ok(token.length > 60 * 1024, String(token.length))
  assert.equal(verifySignature(parseAccepted(token), verificationKey(pairs.RSA)), true)
})

test('SEC-TOK-05: padding in any part is refused, also when it was signed', () => {
  assert.equal(refusalOf(`${head}=.${body}.${signature}`), 'jwt_malformed')
  assert.equal(refusalOf(`${head}.${body}==.${signature}`), 'jwt_malformed')
  assert.equal(refusalOf(`${honest}==`), 'jwt_malformed')
  assert.equal(refusalOf(signParts('RS256', head, `${rawPart('{"a":1}')}==`)), 'jwt_malformed')
})

test('SEC-TOK-06: the other base64 alphabet is refused', () => {
  const text = JSON.stringify({ ...claims, name: '~~~???>>>ÿÿÿ' })
  const standard = Buffer.from(text).toString('base64').replaceAll('=', '')
  assert.match(standard, /[+/]/)
  assert.equal(refusalOf(signParts('RS256', head, standard)), 'jwt_malformed')
  assert.equal(refusalOf(signParts('RS256', head, rawPart(text))), undefined)
})

test('SEC-TOK-07: junk, NUL, white space and foreign digits inside a part are refused', () => {
  for (const junk of ['!', '\0', '\n', ' ', '٣', '１', '%', 'é', '😀', '\u{feff}']) {
    for (const token of [
      `${head.slice(0, 4)}${junk}${head.slice(4)}.${body}.${signature}`,
      `${head}.${body.slice(0, 4)}${junk}${body.slice(4)}.${signature}`,
      `${head}.${body}.${signature.slice(0, 4)}${junk}${signature.slice(4)}`,
    ]) {
      assert.notEqual(refusalOf(token), undefined, JSON.stringify(junk))
    }
  }
})

test('SEC-TOK-08: unused final bits are zero', () => {
  assert.equal(rawPart('{"a":10}').slice(-1), '0')
  const loose = `${rawPart('{"a":10}').slice(0, -1)}1`
  assert.equal(Buffer.from(loose, 'base64url').toString(), '{"a":10}')
  assert.equal(refusalOf(signParts('RS256', head, loose)), 'jwt_malformed')
  // 256 bytes leave two characters at the end, of which the last has four unused bits.
  const last = signature.slice(-1)
  const next = String.fromCharCode(last.charCodeAt(0) + 1)
  assert.equal(refusalOf(honest.slice(0, -1) + next), 'jwt_malformed')
})

test('SEC-TOK-09: a part of impossible length is refused', () => {
  assert.equal(refusalOf(`A.${body}.${signature}`), 'jwt_malformed')
  assert.equal(refusalOf(`${head}.AAAAA.${signature}`), 'jwt_malformed')
  assert.equal(refusalOf(`${head}.${body}.AAAAA`), 'jwt_malformed')
})

test('SEC-TOK-10: white space around the token is trimmed', () => {
  for (const text of [`${honest}\n`, `${honest}\r\n`, ` \t${honest} `]) {
    assert.equal(refusalOf(text), undefined)
  }
})

test('SEC-TOK-11: a Bearer word and percent-encoded dots are refused', () => {
  assert.equal(refusalOf(`Bearer ${honest}`), 'not_a_jwt')
  assert.equal(refusalOf(honest.replaceAll('.', '%2E')), 'jwt_malformed')
})

test('SEC-TOK-12 SEC-007: JSON serialisation is refused', () => {
  const flattened = { payload: body, protected: head, signature }
  const general = { payload: body, signatures: [{ protected: head, signature }] }
  const twice = { payload: body, signatures: [general.signatures[0], general.signatures[0]] }
  const outside = { payload: body, header: { alg: 'RS256' }, signature }
  for (const value of [flattened, general, twice, outside]) {
    assert.equal(refusalOf(JSON.stringify(value)), 'not_a_jwt')
    assert.equal(refusalOf(JSON.stringify({ ...value, at: 'a.b.c' })), 'not_a_jwt')
    assert.notEqual(refusalOf(part(value)), undefined)
  }
})

test('SEC-TOK-13: an encrypted token is refused and no decryption is tried', () => {
  const headers = [
    { alg: 'RSA-OAEP', enc: 'A256GCM' },
    { alg: 'dir', enc: 'A128CBC-HS256' },
    { alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2_147_483_647, p2s: 'AAAA' },
  ]
  for (const header of headers) {
    assert.equal(
      refusalOf([part(header), 'AAAA', 'AAAA', 'AAAA', 'AAAA'].join('.')),
      'jwt_encrypted',
    )
    assert.equal(refusalOf(`${part(header)}.AAAA.AAAA`), 'jwt_encrypted')
  }
  assert.equal(refusalOf(signToken('RS256', { enc: 'A128GCM' })), 'jwt_encrypted')
})

test('SEC-TOK-14: a compressed payload is never inflated', () => {
  const small = deflateRawSync(JSON.stringify(claims))
  const bomb = deflateRawSync(JSON.stringify({ ...claims, pad: ' '.repeat(4_000_000) }))
  for (const bytes of [small, bomb]) {
    const token = signParts('RS256', part({ alg: 'RS256', zip: 'DEF' }), rawPart(bytes))
    assert.equal(refusalOf(token), 'header_refused')
    assert.equal(refusalOf(signParts('RS256', head, rawPart(bytes))), 'claims_malformed')
  }
})

test('SEC-TOK-15: a token inside the token is refused', () => {
  const nested = part({ alg: 'RS256', cty: 'JWT' })
  assert.equal(refusalOf(signParts('RS256', nested, rawPart(honest))), 'claims_malformed')
  assert.equal(refusalOf(signParts('RS256', nested, part(honest))), 'claims_malformed')
})

test('SEC-TOK-16: a header that is no JSON object is refused', () => {
  for (const text of [
    '["RS256"]',
    '"RS256"',
    'null',
    '{"alg":"RS256"',
    '{}',
    '1',
    '{"alg":"RS256"}}',
  ]) {
    assert.notEqual(refusalOf(withHeaderText(text)), undefined, text)
  }
})

test('SEC-TOK-17: white space and line breaks inside the JSON texts are fine', () => {
  const token = signParts(
    'RS256',
    rawPart('\r\n{ "alg" :\t"RS256" }\n'),
    rawPart(` ${JSON.stringify(claims, null, 2)}\n`),
  )
  assert.equal(verifySignature(parseAccepted(token), verificationKey(pairs.RSA)), true)
})

test('SEC-TOK-18: unknown header members are fine', () => {
  assert.equal(
    refusalOf(signToken('RS256', { cty: 'x', 'https://x.example': { a: [1] } })),
    undefined,
  )
})

test('SEC-ALG-01 KEY-005: an unsigned token is refused in every spelling', () => {
  const spellings = ['none', 'None', 'NONE', 'nOnE', 'none ', 'none\0', 'ｎｏｎｅ', ' none']
  for (const alg of spellings) {
    for (const end of ['', signature, '=']) {
      assert.equal(refusalOf(`${part({ alg })}.${body}.${end}`), 'algorithm_refused', alg)
    }
  }
})

test('SEC-ALG-02: a missing alg or one of another type is refused', () => {
  for (const alg of [undefined, null, 256, true, ['RS256'], { RS256: 1 }, '']) {
    assert.equal(refusalOf(signToken('RS256', { alg })), 'algorithm_refused', JSON.stringify(alg))
  }
})

test('SEC-ALG-03: a registered name in another case or with a space is refused', () => {
  for (const alg of [
    'rs256',
    'Rs256',
    'RS256 ',
    ' RS256',
    'EDDSA',
    'eddsa',
    'RS256\n',
    'ed25519',
    'ED25519',
    'Ed448',
    'ES256K',
  ]) {
    assert.equal(refusalOf(signToken('RS256', { alg })), 'algorithm_refused', alg)
  }
})

test('SEC-ALG-04: an alg named like an inherited property is refused', () => {
  for (const alg of ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf']) {
    assert.equal(refusalOf(signToken('RS256', { alg })), 'algorithm_refused', alg)
  }
})

test('SEC-ALG-07: an algorithm outside the allow-list is refused, also for a remembered header', () => {
  const rs256 = new Set(['RS256'] as const)
  for (const alg of ['RS512', 'PS256', 'ES256', 'EdDSA'] as const) {
    const token = signToken(alg)
    assert.equal(refusalOf(token), undefined)
    assert.equal(refusalOf(token, rs256), 'algorithm_refused', alg)
  }
  assert.equal(refusalOf(honest, rs256), undefined)
})

test('SEC-ALG-15 SEC-008: crit in any form is refused', () => {
  const lists = [
    ['x'],
    ['exp'],
    ['alg'],
    ['b64'],
    ['toString'],
    ['__proto__'],
    [],
    null,
    'x',
    [1],
    {},
    0,
  ]
  for (const crit of lists) {
    assert.equal(
      refusalOf(signToken('RS256', { crit, x: 1 })),
      'header_refused',
      JSON.stringify(crit),
    )
  }
})

test('SEC-ALG-16: b64 is refused, with or without crit', () => {
  for (const b64 of [false, true, null, 'false']) {
    assert.equal(refusalOf(signToken('RS256', { b64 })), 'header_refused')
    assert.equal(refusalOf(signToken('RS256', { b64, crit: ['b64'] })), 'header_refused')
  }
})

test('SEC-KEY-07: a kid that is no string is refused, null is no kid', () => {
  for (const kid of [1, true, ['k1'], { k: 1 }]) {
    assert.equal(refusalOf(signToken('RS256', { kid })), 'header_refused')
  }
  assert.equal(parseAccepted(signToken('RS256', { kid: null })).header.kid, undefined)
  for (const typ of [1, null, ['JWT']]) {
    assert.equal(refusalOf(signToken('RS256', { typ })), 'header_refused')
  }
})

test('tokens made for another purpose are refused by their type or their event', () => {
  const types = ['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'Logout+JWT', 'application/secevent+jwt']
  for (const typ of [...types, 'APPLICATION/DPOP+JWT', 'logout+jwt; charset=utf-8']) {
    assert.equal(refusalOf(signToken('RS256', { typ })), 'token_type_refused', typ)
  }
  for (const typ of ['JWT', 'at+jwt', 'application/jwt', 'whatever', '']) {
    assert.equal(refusalOf(signToken('RS256', { typ })), undefined, typ)
  }
  const event = 'http://schemas.openid.net/event/backchannel-logout'
  for (const events of [{ [event]: {} }, { [event]: null }, [event], event]) {
    assert.equal(refusalOf(signToken('RS256', {}, { ...claims, events })), 'token_type_refused')
  }
  for (const events of [{ other: {} }, [], null, 'other']) {
    assert.equal(refusalOf(signToken('RS256', {}, { ...claims, events })), undefined)
  }
})

test('SEC-KEY-01 SEC-KEY-02 SEC-KEY-03 SEC-KEY-04 SEC-009: members that carry keys change nothing', () => {
  const own = verificationKey(pairs.RSA)
  const stranger = pairs['P-256']
  const headers = [
    { jwk: publicJwk(stranger.publicKey) },
    { jwk: { kty: 'oct', k: 'AAAA' } },
    { jku: 'https://attacker.example/jwks' },
    { jku: 'file:///etc/passwd' },
    { x5u: 'http://169.254.169.254/latest' },
    { x5c: ['MIIB'], x5t: 'AAAA', 'x5t#S256': 'AAAA' },
  ]
  for (const header of headers) {
    assert.equal(verifySignature(parseAccepted(signToken('RS256', header)), own), true)
    const forged = signToken('ES256', header, claims, stranger)
    assert.equal(verifySignature(parseAccepted(forged), own), false)
  }
})

test('what is clearly something else is called by its name, and nothing of it is repeated', () => {
  const texts = [
    'hvs.CAESIJ',
    's.abcdefghijklmnopqrstuvwx',
    'ghp_abc',
    '-----BEGIN PUBLIC KEY-----',
    '<html>',
  ]
  for (const text of texts) assert.equal(refusalOf(text), 'not_a_jwt', text)
  const secret = 'Zq7canary'
  const tokens = [
    `hvs.${secret}`,
    secret,
    signToken('RS256', { alg: secret }),
    signToken('RS256', { crit: [secret] }),
    withHeaderText(`{"${secret}":1,"${secret}":2}`),
    withClaimsText(`{"${secret}":${secret}}`),
    withClaimsText(secret),
  ]
  for (const token of tokens) {
    const jwt = parseCompactJwt(token, allTen)
    assert.ok(!jwt.ok)
    assert.doesNotMatch(jwt.error.detail, /Zq7/)
  }
})
