/**
 * Which roles of a mount may accept these claims (jwt-oidc.md §2.11). Each role stands under the
 * values of one claim that it demands, the one that fewest others demand too, so that a login costs
 * a look-up for each such claim and not a look at each role. Pure; a role that is found here is
 * judged afterwards, whole.
 */

import type { JsonObject } from '../lib/json.ts'
import { listOfValues, matchKey } from './claim-values.ts'
import type { Condition } from './claim-conditions.ts'
import { literalReference, resolveReference, type ClaimReference } from './pointer.ts'
import type { CompiledRole } from './role-rules.ts'

/** More roles than that are not judged for one login: whoever wrote them has to tell them apart. */
export const candidatesMax = 64

interface Demand {
  readonly reference: ClaimReference
  /** One of them must be among the values of the claim. */
  readonly keys: readonly string[]
}

interface Shelf {
  readonly reference: ClaimReference
  readonly roles: Map<string, CompiledRole[]>
}

export class RoleIndex {
  readonly #shelves: readonly Shelf[]
  /** Roles that demand no certain value of any claim: always looked at. */
  readonly #open: readonly CompiledRole[]

  constructor(roles: readonly CompiledRole[]) {
    const demands = new Map(roles.map((role) => [role, demandsOf(role)]))
    const crowd = countDemands([...demands.values()].flat())
    const shelves = new Map<string, Shelf>()
    const open: CompiledRole[] = []
    for (const [role, all] of demands) {
      const rarest = all.toSorted((a, b) => crowdOf(crowd, a) - crowdOf(crowd, b))[0]
      if (rarest === undefined) {
        open.push(role)
        continue
      }
      const { reference, keys } = rarest
      const shelf = shelves.get(reference.text) ?? { reference, roles: new Map() }
      shelves.set(reference.text, shelf)
      for (const key of keys) {
        const same = shelf.roles.get(key)
        if (same === undefined) shelf.roles.set(key, [role])
        else same.push(role)
      }
    }
    this.#shelves = [...shelves.values()]
    this.#open = open
  }

  /** By name; undefined when there are more than may be judged. */
  candidates(claims: JsonObject): readonly CompiledRole[] | undefined {
    const found = new Set(this.#open)
    for (const { reference, roles } of this.#shelves) {
      const value = resolveReference(claims, reference)
      for (const one of value === undefined ? [] : (listOfValues(value) ?? [])) {
        const key = matchKey(one)
        for (const role of key === undefined ? [] : (roles.get(key) ?? [])) found.add(role)
        if (found.size > candidatesMax) return undefined
      }
    }
    if (found.size > candidatesMax) return undefined
    return [...found].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }
}

/** A role without any of them could accept claims with any values. */
function demandsOf({ rules, audiences, claimRules }: CompiledRole): readonly Demand[] {
  const demands: Demand[] = claimRules.flatMap(({ reference, matcher }) => {
    if (matcher.kind === 'exact') return [{ reference, keys: [...matcher.keys] }]
    if (matcher.kind !== 'condition') return []
    const keys = keysOf(matcher.condition)
    return keys === undefined ? [] : [{ reference, keys }]
  })
  if (rules.bound_subject !== '') {
    demands.push({ reference: literalReference('sub'), keys: [`s${rules.bound_subject}`] })
  }
  if (audiences.length > 0) {
    const keys = audiences.map((audience) => `s${audience}`)
    demands.push({ reference: literalReference('aud'), keys })
  }
  return demands
}

/** The values without which a condition cannot hold; undefined when there are no certain ones. */
function keysOf(condition: Condition): readonly string[] | undefined {
  switch (condition.kind) {
    case 'equals':
      return [...condition.keys]
    case 'all':
      return condition.conditions.map(keysOf).find((keys) => keys !== undefined)
    case 'any': {
      const all = condition.conditions.map(keysOf)
      return all.includes(undefined) ? undefined : all.flatMap((keys) => keys ?? [])
    }
    default:
      return undefined
  }
}

function countDemands(demands: readonly Demand[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const demand of demands) {
    for (const place of placesOf(demand)) counts.set(place, (counts.get(place) ?? 0) + 1)
  }
  return counts
}

/** With how many others a role shares the fullest of its places. */
function crowdOf(crowd: ReadonlyMap<string, number>, demand: Demand): number {
  return placesOf(demand).reduce((most, place) => Math.max(most, crowd.get(place) ?? 0), 0)
}

function placesOf({ reference, keys }: Demand): readonly string[] {
  return keys.map((key) => `${reference.text}\0${key}`)
}
