/**
 * The first half of reading a policy template: its actions, and the words and signs inside each.
 */

export class SyntaxProblem extends Error {}

/** Plain text, or what stands between the braces of an action. */
export type Part = { readonly kind: 'text' | 'action'; readonly text: string }

/** Cuts the template at its delimiters and applies the trim markers `{{- ` and ` -}}`. */
export function splitActions(text: string): readonly Part[] {
  const parts: Part[] = []
  let at = 0
  let trimsNext = false
  for (;;) {
    const open = text.indexOf('{{', at)
    let before = open === -1 ? text.slice(at) : text.slice(at, open)
    if (trimsNext) before = before.replace(/^[ \t\r\n]+/, '')
    if (open === -1) {
      if (before !== '') parts.push({ kind: 'text', text: before })
      return parts
    }
    let start = open + 2
    if (/^-[ \t\r\n]/.test(text.slice(start, start + 2))) {
      before = trimEnd(before)
      start += 1
    }
    if (before !== '') parts.push({ kind: 'text', text: before })
    const end = endOfAction(text, start)
    let action = text.slice(start, end)
    trimsNext = /[ \t\r\n]-$/.test(action.slice(-2))
    if (trimsNext) action = action.slice(0, -1)
    action = action.trim()
    if (!isComment(action)) parts.push({ kind: 'action', text: action })
    at = end + 2
  }
}

function trimEnd(text: string): string {
  let end = text.length
  while (end > 0 && ' \t\r\n'.includes(text.charAt(end - 1))) end--
  return text.slice(0, end)
}

function isComment(action: string): boolean {
  return action.startsWith('/*') && action.endsWith('*/') && action.length >= 4
}

/** The place of the closing braces; braces inside quotes and comments do not close. */
function endOfAction(text: string, start: number): number {
  let at = start
  while (at < text.length) {
    const char = text.charAt(at)
    if (char === '"' || char === '`') {
      at = endOfQuote(text, at)
    } else if (char === '/' && text.charAt(at + 1) === '*') {
      const close = text.indexOf('*/', at + 2)
      if (close === -1) throw new SyntaxProblem('a comment is not closed')
      at = close + 2
    } else if (char === '}' && text.charAt(at + 1) === '}') {
      return at
    } else {
      at++
    }
  }
  throw new SyntaxProblem('an action is not closed: }} is missing')
}

/** The place behind the closing quote. */
function endOfQuote(text: string, start: number): number {
  const quote = text.charAt(start)
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === quote) return at + 1
    if (quote === '"' && char === '\\') at++
    if (quote === '"' && char === '\n') break
  }
  throw new SyntaxProblem('a quoted string is not closed')
}

export type Token =
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'number'; readonly value: number }
  /** `.name`; glued when no space stands before it, as in `$x.name`. */
  | { readonly kind: 'field'; readonly value: string; readonly glued: boolean }
  | { readonly kind: 'variable' | 'word' | 'symbol'; readonly value: string }

const space = /[ \t\r\n]+/y
const field = /\.([\p{L}_][\p{L}\p{Nd}_]*)/uy
const variable = /\$[\p{L}\p{Nd}_]*/uy
const word = /[\p{L}_][\p{L}\p{Nd}_]*/uy
const number =
  /[+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\p{L}\p{Nd}_.])/uy
const symbol = /:=|[|()=,.]/y

export function splitTokens(action: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  let spaced = true
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(action)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  while (at < action.length) {
    if (take(space) !== null) {
      spaced = true
      continue
    }
    const char = action.charAt(at)
    if (char === '"' || char === '`') {
      const end = endOfQuote(action, at)
      tokens.push({ kind: 'string', value: unquote(action.slice(at, end)) })
      at = end
    } else {
      tokens.push(takeToken(take, spaced))
    }
    spaced = false
  }
  return tokens
}

function takeToken(take: (pattern: RegExp) => RegExpExecArray | null, spaced: boolean): Token {
  let match = take(number)
  if (match !== null) return { kind: 'number', value: Number(match[0]) }
  match = take(field)
  if (match !== null) return { kind: 'field', value: match[1] ?? '', glued: !spaced }
  match = take(variable)
  if (match !== null) return { kind: 'variable', value: match[0] }
  match = take(word)
  if (match !== null) return { kind: 'word', value: match[0] }
  match = take(symbol)
  if (match !== null) return { kind: 'symbol', value: match[0] }
  throw new SyntaxProblem('an action holds a character that means nothing there')
}

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
}

function unquote(quoted: string): string {
  const inside = quoted.slice(1, -1)
  if (quoted.startsWith('`')) return inside
  return inside.replace(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)/gs, (_, escape: string) => {
    if (escape.length > 1) return String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    const char = Object.hasOwn(escapes, escape) ? escapes[escape] : undefined
    if (char === undefined) throw new SyntaxProblem('a quoted string holds an unknown escape')
    return char
  })
}
