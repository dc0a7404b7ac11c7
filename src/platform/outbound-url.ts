/**
 * Which addresses an outbound call may be sent to at all. Networks are not judged here: see
 * `address-guard.ts`.
 */

import { err, ok, type Result } from '../lib/result.ts'

const urlLengthMax = 4096

/**
 * Reads an absolute http or https address; the error says what is wrong without repeating the
 * address.
 */
export function parseOutboundUrl(text: string): Result<URL, string> {
  if (text.length > urlLengthMax)
    return err(`the address is longer than ${urlLengthMax} characters`)
  // The URL parser silently drops tabs and line breaks and turns backslashes round: what an
  // administrator reads would not be what is called.
  if (hasHiddenCharacter(text)) {
    return err('the address contains white space, a control character or a backslash')
  }
  if (!URL.canParse(text)) return err('the address is no absolute URL')
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return err('the address is neither http nor https')
  }
  if (!/^https?:\/\/[^/]/i.test(text)) return err('the address names no host')
  // Credentials in an address end up in logs, and a host is easily hidden behind them.
  if (url.username !== '' || url.password !== '' || /^[^/?#]*\/\/[^/?#]*@/.test(text)) {
    return err('the address contains credentials')
  }
  if (url.port === '0') return err('the address names port 0')
  return ok(url)
}

/** The host without the brackets of an IPv6 address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'https:' ? 443 : 80
}

/** White space, control characters and backslashes: what is read is not what would be called. */
export function hasHiddenCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code <= 0x20 || code === 0x5c || (code >= 0x7f && code <= 0xa0)) return true
    if (code === 0x2028 || code === 0x2029 || code === 0xfeff) return true
  }
  return false
}
