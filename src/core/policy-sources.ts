/** Who gives a token which of its policies; `token-rights.ts` puts them together. Pure. */

import { originsOf } from '../framework/policy-origins.ts'
import type { PolicySourceKind } from '../lib/policy-reason.ts'
import type { GroupRecord, TokenRecord } from './records.ts'

export interface PolicySource {
  readonly kind: PolicySourceKind
  /** Of the entity or group; else empty. */
  readonly id: string
  /** Of the role, group or entity; for `token` the path that made it. */
  readonly name: string
  /** What an external group is called on the mount with that accessor. */
  readonly alias?: { readonly name: string; readonly accessor: string }
  /** Names of the token's groups that are in this one. */
  readonly through?: readonly string[]
  readonly policies: readonly string[]
}

/** What a token has of itself, by who gave it: its login's role, or whoever made it. */
export function ownSources({ login, policies, path }: TokenRecord): readonly PolicySource[] {
  if (login === undefined) return source('token', path, policies)
  const { areTemplates, groups } = originsOf(login.facts)
  const mapped = new Set(groups.flatMap(([, given]) => given))
  const others = policies.filter((name) => !mapped.has(name) && name !== 'default')
  return [
    ...source(areTemplates ? 'template' : 'role', login.role, others),
    ...groups.flatMap(([group, given]) => source('role_group', group, given)),
    ...source('default', '', policies.includes('default') ? ['default'] : []),
  ]
}

/** A group that gives policies; `all` are the groups of the token, in which those below it are. */
export function sourceOfGroup(group: GroupRecord, all: readonly GroupRecord[]): PolicySource {
  const { id, name, policies, alias, memberGroups } = group
  const through = all.filter((one) => memberGroups.includes(one.id)).map((one) => one.name)
  return {
    kind: 'group',
    id,
    name,
    policies,
    ...(alias === undefined ? {} : { alias: { name: alias.name, accessor: alias.accessor } }),
    ...(through.length === 0 ? {} : { through }),
  }
}

function source(
  kind: PolicySource['kind'],
  name: string,
  policies: readonly string[],
): readonly PolicySource[] {
  return policies.length === 0 ? [] : [{ kind, id: '', name, policies }]
}
