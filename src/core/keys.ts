/**
 * Where each record lives in the store. Keys carry the namespace id and the mount's uuid from the
 * first day. Everything below `c/` is configuration (a change advances the epoch); names that could
 * tell something are hashed by the caller before they come here.
 */

import { packedRecordCodec, plainRecordCodec } from '../storage/record-codec.ts'
import { scopeMark } from '../storage/scoped-store.ts'
import {
  configurationPrefix,
  recordKey,
  type Codec,
  type Key,
  type KeyRange,
} from '../storage/store.ts'
import { quotaConfigRecord, rateLimitRecord } from './quotas/quota-records.ts'
import {
  aliasRecord,
  auditDeviceRecord,
  corsRecord,
  entityRecord,
  groupRecord,
  mountRecord,
  namespaceRecord,
  policyRecord,
  rotationRecord,
  tokenRecord,
  uiHeadersRecord,
  type AliasPlace,
  type AuditHeadersRecord,
  type CleanupJob,
  type NamespaceRevision,
  type RemountRecord,
  type RevocationMarker,
} from './records.ts'

const codecs = {
  auditDevice: plainRecordCodec(auditDeviceRecord),
  cors: plainRecordCodec(corsRecord),
  mount: plainRecordCodec(mountRecord),
  namespace: plainRecordCodec(namespaceRecord),
  policy: plainRecordCodec(policyRecord),
  token: packedRecordCodec(tokenRecord, ({ login }) => login?.alias ?? ''),
  entity: plainRecordCodec(entityRecord),
  alias: plainRecordCodec(aliasRecord),
  rateLimit: plainRecordCodec(rateLimitRecord),
  quotaConfig: plainRecordCodec(quotaConfigRecord),
  rotation: plainRecordCodec(rotationRecord),
  uiHeaders: plainRecordCodec(uiHeadersRecord),
  group: plainRecordCodec(groupRecord),
}

/** What a row of an index leads to. */
export interface IdRow {
  readonly id: string
}

/**
 * Keys are those of the root. What belongs to another namespace lies under the same keys of its own
 * scope (`storage/scoped-store.ts`).
 */
const rootNamespace = 'root'

const ns = rootNamespace
const c = configurationPrefix

function keyOf<T>(text: string, codec: Codec<T>): Key<T> {
  return { text, codec }
}

