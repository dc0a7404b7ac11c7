/**
 * What the paths of the `identity/` mount may do with the core, one port for each thing they are
 * about. What belongs to an open seal throws `StoreSealed` while there is none.
 */

import type { PathDeclaration } from '../../framework/path.ts'
import type { MountTable } from '../mount-table.ts'
import type { Entities } from '../identity/entities.ts'
import type { EntityAliases } from '../identity/entity-aliases.ts'
import type { EntityMerge } from '../identity/entity-merge.ts'
import type { GroupAliases } from '../identity/group-aliases.ts'
import type { Groups } from '../identity/groups.ts'

/** All that the identity store does for requests. */
export interface IdentityStore {
  readonly entities: Entities
  readonly entityAliases: EntityAliases
  readonly entityMerge: EntityMerge
  readonly groups: Groups
  readonly groupAliases: GroupAliases
}

export interface IdentityPorts {
  readonly identities: IdentityStore
  /** Of the namespace whose identities they are. */
  readonly namespaceId: string
  /** Where the accessors of aliases lead. */
  mounts(): Promise<Pick<MountTable, 'byAccessor'>>
}

/** The paths of the mount, over what they may do. */
export type IdentityPaths = (ports: IdentityPorts) => readonly PathDeclaration[]
