/**
 * Syntax of policy templates: text with `{{ actions }}` in the manner of Go's text/template, as a
 * tree.
 *
 * The subset is what policy names need: fields, variables, pipelines, function calls, if, with,
 * range and comments. Templates that call other templates are refused by name. Parsing is done
 * once, at role write.
 */

import { err, ok, type Result } from '../lib/result.ts'
import {
  splitActions,
  splitTokens,
  SyntaxProblem,
  type Part,
  type Token,
} from './template-tokens.ts'

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'dot' }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'field'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }

export type Statement =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly value: Expression }
  | {
      readonly kind: 'set'
      readonly name: string
      readonly declares: boolean
      readonly value: Expression
    }
  | {
      readonly kind: 'if' | 'with'
      readonly variable: string | undefined
      readonly value: Expression
      readonly body: readonly Statement[]
      readonly otherwise: readonly Statement[]
    }
  | {
      readonly kind: 'range'
      readonly variables: readonly string[]
      readonly value: Expression
      readonly body: readonly Statement[]
      readonly otherwise: readonly Statement[]
    }

export interface TemplateProblem {
  readonly detail: string
}

const templateLengthMax = 65_536
const nestingMax = 64
/** Visible at one place: each use of one looks through them. */
const variablesMax = 64

/** `isFunction` knows the functions that exist: a call of any other is a syntax error, as in Go. */
export function parseTemplateSyntax(
  text: string,
  isFunction: (name: string) => boolean,
): Result<readonly Statement[], TemplateProblem> {
  if (text.length > templateLengthMax) return err({ detail: 'the template is too long' })
  try {
    const parser = new Parser(splitActions(text), isFunction)
    return ok(parser.parseAll())
  } catch (problem) {
    if (problem instanceof SyntaxProblem) return err({ detail: problem.message })
    throw problem
  }
}

const dot: Expression = { kind: 'dot' }
const unsupported = new Set(['template', 'define', 'block', 'break', 'continue'])

class Parser {
  readonly #parts: readonly Part[]
  readonly #isFunction: (name: string) => boolean
  #part = 0
  #tokens: readonly Token[] = []
  #token = 0
  #depth = 0
  /** Names of the variables that are visible here. */
  #variables: string[] = ['$']

  constructor(parts: readonly Part[], isFunction: (name: string) => boolean) {
    this.#parts = parts
    this.#isFunction = isFunction
  }

  parseAll(): readonly Statement[] {
    const statements = this.#block()
    if (this.#part < this.#parts.length)
      this.#fail(`{{${this.#keyword() ?? ''}}} has nothing to close`)
    return statements
  }

  /** Statements up to an `end` or `else`, which is left unread, or to the end of the template. */
  #block(): readonly Statement[] {
    if (++this.#depth > nestingMax) this.#fail('the template is nested too deeply')
    const visible = this.#variables.length
    const statements: Statement[] = []
    for (;;) {
      const part = this.#parts[this.#part]
      if (part === undefined) break
      if (part.kind === 'text') {
        statements.push({ kind: 'text', text: part.text })
        this.#part++
        continue
      }
      this.#tokens = splitTokens(part.text)
      this.#token = 0
      const keyword = this.#keyword()
      if (keyword === 'end' || keyword === 'else') break
      this.#part++
      statements.push(this.#statement(keyword))
    }
    this.#variables.length = visible
    this.#depth--
    return statements
  }

  #statement(keyword: string | undefined): Statement {
    if (keyword !== undefined && unsupported.has(keyword)) {
      this.#fail(`{{${keyword}}} is not supported in policy templates`)
    }
    if (keyword === 'if' || keyword === 'with' || keyword === 'range') {
      this.#token++
      return this.#branch(keyword)
    }
    const set = this.#assignment()
    if (set !== undefined) return set
    const value = this.#pipeline()
    this.#endOfAction()
    return { kind: 'print', value }
  }

  #assignment(): Statement | undefined {
    const name = this.#peek('variable')
    const operator = this.#tokens[this.#token + 1]
    if (name === undefined || operator?.kind !== 'symbol') return undefined
    if (operator.value !== ':=' && operator.value !== '=') return undefined
    this.#token += 2
    const value = this.#pipeline()
    this.#endOfAction()
    const declares = operator.value === ':='
    if (declares) this.#declare([name])
    else this.#requireVariable(name)
    return { kind: 'set', name, declares, value }
  }

