/** The headers of a login that comes with a request, whatever is in them: read as they were written, or refused with a text that says no value (platform.md §1.6.1). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../../src/framework/refusal.ts'
import { isInlineAuth, requireInlineLogin } from '../../src/http/inline-auth.ts'
import { inlineParameter } from '../harness/inline-auth.ts'
import * as fc from '../harness/properties.ts'

const parameter = 'X-Vault-Inline-Auth-Parameter-'
const stranger = { token: undefined, namespace: '' }
const path = ['X-Vault-Inline-Auth-Path', 'auth/jwt/login']

test('every key and every value comes through as it was', () => {
  const pairs = fc.dictionary(fc.string({ minLength: 1, maxLength: 20 }), fc.jsonValue(), {
    maxKeys: 8,
  })
  fc.assert(
    fc.property(pairs, (given) => {
      const headers = Object.entries(given).flatMap(([key, value], at) => [
        `${parameter}${at}`,
        inlineParameter(key, value),
      ])
      const { data } = requireInlineLogin(['Host', 'a', ...path, ...headers], stranger)
      assert.equal(JSON.stringify(Object.entries(data)), JSON.stringify(Object.entries(given)))
    }),
  )
})

test('what is damaged is a 400 that names its header and says nothing of what was in it', () => {
  const good = inlineParameter('password', 'correct horse battery staple')
  const damaged = fc
    .tuple(
      fc.nat(good.length - 1),
      fc.constantFrom('', '=', '+', '/', '.', '%', ' ', '\u00e9', 'AAAA'),
    )
    .map(([at, put]) => good.slice(0, at) + put + good.slice(at + 1))
  fc.assert(
    fc.property(fc.oneof(damaged, fc.string(), fc.base64String()), (text) => {
      try {
        requireInlineLogin([...path, `${parameter}Password`, text], stranger)
      } catch (problem) {
        assert.ok(problem instanceof Refusal)
        assert.equal(problem.status, 400)
        assert.match(problem.message, /x-vault-inline-auth-parameter-password/)
        assert.doesNotMatch(problem.message, /correct|horse|staple/)
        assert.equal(problem.detail.headers?.['X-Vault-Inline-Auth-Failed'], 'true')
      }
    }),
  )
})

test('a path is that of a request with it, or is refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webPath(), fc.string({ unit: 'grapheme' })), (text) => {
      try {
        const login = requireInlineLogin(['X-Vault-Inline-Auth-Path', text], stranger)
        assert.doesNotMatch(login.path, /^\/|\/$|\/\/|\\|(?:^|\/)\.{1,2}(?:\/|$)/)
      } catch (problem) {
        assert.ok(problem instanceof Refusal)
        assert.equal(problem.status, 400)
      }
    }),
  )
})

test('its names are told from others in any case, and never by a part', () => {
  for (const name of ['X-Vault-Inline-Auth-Path', 'x-vault-INLINE-auth-', `${parameter}x`]) {
    assert.ok(isInlineAuth(name), name)
  }
  for (const name of ['X-Vault-Inline-Auth', 'X-Vault-Inline', 'Y-X-Vault-Inline-Auth-Path', '']) {
    assert.ok(!isInlineAuth(name), name)
  }
})
