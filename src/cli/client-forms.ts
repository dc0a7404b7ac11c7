/**
 * What `-format=json` and `-format=yaml` show of an answer: the members that the Go client's
 * structs have, in their order, with null and zero where an answer left one out. Scripts read these
 * outputs, so that a member more or less than the existing clients print breaks them. The members
 * are declared here once; no command lays them out itself. platform.md §9.6.
 */

import {
  isJsonArray,
  isJsonObject,
  JsonNumber,
  member,
  type JsonObject,
  type JsonValue,
} from '../lib/json.ts'
import { objectOf } from '../client/secret.ts'

/** How one member is shown when the answer has it, and what stands there when it has not. */
interface MemberForm {
  readonly zero: JsonValue
  /** Left out where it is absent or zero (Go's `omitempty`). */
  readonly optional?: true
  readonly form?: ClientForm
}

export type ClientForm = Readonly<Record<string, MemberForm>>

const text: MemberForm = { zero: '' }
const number: MemberForm = { zero: 0 }
const flag: MemberForm = { zero: false }
const value: MemberForm = { zero: null }
const optionalText: MemberForm = { zero: '', optional: true }
const optionalNumber: MemberForm = { zero: 0, optional: true }
const optionalValue: MemberForm = { zero: null, optional: true }
/** Go's `time.Time` that nothing was ever put into. */
const time: MemberForm = { zero: '0001-01-01T00:00:00Z' }

const authForm: ClientForm = {
  client_token: text,
  accessor: text,
  policies: value,
  token_policies: value,
  identity_policies: value,
  metadata: value,
  orphan: flag,
  entity_id: text,
  lease_duration: number,
  renewable: flag,
  mfa_requirement: value,
}

const wrapForm: ClientForm = {
  token: text,
  accessor: text,
  ttl: number,
  creation_time: time,
  creation_path: text,
  wrapped_accessor: text,
}

export const secretForm: ClientForm = {
  request_id: text,
  lease_id: text,
  lease_duration: number,
  renewable: flag,
  data: value,
  warnings: value,
  auth: { zero: null, optional: true, form: authForm },
  wrap_info: { zero: null, optional: true, form: wrapForm },
}

/** A seal status with what `sys/leader` adds to it. */
export const statusForm: ClientForm = {
  type: text,
  initialized: flag,
  sealed: flag,
  t: number,
  n: number,
  progress: number,
  nonce: text,
  version: text,
  commit_date: text,
  migration: flag,
  cluster_name: optionalText,
  cluster_id: optionalText,
  recovery_seal: flag,
  recovery_seal_type: optionalText,
  storage_type: optionalText,
  warnings: optionalValue,
  build_date: text,
  ha_enabled: flag,
  is_self: { zero: false, optional: true },
  active_time: { zero: time.zero, optional: true },
  leader_address: optionalText,
  leader_cluster_address: optionalText,
  raft_committed_index: optionalNumber,
  raft_applied_index: optionalNumber,
}

const mountConfigForm: ClientForm = {
  default_lease_ttl: number,
  max_lease_ttl: number,
  force_no_cache: flag,
  audit_non_hmac_request_keys: optionalValue,
  audit_non_hmac_response_keys: optionalValue,
  listing_visibility: optionalText,
  passthrough_request_headers: optionalValue,
  allowed_response_headers: optionalValue,
  token_type: optionalText,
  allowed_managed_keys: optionalValue,
  user_lockout_config: optionalValue,
}

export const mountForm: ClientForm = {
  uuid: text,
  type: text,
  description: text,
  accessor: text,
  config: { zero: objectOf([]), form: mountConfigForm },
  options: value,
  local: flag,
  seal_wrap: flag,
  external_entropy_access: flag,
  plugin_version: text,
  running_plugin_version: text,
  running_sha256: text,
  deprecation_status: text,
}

/** The object with the members of the form alone, in its order. */
export function inClientForm(object: JsonObject, form: ClientForm): JsonObject {
  const members: [string, JsonValue][] = []
  for (const [name, one] of Object.entries(form)) {
    const given = member(object, name) ?? one.zero
    const isEmpty = isZero(given, one.zero)
    if (one.optional === true && isEmpty) continue
    members.push([name, shapeOf(given, one)])
  }
  return objectOf(members)
}

/** Each object of a map by its name, the names sorted as Go sorts the keys of a map. */
export function mapInClientForm(object: JsonObject, form: ClientForm): JsonObject {
  const names = Object.keys(object).sort()
  return objectOf(
    names.map((name) => {
      const one = object[name] ?? null
      return [name, isJsonObject(one) ? inClientForm(one, form) : sorted(one)]
    }),
  )
}

function shapeOf(given: JsonValue, one: MemberForm): JsonValue {
  if (one.form !== undefined && isJsonObject(given)) return inClientForm(given, one.form)
  return sorted(given)
}

/** What has no struct is a map there, and the keys of a map are shown sorted. */
function sorted(given: JsonValue): JsonValue {
  if (isJsonArray(given)) return given.map(sorted)
  if (!isJsonObject(given)) return given
  const names = Object.keys(given).sort()
  return objectOf(names.map((name) => [name, sorted(given[name] ?? null)]))
}

function isZero(given: JsonValue, zero: JsonValue): boolean {
  if (given instanceof JsonNumber) return given.text === '0'
  return given === null || given === zero || (isJsonArray(given) && given.length === 0)
}
