/**
 * What policies a token has, and where each comes from: its own, its entity's, its groups' and
 * those of the groups they are in (platform.md §5.7). The pipeline, login answers, lookups,
 * capabilities and renewals all ask here, and nothing else puts policies together.
 *
 * It is computed at the request. What was computed is kept with the very records it was made of:
 * groups are configuration, so the epoch tells when one has changed; an entity that changes, in its
 * memberships or aliases too, is another record.
 */

import { emptyObject, isJsonObject, member, type JsonObject } from '../lib/json.ts'
import { foldText } from '../schema/field.ts'
import type { StoreView } from '../storage/store.ts'
import type { CoreConfiguration } from './configuration.ts'
import { aliasesOf, findEntity } from './identity/entity-rows.ts'
import { withAncestors } from './identity/group-tree.ts'
import type { IdentityIndex } from './identity/identity-index.ts'
import { findKnownGroups, groupsOf } from './identity/membership.ts'
import { keys } from './keys.ts'
import type { TemplateFacts } from './policy/path-template.ts'
import { effectivePolicies } from './policy-names.ts'
import { ownSources, sourceOfGroup, type PolicySource } from './policy-sources.ts'
import type {
  AliasRecord,
  EntityRecord,
  ExternalGroups,
  GroupRecord,
  MountRecord,
  TokenRecord,
} from './records.ts'

const noNames: readonly string[] = []
const noSources: readonly PolicySource[] = []
const noGroups: readonly GroupRecord[] = []

/** What identity adds to a token. */
export interface IdentityRights {
  /** Sorted; without what identity never gives. */
  readonly policies: readonly string[]
  /** Names that are stored there and that only the server gives: no login is made with them. */
  readonly reserved: readonly string[]
  readonly sources: readonly PolicySource[]
  /** Those it is in, and all that these are in. */
  readonly groups: readonly GroupRecord[]
}

export const noRights: IdentityRights = {
  policies: noNames,
  reserved: noNames,
  sources: noSources,
  groups: noGroups,
}

export interface TokenRights {
  readonly own: readonly string[]
  readonly identity: readonly string[]
  /** Own and identity's: what decides. */
  readonly all: readonly string[]
  /** Who gives each of them, its own first; made when a path asks for it. */
  readonly sources: () => readonly PolicySource[]
  /** Those that it is in, and all that these are in. */
  readonly groups: readonly GroupRecord[]
  /** The entity of now, when it was merged into another; empty for a token without one. */
  readonly entityId: string
  /** Its entity is gone or disabled: the token may do nothing. */
  readonly isRefused: boolean
  /** What fills its templates; made when a path asks for it. */
  readonly facts: () => TemplateFacts
}

/** What an entity gives, while it and the epoch stand still. */
interface Kept {
  readonly epoch: number
  readonly entity: EntityRecord
  readonly identity: IdentityRights
  readonly aliases: readonly AliasRecord[]
}

/**
 * By the record that it depends on: an entity for all its tokens, with its external groups or
 * without them, and a token where it brings groups of its own.
 */
class KeptIdentities {
  readonly #whole = new WeakMap<EntityRecord, Kept>()
  readonly #internal = new WeakMap<EntityRecord, Kept>()
  readonly #ofToken = new WeakMap<TokenRecord, Kept>()

  get(token: TokenRecord, entity: EntityRecord, epoch: number): Kept | undefined {
    const kept = this.#of(token)?.get(entity) ?? this.#ofToken.get(token)
    return kept?.epoch === epoch && kept.entity === entity ? kept : undefined
  }

  set(token: TokenRecord, kept: Kept): void {
    const map = this.#of(token)
    if (map === undefined) this.#ofToken.set(token, kept)
    else map.set(kept.entity, kept)
  }

  #of({ external }: TokenRecord): WeakMap<EntityRecord, Kept> | undefined {
    if (external === undefined) return this.#whole
    return external.length === 0 ? this.#internal : undefined
  }
}

export class RightsOfTokens {
  readonly #index: IdentityIndex
  readonly #configurationAt: (epoch: number) => Promise<CoreConfiguration>
  readonly #kept = new KeptIdentities()

  constructor(
    index: IdentityIndex,
    configurationAt: (epoch: number) => Promise<CoreConfiguration>,
  ) {
    this.#index = index
    this.#configurationAt = configurationAt
  }

  /** The epoch is the view's own. Answers at once for a token whose rights are known. */
  of(token: TokenRecord, epoch: number, view: StoreView): TokenRights | Promise<TokenRights> {
    if (token.entity === '') return ownRights(token)
    const found = view.getNow([keys.entity(token.entity)])
    const entity = found?.[0] as EntityRecord | undefined
    const kept = entity && this.#kept.get(token, entity, epoch)
    return kept === undefined ? this.#compute(token, epoch, view) : rightsBy(token, kept)
  }

