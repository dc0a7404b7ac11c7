/**
 * Regular expressions of roles and providers, in RE2's syntax and in time that grows with the
 * length of the text alone (`re2js`): no expression of an administrator and no claim of a stranger
 * can make one run away. How much a long program looks at a long text is still a product, and has
 * its price.
 */

import { RE2JS } from 're2js'
import { err, ok, type Result } from '../lib/result.ts'

export interface Expression {
  readonly source: string
  readonly program: RE2JS
  /** What one character of a text costs. */
  readonly price: number
}

const sourceLengthMax = 512
/** Instructions of the compiled program: `a{1000}` is five characters and a thousand of them. */
const programSizeMax = 500
/** One instruction for one character takes at worst so many of the machine's cheap comparisons. */
const instructionPrice = 8
/** Calling costs something, however short the text is. */
const callPrice = 64

/** The reason is one line and names no part of a claim. */
export function parseExpression(source: string): Result<Expression, string> {
  if (source.length > sourceLengthMax) {
    return err(`the expression has more than ${sourceLengthMax} characters`)
  }
  let program: RE2JS
  try {
    program = RE2JS.compile(source)
  } catch {
    return err('the expression is none in the syntax of RE2')
  }
  const size = program.programSize()
  if (size > programSizeMax) {
    return err(`the expression is too large: ${size} instructions of at most ${programSizeMax}`)
  }
  return ok({ source, program, price: size * instructionPrice })
}

/** What looking at that text costs at most. */
export function priceOfExpression(expression: Expression, text: string): number {
  return callPrice + text.length * expression.price
}

/** The whole text, from its first character to its last. */
export function expressionMatches({ program }: Expression, text: string): boolean {
  return program.testExact(text)
}

/** Any part of the text. */
export function expressionFinds({ program }: Expression, text: string): boolean {
  return program.test(text)
}