  #branch(keyword: 'if' | 'with' | 'range'): Statement {
    const visible = this.#variables.length
    const variables = this.#declarations(keyword)
    const value = this.#pipeline()
    this.#endOfAction()
    this.#declare(variables)
    const body = this.#block()
    let otherwise: readonly Statement[] = []
    if (this.#isAt('else')) {
      this.#token++
      const next = this.#keyword()
      if (next === 'if' || next === 'with') {
        // `else if` is an if inside the else, and both end at one `end`.
        if (next !== keyword)
          this.#fail(`{{else ${next}}} does not fit the ${keyword} it belongs to`)
        this.#token++
        this.#part++
        if (++this.#depth > nestingMax) this.#fail('the template is nested too deeply')
        otherwise = [this.#branch(next)]
        this.#depth--
        this.#variables.length = visible
        return this.#branchNode(keyword, variables, value, body, otherwise)
      }
      this.#endOfAction()
      this.#part++
      otherwise = this.#block()
    }
    if (!this.#isAt('end')) this.#fail(`{{end}} is missing for an ${keyword}`)
    this.#token++
    this.#endOfAction()
    this.#part++
    this.#variables.length = visible
    return this.#branchNode(keyword, variables, value, body, otherwise)
  }

  #branchNode(
    keyword: 'if' | 'with' | 'range',
    variables: readonly string[],
    value: Expression,
    body: readonly Statement[],
    otherwise: readonly Statement[],
  ): Statement {
    if (keyword === 'range') return { kind: 'range', variables, value, body, otherwise }
    return { kind: keyword, variable: variables[0], value, body, otherwise }
  }

  /** `$x :=`, and for range `$i, $x :=`, at the head of a branch. */
  #declarations(keyword: string): readonly string[] {
    const start = this.#token
    const names: string[] = []
    for (;;) {
      const name = this.#peek('variable')
      if (name === undefined) break
      this.#token++
      names.push(name)
      if (this.#takeSymbol(':=')) {
        if (names.length > (keyword === 'range' ? 2 : 1))
          this.#fail('too many variables are declared')
        return names
      }
      if (!this.#takeSymbol(',')) break
    }
    this.#token = start
    return []
  }

  #pipeline(): Expression {
    if (++this.#depth > nestingMax) this.#fail('the template is nested too deeply')
    let value = this.#command(undefined)
    while (this.#takeSymbol('|')) value = this.#command(value)
    this.#depth--
    return value
  }

  /** One command; the value piped in becomes the last argument of its function. */
  #command(piped: Expression | undefined): Expression {
    const name = this.#peek('word')
    if (name !== undefined && !isLiteralWord(name)) {
      if (!this.#isFunction(name)) this.#fail(`function ${JSON.stringify(name)} is not defined`)
      this.#token++
      const args: Expression[] = []
      while (!this.#isAtEndOfCommand()) args.push(this.#operand())
      if (piped !== undefined) args.push(piped)
      return { kind: 'call', name, args }
    }
    if (piped !== undefined) this.#fail('only a function can follow a pipe')
    const value = this.#operand()
    if (!this.#isAtEndOfCommand()) this.#fail('a value that is no function cannot take arguments')
    return value
  }

  #operand(): Expression {
    const token = this.#tokens[this.#token++]
    if (token === undefined) this.#fail('an action ends where a value was expected')
    let value: Expression
    switch (token.kind) {
      case 'string':
      case 'number':
        return { kind: 'literal', value: token.value }
      case 'field':
        value = { kind: 'field', of: dot, name: token.value }
        break
      case 'variable':
        this.#requireVariable(token.value)
        value = { kind: 'variable', name: token.value }
        break
      case 'word':
        if (isLiteralWord(token.value)) return { kind: 'literal', value: literalWords[token.value] }
        if (!this.#isFunction(token.value)) {
          this.#fail(`function ${JSON.stringify(token.value)} is not defined`)
        }
        return { kind: 'call', name: token.value, args: [] }
      case 'symbol':
        if (token.value === '.') return dot
        if (token.value !== '(') this.#fail('an action holds a sign where a value was expected')
        value = this.#pipeline()
        if (!this.#takeSymbol(')')) this.#fail('a parenthesis is not closed')
        break
    }
    for (;;) {
      const next = this.#tokens[this.#token]
      if (next?.kind !== 'field' || !next.glued) return value
      this.#token++
      value = { kind: 'field', of: value, name: next.value }
    }
  }

  #declare(names: readonly string[]): void {
    this.#variables.push(...names)
    if (this.#variables.length > variablesMax)
      this.#fail('the template declares too many variables')
  }

  #requireVariable(name: string): void {
    if (!this.#variables.includes(name)) this.#fail('a variable is used that was not declared')
  }

  #keyword(): string | undefined {
    return this.#peek('word')
  }

  #isAt(keyword: string): boolean {
    return this.#part < this.#parts.length && this.#keyword() === keyword
  }

  #peek(kind: 'word' | 'variable'): string | undefined {
    const token = this.#tokens[this.#token]
    return token?.kind === kind ? token.value : undefined
  }

  #takeSymbol(text: string): boolean {
    const token = this.#tokens[this.#token]
    if (token?.kind !== 'symbol' || token.value !== text) return false
    this.#token++
    return true
  }

  #isAtEndOfCommand(): boolean {
    const token = this.#tokens[this.#token]
    return (
      token === undefined ||
      (token.kind === 'symbol' && (token.value === '|' || token.value === ')'))
    )
  }

  #endOfAction(): void {
    if (this.#token < this.#tokens.length) this.#fail('an action goes on after its end')
  }

  #fail(detail: string): never {
    throw new SyntaxProblem(detail)
  }
}

const literalWords = { true: true, false: false, nil: null } as const

function isLiteralWord(text: string): text is keyof typeof literalWords {
  return Object.hasOwn(literalWords, text)
}
