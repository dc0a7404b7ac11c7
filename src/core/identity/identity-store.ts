/** Builds what the identity store does for requests. */

import type { IdentityStore } from '../ports/identity-ports.ts'
import { Entities } from './entities.ts'
import { EntityAliases } from './entity-aliases.ts'
import { EntityMerge } from './entity-merge.ts'
import { GroupAliases } from './group-aliases.ts'
import { Groups } from './groups.ts'
import type { IdentityContext } from './identity-context.ts'

export function createIdentityStore(context: IdentityContext): IdentityStore {
  const entities = new Entities(context)
  const groups = new Groups(context)
  return {
    entities,
    entityAliases: new EntityAliases(context, entities),
    entityMerge: new EntityMerge(context),
    groups,
    groupAliases: new GroupAliases(context, groups),
  }
}
