/**
 * The conditions by which a device chooses records (`filter`) or leaves out parts of them
 * (`exclude`): comparisons of facts of the request, joined by `and`, `or`, `not` and parentheses,
 * such as `mount_type == kv and operation != read`.
 */

import { err, ok, type Result } from '../lib/result.ts'

/** What conditions may ask for, as in the references; a leading `/request/` means the same. */
export interface ConditionFacts {
  readonly mount_point: string
  readonly mount_type: string
  readonly namespace: string
  readonly operation: string
  readonly path: string
}

export type Condition = (facts: ConditionFacts) => boolean

const selectors = ['mount_point', 'mount_type', 'namespace', 'operation', 'path'] as const
type Selector = (typeof selectors)[number]

const charsMax = 4096
const wordsMax = 256
const depthMax = 32

export function parseCondition(text: string): Result<Condition, string> {
  if (text.length > charsMax) return err(`a condition has more than ${charsMax} characters`)
  const words = splitWords(text)
  if (!words.ok) return words
  if (words.value.length > wordsMax) return err(`a condition has more than ${wordsMax} words`)
  return new ConditionReader(words.value).read()
}

interface Word {
  readonly text: string
  /** It stood in quotes, so that it is a value and no operator. */
  readonly isQuoted: boolean
}

const blanks = new Set([' ', '\t', '\n', '\r'])
const quotes = new Set(['"', '`'])
const signs = ['==', '!=', '(', ')'] as const

function splitWords(text: string): Result<readonly Word[], string> {
  const words: Word[] = []
  let at = 0
  while (at < text.length) {
    const char = text.charAt(at)
    const sign = signs.find((one) => text.startsWith(one, at))
    if (blanks.has(char)) at++
    else if (sign !== undefined) {
      words.push({ text: sign, isQuoted: false })
      at += sign.length
    } else if (quotes.has(char)) {
      const end = text.indexOf(char, at + 1)
      if (end < 0) return err('a quote in the condition is not closed')
      words.push({ text: text.slice(at + 1, end), isQuoted: true })
      at = end + 1
    } else {
      const start = at
      while (at < text.length && isInWord(text, at)) at++
      words.push({ text: text.slice(start, at), isQuoted: false })
    }
  }
  return ok(words)
}

function isInWord(text: string, at: number): boolean {
  const char = text.charAt(at)
  if (blanks.has(char) || quotes.has(char)) return false
  return !signs.some((sign) => text.startsWith(sign, at))
}

class ConditionStop extends Error {}

class ConditionReader {
  readonly #words: readonly Word[]
  #at = 0

  constructor(words: readonly Word[]) {
    this.#words = words
  }

  read(): Result<Condition, string> {
    try {
      const condition = this.#anyOf(0)
      return this.#at < this.#words.length
        ? err('the condition has words after its end')
        : ok(condition)
    } catch (problem) {
      if (problem instanceof ConditionStop) return err(problem.message)
      throw problem
    }
  }

  #anyOf(depth: number): Condition {
    const parts = [this.#allOf(depth)]
    while (this.#take('or')) parts.push(this.#allOf(depth))
    return (facts) => parts.some((part) => part(facts))
  }

  #allOf(depth: number): Condition {
    const parts = [this.#one(depth)]
    while (this.#take('and')) parts.push(this.#one(depth))
    return (facts) => parts.every((part) => part(facts))
  }

  #one(depth: number): Condition {
    if (depth > depthMax) throw new ConditionStop('the condition is nested too deeply')
    if (this.#take('not')) {
      const inner = this.#one(depth + 1)
      return (facts) => !inner(facts)
    }
    if (this.#take('(')) {
      const inner = this.#anyOf(depth + 1)
      if (!this.#take(')')) throw new ConditionStop('a parenthesis of the condition is not closed')
      return inner
    }
    return this.#comparison()
  }

  #comparison(): Condition {
    const first = this.#next()
    if (first.isQuoted || selectorOf(first.text) === undefined) return this.#within(first)
    const selector = this.#selector(first)
    if (this.#take('==')) return equals(selector, this.#next().text)
    if (this.#take('!=')) return negated(equals(selector, this.#next().text))
    if (this.#take('contains')) return contains(selector, this.#next().text)
    if (this.#take('not')) {
      if (!this.#take('contains')) throw new ConditionStop('"not" stands before "contains"')
      return negated(contains(selector, this.#next().text))
    }
    throw new ConditionStop(`${selector} is compared by ==, !=, contains or not contains`)
  }

  /** `value in selector` and `value not in selector`. */
  #within(value: Word): Condition {
    const isNegated = this.#take('not')
    if (!this.#take('in')) {
      throw new ConditionStop(`a condition asks for one of ${selectors.join(', ')}`)
    }
    const found = contains(this.#selector(this.#next()), value.text)
    return isNegated ? negated(found) : found
  }

  #selector({ text }: Word): Selector {
    const selector = selectorOf(text)
    if (selector === undefined) {
      throw new ConditionStop(`a condition asks for one of ${selectors.join(', ')}`)
    }
    return selector
  }

  #next(): Word {
    const word = this.#words[this.#at++]
    if (word === undefined) throw new ConditionStop('the condition ends too early')
    return word
  }

  #take(text: string): boolean {
    const word = this.#words[this.#at]
    if (word === undefined || word.isQuoted || word.text !== text) return false
    this.#at++
    return true
  }
}

function selectorOf(text: string): Selector | undefined {
  const name = text.startsWith('/request/') ? text.slice('/request/'.length) : text
  return selectors.find((one) => one === name)
}

function equals(selector: Selector, value: string): Condition {
  return (facts) => facts[selector] === value
}

function contains(selector: Selector, value: string): Condition {
  return (facts) => facts[selector].includes(value)
}

function negated(condition: Condition): Condition {
  return (facts) => !condition(facts)
}
