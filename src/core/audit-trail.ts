/**
 * The two records of one request (platform.md §8.2, §8.4): before it is carried out, and with its
 * end. Those who want them are the devices at the moment of the first one. Without a device it
 * costs nothing.
 */

import type {
  AuditedAuth,
  AuditedMount,
  AuditedNamespace,
  AuditedRequest,
  AuditedResponse,
  AuditedToken,
  AuditEntry,
} from '../audit/entry.ts'
import type { AnsweredLogin, Answer, ApiRequest, UnreadRequest } from '../framework/api.ts'
import { Refusal, type RefusalDetail } from '../framework/refusal.ts'
import type { Caller } from '../framework/request.ts'
import { isJsonObject, parseJson, type JsonObject } from '../lib/json.ts'
import type { Clock } from '../platform/clock.ts'
import { storedJsonLimits } from '../storage/store.ts'
import type { AuditAudience, AuditBroker } from './audit-broker.ts'
import type { CallerFacts, TokenHome } from './caller-facts.ts'
import { fullPath } from './mount-table.ts'
import type { MountRecord, TokenRecord } from './records.ts'

export interface TrailContext {
  readonly broker: AuditBroker
  readonly clock: Clock
  /** Those who want records now. */
  readonly audience: () => AuditAudience
  readonly mountOf: (path: string) => MountRecord | undefined
  /** Of the requests; the root where it is absent. */
  readonly namespace?: AuditedNamespace
}

/** Without `data` nothing is known of its fields. */
type TracedRequest = UnreadRequest & Partial<Pick<ApiRequest, 'isUnread' | 'data'>>

const noNames: readonly string[] = []

export class AuditTrail {
  readonly #context: TrailContext
  readonly #request: TracedRequest
  readonly #requestId: string
  #mount: MountRecord | undefined
  #caller: (CallerFacts & { readonly caller: Caller }) | undefined
  #operation: string
  #isAllowed = false
  #grantedBy = noNames
  #isExempt = false
  #audience: AuditAudience | undefined
  #audited: AuditedRequest | undefined

  constructor(context: TrailContext, request: TracedRequest, requestId: string) {
    this.#context = context
    this.#request = request
    this.#requestId = requestId
    this.#operation = request.verb === 'write' ? 'update' : request.verb
  }

  /** State and seal of the server are asked for by machines all day and leave no records. */
  exempt(): void {
    this.#isExempt = true
  }

  /** Who asks, and where. */
  admitted(
    mount: MountRecord | undefined,
    caller: (CallerFacts & { readonly caller: Caller }) | undefined,
  ): void {
    this.#mount = mount
    this.#caller = caller
  }

  /**
   * The first record: may be carried out. Throws when no device has taken it; undefined where there
   * is nobody to tell.
   */
  asked(operation: string, grantedBy: readonly string[]): Promise<void> | undefined {
    this.#operation = operation
    this.#isAllowed = true
    this.#grantedBy = grantedBy
    const audience = this.#begin()
    return audience === undefined ? undefined : this.#require([this.#entry('request')], audience)
  }

