/**
 * The way of every request, in order (platform contract §1.1): namespace, seal, mount and path, token, uses, policy,
 * fields, backend, token registration, answer. A step that must always run stands here and never in a handler.
 */

import type { Answer, ApiOutcome, ApiRequest, AuthFields } from '../framework/api.ts'
import type { BackendRequest, Caller, Operation, Reply } from '../framework/backend.ts'
import { parseInput } from '../framework/input.ts'
import {
  canonicalPath,
  declaredOperation,
  type Access,
  type PathDeclaration,
} from '../framework/path.ts'
import { invalid, Refusal } from '../framework/refusal.ts'
import type { PathMatch } from '../framework/router.ts'
import { cidrContains, parseCidr } from '../lib/cidr.ts'
import type { JsonObject } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { FieldTable, Input } from '../schema/field.ts'
import { epochKey } from '../storage/sealed-view.ts'
import { StoreSealed, StoreUnavailable, type StoreView } from '../storage/store.ts'
import type { CoreConfiguration } from './configuration.ts'
import type { Core } from './core.ts'
import { keys } from './keys.ts'
import { fullPath } from './mount-table.ts'
import { effectivePolicies } from './policy-names.ts'
import type { Acl } from './policy/acl.ts'
import type { EntityRecord, MountRecord } from './records.ts'
import type { Mounted } from './mounted-backends.ts'
import type { LiveToken } from './tokens.ts'

const noWarnings: readonly string[] = []
const noNames: readonly string[] = []
const epochKeys = [epochKey]
const noHeaders: Readonly<Record<string, string>> = Object.freeze({})

/** Where a request goes. */
interface Route {
  readonly mount: MountRecord
  readonly mounted: Mounted
  readonly match: PathMatch | undefined
  /** Path inside the mount. */
  readonly path: string
}

/** Who makes it and what they may. */
interface Admission {
  readonly caller: Caller
  readonly token: LiveToken
  readonly acl: Acl
}

export class Pipeline {
  readonly #core: Core

  constructor(core: Core) {
    this.#core = core
  }

  /** Carries out a request; every failure becomes a refusal. */
  async handle(request: ApiRequest): Promise<ApiOutcome> {
    const requestId = this.#core.random.uuid()
    const startedMs = this.#core.clock.monotonicMs()
    let outcome: ApiOutcome
    try {
      outcome = { kind: 'answer', answer: await this.#serve(request, requestId) }
    } catch (problem) {
      const refusal = this.#asRefusal(problem, request, requestId)
      outcome = { kind: 'refusal', requestId, refusal }
    }
    this.#core.loginLog.ended(outcome, request, startedMs)
    return outcome
  }

  async #serve(request: ApiRequest, requestId: string): Promise<Answer> {
    if (request.namespace !== '' && request.namespace !== 'root') {
      throw new Refusal('namespace_unknown')
    }
    if (this.#core.seal.sealed) return this.#serveSealed(request, requestId)
    const found = await this.#core.store.view((view) => this.#admit(request, view))
    const { route, admission, access } = found
    let spent: LiveToken | undefined
    if (admission !== undefined && admission.token.record.uses !== 0) {
      spent = await this.#spendUse(admission)
    }
    try {
      return await this.#dispatch(request, requestId, route, access, admission)
    } finally {
      // A last use that sealed the server has nothing left to end: spent tokens are dead as they are stored.
      if (spent !== undefined && spent.record.uses < 0 && this.#core.isOpen) {
        await this.#core.tokenOperations.revokeId(spent.id, false).catch(unlessUnavailable)
      }
    }
  }

  // ------------------------------------------------------------ admission

  /** Mount, path and, unless the path is open, the token; all from one snapshot. */
  async #admit(
    request: ApiRequest,
    view: StoreView,
  ): Promise<{
    readonly route: Route | undefined
    readonly access: Access
    readonly admission: Admission | undefined
  }> {
    const [found] = view.getNow(epochKeys) ?? (await view.getMany(epochKeys))
    const epoch = typeof found === 'number' ? found : 0
    const configuration =
      this.#core.peekConfiguration(epoch) ?? (await this.#core.configurationAt(epoch))
    const route = this.#route(request.path, configuration)
    const access = accessOf(route?.match?.declaration, request)
    if (access === 'open') return { route, access, admission: undefined }
    const text = request.token
    const token =
      text === undefined ? undefined : await this.#core.tokens.resolve(text, view, configuration)
    if (token === undefined || !mayComeFrom(token, request.clientAddress)) {
      throw new Refusal('token_refused')
    }
    const admission = await this.#admitToken(token, epoch, view)
    if (admission === undefined) throw new Refusal('token_refused')
    return { route, access, admission }
  }

