/** Static keys and CA bundles. The certificates below were valid for one day: of a static key only the key counts. */

import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { signatureAlgorithms } from '../../src/jose/algorithms.ts'
import { parsePemCertificates, parsePemKey } from '../../src/jose/pem-key.ts'
import { verifyWithStaticKeys } from '../../src/jose/verify.ts'
import {
  pairOf,
  pairs,
  parseAccepted,
  signToken,
  unknownPairs,
  verificationKey,
} from './sample-tokens.ts'

const ecCertificate = `-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUePKo+lnFVUeCEqOucJ4EcgHku0wwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIcHJhY3RpY2UwHhcNMjYxMTIzMDQ0MDA0WhcNMjYxMTI0MDQ0
MDA0WjATMREwDwYDVQQDDAhwcmFjdGljZTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABN+KdYnPJVz+VkigbB8UVq5ZGo6PpGEAuYMF658Kx/Xlf10So57HV76/PhAY
OrOTyFXi52CSSlxyrTC9iEfXa16jUzBRMB0GA1UdDgQWBBQodIBl1PwFTQFYFYma
JTnCW7QFbjAfBgNVHSMEGDAWgBQodIBl1PwFTQFYFYmaJTnCW7QFbjAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCVbsncM0YWdm0KiPbq1JfZ3Dsg
6ZtMSH0iWFUvjChCxgIgRWHanPjsGe6srmFef4IPEqkE8iPgJ1GPAIZe1cy5kAY=
-----END CERTIFICATE-----
`
const edCertificate = `-----BEGIN CERTIFICATE-----
MIIBOjCB7aADAgECAhQxHk/zovO/UZukvbyfZGwnHdUcUjAFBgMrZXAwEzERMA8G
A1UEAwwIcHJhY3RpY2UwHhcNMjYxMTIzMDQ0MDA0WhcNMjYxMTI0MDQ0MDA0WjAT
MREwDwYDVQQDDAhwcmFjdGljZTAqMAUGAytlcAMhAFfAD1JnZLEwSqiOYCfkIHzJ
VLYf68IOlqFi/fH26GD9o1MwUTAdBgNVHQ4EFgQUfQHJ+JFyRR+S59GaFXyZrW2e
V2wwHwYDVR0jBBgwFoAUfQHJ+JFyRR+S59GaFXyZrW2eV2wwDwYDVR0TAQH/BAUw
AwEB/zAFBgMrZXADQQBhZju4XQunZsxNKqLokj3WTwqLRVSF/RV79rKRNJgrF0tj
ao+n4bOd3UTnmQQU1DibPlJo28xkjDi1YSznyXoF
-----END CERTIFICATE-----
`
const weakCertificate = `-----BEGIN CERTIFICATE-----
MIIB9DCCAV2gAwIBAgIUEE/FfM0tV0dZzO/ysNiegcgP8b8wDQYJKoZIhvcNAQEL
BQAwDDEKMAgGA1UEAwwBcDAeFw0yNjExMjMwNDQwMDRaFw0yNjExMjQwNDQwMDRa
MAwxCjAIBgNVBAMMAXAwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBAKw5oceb
7DxYx4WJxXDbKNnxaU5lKmniMaXw46UCGq7iVdwuyNNOYcSs//yp01Yrp6DV6wKS
sxylHAAHdTzFG9zLrWpttfirxxA0tgMHGr0JqY4p2buxGAR1Sd6qxJaXTCn3BmEq
naNWgS1C6noCA3JfDUeL5OlMWNm08zUdXDrFAgMBAAGjUzBRMB0GA1UdDgQWBBSw
SHfwndOgsGf1f2l+xf4prGkGVjAfBgNVHSMEGDAWgBSwSHfwndOgsGf1f2l+xf4p
rGkGVjAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4GBAJsUIrHsEYeU
G7W9v1SJ/Xjc/p+Mpt9wfZ+r3W/9ZaKYYF5fhJybESNjnMTyyxL7OZzR0OHrstXw
DL6WqMoWt8acUEQ1hePM2dDoiD+dyu1ehDRdwMNBh1gkSi/S3ilcQufQa2B7G37N
8tPu+rzdrUVxSLMwHhAYrbBAmY8DHAh1
-----END CERTIFICATE-----
`

