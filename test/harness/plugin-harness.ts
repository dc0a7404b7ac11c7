/**
 * One backend on a real store in memory, called through the real router and field parser: what the pipeline does around a
 * handler, without tokens and policies.
 */

import type {
  Backend,
  BackendContext,
  BackendType,
  MountFacts,
  MountStore,
} from '../../src/framework/backend.ts'
import type { Reply } from '../../src/framework/reply.ts'
import type { BackendRequest, Caller, Operation } from '../../src/framework/request.ts'
import { closedSwitches, type Verb } from '../../src/framework/api.ts'
import { userLockoutOf } from '../../src/core/user-lockout.ts'
import { parseInput } from '../../src/framework/input.ts'
import { declaredOperation } from '../../src/framework/path.ts'
import { Refusal } from '../../src/framework/refusal.ts'
import { Router } from '../../src/framework/router.ts'
import { encodeJson, parseJson, requestJsonLimits, type JsonObject } from '../../src/lib/json.ts'
import type { Clock } from '../../src/platform/clock.ts'
import { ManualClock } from './manual-clock.ts'
import { SilentLogger } from '../../src/platform/logger.ts'
import { OutboundProblem } from '../../src/platform/outbound.ts'
import { SeededRandom } from './seeded-random.ts'
import type { FieldTable, Input } from '../../src/schema/field.ts'
import { createMemoryStore } from './memory-store.ts'
import {
  prefixRange,
  recordKey,
  type Codec,
  type Key,
  type Store,
  type TextSealer,
} from '../../src/storage/store.ts'

export const startMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

const dataPrefix = 'd/test/mount/'
const configPrefix = 'c/test/mount/'

export interface PluginAnswer {
  readonly status: number
  /** `create` or `update` for a write. */
  readonly operation: Operation
  /** Parsed as the platform does, so that deepEqual is plain. */
  readonly data: unknown
  /** As it would go out, digit by digit. */
  readonly text: string
  readonly warnings: readonly string[]
  readonly errors: readonly string[] | undefined
  readonly leaseSeconds: number
}

export interface PluginOptions {
  readonly options?: Readonly<Record<string, string>>
  readonly clock?: Clock
  /** To share one between two instances, as two processes would. */
  readonly store?: Store & TextSealer
}

export const aliceCaller: Caller = {
  accessor: 'accessor-alice',
  type: 'service',
  policies: ['default'],
  isRoot: false,
  entityId: '',
  displayName: 'alice',
  tokenId: 'tokenalice',
}

export class PluginHarness {
  readonly clock: Clock
  readonly store: Store & TextSealer
  readonly mountStore: MountStore
  readonly backend: Backend
  readonly #router: Router
  readonly #path: string
  readonly #type: BackendType
  #options: Readonly<Record<string, string>>

  constructor(type: BackendType, options: PluginOptions = {}) {
    this.#type = type
    this.clock = options.clock ?? new ManualClock(startMs)
    const random = new SeededRandom('plugin')
    this.store = options.store ?? createMemoryStore(random, startMs)
    this.mountStore = mountStore(this.store)
    this.#options = options.options ?? {}
    this.#path = `${type.types[0] ?? 'mount'}/`
    const context: BackendContext = {
      mount: () => this.#facts(type),
      store: this.mountStore,
      clock: this.clock,
      random,
      logger: new SilentLogger(),
      loginLog: { isEnabled: () => false, record: () => {} },
      outbound: {
        send: () => Promise.reject(new OutboundProblem('connect', 'there is no network here')),
      },
    }
    this.backend = type.create(context)
    this.#router = new Router(this.backend.paths)
  }

  get(path: string, query: JsonObject = {}): Promise<PluginAnswer> {
    return this.send('read', path, query)
  }

  list(path: string, query: JsonObject = {}): Promise<PluginAnswer> {
    return this.send('list', path === '' || path.endsWith('/') ? path : `${path}/`, query)
  }

  put(path: string, body: JsonObject | string = {}): Promise<PluginAnswer> {
    return this.send('write', path, body)
  }

  patch(path: string, body: JsonObject | string = {}): Promise<PluginAnswer> {
    return this.send('patch', path, body)
  }

  delete(path: string): Promise<PluginAnswer> {
    return this.send('delete', path)
  }

