/**
 * The canonical layout of HCL text, for `policy fmt`. Changes space, commas and line ends only:
 * strings, numbers, heredocs and comments stay as they were written, and so does the order of
 * everything.
 */

import { HclScanner, type HclProblem, type HclToken } from './hcl-scan.ts'
import { parseHcl } from './hcl.ts'
import { ok, type Result } from './result.ts'

/** Lays the text out anew; gives the first problem of a text that is no HCL. */
export function formatHcl(text: string): Result<string, HclProblem> {
  const unix = text.replaceAll('\r\n', '\n')
  const parsed = parseHcl(unix)
  if (!parsed.ok) return parsed
  return ok(new Formatter(unix).format())
}

interface Line {
  readonly kind: 'item' | 'comment'
  /** `name "label"` of an item; else empty. */
  readonly head: string
  readonly hasAssign: boolean
  /** May hold several lines, from the second on with their indent. */
  readonly value: string
  readonly blankBefore: boolean
  trailing: string
}

/** Works on text known to be HCL, so that it expects and never checks. */
class Formatter {
  readonly #tokens: readonly HclToken[]
  #next = 0
  /** Comments met inside an item; they move in front of it. */
  #displaced: HclToken[] = []

  constructor(text: string) {
    const scanner = new HclScanner(text)
    const tokens: HclToken[] = []
    let token: HclToken
    do {
      token = scanner.next()
      tokens.push(token)
    } while (token.kind !== 'end')
    this.#tokens = tokens
  }

  format(): string {
    const text = renderLines(this.#lines(''), '', true)
    return text === '' ? '' : `${text}\n`
  }

  /** Lines up to the end of the text or the closing brace, which it takes. */
  #lines(indent: string): readonly Line[] {
    const lines: Line[] = []
    let lastLine = this.#tokens[this.#next - 1]?.lastLine ?? 0
    for (;;) {
      const token = this.#take()
      if (token.kind === 'end' || token.kind === '}') return lines
      const blankBefore = lines.length > 0 && token.line > lastLine + 1
      const previous = lines.at(-1)
      if (token.kind === 'comment') {
        const comment = commentText(token)
        if (isTrailing(token, lastLine) && previous !== undefined && mayTrail(previous)) {
          previous.trailing = ` ${comment}`
        } else {
          lines.push(commentLine(comment, blankBefore))
        }
      } else if (token.kind !== ',') {
        this.#next--
        for (const line of this.#item(indent, blankBefore)) lines.push(line)
      }
      lastLine = this.#tokens[this.#next - 1]?.lastLine ?? lastLine
    }
  }

  #item(indent: string, blankBefore: boolean): readonly Line[] {
    const outer = this.#displaced
    this.#displaced = []
    const names: string[] = []
    let token = this.#takeSignificant()
    while (token.kind === 'ident' || token.kind === 'string') {
      names.push(token.text)
      token = this.#takeSignificant()
    }
    const hasAssign = token.kind === '='
    const value = this.#value(hasAssign ? this.#takeSignificant() : token, indent)
    const before = this.#displaced.map((comment, i) =>
      commentLine(commentText(comment), blankBefore && i === 0),
    )
    this.#displaced = outer
    const item: Line = {
      kind: 'item',
      head: names.join(' '),
      hasAssign,
      value,
      blankBefore: blankBefore && before.length === 0,
      trailing: '',
    }
    return [...before, item]
  }

  #value(first: HclToken, indent: string): string {
    const inner = `${indent}  `
    if (first.kind === '[') return this.#list(first, indent)
    if (first.kind !== '{') return first.text
    const lines = this.#lines(inner)
    return lines.length === 0 ? '{}' : `{\n${renderLines(lines, inner, false)}\n${indent}}`
  }

  #list(open: HclToken, indent: string): string {
    const inner = `${indent}  `
    const parts: { text: string; isComment: boolean; trailing: string }[] = []
    let lastLine = open.lastLine
    let close = open
    for (let token = this.#take(); token.kind !== ']'; token = this.#take()) {
      const previous = parts.at(-1)
      if (token.kind === 'comment') {
        const text = commentText(token)
        if (isTrailing(token, lastLine) && previous?.trailing === '' && !previous.isComment) {
          previous.trailing = ` ${text}`
        } else {
          parts.push({ text, isComment: true, trailing: '' })
        }
      } else if (token.kind !== ',') {
        parts.push({ text: this.#value(token, inner), isComment: false, trailing: '' })
      }
      close = this.#tokens[this.#next - 1] ?? close
      lastLine = close.lastLine
    }
    const end = this.#tokens[this.#next - 1] ?? close
    const isShort =
      end.line === open.line && parts.every((part) => !part.isComment && part.trailing === '')
    if (parts.length === 0) return '[]'
    if (isShort && parts.every((part) => !part.text.includes('\n'))) {
      return `[${parts.map((part) => part.text).join(', ')}]`
    }
    const lines = parts.map(({ text, isComment, trailing }) => {
      if (isComment) return inner + text
      // The closing word of a heredoc stands alone on its line.
      const comma = text.startsWith('<<') ? `\n${inner},` : ','
      return inner + text + comma + trailing
    })
    return `[\n${lines.join('\n')}\n${indent}]`
  }

  #take(): HclToken {
    const token = this.#tokens[this.#next]
    if (token === undefined) throw new Error('the formatter read past the end of its text')
    this.#next++
    return token
  }

  #takeSignificant(): HclToken {
    let token = this.#take()
    while (token.kind === 'comment') {
      this.#displaced.push(token)
      token = this.#take()
    }
    return token
  }
}

