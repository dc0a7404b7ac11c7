/**
 * The way of every request, in order (platform.md §1.1): namespace, seal, mount and path, token,
 * uses, policy, first audit record, fields, backend, token registration, wrapping, answer, second
 * audit record. A step that must always run stands here and never in a handler.
 */

import type {
  AnsweredLogin,
  Answer,
  ApiOutcome,
  ApiRequest,
  Asking,
  AuthFields,
  EnvelopeBody,
  ListenerSwitches,
  PathTraits,
  UnreadRequest,
  Verb,
  WrapInfo,
} from '../framework/api.ts'
import type { Reply } from '../framework/reply.ts'
import type { AskedBesides, BackendRequest, Caller, Operation } from '../framework/request.ts'
import type { RequestFacts } from '../framework/core-path.ts'
import { requireDryRunKnown } from '../framework/dry-run.ts'
import { envelopeText } from '../framework/envelope.ts'
import { bringsLogin, inlineLoginRefused, type InlineLogin } from '../framework/inline-login.ts'
import { parseInput, type ParsedInput } from '../framework/input.ts'
import {
  declaredOperation,
  type Access,
  type Handler,
  type PathDeclaration,
} from '../framework/path.ts'
import type { LoginNote } from '../framework/login-log.ts'
import { invalid, Refusal } from '../framework/refusal.ts'
import { Router, type PathMatch } from '../framework/router.ts'
import { cidrContains, parseCidr } from '../lib/cidr.ts'
import { describeFault } from '../lib/fault.ts'
import { encodeJson, type JsonObject } from '../lib/json.ts'
import { after, conclude, type Soon } from '../lib/soon.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Random } from '../platform/random.ts'
import type { FieldTable, Input } from '../schema/field.ts'
import { StoreSealed, StoreUnavailable, type Store, type StoreView } from '../storage/store.ts'
import { KeyNotStorable } from '../storage/transaction.ts'
import type { PolicyAccess } from './access.ts'
import { askerOf } from './asker.ts'
import { AuditTrail, Unrecorded, type TrailContext } from './audit-trail.ts'
import type { CallerFacts } from './caller-facts.ts'
import type { CoreConfiguration } from './configuration.ts'
import type { InFlight } from './in-flight.ts'
import type { LoginLog } from './login-log.ts'
import type { LoginResult, Logins } from './login.ts'
import { fullPath } from './mount-table.ts'
import type { PagePort } from './ports/page-port.ts'
import type { System } from './ports/system-ports.ts'
import type { Quotas } from './quotas/quotas.ts'
import type { QuotaRules } from './quotas/rate-limit.ts'
import type { ServerMetrics } from './metrics.ts'
import type { MountRecord } from './records.ts'
import type { Mounted, MountedBackends } from './mounted-backends.ts'
import type { TokenOperations } from './token-operations.ts'
import {
  admitBearer,
  asDeadToken,
  loginOfJwt,
  type Bearing,
  type BroughtLogin,
} from './request-login.ts'
import type { RightsOfTokens } from './token-rights.ts'
import type { LiveToken, Tokens } from './tokens.ts'
import { isWrapping, notLive, type Wrapping } from './wrapping.ts'

const noNames: readonly string[] = []
/** Of a path that is not known, or not yet: as a stranger's. */
const strictTraits: PathTraits = { isOpen: true, repeats: undefined }
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
export interface Admission extends CallerFacts {
  readonly caller: Caller
}

/** A namespace above, for a login that comes with a request of one below. */
export interface LoginHome {
  judge(login: BroughtLogin, request: Bearing, requestId: string): Promise<LiveToken>
  admit(bearer: LiveToken, asking: Asking, shown: Moment): Soon<Admission | undefined>
}

/** Where a login that comes with a request is judged. */
export interface LoginPlace {
  /** What is left of its path there. */
  readonly path: string
  /** Undefined where it is the namespace of the request. */
  readonly home: LoginHome | undefined
}

export interface Moment {
  readonly view: StoreView
  readonly epoch: number
}

/** Whoever has brought a login that was accepted. */
interface Bearer {
  readonly token: LiveToken
  /** Where that was, if not here. */
  readonly home?: LoginHome | undefined
}

/** What is known of a request before anything it brings is looked at. */
interface Admitted {
  readonly route: Route | undefined
  readonly access: Access
  /** Undefined on open paths. */
  readonly admission: Admission | undefined
}

type Enveloped = Answer & { readonly body: EnvelopeBody }

/** What carries a request out. */
interface Service {
  readonly route: Route
  readonly declaration: PathDeclaration
  readonly captures: PathMatch['captures']
  readonly handler: Handler<Input<FieldTable>>
}

/**
 * What the way of a request needs of the core. What belongs to an open seal throws `StoreSealed`
 * while there is none.
 */
