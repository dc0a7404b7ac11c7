/** Certificates for tests (RFC 5280), signed with node:crypto: authorities, servers, clients, expired ones. */

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  type KeyObject,
} from 'node:crypto'
import { isIP } from 'node:net'

export interface Certificate {
  readonly commonName: string
  /** PEM. */
  readonly certificate: string
  /** PEM, PKCS #8. */
  readonly key: string
}

export interface CertificateOptions {
  readonly commonName: string
  /** Host names and addresses. */
  readonly altNames?: readonly string[]
  /** The authority that signs; without it the certificate signs itself. */
  readonly issuer?: Certificate
  readonly isAuthority?: boolean
  readonly notBefore?: Date
  readonly notAfter?: Date
}

const hourMs = 3_600_000

const oid = {
  commonName: '550403',
  ecdsaWithSha256: '2a8648ce3d040302',
  altName: '551d11',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
} as const

export function makeCertificate(options: CertificateOptions): Certificate {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer: KeyObject =
    options.issuer === undefined ? pair.privateKey : createPrivateKey(options.issuer.key)
  const now = Date.now()
  const algorithm = sequence(objectId(oid.ecdsaWithSha256))
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    name(options.issuer?.commonName ?? options.commonName),
    sequence(
      time(options.notBefore ?? new Date(now - hourMs)),
      time(options.notAfter ?? new Date(now + 24 * hourMs)),
    ),
    name(options.commonName),
    createPublicKey(pair.privateKey).export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions(options))),
  )
  const signature = sign('sha256', body, signer)
  const certificate = sequence(body, algorithm, bitString(signature))
  return {
    commonName: options.commonName,
    certificate: pem('CERTIFICATE', certificate),
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

function extensions(options: CertificateOptions): Buffer[] {
  const list: Buffer[] = []
  if (options.isAuthority === true) {
    list.push(extension(oid.basicConstraints, sequence(tagged(0x01, Buffer.from([0xff])))))
    // keyCertSign and cRLSign.
    list.push(extension(oid.keyUsage, tagged(0x03, Buffer.from([0x01, 0x06]))))
  } else {
    list.push(extension(oid.basicConstraints, sequence()))
  }
  const names = options.altNames ?? []
  if (names.length > 0) list.push(extension(oid.altName, sequence(...names.map(altName))))
  return list
}

function altName(text: string): Buffer {
  if (isIP(text) === 0) return tagged(0x82, Buffer.from(text, 'latin1'))
  if (isIP(text) === 4) return tagged(0x87, Buffer.from(text.split('.').map(Number)))
  if (text !== '::1') throw new Error('of IPv6 only ::1 is known here')
  return tagged(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([1])]))
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(objectId(id), tagged(0x04, value))
}

function name(commonName: string): Buffer {
  const attribute = sequence(objectId(oid.commonName), tagged(0x0c, Buffer.from(commonName)))
  return sequence(tagged(0x31, attribute))
}

/** RFC 5280 §4.1.2.5: UTCTime until 2049, GeneralizedTime from then on. */
function time(date: Date): Buffer {
  const text = `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
  const isShort = date.getUTCFullYear() < 2050
  return tagged(isShort ? 0x17 : 0x18, Buffer.from(isShort ? text.slice(2) : text))
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes)
}

function objectId(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'))
}

function bitString(bytes: Buffer): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([0]), bytes]))
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content])
  const digits = length < 0x100 ? [length] : [length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, 0x80 | digits.length, ...digits]), content])
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
