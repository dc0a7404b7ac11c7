/**
 * HCL 1 read into a tree, and its JSON twin read into the same tree. Policies (platform.md §4.1)
 * and server config files (platform.md §9.7) are written in it. HCL 2 readers drop one-line blocks
 * with several attributes that HCL 1 accepts, so this is our own. What the words mean is the
 * caller's business: every item and value carries its position so that the caller can say where it
 * disagrees.
 */

import {
  HclScanner,
  HclStop,
  type HclPosition,
  type HclProblem,
  type HclToken,
  type HclTokenKind,
} from './hcl-scan.ts'
import { readJsonBody } from './hcl-json.ts'
import type {
  HclBlock,
  HclBody,
  HclItem,
  HclLabel,
  HclLimits,
  HclNumber,
  HclValue,
} from './hcl-tree.ts'
import { emptyObject, JsonNumber, type JsonObject, type JsonValue } from './json.ts'
import { err, ok, type Result } from './result.ts'

export type { HclPosition, HclProblem } from './hcl-scan.ts'

const defaultHclLimits: HclLimits = { depthMax: 64, lengthMax: 1_048_576 }

/** Reads HCL text; gives the tree or the first problem. */
export function parseHcl(
  text: string,
  limits: HclLimits = defaultHclLimits,
): Result<HclBody, HclProblem> {
  return readWithin(text, limits, () => new Parser(text, limits).readDocument())
}

/**
 * Reads JSON when the first character that is not space is `{`, which no HCL text begins with; else
 * HCL.
 */
