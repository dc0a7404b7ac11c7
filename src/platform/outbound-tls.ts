/**
 * TLS of outbound calls: TLS 1.2 or later, the chain is always verified, a given CA replaces the
 * system's roots.
 *
 * Critical certificate extensions: OpenSSL, on which Node rests, understands policy constraints
 * (2.5.29.36), inhibit any-policy (2.5.29.54) and name constraints itself, which are the ones that
 * made such a list necessary elsewhere. It offers Node no way to tolerate one that it does not
 * know, and doing the chain's verification over again by hand would be the greater risk, so a
 * certificate with another critical extension is refused whatever the list says.
 */

import { createHash } from 'node:crypto'
import { checkServerIdentity, type ConnectionOptions, type PeerCertificate } from 'node:tls'
import { systemTrust } from './system-roots.ts'
import { OutboundProblem, type OutboundRequest } from './outbound.ts'

export type TlsTrust = Pick<OutboundRequest, 'caPem' | 'acceptedServerNames'>

/**
 * Options for one origin. They hold for every connection made with them: never share a pool between
 * trusts.
 */
export function tlsOptions(host: string, trust: TlsTrust): ConnectionOptions {
  const names = trust.acceptedServerNames.length > 0 ? trust.acceptedServerNames : [host]
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    // Go takes each certificate of a bundle for an anchor, an intermediate too, and that is what
    // people copy from a browser; OpenSSL wants to be told so.
    ...(trust.caPem === ''
      ? { secureContext: systemTrust() }
      : { ca: trust.caPem, allowPartialTrustChain: true }),
    checkServerIdentity: (_host, certificate) => checkNames(names, certificate),
  }
}

/** Equal for connections that may share a pool. */
export function trustId(host: string, trust: TlsTrust): string {
  return createHash('sha256')
    .update(JSON.stringify([host, trust.caPem, trust.acceptedServerNames]))
    .digest('base64')
}

/**
 * RFC 9525 §2: the names are those of the extension. Node falls back to the common name where there
 * is none, as nobody else does any more.
 */
export function checkServerName(name: string, certificate: PeerCertificate): Error | undefined {
  if (certificate.subjectaltname !== undefined) return checkServerIdentity(name, certificate)
  const problem = new Error('the certificate has no subject alternative names')
  return Object.assign(problem, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
}

function checkNames(names: readonly string[], certificate: PeerCertificate): Error | undefined {
  let problem: Error | undefined
  for (const name of names) {
    problem = checkServerName(name, certificate)
    if (problem === undefined) return undefined
  }
  return problem
}

const certificateTexts: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  CERT_REVOKED: 'the certificate was revoked',
  CERT_SIGNATURE_FAILURE: 'the certificate is not signed by the CA it names',
  CERT_UNTRUSTED: 'the certificate comes from an unknown CA',
  CERT_REJECTED: 'the certificate comes from an unknown CA',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is signed by itself and not by a trusted CA',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate comes from an unknown CA',
  UNABLE_TO_GET_ISSUER_CERT: 'the certificate comes from an unknown CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate comes from an unknown CA',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate comes from an unknown CA',
  UNHANDLED_CRITICAL_EXTENSION: 'the certificate has a critical extension that is not understood',
  INVALID_CA: 'a certificate in the chain is not a CA',
  INVALID_PURPOSE: 'the certificate is not meant for a server',
  PATH_LENGTH_EXCEEDED: 'the chain of certificates is longer than its CA allows',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another host name',
  ERR_TLS_CERT_ALTNAME_FORMAT: 'the names of the certificate cannot be read',
}

/**
 * The TLS problem behind a socket's error, if it is one. Nothing of the certificate itself is
 * repeated.
 */
export function tlsProblem(code: string): OutboundProblem | undefined {
  const text = certificateTexts[code]
  if (text !== undefined) return new OutboundProblem('tls', `TLS: ${text}`)
  if (/^ERR_(?:SSL|TLS|OSSL)_|^EPROTO$|^CERT_|^UNABLE_TO_/.test(code)) {
    const name = /^[A-Z0-9_]{1,60}$/.test(code) ? ` (${code})` : ''
    return new OutboundProblem('tls', `TLS: the handshake failed${name}`)
  }
  return undefined
}
