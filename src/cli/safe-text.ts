/**
 * Text from the server as it may reach a terminal. Control sequences could clear the screen, retitle the
 * window or answer for the user; direction marks and zero-width letters could make two names look alike
 * (RFC 8725 §2.6). They are shown as escapes instead.
 */

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const unsafe =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu

/** Line feed and tab stay: multi-line values and the list texts of the API need them. */
export function safeText(text: string): string {
  return text.replace(unsafe, escapeCode)
}

/** The same inside JSON text, where the escapes mean the same characters. */
export function safeJson(json: string): string {
  return safeText(json)
}

function escapeCode(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
}
