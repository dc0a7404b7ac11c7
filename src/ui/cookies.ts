/**
 * Cookies of the pages. All are `__Host-`: only this very host can have set them, over a secure
 * connection, for all paths (RFC 6265bis §4.1.3.2; browsers count loopback as secure). Lax and not
 * Strict: the way back from an identity provider is a navigation from another site, and a Strict
 * cookie would not come along.
 */

export type CookieName = 'session' | 'flows' | 'visit' | 'theme' | 'auto' | 'answer' | 'outcome'

const prefix = '__Host-tokenstile-'
const cookieCharsMax = 16_384
/** Browsers keep 4096 characters with name and attributes. */
export const cookieValueCharsMax = 3900

/** The values of this header that are ours, by their short names. */
export function parseCookies(header: string | undefined): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>()
  if (header === undefined || header.length > cookieCharsMax) return cookies
  for (const part of header.split(';')) {
    const equals = part.indexOf('=')
    const name = part.slice(0, equals === -1 ? 0 : equals).trim()
    if (!name.startsWith(prefix)) continue
    const value = part.slice(equals + 1).trim()
    // Of two with one name the first has the more exact path, which `__Host-` rules out: keep it
    // simple.
    const short = name.slice(prefix.length)
    if (/^[\w.-]*$/.test(value) && !cookies.has(short)) cookies.set(short, value)
  }
  return cookies
}

/** Without a life it goes when the browser is closed. */
export function cookie(name: CookieName, value: string, lifeSeconds?: number): string {
  if (!/^[\w.-]*$/.test(value)) throw new TypeError('not a value for a cookie')
  const life = lifeSeconds === undefined ? '' : `; Max-Age=${lifeSeconds}`
  return `${prefix}${name}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax${life}`
}

export function noCookie(name: CookieName): string {
  return cookie(name, '', 0)
}