export interface PipelineContext {
  readonly store: Store
  readonly seal: { readonly sealed: boolean }
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly loginLog: LoginLog
  readonly metrics: ServerMetrics
  readonly access: PolicyAccess
  readonly backends: MountedBackends
  readonly isOpen: boolean
  readonly tokens: Tokens
  readonly rights: RightsOfTokens
  readonly logins: Logins
  readonly wrapping: Wrapping
  readonly trails: Omit<TrailContext, 'mountOf'>
  readonly quotas: Pick<Quotas, 'take'>
  /** Those in force, as the last request knew them. */
  readonly quotaRules: QuotaRules | undefined
  readonly inFlight: InFlight
  readonly tokenOperations: Pick<TokenOperations, 'revokeId'>
  /** What the last request knew: for questions that may not wait. */
  readonly latestConfiguration: CoreConfiguration | undefined
  configurationAt(epoch: number): Soon<CoreConfiguration>
  /** Of a namespace: where it is, with a slash at the end. */
  readonly path?: string
  /** Of a namespace: refuses what nobody may do in it now. */
  gate?(request: Pick<ApiRequest, 'path' | 'verb'>): void
  /** Where a login goes that comes with a request; throws where none may be. */
  loginPlace(login: InlineLogin): Soon<LoginPlace>
  /** Of a namespace: how a token text of another one is asked for; undefined for one of its own. */
  above?(
    text: string,
  ): ((asking: Asking, view: StoreView, epoch: number) => Soon<Admission | undefined>) | undefined
}

export class Pipeline {
  readonly #core: PipelineContext
  readonly #system: Omit<System, 'serverPaths'>
  readonly #pages: PagePort
  /** Serves what must answer while sealed; its patterns are whole paths below `/v1/`. */
  readonly #sealedRouter: Router
  readonly #trails: TrailContext
  /** Of requests that brought a login: whom it stands for, as long as they last. */
  readonly #bearers = new WeakMap<ApiRequest, Promise<Bearer | undefined>>()

  constructor(core: PipelineContext, system: Omit<System, 'serverPaths'>, pages: PagePort) {
    this.#core = core
    this.#system = system
    this.#pages = pages
    this.#sealedRouter = sealedRouter(system.paths)
    const mountOf = (path: string) => core.latestConfiguration?.mounts.find(path)
    this.#trails = { ...core.trails, mountOf }
  }

  /** Carries out a request; every failure becomes a refusal. */
  handle(request: ApiRequest): Soon<ApiOutcome> {
    const requestId = this.#core.random.uuid()
    const startedMs = this.#core.clock.monotonicMs()
    const trail = new AuditTrail(this.#trails, request, requestId)
    this.#core.inFlight.enter(requestId, request, this.#core.clock.nowMs())
    const end = (outcome: ApiOutcome): ApiOutcome => {
      trail.end()
      this.#core.inFlight.leave(requestId)
      this.#core.metrics.request(outcome)
      this.#core.loginLog.ended(outcome, request, startedMs)
      return outcome
    }
    return conclude(
      () =>
        after(this.#serve(request, requestId, trail), (answer) =>
          this.#recordAnswer(answer, trail),
        ),
      (answer) => end({ kind: 'answer', answer }),
      (problem) => {
        const refusal = this.#asRefusal(problem, request, requestId)
        return after(this.#recordRefusal(refusal, trail), (told) =>
          end({ kind: 'refusal', requestId, refusal: told }),
        )
      },
    )
  }

  /**
   * The records of a request that the socket side refuses before its fields are known. Gives the
   * refusal, or the one that is due when nobody takes the records.
   */
  async recordUnread(request: UnreadRequest, refusal: Refusal): Promise<Refusal> {
    const trail = new AuditTrail(this.#trails, request, this.#core.random.uuid())
    if (this.#isExempt(request.path)) trail.exempt()
    const told = await this.#recordRefusal(refusal, trail)
    trail.end()
    return told
  }

  #isExempt(path: string): boolean {
    return this.#sealedRouter.match(path) !== undefined
  }

  #recordRefusal(refusal: Refusal, trail: AuditTrail): Soon<Refusal> {
    // What could not be recorded is not tried once more.
    if (refusal instanceof Unrecorded) return refusal
    return conclude(
      () => trail.refused(refusal),
      () => refusal,
      (problem) => (problem instanceof Refusal ? problem : new Unrecorded()),
    )
  }

  #recordAnswer(answer: Answer, trail: AuditTrail): Soon<Answer> {
    const recorded = trail.answered(answer)
    return recorded === undefined ? answer : this.#unlessUnrecorded(recorded, answer)
  }