function spki(pair = pairs.RSA): string {
  return pair.publicKey.export({ format: 'pem', type: 'spki' }).toString()
}

function detailOf(text: string): string | undefined {
  const key = parsePemKey(text)
  return key.ok ? undefined : key.error.detail
}

test('SEC-KEY-20 KEY-004: SPKI keys of every kind are read and verify', () => {
  for (const alg of signatureAlgorithms) {
    const key = parsePemKey(spki(pairOf(alg)))
    assert.ok(key.ok, alg)
    assert.equal(key.value.thumbprint, verificationKey(pairOf(alg)).thumbprint)
    assert.equal(verifyWithStaticKeys(parseAccepted(signToken(alg)), [key.value]).ok, true, alg)
  }
})

test('SEC-KEY-20: the key of a certificate is used, whatever its dates say', () => {
  for (const [text, kind] of [
    [ecCertificate, 'P-256'],
    [edCertificate, 'Ed25519'],
  ] as const) {
    const key = parsePemKey(text)
    assert.ok(key.ok)
    assert.equal(key.value.kind, kind)
    assert.ok(key.value.key.equals(new X509Certificate(text).publicKey))
  }
})

test('SEC-KEY-20: line endings, missing final newline and text in front are fine, text behind is not', () => {
  const pem = spki()
  for (const text of [
    pem,
    pem.trim(),
    pem.replaceAll('\n', '\r\n'),
    `${pem}\n \t\r\n`,
    `key of ci:\n${pem}`,
  ]) {
    assert.equal(detailOf(text), undefined)
  }
  for (const text of [`${pem}x`, pem + pem, pem + ecCertificate, `${pem}# end`]) {
    assert.match(detailOf(text) ?? '', /text after/)
  }
})

test('SEC-KEY-20: private keys are refused and not repeated', () => {
  const rsa = pairs.RSA.privateKey
  const ec = pairs['P-256'].privateKey
  const texts = [
    rsa.export({ format: 'pem', type: 'pkcs8' }),
    rsa.export({ format: 'pem', type: 'pkcs1' }),
    ec.export({ format: 'pem', type: 'sec1' }),
    rsa.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }),
    rsa.export({ format: 'pem', type: 'pkcs1', cipher: 'aes-256-cbc', passphrase: 'x' }),
  ].map(String)
  for (const text of [...texts, `${String(texts[0])}${spki()}`]) {
    assert.equal(detailOf(text), 'this is a private key; only its public half belongs here')
  }
})

test('SEC-KEY-20: PKCS#1, weak keys, other types and broken blocks are refused', () => {
  const pem = spki()
  const pem64 = pem.split('\n')
  assert.match(
    detailOf(pairs.RSA.publicKey.export({ format: 'pem', type: 'pkcs1' }).toString()) ?? '',
    /PKCS#1/,
  )
  const others = [
    generateKeyPairSync('rsa', { modulusLength: 1024 }),
    generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
    ...Object.values(unknownPairs),
    generateKeyPairSync('x25519'),
  ]
  const broken = [
    ...others.map(spki),
    weakCertificate,
    '',
    'text',
    '-----BEGIN PUBLIC KEY-----',
    '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----',
    '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    pem.replace('END PUBLIC', 'END RSA PUBLIC'),
    pem.replace('BEGIN PUBLIC', 'BEGIN CERTIFICATE'),
    [pem64[0], 'Proc-Type: 4', ...pem64.slice(1)].join('\n'),
    [pem64[0], pem64[2], pem64[1], ...pem64.slice(3)].join('\n'),
    pem64[1] ?? '',
    pem + ' '.repeat(70_000),
  ]
  for (const text of broken) assert.notEqual(detailOf(text), undefined, text.slice(0, 200))
})

test('a CA bundle gives each of its certificates and needs one', () => {
  const bundle = parsePemCertificates(`# roots\n${ecCertificate}\nsecond\n${edCertificate}`)
  assert.ok(bundle.ok)
  assert.deepEqual(
    bundle.value.map((text) => new X509Certificate(text).fingerprint256),
    [ecCertificate, edCertificate].map((text) => new X509Certificate(text).fingerprint256),
  )
  const privateKey = pairs.RSA.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  for (const text of ['', 'x', spki(), ecCertificate + privateKey, ecCertificate.slice(0, 200)]) {
    assert.equal(parsePemCertificates(text).ok, false)
  }
})
