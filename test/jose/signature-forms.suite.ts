/**
 * Forged, sloppy and odd signatures by catalogue row, as whole tokens: what the verifier and the login of a server must both
 * think of each. The malicious encodings are made with the private key itself.
 */

import { constants, createHash, generateKeyPairSync, privateEncrypt, sign } from 'node:crypto'
import type { SignatureAlgorithm } from '../../src/jose/algorithms.ts'
import { curves } from '../../src/jose/curves.ts'
import {
  claims,
  pairOf,
  pairs,
  part,
  publicJwk,
  rawPart,
  signBytes,
  signatureOf,
  signToken,
  withSignature,
} from './sample-tokens.ts'

export interface SignatureForm {
  readonly what: string
  /** Names the key that it is tried with. */
  readonly alg: SignatureAlgorithm
  readonly token: string
  readonly isAccepted: boolean
}

/** As many bytes as a signature can have in a token of 256 KiB, less what header and claims take. */
const signatureBytesMax = 190_000

/** The forms of a row, by its id. Every row has an honest form and one as large as a token may be. */
export const signatureForms: Readonly<Record<string, () => readonly SignatureForm[]>> = {
  'SEC-SIG-04': signedClaimsAlone,
  'SEC-SIG-06': numbersOutOfRange,
  'SEC-SIG-08': highAndLow,
  'SEC-SIG-09': pkcs1Forms,
  'SEC-SIG-10': exchangedPaddings,
  'SEC-SIG-11': otherDigests,
  'SEC-SIG-12': pssForms,
  'SEC-SIG-13': rsaValues,
  'SEC-SIG-14': edwardsForms,
  'SEC-ALG-11': otherCurves,
}

function honest(alg: SignatureAlgorithm, token = signToken(alg)): readonly SignatureForm[] {
  const largest = Buffer.concat([signatureOf(token), Buffer.alloc(signatureBytesMax)])
  return [
    { what: `honest ${alg}`, alg, token, isAccepted: true },
    refused('as long as a token may be', alg, withSignature(token, largest)),
    refused('zeros in front', alg, withSignature(token, Buffer.from(largest).reverse())),
  ]
}

function refused(what: string, alg: SignatureAlgorithm, token: string): SignatureForm {
  return { what: `${alg}: ${what}`, alg, token, isAccepted: false }
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function bytesOf(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex')
}

function signedBytes(token: string): Buffer {
  return Buffer.from(token.slice(0, token.lastIndexOf('.')))
}

// ------------------------------------------------------------ what was signed

function signedClaimsAlone(): readonly SignatureForm[] {
  const head = part({ alg: 'RS256' })
  const text = JSON.stringify(claims)
  const bad = Object.entries({
    'the claims as JSON': text,
    'header and the claims as JSON': `${head}.${text}`,
    'the claims alone': rawPart(text),
  })
  return [
    ...honest('RS256'),
    ...bad.map(([what, signed]) => {
      const signature = sign('sha256', Buffer.from(signed), pairs.RSA.privateKey)
      return refused(what, 'RS256', `${head}.${rawPart(text)}.${rawPart(signature)}`)
    }),
  ]
}

// ------------------------------------------------------------ ECDSA

const ecAlgorithms = [
  ['ES256', 'P-256'],
  ['ES384', 'P-384'],
  ['ES512', 'P-521'],
] as const

function numbersOutOfRange(): readonly SignatureForm[] {
  return ecAlgorithms.flatMap(([alg, kind]) => {
    const { bytes, order } = curves[kind]
    const n = number(order)
    const token = signToken(alg)
    const r = number(signatureOf(token).subarray(0, bytes))
    const s = number(signatureOf(token).subarray(bytes))
    const bad: Record<string, readonly [bigint, bigint]> = {
      '0, 0': [0n, 0n],
      '0, s': [0n, s],
      'r, 0': [r, 0n],
      '1, 1': [1n, 1n],
      'n, n': [n, n],
      'n, s': [n, s],
      'r, n': [r, n],
      'n − 1, n − 1': [n - 1n, n - 1n],
      '1, n − 1': [1n, n - 1n],
      's, r': [s, r],
      'n + 1, s': [n + 1n, s],
    }
    // On P-521 alone the sums have no more bytes than the numbers.
    if (kind === 'P-521') Object.assign(bad, { 'r, s + n': [r, s + n], 'r + n, s': [r + n, s] })
    const pairsOf = Object.entries(bad).map(([what, [a, b]]) =>
      refused(
        what,
        alg,
        withSignature(token, Buffer.concat([bytesOf(a, bytes), bytesOf(b, bytes)])),
      ),
    )
    const zeroDer = Buffer.from('3006020100020100', 'hex')
    return [
      ...honest(alg, token),
      ...pairsOf,
      refused('zeros in DER', alg, withSignature(token, zeroDer)),
    ]
  })
}

function highAndLow(): readonly SignatureForm[] {
  return ecAlgorithms.flatMap(([alg, kind]) => {
    const { bytes, order } = curves[kind]
    const token = signToken(alg)
    const r = signatureOf(token).subarray(0, bytes)
    const other = number(order) - number(signatureOf(token).subarray(bytes))
    const twin = withSignature(token, Buffer.concat([r, bytesOf(other, bytes)]))
    return [
      ...honest(alg, token),
      { what: `${alg}: n − s`, alg, token: twin, isAccepted: true } as const,
    ]
  })
}

function otherCurves(): readonly SignatureForm[] {
  const token = signToken('ES256')
  const p384 = signBytes('ES384', signedBytes(token), pairs['P-384'].privateKey)
  const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  return [
    ...honest('ES256', token),
    refused('a signature of P-384', 'ES256', withSignature(token, p384)),
    refused('a key of secp256k1', 'ES256', signToken('ES256', {}, claims, koblitz)),
    refused('a key of P-256', 'ES384', signToken('ES384', {}, claims, pairs['P-256'])),
  ]
}

// ------------------------------------------------------------ RSA

/** The RSA private operation on any block: what a forger with the key could make. */
function rsaSign(block: Uint8Array): Buffer {
  return privateEncrypt({ key: pairs.RSA.privateKey, padding: constants.RSA_NO_PADDING }, block)
}

function pkcs1Block(info: Uint8Array, change: (block: Buffer) => void = () => {}): Buffer {
  const filler = Buffer.alloc(256 - 3 - info.length, 0xff)
  const block = Buffer.concat([Buffer.from([0, 1]), filler, Buffer.from([0]), info])
  change(block)
  return block
}

function digestInfo(hex: string, digest: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(hex, 'hex'), digest])
}

