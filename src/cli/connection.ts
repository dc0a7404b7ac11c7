/** Builds the API client from flags and environment (platform.md §9.2). A flag beats a variable. */

import { ApiClient, type TlsOptions } from '../client/http-client.ts'
import { parsePemCertificates } from '../jose/pem-key.ts'
import { goDuration } from '../lib/duration.ts'
import {
  parseProxyAddress,
  readProxyEnvironment,
  type ChooseProxy,
} from '../platform/proxy-environment.ts'
import { readUserDirectory, readUserFile } from '../platform/user-files.ts'
import type { Environment } from './environment.ts'
import { CommandFailure } from './failure.ts'
import type { FlagValues } from './flags.ts'

const defaultAddress = 'https://127.0.0.1:8200'

export interface ConnectionSources {
  readonly flags: FlagValues
  readonly environment: Environment
  readonly token: string
}

export function chooseAddress(flags: FlagValues, environment: Environment): string {
  return (
    chooseText(flags, environment, 'agent-address', 'AGENT_ADDR') ??
    chooseText(flags, environment, 'address', 'ADDR') ??
    defaultAddress
  )
}

export async function createConnection(sources: ConnectionSources): Promise<ApiClient> {
  const { flags, environment } = sources
  const namespace = chooseText(flags, environment, 'namespace', 'NAMESPACE')
  return new ApiClient({
    address: chooseAddress(flags, environment),
    tls: await loadTls(flags, environment),
    token: sources.token,
    timeoutMs: environment.durationMs('CLIENT_TIMEOUT') ?? 60_000,
    retriesMax: environment.wholeNumber('MAX_RETRIES') ?? 0,
    followRedirects: !chooseBool(flags, environment, 'disable-redirects', 'DISABLE_REDIRECTS'),
    headers: requestHeaders(flags, environment),
    proxy: chooseProxy(environment),
    ...(namespace === undefined ? {} : { namespace }),
  })
}

/**
 * The proxy of our own variable leads everywhere, to this machine too; those that all programs read
 * leave out this machine and what NO_PROXY names.
 */
function chooseProxy(environment: Environment): ChooseProxy {
  const name = ['PROXY_ADDR', 'HTTP_PROXY'].find((one) => environment.text(one) !== undefined)
  const text = name === undefined ? undefined : environment.text(name)
  if (name === undefined || text === undefined) {
    return readProxyEnvironment(environment.variables)
  }
  const proxy = parseProxyAddress(text.includes('://') ? text : `http://${text}`)
  if (proxy !== undefined) return () => proxy
  throw new CommandFailure(
    `The environment variable ${environment.variableName(name)} must be an http:// address.`,
  )
}

function requestHeaders(flags: FlagValues, environment: Environment): [string, string][] {
  const wrapSeconds =
    flags.seconds('wrap-ttl') ?? Math.trunc((environment.durationMs('WRAP_TTL') ?? 0) / 1000)
  const factors = flags.isSet('mfa') ? flags.list('mfa') : [environment.text('MFA') ?? '']
  const factor = factors.filter((text) => text !== '').join(',')
  return [
    ...flags.pairs('header').map(checkHeader),
    ...(wrapSeconds > 0 ? [['X-Vault-Wrap-TTL', goDuration(wrapSeconds)] as [string, string]] : []),
    ...(factor === '' ? [] : [['X-Vault-MFA', factor] as [string, string]]),
    ...(flags.bool('policy-override')
      ? [['X-Vault-Policy-Override', 'true'] as [string, string]]
      : []),
  ]
}

function checkHeader([name, value]: readonly [string, string]): [string, string] {
  // These decide about token, namespace and wrapping; each has a flag of its own.
  if (name.toLowerCase().startsWith('x-vault-')) {
    throw new CommandFailure(`Setting headers that begin with "X-Vault-" is not allowed: ${name}`)
  }
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/u.test(name)) {
    throw new CommandFailure(`"${name}" is no name of a header`)
  }
  return [name, value]
}

async function loadTls(flags: FlagValues, environment: Environment): Promise<TlsOptions> {
  const authorities = await loadAuthorities(flags, environment)
  const certificate = await loadPem(flags, environment, 'client-cert', 'CLIENT_CERT')
  const key = await loadPem(flags, environment, 'client-key', 'CLIENT_KEY')
  if ((certificate === undefined) !== (key === undefined)) {
    throw new CommandFailure('Both client cert and client key must be provided')
  }
  const serverName = chooseText(flags, environment, 'tls-server-name', 'TLS_SERVER_NAME')
  return {
    insecureSkipVerify: chooseBool(flags, environment, 'tls-skip-verify', 'SKIP_VERIFY'),
    ...(authorities === undefined ? {} : { authorities }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { serverName }),
  }
}

async function loadAuthorities(
  flags: FlagValues,
  environment: Environment,
): Promise<readonly string[] | undefined> {
  const file = await loadPem(flags, environment, 'ca-cert', 'CACERT')
  if (file !== undefined) return certificatesOf([file], '-ca-cert')
  const directory = chooseText(flags, environment, 'ca-path', 'CAPATH')
  if (directory === undefined) return undefined
  return certificatesOf(await readUserDirectory(directory), '-ca-path')
}

/**
 * The certificates of these texts, each in one spelling: OpenSSL skips what it cannot read without
 * a word. A folder may hold other files too; none at all is a mistake.
 */
function certificatesOf(texts: readonly string[], setting: string): readonly string[] {
  const certificates = texts
    .map(parsePemCertificates)
    .flatMap((read) => (read.ok ? read.value : []))
  if (certificates.length > 0) return certificates
  throw new CommandFailure(`What ${setting} names holds no certificate in PEM.`)
}

/** PEM text from the file a flag or variable names, or from the variable `<name>_BYTES` itself. */
async function loadPem(
  flags: FlagValues,
  environment: Environment,
  flag: string,
  variable: string,
): Promise<string | undefined> {
  const bytes = flags.isSet(flag) ? undefined : environment.text(`${variable}_BYTES`)
  if (bytes !== undefined) return bytes
  const path = chooseText(flags, environment, flag, variable)
  if (path === undefined) return undefined
  const text = await readUserFile(path)
  if (text === undefined) throw new CommandFailure(`There is no file ${path} (-${flag}).`)
  return text
}

function chooseText(
  flags: FlagValues,
  environment: Environment,
  flag: string,
  variable: string,
): string | undefined {
  const text = flags.isSet(flag) ? flags.text(flag) : environment.text(variable)
  return text === '' ? undefined : text
}

function chooseBool(
  flags: FlagValues,
  environment: Environment,
  flag: string,
  variable: string,
): boolean {
  return flags.optionalBool(flag) ?? environment.flag(variable)
}
