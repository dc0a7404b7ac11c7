/**
 * Text from the server as it may reach a terminal. Control sequences could clear the screen,
 * retitle the window or answer for the user; direction marks and zero-width letters could make two
 * names look alike (RFC 8725 §2.6). They are shown as escapes instead.
 */

/** Control and format characters, and the two line separators that are neither. */
const unsafe = /(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** Line feed and tab stay: multi-line values and the list texts of the API need them. */
export function safeText(text: string): string {
  return text.replace(unsafe, escapeCode)
}

/** The same inside JSON text, where the escapes mean the same characters. */
export function safeJson(json: string): string {
  return safeText(json)
}

/** `\\u` and four digits for each half, which is also how JSON writes it. */
function escapeCode(character: string): string {
  return character
    .split('')
    .map((half) => `\\u${half.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