  /** An answer whose record nobody took is not given, and what was made for it ends. */
  async #unlessUnrecorded(recorded: Promise<void>, answer: Answer): Promise<Answer> {
    try {
      await recorded
      return answer
    } catch (problem) {
      for (const text of answer.issued ?? []) await this.#takeBack(text)
      if (!(problem instanceof Unrecorded) || answer.login === undefined) throw problem
      throw new UnrecordedLogin(answer.login.note)
    }
  }

  async #takeBack(text: string): Promise<void> {
    if (!this.#core.isOpen) return
    const { store, tokens, tokenOperations } = this.#core
    try {
      const configuration = await this.#core.configurationAt(
        await store.view((view) => view.epoch()),
      )
      const token = await store.view((view) => tokens.resolve(text, view, configuration))
      // A batch token cannot end by itself; its text is known to nobody.
      if (token !== undefined && token.id !== '') await tokenOperations.revokeId(token.id, false)
    } catch (problem) {
      unlessUnavailable(problem)
    }
  }

  /**
   * What the socket side may know of a path before it reads a body; never waits and never fails.
   */
  traitsOf(path: string, verb: Verb): PathTraits {
    const configuration = this.#core.latestConfiguration
    if (configuration === undefined || this.#core.seal.sealed) return strictTraits
    const declaration = this.#route(path, configuration)?.match?.declaration
    if (declaration === undefined) return strictTraits
    return { isOpen: accessOf(declaration, verb) === 'open', repeats: declaration.repeats }
  }

  /**
   * The rights alone, before a large body is read: reading and keeping it is work whose cost the
   * caller chooses. The request itself asks again, with its fields and in its own moment.
   */
  async requireMayAsk(asking: Asking): Promise<void> {
    try {
      if (!this.#core.seal.sealed) this.#core.gate?.(asking)
      const admitted = await this.#core.store.view((view) => this.#admit(asking, view))
      const operation = await operationOf(asking, admitted)
      requireAllowed({ ...asking, data: 'unread' }, admitted, operation)
    } catch (problem) {
      throw this.#asRefusal(problem, asking, this.#core.random.uuid())
    }
  }

  #serve(request: ApiRequest, requestId: string, trail: AuditTrail): Soon<Answer> {
    if (request.namespace !== '' && request.namespace !== 'root') {
      throw new Refusal(this.#core.seal.sealed ? 'sealed' : 'namespace_unknown')
    }
    if (this.#core.seal.sealed) return this.#serveSealed(request, requestId)
    this.#core.gate?.(request)
    return after(this.#countRequest(request), (told) => {
      const serve = (): Soon<Answer> => this.#serveOpen(request, requestId, trail)
      return told === undefined
        ? serve()
        : conclude(
            serve,
            (given) => ({ ...given, headers: { ...given.headers, ...told } }),
            (problem) => {
              throw alsoTold(problem, told)
            },
          )
    })
  }

  /**
   * What the client is told of its quota, by the last configuration that was read: this step waits
   * for nothing, save where the role of a login counts that has to be read.
   */
  #countRequest(request: ApiRequest): Soon<Answer['headers'] | undefined> {
    const rules = this.#core.quotaRules
    return rules === undefined || rules.isEmpty ? undefined : this.#core.quotas.take(request, rules)
  }

  #serveOpen(request: ApiRequest, requestId: string, trail: AuditTrail): Soon<Answer> {
    if (!bringsLogin(request)) return this.#serveAs(request, requestId, trail)
    return this.#bearer(request, requestId).then((bearer) => {
      if (bearer !== undefined) this.#bearers.set(request, Promise.resolve(bearer))
      return this.#serveAs(request, requestId, trail, bearer)
    })
  }

  /**
   * Whoever a login in place of a token stands for; undefined where none is taken. Open paths ask
   * for nobody, unless they have more for those who show somebody.
   */
  async #bearer(
    request: Asking & Bearing,
    requestId: string,
    isShown = false,
  ): Promise<Bearer | undefined> {
    const { inlineLogin, token: jwt = '' } = request
    const configuration = await this.#configurationNow()
    const mount = configuration.mounts.bearer
    if (inlineLogin === undefined && mount === undefined) return undefined
    const declaration = this.#route(request.path, configuration)?.match?.declaration
    const access = accessOf(declaration, request.verb, request.listener)
    if (access === 'open' && !isShown) return undefined
    this.#requireHeard()
    if (inlineLogin !== undefined) return this.#inlineBearer(inlineLogin, request, requestId)
    if (mount === undefined) return undefined
    try {
      const login = loginOfJwt(this.#core, mount, jwt)
      return { token: await this.judge(login, request, requestId) }
    } catch (problem) {
      throw problem instanceof Refusal ? asDeadToken(problem) : problem
    }
  }

  /**
   * A login may spend something: it is not judged while no device takes records. The refusal of
   * this request is recorded, and shows whether one does again.
   */
  #requireHeard(): void {
    const { devices } = this.#trails.audience()
    if (devices.length > 0 && devices.every(({ problem }) => problem !== '')) {
      throw new Refusal('internal')
    }
  }

  async #inlineBearer(login: InlineLogin, request: Bearing, requestId: string): Promise<Bearer> {
    try {
      const { path, home } = await this.#core.loginPlace(login)
      const token = await (home ?? this).judge({ path, data: login.data }, request, requestId)
      return { token, home }
    } catch (problem) {
      throw problem instanceof Refusal ? inlineLoginRefused(problem) : problem
    }
  }

  /**
   * The token of a login of this namespace, for one request of it or of one below. It costs what a
   * login costs, and is one to whoever has limited those.
   */
  async judge(login: BroughtLogin, request: Bearing, requestId: string): Promise<LiveToken> {
    const { quotas, quotaRules } = this.#core
    const { path, data } = login
    const { clientAddress } = request
    this.#core.gate?.({ path, verb: 'write' })
    if (quotaRules?.isEmpty === false) await quotas.take({ path, clientAddress, data }, quotaRules)
    const mount = (await this.#configurationNow()).mounts.find(path)
    return admitBearer(this.#core, { mount, login }, request, requestId)
  }

  #configurationNow(): Soon<CoreConfiguration> {
    return this.#core.store.look((view) =>
      after(view.epoch(), (epoch) => this.#core.configurationAt(epoch)),
    )
  }

  #serveAs(
    request: ApiRequest,
    requestId: string,
    trail: AuditTrail,
    bearer?: Bearer,
  ): Soon<Answer> {
    const admitted = this.#core.store.look((view) => this.#admit(request, view, bearer))
    return after(admitted, (known) => {
      const { admission } = known
      if (admission === undefined || admission.token.record.uses === 0) {
        return this.#dispatch(request, requestId, known, trail)
      }
      return takesUse(request, known.route, admission)
        ? this.#dispatch(request, requestId, { ...known, admission: asSpent(admission) }, trail)
        : this.#dispatchUse(request, requestId, { ...known, admission }, trail)
    })
  }

  /** A request that takes a use of its token, and ends it when that was the last one. */
  async #dispatchUse(
    request: ApiRequest,
    requestId: string,
    admitted: Admitted & { readonly admission: Admission },
    trail: AuditTrail,
  ): Promise<Answer> {
    const admission = await this.#spendUse(admitted.admission)
    const spent = admission.token
    try {
      return await this.#dispatch(request, requestId, { ...admitted, admission }, trail)
    } finally {
      // A last use that sealed the server has nothing left to end: spent tokens are dead as they
      // are stored.
      if (spent.record.uses < 0 && this.#core.isOpen) {
        const { tokenOperations } = admission.home ?? this.#core
        await tokenOperations.revokeId(spent.id, false).catch(unlessUnavailable)
      }
    }
  }

  // ------------------------------------------------------------ admission

  /** For a namespace below, with what it asks: who shows a token of this one. */
  admitShown(asking: Asking, view: StoreView, epoch: number): Soon<Admission | undefined> {
    return after(this.#core.configurationAt(epoch), (configuration) =>
      this.#admitText(asking, view, configuration, epoch),
    )
  }

  /** Mount, path and, unless the path is open, the token; all from one snapshot. */
  #admit(request: Asking, view: StoreView, bearer?: Bearer): Soon<Admitted> {
    return after(view.epoch(), (epoch) =>
      after(this.#core.configurationAt(epoch), (configuration) => {
        const route = this.#route(request.path, configuration)
        const access = accessOf(route?.match?.declaration, request.verb, request.listener)
        if (access === 'open') return { route, access, admission: undefined }
        const admission =
          bearer === undefined
            ? this.#admitText(request, view, configuration, epoch)
            : this.#admitBearer(request, bearer, { view, epoch })
        return after(admission, (known) => {
          if (known === undefined) throw deadTokenRefusal(route)
          return { route, access, admission: known }
        })
      }),
    )
  }

  /** Whoever shows a live token from where it may come; undefined whatever is wrong with it. */
  #admitText(
    asking: Asking,
    view: StoreView,
    configuration: CoreConfiguration,
    epoch: number,
  ): Soon<Admission | undefined> {
    const { token: text, clientAddress } = asking
    if (text === undefined) return undefined
    const elsewhere = this.#core.above?.(text)
    if (elsewhere !== undefined) return elsewhere(asking, view, epoch)
    const token = this.#core.tokens.resolve(text, view, configuration)
    return after(token, (live) =>
      live === undefined || !mayComeFrom(live, clientAddress)
        ? undefined
        : this.#admitToken(live, epoch, view),
    )
  }

  #admitBearer(
    asking: Asking,
    { token, home = this }: Bearer,
    moment: Moment,
  ): Soon<Admission | undefined> {
    return home.admit(token, asking, moment)
  }

  /** The rights of a token that `judge` has given, if it may still be used. */
  admit(
    token: LiveToken,
    { clientAddress }: Asking,
    { view, epoch }: Moment,
  ): Soon<Admission | undefined> {
    return after(this.#core.configurationAt(epoch), (configuration) =>
      after(this.#core.tokens.isAlive(token.id, token.record, view, configuration), (is) =>
        is && mayComeFrom(token, clientAddress) ? this.#admitToken(token, epoch, view) : undefined,
      ),
    )
  }

  /**
   * The rights of a live token; undefined when its entity is gone or disabled. The epoch is the
   * view's own: compiled rules are kept under it, and the configuration may already be that of a
   * later one.
   */
  #admitToken(token: LiveToken, epoch: number, view: StoreView): Soon<Admission | undefined> {
    const { record } = token
    return after(this.#core.rights.of(record, epoch, view), (rights) => {
      if (rights.isRefused) return undefined
      const { all, facts, entityId } = rights
      return after(this.#core.access.acl(all, facts, epoch, view), (acl) => {
        const caller: Caller = {
          accessor: token.accessor,
          type: token.type,
          policies: all,
          isRoot: record.policies.length === 1 && record.policies[0] === 'root',
          entityId,
          displayName: record.name,
          tokenId: token.id,
        }
        return { caller, token, acl, rights }
      })
    })
  }

  /** For open paths that answer more to those who show a live token; never refuses. */
  async #shownCaller(request: ApiRequest): Promise<CallerFacts | undefined> {
    const { token, inlineLogin } = request
    if (token === undefined && inlineLogin === undefined) return undefined
    if (this.#core.seal.sealed) return undefined
    const bearer = await this.#shownBearer(request)
    return this.#core.store.view(async (view) => {
      const epoch = await view.epoch()
      const configuration = await this.#core.configurationAt(epoch)
      return bearer === undefined
        ? this.#admitText(request, view, configuration, epoch)
        : this.#admitBearer(request, bearer, { view, epoch })
    })
  }

  /** However often it is asked for, the login is judged once. */
  #shownBearer(request: ApiRequest): Promise<Bearer | undefined> {
    const known = this.#bearers.get(request)
    if (known !== undefined) return known
    const judged = this.#judgeShown(request)
    this.#bearers.set(request, judged)
    return judged
  }

  async #judgeShown(request: ApiRequest): Promise<Bearer | undefined> {
    if (!bringsLogin(request)) return undefined
    try {
      return await this.#bearer(request, this.#core.random.uuid(), true)
    } catch (problem) {
      if (problem instanceof Refusal) return undefined
      throw problem
    }
  }

  #route(path: string, configuration: CoreConfiguration): Route | undefined {
    const mount = configuration.mounts.find(path)
    if (mount === undefined) return undefined
    const inner = path.slice(fullPath(mount).length)
    const mounted = this.#core.backends.of(mount)
    return { mount, mounted, match: mounted.router.match(inner), path: inner }
  }

  /** The token as it is after this use; from here on the request sees that one. */
  async #spendUse(admission: Admission): Promise<Admission> {
    const { token } = admission
    const { tokens } = admission.home ?? this.#core
    const record = await tokens.spendUse(token.id)
    if (record === undefined) throw new Refusal('token_refused')
    return { ...admission, token: { ...token, record } }
  }

  // ------------------------------------------------------------ dispatch

  /**
   * Nothing whose cost the caller chooses happens before the caller may ask: until the policy has
   * decided, only the path is looked at. The fields are read last, so that who may not come here
   * does not learn what is wrong with them either.
   */
  #dispatch(
    request: ApiRequest,
    requestId: string,
    admitted: Admitted,
    trail: AuditTrail,
  ): Soon<Answer> {
    const { route, admission } = admitted
    if (route?.match?.declaration.servedSealed === true) trail.exempt()
    trail.admitted(route?.mount, admission)
    if (request.verb === 'help') {
      return after(trail.asked('help', noNames), () => this.#help(requestId, route))
    }
    return after(operationOf(request, admitted), (operation) => {
      const { sudo, grantedBy } = requireAllowed(request, admitted, operation)
      return after(trail.asked(operation, grantedBy), () =>
        this.#carryOut(request, requestId, admitted, { operation, sudo }),
      )
    })
  }

  #carryOut(
    request: ApiRequest,
    requestId: string,
    admitted: Admitted,
    { operation, sudo }: { readonly operation: Operation; readonly sudo: boolean },
  ): Soon<Answer> {
    const { route, admission } = admitted
    const service = requireService(request, route, operation)
    const { declaration } = service
    requireDryRunKnown(declaration, operation, request.data)
    const parsed = parseInput(declaration, request.data, service.captures)
    const call: BackendRequest<Input<FieldTable>> & {
      readonly facts: RequestFacts<CallerFacts> | undefined
    } = {
      requestId,
      operation,
      path: service.route.path,
      fullPath: request.path,
      namespace: this.#core.path,
      input: parsed.input as Input<FieldTable>,
      data: parsed.data,
      caller: admission?.caller,
      sudo,
      clientAddress: request.clientAddress,
      nowMs: this.#core.clock.nowMs(),
      header: request.header,
      wrapTtlSeconds: request.wrapTtlSeconds,
      via: request.via,
      facts: declaration.privileged === true ? this.#facts(request, admission) : undefined,
      listener: request.listener,
      may: Object.hasOwn(declaration.fields, 'dry_run')
        ? (asked) => mayBesides(request, admitted, asked)
        : undefined,
    }
    return after(service.handler(call), (reply) => {
      const { warnings } = parsed
      if (reply.kind === 'login') {
        return this.#completeLogin(requestId, request, service.route.mount, reply, warnings)
      }
      if (reply.kind === 'page') return this.#draw(requestId, request, reply)
      const isTold = tellsInput(parsed, service, operation)
      const answer = toAnswer(requestId, reply, operation, declaration, { warnings, isTold })
      if (request.wrapTtlSeconds === 0 || answer.body.kind !== 'envelope') return answer
      // Who has shown nothing may not have things kept here.
      if (admission === undefined) throw invalid('an answer to a stranger cannot be wrapped')
      return this.#wrap(request, { ...answer, body: answer.body }, wrappedAccessorOf(reply))
    })
  }

  /** What the core's own paths are told besides, and no other backend. */
  #facts(request: ApiRequest, admission: Admission | undefined): RequestFacts<CallerFacts> {
    return {
      caller: admission,
      shown: () => this.#shownCaller(request),
      asker: () => askerOf(admission, request.token ?? encodeJson(request.inlineLogin?.data)),
    }
  }

  async #serveSealed(request: ApiRequest, requestId: string): Promise<Answer> {
    const declaration = this.#sealedRouter.match(request.path)
    if (declaration === undefined) throw new Refusal('sealed')
    const verb = request.verb === 'header' ? 'read' : request.verb
    const declared =
      verb === 'help' ? undefined : declaredOperation(verb === 'write' ? 'update' : verb)
    const handler =
      declared === undefined ? undefined : declaration.declaration.operations[declared]
    if (handler === undefined) throw new Refusal('verb_unsupported')
    if (verb === 'write') requireDryRunKnown(declaration.declaration, 'update', request.data)
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
      via: request.via,
      listener: request.listener,
    }
    const reply = await handler.handler(call)
    return toAnswer(requestId, reply, 'update', declaration.declaration, silent)
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
    const plain = envelope(requestId, 200, { auth: done.auth, warnings, duplicateData: false })
    const isWrapped = request.wrapTtlSeconds > 0 && !isBrokenOff
    const answer = isWrapped ? await this.#wrapLogin(request, plain, done) : plain
    const { auth, isEntityNew } = done
    const { name: displayName, created: createdSeconds } = done.token.record
    const login: AnsweredLogin = {
      mount: mount.path,
      note: reply.login.note ?? {},
      accessor: auth.accessor,
      entityId: auth.entity_id,
      isBrokenOff,
      auth,
      displayName,
      createdSeconds,
      isEntityNew,
    }
    return { ...answer, login, issued: [done.token.text, ...(answer.issued ?? [])] }
  }

  async #wrapLogin(request: ApiRequest, plain: Enveloped, { token }: LoginResult): Promise<Answer> {
    try {
      return await this.#wrap(request, plain, token.accessor)
    } catch (problem) {
      // Nobody will ever have its text.
      if (token.id !== '' && this.#core.isOpen) {
        await this.#core.tokenOperations.revokeId(token.id, false).catch(unlessUnavailable)
      }
      throw problem
    }
  }

  /** Keeps the answer in a wrapping token, and gives that. */
  async #wrap(request: ApiRequest, plain: Enveloped, accessor: string): Promise<Answer> {
    const info = await this.#core.wrapping.wrap({
      text: envelopeText(plain.requestId, plain.body),
      path: request.path,
      ttlSeconds: request.wrapTtlSeconds,
      accessor,
    })
    const { requestId, headers, body, issued = [] } = plain
    const answer = wrapped(requestId, info, body.warnings)
    return { ...answer, headers, issued: [...issued, info.token] }
  }

  #draw(requestId: string, request: ApiRequest, reply: Extract<Reply, { kind: 'page' }>): Answer {
    const { headers, ...page } = this.#pages.draw(reply.page, request)
    return { requestId, body: { kind: 'bare', ...page }, headers: { ...headers, ...reply.headers } }
  }

  #help(requestId: string, route: Route | undefined): Answer {
    if (route === undefined) throw new Refusal('path_unsupported')
    const { match, mounted, path } = route
    const text = this.#system.help(mounted.router.declarations, match?.declaration, path)
    return bare(requestId, 200, text)
  }

  #asRefusal(problem: unknown, request: Asking, requestId: string): Refusal {
    if (problem instanceof Refusal) return problem
    if (problem instanceof StoreSealed) return new Refusal('sealed')
    if (problem instanceof KeyNotStorable) return invalid('a name in the request cannot be stored')
    this.#core.logger.log('error', 'request failed', {
      request_id: requestId,
      path: request.path.slice(0, 256),
      error: describeFault(problem),
    })
    return new Refusal(problem instanceof StoreUnavailable ? 'unavailable' : 'internal')
  }
}

