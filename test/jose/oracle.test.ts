/** Random and damaged input: other implementations as oracles, and no exception whatever comes. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from '../harness/properties.ts'
import { compactVerify } from 'jose'
import { signatureAlgorithms } from '../../src/jose/algorithms.ts'
import { parseCompactJwt } from '../../src/jose/compact-jwt.ts'
import { parseJwkSet } from '../../src/jose/jwk.ts'
import { parsePemKey } from '../../src/jose/pem-key.ts'
import { verifySignature } from '../../src/jose/verify.ts'
import { decodeBase64Url, encodeBase64Url } from '../../src/lib/base64url.ts'
import { encodeJson, parseJson, type JsonLimits } from '../../src/lib/json.ts'
import { createDice, damage } from './damage.ts'
import {
  allTen,
  claims,
  keySet,
  pairOf,
  pairs,
  publicJwk,
  signToken,
  verificationKey,
} from './sample-tokens.ts'

const samples = signatureAlgorithms.map((alg) => ({
  alg,
  token: signToken(alg, { kid: 'k' }),
  pair: pairOf(alg),
  key: verificationKey(pairOf(alg)),
}))

const tokenCharacters =
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n{"\0é'

/** One UTF-16 unit of the text, so that half a surrogate pair may come as well. */
function oneOf(characters: string): fc.Arbitrary<string> {
  return fc.nat(characters.length - 1).map((at) => characters.charAt(at))
}

const edits = fc.array(
  fc.record({
    at: fc.nat(1_000),
    drop: fc.nat(2),
    insert: fc.string({ unit: oneOf(tokenCharacters), maxLength: 2 }),
  }),
  { minLength: 0, maxLength: 2 },
)

function edit(
  text: string,
  changes: readonly { at: number; drop: number; insert: string }[],
): string {
  let edited = text
  for (const { at, drop, insert } of changes) {
    const from = at % (edited.length + 1)
    edited = edited.slice(0, from) + insert + edited.slice(from + drop)
  }
  return edited
}

test('what is accepted here is accepted by an independent library as well', async () => {
  let accepted = 0
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...samples), edits, async ({ token, pair, key }, changes) => {
      const text = edit(token, changes)
      const jwt = parseCompactJwt(text, allTen)
      if (!jwt.ok || !verifySignature(jwt.value, key)) {
        assert.notEqual(text, token)
        return
      }
      accepted++
      const seen = await compactVerify(text.trim(), pair.publicKey)
      assert.deepEqual(JSON.parse(new TextDecoder().decode(seen.payload)), claims)
    }),
    { numRuns: 1_500 },
  )
  assert.ok(accepted > 100, String(accepted))
})

test('random claims come through as the platform reads them', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (payload) => {
      const text = JSON.stringify(payload)
      fc.pre(text.isWellFormed() && !/\\ud[89a-f]/i.test(text))
      const jwt = parseCompactJwt(signToken('EdDSA', {}, payload), allTen)
      assert.ok(jwt.ok || Object.hasOwn(payload, 'events'))
      if (jwt.ok) assert.deepEqual(JSON.parse(encodeJson(jwt.value.claims)), JSON.parse(text))
    }),
    { numRuns: 300 },
  )
})

test('SEC-TOK-08: base64url is canonical: text and bytes stand for each other', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const text = encodeBase64Url(bytes)
      assert.equal(text, Buffer.from(bytes).toString('base64url'))
      assert.deepEqual(decodeBase64Url(text), Buffer.from(bytes))
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: oneOf(tokenCharacters), maxLength: 12 }), (text) => {
      const bytes = decodeBase64Url(text)
      const isCanonical = /^[A-Za-z0-9_-]*$/.test(text) && text.length % 4 !== 1
      if (!isCanonical) assert.equal(bytes, undefined)
      else
        assert.equal(
          bytes !== undefined,
          Buffer.from(text, 'base64url').toString('base64url') === text,
        )
      if (bytes !== undefined) assert.equal(encodeBase64Url(bytes), text)
    }),
    { numRuns: 5_000 },
  )
})

const lenient: JsonLimits = {
  depthMax: 1_000,
  stringLengthMax: 1_000_000,
  entriesMax: 100_000,
  duplicates: 'last',
  loneSurrogates: 'accept',
}

test('a JSON text is read exactly when the platform reads it, with the same value', () => {
  const check = (text: string): void => {
    const mine = parseJson(text, lenient)
    let theirs: unknown
    try {
      theirs = JSON.parse(text)
    } catch {
      assert.equal(mine.ok, false, JSON.stringify(text))
      return
    }
    assert.ok(mine.ok, JSON.stringify(text))
    assert.deepEqual(JSON.parse(encodeJson(mine.value)), theirs)
  }
  fc.assert(fc.property(fc.json(), check), { numRuns: 1_000 })
  fc.assert(
    fc.property(fc.json(), edits, (text, changes) => check(edit(text, changes))),
    { numRuns: 3_000 },
  )
  const alphabet = '{}[]",:.0123eE+-tfn\\u \n\t\r\u00e9\ud800'
  fc.assert(fc.property(fc.string({ unit: oneOf(alphabet), maxLength: 10 }), check), {
    numRuns: 5_000,
  })
})

test('SEC-SUP-05: 50,000 damaged tokens end in a result and never in an exception', () => {
  const dice = createDice(20_261_123)
  let parsed = 0
  for (let i = 0; i < 50_000; i++) {
    const { token } = samples[i % samples.length] ?? { token: '' }
    const [head = '', body = '', signature = ''] = token.split('.')
    const inner = Buffer.from(damage(Buffer.from(body, 'base64url').toString(), dice)).toString(
      'base64url',
    )
    const outer = Buffer.from(damage(Buffer.from(head, 'base64url').toString(), dice)).toString(
      'base64url',
    )
    const texts = [
      damage(token, dice),
      `${head}.${inner}.${signature}`,
      `${outer}.${body}.${signature}`,
    ]
    const jwt = parseCompactJwt(texts[i % 3] ?? '', allTen)
    if (jwt.ok) parsed++
    else assert.equal(typeof jwt.error.detail, 'string')
  }
  assert.ok(parsed > 0)
})

test('SEC-SUP-05: 50,000 damaged JSON texts end in a result and never in an exception', () => {
  const dice = createDice(7)
  const text =
    '{"a":[1,-2.5e3,true,false,null,"x\\u0041\\n\\ud83d\\ude00"],"b":{"c":{},"d":[]},"e":12345678901234567890}'
  for (let i = 0; i < 50_000; i++) {
    const json = parseJson(damage(text, dice), {
      ...lenient,
      duplicates: 'refuse',
      loneSurrogates: 'refuse',
    })
    if (!json.ok) assert.equal(typeof json.error.detail, 'string')
  }
})

test('SEC-SUP-05: damaged key sets and PEM texts end in a result, and what is left of them can be asked', () => {
  const dice = createDice(99)
  const set = JSON.stringify({
    keys: Object.values(pairs).map((pair) => publicJwk(pair.publicKey)),
  })
  const pem = pairs['P-256'].publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const tokens = samples.map(({ token }) => parseCompactJwt(token, allTen))
  for (let i = 0; i < 3_000; i++) {
    const keys = parseJwkSet(damage(set, dice))
    if (keys.ok && i % 30 === 0) {
      for (const jwt of tokens) {
        for (const key of keys.value.keys) if (jwt.ok) verifySignature(jwt.value, key)
      }
    }
    parsePemKey(damage(pem, dice))
  }
  const published = Object.values(pairs).map((pair) => publicJwk(pair.publicKey))
  assert.equal(keySet(...published).length, published.length)
})
