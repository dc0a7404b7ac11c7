/** Which addresses may be opened by themselves, and which endpoints of a provider people may be sent to. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPlainWebAddress } from '../../src/lib/web-address.ts'
import { readProviderMetadata } from '../../src/oidc/provider-metadata.ts'

const plain = [
  'https://idp.example/authorize?client_id=a&scope=openid+x&state=st_1',
  'http://localhost:8250/oidc/callback',
  'HTTPS://idp.example/a%20b%7C#top',
  'https://[2001:db8::1]:8443/authorize?x=1',
  'https://idp.example/a:b,c;d@e~f?g=/h',
]

const odd = [
  '',
  'idp.example',
  'javascript:alert(1)',
  'file:///etc/passwd',
  'https:idp.example/',
  'https:///idp.example/',
  'ftp://idp.example/',
  'https://idp.example/?x=1|calc.exe',
  'https://idp.example/?x=^&y=1',
  'https://idp.example/?x=%VAULT_TOKEN%',
  'https://idp.example/?x=%4',
  'https://idp.example/?x=%',
  'https://idp.example/?x=$(id)',
  'https://idp.example/?x=`id`',
  "https://idp.example/?x='a'",
  'https://idp.example/?x="a"',
  'https://idp.example/?x=a b',
  'https://idp.example/?x=a\tb',
  'https://idp.example/?x=a\nb',
  'https://idp.example/?x=[a]',
  'https://idp.example/?x=a!b*c',
  'https://idp.example/?x=a\\b',
  'https://idp.example/?x=<a>{b}',
  'https://user:password@idp.example/',
  'https://idp.example@evil.test/',
  'https://idp\u0435.example/',
  ' https://idp.example/',
  `https://idp.example/${'a'.repeat(8192)}`,
]

test('an address of letters, digits, harmless marks and escapes is plain', () => {
  for (const text of plain) assert.equal(isPlainWebAddress(text), true, text)
})

test('an address with syntax of a shell, a launcher or a terminal is not plain', () => {
  for (const text of odd) assert.equal(isPlainWebAddress(text), false, text)
})

test('an authorization endpoint that is not plain is no endpoint, since people are sent there', () => {
  const read = (authorizationEndpoint: string) =>
    readProviderMetadata({
      issuer: 'https://idp.example',
      jwksUri: undefined,
      members: { authorization_endpoint: authorizationEndpoint },
    }).authorizationEndpoint
  assert.equal(read('https://idp.example/authorize?p=1'), 'https://idp.example/authorize?p=1')
  for (const end of ['|calc.exe', '^', '%VAULT_TOKEN%', '"', "'", '$(id)']) {
    assert.equal(read(`https://idp.example/authorize?p=1${end}`), undefined, end)
  }
})
