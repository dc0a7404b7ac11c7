/** Why a policy is there, as `sys/internal/ui/whoami` tells it, in words for people. */

import { isJsonArray, isJsonObject, member, type JsonValue } from './json.ts'

/**
 * `default` is every token's; `token` is whoever made it; `role`, `template` and `role_group` are
 * what the role of its login says: by name, by a template that was filled in, or for a group.
 */
export type PolicySourceKind =
  'default' | 'token' | 'role' | 'template' | 'role_group' | 'entity' | 'group'

const words: Readonly<Record<PolicySourceKind, (name: string, source: JsonValue) => string>> = {
  default: () => 'every token has it',
  token: (name) => `given to this token by ${name}`,
  role: (name) => `role ${name}`,
  template: (name) => `role ${name}, by a template`,
  role_group: (name) => `the role's map, for group ${name}`,
  entity: (name) => `entity ${name}`,
  group: (_, source) => `group ${groupText(source)}`,
}

/** A policy and the sentences that say where it comes from. */
export interface ExplainedPolicy {
  readonly name: string
  readonly because: readonly string[]
}

/** Reads the member `policies` of that answer; what is not of its form is left out. */
export function explainedPolicies(value: JsonValue | undefined): readonly ExplainedPolicy[] {
  if (!isJsonArray(value)) return []
  return value.flatMap((row) => {
    const name = textOf(row, 'name')
    const because = isJsonObject(row) ? member(row, 'because') : undefined
    if (name === '') return []
    return [{ name, because: isJsonArray(because) ? because.map(reasonOf) : [] }]
  })
}

/** A group of the caller: its name, and what it is called where it comes from. */
export function groupText(value: JsonValue): string {
  return `${textOf(value, 'name')}${aliasOf(value)}${throughOf(value)}`
}

function reasonOf(value: JsonValue): string {
  const name = textOf(value, 'name')
  const kind = textOf(value, 'kind')
  return isKind(kind) ? words[kind](name, value) : name
}

/** A newer server may know more. */
function isKind(text: string): text is PolicySourceKind {
  return Object.hasOwn(words, text)
}

function aliasOf(value: JsonValue): string {
  const alias = textOf(value, 'alias')
  const mount = textOf(value, 'mount')
  if (alias === '') return ''
  return mount === '' ? `, by alias ${alias}` : `, by alias ${alias} of ${mount}`
}

function throughOf(value: JsonValue): string {
  const through = isJsonObject(value) ? member(value, 'through') : undefined
  if (!isJsonArray(through) || through.length === 0) return ''
  return `, through ${through.filter((name) => typeof name === 'string').join(', ')}`
}

function textOf(value: JsonValue, name: string): string {
  const text = isJsonObject(value) ? member(value, name) : undefined
  return typeof text === 'string' ? text : ''
}
