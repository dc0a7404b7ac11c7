/**
 * What every request needs from configuration, read once per epoch: the mounts, the revocation
 * markers and the audit devices.
 */

import { prefixRange, type StoreView } from '../storage/store.ts'
import { keys, lastSegment } from './keys.ts'
import { readMounts, type MountTable } from './mount-table.ts'
import { readQuotaRules } from './quotas/quotas.ts'
import type { QuotaRules } from './quotas/rate-limit.ts'
import {
  uiHeadersRecord,
  type AuditDeviceRecord,
  type AuditHeadersRecord,
  type CorsRecord,
  type RevocationMarker,
  type TokenRecord,
  type UiHeadersRecord,
} from './records.ts'
import { sentUiHeaders } from './ui-headers.ts'

/** Who is told of every request, and which of its headers. */
export interface AuditConfiguration {
  readonly devices: readonly AuditDeviceRecord[]
  readonly headers: AuditHeadersRecord
}

export class CoreConfiguration {
  readonly epoch: number
  readonly mounts: MountTable
  readonly cors: CorsRecord | undefined
  readonly audit: AuditConfiguration
  readonly quotas: QuotaRules
  /** Of the pages, besides their own; undefined when there are none. */
  readonly uiHeaders: Readonly<Record<string, string>> | undefined
  readonly #markers: readonly RevocationMarker[]
  /** The few that may still name a token with a record: each request asks them. */
  readonly #unswept: readonly RevocationMarker[]

  constructor(parts: {
    readonly epoch: number
    readonly mounts: MountTable
    readonly markers: readonly RevocationMarker[]
    readonly cors: CorsRecord | undefined
    readonly quotas: QuotaRules
    readonly audit: AuditConfiguration
    readonly uiHeaders: UiHeadersRecord
  }) {
    this.epoch = parts.epoch
    this.mounts = parts.mounts
    this.cors = parts.cors
    this.quotas = parts.quotas
    this.audit = parts.audit
    this.uiHeaders = sentUiHeaders(parts.uiHeaders)
    this.#markers = parts.markers
    this.#unswept = parts.markers.filter((marker) => marker.swept !== true)
  }

  /** The highest id that a marker ends, or undefined without markers. */
  get revokedUpTo(): string | undefined {
    let highest: string | undefined
    for (const { upTo } of this.#markers) {
      if (highest === undefined || upTo > highest) highest = upTo
    }
    return highest
  }

  /** The latest time of a batch token that a marker ends; 0 without markers. */
  get batchRevokedUpToMs(): number {
    return this.#markers.reduce((latest, marker) => Math.max(latest, marker.batchUpToMs ?? 0), 0)
  }

  /** True when a marker ends that token, made up to the marker's id. */
  isRevoked(id: string, record: TokenRecord): boolean {
    for (const marker of this.#unswept) {
      if (id <= marker.upTo && isEndedBy(marker, record)) return true
    }
    return false
  }

  /** The same for a batch token, which has a time and no id. */
  isBatchRevoked(record: TokenRecord): boolean {
    const createdMs = Math.round(record.created * 1000)
    return this.#markers.some(
      (marker) => createdMs <= (marker.batchUpToMs ?? 0) && isEndedBy(marker, record),
    )
  }
}

/** A marker ends leases below its prefix; the first root token has none. */
export function isEndedBy(marker: RevocationMarker, record: TokenRecord): boolean {
  return record.leaseless !== true && isBelow(record.path, marker.prefix)
}

/** A prefix is a folder of paths: `auth/jwt` holds `auth/jwt/login`, not `auth/jwt2/login`. */
function isBelow(path: string, prefix: string): boolean {
  if (prefix === '' || path === prefix) return true
  return path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
}

export async function readConfiguration(view: StoreView): Promise<CoreConfiguration> {
  const epoch = await view.epoch()
  const markers: RevocationMarker[] = []
  for await (const key of view.keys(prefixRange(keys.markerPrefix))) {
    const marker = await view.get(keys.marker(lastSegment(key)))
    if (marker !== undefined) markers.push(marker)
  }
  const mounts = await readMounts(view)
  return new CoreConfiguration({
    epoch,
    mounts,
    markers,
    cors: await view.get(keys.cors()),
    quotas: await readQuotaRules(view, mounts),
    audit: await readAudit(view),
    uiHeaders: (await view.get(keys.uiHeaders())) ?? uiHeadersRecord.defaults,
  })
}

async function readAudit(view: StoreView): Promise<AuditConfiguration> {
  const headers = (await view.get(keys.auditHeaders())) ?? {}
  return { devices: await readAuditDevices(view), headers }
}

/** In the order of their paths. */
export async function readAuditDevices(view: StoreView): Promise<readonly AuditDeviceRecord[]> {
  const devices: AuditDeviceRecord[] = []
  for await (const key of view.keys(prefixRange(keys.auditDevicePrefix))) {
    const device = await view.get(keys.auditDevice(key.slice(keys.auditDevicePrefix.length)))
    if (device !== undefined) devices.push(device)
  }
  return devices
}
