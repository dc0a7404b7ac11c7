/**
 * Finds the declaration that serves a path inside a mount, and the one spelling of that path: final
 * slashes that mean nothing are gone, and what a field reads in several spellings stands in one.
 */

import type { Field } from '../schema/field.ts'
import type { PathDeclaration } from './path.ts'
import { capturesOf, fillPattern, parsePattern, type Segment } from './pattern.ts'

export interface PathMatch {
  readonly declaration: PathDeclaration
  /** The captured parts, each in the one spelling of its field. */
  readonly captures: Readonly<Record<string, string>>
  /** The path in its one spelling. Policies have to allow it beside what was sent. */
  readonly canonical: string
}

interface Compiled {
  readonly declaration: PathDeclaration
  readonly expression: RegExp
  readonly segments: readonly Segment[]
  readonly captured: readonly Captured[]
  /** A `*name` at the end takes a final slash. */
  readonly takesFinalSlash: boolean
}

interface Captured {
  readonly name: string
  readonly spell: Field<unknown>['spell']
}

const noCaptures: Readonly<Record<string, string>> = Object.freeze({})

export class Router {
  readonly declarations: readonly PathDeclaration[]
  readonly #literals = new Map<string, PathDeclaration>()
  readonly #patterns: Compiled[] = []

  constructor(declarations: readonly PathDeclaration[]) {
    this.declarations = declarations
    for (const declaration of declarations) {
      if (capturesOf(declaration.pattern).length > 0) this.#patterns.push(compile(declaration))
      else this.#literals.set(declaration.pattern, declaration)
    }
  }

  /**
   * Literal paths first, then patterns in the order of their declaration. A final "/" is ignored
   * unless a `*name` takes it.
   */
  match(path: string): PathMatch | undefined {
    const bare = path.endsWith('/') ? path.slice(0, -1) : path
    const literal = this.#literals.get(bare)
    if (literal !== undefined) {
      return { declaration: literal, captures: noCaptures, canonical: bare }
    }
    for (const compiled of this.#patterns) {
      const found = compiled.expression.exec(path)
      if (found !== null) return matchOf(compiled, path, found)
    }
    return undefined
  }
}

function matchOf(compiled: Compiled, path: string, found: RegExpExecArray): PathMatch {
  const { captured, declaration, segments, takesFinalSlash } = compiled
  const captures: Record<string, string> = {}
  let isAsSent = takesFinalSlash || !path.endsWith('/')
  let group = 0
  for (const { name, spell } of captured) {
    const sent = found[++group]
    if (sent === undefined) continue
    const text = spell === undefined ? sent : spell(sent)
    captures[name] = text
    isAsSent &&= text === sent
  }
  return { declaration, captures, canonical: isAsSent ? path : fillPattern(segments, captures) }
}

function compile(declaration: PathDeclaration): Compiled {
  const segments = parsePattern(declaration.pattern)
  const captured: Captured[] = []
  let source = '^'
  segments.forEach((segment, index) => {
    const slash = index === 0 ? '' : '/'
    if (segment.kind === 'literal') {
      source += slash + segment.text.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
      return
    }
    const { name, isOptional } = segment
    const { fields } = declaration
    captured.push({ name, spell: Object.hasOwn(fields, name) ? fields[name]?.spell : undefined })
    if (segment.kind === 'word') {
      const part = String.raw`${slash}(\w(?:[\w.-]*\w)?)`
      source += isOptional ? `(?:${part})?` : part
    } else {
      source += isOptional ? `(?:${slash}([\\s\\S]*))?` : `${slash}([\\s\\S]+)`
    }
  })
  const takesFinalSlash = segments.at(-1)?.kind === 'rest'
  source += takesFinalSlash ? '$' : '/?$'
  return { declaration, expression: new RegExp(source), segments, captured, takesFinalSlash }
}
