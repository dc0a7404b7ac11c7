/**
 * Where a version 2 store keeps its records: settings, one record for each key, one for each
 * version.
 */

import type { MountStore } from '../../framework/backend.ts'
import { isJsonObject, type JsonObject } from '../../lib/json.ts'
import { parseJsonInTurns } from '../../lib/json-in-turns.ts'
import type { Turns } from '../../lib/turns.ts'
import { storedJsonLimits, textCodec, type Key } from '../../storage/store.ts'
import type { KeyMetadata, KvConfig } from './key-metadata.ts'

export const metadataPrefix = 'm/'

export function configKey(store: MountStore): Key<KvConfig> {
  return store.configKey<KvConfig>('config')
}

export function metadataKey(store: MountStore, path: string): Key<KeyMetadata> {
  return store.key<KeyMetadata>(metadataPrefix + path)
}

/**
 * The JSON text of one version. A secret's path has no empty segment, so none is taken for
 * another's version.
 */
export function versionKey(store: MountStore, path: string, number: number): Key<string> {
  return store.key(`v/${path}//${String(number).padStart(10, '0')}`, textCodec)
}

/** What the JSON text of one version says. */
export async function parseVersion(text: string, turns: Turns): Promise<JsonObject> {
  const parsed = await parseJsonInTurns(text, storedJsonLimits, turns)
  if (!parsed.ok || !isJsonObject(parsed.value)) throw new TypeError('a version is no JSON object')
  return parsed.value
}
