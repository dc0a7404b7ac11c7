/**
 * Paths of policies with `{{…}}` in them (platform.md §4.7): read once, filled for each token. What
 * cannot be filled, or would be filled with something that is more than a name in a path, makes the
 * rule disappear for that token, so that it grants nothing (a deny: see `holdsUnfilled`). No I/O.
 */

import { parseDurationMs } from '../../lib/duration.ts'
import type { JsonObject, JsonValue } from '../../lib/json.ts'

type Texts = Readonly<Record<string, string>>

export interface TemplateFacts {
  readonly entity:
    { readonly id: string; readonly name: string; readonly metadata: Texts | null } | undefined
  readonly aliases: readonly {
    readonly id: string
    readonly name: string
    readonly accessor: string
    readonly metadata: Texts
    readonly customMetadata: Texts
  }[]
  /** Those that the entity is in, directly or through others. */
  readonly groups: readonly {
    readonly id: string
    readonly name: string
    readonly metadata: Texts | null
  }[]
  /** Claims that the token has kept of its login. */
  readonly claims: JsonObject
  readonly metadata: Texts | null
}

/** What a value may hold beside a plain name. */
export interface TemplateOptions {
  readonly allowsSlashes: boolean
}

type Value = (facts: TemplateFacts, nowSeconds: number) => JsonValue | undefined
type Piece = { readonly text: string } | { readonly value: Value; readonly isOfToken: boolean }

export interface PathTemplate {
  /** Every path that a filled rule could match begins with this. */
  readonly head: string
  readonly pieces: readonly Piece[]
  /** Expressions that nothing will ever fill. */
  readonly unknown: readonly string[]
}

/** The braces are balanced: the policy was let in. */
export function parsePathTemplate(path: string): PathTemplate {
  const [first = '', ...rest] = path.split('{{')
  const pieces: Piece[] = [{ text: first }]
  const unknown: string[] = []
  for (const part of rest) {
    const end = part.indexOf('}}')
    const expression = part.slice(0, end).trim()
    const value = parseExpression(expression)
    if (value === undefined) unknown.push(expression)
    const isOfToken = expression.startsWith('token.')
    pieces.push({ value: value ?? (() => undefined), isOfToken }, { text: part.slice(end + 2) })
  }
  return { head: headOf(first), pieces, unknown }
}

/** Up to the first segment that takes anything. */
function headOf(text: string): string {
  const segments = text.split('/')
  const plus = segments.indexOf('+')
  return plus === -1
    ? text
    : segments
        .slice(0, plus)
        .map((segment) => `${segment}/`)
        .join('')
}

/** The path for that token, or undefined when the rule is not there for it. */
export function fillPathTemplate(
  template: PathTemplate,
  facts: TemplateFacts,
  nowSeconds: number,
  options: TemplateOptions,
): string | undefined {
  let path = ''
  for (const piece of template.pieces) {
    if ('text' in piece) {
      path += piece.text
      continue
    }
    const value = piece.value(facts, nowSeconds)
    if (typeof value !== 'string' || !isName(value, options)) return undefined
    path += value
  }
  return path
}

/**
 * Whether a deny that cannot be filled holds all the same: it must not be shed by a value that fits
 * nowhere, nor by a token that was made without what its maker's had. What identity has not is
 * denied to nobody (POL-125).
 */
export function holdsUnfilled(
  { pieces }: PathTemplate,
  facts: TemplateFacts,
  nowSeconds: number,
  options: TemplateOptions,
): boolean {
  return pieces.some((piece) => {
    if ('text' in piece) return false
    const value = piece.value(facts, nowSeconds)
    if (typeof value === 'string' && isName(value, options)) return false
    return piece.isOfToken || (typeof value === 'string' && value !== '')
  })
}

/** What such a deny is for: every path that it could have been. */
export function widestPathOf({ pieces }: PathTemplate, options: TemplateOptions): string {
  const marked = pieces.map((piece) => ('text' in piece ? piece.text : '\0')).join('')
  const segments = marked.split('/')
  const first = segments.findIndex((segment) => segment.includes('\0'))
  if (options.allowsSlashes) return [...segments.slice(0, first), '*'].join('/')
  const last = segments.length - 1
  return segments
    .map((segment, at) => {
      if (!segment.includes('\0')) return segment
      return at === last && segment.endsWith('*') ? '*' : '+'
    })
    .join('/')
}