/** A token was made and not given: the end of a login as well. */
class UnrecordedLogin extends Unrecorded {
  constructor(note: LoginNote) {
    super({ reason: 'audit_unavailable', note: { ...note, reason: 'audit_unavailable' } })
  }
}

// -------------------------------------------------------------- rules

function sealedRouter(paths: readonly PathDeclaration[]): Router {
  return new Router(
    paths
      .filter((declaration) => declaration.servedSealed === true)
      .map((declaration) => ({ ...declaration, pattern: `sys/${declaration.pattern}` })),
  )
}

/** A store that is sealed or away meanwhile takes back no answer: the sweep does what is left. */
function unlessUnavailable(problem: unknown): void {
  if (!(problem instanceof StoreSealed || problem instanceof StoreUnavailable)) throw problem
}

/** A refusal with these headers; whatever else was thrown stays as it is. */
function alsoTold(problem: unknown, told: Answer['headers']): unknown {
  if (!(problem instanceof Refusal) || problem instanceof Unrecorded) return problem
  const { code, detail } = problem
  return new Refusal(code, { ...detail, headers: { ...detail.headers, ...told } })
}

/** What a path that is given wrapping tokens calls a dead one is no question of rights. */
function deadTokenRefusal(route: Route | undefined): Refusal {
  return route?.match?.declaration.deadToken === 'wrapping'
    ? notLive()
    : new Refusal('token_refused')
}