  /** The second one; throws when no device has taken it. */
  answered(answer: Answer): Promise<void> | undefined {
    const audience = this.#begin()
    if (audience === undefined) return undefined
    const { login } = answer
    const entry = { ...this.#entry('response'), response: responseOf(answer) }
    if (login === undefined) return this.#require([entry], audience)
    const auth = {
      ...entry.auth,
      token: { ...tokenOfLogin(login), namespace: this.#context.namespace },
    }
    return this.#require([{ ...entry, auth }], audience)
  }

  /** What is told of a refusal: the second record, and the first one where there was none yet. */
  refused({ errors, code }: Refusal): Promise<void> | undefined {
    const isFirst = this.#audience === undefined
    const audience = this.#begin()
    if (audience === undefined) return undefined
    const error = errors[0] ?? code
    const response = { ...this.#entry('response'), error }
    const entries = isFirst ? [{ ...this.#entry('request'), error }, response] : [response]
    return this.#require(entries, audience)
  }

  /** To be called at the end of every request. */
  end(): void {
    if (this.#audience === undefined) return
    for (const device of this.#audience.devices) device.release()
  }

  #begin(): AuditAudience | undefined {
    if (this.#isExempt) return undefined
    if (this.#audience !== undefined) return this.#audience
    const audience = this.#context.audience()
    if (audience.devices.length === 0) return undefined
    for (const device of audience.devices) device.hold()
    this.#audience = audience
    return audience
  }

  #require(entries: readonly AuditEntry[], audience: AuditAudience): Promise<void> {
    return this.#context.broker.record(entries, audience).then(requireTaken)
  }

  #entry(type: AuditEntry['type']): AuditEntry {
    const auth: AuditedAuth = {
      isAllowed: this.#isAllowed,
      grantedBy: this.#grantedBy,
      ...(this.#caller === undefined ? {} : { token: this.#callerToken(this.#caller) }),
    }
    this.#audited ??= this.#auditedRequest()
    return { type, timeMs: this.#context.clock.nowMs(), auth, request: this.#audited }
  }

  #auditedRequest(): AuditedRequest {
    const request = this.#request
    const mount = this.#mount ?? this.#context.mountOf(request.path)
    return {
      id: this.#requestId,
      operation: this.#operation,
      path: request.path,
      namespace: this.#context.namespace,
      mount: mount === undefined ? undefined : auditedMount(mount),
      token: request.token,
      tokenAccessor: this.#caller?.token.accessor ?? '',
      data: request.isUnread === true ? undefined : request.data,
      remoteAddress: request.clientAddress,
      remotePort: request.clientPort,
      wrapTtlSeconds: request.wrapTtlSeconds,
      header: request.header,
    }
  }

  #callerToken(facts: CallerFacts & { readonly caller: Caller }): AuditedToken {
    const { home } = facts
    const namespace = home === undefined ? this.#context.namespace : placeOf(home)
    return auditedToken(facts, this.#request.token ?? '', namespace)
  }
}

const tokenFacts = new WeakMap<TokenRecord, AuditedToken>()

/** The same object for the same facts, so that its text is written once. */
function auditedToken(
  { token, caller, rights }: CallerFacts & { readonly caller: Caller },
  text: string,
  namespace: AuditedNamespace | undefined,
): AuditedToken {
  const { identity: identityPolicies } = rights
  const { record, accessor, type } = token
  const known = tokenFacts.get(record)
  const isSame =
    known?.text === text &&
    known.identityPolicies === identityPolicies &&
    sameNames(known.policies, caller.policies)
  if (isSame) return known
  const facts: AuditedToken = {
    text,
    accessor,
    displayName: caller.displayName,
    policies: caller.policies,
    tokenPolicies: record.policies,
    identityPolicies,
    metadata: record.meta,
    usesLeft: Math.max(record.uses, 0),
    entityId: record.entity,
    type,
    ttlSeconds: record.ttl,
    issuedAtMs: record.created * 1000,
    namespace,
  }
  tokenFacts.set(record, facts)
  return facts
}

/** Undefined for the root, which records name by its id alone. */
function placeOf({ id, path }: TokenHome): AuditedNamespace | undefined {
  return path === '' ? undefined : { id, path }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, at) => name === b[at]))
}

function requireTaken(isTaken: boolean): void {
  if (!isTaken) throw new Unrecorded()
}

/** No device has taken a record: the caller hears no more than that it did not work. */
export class Unrecorded extends Refusal {
  constructor(detail: RefusalDetail = {}) {
    super('internal', detail)
  }
}

const mountFacts = new WeakMap<MountRecord, AuditedMount>()

function auditedMount(mount: MountRecord): AuditedMount {
  const known = mountFacts.get(mount)
  if (known !== undefined) return known
  const { config } = mount
  const facts: AuditedMount = {
    point: fullPath(mount),
    type: mount.type,
    accessor: mount.accessor,
    class: mount.class,
    plainRequestKeys: config.auditNonHmacRequestKeys ?? noNames,
    plainResponseKeys: config.auditNonHmacResponseKeys ?? noNames,
  }
  mountFacts.set(mount, facts)
  return facts
}

function tokenOfLogin({ auth, displayName, createdSeconds, isEntityNew }: AnsweredLogin) {
  return {
    text: auth.client_token,
    accessor: auth.accessor,
    displayName,
    policies: auth.policies,
    tokenPolicies: auth.token_policies,
    identityPolicies: auth.identity_policies,
    metadata: auth.metadata,
    usesLeft: auth.num_uses,
    entityId: auth.entity_id,
    isEntityNew,
    type: auth.token_type,
    ttlSeconds: auth.lease_duration,
    issuedAtMs: createdSeconds * 1000,
  }
}

function responseOf({ body, headers, isUnwrapped }: Answer): AuditedResponse {
  switch (body.kind) {
    case 'empty':
      return {}
    case 'envelope':
      return {
        ...(body.auth === null ? {} : { auth: body.auth }),
        ...(body.data === null ? {} : { data: body.data }),
        ...(body.wrapInfo === null ? {} : { wrapInfo: body.wrapInfo }),
        warnings: body.warnings,
      }
    case 'stream':
      return { data: { http_content_type: body.contentType } }
    case 'bare': {
      const text = typeof body.body === 'string' ? body.body : Buffer.from(body.body).toString()
      if (isUnwrapped === true) return { data: insideOf(text) }
      const { Location: redirect } = headers
      return {
        data: {
          http_content_type: body.contentType,
          http_raw_body: text,
          http_status_code: body.status,
        },
        ...(redirect === undefined ? {} : { redirect: withoutQuery(redirect) }),
      }
    }
  }
}

/** All of it as data, so that every text in it is hashed as that of a secret is. */
function insideOf(text: string): JsonObject {
  const parsed = parseJson(text, storedJsonLimits)
  if (!parsed.ok || !isJsonObject(parsed.value)) return { value: text }
  const { auth = null, data = null } = parsed.value
  return auth === null && isJsonObject(data) ? data : parsed.value
}

/** Addresses at providers carry states and codes there. */
function withoutQuery(address: string): string {
  const at = address.search(/[?#]/)
  return at < 0 ? address : address.slice(0, at)
}
