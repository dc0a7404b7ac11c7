/** The success envelope of the API (platform.md §1.2), read once into what commands use. */

import {
  emptyObject,
  isJsonArray,
  isJsonObject,
  JsonNumber,
  member,
  type JsonObject,
  type JsonValue,
} from '../lib/json.ts'
import type { ApiResponse } from './api-response.ts'

export interface Secret {
  /** The answer as it came, reduced to the members of the envelope. */
  readonly envelope: JsonObject
  readonly requestId: string
  readonly leaseId: string
  readonly leaseDurationSeconds: number
  readonly renewable: boolean
  readonly data: JsonObject | undefined
  readonly auth: JsonObject | undefined
  readonly wrapInfo: JsonObject | undefined
  readonly warnings: readonly string[]
}

// sys/ answers repeat their data beside these; only these are the envelope.
const envelopeNames = [
  'request_id',
  'lease_id',
  'lease_duration',
  'renewable',
  'data',
  'warnings',
  'auth',
  'wrap_info',
  'mount_type',
]

/** The envelope in an answer, or undefined when the body is empty or carries nothing but errors. */
export function parseSecret(response: ApiResponse): Secret | undefined {
  return isJsonObject(response.json) ? readSecret(response.json) : undefined
}

export function readSecret(body: JsonObject): Secret | undefined {
  const enveloped = envelopeNames.some((name) => member(body, name) !== undefined)
  if (!enveloped) {
    // A bare body (sys/seal-status and its like) is data as a whole.
    const names = Object.keys(body)
    if (names.length === 0 || names.includes('errors')) return undefined
    return readSecret(objectOf([['data', body]]))
  }
  const envelope = emptyObject()
  for (const [name, value] of Object.entries(body)) {
    if (envelopeNames.includes(name)) envelope[name] = value
  }
  const warnings = member(body, 'warnings')
  return {
    envelope,
    requestId: textMember(body, 'request_id'),
    leaseId: textMember(body, 'lease_id'),
    leaseDurationSeconds: numberMember(body, 'lease_duration'),
    renewable: member(body, 'renewable') === true,
    data: objectMember(body, 'data'),
    auth: objectMember(body, 'auth'),
    wrapInfo: objectMember(body, 'wrap_info'),
    warnings: isJsonArray(warnings) ? warnings.filter((text) => typeof text === 'string') : [],
  }
}

/** The names of a list answer, or undefined when the answer is no list. */
export function listKeys(secret: Secret | undefined): readonly JsonValue[] | undefined {
  const keys = secret?.data === undefined ? undefined : member(secret.data, 'keys')
  return isJsonArray(keys) ? keys : undefined
}

export function objectOf(members: readonly (readonly [string, JsonValue])[]): JsonObject {
  const object = emptyObject()
  for (const [name, value] of members) object[name] = value
  return object
}

export function textMember(object: JsonObject, name: string): string {
  const value = member(object, name)
  return typeof value === 'string' ? value : ''
}

/** The objects in a list; none where the member is no list. */
export function objectsMember(object: JsonObject | undefined, name: string): readonly JsonObject[] {
  const value = object === undefined ? undefined : member(object, name)
  return value !== undefined && isJsonArray(value) ? value.filter(isJsonObject) : []
}

export function numberMember(object: JsonObject, name: string): number {
  const value = member(object, name)
  if (value instanceof JsonNumber) return Number(value.text)
  return typeof value === 'number' ? value : 0
}

export function objectMember(object: JsonObject, name: string): JsonObject | undefined {
  const value = member(object, name)
  return isJsonObject(value) ? value : undefined
}
