/**
 * Text that stays on its line: what could forge or reorder lines in a terminal is written as an
 * escape (ASVS 16.4.1).
 */

// Controls, line separators and bidirectional marks.
const mayBeUnsafe = /[^ -~\u00a0-\u200a\u2010-\u2027\u202f-\u2065\u2070-\ufefe]/

/** In JSON text the escapes are JSON's own, so that it stays what it is. */
export function escapeControls(line: string): string {
  // Nearly every line has none of them, and a line is written for each login.
  if (!mayBeUnsafe.test(line)) return line
  let text = ''
  for (const char of line) {
    const code = char.codePointAt(0) ?? 0
    const unsafe =
      code < 0x20 ||
      (code >= 0x7f && code <= 0x9f) ||
      (code >= 0x200b && code <= 0x200f) ||
      (code >= 0x2028 && code <= 0x202e) ||
      (code >= 0x2066 && code <= 0x2069) ||
      code === 0xfeff
    text += unsafe ? `\\u${code.toString(16).padStart(4, '0')}` : char
  }
  return text
}
