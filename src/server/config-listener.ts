/**
 * The `listener` blocks of a server configuration (platform.md §9.7): `tcp` and `unix`, each turned
 * into complete options for `http`. Owns the rule that nothing is served in clear without saying
 * so.
 */

import { isIPv4 } from 'node:net'
import {
  parseForwardedFor,
  parseListenAddress,
  servingDefaults,
  tcpListener,
  tlsOptions,
  unixListener,
  type CustomResponseHeaders,
  type ListenerOptions,
  type ListenerTimeouts,
  type ServingOptions,
  type TlsOptions,
  type TlsVersion,
} from '../http/listener-options.ts'
import { findUnknownSuite } from '../http/tls-material.ts'
import { placeText, type ConfigBlock } from './config-block.ts'
import { configSettings } from './config-settings.ts'

const defaultAddress = '127.0.0.1:8200'
const tlsVersions = ['tls10', 'tls11', 'tls12', 'tls13'] as const

export function parseListener(kind: 'tcp' | 'unix', block: ConfigBlock): ListenerOptions {
  const listener = kind === 'tcp' ? parseTcp(block) : parseUnix(block)
  block.finish()
  return listener
}

function parseTcp(block: ConfigBlock): ListenerOptions {
  const text = block.text('address') ?? defaultAddress
  const address = parseListenAddress(text)
  if (address === undefined) block.refuse('address', 'must be host:port, such as 127.0.0.1:8200')
  if (block.has('proxy_protocol_behavior')) {
    block.refuse('proxy_protocol_behavior', 'is not in this version; use x_forwarded_for_*')
  }
  const tls = parseTls(block)
  if (tls === undefined && !isLoopback(address.host)) {
    block.warn(
      'tls_disable',
      'serves plain HTTP to other machines: tokens and secrets pass where anybody on the way can read them',
    )
  }
  return tcpListener({ ...address, ...parseServing(block), tls })
}

function parseTls(block: ConfigBlock): TlsOptions | undefined {
  const disabled = block.bool('tls_disable') ?? false
  const certificateFile = block.text('tls_cert_file') ?? ''
  const keyFile = block.text('tls_key_file') ?? ''
  const minVersion = parseTlsVersion(block, 'tls_min_version') ?? 'TLSv1.2'
  const maxVersion = parseTlsVersion(block, 'tls_max_version') ?? 'TLSv1.3'
  if (minVersion > maxVersion) {
    block.refuse('tls_min_version', 'must not be above tls_max_version')
  }
  const cipherSuites = block.list('tls_cipher_suites')
  if (findUnknownSuite(cipherSuites) !== undefined) {
    block.refuse('tls_cipher_suites', 'names a suite that this server does not offer')
  }
  const requireClientCertificate = block.bool('tls_require_and_verify_client_cert') ?? false
  const withoutClients = block.bool('tls_disable_client_certs') ?? false
  const clientCaFile = block.text('tls_client_ca_file') ?? ''
  if (disabled) {
    warnOfEach(block, tlsNames, 'is not used because of tls_disable')
    // Whoever asks for client certificates must not be left with a door that lets everybody in.
    if (requireClientCertificate) {
      block.refuse('tls_require_and_verify_client_cert', 'needs TLS, and tls_disable is set')
    }
    return undefined
  }
  if (certificateFile === '' || keyFile === '') {
    const missing = certificateFile === '' ? 'tls_cert_file' : 'tls_key_file'
    block.refuse(
      missing,
      'is missing: TLS needs tls_cert_file and tls_key_file; tls_disable = true serves plain HTTP',
    )
  }
  if (requireClientCertificate && withoutClients) {
    block.refuse('tls_disable_client_certs', 'contradicts tls_require_and_verify_client_cert')
  }
  if (requireClientCertificate && clientCaFile === '') {
    block.refuse('tls_require_and_verify_client_cert', 'needs tls_client_ca_file')
  }
  if (!requireClientCertificate) {
    // Whoever names the authorities may think that only what they signed gets in.
    const why = 'has no effect without tls_require_and_verify_client_cert'
    warnOfEach(block, ['tls_client_ca_file'], why)
  }
  return tlsOptions({
    pem: { kind: 'files', certificateFile, keyFile },
    minVersion,
    maxVersion,
    cipherSuites,
    requireClientCertificate,
    clientCa:
      clientCaFile === '' || withoutClients ? undefined : { kind: 'file', file: clientCaFile },
    places: {
      tls_cert_file: placeText(block.placeOf('tls_cert_file')),
      tls_key_file: placeText(block.placeOf('tls_key_file')),
      tls_client_ca_file: placeText(block.placeOf('tls_client_ca_file')),
    },
  })
}

/**
 * Settings of TLS that `tls_disable` makes idle; asking for client certificates stops the start
 * instead.
 */
const tlsNames = [
  'tls_cert_file',
  'tls_key_file',
  'tls_min_version',
  'tls_max_version',
  'tls_cipher_suites',
  'tls_client_ca_file',
] as const

function warnOfEach(block: ConfigBlock, names: readonly string[], message: string): void {
  for (const name of names) if (block.has(name)) block.warn(name, message)
}

/** RFC 8996: TLS 1.0 and 1.1 are not for use any more. */
function parseTlsVersion(block: ConfigBlock, name: string): TlsVersion | undefined {
  const version = block.oneOf(name, tlsVersions)
  if (version === undefined) return undefined
  if (version === 'tls12') return 'TLSv1.2'
  if (version === 'tls13') return 'TLSv1.3'
  return block.refuse(name, 'must be tls12 or tls13')
}