const sha256Info = '3031300d060960864801650304020105000420'

function digestOf(hash: string, token: string): Buffer {
  return createHash(hash).update(signedBytes(token)).digest()
}

/** The block that a right RS256 signature of that token is the root of. */
export function rightBlock(token: string): Buffer {
  return pkcs1Block(digestInfo(sha256Info, digestOf('sha256', token)))
}

function blockForms(
  token: string,
  blocks: Readonly<Record<string, Buffer>>,
): readonly SignatureForm[] {
  return Object.entries(blocks).map(([what, block]) =>
    refused(what, 'RS256', withSignature(token, rsaSign(block))),
  )
}

function pkcs1Forms(): readonly SignatureForm[] {
  const token = signToken('RS256')
  const hash = digestOf('sha256', token)
  const info = (hex: string): Buffer => digestInfo(hex, hash)
  const right = info(sha256Info)
  const at = 256 - right.length
  const short = (fillers: number, after: Buffer): Buffer =>
    Buffer.concat([
      Buffer.from([0, 1]),
      Buffer.alloc(fillers, 0xff),
      Buffer.from([0]),
      right,
      after,
    ])
  const madeByHand = withSignature(token, rsaSign(pkcs1Block(right)))
  const bad = blockForms(token, {
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
    'bit string': pkcs1Block(info('3031300d060960864801650304020105000320')),
    'element added': pkcs1Block(
      Buffer.concat([info('3033300d060960864801650304020105000420'), Buffer.from([5, 0])]),
    ),
  })
  return [
    ...honest('RS256', token),
    { what: 'the right block made by hand', alg: 'RS256', token: madeByHand, isAccepted: true },
    ...bad,
  ]
}

function otherDigests(): readonly SignatureForm[] {
  const token = signToken('RS256')
  const [sha1, sha512] = [digestOf('sha1', token), digestOf('sha512', token)]
  const cut = digestOf('sha256', token).subarray(0, 31)
  return [
    ...honest('RS256', token),
    ...blockForms(token, {
      'SHA-1': pkcs1Block(digestInfo('3021300906052b0e03021a05000414', sha1)),
      'SHA-512': pkcs1Block(digestInfo('3051300d060960864801650304020305000440', sha512)),
      'digest cut by one': pkcs1Block(digestInfo('3030300d06096086480165030402010500041f', cut)),
    }),
  ]
}

