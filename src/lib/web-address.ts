/**
 * Which address may be handed to a program that opens it, or to a person as a link. It comes from a
 * provider, from a mount or from the server one logs in to, and is read again by shells, launchers
 * and terminals. So only what means nothing to any of them passes: letters, digits and a few marks
 * (RFC 3986 §2), never a quote, a blank, `|`, `^` or `%NAME%`.
 */

/** An authorization request with everything that a role may ask for is far shorter. */
const charactersMax = 8192
const marks = new Set(':/?&=._~#+,;@-')
/** RFC 3986 §3.2.2: an IPv6 address stands in brackets, which are allowed nowhere else here. */
const start = /^https?:\/\/(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z])/i

/**
 * An absolute http or https address without credentials, of harmless characters and well-formed
 * escapes.
 */
export function isPlainWebAddress(text: string): boolean {
  if (text.length > charactersMax || !URL.canParse(text)) return false
  const url = new URL(text)
  // A name before "@" reads like the host and is none.
  if (url.username !== '' || url.password !== '') return false
  const begin = start.exec(text)?.[0]
  return begin !== undefined && isPlain(text, begin.length)
}

function isPlain(text: string, from: number): boolean {
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === '%') {
      if (!isHexDigit(text.charAt(at + 1)) || !isHexDigit(text.charAt(at + 2))) return false
      at += 2
    } else if (!isLetterOrDigit(character) && !marks.has(character)) {
      return false
    }
  }
  return true
}

function isHexDigit(character: string): boolean {
  return /^[0-9A-Fa-f]$/.test(character)
}

function isLetterOrDigit(character: string): boolean {
  return /^[0-9A-Za-z]$/.test(character)
}
