/**
 * The audit devices: kept as records, with those of the configuration file beside those that a
 * request has made, and opened as the configuration says that a request was admitted by
 * (platform.md §2.9, §8.1).
 */

import { AuditDevice } from '../audit/device.ts'
import { parseDeviceOptions, type DeviceOptions } from '../audit/device-options.ts'
import { openDeviceSink, type SinkDoors } from '../audit/device-sink.ts'
import { auditTestEntry } from '../audit/test-entry.ts'
import { invalid } from '../framework/refusal.ts'
import type { Logger } from '../platform/logger.ts'
import type { Random } from '../platform/random.ts'
import { liesBelow } from '../platform/record-file.ts'
import type { SealedStore } from '../storage/sealed-store.ts'
import type { StoreTransaction } from '../storage/store.ts'
import type { AuditAudience } from './audit-broker.ts'
import { readAuditDevices, type CoreConfiguration } from './configuration.ts'
import { keys } from './keys.ts'
import type { AuditDeviceRecord, AuditHeadersRecord } from './records.ts'

/** A device as somebody asks for it. */
export interface WantedDevice {
  readonly path: string
  readonly type: string
  readonly description: string
  readonly local: boolean
  readonly options: Readonly<Record<string, string>>
}

/** What the operator has said about audit devices. */
export interface AuditSettings {
  /** Of the configuration file. */
  readonly declared: readonly WantedDevice[]
  /** Requests may make devices: a file device writes wherever the server may. */
  readonly mayCreate: boolean
  /** Devices that requests make may have a prefix before each record. */
  readonly mayPrefix: boolean
  /** Folders in which no request makes a file: data, configuration, program. */
  readonly closedFolders: readonly string[]
}

export const noAudit: AuditSettings = {
  declared: [],
  mayCreate: false,
  mayPrefix: false,
  closedFolders: [],
}

export interface AuditDevicesContext extends SinkDoors {
  readonly store: SealedStore
  readonly random: Random
  readonly logger: Logger
  readonly settings: AuditSettings
  readonly configuration: () => Promise<CoreConfiguration>
  /** Told of records that a device did not take. */
  readonly missed: (device: string, count: number) => void
}

const devicesMax = 32
const headersMax = 128
const nobody: AuditAudience = { devices: [], headers: {}, isPlain: true }

export class AuditDevices {
  readonly #context: AuditDevicesContext
  #audience = nobody
  /** By the text of its record: a changed one is another device. */
  #opened = new Map<string, AuditDevice>()
  #followedEpoch = 0

  constructor(context: AuditDevicesContext) {
    this.#context = context
  }

  /** Those of the newest configuration that a request has seen. */
  get audience(): AuditAudience {
    return this.#audience
  }

  /** Makes the records agree with the configuration file. */
  async declare(txn: StoreTransaction): Promise<void> {
    const { declared } = this.#context.settings
    const known = await readAuditDevices(txn)
    for (const record of known) {
      const isStill = declared.some((wanted) => `${wanted.path}/` === record.path)
      if (record.declared && !isStill) txn.delete(keys.auditDevice(record.path).text)
    }
    for (const wanted of declared) {
      const before = known.find(({ path }) => path === `${wanted.path}/`)
      const record = this.#recordOf(wanted, { declared: true, salt: before?.salt })
      if (JSON.stringify(before) === JSON.stringify(record)) continue
      txn.put(keys.auditDevice(record.path), record)
    }
  }