  /** Carries out one request; a body given as text is parsed exactly. */
  async send(
    verb: Exclude<Verb, 'header' | 'help'>,
    path: string,
    body: JsonObject | string = {},
    caller: Caller = aliceCaller,
  ): Promise<PluginAnswer> {
    const data = typeof body === 'string' ? parseBody(body) : body
    let operation: Operation = verb === 'write' ? 'update' : verb
    try {
      const match = this.#router.match(path)
      if (match === undefined) throw new Refusal('path_unsupported')
      const { declaration, captures } = match
      const parsed = parseInput(declaration, data, captures)
      const request: BackendRequest<Input<FieldTable>> = {
        requestId: 'request',
        operation,
        path,
        fullPath: this.#path + path,
        input: parsed.input as Input<FieldTable>,
        data: parsed.data,
        caller,
        sudo: false,
        clientAddress: '127.0.0.1',
        nowMs: this.clock.nowMs(),
        header: () => undefined,
        wrapTtlSeconds: 0,
        via: 'socket',
        listener: closedSwitches,
      }
      if (verb === 'write' && declaration.exists !== undefined) {
        const exists = await declaration.exists({ path, captures, caller })
        operation = exists ? 'update' : 'create'
      }
      const declared = declaredOperation(operation)
      const handler = declared === undefined ? undefined : declaration.operations[declared]
      if (handler === undefined) throw new Refusal('operation_unsupported')
      const reply = await handler.handler({ ...request, operation })
      return answerOf(reply, operation, parsed.warnings)
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem
      return { ...emptyAnswer, status: problem.status, operation, errors: problem.errors }
    }
  }

  /** Changes options as the core does; rejects with what the backend refuses. */
  async tune(options: Readonly<Record<string, string>>): Promise<readonly string[]> {
    const merged = { ...this.#options, ...options }
    const warnings = (await this.backend.checkTune?.(merged, this.#options)) ?? []
    this.#type.checkOptions?.(merged)
    this.#options = merged
    return warnings
  }

  /** Paths of everything the mount has stored. */
  async storedPaths(): Promise<readonly string[]> {
    return this.store.view(async (view) => {
      const paths: string[] = []
      for await (const key of view.keys(prefixRange(dataPrefix))) {
        paths.push(key.slice(dataPrefix.length))
      }
      return paths
    })
  }

  #facts(type: BackendType): MountFacts {
    return {
      uuid: 'mount',
      accessor: 'mount_00000000',
      path: this.#path,
      class: type.class,
      type: type.types[0] ?? '',
      options: this.#options,
      defaultLeaseTtlSeconds: 2_764_800,
      maxLeaseTtlSeconds: 2_764_800,
      compat: 'strict',
      explainToCaller: 'own_claims',
      userLockout: userLockoutOf(undefined),
    }
  }
}

const emptyAnswer: PluginAnswer = {
  status: 204,
  operation: 'read',
  data: undefined,
  text: '',
  warnings: [],
  errors: undefined,
  leaseSeconds: 0,
}

function answerOf(
  reply: Reply,
  operation: Operation,
  inputWarnings: readonly string[],
): PluginAnswer {
  const isRead = operation === 'read' || operation === 'list'
  const answer = { ...emptyAnswer, operation, warnings: inputWarnings }
  switch (reply.kind) {
    case 'none':
      if (isRead) return { ...emptyAnswer, operation, status: 404, errors: [] }
      // Warnings of the backend's own need a body.
      return reply.warnings === undefined
        ? answer
        : {
            ...answer,
            status: reply.status ?? 200,
            warnings: [...reply.warnings, ...inputWarnings],
          }
    case 'data': {
      const text = encodeJson(reply.data)
      return {
        ...answer,
        status: reply.status ?? 200,
        text,
        data: JSON.parse(text),
        warnings: [...(reply.warnings ?? []), ...inputWarnings],
        leaseSeconds: reply.leaseSeconds ?? 0,
      }
    }
    case 'list': {
      if (reply.keys.length === 0) return { ...emptyAnswer, operation, status: 404, errors: [] }
      const text = encodeJson({ keys: reply.keys })
      return { ...answer, status: 200, text, data: JSON.parse(text) }
    }
    case 'login':
    case 'auth':
    case 'page':
    case 'raw':
    case 'stream':
    case 'wrapped':
      throw new Error(`the harness does not know a reply of kind ${reply.kind}`)
  }
}

function parseBody(text: string): JsonObject {
  const parsed = parseJson(text, requestJsonLimits)
  if (!parsed.ok) throw new Error(parsed.error.detail)
  return parsed.value as JsonObject
}

function mountStore(store: Store & TextSealer): MountStore {
  const keyAt = <T>(text: string, codec: Codec<T> | undefined): Key<T> =>
    codec === undefined ? recordKey<T>(text) : { text, codec }
  return {
    key: (path, codec) => keyAt(dataPrefix + path, codec),
    configKey: (path, codec) => keyAt(configPrefix + path, codec),
    keyRange: (prefix, options) => prefixRange(dataPrefix + prefix, options),
    configRange: (prefix, options) => prefixRange(configPrefix + prefix, options),
    pathOf: (key) =>
      key.slice(key.startsWith(dataPrefix) ? dataPrefix.length : configPrefix.length),
    view: (work) => store.view(work),
    look: (work) => store.look(work),
    write: (work) => store.write(work),
    sealText: (purpose, text) => store.sealText(purpose, text).toString('base64url'),
    openText: (purpose, sealed) => store.openText(purpose, Buffer.from(sealed, 'base64url')),
    hashText: (purpose, text) => store.hashText(purpose, text),
  }
}
