/**
 * HTML texts that cannot be forgotten to be escaped: whatever is put into a template is text,
 * unless it is Html itself. Attribute values stand in quotes, always. Against script in what a
 * provider or a caller sends (CVE-2026-33758).
 */

/** A piece of a page. Only this file makes one from plain text. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type HtmlValue = string | number | Html | undefined | readonly Html[]

/** A page or a piece of one; every value but Html is escaped, undefined is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = strings[0] ?? ''
  for (let i = 0; i < values.length; i++) text += render(values[i]) + (strings[i + 1] ?? '')
  return new Html(text)
}

/**
 * For constants of our own, such as the stylesheet. Never for anything that was read from
 * somewhere.
 */
export function ownHtml(text: string): Html {
  return new Html(text)
}

/**
 * Somebody else's text: kept apart from the direction of ours, cut, and with what is invisible made
 * visible, so that two names that look alike are alike.
 */
export function foreign(text: string, charsMax = 500): Html {
  const isLong = text.length > charsMax
  // Half of a pair at the cut would be shown as an escape.
  const shown = isLong ? `${text.slice(0, charsMax).replace(/[\uD800-\uDBFF]$/, '')}…` : text
  return html`<bdi>${visibleText(shown)}</bdi>`
}

/** Control and format characters (direction marks, zero-width letters, NUL) as `\u` escapes. */
function visibleText(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (character) =>
    character
      .split('')
      .map((half) => `\\u${half.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

/**
 * A value as JSON inside a script: no character of it can end the script or begin a comment in
 * HTML.
 */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function render(value: HtmlValue): string {
  if (value === undefined) return ''
  if (value instanceof Html) return value.text
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return escapeHtml(value)
  return value.map(({ text }) => text).join('')
}

function escapeHtml(text: string): string {
  // NUL and lone halves of pairs are no HTML text at all.
  return text
    .toWellFormed()
    .replaceAll('\0', '\ufffd')
    .replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}
