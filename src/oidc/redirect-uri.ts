/** Redirect URIs of sign-ins (jwt-oidc.md §4.5, §4.6; RFC 9700 §4.1, RFC 8252 §7.3). Pure. */

import { hasHiddenCharacter } from '../platform/outbound-url.ts'

/** Where the command line waits for the browser unless it is told otherwise. */
export const cliRedirectUri = 'http://localhost:8250/oidc/callback'

/**
 * True when the list has exactly that address; a loopback address may name any port. Nothing is
 * normalised on the way: what is compared is what was written, but for the port.
 */
export function isRedirectAllowed(asked: string, allowed: readonly string[]): boolean {
  const loopback = parseLoopback(asked)
  return allowed.some((entry) => {
    if (entry === asked) return isAddress(asked)
    if (loopback === undefined) return false
    const parts = parseLoopback(entry)
    return parts !== undefined && parts.before === loopback.before && parts.after === loopback.after
  })
}

/**
 * What is left of an address when its port is taken out; undefined unless its host is this machine.
 */
interface LoopbackAddress {
  readonly before: string
  readonly after: string
}

// No user info: there is no "@" before the host, and the host ends at a port, a path, a query or
// the end.
const loopbackAddress =
  /^(https?:\/\/(?:localhost|127\.(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2})|\[::1\]))(?::[0-9]{1,5})?([/?#].*)?$/s

function parseLoopback(address: string): LoopbackAddress | undefined {
  if (!isAddress(address)) return undefined
  const found = loopbackAddress.exec(address)
  if (found === null) return undefined
  return { before: found[1] ?? '', after: found[2] ?? '' }
}

/** An address that a browser may be sent to, and that every reader reads alike. */
function isAddress(address: string): boolean {
  if (address.length > addressLengthMax || hasHiddenCharacter(address)) return false
  // RFC 6749 §3.1.2: no fragment. RFC 8252 §7.1: an app's own scheme has a dot; script and data
  // schemes have none.
  if (address.includes('#') || !/^(?:https?:\/\/|[a-z][a-z0-9+-]*\.[a-z0-9.+-]*:)/i.test(address)) {
    return false
  }
  return URL.canParse(address)
}

const addressLengthMax = 4096

export interface SplitRedirect {
  readonly redirectUri: string
  /** Empty when the address names none. */
  readonly namespace: string
}

/**
 * Takes a non-empty `namespace` parameter out of the address; what stays of the query is sorted by
 * name (jwt-oidc.md §4.6). Undefined for an address that cannot be read.
 */
export function splitNamespace(redirectUri: string): SplitRedirect | undefined {
  if (!isAddress(redirectUri)) return undefined
  const mark = redirectUri.indexOf('?')
  const parameters = new URLSearchParams(mark === -1 ? '' : redirectUri.slice(mark + 1))
  const namespace = parameters.get('namespace') ?? ''
  if (namespace === '') return { redirectUri, namespace: '' }
  parameters.delete('namespace')
  parameters.sort()
  const rest = parameters.toString()
  const before = redirectUri.slice(0, mark)
  return { redirectUri: rest === '' ? before : `${before}?${rest}`, namespace }
}

/**
 * A state as it comes back: the namespace behind it is for the browser client and never part of it
 * (jwt-oidc.md §4.6).
 */
export function bareState(state: string): string {
  const suffix = state.indexOf(',ns=')
  return suffix === -1 ? state : state.slice(0, suffix)
}

/**
 * Where the provider posts to: the API instead of the UI (jwt-oidc.md §4.5, last sentence), in the
 * namespace of the mount.
 */
export function formPostRedirect(redirectUri: string, namespace = ''): string {
  return redirectUri.replace('ui/vault', () => `v1/${namespace}`.replace(/\/$/, ''))
}

/**
 * The mount that a stored redirect URI leads to (jwt-oidc.md §4.4): all between
 * `/v1/[<namespace>/]auth/` and `/oidc/callback`, else the first segment. Undefined when it leads
 * elsewhere.
 */
export function mountOfRedirect(redirectUri: string): string | undefined {
  const path = pathOf(redirectUri)
  const start = /^\/v1\/(?:.*?\/)?auth\//.exec(path)
  if (start === null) return undefined
  const rest = path.slice(start[0].length).replace(/\/$/, '')
  const whole = rest.endsWith('/oidc/callback')
    ? rest.slice(0, -'/oidc/callback'.length)
    : undefined
  const mount = whole ?? rest.split('/')[0] ?? ''
  return mount === '' ? undefined : mount
}

function pathOf(address: string): string {
  if (!URL.canParse(address)) return address
  try {
    return decodeURIComponent(new URL(address).pathname)
  } catch {
    return ''
  }
}
