/** Finds the declaration that serves a path inside a mount. Patterns are ours, never a user's; their grammar is in `path.ts`. */

import type { PathDeclaration } from './path.ts'

export interface PathMatch {
  readonly declaration: PathDeclaration
  readonly captures: Readonly<Record<string, string>>
}

interface Compiled {
  readonly declaration: PathDeclaration
  readonly expression: RegExp
  readonly names: readonly string[]
}

const noCaptures: Readonly<Record<string, string>> = Object.freeze({})

export class Router {
  readonly declarations: readonly PathDeclaration[]
  readonly #literals = new Map<string, PathDeclaration>()
  readonly #patterns: Compiled[] = []

  constructor(declarations: readonly PathDeclaration[]) {
    this.declarations = declarations
    for (const declaration of declarations) {
      if (/[:*]/.test(declaration.pattern)) this.#patterns.push(compile(declaration))
      else this.#literals.set(declaration.pattern, declaration)
    }
  }

  /** Literal paths first, then patterns in the order of their declaration. A final "/" is ignored unless a `*name` takes it. */
  match(path: string): PathMatch | undefined {
    const bare = path.endsWith('/') ? path.slice(0, -1) : path
    const literal = this.#literals.get(bare)
    if (literal !== undefined) return { declaration: literal, captures: noCaptures }
    for (const { declaration, expression, names } of this.#patterns) {
      const found = expression.exec(path)
      if (found === null) continue
      const captures: Record<string, string> = {}
      for (let i = 0; i < names.length; i++) {
        const name = names[i]
        const value = found[i + 1]
        if (name !== undefined && value !== undefined) captures[name] = value
      }
      return { declaration, captures }
    }
    return undefined
  }
}

function compile(declaration: PathDeclaration): Compiled {
  const names: string[] = []
  let source = '^'
  const segments = declaration.pattern.split('/')
  segments.forEach((segment, index) => {
    const optional = segment.endsWith('?')
    const name = segment.slice(1, optional ? -1 : undefined)
    const slash = index === 0 ? '' : '/'
    if (segment.startsWith(':')) {
      names.push(name)
      const part = String.raw`${slash}(\w(?:[\w.-]*\w)?)`
      source += optional ? `(?:${part})?` : part
    } else if (segment.startsWith('*')) {
      names.push(name)
      source += optional ? `(?:${slash}([\\s\\S]*))?` : `${slash}([\\s\\S]+)`
    } else {
      source += slash + segment.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    }
  })
  const last = segments.at(-1) ?? ''
  source += last.startsWith('*') ? '$' : '/?$'
  return { declaration, expression: new RegExp(source), names }
}