/** The one use of a wrapping token is taken by the handler, with what the token holds. */
function takesUse({ verb }: Asking, route: Route | undefined, { token }: Admission): boolean {
  return (
    route?.match?.declaration.takesUse === 'wrapping' &&
    verb === 'write' &&
    isWrapping(token.record)
  )
}

/** As the records of a request tell it: after its use. */
function asSpent(admission: Admission): Admission {
  const { token } = admission
  return { ...admission, token: { ...token, record: { ...token.record, uses: -1 } } }
}

function accessOf(
  declaration: PathDeclaration | undefined,
  verb: Verb,
  listener?: ListenerSwitches,
): Access {
  if (declaration === undefined) return 'token'
  const { opensWith } = declaration
  if (opensWith !== undefined && listener?.[opensWith] === true) return 'open'
  if (verb === 'help' || verb === 'header') return declaration.access
  const declared = declaration.operations[verb === 'write' ? 'write' : verb]
  return declared?.access ?? declaration.access
}

/**
 * A write to something that is not there yet is a create; only paths that can tell know it
 * (platform.md §1.5).
 */
function operationOf(request: Asking, { route, admission }: Admitted): Soon<Operation> {
  if (request.verb !== 'write') return request.verb
  const match = route?.match
  if (route === undefined || match?.declaration.exists === undefined) return 'update'
  const target = { path: route.path, captures: match.captures, caller: admission?.caller }
  return after(match.declaration.exists(target), (exists) => (exists ? 'update' : 'create'))
}

