/** Which redirect URIs a sign-in may come back to, and what their parts mean. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bareState,
  formPostRedirect,
  isRedirectAllowed,
  mountOfRedirect,
  splitNamespace,
} from '../../src/oidc/redirect-uri.ts'

type Row = readonly [name: string, asked: string, allowed: readonly string[], isAllowed: boolean]

const rows: readonly Row[] = [
  ['RED-001 exact', 'https://example.com', ['https://example.com'], true],
  ['RED-001 with port', 'https://example.com:5000', ['https://example.com:5000'], true],
  [
    'RED-001 with path',
    'https://example.com/a/b',
    ['https://a.com', 'https://example.com/a/b'],
    true,
  ],
  ['RED-002 localhost', 'https://localhost:9000', ['https://localhost:5000'], true],
  ['RED-002 no port beside one', 'http://localhost/x', ['http://localhost:8250/x'], true],
  ['RED-002 127.0.0.1', 'https://127.0.0.1:9000', ['https://127.0.0.1:5000'], true],
  ['RED-002 [::1]', 'https://[::1]:9000', ['https://[::1]:5000'], true],
  ['RED-003 all of 127/8', 'https://127.0.0.2:9000', ['https://127.0.0.2:5000'], true],
  ['RED-004 path and query', 'https://[::1]:9000/x?y=z', ['https://[::1]:5000/x?y=z'], true],
  ['RED-005 nothing is allowed', 'https://example.com', [], false],
  ['RED-006 scheme', 'http://example.com', ['https://example.com'], false],
  ['RED-007 port', 'https://example.com:9000', ['https://example.com:5000'], false],
  ['RED-008 [::2]', 'https://[::2]:9000', ['https://[::2]:5000'], false],
  ['RED-009 two loopback names', 'https://localhost:5000', ['https://127.0.0.1:5000'], false],
  ['RED-010 scheme of loopback', 'http://localhost:5000', ['https://localhost:5000'], false],
  ['RED-011 query of loopback', 'http://localhost:1/?a=b', ['http://localhost:1/?a=c'], false],
  ['RED-012 path in another case', 'https://example.com/A', ['https://example.com/a'], false],
  ['RED-012 host in another case', 'https://EXAMPLE.com', ['https://example.com'], false],
  ['RED-013 a slash more', 'https://example.com/', ['https://example.com'], false],
  ['RED-014 an unreadable entry', 'http://localhost:1', ['%%%', 'http://localhost:2'], true],
  ['SEC-OID-14 wildcard', 'https://a.example.com', ['https://*.example.com'], false],
  ['SEC-OID-14 prefix', 'https://example.com/cb/x', ['https://example.com/cb'], false],
  [
    'SEC-OID-14 prefix of the host',
    'https://example.com.evil.test',
    ['https://example.com'],
    false,
  ],
  ['SEC-OID-14 user info', 'https://example.com@evil.test', ['https://example.com'], false],
  ['SEC-OID-14 fragment', 'https://example.com#x', ['https://example.com'], false],
  ['SEC-OID-14 fragment, listed', 'https://example.com#x', ['https://example.com#x'], false],
  ['SEC-OID-14 dot segments', 'https://example.com/a/../cb', ['https://example.com/cb'], false],
  ['SEC-OID-14 percent spelling', 'https://example.com/%63b', ['https://example.com/cb'], false],
  ['SEC-OID-14 backslash', 'https://example.com\\@evil.test', ['https://example.com'], false],
  ['SEC-OID-14 line break', 'https://example.com\n', ['https://example.com'], false],
  ['SEC-OID-14 look-alike', 'https://examp\u0131e.com', ['https://example.com'], false],
  ['SEC-OID-14 script, listed', 'javascript:alert(1)', ['javascript:alert(1)'], false],
  ['SEC-OID-14 data, listed', 'data:text/html,x', ['data:text/html,x'], false],
  ['SEC-OID-15 user info on loopback', 'http://u@localhost:1/', ['http://localhost:1/'], false],
  ['SEC-OID-15 another path', 'http://localhost:1/b', ['http://localhost:2/a'], false],
  ['SEC-OID-15 a name that begins so', 'http://localhost.evil.test/', ['http://localhost/'], false],
  ['SEC-OID-15 127.1 is another spelling', 'http://127.1:1/', ['http://127.0.0.1:1/'], false],
  ['RFC 8252 §7.1 an app of its own', 'com.example.app:/cb', ['com.example.app:/cb'], true],
]

for (const [name, asked, allowed, isAllowed] of rows) {
  test(`${name}: ${JSON.stringify(asked)} is ${isAllowed ? 'taken' : 'refused'}`, () => {
    assert.equal(isRedirectAllowed(asked, allowed), isAllowed)
  })
}

test('a namespace is taken out of the address, the rest of the query is sorted', () => {
  assert.deepEqual(splitNamespace('https://x.test/cb?z=1&namespace=a%2Fb&b=2'), {
    redirectUri: 'https://x.test/cb?b=2&z=1',
    namespace: 'a/b',
  })
  assert.deepEqual(splitNamespace('https://x.test/cb?namespace='), {
    redirectUri: 'https://x.test/cb?namespace=',
    namespace: '',
  })
  assert.equal(splitNamespace('http://[')?.namespace, undefined)
})

test('CBK-037 what follows ",ns=" is no part of a state', () => {
  assert.equal(bareState('st_abc,ns=foo'), 'st_abc')
  assert.equal(bareState('st_abc'), 'st_abc')
})

test('OID-017 the UI address becomes that of the API, once', () => {
  assert.equal(
    formPostRedirect('https://s/ui/vault/auth/oidc/oidc/callback'),
    'https://s/v1/auth/oidc/oidc/callback',
  )
})

const mounts: readonly (readonly [id: string, path: string, mount: string | undefined])[] = [
  ['CBK-061', '/v1/auth/oidc', 'oidc'],
  ['CBK-061', '/v1/auth/oidc/foo/a', 'oidc'],
  ['CBK-033', '/v1/auth/oidc/oidc/callback', 'oidc'],
  ['CBK-034', '/v1/auth/team/oidc/oidc/callback', 'team/oidc'],
  ['a namespace between', '/v1/ns1/ns2/auth/oidc/oidc/callback', 'oidc'],
  ['CBK-032', '/oidc/callback', undefined],
  ['nothing behind it', '/v1/auth/', undefined],
]

for (const [id, path, mount] of mounts) {
  test(`${id} the mount of ${path} is ${mount}`, () => {
    assert.equal(mountOfRedirect(`https://server.test${path}`), mount)
    assert.equal(mountOfRedirect(path), mount)
  })
}