  /**
   * The rights of a live token; undefined when its entity is gone or disabled. The epoch is the view's own: compiled
   * rules are kept under it, and the configuration may already be that of a later one.
   */
  async #admitToken(
    token: LiveToken,
    epoch: number,
    view: StoreView,
  ): Promise<Admission | undefined> {
    const { record } = token
    let policies = record.policies
    let identityPolicies = noNames
    if (record.entity !== '') {
      const wanted = [keys.entity(record.entity)]
      const [found] = view.getNow(wanted) ?? (await view.getMany(wanted))
      const entity = found as EntityRecord | undefined
      if (entity === undefined || entity.disabled) return undefined
      identityPolicies = entity.policies
      policies = effectivePolicies(policies, identityPolicies)
    }
    const { access } = this.#core
    const acl = access.peek(policies, epoch) ?? (await access.acl(policies, epoch, view))
    const caller: Caller = {
      accessor: token.accessor,
      type: token.type,
      policies,
      isRoot: record.policies.length === 1 && record.policies[0] === 'root',
      entityId: record.entity,
      displayName: record.name,
      tokenId: token.id,
    }
    this.#core.callers.set(caller, { token, acl, identityPolicies })
    return { caller, token, acl }
  }

  /** For open paths that answer more to those who show a live token; never refuses. */
  async optionalCaller(request: ApiRequest): Promise<Caller | undefined> {
    const text = request.token
    if (text === undefined || this.#core.seal.sealed) return undefined
    return this.#core.store.view(async (view) => {
      const epoch = await view.epoch()
      const configuration = await this.#core.configurationAt(epoch)
      const token = await this.#core.tokens.resolve(text, view, configuration)
      if (token === undefined || !mayComeFrom(token, request.clientAddress)) return undefined
      return (await this.#admitToken(token, epoch, view))?.caller
    })
  }

  #route(path: string, configuration: CoreConfiguration): Route | undefined {
    const mount = configuration.mounts.find(path)
    if (mount === undefined) return undefined
    const inner = path.slice(fullPath(mount).length)
    const mounted = this.#core.backends.of(mount)
    return { mount, mounted, match: mounted.router.match(inner), path: inner }
  }

  /** The token as it is after this use; from here on the request sees that one. */
  async #spendUse({ caller, token }: Admission): Promise<LiveToken> {
    const record = await this.#core.tokens.spendUse(token.id)
    if (record === undefined) throw new Refusal('token_refused')
    const spent = { ...token, record }
    this.#core.callers.set(caller, { ...this.#core.factsOf(caller), token: spent })
    return spent
  }

  // ------------------------------------------------------------ dispatch

  async #dispatch(
    request: ApiRequest,
    requestId: string,
    route: Route | undefined,
    access: Access,
    admission: Admission | undefined,
  ): Promise<Answer> {
    const declaration = route?.match?.declaration
    if (request.verb === 'help') return this.#help(requestId, route)
    const fields = attempt(() =>
      declaration === undefined
        ? undefined
        : parseInput(declaration, request.data, route?.match?.captures ?? {}),
    )
    const parsed = fields.ok ? fields.value : undefined
    const backendRequest = (
      operation: Operation,
      sudo: boolean,
    ): BackendRequest<Input<FieldTable>> => ({
      requestId,
      operation,
      path: route?.path ?? '',
      fullPath: request.path,
      // What the path names is known even when the fields do not convert: it tells create from update.
      input: (parsed?.input ?? route?.match?.captures ?? {}) as Input<FieldTable>,
      data: parsed?.data ?? request.data,
      caller: admission?.caller,
      sudo,
      clientAddress: request.clientAddress,
      nowMs: this.#core.clock.nowMs(),
      header: request.header,
      wrapTtlSeconds: request.wrapTtlSeconds,
    })
    const known = operationOf(request, declaration, () => backendRequest('read', false))
    const operation = typeof known === 'string' ? known : await known
    let sudo = false
    if (admission !== undefined) {
      const asked = {
        path: request.path,
        operation,
        data: request.data,
        wrapTtlSeconds: request.wrapTtlSeconds,
        sudoRequired: access === 'sudo',
      }
      const decision = admission.acl.decide(asked)
      if (!decision.allowed) throw new Refusal('policy_denied')
      sudo = decision.sudo
      const canonical = canonicalOf(route, operation)
      if (canonical !== undefined) {
        const same = admission.acl.decide({ ...asked, path: canonical })
        if (!same.allowed) throw new Refusal('policy_denied')
        sudo &&= same.sudo
      }
    }
    if (route === undefined) {
      throw new Refusal('route_unknown', {
        text: `no handler for route "${request.path.slice(0, 512)}". route entry not found.`,
      })
    }
    if (declaration === undefined) throw new Refusal('path_unsupported')
    const declared = declaredOperation(
      operation === 'header' && declaration.bare === true ? 'read' : operation,
    )
    const handler = declared === undefined ? undefined : declaration.operations[declared]
    if (handler === undefined) {
      throw new Refusal(declaration.bare === true ? 'verb_unsupported' : 'operation_unsupported')
    }
    if (request.wrapTtlSeconds > 0) {
      // Answering in clear what was asked to be wrapped would hand the secret to the wrong party.
      throw invalid('response wrapping is not available in this version')
    }
    // Who may not come here does not learn what was wrong with the fields either.
    if (!fields.ok) throw fields.error
    const call = backendRequest(operation, sudo)
    this.#core.requests.set(call, request)
    const reply = await handler.handler(call)
    const warnings = parsed?.warnings ?? noWarnings
    return reply.kind === 'login'
      ? this.#completeLogin(requestId, request, route.mount, reply, warnings)
      : toAnswer(requestId, reply, operation, declaration, warnings)
  }

  async #serveSealed(request: ApiRequest, requestId: string): Promise<Answer> {
    const declaration = this.#core.sealedRouter.match(request.path)
    if (declaration === undefined || declaration.declaration.servedSealed !== true) {
      throw new Refusal('sealed')
    }
    const verb = request.verb === 'header' ? 'read' : request.verb
    const declared =
      verb === 'help' ? undefined : declaredOperation(verb === 'write' ? 'update' : verb)
    const handler =
      declared === undefined ? undefined : declaration.declaration.operations[declared]
    if (handler === undefined) throw new Refusal('verb_unsupported')
    const parsed = parseInput(declaration.declaration, request.data, declaration.captures)
    const call: BackendRequest<Input<FieldTable>> = {
      requestId,
      operation: verb === 'read' ? 'read' : 'update',
      path: request.path.slice('sys/'.length),
      fullPath: request.path,
      input: parsed.input as Input<FieldTable>,
      data: parsed.data,
      caller: undefined,
      sudo: false,
      clientAddress: request.clientAddress,
      nowMs: this.#core.clock.nowMs(),
      header: request.header,
      wrapTtlSeconds: 0,
    }
    const reply = await handler.handler(call)
    return toAnswer(requestId, reply, 'update', declaration.declaration, noWarnings)
  }

  // ------------------------------------------------------------ answers

  async #completeLogin(
    requestId: string,
    request: ApiRequest,
    mount: MountRecord,
    reply: Extract<Reply, { kind: 'login' }>,
    inputWarnings: readonly string[],
  ): Promise<Answer> {
    const done = await this.#core.logins.complete(reply.login, mount, {
      requestId,
      path: request.path,
      clientAddress: request.clientAddress,
      nowMs: this.#core.clock.nowMs(),
    })
    const isBrokenOff = request.isGone
    if (isBrokenOff && done.token.id !== '') {
      // Nobody is there to receive the token, so nobody shall ever use it.
      await this.#core.tokenOperations.revokeId(done.token.id, false)
    }
    const warnings = [...(reply.warnings ?? []), ...done.warnings, ...inputWarnings]
    const answer = envelope(requestId, 200, { auth: done.auth, warnings, duplicateData: false })
    return { ...answer, login: { mount: mount.path, note: reply.login.note ?? {}, isBrokenOff } }
  }

  #help(requestId: string, route: Route | undefined): Answer {
    const text = this.#core.help(route?.mounted, route?.match?.declaration)
    if (text === undefined) throw new Refusal('path_unsupported')
    return bare(requestId, 200, text)
  }

  #asRefusal(problem: unknown, request: ApiRequest, requestId: string): Refusal {
    if (problem instanceof Refusal) return problem
    if (problem instanceof StoreSealed) return new Refusal('sealed')
    const detail = problem instanceof Error ? problem.message : 'unknown'
    this.#core.logger.log('error', 'request failed', {
      request_id: requestId,
      path: request.path.slice(0, 256),
      detail,
      stack: problem instanceof Error ? problem.stack : undefined,
    })
    return new Refusal(problem instanceof StoreUnavailable ? 'unavailable' : 'internal')
  }
}

