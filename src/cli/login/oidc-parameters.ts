/** The K=V words of `login -method=oidc` (jwt-oidc.md §7.1). */

import { cidrContains, isAddress, parseCidr } from '../../lib/cidr.ts'
import { nearestName } from '../../lib/nearest-name.ts'
import { parseBoolean } from '../environment.ts'
import { CommandFailure } from '../failure.ts'
import { cleanPath } from '../context.ts'

export const oidcParameterHelp = [
  { name: 'role', help: "The role; without it the mount's default role." },
  { name: 'mount', help: 'Where the method is mounted. Default: -path, else oidc.' },
  { name: 'callbackmode', help: 'client, direct or device: how the role lets the sign-in end.' },
  { name: 'port', help: 'Port that this program listens on. Default 8250.' },
  { name: 'listenaddress', help: 'Address that it listens on. Default localhost.' },
  { name: 'callbackhost', help: 'Host in the redirect URI. Default localhost.' },
  { name: 'callbackport', help: 'Port in the redirect URI. Default: port.' },
  { name: 'callbackmethod', help: 'http or https in the redirect URI. Default http.' },
  { name: 'skip_browser', help: 'Only print the address, as device mode always does.' },
  { name: 'show_qr', help: 'Print the address as a QR code too.' },
  { name: 'abort_on_error', help: 'Fail when no browser can be opened.' },
] as const

const aliases: Readonly<Record<string, string>> = { callback_mode: 'callbackmode' }
const modes = ['client', 'direct', 'device'] as const

export interface OidcParameters {
  readonly mount: string
  readonly role: string
  readonly mode: (typeof modes)[number]
  readonly listenAddress: string
  readonly port: number
  readonly redirectUri: string
  readonly skipBrowser: boolean
  readonly showQr: boolean
  readonly abortOnError: boolean
}

/** `address` is that of the server; throws a failure that names the word. */
export function parseOidcParameters(
  words: ReadonlyMap<string, string>,
  defaults: { readonly mount: string; readonly address: string },
): OidcParameters {
  const named = renamed(words)
  const text = (name: string) => named.get(name) ?? ''
  const mode = modes.find((one) => one === (text('callbackmode') || 'client'))
  if (mode === undefined) {
    throw new CommandFailure(
      `callbackmode=${JSON.stringify(text('callbackmode'))}: use ${modes.join(', ')}`,
    )
  }
  const mount = cleanPath(text('mount')) || defaults.mount
  const port = parsePort(text('port') || '8250')
  return {
    mount,
    role: text('role'),
    mode,
    listenAddress: parseListenAddress(text('listenaddress') || 'localhost'),
    port,
    redirectUri:
      mode === 'direct' ? directUri(text, mount, defaults.address) : clientUri(text, port),
    skipBrowser: bool(named, 'skip_browser'),
    showQr: bool(named, 'show_qr'),
    abortOnError: bool(named, 'abort_on_error'),
  }
}

function renamed(words: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const known: readonly string[] = oidcParameterHelp.map(({ name }) => name)
  const named = new Map<string, string>()
  for (const [word, value] of words) {
    const name = aliases[word] ?? word
    if (!known.includes(name)) {
      const near = nearestName(word, known)
      const hint = near === undefined ? '' : ` Did you mean "${near}"?`
      throw new CommandFailure(`This method takes no ${JSON.stringify(word)}.${hint}`)
    }
    named.set(name, value)
  }
  return named
}

function clientUri(text: (name: string) => string, port: number): string {
  const method = text('callbackmethod') || 'http'
  const host = text('callbackhost') || 'localhost'
  return `${method}://${host}:${text('callbackport') || port}/oidc/callback`
}

/** The browser comes back to the server itself. */
function directUri(text: (name: string) => string, mount: string, address: string): string {
  const base = URL.canParse(address) ? new URL(address) : undefined
  const method = text('callbackmethod') || (base?.protocol ?? 'https:').slice(0, -1)
  const host = text('callbackhost') || (base?.hostname ?? '')
  const own = `${base?.port ?? ''}/v1/auth/${mount}`
  const port = text('callbackport') || own
  // An address without a port has no colon either.
  return `${method}://${host}${port.startsWith('/') ? '' : ':'}${port}/oidc/callback`
}

/** RFC 8252 §7.3, §8.3: a code that passes the network may be read on the way (SEC-CLI-03). */
function parseListenAddress(text: string): string {
  const isLoopback = ['127.0.0.0/8', '::1/128'].some((network) => {
    const cidr = parseCidr(network)
    return cidr !== undefined && isAddress(text) && cidrContains(cidr, text)
  })
  if (text === 'localhost' || isLoopback) return text
  throw new CommandFailure(
    `listenaddress=${JSON.stringify(text)}: only localhost, 127.0.0.1 and ::1, since others could read the answer of the identity provider. Use callbackmode=direct or callbackmode=device instead.`,
  )
}

function parsePort(text: string): number {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new CommandFailure(`port=${JSON.stringify(text)}: not a port`)
}

function bool(words: ReadonlyMap<string, string>, name: string): boolean {
  const text = words.get(name) ?? ''
  if (text === '') return false
  const value = parseBoolean(text)
  if (value !== undefined) return value
  throw new CommandFailure(`${name}=${JSON.stringify(text)}: use true or false`)
}
