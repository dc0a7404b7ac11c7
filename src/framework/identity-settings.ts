/**
 * What a role says about the identities behind its logins and about their groups: whose the groups
 * are, whether a login may make an identity, and policies for groups without any group object
 * (platform.md §5.5, §5.6). To be spread into the role of a method that brings groups.
 */

import { isJsonArray, type JsonObject, type JsonValue } from '../lib/json.ts'
import { field, foldText } from '../schema/field.ts'
import { choice, stored, type DraftOf, type StoredOf } from '../schema/record.ts'
import { invalid } from './refusal.ts'
import type { PolicyOrigins } from './policy-origins.ts'
import type { LoginBinding } from './reply.ts'

const groupsMax = 1000
const groupNameCharsMax = 512
const policiesMax = 100
const policyNameCharsMax = 480

export const identityTable = {
  identity_mode: choice(
    ['default', 'token', 'entity'],
    field.string({
      help: "Whose the groups of a login are: the token's alone (default of JWT logins), or those of all tokens of its entity (default of browser sign-ins).",
    }),
    { since: '0.2' },
  ),
  entity_mode: choice(
    ['create', 'existing_only'],
    field.string({
      help: 'existing_only refuses whoever has no entity alias yet, so that no login makes an identity.',
    }),
    { since: '0.2' },
  ),
  group_policies: stored(
    field.textMap({ help: 'Policies for groups of the token, where no group object is wanted.' }),
    { default: null, since: '0.2' },
  ),
}

export type IdentitySettings = StoredOf<typeof identityTable>
type IdentityDraft = DraftOf<typeof identityTable>

/** The same with lists of names that may be kept; throws a 400 for the first that may not. */
export function checkIdentitySettings<D extends IdentityDraft & { readonly groups_claim: string }>(
  draft: D,
): D {
  const { group_policies: given, groups_claim: claim } = draft
  if (given === null || Object.keys(given).length === 0) return { ...draft, group_policies: null }
  if (claim === '') throw invalid("'group_policies' needs 'groups_claim'")
  const groups = Object.entries(given)
  if (groups.length > groupsMax) {
    throw invalid(`'group_policies' has ${groups.length} groups, at most ${groupsMax}`)
  }
  const kept = groups.map(([group, value]) => {
    if (group.length > groupNameCharsMax) {
      throw invalid(`'group_policies' has a group of more than ${groupNameCharsMax} characters`)
    }
    return [group, checkPolicies(value)] as const
  })
  return { ...draft, group_policies: Object.fromEntries(kept) }
}

function checkPolicies(value: JsonValue): readonly string[] {
  const names = namesOf(value)
  if (names === undefined) {
    throw invalid("'group_policies' must give each group a policy or a list of them")
  }
  const folded = [...new Set(names.map(foldText))].filter((name) => name !== '')
  if (folded.includes('root')) throw invalid("'group_policies' cannot contain root")
  if (folded.length > policiesMax) {
    throw invalid(
      `'group_policies' gives a group ${folded.length} policies, at most ${policiesMax}`,
    )
  }
  if (folded.some((name) => name.length > policyNameCharsMax)) {
    throw invalid(`'group_policies' has a policy of more than ${policyNameCharsMax} characters`)
  }
  return folded
}

function namesOf(value: JsonValue): readonly string[] | undefined {
  if (typeof value === 'string') return value.split(',')
  if (!isJsonArray(value)) return undefined
  const names = value.filter((one) => typeof one === 'string')
  return names.length === value.length ? names : undefined
}

/** `flow`: JWTs of two jobs say nothing about each other; a person who signs in is one person. */
export function bindingOf(settings: IdentitySettings, flow: 'jwt' | 'oidc'): LoginBinding {
  const { identity_mode: mode, entity_mode } = settings
  return {
    mode: mode === 'default' ? (flow === 'jwt' ? 'token' : 'entity') : mode,
    existingOnly: entity_mode === 'existing_only',
  }
}

/** What the role gives for each of these groups; a name has to fit exactly. */
export function policiesOfGroups(
  { group_policies: map }: IdentitySettings,
  groups: readonly string[],
): PolicyOrigins['groups'] {
  if (map === null) return []
  return groups.flatMap((group) =>
    Object.hasOwn(map, group) ? [[group, textsOf(map, group)] as const] : [],
  )
}

function textsOf(map: JsonObject, group: string): readonly string[] {
  return namesOf(map[group] ?? null) ?? []
}
