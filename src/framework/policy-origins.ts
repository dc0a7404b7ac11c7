/**
 * Why a login has its policies, as far as the name of its role does not tell: kept with the facts
 * of the token, and only where a role uses templates or a map of groups.
 */

import { isJsonArray, isJsonObject, member, type JsonObject } from '../lib/json.ts'

export interface PolicyOrigins {
  /** The names of the role were filled in from claims. */
  readonly areTemplates: boolean
  /** What the role gives for a group, by the group's name. */
  readonly groups: readonly (readonly [group: string, policies: readonly string[]])[]
}

const memberName = 'origins'

/** Members for the facts of a login; none where the role's own list tells all. */
export function originFacts({ areTemplates, groups }: PolicyOrigins): JsonObject {
  if (!areTemplates && groups.length === 0) return {}
  return {
    [memberName]: {
      ...(areTemplates ? { templates: true } : {}),
      // A list, since a group may have any name.
      ...(groups.length === 0 ? {} : { groups: groups.map(([name, given]) => [name, [...given]]) }),
    },
  }
}

/** What `originFacts` has kept. */
export function originsOf(facts: JsonObject): PolicyOrigins {
  const kept = member(facts, memberName)
  if (!isJsonObject(kept)) return { areTemplates: false, groups: [] }
  const groups = member(kept, 'groups')
  return {
    areTemplates: member(kept, 'templates') === true,
    groups: isJsonArray(groups) ? groups.flatMap(groupOf) : [],
  }
}

function groupOf(row: unknown): PolicyOrigins['groups'] {
  const [name, given] = Array.isArray(row) ? (row as readonly unknown[]) : []
  if (typeof name !== 'string' || !Array.isArray(given)) return []
  return [[name, given.filter((policy) => typeof policy === 'string')]]
}