function parseUnix(block: ConfigBlock): ListenerOptions {
  const path = block.text('address') ?? ''
  if (path === '') block.refuse('address', 'must be the path of the socket')
  const modeText = block.text('socket_mode') ?? ''
  if (!/^[0-7]{0,4}$/.test(modeText)) block.refuse('socket_mode', 'must be octal, such as "0600"')
  const uid = parseAccountId(block, 'socket_user')
  const gid = parseAccountId(block, 'socket_group')
  return unixListener({
    path,
    ...parseServing(block),
    ...(modeText === '' ? {} : { mode: Number.parseInt(modeText, 8) }),
    owner: uid === undefined && gid === undefined ? undefined : { uid: uid ?? -1, gid: gid ?? -1 },
  })
}

/**
 * The number alone: names would have to be looked up where the process may not be able to. -1
 * leaves it as it is.
 */
function parseAccountId(block: ConfigBlock, name: string): number | undefined {
  const text = block.text(name) ?? ''
  if (text === '') return undefined
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : block.refuse(name, 'must be the numeric id')
}

function parseServing(block: ConfigBlock): ServingOptions {
  const requestBytesMax = block.integer('max_request_size') ?? 0
  const requestDurationMsMax = block.durationMs('max_request_duration') ?? 0
  return {
    ...servingDefaults,
    // Vault compatibility: 0 stands for the default, a negative size for no bound.
    requestBytesMax: requestBytesMax === 0 ? servingDefaults.requestBytesMax : requestBytesMax,
    requestDurationMsMax:
      requestDurationMsMax === 0 ? servingDefaults.requestDurationMsMax : requestDurationMsMax,
    timeouts: parseTimeouts(block),
    forwardedFor: parseForwarded(block),
    customResponseHeaders: parseResponseHeaders(block),
    switches: {
      ...servingDefaults.switches,
      unauthenticatedMetricsAccess: parseMetricsAccess(block),
      unauthenticatedGenerateRoot: parseOpening(block, 'disable_unauthed_generate_root_endpoints'),
      unauthenticatedRekey: parseOpening(block, 'disable_unauthed_rekey_endpoints'),
    },
  }
}

function parseMetricsAccess(block: ConfigBlock): boolean {
  const telemetry = block.block('telemetry', configSettings.telemetry)
  const isOpen = telemetry?.bool('unauthenticated_metrics_access') ?? false
  telemetry?.finish()
  return isOpen
}

/** A path for strangers is opened by saying that it shall not be closed. */
function parseOpening(block: ConfigBlock, name: string): boolean {
  const isOpen = block.bool(name) === false
  if (isOpen) {
    block.warn(name, 'lets everybody who reaches this listener begin and end such an operation')
  }
  return isOpen
}

function parseTimeouts(block: ConfigBlock): ListenerTimeouts {
  const { headersMs, idleMs, readMs, writeMs } = servingDefaults.timeouts
  return {
    headersMs: block.durationMs('http_read_header_timeout') || headersMs,
    readMs: block.durationMs('http_read_timeout') || readMs,
    idleMs: block.durationMs('http_idle_timeout') ?? idleMs,
    writeMs: block.durationMs('http_write_timeout') ?? writeMs,
  }
}

const forwardedNames = [
  'x_forwarded_for_hop_skips',
  'x_forwarded_for_reject_not_authorized',
  'x_forwarded_for_reject_not_present',
] as const
const withoutProxies = 'has no effect without x_forwarded_for_authorized_addrs'

function parseForwarded(block: ConfigBlock): ServingOptions['forwardedFor'] {
  const hopSkips = block.integer('x_forwarded_for_hop_skips') ?? 0
  if (hopSkips < 0) block.refuse('x_forwarded_for_hop_skips', 'must not be negative')
  const options = parseForwardedFor({
    authorizedAddresses: block.list('x_forwarded_for_authorized_addrs'),
    hopSkips,
    rejectNotAuthorized: block.bool('x_forwarded_for_reject_not_authorized') ?? true,
    rejectNotPresent: block.bool('x_forwarded_for_reject_not_present') ?? true,
  })
  if (options.ok) {
    if (options.value === undefined) warnOfEach(block, forwardedNames, withoutProxies)
    return options.value
  }
  return block.refuse('x_forwarded_for_authorized_addrs', 'holds what is no address or network')
}

/** `custom_response_headers { "default" = { "Name" = ["value"] } "4xx" = { … } "404" = { … } }` */
function parseResponseHeaders(block: ConfigBlock): CustomResponseHeaders {
  const classes = block.block('custom_response_headers')
  if (classes === undefined) return {}
  return Object.fromEntries(
    classes.names.map((status) => {
      if (!/^(?:default|[1-5]xx|[1-5][0-9][0-9])$/.test(status)) {
        classes.refuse(status, 'must be default, a class such as 4xx, or a status')
      }
      const headers = classes.block(status)
      if (headers === undefined) return [status, {}]
      return [
        status,
        Object.fromEntries(headers.names.map((name) => [name, headerValue(headers, name)])),
      ]
    }),
  )
}

function headerValue(headers: ConfigBlock, name: string): string {
  // RFC 9110 §5.6.2 and §5.5; the two names are the server's own.
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(name)) headers.refuse(name, 'is no header name')
  if (/^(?:x-vault-|content-length$|transfer-encoding$)/i.test(name)) {
    headers.refuse(name, 'is set by the server itself')
  }
  const setting = headers.settings(name).at(-1)
  // A text keeps its commas here.
  const values = setting?.value.kind === 'string' ? [setting.value.value] : headers.list(name)
  const value = values.join('; ')
  return /^[\t\x20-\x7e]*$/.test(value)
    ? value
    : headers.refuse(name, 'has a value that no header may have')
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}
