/**
 * Keys and CA certificates that an operator pastes as PEM (RFC 7468; jwt-oidc.md §1.3). Errors
 * never repeat the text.
 */

import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import { err, ok, type Result } from '../lib/result.ts'
import { curveNames, curves, keyKindsText } from './curves.ts'
import { parsePublicJwk, type PublicJwk, type VerificationKey } from './verification-key.ts'

export interface PemProblem {
  /** One sentence without any part of the text. */
  readonly detail: string
}

interface PemBlock {
  readonly label: string
  readonly bytes: Buffer
  /** Position behind the block. */
  readonly end: number
}

const pemCharactersMax = 65_536
const bundleCharactersMax = 4_194_304
const certificatesMax = 1_000

/**
 * One block of a public key or certificate. Text in front of the block is skipped, as PEM readers
 * do.
 */
export function parsePemKey(text: string): Result<VerificationKey, PemProblem> {
  if (text.length > pemCharactersMax) {
    return problem(`a key is at most ${pemCharactersMax} characters long`)
  }
  const block = readBlock(text, 0)
  if (!block.ok) return block
  const { label, bytes, end } = block.value
  if (label.endsWith('PRIVATE KEY')) {
    return problem('this is a private key; only its public half belongs here')
  }
  if (label === 'RSA PUBLIC KEY') {
    return problem('this is a key in PKCS#1 form; write it as "PUBLIC KEY" (SPKI)')
  }
  if (label !== 'PUBLIC KEY' && label !== 'CERTIFICATE') {
    return problem('the PEM block is neither a public key nor a certificate')
  }
  if (text.slice(end).trim() !== '') return problem('there is text after the PEM block')
  const key = publicKeyOf(label, bytes)
  if (key === undefined) return problem('the PEM block does not hold a readable key')
  const jwk = jwkOf(key)
  if (jwk === undefined) return problem(`the key is not ${keyKindsText}`)
  const parsed = parsePublicJwk(jwk, { kid: undefined, alg: undefined })
  return parsed.ok ? parsed : problem(parsed.error)
}

/**
 * Every certificate of a CA bundle, each as a PEM text of its own; at least one has to be readable.
 */
export function parsePemCertificates(text: string): Result<readonly string[], PemProblem> {
  if (text.length > bundleCharactersMax) {
    return problem(`a certificate bundle is at most ${bundleCharactersMax} characters long`)
  }
  const certificates: string[] = []
  let at = 0
  for (let count = 0; count < certificatesMax; count++) {
    const block = readBlock(text, at)
    if (!block.ok) break
    const { label, bytes, end } = block.value
    at = end
    if (label.endsWith('PRIVATE KEY')) return problem('a private key does not belong here')
    const certificate = label === 'CERTIFICATE' ? readCertificate(bytes) : undefined
    if (certificate !== undefined) certificates.push(certificate.toString())
  }
  return certificates.length > 0 ? ok(certificates) : problem('no certificate could be read')
}

const beginMark = '-----BEGIN '
const dashes = '-----'

function readBlock(text: string, from: number): Result<PemBlock, PemProblem> {
  const begin = text.indexOf(beginMark, from)
  if (begin === -1) return problem('no PEM block was found')
  if (
    begin > 0 &&
    text[begin - 1] !== '\n' &&
    text[begin - 1] !== '\r' &&
    text.slice(from, begin).trim() !== ''
  ) {
    return problem('the first line of the PEM block does not begin a line')
  }
  const labelEnd = text.indexOf(dashes, begin + beginMark.length)
  const label = labelEnd === -1 ? '' : text.slice(begin + beginMark.length, labelEnd)
  if (!/^[A-Z0-9]+(?: [A-Z0-9]+)*$/.test(label))
    return problem('the first line of the PEM block is malformed')
  const endMark = `-----END ${label}-----`
  const close = text.indexOf(endMark, labelEnd)
  if (close === -1) return problem('the PEM block has no matching last line')
  const end = close + endMark.length
  // A private key may be encrypted in the old way, with headers; it is refused by its label anyway.
  if (label.endsWith('PRIVATE KEY')) return ok({ label, bytes: Buffer.alloc(0), end })
  const body = text.slice(labelEnd + dashes.length, close).replaceAll(/[ \t\r\n]/g, '')
  const bytes = Buffer.from(body, 'base64')
  if (bytes.length === 0 || bytes.toString('base64') !== body) {
    return problem('the body of the PEM block is not base64')
  }
  return ok({ label, bytes, end })
}

function publicKeyOf(label: 'PUBLIC KEY' | 'CERTIFICATE', bytes: Buffer): KeyObject | undefined {
  try {
    return label === 'CERTIFICATE'
      ? readCertificate(bytes)?.publicKey
      : createPublicKey({ key: bytes, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

function readCertificate(bytes: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes)
  } catch {
    return undefined
  }
}

/**
 * RSASSA-PSS keys (another object identifier) and every other type have no place in the ten
 * algorithms.
 */
function jwkOf(key: KeyObject): PublicJwk | undefined {
  const name = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType
  const crv = curveNames.find((one) => curves[one].platformName === name)
  if (name !== 'rsa' && crv === undefined) return undefined
  const { kty, n = '', e = '', x = '', y = '' } = key.export({ format: 'jwk' })
  if (crv === undefined) return { e, kty: 'RSA', n }
  return kty === 'EC' ? { crv, kty, x, y } : { crv, kty: 'OKP', x }
}

function problem(detail: string): Result<never, PemProblem> {
  return err({ detail })
}
