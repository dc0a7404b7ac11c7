/** Forged, damaged and sloppy signatures. The malicious encodings are made with the private key itself. */

import assert from 'node:assert/strict'
import { constants, createHash, generateKeyPairSync, privateEncrypt, sign } from 'node:crypto'
import { test } from 'node:test'
import { signatureAlgorithms, type SignatureAlgorithm } from '../../src/jose/algorithms.ts'
import { curves, ed25519Order } from '../../src/jose/curves.ts'
import { verifySignature } from '../../src/jose/verify.ts'
import {
  claims,
  pairOf,
  pairs,
  parseAccepted,
  part,
  rawPart,
  refusalOf,
  signBytes,
  signatureOf,
  signToken,
  verificationKey,
  withSignature,
} from './sample-tokens.ts'

function isAccepted(token: string, alg: SignatureAlgorithm): boolean {
  return (
    refusalOf(token) === undefined &&
    verifySignature(parseAccepted(token), verificationKey(pairOf(alg)))
  )
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function bytesOf(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex')
}

/** The RSA private operation on any block: what a forger with the key could make. */
function rsaSign(block: Uint8Array): Buffer {
  return privateEncrypt({ key: pairs.RSA.privateKey, padding: constants.RSA_NO_PADDING }, block)
}

function signedBytes(token: string): Buffer {
  return Buffer.from(token.slice(0, token.lastIndexOf('.')))
}

test('honest signatures of all ten algorithms are accepted, and damaged ones are not', () => {
  for (const alg of signatureAlgorithms) {
    const token = signToken(alg)
    assert.equal(isAccepted(token, alg), true, alg)
    const damaged = signatureOf(token)
    damaged.writeUInt8(damaged.readUInt8(5) ^ 1, 5)
    assert.equal(isAccepted(withSignature(token, damaged), alg), false, alg)
  }
  const big = generateKeyPairSync('rsa', { modulusLength: 4096 })
  const key = verificationKey(big)
  const jwt = parseAccepted(signToken('RS256', {}, claims, big))
  assert.equal(verifySignature(jwt, key), true)
  assert.equal(verifySignature(parseAccepted(signToken('ES256')), key), false)
})

test('SEC-SIG-01 SEC-SIG-02: damaged, cut, stretched and constant signatures are refused', () => {
  for (const alg of signatureAlgorithms) {
    const token = signToken(alg)
    const good = signatureOf(token)
    const { length } = good
    const flip = (at: number, mask: number): Buffer => {
      const bytes = Buffer.from(good)
      bytes.writeUInt8(bytes.readUInt8(at) ^ mask, at)
      return bytes
    }
    const bad = [
      flip(0, 0x80),
      flip(length - 1, 1),
      flip(length >> 1, 0xff),
      good.subarray(1),
      good.subarray(0, -1),
      good.subarray(0, length >> 1),
      Buffer.concat([good, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), good]),
      Buffer.alloc(length),
      Buffer.alloc(length, 0xff),
      Buffer.from([1]),
      Buffer.alloc(100_000, 7),
    ]
    for (const [index, bytes] of bad.entries()) {
      assert.equal(isAccepted(withSignature(token, bytes), alg), false, `${alg} ${index}`)
    }
  }
})

test('SEC-SIG-03 KEY-006: parts exchanged between two honest tokens do not fit', () => {
  for (const alg of ['RS256', 'ES256', 'EdDSA', 'PS256'] as const) {
    const [h1 = '', c1 = '', s1 = ''] = signToken(alg, { kid: 'a' }).split('.')
    const [h2 = '', c2 = '', s2 = ''] = signToken(
      alg,
      { kid: 'b' },
      { ...claims, sub: 'bob' },
    ).split('.')
    for (const parts of [
      [h2, c1, s1],
      [h1, c2, s1],
      [h1, c1, s2],
    ]) {
      assert.equal(isAccepted(parts.join('.'), alg), false)
    }
  }
})

test('SEC-SIG-04 SEC-ALG-16: a signature over the decoded claims only is refused', () => {
  const head = part({ alg: 'RS256' })
  const text = JSON.stringify(claims)
  for (const signed of [text, `${head}.${text}`, rawPart(text)]) {
    const signature = sign('sha256', Buffer.from(signed), pairs.RSA.privateKey)
    assert.equal(isAccepted(`${head}.${rawPart(text)}.${rawPart(signature)}`, 'RS256'), false)
  }
})