// -------------------------------------------------------------- rules

/** A store that is sealed or away meanwhile takes back no answer: the sweep does what is left. */
function unlessUnavailable(problem: unknown): void {
  if (!(problem instanceof StoreSealed || problem instanceof StoreUnavailable)) throw problem
}

function attempt<T>(work: () => T): Result<T, unknown> {
  try {
    return ok(work())
  } catch (problem) {
    return err(problem)
  }
}

function accessOf(declaration: PathDeclaration | undefined, request: ApiRequest): Access {
  if (declaration === undefined) return 'token'
  const verb = request.verb
  if (verb === 'help' || verb === 'header') return declaration.access
  const declared = declaration.operations[verb === 'write' ? 'write' : verb]
  return declared?.access ?? declaration.access
}

/** The full path that a policy must allow as well, if it is another one; a list ends in a slash, and rules for it know both spellings. */
function canonicalOf(route: Route | undefined, operation: Operation): string | undefined {
  const declaration = route?.match?.declaration
  if (route === undefined || declaration === undefined) return undefined
  if (operation === 'list' || operation === 'scan') return undefined
  const canonical = canonicalPath(declaration, route.path)
  return canonical === route.path ? undefined : fullPath(route.mount) + canonical
}

/** A write to something that is not there yet is a create; only paths that can tell know it (platform contract §1.5). */
function operationOf(
  request: ApiRequest,
  declaration: PathDeclaration | undefined,
  asRead: () => BackendRequest<Input<FieldTable>>,
): Operation | Promise<Operation> {
  if (request.verb !== 'write') return request.verb
  if (declaration?.exists === undefined) return 'update'
  return declaration.exists(asRead()).then((exists) => (exists ? 'update' : 'create'))
}

