/**
 * Tokens of HCL 1, the language of policies and server config files. Owns characters, positions,
 * escapes and heredocs; the grammar is in `hcl.ts`. Newlines are plain space here: HCL 1 needs none
 * between attributes.
 */

export interface HclPosition {
  /** Both count from 1; the column counts UTF-16 units. */
  readonly line: number
  readonly column: number
}

export interface HclProblem extends HclPosition {
  readonly message: string
}

export type HclTokenKind =
  'ident' | 'string' | 'heredoc' | 'number' | 'bool' | 'comment' | 'end' | HclPunctuation

type HclPunctuation = '{' | '}' | '[' | ']' | '=' | ','

export interface HclToken extends HclPosition {
  readonly kind: HclTokenKind
  /** The token as written. */
  readonly text: string
  /**
   * What it stands for: the unescaped string, the lines of the heredoc; else the same as `text`.
   */
  readonly value: string
  /** Line of the last character. */
  readonly lastLine: number
}

/** Ends the reading of one text; never leaves `lib`. */
export class HclStop extends Error {
  readonly problem: HclProblem

  constructor(message: string, position: HclPosition) {
    super(message)
    this.problem = { message, line: position.line, column: position.column }
  }
}

const ident = /[\p{L}_][\p{L}\p{Nd}_.-]*/uy
const number = /-?(?:0[xX][0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)/y
/**
 * Longer than any number that is meant; JSON keeps the digits of numbers, and somebody compares
 * them later.
 */
const numberLengthMax = 400
const heredocStart = /<<(-?)([\p{L}\p{Nd}_]+)\r?\n/uy
const identCharacter = /[\p{L}\p{Nd}_]/uy

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
}
const codeEscape = /\\(?:([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y

/**
 * Reads tokens one after the other, comments included; the last one is of kind `end`, again and
 * again.
 */
export class HclScanner {
  readonly #text: string
  #at = 0
  #line = 1
  #lineStart = 0

  constructor(text: string) {
    this.#text = text
    if (text.startsWith('\uFEFF')) this.#at = this.#lineStart = 1
  }

  next(): HclToken {
    this.#skipSpace()
    const text = this.#text
    if (this.#at >= text.length) return this.#token('end', this.#at)
    const character = text.charAt(this.#at)
    switch (character) {
      case '{':
      case '}':
      case '[':
      case ']':
      case '=':
      case ',':
        return this.#token(character, this.#at + 1)
      case '"':
        return this.#string()
      case '#':
        return this.#lineComment()
      case '/':
        return this.#slashComment()
      case '<':
        return this.#heredoc()
      default:
        return this.#word()
    }
  }

  #word(): HclToken {
    const word = this.#match(ident)
    if (word !== undefined) {
      const kind = word === 'true' || word === 'false' ? 'bool' : 'ident'
      return this.#token(kind, this.#at + word.length)
    }
    const digits = this.#match(number)
    if (digits === undefined) this.#stop('this character has no meaning here')
    const end = this.#at + digits.length
    // The reference reads `1h` as a number and a new key; a unit without quotes deserves a clear
    // answer.
    identCharacter.lastIndex = end
    if (identCharacter.test(this.#text)) {
      this.#stop('a number runs into a letter; a value with a unit needs quotes')
    }
    if (digits.length > numberLengthMax) {
      this.#stop(`a number has more than ${numberLengthMax} characters`)
    }
    if (/^-?0[0-9]+$/.test(digits) && /[89]/.test(digits)) {
      this.#stop('an octal number holds the digit 8 or 9')
    }
    return this.#token('number', end)
  }

  #string(): HclToken {
    const text = this.#text
    const parts: string[] = []
    let from = this.#at + 1
    let at = from
    // Inside `${...}` quotes and newlines are ordinary and nothing is unescaped: other tools fill
    // it later.
    let braces = 0
    for (;;) {
      const character = text.charAt(at)
      if (character === '' || (character === '\n' && braces === 0)) {
        this.#stop('a string is not closed')
      }
      if (character === '"' && braces === 0) break
      if (character === '\\') {
        const escape = this.#escape(at)
        if (braces === 0) {
          parts.push(text.slice(from, at), escape.value)
          from = at + escape.length
        }
        at += escape.length
        continue
      }
      if (braces === 0 && character === '$' && text.charAt(at + 1) === '{') {
        braces = 1
        at += 2
        continue
      }
      if (braces > 0 && character === '{') braces++
      if (braces > 0 && character === '}') braces--
      at++
    }
    parts.push(text.slice(from, at))
    return this.#token('string', at + 1, parts.join(''))
  }

  #escape(at: number): { readonly value: string; readonly length: number } {
    const letter = this.#text.charAt(at + 1)
    const simple = Object.hasOwn(simpleEscapes, letter) ? simpleEscapes[letter] : undefined
    if (simple !== undefined) return { value: simple, length: 2 }
    codeEscape.lastIndex = at
    const match = codeEscape.exec(this.#text)
    if (match === null) this.#stop('a string holds an escape that HCL does not know')
    const [whole, octal, byte, short, long] = match
    const code =
      octal === undefined ? parseInt(byte ?? short ?? long ?? '', 16) : parseInt(octal, 8)
    // Octal and \x name bytes: above 7f they are half of a character at best.
    const isByte = octal !== undefined || byte !== undefined
    if (code > 0x10_ff_ff || (code >= 0xd8_00 && code <= 0xdf_ff) || (isByte && code > 0x7f)) {
      this.#stop('a string holds an escape that is not a character')
    }
    return { value: String.fromCodePoint(code), length: whole.length }
  }

  #lineComment(): HclToken {
    const end = this.#text.indexOf('\n', this.#at)
    return this.#token('comment', end === -1 ? this.#text.length : end)
  }

  #slashComment(): HclToken {
    if (this.#text.startsWith('//', this.#at)) return this.#lineComment()
    if (!this.#text.startsWith('/*', this.#at)) this.#stop('this character has no meaning here')
    const end = this.#text.indexOf('*/', this.#at + 2)
    if (end === -1) this.#stop('a comment is not closed')
    return this.#token('comment', end + 2)
  }

  #heredoc(): HclToken {
    const text = this.#text
    heredocStart.lastIndex = this.#at
    const match = heredocStart.exec(text)
    if (match === null) this.#stop('a heredoc needs << and a word, alone at the end of the line')
    const [opening, dash, anchor = ''] = match
    const bodyStart = this.#at + opening.length
    let lineStart = bodyStart
    for (;;) {
      const newline = text.indexOf('\n', lineStart)
      const lineEnd = newline === -1 ? text.length : newline
      // Both forms may indent the closing word.
      const line = text.slice(lineStart, lineEnd).trimEnd()
      if (line.endsWith(anchor) && line.trimStart() === anchor) {
        const indent = line.slice(0, line.length - anchor.length)
        const lines = text.slice(bodyStart, lineStart)
        const value = dash === '-' ? unindent(lines, indent) : lines + indent
        return this.#token('heredoc', lineEnd, value.replaceAll('\r\n', '\n'))
      }
      if (newline === -1) this.#stop('a heredoc is not closed')
      lineStart = newline + 1
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    return pattern.exec(this.#text)?.[0]
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 0x0a) {
        this.#line++
        this.#lineStart = this.#at + 1
      } else if (code !== 0x20 && code !== 0x09 && code !== 0x0d) {
        return
      }
      this.#at++
    }
  }

  #token(kind: HclTokenKind, end: number, value?: string): HclToken {
    const text = this.#text.slice(this.#at, end)
    const line = this.#line
    const column = this.#at - this.#lineStart + 1
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
      this.#line++
      this.#lineStart = this.#at + at + 1
    }
    this.#at = end
    return { kind, text, value: value ?? text, line, column, lastLine: this.#line }
  }

  /** Every problem is told where its token begins. */
  #stop(message: string): never {
    throw new HclStop(message, { line: this.#line, column: this.#at - this.#lineStart + 1 })
  }
}

/** Takes the indent of the closing word off every line, or off none when one line has less. */
function unindent(lines: string, indent: string): string {
  const split = lines.split('\n')
  const isIndented = split.every((line, i) => i === split.length - 1 || line.startsWith(indent))
  if (!isIndented) return lines
  return split
    .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    .join('\n')
}
