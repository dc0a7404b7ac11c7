/**
 * The text of a record: one JSON object on one line (platform.md §8.2). Members that would be empty
 * are left out. Each request has two records for each device, so that what does not change between
 * them, and what belongs to a token or a mount, is written once and remembered.
 */

import { createHash } from 'node:crypto'
import type { AuthFields, WrapInfo } from '../framework/api.ts'
import { BoundedCache } from '../lib/bounded-cache.ts'
import type { JsonObject } from '../lib/json.ts'
import { maskSecrets } from '../lib/masked-text.ts'
import { escapeControls } from '../lib/one-line.ts'
import { rfc3339, rfc3339Nano } from '../lib/time.ts'
import type {
  AuditedAuth,
  AuditedHeaders,
  AuditedMount,
  AuditedNamespace,
  AuditedRequest,
  AuditedResponse,
  AuditedToken,
  AuditEntry,
} from './entry.ts'
import { hashedDataText, withoutValues, type HashText } from './hashed-data.ts'

/** How a device wants its records, and what it remembers of them. */
export interface RecordStyle {
  /** Stands for secrets, as a string of JSON; the text itself where a device wants them raw. */
  readonly hash: HashText
  /** The same for accessors, which a device may want to see. */
  readonly hashAccessor: HashText
  /** Texts of data, in which large ones are hashed already. */
  readonly hashData: HashText
  readonly headers: AuditedHeaders
  readonly memory: RecordMemory
}

/** Texts that were written for one device; they go with what they were written for. */
export interface RecordMemory {
  readonly tokens: WeakMap<AuditedToken, string>
  readonly requests: WeakMap<AuditedRequest, string>
}

/**
 * A text that is put together from pieces is kept as these pieces until somebody looks into it.
 * What is used again and again is made one piece here, once.
 */
function flat(text: string): string {
  text.charCodeAt(0)
  return text
}

/** Data of the entry as it is to be shown. */
export interface ShownData {
  readonly request: JsonObject | undefined
  readonly response: JsonObject | undefined
}

export function createRecordMemory(): RecordMemory {
  return { tokens: new WeakMap(), requests: new WeakMap() }
}

export function recordText(entry: AuditEntry, shown: ShownData, style: RecordStyle): string {
  const { auth, request, response, error } = entry
  const head = `{"time":"${rfc3339Nano(entry.timeMs)}","type":"${entry.type}","auth":${authText(auth, style)},"request":{"id":"${request.id}"`
  const asked = requestMembers(request, shown.request, style)
  if (response === undefined && error === undefined) return `${head}${clientId(auth)}${asked}}}`
  const { mount } = request
  const told =
    response === undefined
      ? ''
      : `,"response":${responseText(response, { mount, data: shown.response }, style)}`
  const problem = error === undefined ? '' : `,"error":${errorText(error, shown.request, style)}`
  return `${head}${clientId(auth)}${asked}}${told}${problem}}`
}

/** Some refusals quote what they refuse, since clients know their texts. */
function errorText(error: string, data: JsonObject | undefined, { hash }: RecordStyle): string {
  return quoted(maskSecrets(data === undefined ? error : withoutValues(error, data, hash)))
}

// ------------------------------------------------------------ members

/** JSON that stays on its line and forges none in a terminal. */
function quoted(value: unknown): string {
  return escapeControls(JSON.stringify(value))
}

const placesMax = 4096
/** Paths and addresses come again and again. */
const places = new BoundedCache<string, string>(placesMax)

/** As `quoted`, for texts that are short and come often. */
function quotedPlace(text: string): string {
  // Old clients had tokens in paths; who still does shows them to nobody here.
  if (text.length > placeCharsMax) return quoted(maskSecrets(text))
  const known = places.get(text)
  if (known !== undefined) return known
  const written = quoted(maskSecrets(text))
  places.set(text, written)
  return written
}

const placeCharsMax = 256

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

/** What was written for the object, or is written now. */
function remembered<K extends object>(
  memory: WeakMap<K, string>,
  key: K,
  write: (key: K) => string,
): string {
  const known = memory.get(key)
  if (known !== undefined) return known
  const text = flat(write(key))
  memory.set(key, text)
  return text
}

const noKeys: readonly string[] = []

// --------------------------------------------------------------- auth

function authText({ isAllowed, grantedBy, token }: AuditedAuth, style: RecordStyle): string {
  const results = isAllowed
    ? grantText(grantedBy, token?.namespace)
    : '{"policy_results":{"allowed":false}'
  if (token === undefined) return `${results}}`
  const members = remembered(style.memory.tokens, token, () => tokenMembers(token, style))
  return `${results}${members}}`
}

const rootNamespace: AuditedNamespace = { id: 'root', path: '' }

const grantsMax = 1024
const grantTexts = new BoundedCache<string, string>(grantsMax)

/** Allowed, and by whom. */
function grantText(
  names: readonly string[],
  { id, path }: AuditedNamespace = rootNamespace,
): string {
  const key = `${id} ${names.length === 1 ? `=${names[0] ?? ''}` : JSON.stringify(names)}`
  const known = grantTexts.get(key)
  if (known !== undefined) return known
  const namespace = { namespace_id: id, ...(path === '' ? {} : { namespace_path: path }) }
  const granted = names.map((name) => ({ name, ...namespace, type: 'acl' }))
  const by = names.length === 0 ? '' : `,"granting_policies":${quoted(granted)}`
  const text = flat(`{"policy_results":{"allowed":true${by}}`)
  grantTexts.set(key, text)
  return text
}

