/** Where a visitor may be sent, and what is the name of a mount. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import {
  parseMountName,
  parseOwnPath,
  parsePagePath,
  parseReturnPath,
} from '../../src/ui/own-path.ts'

const inside: readonly (readonly [string, string])[] = [
  ['/ui/', '/ui/'],
  ['/ui/?a=b', '/ui/?a=b'],
  ['/ui/signins/1?x=%2F%2Fevil.test', '/ui/signins/1?x=%2F%2Fevil.test'],
  ['/ui//evil.test', '/ui//evil.test'],
  ['/ui/a/../b', '/ui/b'],
  ['/ui/@evil.test', '/ui/@evil.test'],
]

const outside = [
  '',
  '/',
  '/ui',
  'ui/',
  '/v1/sys/seal',
  '//evil.test/ui/',
  '///evil.test/ui/',
  '/\\evil.test',
  '\\\\evil.test/ui/',
  '/ui/\\..\\..\\evil.test',
  '/ui/../v1/sys/seal',
  '/ui/%2e%2e/v1/sys/seal',
  '/ui/.%2E/',
  '/ui/..//evil.test',
  '/uinix/',
  'https://evil.test/ui/',
  'https:/ui/',
  'https:ui/',
  'javascript:alert(1)//ui/',
  'data:text/html,/ui/',
  ' /ui/',
  '\t/ui/',
  '/\tui/',
  '/u\ni/',
  '/ui/\r\nSet-Cookie: a=b',
  '/ui/\u0000',
  '/ui/ü',
  '/ui/ a',
  `/ui/${'a'.repeat(400)}`,
]

suite('SEC-WEB-11: after a sign-in one is sent to own paths only', () => {
  for (const [text, path] of inside) {
    test(`${JSON.stringify(text)} is one`, () => assert.equal(parseReturnPath(text), path))
  }
  for (const text of outside) {
    test(`${JSON.stringify(text.slice(0, 40))} is none`, () => {
      assert.equal(parseReturnPath(text), undefined)
    })
  }
  for (const text of ['/ui/login', '/ui/login/oidc/start', '/ui/login?auto=1', '/ui/sign-out']) {
    test(`${text} would go round in circles`, () => {
      assert.equal(parseReturnPath(text), undefined)
      assert.equal(parseOwnPath(text), text)
    })
  }

  test('colours are changed below /ui/ and where the API asks about a sign-in, nowhere else', () => {
    for (const path of ['/ui/login', '/v1/auth/oidc/oidc/callback', '/v1/auth/a/b/oidc/callback']) {
      assert.equal(parsePagePath(path), path)
    }
    for (const text of [
      ...outside,
      '/v1/auth/oidc/oidc/callback?code=1',
      '/v1/auth/../sys/oidc/callback',
      '/v1/auth/%2e%2e/%2e%2e/oidc/callback',
      '/v1/auth//evil.test/oidc/callback/',
      '/v1/auth/oidc/callback',
      `/v1/auth/${'a'.repeat(300)}/oidc/callback`,
    ]) {
      assert.equal(parsePagePath(text), undefined, text)
    }
  })

  test('whatever the text, the browser stays on the server and below /ui/', () => {
    const parts = [
      '/',
      '\\',
      '.',
      '%2e',
      '%2f',
      '%5c',
      ':',
      '@',
      '?',
      '#',
      'ui',
      'evil.test',
      ';',
      '\t',
    ]
    const texts = fc
      .array(fc.constantFrom(...parts), { maxLength: 12 })
      .map((list) => list.join(''))
    const prefixed = texts.map((text) => `/ui/${text}`)
    fc.assert(
      fc.property(fc.oneof(texts, prefixed, fc.string()), (text) => {
        const path = parseOwnPath(text)
        if (path === undefined) return
        const url = new URL(path, 'https://stile.example:8200/ui/login')
        assert.equal(url.origin, 'https://stile.example:8200')
        assert.ok(url.pathname.startsWith('/ui/'), path)
        // A second reading gives the same.
        assert.equal(parseOwnPath(path), path)
      }),
    )
  })
})

suite('names of mounts', () => {
  const names: readonly (readonly [string, string | undefined])[] = [
    ['oidc', 'oidc'],
    [' oidc/ ', 'oidc'],
    ['auth/corp/sso/', 'corp/sso'],
    ['/auth/jwt', 'jwt'],
    ['', undefined],
    ['/', undefined],
    ['auth/', undefined],
    ['../sys', undefined],
    ['a/../b', undefined],
    ['a//b', undefined],
    ['a?b', undefined],
    ['a#b', undefined],
    ['a%2fb', undefined],
    ['a\\b', undefined],
    ['a\u202eb', undefined],
    ['a'.repeat(129), undefined],
  ]
  for (const [text, name] of names) {
    test(JSON.stringify(text.slice(0, 20)), () => assert.equal(parseMountName(text), name))
  }
})
