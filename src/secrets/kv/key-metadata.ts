/**
 * What is kept about a key of a version 2 store beside the bodies of its versions, and every rule
 * about it: which versions stay, when one counts as deleted, what the next number is. Pure
 * (platform.md §7.3).
 */

import { emptyObject, type JsonObject, type JsonValue } from '../../lib/json.ts'
import { goDuration } from '../../lib/duration.ts'
import { rfc3339Nano } from '../../lib/time.ts'
import type { CustomMetadata } from './custom-metadata.ts'

/** Settings of the mount. */
export interface KvConfig {
  readonly maxVersions: number
  readonly casRequired: boolean
  /** Negative: no version is deleted by its age, whatever its key says. */
  readonly deleteAfterSeconds: number
}

export const defaultConfig: KvConfig = {
  maxVersions: 0,
  casRequired: false,
  deleteAfterSeconds: 0,
}

export interface VersionFacts {
  readonly createdMs: number
  /** 0 is not deleted; a later time than now is a deletion to come. */
  readonly deletedMs: number
  readonly destroyed: boolean
}

export interface KeyMetadata {
  readonly createdMs: number
  readonly updatedMs: number
  readonly maxVersions: number
  readonly casRequired: boolean
  readonly deleteAfterSeconds: number
  readonly custom: CustomMetadata | null
  /** Number of the first entry of `versions`; the others follow without a gap. */
  readonly first: number
  readonly versions: readonly VersionFacts[]
}

/** All versions of a key stand in one record, so there must be an end to them. */
export const versionsMax = 10_000

const versionsKeptByDefault = 10

export function newKeyMetadata(nowMs: number): KeyMetadata {
  return {
    createdMs: nowMs,
    updatedMs: nowMs,
    maxVersions: 0,
    casRequired: false,
    deleteAfterSeconds: 0,
    custom: null,
    first: 1,
    versions: [],
  }
}

/** Number of the newest version; 0 while there is none. */
export function currentVersion(metadata: KeyMetadata): number {
  return metadata.first + metadata.versions.length - 1
}

/** The facts of a version that is kept; 0 names the newest. */
export function findVersion(
  metadata: KeyMetadata,
  wanted: number,
): { readonly number: number; readonly facts: VersionFacts } | undefined {
  const number = wanted === 0 ? currentVersion(metadata) : wanted
  const facts = metadata.versions[number - metadata.first]
  return facts === undefined ? undefined : { number, facts }
}

export function isReadable(facts: VersionFacts, nowMs: number): boolean {
  return !facts.destroyed && (facts.deletedMs === 0 || facts.deletedMs > nowMs)
}

/** The metadata with one more version, and the numbers of those that have to go for it. */
export function addVersion(
  metadata: KeyMetadata,
  config: KvConfig,
  nowMs: number,
): {
  readonly metadata: KeyMetadata
  readonly number: number
  readonly dropped: readonly number[]
} {
  const versions = [...metadata.versions, newVersion(metadata, config, nowMs)]
  const excess = Math.max(0, versions.length - versionsKept(metadata, config))
  const dropped = Array.from({ length: excess }, (_, index) => metadata.first + index)
  const next: KeyMetadata = {
    ...metadata,
    updatedMs: nowMs,
    first: metadata.first + excess,
    versions: versions.slice(excess),
  }
  return { metadata: next, number: currentVersion(next), dropped }
}

/**
 * The metadata with the named versions changed; unknown ones are passed over. The same object when
 * nothing changed.
 */
export function changeVersions(
  metadata: KeyMetadata,
  numbers: readonly number[],
  { nowMs, change }: { nowMs: number; change: (facts: VersionFacts) => VersionFacts },
): KeyMetadata {
  const versions = [...metadata.versions]
  let isChanged = false
  for (const number of numbers) {
    const facts = versions[number - metadata.first]
    if (facts === undefined) continue
    const changed = change(facts)
    if (changed === facts) continue
    versions[number - metadata.first] = changed
    isChanged = true
  }
  return isChanged ? { ...metadata, versions, updatedMs: nowMs } : metadata
}

/** Deleting again keeps the first time; a deletion still to come happens now. */
export function deleteVersion(facts: VersionFacts, nowMs: number): VersionFacts {
  return isReadable(facts, nowMs) ? { ...facts, deletedMs: nowMs } : facts
}

/** A version that is back gets its whole time again. */
export function undeleteVersion(facts: VersionFacts, deletedMs: number): VersionFacts {
  return facts.destroyed ? facts : { ...facts, deletedMs }
}

export function destroyVersion(facts: VersionFacts): VersionFacts {
  return facts.destroyed ? facts : { ...facts, destroyed: true }
}

/** When a version that is written or comes back now will be deleted by its age; 0 is never. */
export function deletionAhead(metadata: KeyMetadata, config: KvConfig, nowMs: number): number {
  const mount = config.deleteAfterSeconds
  const key = metadata.deleteAfterSeconds
  if (mount < 0) return 0
  const seconds = mount === 0 || key === 0 ? Math.max(mount, key) : Math.min(mount, key)
  return seconds === 0 ? 0 : nowMs + seconds * 1000
}

function newVersion(metadata: KeyMetadata, config: KvConfig, nowMs: number): VersionFacts {
  return { createdMs: nowMs, deletedMs: deletionAhead(metadata, config, nowMs), destroyed: false }
}

/** The larger setting wins; none is ten. */
function versionsKept(metadata: KeyMetadata, config: KvConfig): number {
  const wanted = Math.max(metadata.maxVersions, config.maxVersions)
  return wanted === 0 ? versionsKeptByDefault : Math.min(wanted, versionsMax)
}

// ---------------------------------------------------------------- answers

function timeFacts(facts: VersionFacts): Record<string, JsonValue> {
  return {
    created_time: rfc3339Nano(facts.createdMs),
    deletion_time: facts.deletedMs === 0 ? '' : rfc3339Nano(facts.deletedMs),
    destroyed: facts.destroyed,
  }
}

/** `metadata` of a data answer. */
export function versionAnswer(
  metadata: KeyMetadata,
  number: number,
  facts: VersionFacts,
): JsonObject {
  const answer = timeFacts(facts)
  answer['custom_metadata'] = metadata.custom
  answer['version'] = number
  return answer
}

/** What a metadata read answers. */
export function metadataAnswer(metadata: KeyMetadata): JsonObject {
  const versions: Record<string, JsonValue> = emptyObject()
  metadata.versions.forEach((facts, index) => {
    versions[String(metadata.first + index)] = timeFacts(facts)
  })
  return {
    cas_required: metadata.casRequired,
    created_time: rfc3339Nano(metadata.createdMs),
    current_version: currentVersion(metadata),
    custom_metadata: metadata.custom,
    delete_version_after: goDuration(metadata.deleteAfterSeconds),
    max_versions: metadata.maxVersions,
    // Vault compatibility: 0 until the first version has gone.
    oldest_version: metadata.first === 1 ? 0 : metadata.first,
    updated_time: rfc3339Nano(metadata.updatedMs),
    versions,
  }
}