export function parseHclOrJson(
  text: string,
  limits: HclLimits = defaultHclLimits,
): Result<HclBody, HclProblem> {
  if (!/^\uFEFF?[ \t\r\n]*\{/.test(text)) return parseHcl(text, limits)
  return readWithin(text, limits, () => readJsonBody(text.replace(/^\uFEFF/, ''), limits))
}

function readWithin(
  text: string,
  limits: HclLimits,
  read: () => HclBody,
): Result<HclBody, HclProblem> {
  if (text.length > limits.lengthMax) {
    return err({ message: `the text is longer than ${limits.lengthMax}`, line: 1, column: 1 })
  }
  try {
    return ok(read())
  } catch (problem) {
    if (problem instanceof HclStop) return err(problem.problem)
    throw problem
  }
}

/**
 * Every block of that name with exactly `labelCount` labels. `path "a" {}`, `path = { a = {} }`,
 * `{"path": {"a": {}}}` and `{"path": [{"a": {}}]}` are the same block, as the reference decodes
 * them.
 */
export function listHclBlocks(
  body: HclBody,
  name: string,
  labelCount: number,
): Result<readonly HclBlock[], HclProblem> {
  const blocks: HclBlock[] = []
  for (const item of body.items) {
    if (item.name !== name) continue
    const problem = collectBlocks(item, labelCount, item.labels, blocks)
    if (problem !== undefined) return err(problem)
  }
  return ok(blocks)
}

function collectBlocks(
  item: HclItem,
  labelCount: number,
  labels: readonly HclLabel[],
  blocks: HclBlock[],
): HclProblem | undefined {
  if (labels.length > labelCount) {
    return problemAt(item, `"${item.name}" has more than ${labelCount} labels`)
  }
  const bodies = item.value.kind === 'list' ? item.value.values : [item.value]
  for (const body of bodies) {
    if (body.kind !== 'body') return problemAt(body, `"${item.name}" must be a block`)
    if (labels.length === labelCount) {
      blocks.push({ labels, body, line: item.line, column: item.column })
      continue
    }
    for (const child of body.items) {
      const label = { text: child.name, line: child.line, column: child.column }
      const problem = collectBlocks(child, labelCount, [...labels, label, ...child.labels], blocks)
      if (problem !== undefined) return problem
    }
  }
  return undefined
}

/**
 * The plain value; of two items with one name the last counts, and labels become nested objects.
 */
export function toJsonValue(value: HclValue): JsonValue {
  switch (value.kind) {
    case 'null':
      return null
    case 'string':
    case 'bool':
      return value.value
    case 'list':
      return value.values.map(toJsonValue)
    case 'number':
      return toJsonNumber(value)
    case 'body':
      break
  }
  return toJsonObject(value)
}

function toJsonObject(body: HclBody): JsonObject {
  const object = emptyObject()
  for (const item of body.items) {
    object[item.name] = item.labels.reduceRight<JsonValue>((inner, label) => {
      const outer = emptyObject()
      outer[label.text] = inner
      return outer
    }, toJsonValue(item.value))
  }
  return object
}

/** Digits that a double would lose stay text; hexadecimal and octal have no JSON form. */
function toJsonNumber(number: HclNumber): JsonValue {
  const { text, value } = number
  if (String(value) === text) return value
  return /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/.test(text)
    ? new JsonNumber(text)
    : value
}

function problemAt(position: HclPosition, message: string): HclProblem {
  return { message, line: position.line, column: position.column }
}

class Parser {
  readonly #scanner: HclScanner
  readonly #limits: HclLimits
  #token: HclToken
  #depth = 0

  constructor(text: string, limits: HclLimits) {
    this.#scanner = new HclScanner(text)
    this.#limits = limits
    this.#token = this.#read()
  }

  readDocument(): HclBody {
    return { kind: 'body', items: this.#items('end'), line: 1, column: 1 }
  }

  #items(end: 'end' | '}'): HclItem[] {
    const items: HclItem[] = []
    while (this.#token.kind !== end) {
      items.push(this.#item())
      if (this.#token.kind === ',') this.#advance()
    }
    return items
  }

  #item(): HclItem {
    const first = this.#token
    if (first.kind !== 'ident' && first.kind !== 'string') {
      this.#stop(`a name was expected, not ${tokenName(first)}`)
    }
    const labels: HclLabel[] = []
    this.#advance()
    while (this.#token.kind === 'ident' || this.#token.kind === 'string') {
      const { value, line, column } = this.#token
      labels.push({ text: value, line, column })
      this.#advance()
    }
    const kind: string = this.#token.kind
    if (kind === '=') {
      if (labels.length > 0) this.#stop('a block with labels takes no "="')
      this.#advance()
    } else if (kind !== '{') {
      this.#stop(`"=" or "{" was expected after a name, not ${tokenName(this.#token)}`)
    }
    const value = this.#value()
    return { name: first.value, labels, value, line: first.line, column: first.column }
  }

  #value(): HclValue {
    const token = this.#token
    const { line, column } = token
    switch (token.kind) {
      case 'string':
      case 'heredoc':
        this.#advance()
        return { kind: 'string', value: token.value, line, column }
      case 'number':
        this.#advance()
        return { kind: 'number', value: toNumber(token.text), text: token.text, line, column }
      case 'bool':
        this.#advance()
        return { kind: 'bool', value: token.text === 'true', line, column }
      case '{': {
        this.#enter()
        const items = this.#items('}')
        this.#leave()
        return { kind: 'body', items, line, column }
      }
      case '[': {
        this.#enter()
        const values = this.#values()
        this.#leave()
        return { kind: 'list', values, line, column }
      }
      case 'ident':
      case 'comment':
      case 'end':
      case '}':
      case ']':
      case '=':
      case ',':
        break
    }
    return this.#stop(`a value was expected, not ${tokenName(token)}`)
  }

  #values(): HclValue[] {
    const values: HclValue[] = []
    let needsComma = false
    while (this.#token.kind !== ']') {
      if (this.#token.kind === ',') {
        // Vault compatibility: commas too many, also at either end, separate nothing.
        needsComma = false
        this.#advance()
        continue
      }
      if (needsComma) {
        this.#stop(`a comma or the end of the list was expected, not ${tokenName(this.#token)}`)
      }
      values.push(this.#value())
      needsComma = true
    }
    return values
  }

  #enter(): void {
    if (++this.#depth > this.#limits.depthMax) {
      this.#stop(`lists and objects are nested deeper than ${this.#limits.depthMax}`)
    }
    this.#advance()
  }

  #leave(): void {
    this.#depth--
    this.#advance()
  }

  #advance(): void {
    this.#token = this.#read()
  }

  #read(): HclToken {
    let token = this.#scanner.next()
    while (token.kind === 'comment') token = this.#scanner.next()
    return token
  }

  #stop(message: string): never {
    throw new HclStop(message, this.#token)
  }
}

const tokenNames: Readonly<Partial<Record<HclTokenKind, string>>> = {
  end: 'the end of the text',
  ident: 'a bare word',
  string: 'a string',
  heredoc: 'a string',
  number: 'a number',
  bool: 'true or false',
}

/** Names a token without quoting the text of a value: config files hold secrets. */
function tokenName(token: HclToken): string {
  return tokenNames[token.kind] ?? `"${token.kind}"`
}

function toNumber(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1
  const digits = sign === -1 ? text.slice(1) : text
  // HCL 1 reads a leading zero as octal, as Go does.
  if (/^0[0-7]+$/.test(digits)) return sign * parseInt(digits, 8)
  return sign * Number(digits)
}
