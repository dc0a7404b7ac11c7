/**
 * Who am I: the groups of the calling token, for each of its policies why it is there, and for each
 * rule which policies it is from.
 */

import type { CallerFacts } from '../core/caller-facts.ts'
import type { CoreConfiguration } from '../core/configuration.ts'
import { fullPath } from '../core/mount-table.ts'
import { sourceOfGroup, type PolicySource } from '../core/policy-sources.ts'
import { foldText } from '../schema/field.ts'
import type { JsonObject } from '../lib/json.ts'

type Mounts = CoreConfiguration['mounts']

export function ownRights({ rights, acl }: CallerFacts, mounts: Mounts): JsonObject {
  const sources = rights.sources()
  return {
    entity_id: rights.entityId,
    groups: rights.groups.map((group) => ({
      id: group.id,
      type: group.type,
      ...sourceObject(sourceOfGroup(group, rights.groups), mounts),
    })),
    policies: rights.all.map((name) => ({
      name,
      because: sources
        .filter(({ policies }) => policies.some((policy) => foldText(policy) === name))
        .map((source) => ({ kind: source.kind, ...sourceObject(source, mounts) })),
    })),
    rules: [...acl.origins()].map(([path, policies]) => ({ path, policies: [...policies] })),
  }
}

/** Alias and mount of an external group, and the groups in between, where there are any. */
function sourceObject({ name, alias, through }: PolicySource, mounts: Mounts): JsonObject {
  const mount = alias === undefined ? undefined : mounts.byAccessor(alias.accessor)
  return {
    name,
    ...(alias === undefined ? {} : { alias: alias.name }),
    ...(mount === undefined ? {} : { mount: fullPath(mount) }),
    ...(through === undefined ? {} : { through: [...through] }),
  }
}