const ecAlgorithms = [
  ['ES256', 'P-256', 'sha256'],
  ['ES384', 'P-384', 'sha384'],
  ['ES512', 'P-521', 'sha512'],
] as const

test('SEC-SIG-05 SEC-SIG-06: r and s out of range are refused for every curve', () => {
  for (const [alg, kind] of ecAlgorithms) {
    const { bytes, order } = curves[kind]
    const n = number(order)
    const token = signToken(alg)
    const r = number(signatureOf(token).subarray(0, bytes))
    const s = number(signatureOf(token).subarray(bytes))
    const bad: [bigint, bigint][] = [
      [0n, 0n],
      [0n, s],
      [r, 0n],
      [1n, 1n],
      [n, n],
      [n, s],
      [r, n],
      [n - 1n, n - 1n],
      [1n, n - 1n],
      [s, r],
      [n + 1n, s],
    ]
    if (kind === 'P-521') bad.push([r, s + n], [r + n, s])
    for (const [a, b] of bad) {
      const signature = Buffer.concat([bytesOf(a, bytes), bytesOf(b, bytes)])
      assert.equal(isAccepted(withSignature(token, signature), alg), false, `${alg} ${a} ${b}`)
    }
    const zeroDer = Buffer.from('3006020100020100', 'hex')
    assert.equal(isAccepted(withSignature(token, zeroDer), alg), false)
  }
})

test('SEC-SIG-07: ECDSA in DER is refused', () => {
  for (const [alg, , hash] of ecAlgorithms) {
    const token = signToken(alg)
    const der = sign(hash, signedBytes(token), pairOf(alg).privateKey)
    assert.equal(isAccepted(withSignature(token, der), alg), false)
  }
})

test('SEC-SIG-08: high s and low s of one signature are both valid', () => {
  for (const [alg, kind] of ecAlgorithms) {
    const { bytes, order } = curves[kind]
    const token = signToken(alg)
    const r = signatureOf(token).subarray(0, bytes)
    const other = number(order) - number(signatureOf(token).subarray(bytes))
    const twin = withSignature(token, Buffer.concat([r, bytesOf(other, bytes)]))
    assert.equal(isAccepted(token, alg) && isAccepted(twin, alg), true)
  }
})

test('SEC-ALG-11: a signature of another curve is refused', () => {
  const p384 = signBytes('ES384', signedBytes(signToken('ES256')), pairs['P-384'].privateKey)
  assert.equal(isAccepted(withSignature(signToken('ES256'), p384), 'ES256'), false)
  const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  assert.equal(isAccepted(signToken('ES256', {}, claims, koblitz), 'ES256'), false)
  const jwt = parseAccepted(signToken('ES384', {}, claims, pairs['P-256']))
  assert.equal(verifySignature(jwt, verificationKey(pairs['P-256'])), false)
  assert.equal(verifySignature(jwt, verificationKey(pairs['P-384'])), false)
})

function pkcs1Block(info: Uint8Array, change: (block: Buffer) => void = () => {}): Buffer {
  const filler = Buffer.alloc(256 - 3 - info.length, 0xff)
  const block = Buffer.concat([Buffer.from([0, 1]), filler, Buffer.from([0]), info])
  change(block)
  return block
}