export const keys = {
  cors: () => keyOf(`${c}cors`, codecs.cors),
  uiHeaders: () => keyOf(`${c}ui-headers`, codecs.uiHeaders),
  rotation: () => keyOf(`${c}rotation`, codecs.rotation),

  auditDevicePrefix: `${c}${ns}/audit/`,
  auditDevice: (path: string) => keyOf(`${c}${ns}/audit/${path}`, codecs.auditDevice),
  auditHeaders: (): Key<AuditHeadersRecord> => recordKey(`${c}audit-headers`),

  rateLimitPrefix: `${c}${ns}/quota/rate-limit/`,
  rateLimit: (name: string) => keyOf(`${c}${ns}/quota/rate-limit/${name}`, codecs.rateLimit),
  quotaConfig: () => keyOf(`${c}${ns}/quota/config`, codecs.quotaConfig),

  namespacePrefix: `${c}${ns}/namespace/`,
  namespace: (id: string) => keyOf(`${c}${ns}/namespace/${id}`, codecs.namespace),
  /** Of a namespace, in its own scope: what is written there rests on it, see `namespaces.ts`. */
  namespaceSign: (): Key<IdRow> => recordKey(`${c}living`),
  namespaceRevision: (): Key<NamespaceRevision> => recordKey(`${c}${ns}/namespaces`),
  /** By its path from the root on. */
  namespacePath: (path: string): Key<IdRow> => recordKey(`${c}${ns}/namespace-path/${path}`),

  mountPrefix: `${c}${ns}/mount/`,
  mount: (uuid: string) => keyOf(`${c}${ns}/mount/${uuid}`, codecs.mount),
  remount: (id: string): Key<RemountRecord> => recordKey(`r/${ns}/${id}`),

  policyPrefix: `${c}${ns}/policy/`,
  policy: (name: string) => keyOf(`${c}${ns}/policy/${name}`, codecs.policy),

  /** Configuration and data of one mount. */
  mountConfigPrefix: (uuid: string): string => `${c}${ns}/m/${uuid}/`,
  mountDataPrefix: (uuid: string): string => `d/${ns}/${uuid}/`,

  markerPrefix: `${c}${ns}/revoked/`,
  marker: (id: string): Key<RevocationMarker> => recordKey(`${c}${ns}/revoked/${id}`),
  jobPrefix: 'j/',
  /** Without those of scopes, which are behind. */
  jobs: (limit: number): KeyRange => ({ start: 'j/', end: `j/${scopeMark}`, limit }),
  job: (id: string): Key<CleanupJob> => recordKey(`j/${id}`),

  tokenPrefix: `t/${ns}/`,
  token: (id: string) => keyOf(`t/${ns}/${id}`, codecs.token),
  /** Token id behind a text that its maker chose. */
  customToken: (hash: string): Key<{ readonly id: string }> => recordKey(`n/${ns}/${hash}`),
  childrenPrefix: `p/${ns}/`,
  childPrefix: (parent: string): string => `p/${ns}/${parent}/`,
  child: (parent: string, child: string): string => `p/${ns}/${parent}/${child}`,
  expiryPrefix: 'x/',
  /** Ordered by the first whole second at which the token is dead. */
  expiry: (expiresAtSeconds: number, id: string): string =>
    `x/${Math.ceil(expiresAtSeconds).toString(36).padStart(8, '0')}/${ns}/${id}`,
  expiryEnd: (nowSeconds: number): string => `x/${(nowSeconds + 1).toString(36).padStart(8, '0')}`,

  /**
   * Browser sessions that were signed out, by the hash of their cookie; ordered by their end, in
   * seconds.
   */
  endedSession: (hash: string): Key<{ readonly until: number }> => recordKey(`w/ended/${hash}`),
  endedSessionExpiry: (until: number, hash: string): string =>
    `w/until/${until.toString(36).padStart(8, '0')}/${hash}`,
  endedSessionsUntil: (nowSeconds: number, limit: number): KeyRange => ({
    start: 'w/until/',
    end: `w/until/${(nowSeconds + 1).toString(36).padStart(8, '0')}`,
    limit,
  }),

  /** Blocks of decided logins, ordered by time; each says how many are in it. */
  decisionPrefix: `l/${ns}/`,
  decisionBlock: (ms: number, suffix: string, count: number): string =>
    `l/${ns}/${ms.toString(36).padStart(9, '0')}/${suffix}/${count}`,
  /** Where those of that time and later begin. */
  decisionsFrom: (ms: number): string =>
    `l/${ns}/${Math.max(0, ms).toString(36).padStart(9, '0')}/`,
  decisionsIn: (key: string): number => Number(lastSegment(key)) || 0,

  entityPrefix: `e/${ns}/`,
  entity: (id: string) => keyOf(`e/${ns}/${id}`, codecs.entity),
  aliasPrefix: `a/${ns}/`,
  alias: (mountAccessor: string, nameHash: string) =>
    keyOf(`a/${ns}/${mountAccessor}/${nameHash}`, codecs.alias),
  entityNamePrefix: `i/${ns}/name/`,
  entityName: (nameHash: string): Key<IdRow> => recordKey(`i/${ns}/name/${nameHash}`),
  aliasIdPrefix: `i/${ns}/alias/`,
  aliasId: (id: string): Key<AliasPlace> => recordKey(`i/${ns}/alias/${id}`),
  /** The entity that took over the one of that id. */
  mergedEntity: (id: string): Key<IdRow> => recordKey(`i/${ns}/merged/${id}`),
  /** Written when the rows above are there for entities of version 0.1 too. */
  identityRows: (): Key<{ readonly since: string }> => recordKey(`i/${ns}/rows`),

  /** Groups decide rights of many at once: they are configuration. Who is a member is not. */
  groupPrefix: `${c}${ns}/group/`,
  group: (id: string) => keyOf(`${c}${ns}/group/${id}`, codecs.group),
  groupNamePrefix: `${c}${ns}/group-name/`,
  groupName: (nameHash: string): Key<IdRow> => recordKey(`${c}${ns}/group-name/${nameHash}`),
  groupAlias: (mountAccessor: string, nameHash: string): Key<IdRow> =>
    recordKey(`${c}${ns}/group-alias/${mountAccessor}/${nameHash}`),
  groupAliasIdPrefix: `${c}${ns}/group-alias-id/`,
  groupAliasId: (id: string): Key<IdRow> => recordKey(`${c}${ns}/group-alias-id/${id}`),
  memberPrefix: (group: string): string => `g/${ns}/${group}/`,
  member: (group: string, entity: string): string => `g/${ns}/${group}/${entity}`,
} as const

/** The classes of keys, of which all that a namespace has lies below its scope in each. */
export const keyClasses: readonly string[] = 'cdrtnpxjleaig'.split('')

/** The last segment of a key. */
export function lastSegment(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}