interface Permit {
  /** Policies grant sudo. */
  readonly sudo: boolean
  /** Those that allow the operation. */
  readonly grantedBy: readonly string[]
}

const open: Permit = { sudo: false, grantedBy: noNames }

/** Asks for the path as it was sent and in its one spelling. */
function requireAllowed(
  request: Asking & { readonly data: JsonObject | 'unread' },
  { route, access, admission }: Admitted,
  operation: Operation,
): Permit {
  if (admission === undefined) return open
  const asked = {
    path: request.path,
    operation,
    data: request.data,
    wrapTtlSeconds: request.wrapTtlSeconds,
    sudoRequired: access === 'sudo',
  }
  const decision = admission.acl.decide(asked)
  if (!decision.allowed) throw new Refusal('policy_denied')
  const canonical = canonicalOf(route, operation)
  const { sudo, policies: grantedBy } = decision
  if (canonical === request.path || canonical === undefined) return { sudo, grantedBy }
  const same = admission.acl.decide({ ...asked, path: canonical })
  if (!same.allowed) throw new Refusal('policy_denied')
  return { sudo: sudo && same.sudo, grantedBy }
}

/** Whether the caller could ask for this as well, by the path as sent and in its one spelling. */
function mayBesides(
  { path: sent, wrapTtlSeconds }: ApiRequest,
  { route, admission }: Admitted,
  { operation, path, sudo = false }: AskedBesides,
): boolean {
  if (admission === undefined) return false
  const paths = path === undefined ? [sent, canonicalOf(route, operation) ?? sent] : [path]
  const asked = { operation, wrapTtlSeconds, sudoRequired: sudo }
  return paths.every((one) => admission.acl.decide({ ...asked, path: one }).allowed)
}

