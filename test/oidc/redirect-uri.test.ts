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
import { redirectRows } from './redirect-rows.suite.ts'

for (const [name, asked, allowed, isAllowed] of redirectRows) {
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
