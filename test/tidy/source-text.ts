/**
 * Source text prepared for searching: comments and the insides of strings and regular expressions are blanked, so that
 * a rule sees code alone, at the same offsets and lines. Not a parser: good for code that prettier has formatted.
 */

export interface SourceFile {
  /** From the root of the repository, with slashes. */
  readonly path: string
  readonly text: string
  /** `text` of the same length with blanks for what is not code. Quotes stay. */
  readonly code: string
}

export interface ImportPlace {
  readonly specifier: string
  /** What stands between `import` and `from`, blanks for strings. */
  readonly clause: string
  readonly at: number
}

export function createSourceFile(path: string, text: string): SourceFile {
  return { path, text, code: blankOut(text) }
}

/** The text with blanks for comments alone. */
export function withoutComments(text: string): string {
  return blankOut(text, 'comments')
}

export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length
}

export interface RegExpPlace {
  readonly source: string
  readonly flags: string
  readonly at: number
}

/**
 * Every regular expression literal: what stands between slashes that are code is no code itself.
 */
export function regExpsOf({ code, text }: SourceFile): readonly RegExpPlace[] {
  const out = code.split('')
  const found: RegExpPlace[] = []
  for (let at = code.indexOf('/'); at !== -1; at = code.indexOf('/', at + 1)) {
    if (!isRegExpStart(out, at)) continue
    const end = endOfRegExp(text, at)
    const flags = /^[a-z]*/.exec(code.slice(end))?.[0] ?? ''
    found.push({ source: text.slice(at + 1, end - 1), flags, at })
    at = end
  }
  return found
}

/** Static, dynamic and type imports, and re-exports. */
export function importsOf({ code, text }: SourceFile): readonly ImportPlace[] {
  const pattern = /\b(?:(?:import|export)\b([^'"()=;]*?)\bfrom|import)\s*\(?\s*(['"])( *)\2/g
  return [...code.matchAll(pattern)].map((match) => {
    const end = match.index + match[0].length - 1
    const specifier = text.slice(end - (match[3]?.length ?? 0), end)
    return { specifier, clause: match[1] ?? '', at: match.index }
  })
}

/** The text from one top-level line to the next closing brace in column one: a function, a class, a constant. */
export function topLevelBlockAt(code: string, at: number): string {
  const before = code.lastIndexOf('\n}', at)
  const after = code.indexOf('\n}', at)
  return code.slice(before === -1 ? 0 : before + 2, after === -1 ? code.length : after)
}

/** Whether the name at that place declares a method instead of calling a function. */
export function isMethodDeclaration(code: string, at: number, name: string): boolean {
  const lineStart = code.lastIndexOf('\n', at - 1) + 1
  const modifiers = /^\s*(?:(?:public|private|protected|override|static|async|readonly)\s+)*$/
  if (!modifiers.test(code.slice(lineStart, at))) return false
  const open = code.indexOf('(', at + name.length)
  if (open === -1 || code.slice(at + name.length, open).trim() !== '') return false
  let depth = 0
  for (let end = open; end < code.length; end++) {
    if (code[end] === '(') depth++
    if (code[end] === ')' && --depth === 0) return /^\s*[:{]/.test(code.slice(end + 1))
  }
  return false
}

function blankOut(text: string, what: 'all' | 'comments' = 'all'): string {
  const out = text.split('')
  const blankComment = (from: number, to: number) => {
    for (let at = from; at < to; at++) if (out[at] !== '\n') out[at] = ' '
  }
  const blank = what === 'all' ? blankComment : () => undefined
  // One entry per `${` that is open: the depth of braces inside it.
  const templates: number[] = []
  let at = 0
  while (at < text.length) {
    const character = text[at]
    if (text.startsWith('//', at)) {
      const end = endOr(text.indexOf('\n', at), text)
      blankComment(at, end)
      at = end
    } else if (text.startsWith('/*', at)) {
      const close = text.indexOf('*/', at + 2)
      const end = close === -1 ? text.length : close + 2
      blankComment(at, end)
      at = end
    } else if (character === "'" || character === '"') {
      const end = endOfQuoted(text, at, character)
      blank(at + 1, end - 1)
      at = end
    } else if (character === '`') {
      at = blankTemplate(text, at + 1, templates, blank)
    } else if (character === '}' && templates.at(-1) === 0) {
      templates.pop()
      at = blankTemplate(text, at + 1, templates, blank)
    } else if (character === '/' && isRegExpStart(out, at)) {
      const end = endOfRegExp(text, at)
      blank(at + 1, end - 1)
      at = end
    } else {
      const open = templates.length - 1
      if (open >= 0 && character === '{') templates[open] = (templates[open] ?? 0) + 1
      if (open >= 0 && character === '}') templates[open] = (templates[open] ?? 0) - 1
      at++
    }
  }
  return out.join('')
}

function blankTemplate(
  text: string,
  from: number,
  templates: number[],
  blank: (from: number, to: number) => void,
): number {
  let at = from
  while (at < text.length && text[at] !== '`') {
    if (text.startsWith('${', at)) {
      blank(from, at)
      templates.push(0)
      return at + 2
    }
    at += text[at] === '\\' ? 2 : 1
  }
  blank(from, Math.min(at, text.length))
  return at + 1
}

function endOfQuoted(text: string, from: number, quote: string): number {
  let at = from + 1
  while (at < text.length && text[at] !== quote && text[at] !== '\n') {
    at += text[at] === '\\' ? 2 : 1
  }
  return Math.min(at + 1, text.length)
}

function endOfRegExp(text: string, from: number): number {
  let inClass = false
  let at = from + 1
  while (at < text.length && text[at] !== '\n') {
    if (text[at] === '\\') at++
    else if (text[at] === '[') inClass = true
    else if (text[at] === ']') inClass = false
    else if (text[at] === '/' && !inClass) return at + 1
    at++
  }
  return at
}

/** A slash divides behind a value and begins an expression behind anything else. */
function isRegExpStart(out: readonly string[], at: number): boolean {
  let before = at - 1
  while (before >= 0 && /\s/.test(out[before] ?? '')) before--
  if (before < 0) return true
  const tail = out.slice(Math.max(0, before - 10), before + 1).join('')
  if (/(?:^|[^\w$.])(?:return|typeof|case|in|of|await|yield|void)$/.test(tail)) return true
  return !/[\w$)\]}'"`]/.test(out[before] ?? '')
}

function endOr(at: number, text: string): number {
  return at === -1 ? text.length : at
}
