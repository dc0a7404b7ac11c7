/**
 * The text of a record: one JSON object on one line (platform.md §8.2). Members that would be empty
 * are left out. Written by hand, since each request has two of them for each device.
 */

import { createHash } from 'node:crypto'
import type { AuthFields, WrapInfo } from '../framework/api.ts'
import type { JsonObject } from '../lib/json.ts'
import { escapeControls } from '../lib/one-line.ts'
import { rfc3339, rfc3339Nano } from '../lib/time.ts'
import type {
  AuditedAuth,
  AuditedHeaders,
  AuditedMount,
  AuditedRequest,
  AuditedResponse,
  AuditedToken,
  AuditEntry,
} from './entry.ts'
import { hashedDataText, type HashText } from './hashed-data.ts'
import { maskSecrets } from './masked-text.ts'

/** How a device wants its records, with all data read and hashed before. */
export interface RecordStyle {
  /** Stands for secrets; the text itself where a device wants them raw. */
  readonly hash: HashText
  /** The same for accessors, which a device may want to see. */
  readonly hashAccessor: HashText
  /** Texts of data, in which large ones are hashed already. */
  readonly hashData: HashText
  readonly headers: AuditedHeaders
}

/** Data of the entry as it is to be shown. */
export interface ShownData {
  readonly request: JsonObject | undefined
  readonly response: JsonObject | undefined
}

export function recordText(entry: AuditEntry, shown: ShownData, style: RecordStyle): string {
  let text =
    `{"time":"${rfc3339Nano(entry.timeMs)}","type":"${entry.type}",` +
    `"auth":${authText(entry.auth, style)},` +
    `"request":${requestText(entry, shown.request, style)}`
  if (entry.response !== undefined) {
    const { mount } = entry.request
    text += `,"response":${responseText(entry.response, { mount, data: shown.response }, style)}`
  }
  if (entry.error !== undefined) text += `,"error":${quoted(maskSecrets(entry.error))}`
  return escapeControls(`${text}}`)
}

// ------------------------------------------------------------ members

const quoted = JSON.stringify

/** `,"name":value`, or nothing for an empty value. */
function textMember(name: string, value: string | undefined): string {
  return value === undefined || value === '' ? '' : `,"${name}":${quoted(value)}`
}

function hashMember(name: string, value: string | undefined, hash: HashText): string {
  return value === undefined || value === '' ? '' : `,"${name}":${hash(value)}`
}

function listMember(name: string, value: readonly string[]): string {
  return value.length === 0 ? '' : `,"${name}":${quoted(value)}`
}

function numberMember(name: string, value: number | undefined): string {
  return value === undefined || value === 0 ? '' : `,"${name}":${value}`
}

/** An object of members that each begin with a comma. */
function objectOf(members: string): string {
  return `{${members.slice(1)}}`
}

// --------------------------------------------------------------- auth

function authText({ isAllowed, grantedBy, token }: AuditedAuth, style: RecordStyle): string {
  const granted = grantedBy.length === 0 ? '' : `,"granting_policies":${grantText(grantedBy)}`
  const results = `,"policy_results":{"allowed":${isAllowed}${granted}}`
  return objectOf(token === undefined ? results : tokenMembers(token, style) + results)
}

function grantText(names: readonly string[]): string {
  return quoted(names.map((name) => ({ name, namespace_id: 'root', type: 'acl' })))
}

function tokenMembers(token: AuditedToken, style: RecordStyle): string {
  const { metadata, tokenPolicies } = token
  return (
    hashMember('client_token', token.text, style.hash) +
    hashMember('accessor', token.accessor, style.hashAccessor) +
    textMember('display_name', token.displayName) +
    listMember('policies', token.policies) +
    listMember('token_policies', tokenPolicies) +
    listMember('identity_policies', token.identityPolicies) +
    (tokenPolicies.includes('default') || tokenPolicies.includes('root')
      ? ''
      : ',"no_default_policy":true') +
    (metadata === null ? '' : `,"metadata":${quoted(metadata)}`) +
    numberMember('num_uses', token.usesLeft) +
    numberMember('remaining_uses', token.usesLeft) +
    textMember('entity_id', token.entityId) +
    (token.isEntityNew === true ? ',"entity_created":true' : '') +
    `,"token_type":"${token.type}"` +
    numberMember('token_ttl', token.ttlSeconds) +
    `,"token_issue_time":"${rfc3339(Math.floor(token.issuedAtMs / 1000) * 1000)}"`
  )
}