function tokenMembers(token: AuditedToken, style: RecordStyle): string {
  const { metadata, tokenPolicies } = token
  const hasDefault = tokenPolicies.includes('default') || tokenPolicies.includes('root')
  return (
    hashMember('client_token', token.text, style.hash) +
    hashMember('accessor', token.accessor, style.hashAccessor) +
    textMember('display_name', token.displayName) +
    listMember('policies', token.policies) +
    listMember('token_policies', tokenPolicies) +
    listMember('identity_policies', token.identityPolicies) +
    (hasDefault ? '' : ',"no_default_policy":true') +
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

const clientIds = new WeakMap<AuditedToken, string>()

/** The entity, or for tokens without one a name of all that have the same policies. */
function clientId({ token }: AuditedAuth): string {
  if (token === undefined) return ''
  return remembered(clientIds, token, () =>
    textMember('client_id', token.entityId || policiesId(token.policies, token.namespace?.id)),
  )
}

const policiesIdsMax = 1024
const policiesIds = new BoundedCache<string, string>(policiesIdsMax)

function policiesId(policies: readonly string[], namespace = rootNamespace.id): string {
  // Vault compatibility: names in order, then the namespace.
  const text = `${policies.toSorted().join('\u007f')}.${namespace}`
  const known = policiesIds.get(text)
  if (known !== undefined) return known
  const id = createHash('sha256').update(text).digest('base64')
  policiesIds.set(text, id)
  return id
}

function requestMembers(
  request: AuditedRequest,
  data: JsonObject | undefined,
  style: RecordStyle,
): string {
  return remembered(style.memory.requests, request, () => {
    const { mount } = request
    return (
      `,"operation":"${request.operation}"` +
      mountMembers(mount) +
      hashMember('client_token', request.token, style.hash) +
      hashMember('client_token_accessor', request.tokenAccessor, style.hashAccessor) +
      namespaceMember(request.namespace) +
      `,"path":${quotedPlace(request.path)}` +
      dataMember(data, mount?.plainRequestKeys ?? noKeys, style) +
      (request.remoteAddress === undefined
        ? ''
        : `,"remote_address":${quotedPlace(request.remoteAddress)}`) +
      numberMember('remote_port', request.remotePort) +
      numberMember('wrap_ttl', request.wrapTtlSeconds) +
      headersMember(request, style)
    )
  })
}

function namespaceMember(namespace: AuditedNamespace | undefined): string {
  if (namespace === undefined) return ',"namespace":{"id":"root"}'
  return `,"namespace":{"id":${quoted(namespace.id)},"path":${quotedPlace(namespace.path)}}`
}

const mountTexts = new WeakMap<AuditedMount, string>()

function mountMembers(mount: AuditedMount | undefined): string {
  if (mount === undefined) return ''
  return remembered(
    mountTexts,
    mount,
    () =>
      textMember('mount_point', mount.point) +
      textMember('mount_type', mount.type) +
      textMember('mount_accessor', mount.accessor) +
      textMember('mount_class', mount.class),
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
  const members: string[] = []
  for (const name of Object.keys(headers)) {
    const value = header(name)
    if (value === undefined) continue
    const shown = headers[name]?.hmac === true ? hash(value) : quoted(maskSecrets(value))
    members.push(`${quoted(name)}:[${shown}]`)
  }
  return members.length === 0 ? '' : `,"headers":{${members.join()}}`
}

// ----------------------------------------------------------- response

function responseText(
  { auth, warnings, redirect, wrapInfo }: AuditedResponse,
  {
    mount,
    data,
  }: { readonly mount: AuditedMount | undefined; readonly data: ShownData['response'] },
  style: RecordStyle,
): string {
  let text = mount === undefined ? '' : mountMembers(mount)
  if (auth !== undefined) text += `,"auth":${answeredAuthText(auth, style)}`
  text += dataMember(data, mount?.plainResponseKeys ?? noKeys, style)
  if (warnings !== undefined && warnings.length > 0) {
    text += listMember('warnings', warnings.map(maskSecrets))
  }
  if (redirect !== undefined) text += textMember('redirect', redirect)
  if (wrapInfo !== undefined) text += `,"wrap_info":${wrapText(wrapInfo, style)}`
  // Each member begins with a comma.
  return `{${text.slice(1)}}`
}

function answeredAuthText(auth: AuthFields, style: RecordStyle): string {
  return (
    `{"token_type":"${auth.token_type}"` +
    hashMember('client_token', auth.client_token, style.hash) +
    hashMember('accessor', auth.accessor, style.hashAccessor) +
    listMember('policies', auth.policies) +
    listMember('token_policies', auth.token_policies) +
    listMember('identity_policies', auth.identity_policies) +
    (auth.metadata === null ? '' : `,"metadata":${quoted(auth.metadata)}`) +
    numberMember('num_uses', auth.num_uses) +
    textMember('entity_id', auth.entity_id) +
    numberMember('token_ttl', auth.lease_duration) +
    '}'
  )
}

function wrapText(info: WrapInfo, style: RecordStyle): string {
  return (
    `{"ttl":${info.ttl}` +
    hashMember('token', info.token, style.hash) +
    hashMember('accessor', info.accessor, style.hashAccessor) +
    textMember('creation_time', info.creation_time) +
    textMember('creation_path', info.creation_path) +
    hashMember('wrapped_accessor', info.wrapped_accessor, style.hashAccessor) +
    '}'
  )
}