function exchangedPaddings(): readonly SignatureForm[] {
  const [pss, pkcs1] = [signToken('PS256'), signToken('RS256')]
  const asPkcs1 = signBytes('RS256', signedBytes(pss), pairs.RSA.privateKey)
  const asPss = signBytes('PS256', signedBytes(pkcs1), pairs.RSA.privateKey)
  return [
    ...honest('PS256', pss),
    ...honest('RS256', pkcs1),
    refused('the padding of RS256', 'PS256', withSignature(pss, asPkcs1)),
    refused('the padding of PS256', 'RS256', withSignature(pkcs1, asPss)),
  ]
}

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

function pssForms(): readonly SignatureForm[] {
  const token = signToken('PS256')
  const made = (form: PssForm): string =>
    withSignature(token, rsaSign(pssBlock(signedBytes(token), form)))
  const bad: readonly PssForm[] = [
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
  return [
    ...honest('PS256', token),
    { what: 'the right block made by hand', alg: 'PS256', token: made({}), isAccepted: true },
    ...bad.map((form) => refused(JSON.stringify(form), 'PS256', made(form))),
  ]
}

function rsaValues(): readonly SignatureForm[] {
  const n = number(Buffer.from(publicJwk(pairs.RSA.publicKey).n ?? '', 'base64url'))
  return (['RS256', 'PS256'] as const).flatMap((alg) => {
    const token = signToken(alg)
    const s = number(signatureOf(token))
    const values = { '0': 0n, '1': 1n, 'n − 1': n - 1n, n, 'n + 1': n + 1n }
    // The largest number of the same rest that a token has room for.
    const largest = s + (n << BigInt((signatureBytesMax - 257) * 8))
    return [
      ...honest(alg, token),
      ...Object.entries(values).map(([what, value]) =>
        refused(what, alg, withSignature(token, bytesOf(value, 256))),
      ),
      refused('s + n', alg, withSignature(token, bytesOf(s + n, 256))),
      refused('s + n in one byte more', alg, withSignature(token, bytesOf(s + n, 257))),
      refused(
        's + n · 2^k',
        alg,
        withSignature(
          token,
          Buffer.from(largest.toString(16).padStart(signatureBytesMax * 2, '0'), 'hex'),
        ),
      ),
    ]
  })
}

// ------------------------------------------------------------ Ed25519

function littleEndian(bytes: Uint8Array): bigint {
  return number(Buffer.from(bytes).reverse())
}

function littleEndianBytes(value: bigint): Buffer {
  return bytesOf(value, 32).reverse()
}

function edwardsForms(): readonly SignatureForm[] {
  const token = signToken('EdDSA')
  const r = signatureOf(token).subarray(0, 32)
  const s = littleEndian(signatureOf(token).subarray(32))
  const order = number(curves.Ed25519.order)
  const identity = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)])
  const honestS = littleEndianBytes(s)
  const highBits = Buffer.from(honestS)
  highBits.writeUInt8(highBits.readUInt8(31) | 0xe0, 31)
  const bad: Record<string, readonly [Buffer, Buffer]> = {
    'S + L': [r, littleEndianBytes(s + order)],
    'S + 2 L': [r, littleEndianBytes(s + 2n * order)],
    'S = L': [r, littleEndianBytes(order)],
    'S = 0': [r, Buffer.alloc(32)],
    'the identity as R': [identity, honestS],
    'the identity as R, S = 0': [identity, Buffer.alloc(32)],
    'the identity as R, by the owner of the key': [identity, edwardsScalar(token, identity)],
    'high bits of S': [r, highBits],
    '63 bytes': [r, honestS.subarray(0, 31)],
    '65 bytes': [r, Buffer.concat([honestS, Buffer.alloc(1)])],
  }
  return [
    ...honest('EdDSA', token),
    ...Object.entries(bad).map(([what, halves]) =>
      refused(what, 'EdDSA', withSignature(token, Buffer.concat(halves))),
    ),
  ]
}

/** RFC 8032 §5.1.5: with R the identity, S = k·a satisfies the verification equation. */
function edwardsScalar(token: string, identity: Buffer): Buffer {
  const pair = pairOf('EdDSA')
  const seed = Buffer.from(pair.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url')
  const scalar = createHash('sha512').update(seed).digest().subarray(0, 32)
  scalar.writeUInt8(scalar.readUInt8(0) & 0xf8, 0)
  scalar.writeUInt8((scalar.readUInt8(31) & 0x7f) | 0x40, 31)
  const point = Buffer.from(publicJwk(pair.publicKey).x ?? '', 'base64url')
  const k = createHash('sha512').update(identity).update(point).update(signedBytes(token)).digest()
  return littleEndianBytes((littleEndian(k) * littleEndian(scalar)) % number(curves.Ed25519.order))
}