test('SEC-SIG-09 SEC-SIG-11: only the one right PKCS#1 encoding is accepted', () => {
  const token = signToken('RS256')
  const hash = createHash('sha256').update(signedBytes(token)).digest()
  const sha1 = createHash('sha1').update(signedBytes(token)).digest()
  const sha512 = createHash('sha512').update(signedBytes(token)).digest()
  const info = (hex: string, digest = hash): Buffer =>
    Buffer.concat([Buffer.from(hex, 'hex'), digest])
  const right = info('3031300d060960864801650304020105000420')
  assert.equal(isAccepted(withSignature(token, rsaSign(pkcs1Block(right))), 'RS256'), true)
  const at = 256 - right.length
  const short = (fillers: number, after: Buffer): Buffer =>
    Buffer.concat([
      Buffer.from([0, 1]),
      Buffer.alloc(fillers, 0xff),
      Buffer.from([0]),
      right,
      after,
    ])
  const bad: Record<string, Buffer> = {
    'short padding, garbage behind': short(8, Buffer.alloc(256 - 11 - right.length, 7)),
    'no padding, garbage behind': short(0, Buffer.alloc(256 - 3 - right.length, 7)),
    'one byte behind': short(256 - 4 - right.length, Buffer.alloc(1)),
    'wrong filler': pkcs1Block(right, (block) => block.writeUInt8(0xfe, 9)),
    'zero in the filler': pkcs1Block(right, (block) => block.writeUInt8(0, 90)),
    'block type 0': pkcs1Block(right, (block) => block.writeUInt8(0, 1)),
    'block type 2': pkcs1Block(right, (block) => block.writeUInt8(2, 1)),
    'no separator': pkcs1Block(right, (block) => block.writeUInt8(0xff, at - 1)),
    'hash without DigestInfo': pkcs1Block(hash),
    'NULL parameters missing': pkcs1Block(info('302f300b06096086480165030402010420')),
    'NULL with content': pkcs1Block(info('3033300f0609608648016503040201050201010420')),
    'parameters of another type': pkcs1Block(info('3031300d060960864801650304020104000420')),
    'long form of a length': pkcs1Block(info('308131300d060960864801650304020105000420')),
    'long form inside': pkcs1Block(info('303230810d060960864801650304020105000420')),
    'indefinite length': pkcs1Block(
      Buffer.concat([info('3080300d060960864801650304020105000420'), Buffer.alloc(2)]),
    ),
    'outer length too small': pkcs1Block(info('3030300d060960864801650304020105000420')),
    'hash named SHA-512': pkcs1Block(info('3031300d060960864801650304020305000420')),
    'hash named SHA-1': pkcs1Block(info('302d300906052b0e03021a05000420')),
    'SHA-1': pkcs1Block(info('3021300906052b0e03021a05000414', sha1)),
    'SHA-512': pkcs1Block(info('3051300d060960864801650304020305000440', sha512)),
    'digest cut by one': pkcs1Block(
      info('3030300d06096086480165030402010500041f', hash.subarray(0, 31)),
    ),
    'bit string': pkcs1Block(info('3031300d060960864801650304020105000320')),
    'element added': pkcs1Block(
      Buffer.concat([info('3033300d060960864801650304020105000420'), Buffer.from([5, 0])]),
    ),
  }
  for (const [name, block] of Object.entries(bad)) {
    assert.equal(block.length, 256, name)
    assert.equal(isAccepted(withSignature(token, rsaSign(block)), 'RS256'), false, name)
  }
})

test('SEC-SIG-10: the two RSA paddings do not stand for each other', () => {
  const pkcs1 = signToken('PS256')
  const asPkcs1 = signBytes('RS256', signedBytes(pkcs1), pairs.RSA.privateKey)
  assert.equal(isAccepted(withSignature(pkcs1, asPkcs1), 'PS256'), false)
  const pss = signToken('RS256')
  const asPss = signBytes('PS256', signedBytes(pss), pairs.RSA.privateKey)
  assert.equal(isAccepted(withSignature(pss, asPss), 'RS256'), false)
})

interface PssForm {
  readonly hash?: string
  readonly maskHash?: string
  readonly saltBytes?: number
  readonly trailer?: number
  readonly filler?: number
  readonly separator?: number
  readonly topBits?: number
}

/** RFC 8017 §9.1.1 for a modulus of 2048 bits, with every choice open. */
function pssBlock(message: Uint8Array, form: PssForm): Buffer {
  const { hash = 'sha256', maskHash = hash, saltBytes = 32 } = form
  const digest = (bytes: Uint8Array): Buffer => createHash(hash).update(bytes).digest()
  const salt = Buffer.alloc(saltBytes, 0x5a)
  const h = digest(Buffer.concat([Buffer.alloc(8), digest(message), salt]))
  const dbBytes = 256 - h.length - 1
  const filler = Buffer.alloc(dbBytes - saltBytes - 1, form.filler ?? 0)
  const db = Buffer.concat([filler, Buffer.from([form.separator ?? 1]), salt])
  let mask = Buffer.alloc(0)
  for (let counter = 0; mask.length < dbBytes; counter++) {
    const count = Buffer.alloc(4)
    count.writeUInt32BE(counter)
    mask = Buffer.concat([mask, createHash(maskHash).update(h).update(count).digest()])
  }
  for (let i = 0; i < dbBytes; i++) db.writeUInt8(db.readUInt8(i) ^ mask.readUInt8(i), i)
  db.writeUInt8((db.readUInt8(0) & 0x7f) | (form.topBits ?? 0), 0)
  return Buffer.concat([db, h, Buffer.from([form.trailer ?? 0xbc])])
}