/** The full path in its one spelling; that of a list ends in a slash. */
function canonicalOf(route: Route | undefined, operation: Operation): string | undefined {
  if (route?.match === undefined) return undefined
  const { canonical } = route.match
  const isFolder = (operation === 'list' || operation === 'scan') && route.path.endsWith('/')
  const spelt = isFolder && !canonical.endsWith('/') ? `${canonical}/` : canonical
  return spelt === route.path ? undefined : fullPath(route.mount) + spelt
}

/** No such route, path or operation: in that order. */
function requireService(
  request: ApiRequest,
  route: Route | undefined,
  operation: Operation,
): Service {
  if (route === undefined) {
    throw new Refusal('route_unknown', {
      text: `no handler for route "${request.path.slice(0, 512)}". route entry not found.`,
    })
  }
  if (route.match === undefined) throw new Refusal('path_unsupported')
  const { captures, declaration } = route.match
  const declared = declaredOperation(
    operation === 'header' && declaration.bare === true ? 'read' : operation,
  )
  const served = declared === undefined ? undefined : declaration.operations[declared]
  if (served === undefined) {
    throw new Refusal(declaration.bare === true ? 'verb_unsupported' : 'operation_unsupported')
  }
  return { route, declaration, captures, handler: served.handler }
}

/**
 * Whether a write that has nothing else to say still answers with the warnings about its fields.
 */
