/**
 * Certificates, keys and suites of a TLS listener, read again at every reload. RFC 8446; RFC 5246
 * for the suites.
 */

import { readFile } from 'node:fs/promises'
import { getCiphers, type SecureContextOptions } from 'node:tls'

import type { TlsOptions } from './listener-options.ts'

/** Go's names of the TLS 1.2 suites that are still fit for use. */
const suiteNames: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
}

/** The suites of TLS 1.3 are not for choosing. */
const modernSuites = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
]

/** The first configured suite that does not exist, for the configuration's error text. */
export function findUnknownSuite(names: readonly string[]): string | undefined {
  return names.find((name) => suiteOf(name) === undefined)
}

/** Rejects when a file cannot be read; wrong contents show when the server takes them. */
export async function loadTlsMaterial(options: TlsOptions): Promise<SecureContextOptions> {
  const { pem, clientCa, cipherSuites } = options
  const [cert, key] =
    pem.kind === 'text'
      ? [pem.certificate, pem.key]
      : await Promise.all([readFile(pem.certificateFile), readFile(pem.keyFile)])
  const suites = cipherSuites.flatMap((name) => suiteOf(name) ?? [])
  return {
    cert,
    key,
    minVersion: options.minVersion,
    maxVersion: options.maxVersion,
    honorCipherOrder: true,
    ...(suites.length === 0 ? {} : { ciphers: [...modernSuites, ...suites].join(':') }),
    ...(clientCa === undefined
      ? {}
      : { ca: clientCa.kind === 'file' ? await readFile(clientCa.file) : clientCa.text }),
  }
}

function suiteOf(name: string): string | undefined {
  if (Object.hasOwn(suiteNames, name)) return suiteNames[name]
  if (modernSuites.includes(name)) return name
  return getCiphers().includes(name.toLowerCase()) ? name : undefined
}
