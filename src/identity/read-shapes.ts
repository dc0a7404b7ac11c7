/** Entities, groups and aliases as reads show them (platform.md §5.3). */

import type { EntityView } from '../core/identity/entities.ts'
import type { AliasedGroup } from '../core/identity/group-aliases.ts'
import type { GroupView } from '../core/identity/groups.ts'
import { fullPath, type MountTable } from '../core/mount-table.ts'
import type { IdentityPorts } from '../core/ports/identity-ports.ts'
import type { AliasRecord, EntityRecord, GroupRecord } from '../core/records.ts'
import type { JsonObject } from '../lib/json.ts'
import { rfc3339Nano } from '../lib/time.ts'

type Mounts = Pick<MountTable, 'byAccessor'>

/** Where what is shown lies. */
export interface ShownIn {
  readonly mounts: Mounts
  readonly namespaceId: string
}

/** What reads need beside what is read. */
export async function shownIn({ mounts, namespaceId }: IdentityPorts): Promise<ShownIn> {
  return { mounts: await mounts(), namespaceId }
}

export function shownEntity(
  { entity, aliases, directGroups, inheritedGroups }: EntityView,
  { mounts, namespaceId }: ShownIn,
): JsonObject {
  const direct = directGroups.map(({ id }) => id)
  const inherited = inheritedGroups.map(({ id }) => id)
  return {
    id: entity.id,
    name: entity.name,
    metadata: entity.metadata,
    policies: entity.policies,
    disabled: entity.disabled,
    namespace_id: namespaceId,
    ...times(entity),
    merged_entity_ids: entity.merged.length === 0 ? null : entity.merged,
    direct_group_ids: direct,
    inherited_group_ids: inherited,
    group_ids: [...direct, ...inherited],
    aliases: aliases.map((alias) => aliasMembers(alias, mounts)),
  }
}

/** What a list says of an entity beside its key. */
export function listedEntity(
  entity: EntityRecord,
  aliases: readonly AliasRecord[],
  mounts: Mounts,
): JsonObject {
  return { name: entity.name, aliases: aliases.map((alias) => listedAlias(alias, mounts)) }
}

export function shownAlias(alias: AliasRecord, { mounts, namespaceId }: ShownIn): JsonObject {
  return { ...aliasMembers(alias, mounts), namespace_id: namespaceId }
}

function aliasMembers(alias: AliasRecord, mounts: Mounts): JsonObject {
  return {
    ...listedAlias(alias, mounts),
    merged_from_canonical_ids: alias.mergedFrom.length === 0 ? null : alias.mergedFrom,
    ...times(alias),
  }
}

export function listedAlias(alias: AliasRecord, mounts: Mounts): JsonObject {
  return {
    id: alias.id,
    canonical_id: alias.entity,
    name: alias.name,
    ...mountFacts(alias.accessor, mounts),
    metadata: alias.metadata,
    custom_metadata: alias.customMetadata,
    local: false,
  }
}

export function shownGroup({ group, memberEntityIds }: GroupView, shown: ShownIn): JsonObject {
  const { namespaceId } = shown
  return {
    id: group.id,
    name: group.name,
    type: group.type,
    policies: group.policies,
    metadata: group.metadata,
    member_entity_ids: shownMembers(group, memberEntityIds),
    member_group_ids: shownMembers(group, group.memberGroups),
    parent_group_ids: group.parents,
    modify_index: group.modifyIndex,
    namespace_id: namespaceId,
    ...times(group),
    alias: group.alias === undefined ? {} : shownGroupAlias({ group, alias: group.alias }, shown),
  }
}

/** Vault compatibility: nobody can set the members of an external group, and none is null there. */
function shownMembers({ type }: GroupRecord, ids: readonly string[]): readonly string[] | null {
  return type === 'external' && ids.length === 0 ? null : ids
}

/** What a list says of a group beside its key. */
export function listedGroup(group: GroupRecord, mounts: Mounts): JsonObject {
  return {
    name: group.name,
    type: group.type,
    num_parent_groups: group.parents.length,
    num_member_groups: group.memberGroups.length,
    ...(group.alias === undefined
      ? {}
      : { alias: listedGroupAlias({ group, alias: group.alias }, mounts) }),
  }
}

export function shownGroupAlias(
  { group, alias }: AliasedGroup,
  { mounts, namespaceId }: ShownIn,
): JsonObject {
  return {
    ...listedGroupAlias({ group, alias }, mounts),
    metadata: null,
    merged_from_canonical_ids: null,
    namespace_id: namespaceId,
    ...times(alias),
  }
}

export function listedGroupAlias({ group, alias }: AliasedGroup, mounts: Mounts): JsonObject {
  return {
    id: alias.id,
    canonical_id: group.id,
    name: alias.name,
    ...mountFacts(alias.accessor, mounts),
  }
}

/** Where the accessor leads; only the accessor itself when the mount is gone. */
export function mountFacts(accessor: string, mounts: Mounts): JsonObject {
  const mount = mounts.byAccessor(accessor)
  return mount === undefined
    ? { mount_accessor: accessor }
    : { mount_accessor: accessor, mount_type: mount.type, mount_path: fullPath(mount) }
}

function times(record: { readonly createdAt: number; readonly updatedAt: number }): JsonObject {
  return {
    creation_time: rfc3339Nano(record.createdAt),
    last_update_time: rfc3339Nano(record.updatedAt),
  }
}
