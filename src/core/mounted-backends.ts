/** One backend instance for each mount of this process, made when the mount is first used. */

import type {
  Backend,
  BackendContext,
  BackendType,
  MountFacts,
  MountStore,
} from '../framework/backend.ts'
import { Router } from '../framework/router.ts'
import { decodeBase64Url, encodeBase64Url } from '../lib/base64url.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Outbound } from '../platform/outbound.ts'
import type { Random } from '../platform/random.ts'
import {
  prefixRange,
  recordKey,
  type Codec,
  type Key,
  type Store,
  type TextSealer,
} from '../storage/store.ts'
import type { CoreSettings } from './settings.ts'
import { cubbyholeStore } from './cubbyhole-store.ts'
import type { IdentityIndex } from './identity/identity-index.ts'
import { keys } from './keys.ts'
import type { LoginLog } from './login-log.ts'
import type { MountTable } from './mount-table.ts'
import { userLockoutOf } from './user-lockout.ts'
import type { MountRecord } from './records.ts'

export interface Mounted {
  readonly backend: Backend
  readonly router: Router
}

interface Instance extends Mounted {
  record: MountRecord
}

export interface MountedBackendsContext {
  readonly store: Store & TextSealer
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly outbound: Outbound
  readonly settings: CoreSettings
  readonly loginLog: LoginLog
  readonly processes?: number | undefined
  readonly types: readonly BackendType[]
  /** Undefined while the store is sealed. */
  readonly identityIndex: () => IdentityIndex | undefined
}

export class MountedBackends {
  readonly #context: MountedBackendsContext
  readonly #instances = new Map<string, Instance>()
  #table: MountTable | undefined

  constructor(context: MountedBackendsContext) {
    this.#context = context
  }

  typeOf(name: string, kind: 'auth' | 'secret'): BackendType | undefined {
    return this.#context.types.find((type) => type.class === kind && type.types.includes(name))
  }

  typeNames(kind: 'auth' | 'secret'): readonly string[] {
    return this.#context.types.filter((type) => type.class === kind).flatMap((type) => type.types)
  }

  /** The instance of a mount; a tuned mount keeps its instance. */
  of(record: MountRecord): Mounted {
    const known = this.#instances.get(record.uuid)
    if (known !== undefined) {
      if (known.record !== record) known.record = record
      return known
    }
    const type = this.typeOf(record.type, record.class)
    if (type === undefined) throw new Error(`no backend of type ${record.type}`)
    const made = this.#make(type, record)
    this.#instances.set(record.uuid, made)
    return made
  }

  /** The mount that a path leads to now, with its slash; for the log. */
  mountPathOf(path: string): string | undefined {
    return this.#table?.find(path)?.path
  }

  /** Closes instances whose mount is gone. */
  async keepOnly(table: MountTable): Promise<void> {
    if (table === this.#table) return
    this.#table = table
    for (const [uuid, instance] of this.#instances) {
      if (table.byUuid(uuid) !== undefined) continue
      this.#instances.delete(uuid)
      await instance.backend.close?.()
    }
  }

  async close(): Promise<void> {
    for (const instance of this.#instances.values()) await instance.backend.close?.()
    this.#instances.clear()
    this.#table = undefined
  }

  #make(type: BackendType, record: MountRecord): Instance {
    const { store, clock, random, logger, outbound, settings, loginLog, processes } = this.#context
    // The facts are asked for at each use, so that a tune is seen without a new instance.
    const holder: { instance: Instance | undefined } = { instance: undefined }
    const plain = mountStore(record.uuid, store)
    const mount = (): MountFacts => mountFacts(holder.instance?.record ?? record, settings)
    const context: BackendContext = {
      mount,
      store: record.type === 'cubbyhole' ? cubbyholeStore(plain) : plain,
      clock,
      random,
      logger,
      outbound,
      loginLog: loginLog.ofMount(() => mount().path),
      keptLogins: (limit) => loginLog.keptOf(mount().path, limit),
      unknownPolicies: (names) => unknownPolicies(store, names),
      unmappedGroups: (names) => this.#unmappedGroups(holder.instance?.record ?? record, names),
      processes,
    }
    const backend = type.create(context)
    const instance: Instance = { backend, router: new Router(backend.paths), record }
    holder.instance = instance
    return instance
  }

  async #unmappedGroups(mount: MountRecord, names: readonly string[]): Promise<readonly string[]> {
    const { store, identityIndex } = this.#context
    const index = identityIndex()
    if (index === undefined) return []
    const rows = names.map((name) => keys.groupAlias(mount.accessor, index.aliasHash(mount, name)))
    const found = await store.view((view) => view.getMany(rows))
    return names.filter((_, i) => found[i] === undefined)
  }
}

async function unknownPolicies(store: Store, names: readonly string[]): Promise<readonly string[]> {
  const asked = [...new Set(names.map((name) => name.trim().toLowerCase()))]
  const written = await store.view((view) => view.getMany(asked.map((name) => keys.policy(name))))
  return asked.filter((name, i) => name !== '' && name !== 'root' && written[i] === undefined)
}

function mountFacts(record: MountRecord, settings: CoreSettings): MountFacts {
  return {
    uuid: record.uuid,
    accessor: record.accessor,
    path: record.path,
    class: record.class,
    type: record.type,
    options: record.options ?? {},
    defaultLeaseTtlSeconds: record.config.defaultLeaseTtl || settings.defaultLeaseTtl,
    maxLeaseTtlSeconds: record.config.maxLeaseTtl || settings.maxLeaseTtl,
    compat: record.config.compat ?? 'strict',
    explainToCaller: record.config.explainToCaller ?? settings.explainToCaller,
    userLockout: userLockoutOf(record.config.userLockout),
  }
}

function mountStore(uuid: string, store: Store & TextSealer): MountStore {
  const data = keys.mountDataPrefix(uuid)
  const config = keys.mountConfigPrefix(uuid)
  const purposeOf = (purpose: string) => `mount ${uuid} ${purpose}`
  return {
    key<T>(path: string, codec?: Codec<T>): Key<T> {
      return codec === undefined ? recordKey<T>(data + path) : { text: data + path, codec }
    },
    configKey<T>(path: string, codec?: Codec<T>): Key<T> {
      return codec === undefined ? recordKey<T>(config + path) : { text: config + path, codec }
    },
    keyRange: (prefix, options) => prefixRange(data + prefix, options),
    configRange: (prefix, options) => prefixRange(config + prefix, options),
    pathOf: (keyText) => keyText.slice(keyText.startsWith(data) ? data.length : config.length),
    view: (work) => store.view(work),
    look: (work) => store.look(work),
    write: (work) => store.write(work),
    sealText: (purpose, text) => encodeBase64Url(store.sealText(purposeOf(purpose), text)),
    openText: (purpose, sealed) => {
      const bytes = decodeBase64Url(sealed)
      return bytes === undefined ? undefined : store.openText(purposeOf(purpose), bytes)
    },
    hashText: (purpose, text) => store.hashText(purposeOf(purpose), text),
  }
}
