/** The parts of `login -method=oidc` that need no server: its words, its code for cameras, its errors. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitLoginError } from '../../src/cli/login/stock-texts.ts'
import { parseOidcParameters } from '../../src/cli/login/oidc-parameters.ts'
import { qrCode } from '../../src/cli/login/qr-code.ts'
import { confirmationCode } from '../../src/lib/confirmation-code.ts'

const defaults = { mount: 'oidc', address: 'https://server.test:8200' }

function parse(words: Readonly<Record<string, string>>, more: Partial<typeof defaults> = {}) {
  return parseOidcParameters(new Map(Object.entries(words)), { ...defaults, ...more })
}

const redirects = [
  ['CLI-006', {}, 'http://localhost:8250/oidc/callback'],
  ['CLI-007', { port: '8400' }, 'http://localhost:8400/oidc/callback'],
  [
    'CLI-008',
    { port: '8400', callbackport: '443', callbackmethod: 'https', callbackhost: 'h' },
    'https://h:443/oidc/callback',
  ],
  ['CLI-009', { callbackmode: 'direct' }, 'https://server.test:8200/v1/auth/oidc/oidc/callback'],
  [
    'CLI-009 with surrounding slashes',
    { callbackmode: 'direct', mount: '/team/oidc/' },
    'https://server.test:8200/v1/auth/team/oidc/oidc/callback',
  ],
] as const

for (const [id, words, redirectUri] of redirects) {
  test(`${id}: ${JSON.stringify(words)} comes back to ${redirectUri}`, () => {
    assert.equal(parse(words).redirectUri, redirectUri)
  })
}

test('CLI-009: an address without a port has no colon in its redirect URI either', () => {
  const { redirectUri } = parse({ callback_mode: 'direct' }, { address: 'https://server.test' })
  assert.equal(redirectUri, 'https://server.test/v1/auth/oidc/oidc/callback')
})

test('SEC-CLI-03: every address of this machine alone may be listened on', () => {
  for (const listenaddress of ['localhost', '127.0.0.1', '127.0.0.2', '::1']) {
    assert.equal(parse({ listenaddress }).listenAddress, listenaddress)
  }
})

test('CLI-008: the listener stays at its own port', () => {
  assert.equal(parse({ port: '8400', callbackport: '443' }).port, 8400)
})

const refused = [
  ['CLI-013', { skip_browser: 'maybe' }, /skip_browser="maybe"/],
  ['SEC-CLI-03', { listenaddress: '0.0.0.0' }, /listenaddress="0\.0\.0\.0": only localhost/],
  ['SEC-CLI-03', { listenaddress: 'host.test' }, /listenaddress="host\.test"/],
  ['', { callbackmode: 'other' }, /callbackmode="other": use client, direct, device/],
  ['', { port: '70000' }, /port="70000"/],
  ['', { rol: 'x' }, /"rol"\. Did you mean "role"\?/],
] as const

for (const [id, words, text] of refused) {
  test(`${id} ${JSON.stringify(words)} is refused by name`, () => {
    assert.throws(() => parse(words), text)
  })
}

test('CLI-004, CLI-005: a code of 17 characters is 13 lines of 25 cells, coloured where the terminal can', () => {
  const plain = (qrCode('https://a.test/bc', '') ?? '').split('\n')
  assert.deepEqual([plain.length, ...new Set(plain.map((line) => line.length))], [13, 25])
  assert.match(plain.join(''), /^[ ▀▄█]+$/u)
  // The quiet zone is drawn, two modules wide.
  assert.match(plain[0] ?? '', /^█{25}$/u)
  const coloured = (qrCode('https://a.test/bc', ' TrueColor ') ?? '').split('\n')
  assert.equal(coloured.length, 13)
  const escape = '\u001b['
  assert.ok(coloured.every((line) => line.startsWith(`${escape}38;2;255;255;255`)))
  assert.ok(coloured.every((line) => line.endsWith(`${escape}0m`)))
  assert.equal(qrCode('x'.repeat(5000), ''), undefined)
})

const errors = [
  ['CLI-001', '', 'Login error', ''],
  ['CLI-001', 'something else', 'Login error', 'something else'],
  ['CLI-002', 'Errors: * This is an error.', 'Login error', 'This is an error.'],
  ['CLI-002', 'Code: 400. Errors:\n\n* This is an error.', 'Login error', 'This is an error.'],
  [
    'CLI-003',
    'Errors:\n\n* Token verification failed. a*b is no issuer.',
    'Token verification failed.',
    'a*b is no issuer.',
  ],
  ['CLI-003', 'Errors:\n\n* Vault login failed. Why.', 'Vault login failed.', 'Why.'],
  ['CLI-003', 'Errors:\n\n* OpenBao login failed. Why.', 'OpenBao login failed.', 'Why.'],
  ['CLI-003', 'Errors:\n\n* Token verification failed. Why.', 'Token verification failed.', 'Why.'],
  ['CLI-003', 'Errors:\n\n* No response from provider. Why.', 'No response from provider.', 'Why.'],
] as const

for (const [id, text, summary, detail] of errors) {
  test(`${id}: ${JSON.stringify(text)} is told in two parts`, () => {
    assert.deepEqual(splitLoginError(text), { summary, detail })
  })
}

test('a confirmation code has two groups of four and differs with its state', () => {
  assert.match(confirmationCode('st_1'), /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
  assert.notEqual(confirmationCode('st_1'), confirmationCode('st_2'))
})
