/** JSON Merge Patch (RFC 7386). Numbers keep their digits, since values are not computed with. */

import { emptyObject, isJsonObject, type JsonObject, type JsonValue } from '../../lib/json.ts'

/**
 * The target with the patch applied; neither is changed. The depth is bounded by what the parser of
 * both accepts.
 */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged = emptyObject()
  for (const name of Object.keys(target)) merged[name] = target[name] ?? null
  for (const name of Object.keys(patch)) {
    const value = patch[name] ?? null
    if (value === null) delete merged[name]
    else merged[name] = mergeValue(merged[name], value)
  }
  return merged
}

/** RFC 7386 §2: an object replaces what is no object, after its own nulls have gone. */
function mergeValue(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isJsonObject(patch)) return patch
  return mergePatch(isJsonObject(target) ? target : {}, patch)
}