  async #compute(token: TokenRecord, epoch: number, view: StoreView): Promise<TokenRights> {
    const entity = await findEntity(view, token.entity)
    if (entity === undefined) return { ...ownRights(token), isRefused: true }
    const mountOf = async (accessor: string) =>
      (await this.#configurationAt(epoch)).mounts.byAccessor(accessor)
    const identity = await this.identity(entity, token.external, view, mountOf)
    const aliases = (await aliasesOf(view, entity)).map(({ alias }) => alias)
    const kept = { epoch, entity, identity, aliases }
    this.#kept.set(token, kept)
    return rightsBy(token, kept)
  }

  /**
   * What an entity adds to its tokens; `external` stands in place of its external groups. Answers
   * at once where there are no groups.
   */
  identity(
    entity: EntityRecord,
    external: readonly ExternalGroups[] | undefined,
    view: StoreView,
    mountOf: MountOf,
  ): IdentityRights | Promise<IdentityRights> {
    const hasGroups = entity.groups.length > 0 || (external !== undefined && external.length > 0)
    if (!hasGroups) return rightsOf(entity, noGroups)
    return this.#throughGroups(entity, external, view, mountOf)
  }

  async #throughGroups(
    entity: EntityRecord,
    external: readonly ExternalGroups[] | undefined,
    view: StoreView,
    mountOf: MountOf,
  ): Promise<IdentityRights> {
    const direct = await this.#directGroups(entity, external, view, mountOf)
    return rightsOf(entity, await withAncestors(view, direct))
  }

  async #directGroups(
    entity: EntityRecord,
    external: readonly ExternalGroups[] | undefined,
    view: StoreView,
    mountOf: MountOf,
  ): Promise<readonly GroupRecord[]> {
    const groups = entity.groups.length === 0 ? noGroups : await groupsOf(view, entity)
    if (external === undefined) return groups
    const direct = groups.filter(({ type }) => type === 'internal')
    for (const { accessor, names } of external) {
      const mount = await mountOf(accessor)
      if (mount === undefined) continue
      const { ids } = await findKnownGroups(view, this.#index, mount, names)
      direct.push(...(await groupsOf(view, { groups: ids })))
    }
    return direct
  }
}

/** The mount that external groups are of, while it stands. */
type MountOf = (accessor: string) => MountRecord | undefined | Promise<MountRecord | undefined>

function rightsOf(entity: EntityRecord, groups: readonly GroupRecord[]): IdentityRights {
  const { id, name, policies } = entity
  if (groups.length === 0 && policies.length === 0) return noRights
  const sources: PolicySource[] = []
  if (policies.length > 0) sources.push({ kind: 'entity', id, name, policies })
  for (const group of groups) {
    if (group.policies.length === 0) continue
    sources.push(sourceOfGroup(group, groups))
  }
  return { ...addUp(sources), sources, groups }
}

/** Root rights come from a token alone, never from an identity, whatever may be stored there. */
function addUp(sources: readonly PolicySource[]): Pick<IdentityRights, 'policies' | 'reserved'> {
  if (sources.length === 0) return { policies: noNames, reserved: noNames }
  const names = new Set(sources.flatMap(({ policies }) => policies.map(foldText)))
  names.delete('')
  const reserved = ['root', 'response-wrapping'].filter((name) => names.delete(name))
  return { policies: [...names].toSorted(), reserved }
}

function rightsBy(token: TokenRecord, { entity, identity, aliases }: Kept): TokenRights {
  return {
    own: token.policies,
    identity: identity.policies,
    all: effectivePolicies(token.policies, identity.policies),
    sources: () => [...ownSources(token), ...identity.sources],
    groups: identity.groups,
    entityId: entity.id,
    isRefused: entity.disabled,
    facts: () => ({ ...tokenFacts(token), entity, aliases, groups: identity.groups }),
  }
}

function ownRights(token: TokenRecord): TokenRights {
  return {
    own: token.policies,
    identity: noNames,
    all: token.policies,
    sources: () => ownSources(token),
    groups: noGroups,
    entityId: token.entity,
    isRefused: false,
    facts: () => ({ ...tokenFacts(token), entity: undefined, aliases: [], groups: [] }),
  }
}

/**
 * What a token itself brings to the templates of its policies: what its login has proven. The
 * metadata of a token that another one made is its maker's choice, and would open any path.
 */
function tokenFacts({ meta, login }: TokenRecord): Pick<TemplateFacts, 'claims' | 'metadata'> {
  if (login === undefined) return { metadata: null, claims: emptyObject() }
  return { metadata: meta, claims: keptClaims(login.facts) }
}

/** The registered claims that were kept, and those that the role bound. */
function keptClaims(facts: JsonObject): JsonObject {
  const bound = member(facts, 'claims')
  const claims = emptyObject()
  if (isJsonObject(bound)) Object.assign(claims, bound)
  for (const name of ['iss', 'sub', 'aud', 'azp']) {
    const value = member(facts, name)
    if (value !== undefined) claims[name] = value
  }
  return claims
}