function mayComeFrom(token: LiveToken, address: string | undefined): boolean {
  const { cidrs, expires, policies } = token.record
  if (cidrs === undefined || cidrs.length === 0) return true
  if (expires === 0 && policies.includes('root')) return true
  if (address === undefined) return false
  return cidrs.some((text) => {
    const cidr = parseCidr(text)
    return cidr !== undefined && cidrContains(cidr, address)
  })
}

function toAnswer(
  requestId: string,
  reply: Reply,
  operation: Operation,
  declaration: PathDeclaration,
  inputWarnings: readonly string[],
): Answer {
  const duplicateData = declaration.duplicateData === true
  switch (reply.kind) {
    case 'none':
      if (
        operation === 'read' ||
        operation === 'list' ||
        operation === 'header' ||
        operation === 'scan'
      ) {
        throw new Refusal('not_found')
      }
      if (reply.warnings !== undefined && reply.warnings.length > 0) {
        const warnings = [...reply.warnings, ...inputWarnings]
        return envelope(requestId, 200, { warnings, duplicateData })
      }
      return { requestId, body: { kind: 'empty', status: 204 }, headers: noHeaders }
    case 'data': {
      const warnings = joined(reply.warnings, inputWarnings)
      return envelope(requestId, reply.status ?? 200, {
        data: reply.data,
        warnings,
        duplicateData,
        leaseSeconds: reply.leaseSeconds ?? 0,
      })
    }
    case 'list': {
      if (reply.keys.length === 0) throw new Refusal('not_found')
      const data: JsonObject =
        reply.keyInfo === undefined
          ? { keys: reply.keys }
          : { keys: reply.keys, key_info: reply.keyInfo }
      return envelope(requestId, 200, { data, warnings: inputWarnings, duplicateData })
    }
    case 'auth':
      return envelope(requestId, 200, {
        auth: reply.auth,
        warnings: joined(reply.warnings, inputWarnings),
        duplicateData: false,
      })
    case 'raw':
      return {
        requestId,
        body: {
          kind: 'bare',
          status: reply.status,
          contentType: reply.contentType,
          body: reply.body,
        },
        headers: reply.headers ?? noHeaders,
      }
    case 'login':
      throw new Error('a login reply is completed before it becomes an answer')
  }
}

function joined(a: readonly string[] | undefined, b: readonly string[]): readonly string[] {
  if (a === undefined || a.length === 0) return b
  return b.length === 0 ? a : [...a, ...b]
}

function envelope(
  requestId: string,
  status: number,
  parts: {
    readonly data?: Extract<Answer['body'], { kind: 'envelope' }>['data']
    readonly auth?: AuthFields
    readonly warnings: readonly string[]
    readonly duplicateData: boolean
    readonly leaseSeconds?: number
  },
): Answer {
  return {
    requestId,
    body: {
      kind: 'envelope',
      status,
      leaseId: '',
      renewable: false,
      leaseSeconds: parts.leaseSeconds ?? 0,
      data: parts.data ?? null,
      auth: parts.auth ?? null,
      wrapInfo: null,
      warnings: parts.warnings,
      duplicateData: parts.duplicateData,
    },
    headers: noHeaders,
  }
}

function bare(requestId: string, status: number, body: string): Answer {
  return {
    requestId,
    body: { kind: 'bare', status, contentType: 'application/json', body },
    headers: noHeaders,
  }
}