// ------------------------------------------------------------ request

function requestText(
  { auth, request }: AuditEntry,
  data: JsonObject | undefined,
  style: RecordStyle,
): string {
  const { mount } = request
  const plainKeys = mount?.plainRequestKeys ?? []
  return objectOf(
    textMember('id', request.id) +
      clientId(auth) +
      textMember('operation', request.operation) +
      mountMembers(mount) +
      hashMember('client_token', request.token, style.hash) +
      hashMember('client_token_accessor', request.tokenAccessor, style.hashAccessor) +
      ',"namespace":{"id":"root"}' +
      textMember('path', request.path) +
      dataMember(data, plainKeys, style) +
      textMember('remote_address', request.remoteAddress) +
      numberMember('remote_port', request.remotePort) +
      numberMember('wrap_ttl', request.wrapTtlSeconds) +
      headersMember(request, style),
  )
}

/** The entity, or for tokens without one a name of all that have the same policies. */
function clientId({ token }: AuditedAuth): string {
  if (token === undefined) return ''
  return textMember('client_id', token.entityId || policiesId(token.policies))
}

const policyIds = new WeakMap<readonly string[], string>()

function policiesId(policies: readonly string[]): string {
  const known = policyIds.get(policies)
  if (known !== undefined) return known
  // Vault compatibility: names in order, then the namespace.
  const text = `${policies.toSorted().join('\u007f')}.root`
  const id = createHash('sha256').update(text).digest('base64')
  policyIds.set(policies, id)
  return id
}

function mountMembers(mount: AuditedMount | undefined): string {
  if (mount === undefined) return ''
  return (
    textMember('mount_point', mount.point) +
    textMember('mount_type', mount.type) +
    textMember('mount_accessor', mount.accessor) +
    textMember('mount_class', mount.class)
  )
}

function dataMember(
  data: JsonObject | undefined,
  plainKeys: readonly string[],
  { hashData }: RecordStyle,
): string {
  if (data === undefined) return ''
  const text = hashedDataText(data, { hash: hashData, plainKeys })
  return text === '{}' ? '' : `,"data":${text}`
}

function headersMember({ header }: AuditedRequest, { headers, hash }: RecordStyle): string {
  let members = ''
  for (const name of Object.keys(headers)) {
    const value = header(name)
    if (value === undefined) continue
    const shown = headers[name]?.hmac === true ? hash(value) : quoted(maskSecrets(value))
    members += `,${quoted(name)}:[${shown}]`
  }
  return members === '' ? '' : `,"headers":${objectOf(members)}`
}

// ----------------------------------------------------------- response

function responseText(
  { auth, warnings = [], redirect, wrapInfo }: AuditedResponse,
  {
    mount,
    data,
  }: { readonly mount: AuditedMount | undefined; readonly data: ShownData['response'] },
  style: RecordStyle,
): string {
  return objectOf(
    (auth === undefined ? '' : `,"auth":${answeredAuthText(auth, style)}`) +
      mountMembers(mount) +
      dataMember(data, mount?.plainResponseKeys ?? [], style) +
      listMember('warnings', warnings.map(maskSecrets)) +
      textMember('redirect', redirect) +
      (wrapInfo === undefined ? '' : `,"wrap_info":${wrapText(wrapInfo, style)}`),
  )
}

function answeredAuthText(auth: AuthFields, style: RecordStyle): string {
  return objectOf(
    hashMember('client_token', auth.client_token, style.hash) +
      hashMember('accessor', auth.accessor, style.hashAccessor) +
      listMember('policies', auth.policies) +
      listMember('token_policies', auth.token_policies) +
      listMember('identity_policies', auth.identity_policies) +
      (auth.metadata === null ? '' : `,"metadata":${quoted(auth.metadata)}`) +
      numberMember('num_uses', auth.num_uses) +
      textMember('entity_id', auth.entity_id) +
      `,"token_type":"${auth.token_type}"` +
      numberMember('token_ttl', auth.lease_duration),
  )
}

function wrapText(info: WrapInfo, style: RecordStyle): string {
  return objectOf(
    numberMember('ttl', info.ttl) +
      hashMember('token', info.token, style.hash) +
      hashMember('accessor', info.accessor, style.hashAccessor) +
      textMember('creation_time', info.creation_time) +
      textMember('creation_path', info.creation_path) +
      hashMember('wrapped_accessor', info.wrapped_accessor, style.hashAccessor),
  )
}