function tellsInput({ hasUnknown }: ParsedInput, service: Service, operation: Operation): boolean {
  if (!hasUnknown || service.declaration.tellsUnknown !== true) return false
  if (service.route.mount.config.compat === 'vault') return false
  return operation === 'create' || operation === 'update' || operation === 'patch'
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

/** What is to be said about the fields, and whether that alone is worth an answer with a body. */
interface InputWarnings {
  readonly warnings: readonly string[]
  readonly isTold: boolean
}

const silent: InputWarnings = { warnings: [], isTold: false }

function toAnswer(
  requestId: string,
  reply: Reply,
  operation: Operation,
  declaration: PathDeclaration,
  input: InputWarnings,
): Answer {
  const inputWarnings = input.warnings
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
      if ((reply.warnings !== undefined && reply.warnings.length > 0) || input.isTold) {
        const warnings = joined(reply.warnings, inputWarnings)
        return envelope(requestId, reply.status ?? 200, { warnings, duplicateData })
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
    case 'auth': {
      const answer = envelope(requestId, 200, {
        auth: reply.auth,
        warnings: joined(reply.warnings, inputWarnings),
        duplicateData: false,
      })
      return reply.isNew === true ? { ...answer, issued: [reply.auth.client_token] } : answer
    }
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
        ...(reply.isUnwrapped === true ? { isUnwrapped: true } : {}),
      }
    case 'stream': {
      const { contentType, chunks } = reply
      return {
        requestId,
        body: { kind: 'stream', status: 200, contentType, chunks },
        headers: noHeaders,
      }
    }
    case 'wrapped': {
      const { info } = reply
      return { ...wrapped(requestId, info, inputWarnings), issued: [info.token] }
    }
    case 'login':
    case 'page':
      throw new Error(`a ${reply.kind} reply is completed before it becomes an answer`)
  }
}

/** Of the token in the answer. */
function wrappedAccessorOf(reply: Reply): string {
  if (reply.kind === 'auth') return reply.auth.accessor
  return reply.kind === 'data' ? (reply.wrappedAccessor ?? '') : ''
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
    readonly wrapInfo?: WrapInfo
  },
): Enveloped {
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
      wrapInfo: parts.wrapInfo ?? null,
      warnings: parts.warnings,
      duplicateData: parts.duplicateData,
    },
    headers: noHeaders,
  }
}

function wrapped(requestId: string, wrapInfo: WrapInfo, warnings: readonly string[]): Enveloped {
  return envelope(requestId, 200, { wrapInfo, warnings, duplicateData: false })
}

function bare(requestId: string, status: number, body: string): Answer {
  return {
    requestId,
    body: { kind: 'bare', status, contentType: 'application/json', body },
    headers: noHeaders,
  }
}