test('SEC-SIG-12: only the one PSS form of the algorithm is accepted', () => {
  const token = signToken('PS256')
  const accepts = (form: PssForm): boolean =>
    isAccepted(withSignature(token, rsaSign(pssBlock(signedBytes(token), form))), 'PS256')
  assert.equal(accepts({}), true)
  const bad: PssForm[] = [
    { saltBytes: 0 },
    { saltBytes: 20 },
    { saltBytes: 31 },
    { saltBytes: 33 },
    { saltBytes: 222 },
    { maskHash: 'sha1' },
    { maskHash: 'sha512' },
    { hash: 'sha1', saltBytes: 20 },
    { hash: 'sha1', saltBytes: 32 },
    { hash: 'sha384', saltBytes: 48 },
    { trailer: 0xcc },
    { trailer: 0xbd },
    { filler: 1 },
    { separator: 2 },
    { separator: 0 },
  ]
  for (const form of bad) assert.equal(accepts(form), false, JSON.stringify(form))
})

test('SEC-SIG-13: RSA values that are 0, 1, n−1 or not reduced are refused', () => {
  const modulus = verificationKey(pairs.RSA).modulus ?? new Uint8Array()
  const n = number(modulus)
  for (const alg of ['RS256', 'PS256'] as const) {
    const token = signToken(alg)
    const s = number(signatureOf(token))
    const bad = [0n, 1n, n - 1n, n, n + 1n]
    for (const value of bad) {
      assert.equal(isAccepted(withSignature(token, bytesOf(value, 256)), alg), false)
    }
    for (const length of [256, 257]) {
      const unreduced = bytesOf(s + n, length)
      assert.equal(isAccepted(withSignature(token, unreduced), alg), false)
    }
  }
})

function littleEndian(bytes: Uint8Array): bigint {
  return number(Buffer.from(bytes).reverse())
}

function littleEndianBytes(value: bigint): Buffer {
  return bytesOf(value, 32).reverse()
}

test('SEC-SIG-14: Ed25519 signatures have a reduced S, an honest R and 64 bytes', () => {
  const token = signToken('EdDSA')
  const r = signatureOf(token).subarray(0, 32)
  const s = littleEndian(signatureOf(token).subarray(32))
  const order = number(ed25519Order)
  const identity = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)])
  const honestS = littleEndianBytes(s)
  const highBits = Buffer.from(honestS)
  highBits.writeUInt8(highBits.readUInt8(31) | 0xe0, 31)
  const bad = [
    [r, littleEndianBytes(s + order)],
    [r, littleEndianBytes(s + 2n * order)],
    [r, littleEndianBytes(order)],
    [r, Buffer.alloc(32)],
    [identity, honestS],
    [identity, Buffer.alloc(32)],
    [r, highBits],
    [r, honestS.subarray(0, 31)],
    [r, Buffer.concat([honestS, Buffer.alloc(1)])],
  ]
  for (const [index, halves] of bad.entries()) {
    assert.equal(
      isAccepted(withSignature(token, Buffer.concat(halves)), 'EdDSA'),
      false,
      String(index),
    )
  }
  assert.equal(isAccepted(token, 'EdDSA'), true)
})

test('SEC-SIG-14: the identity as R is refused even when the owner of the key made it so', () => {
  // RFC 8032 §5.1.5: the secret scalar; with R the identity, S = k·a satisfies the verification equation.
  const pair = pairs.Ed25519
  const seed = Buffer.from(pair.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url')
  const scalar = createHash('sha512').update(seed).digest().subarray(0, 32)
  scalar.writeUInt8(scalar.readUInt8(0) & 0xf8, 0)
  scalar.writeUInt8((scalar.readUInt8(31) & 0x7f) | 0x40, 31)
  const token = signToken('EdDSA')
  const identity = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)])
  const point = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  const k = createHash('sha512').update(identity).update(point).update(signedBytes(token)).digest()
  const s = (littleEndian(k) * littleEndian(scalar)) % number(ed25519Order)
  const forged = Buffer.concat([identity, littleEndianBytes(s)])
  assert.equal(isAccepted(withSignature(token, forged), 'EdDSA'), false)
})