  /** Opens what the configuration has and this server has not, and leaves what is gone. */
  follow({ epoch, audit }: CoreConfiguration): void {
    if (epoch < this.#followedEpoch) return
    this.#followedEpoch = epoch
    const before = this.#opened
    const opened = new Map<string, AuditDevice>()
    for (const record of audit.devices) {
      const name = JSON.stringify(record)
      const device = before.get(name) ?? this.#open(record)
      if (device !== undefined) opened.set(name, device)
    }
    this.#opened = opened
    const devices = [...opened.values()]
    const isPlain = devices.every((device) => device.isPlain)
    this.#audience = { devices, headers: audit.headers, isPlain }
    for (const [name, device] of before) if (!opened.has(name)) device.retire()
  }

  async enable(wanted: WantedDevice): Promise<void> {
    const { settings, store, configuration } = this.#context
    if (!settings.mayCreate) {
      throw invalid(
        'cannot enable audit device via API; use declarative, config-based audit device management instead',
      )
    }
    const options = this.#requireOptions(wanted)
    const record = this.#recordOf(wanted, { declared: false })
    // A device that does not work would refuse every request from now on.
    await this.#requireWorks(record, options)
    await store.write(async (txn) => {
      const known = await readAuditDevices(txn)
      if (known.some(({ path }) => path === record.path)) throw invalid('path already in use')
      if (known.length >= devicesMax) throw invalid(`there are ${devicesMax} audit devices already`)
      txn.put(keys.auditDevice(record.path), record)
    })
    await configuration()
  }

  async disable(path: string): Promise<void> {
    const { store, configuration } = this.#context
    await store.write(async (txn) => {
      const key = keys.auditDevice(`${path}/`)
      const record = await txn.get(key)
      if (record === undefined) return
      if (record.declared) {
        throw invalid('this audit device stands in the configuration file and goes with it')
      }
      txn.delete(key.text)
    })
    await configuration()
  }

  /** Throws for a path where no device is. */
  hash(path: string, text: string): string {
    const device = this.#audience.devices.find((one) => one.path === `${path}/`)
    if (device === undefined) throw invalid('unknown audit backend')
    return device.hashOf(text)
  }

  async setHeader(name: string, setting: { readonly hmac: boolean } | undefined): Promise<void> {
    const { store, configuration } = this.#context
    await store.write(async (txn) => {
      const { [name]: _, ...others } = (await txn.get(keys.auditHeaders())) ?? {}
      const headers: AuditHeadersRecord =
        setting === undefined ? others : { ...others, [name]: setting }
      if (Object.keys(headers).length > headersMax) {
        throw invalid(`records show at most ${headersMax} headers`)
      }
      txn.put(keys.auditHeaders(), headers)
    })
    await configuration()
  }

  /** After files were moved away; a device that cannot be opened again keeps what it has. */
  async reopen(): Promise<void> {
    for (const device of this.#audience.devices) {
      try {
        await device.reopen()
      } catch (problem) {
        this.#context.logger.log('error', 'an audit device cannot be opened again', {
          device: device.path,
          problem: problem instanceof Error ? problem.message : 'unknown',
        })
      }
    }
  }

  /** Requests that are being carried out still bring their records. */
  close(): void {
    for (const device of this.#opened.values()) device.retire()
    this.#opened = new Map()
    this.#audience = nobody
    this.#followedEpoch = 0
  }

  #recordOf(
    { path, ...wanted }: WantedDevice,
    { declared, salt }: { readonly declared: boolean; readonly salt?: string | undefined },
  ): AuditDeviceRecord {
    return {
      path: `${path}/`,
      type: wanted.type,
      description: wanted.description,
      local: wanted.local,
      options: wanted.options,
      salt: salt ?? this.#context.random.bytes(32).toString('base64'),
      declared,
    }
  }

  #open(record: AuditDeviceRecord): AuditDevice | undefined {
    const options = parseDeviceOptions(record.type, record.options)
    if (options.ok) return this.#device(record, options.value)
    // Only a version that knew other options can have stored it.
    this.#context.logger.log('error', 'an audit device cannot be opened', {
      device: record.path,
      problem: options.error,
    })
    return undefined
  }

  #device(record: AuditDeviceRecord, options: DeviceOptions): AuditDevice {
    const { clock, logger } = this.#context
    const { path } = record
    const missed = (count: number) => this.#context.missed(path, count)
    const sink = openDeviceSink(options, this.#context)
    const salt = Buffer.from(record.salt, 'base64')
    return new AuditDevice({ path, options, salt, sink, clock, logger, missed })
  }

  #requireOptions({ type, options }: WantedDevice): DeviceOptions {
    const parsed = parseDeviceOptions(type, options)
    if (!parsed.ok) throw invalid(parsed.error)
    const { mayPrefix, closedFolders } = this.#context.settings
    const { prefix, target } = parsed.value
    if (prefix !== '' && !mayPrefix) {
      throw invalid('prefix: needs allow_audit_log_prefixing in the configuration file')
    }
    if (target.kind === 'file' && liesBelow(target.path, closedFolders)) {
      throw invalid('file_path: lies in a folder of the server itself')
    }
    return parsed.value
  }

  async #requireWorks(record: AuditDeviceRecord, options: DeviceOptions): Promise<void> {
    const device = this.#device(record, options)
    const { clock, random } = this.#context
    const entry = auditTestEntry(random.uuid(), clock.nowMs())
    const line = await device.line(entry, { request: undefined, response: undefined }, {})
    const isTaken = await device.offer([line])
    device.retire()
    if (!isTaken) throw invalid(`the audit device does not take records: ${device.problem}`)
  }
}