/**
 * GHSA-59w7: a value from a token or a person must not widen the path. It is a name, or with
 * slashes allowed a path of names.
 */
function isName(value: string, { allowsSlashes }: TemplateOptions): boolean {
  if (value === '' || /[*+\\{}]|\p{Cc}|\p{Cs}/u.test(value)) return false
  const segments = value.split('/')
  if (segments.length > 1 && !allowsSlashes) return false
  return !segments.some((segment) => segment === '' || segment === '.' || segment === '..')
}

// ------------------------------------------------------------ expressions

function parseExpression(text: string): Value | undefined {
  return (
    parseEntity(text) ?? parseAlias(text) ?? parseGroup(text) ?? parseToken(text) ?? parseTime(text)
  )
}

function parseEntity(text: string): Value | undefined {
  if (text === 'identity.entity.id') return ({ entity }) => entity?.id
  if (text === 'identity.entity.name') return ({ entity }) => entity?.name
  const key = after(text, 'identity.entity.metadata.')
  return key === undefined ? undefined : ({ entity }) => own(entity?.metadata, key)
}

function parseAlias(text: string): Value | undefined {
  const rest = after(text, 'identity.entity.aliases.')
  const dot = rest?.indexOf('.') ?? -1
  if (rest === undefined || dot <= 0) return undefined
  const accessor = rest.slice(0, dot)
  const what = rest.slice(dot + 1)
  const find = ({ aliases }: TemplateFacts) => aliases.find((one) => one.accessor === accessor)
  if (what === 'id') return (facts) => find(facts)?.id
  if (what === 'name') return (facts) => find(facts)?.name
  const key = after(what, 'metadata.')
  if (key !== undefined) return (facts) => own(find(facts)?.metadata, key)
  const custom = after(what, 'custom_metadata.')
  return custom === undefined ? undefined : (facts) => own(find(facts)?.customMetadata, custom)
}

function parseGroup(text: string): Value | undefined {
  const byId = after(text, 'identity.groups.ids.')
  const byName = after(text, 'identity.groups.names.')
  const rest = byId ?? byName
  if (rest === undefined) return undefined
  const cut = cutGroup(rest)
  if (cut === undefined) return undefined
  const member = byId === undefined ? 'name' : 'id'
  const find = ({ groups }: TemplateFacts) => groups.find((one) => one[member] === cut.group)
  const { key } = cut
  if (key !== undefined) return (facts) => own(find(facts)?.metadata, key)
  return cut.what === 'id' ? (facts) => find(facts)?.id : (facts) => find(facts)?.name
}

/** The name of a group may have dots: what is asked of it stands at the end, or before a key. */
function cutGroup(
  rest: string,
): { readonly group: string; readonly what: 'id' | 'name'; readonly key?: string } | undefined {
  for (const what of ['id', 'name'] as const) {
    if (rest.endsWith(`.${what}`) && !rest.includes('.metadata.')) {
      return { group: rest.slice(0, -what.length - 1), what }
    }
  }
  const [group, ...key] = rest.split('.metadata.')
  if (group === undefined || group === '' || key.length === 0) return undefined
  return { group, what: 'id', key: key.join('.metadata.') }
}

/** Of the token itself, so that nobody has to know the accessor of a mount. */
function parseToken(text: string): Value | undefined {
  const claim = after(text, 'token.claims.')
  if (claim !== undefined) {
    return ({ claims }) => (Object.hasOwn(claims, claim) ? claims[claim] : undefined)
  }
  const key = after(text, 'token.metadata.')
  return key === undefined ? undefined : ({ metadata }) => own(metadata, key)
}

function parseTime(text: string): Value | undefined {
  if (text === 'time.now') return (_, now) => String(now)
  const plus = after(text, 'time.now.plus.')
  const duration = plus ?? after(text, 'time.now.minus.')
  const ms = duration === undefined ? undefined : parseDurationMs(duration)
  if (ms === undefined) return undefined
  const seconds = Math.trunc(ms / 1000) * (plus === undefined ? -1 : 1)
  return (_, now) => String(now + seconds)
}

/** What follows a word that the text begins with; undefined when nothing does. */
function after(text: string, word: string): string | undefined {
  return text.startsWith(word) && text.length > word.length ? text.slice(word.length) : undefined
}

function own(texts: Texts | null | undefined, key: string): string | undefined {
  return texts && Object.hasOwn(texts, key) ? texts[key] : undefined
}
