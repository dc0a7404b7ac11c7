/**
 * Certificates, keys and suites of a TLS listener, read again at every reload. RFC 8446; RFC 5246
 * for the suites.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { getCiphers, type SecureContextOptions } from 'node:tls'

import { fileProblem } from '../platform/file-problem.ts'
import type { TlsFileSetting, TlsOptions } from './listener-options.ts'

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

/**
 * Rejects when a file cannot be read or does not hold what its setting says. OpenSSL's own words
 * name neither file nor setting, so that each file is looked at here, where both are known.
 */
export async function loadTlsMaterial(options: TlsOptions): Promise<SecureContextOptions> {
  const { clientCa, cipherSuites } = options
  const { cert, key } = await loadPair(options)
  const suites = cipherSuites.flatMap((name) => suiteOf(name) ?? [])
  return {
    cert,
    key,
    minVersion: options.minVersion,
    maxVersion: options.maxVersion,
    honorCipherOrder: true,
    ...(suites.length === 0 ? {} : { ciphers: [...modernSuites, ...suites].join(':') }),
    ...(clientCa === undefined ? {} : { ca: await loadClientCa(options, clientCa) }),
  }
}

async function loadPair(options: TlsOptions): Promise<{ cert: string; key: string }> {
  const { pem } = options
  if (pem.kind === 'text') return { cert: pem.certificate, key: pem.key }
  const [cert, key] = await Promise.all([
    readSetting(options, 'tls_cert_file', pem.certificateFile),
    readSetting(options, 'tls_key_file', pem.keyFile),
  ])
  const certificate = parsed(() => new X509Certificate(cert))
  if (certificate === undefined) {
    throw problem(options, 'tls_cert_file', `${pem.certificateFile} holds no certificate in PEM`)
  }
  const privateKey = parsed(() => createPrivateKey(key))
  if (privateKey === undefined) {
    throw problem(options, 'tls_key_file', `${pem.keyFile} holds no private key in PEM`)
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    const text = `${pem.keyFile} does not belong to the certificate of tls_cert_file, ${pem.certificateFile}`
    throw problem(options, 'tls_key_file', text)
  }
  return { cert, key }
}

async function loadClientCa(
  options: TlsOptions,
  clientCa: NonNullable<TlsOptions['clientCa']>,
): Promise<string> {
  if (clientCa.kind === 'text') return clientCa.text
  const text = await readSetting(options, 'tls_client_ca_file', clientCa.file)
  if (parsed(() => new X509Certificate(text)) !== undefined) return text
  throw problem(options, 'tls_client_ca_file', `${clientCa.file} holds no certificate in PEM`)
}

async function readSetting(
  options: TlsOptions,
  setting: TlsFileSetting,
  path: string,
): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const inWords = fileProblem(path, cause, 'read')
    const text = inWords instanceof Error ? inWords.message : `${path} cannot be read`
    throw problem(options, setting, text)
  }
}

function problem({ places }: TlsOptions, setting: TlsFileSetting, text: string): Error {
  const place = places === undefined ? '' : `${places[setting]}: `
  return new Error(`${place}${setting}: ${text}`)
}

function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}

function suiteOf(name: string): string | undefined {
  if (Object.hasOwn(suiteNames, name)) return suiteNames[name]
  if (modernSuites.includes(name)) return name
  return getCiphers().includes(name.toLowerCase()) ? name : undefined
}
