/**
 * What one listener is told: where it binds, its TLS, its bounds and how it judges X-Forwarded-For
 * (platform.md §9.7). Reading a configuration file is the server's work; this file turns plain
 * values into complete, typed options.
 */

import { closedSwitches, type ListenerSwitches } from '../framework/api.ts'
import { parseCidr, type Cidr } from '../lib/cidr.ts'
import { err, ok, type Result } from '../lib/result.ts'

/** 0 switches a timeout off; headers and read timeouts cannot be switched off. */
export interface ListenerTimeouts {
  /** From the connection, or the first byte of a later request, to the end of the header block. */
  readonly headersMs: number
  /** To the end of the body. */
  readonly readMs: number
  /** Between two requests of one connection. */
  readonly idleMs: number
  /** How long an answer may take to leave, once made. */
  readonly writeMs: number
}

export interface ForwardedForOptions {
  readonly authorized: readonly Cidr[]
  readonly hopSkips: number
  readonly rejectNotAuthorized: boolean
  readonly rejectNotPresent: boolean
}

/** Header names and values by status class: `default`, `2xx`, `404`; the more exact key wins. */
export type CustomResponseHeaders = Readonly<Record<string, Readonly<Record<string, string>>>>

export interface ServingOptions {
  /** Bytes of one body; negative is unlimited. */
  readonly requestBytesMax: number
  readonly requestDurationMsMax: number
  readonly timeouts: ListenerTimeouts
  /** Undefined: the header means nothing here. */
  readonly forwardedFor: ForwardedForOptions | undefined
  readonly customResponseHeaders: CustomResponseHeaders
  readonly switches: ListenerSwitches
  /** Open connections, idle or not; more are closed as they come. */
  readonly connectionsMax: number
  /** Other processes of this server accept on the same address. */
  readonly isShared: boolean
}

export type PemSource =
  | { readonly kind: 'files'; readonly certificateFile: string; readonly keyFile: string }
  | { readonly kind: 'text'; readonly certificate: string; readonly key: string }

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

export interface TlsOptions {
  readonly pem: PemSource
  readonly minVersion: TlsVersion
  readonly maxVersion: TlsVersion
  /** Suites in Go's or OpenSSL's spelling; empty leaves the choice to the platform. */
  readonly cipherSuites: readonly string[]
  /** A file, or the text itself, of the authorities that client certificates must come from. */
  readonly clientCa:
    | { readonly kind: 'file'; readonly file: string }
    | { readonly kind: 'text'; readonly text: string }
    | undefined
  readonly requireClientCertificate: boolean
  /** Where its files are named in the configuration, for what is said about them. */
  readonly places?: Readonly<Record<TlsFileSetting, string>>
}

export type TlsFileSetting = 'tls_cert_file' | 'tls_key_file' | 'tls_client_ca_file'

export interface TcpListenerOptions extends ServingOptions {
  readonly kind: 'tcp'
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly tls: TlsOptions | undefined
}

export interface UnixListenerOptions extends ServingOptions {
  readonly kind: 'unix'
  readonly path: string
  readonly mode: number
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
}

export type ListenerOptions = TcpListenerOptions | UnixListenerOptions

export const servingDefaults: ServingOptions = {
  requestBytesMax: 33_554_432,
  requestDurationMsMax: 90_000,
  timeouts: { headersMs: 10_000, readMs: 30_000, idleMs: 300_000, writeMs: 90_000 },
  forwardedFor: undefined,
  customResponseHeaders: {},
  switches: closedSwitches,
  connectionsMax: 20_000,
  isShared: false,
}

export function tcpListener(
  options: Pick<TcpListenerOptions, 'host' | 'port'> & Partial<TcpListenerOptions>,
): TcpListenerOptions {
  return { ...servingDefaults, tls: undefined, ...options, kind: 'tcp' }
}

export function unixListener(
  options: Pick<UnixListenerOptions, 'path'> & Partial<UnixListenerOptions>,
): UnixListenerOptions {
  return { ...servingDefaults, mode: 0o600, owner: undefined, ...options, kind: 'unix' }
}

export function tlsOptions(options: Pick<TlsOptions, 'pem'> & Partial<TlsOptions>): TlsOptions {
  return {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    cipherSuites: [],
    clientCa: undefined,
    requireClientCertificate: false,
    ...options,
  }
}

/**
 * `127.0.0.1:8200`, `[::1]:8200`, `localhost:8200`, `:8200` for all interfaces; undefined for
 * anything else.
 */
export function parseListenAddress(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]*)):([0-9]{1,5})$/.exec(text)
  if (match === null) return undefined
  const port = Number(match[3])
  if (port > 65_535) return undefined
  const host = match[1] ?? match[2] ?? ''
  return { host: host === '' ? '::' : host, port }
}

/**
 * Options of X-Forwarded-For from configuration texts; the error names the address that is none.
 */
export function parseForwardedFor(options: {
  readonly authorizedAddresses: readonly string[]
  readonly hopSkips?: number
  readonly rejectNotAuthorized?: boolean
  readonly rejectNotPresent?: boolean
}): Result<ForwardedForOptions | undefined, string> {
  if (options.authorizedAddresses.length === 0) return ok(undefined)
  const authorized: Cidr[] = []
  for (const text of options.authorizedAddresses) {
    const cidr = parseCidr(text.trim())
    if (cidr === undefined) return err(`"${text}" is neither an address nor a network`)
    authorized.push(cidr)
  }
  return ok({
    authorized,
    hopSkips: options.hopSkips ?? 0,
    rejectNotAuthorized: options.rejectNotAuthorized ?? true,
    rejectNotPresent: options.rejectNotPresent ?? true,
  })
}