function isTrailing(comment: HclToken, lastLine: number): boolean {
  return comment.line === lastLine && comment.lastLine === comment.line
}

/** The closing word of a heredoc stands alone on its line. */
function mayTrail(line: Line): boolean {
  return line.kind === 'item' && line.trailing === '' && !line.value.startsWith('<<')
}

function commentText(comment: HclToken): string {
  return comment.text.trimEnd()
}

function commentLine(value: string, blankBefore: boolean): Line {
  return { kind: 'comment', head: '', hasAssign: false, value, blankBefore, trailing: '' }
}

/** Joins lines; the equal signs of neighbouring one-line attributes stand in one column. */
function renderLines(lines: readonly Line[], indent: string, isTop: boolean): string {
  const widths = assignColumns(lines)
  const texts = lines.map((line, i) => {
    const previous = lines[i - 1]
    // Blocks at the top stand apart even when they were written without a line between them.
    const isApart =
      isTop && previous?.kind === 'item' && (isMultiline(previous) || isMultiline(line))
    const gap = i > 0 && (line.blankBefore || isApart) ? '\n' : ''
    return gap + indent + renderLine(line, widths[i] ?? 0)
  })
  return texts.join('\n')
}

function renderLine(line: Line, width: number): string {
  if (line.kind === 'comment') return line.value
  const head = line.hasAssign ? `${line.head.padEnd(width)} = ` : `${line.head} `
  return head + line.value + line.trailing
}

/** Longer heads stand out; beside one of a megabyte every short line would be as long. */
const alignedMax = 128

function assignColumns(lines: readonly Line[]): readonly number[] {
  const widths = lines.map((line) => line.head.length)
  let start = 0
  for (let i = 0; i <= lines.length; i++) {
    const line = lines[i]
    const previous = lines[i - 1]
    const continues =
      line !== undefined &&
      previous !== undefined &&
      isShortAttribute(line) &&
      isShortAttribute(previous) &&
      !line.blankBefore
    if (continues) continue
    const width = widths
      .slice(start, i)
      .reduce((widest, one) => (one > alignedMax ? widest : Math.max(widest, one)), 0)
    widths.fill(width, start, i)
    start = i
  }
  return widths
}

function isShortAttribute(line: Line): boolean {
  return line.kind === 'item' && line.hasAssign && !isMultiline(line)
}

function isMultiline(line: Line): boolean {
  return line.value.includes('\n')
}
