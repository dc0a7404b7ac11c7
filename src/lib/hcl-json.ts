/**
 * The JSON twin of HCL, read into the tree of `hcl.ts`. Syntax and limits are judged by `json.ts`;
 * the walk here runs on text known to be JSON and adds what the HCL tree needs: positions, and both
 * of two members with one name (a `deny` must not vanish because its path is written twice).
 */

import type { HclBody, HclItem, HclLimits, HclValue } from './hcl-tree.ts'
import { HclStop, type HclPosition } from './hcl-scan.ts'
import { parseJson } from './json.ts'

/** Reads one JSON object; throws `HclStop`. */
export function readJsonBody(text: string, limits: HclLimits): HclBody {
  const checked = parseJson(text, {
    depthMax: limits.depthMax,
    stringLengthMax: limits.lengthMax,
    entriesMax: limits.lengthMax,
    duplicates: 'last',
    loneSurrogates: 'refuse',
  })
  if (!checked.ok) throw new HclStop(checked.error.detail, positionOf(text, checked.error.at))
  const value = new Walker(text).value()
  if (value.kind !== 'body') throw new HclStop('a JSON object was expected', value)
  return value
}

function positionOf(text: string, at: number): HclPosition {
  const before = text.slice(0, at)
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') }
}

const space = /[ \t\r\n]*/y
const scalar = /[^\s,\]}]+/y

class Walker {
  readonly #text: string
  #at = 0
  #line = 1
  #lineStart = 0

  constructor(text: string) {
    this.#text = text
    this.#skipSpace()
  }

  value(): HclValue {
    const position = this.#position()
    switch (this.#text.charAt(this.#at)) {
      case '{':
        return { kind: 'body', items: this.#items(), ...position }
      case '[':
        return { kind: 'list', values: this.#values(), ...position }
      case '"':
        return { kind: 'string', value: this.#string(), ...position }
      default:
        return scalarValue(this.#take(scalar), position)
    }
  }

  #items(): HclItem[] {
    const items: HclItem[] = []
    this.#step()
    while (this.#text.charAt(this.#at) !== '}') {
      const position = this.#position()
      const name = this.#string()
      this.#step()
      items.push({ name, labels: [], value: this.value(), ...position })
      if (this.#text.charAt(this.#at) === ',') this.#step()
    }
    this.#step()
    return items
  }

  #values(): HclValue[] {
    const values: HclValue[] = []
    this.#step()
    while (this.#text.charAt(this.#at) !== ']') {
      values.push(this.value())
      if (this.#text.charAt(this.#at) === ',') this.#step()
    }
    this.#step()
    return values
  }

  #string(): string {
    let end = this.#at + 1
    while (this.#text.charAt(end) !== '"') end += this.#text.charAt(end) === '\\' ? 2 : 1
    const raw = this.#text.slice(this.#at, end + 1)
    this.#at = end
    this.#step()
    return JSON.parse(raw) as string
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const taken = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += taken.length
    this.#skipSpace()
    return taken
  }

  /** Over one character of punctuation and the space behind it. */
  #step(): void {
    this.#at++
    this.#skipSpace()
  }

  #skipSpace(): void {
    space.lastIndex = this.#at
    const skipped = space.exec(this.#text)?.[0] ?? ''
    for (let at = skipped.indexOf('\n'); at !== -1; at = skipped.indexOf('\n', at + 1)) {
      this.#line++
      this.#lineStart = this.#at + at + 1
    }
    this.#at += skipped.length
  }

  #position(): HclPosition {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 }
  }
}

function scalarValue(text: string, position: HclPosition): HclValue {
  if (text === 'null') return { kind: 'null', ...position }
  if (text === 'true' || text === 'false') {
    return { kind: 'bool', value: text === 'true', ...position }
  }
  return { kind: 'number', value: Number(text), text, ...position }
}
