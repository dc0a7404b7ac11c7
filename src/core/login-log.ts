/**
 * The log of logins: one line for each that was accepted, refused or broken off, of every method,
 * with the request id that the caller has. `Pipeline.handle` brings each answer and refusal here,
 * so that no method can forget it.
 */

import type { ApiOutcome, ApiRequest } from '../framework/api.ts'
import type { LoginEnd, LoginEntry, LoginNote, LoginRecorder } from '../framework/login-log.ts'
import type { Clock } from '../platform/clock.ts'
import type { LogFields, LogLevel, Logger } from '../platform/logger.ts'
import type { Reason } from '../trust/reasons.ts'
import { encodeJson } from '../lib/json.ts'
import { decisionRecord, type DecisionRecord, type DecisionRecords } from './decision-records.ts'
import type { ServerMetrics } from './metrics.ts'
import { LineBudget } from './line-budget.ts'

const textLengthMax = 256
const claimsMax = 32

export const loginLevels: Readonly<Record<LoginEnd, LogLevel>> = {
  accepted: 'info',
  refused: 'warn',
  broken_off: 'warn',
}
export const loginMessages: Readonly<Record<LoginEnd, string>> = {
  accepted: 'login accepted',
  refused: 'login refused',
  broken_off: 'login broken off',
}
/** The caller asks again: the attempt has not ended. */
const pending: ReadonlySet<Reason> = new Set(['device_pending', 'device_slow_down'])

type LogValue = LogFields[string]

/** What only some ends have. */
interface LogLine extends LoginEntry {
  readonly path?: string
  readonly mount?: string | undefined
  readonly accessor?: string
  readonly entityId?: string
  readonly durationMs?: number
}

export class LoginLog {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #mountOf: (path: string) => string | undefined
  readonly #refusedLines: LineBudget
  readonly #metrics: ServerMetrics
  readonly #namespace: string
  #records: DecisionRecords | undefined

  constructor(parts: {
    readonly logger: Logger
    readonly clock: Clock
    readonly mountOf: (path: string) => string | undefined
    readonly metrics: ServerMetrics
    readonly processes?: number
    /** Path of the namespace; empty for the root. */
    readonly namespace?: string
    /** Shared by all namespaces. */
    readonly refusedLines?: LineBudget
  }) {
    this.#namespace = parts.namespace ?? ''
    this.#logger = parts.logger
    this.#clock = parts.clock
    this.#mountOf = parts.mountOf
    this.#metrics = parts.metrics
    this.#refusedLines =
      parts.refusedLines ??
      new LineBudget(
        parts.clock,
        (count) =>
          parts.logger.log('warn', 'refused logins were left out of this log', {
            event: 'login',
            count,
          }),
        parts.processes,
      )
  }

  /** The log of logins in a namespace; it keeps what was decided by itself. */
  ofNamespace(namespace: string, mountOf: (path: string) => string | undefined): LoginLog {
    return new LoginLog({
      logger: this.#logger,
      clock: this.#clock,
      metrics: this.#metrics,
      refusedLines: this.#refusedLines,
      namespace,
      mountOf,
    })
  }

  /** The end of any request; what was no login leaves no line. */
  ended(outcome: ApiOutcome, request: ApiRequest, startedMs: number): void {
    if (outcome.kind === 'answer') {
      const { login, requestId } = outcome.answer
      if (login === undefined) return
      this.#write({
        requestId,
        end: login.isBrokenOff ? 'broken_off' : 'accepted',
        ...this.#requestParts(request, startedMs),
        mount: login.mount,
        note: login.note,
        accessor: login.accessor,
        entityId: login.entityId,
      })
      return
    }
    const { refusal, requestId } = outcome
    const { note, reason } = refusal.detail
    if (refusal.code !== 'login_refused' && note === undefined) return
    this.#write({
      requestId,
      end: 'refused',
      ...this.#requestParts(request, startedMs),
      mount: this.#mountOf(request.path),
      note: { ...note, reason: note?.reason ?? reason },
    })
  }

  /** Where what was decided is kept besides, while the seal is open. */
  keepIn(records: DecisionRecords | undefined): void {
    this.#records = records
  }

  /** Those of a mount that are kept, newest first. */
  async keptOf(mount: string, limit: number): Promise<readonly DecisionRecord[]> {
    return (await this.#records?.list({ mount, limit })) ?? []
  }

  get monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  /** How long the commit of a login's token took. */
  committed(ms: number): void {
    this.#metrics.loginCommit(ms)
  }

  /** As a method sees it: its lines carry the mount. */
  ofMount(mount: () => string): LoginRecorder {
    return {
      isEnabled: (end) => this.#records?.isOn === true || this.#logger.isEnabled(loginLevels[end]),
      record: (entry) => this.#write({ ...entry, mount: mount() }),
    }
  }

  #requestParts(
    { clientAddress, path }: ApiRequest,
    startedMs: number,
  ): Pick<LogLine, 'clientAddress' | 'path' | 'durationMs'> {
    return { clientAddress, path, durationMs: this.#clock.monotonicMs() - startedMs }
  }

  #write(parts: LogLine): void {
    const { end, note } = parts
    if (note.isLogged === true) return
    if (note.reason !== undefined && pending.has(note.reason)) return
    this.#metrics.login({
      mount: parts.mount ?? '',
      namespace: this.#namespace,
      // Of a role that is there: names that strangers choose are no labels.
      role: note.roleVersion === undefined ? undefined : note.role,
      end,
      reason: note.reason,
      durationMs: parts.durationMs,
      times: note,
    })
    // An accepted login has its record from the commit that made its token.
    if (end !== 'accepted') this.#records?.add(recordOf(parts, this.#clock.nowMs()))
    if (!this.#logger.isEnabled(loginLevels[end])) return
    if (end !== 'accepted' && !this.#refusedLines.take()) return
    const fields = fieldsOf(parts)
    const namespace = this.#namespace
    this.#logger.log(
      loginLevels[end],
      loginMessages[end],
      namespace === '' ? fields : { ...fields, namespace },
    )
  }
}

/** What each field of the line of a login says; one that is not known is left out. */
export const loginFields = {
  event: 'always `login`',
  decision: '`accepted`, `refused` or `broken_off`',
  request_id: 'what the caller has in `X-Request-Id` and in the sentence of the refusal',
  path: 'of the request',
  mount: 'the mount that it came to',
  role: 'the role that was asked for, or chosen',
  reason: 'why it was refused, also where the caller does not hear it',
  check: 'the check that failed',
  claim: 'the claim that it was about',
  issuer: 'who signed the token, once that is proven',
  key_id: 'with which key',
  address: 'of the caller, behind the proxies that are trusted',
  accessor: 'of the token that was made',
  entity: 'id of the entity',
  duration_ms: 'how long the request took',
  claims: 'those on the list of the mount, as JSON; long values are cut',
} as const

function fieldsOf(parts: LogLine): LogFields & Record<keyof typeof loginFields, LogValue> {
  const { note, clientAddress, durationMs } = parts
  return {
    event: 'login',
    decision: parts.end,
    request_id: parts.requestId,
    path: cut(parts.path),
    mount: parts.mount,
    role: cut(note.role),
    reason: note.reason,
    check: note.check,
    claim: cut(note.claim),
    issuer: cut(note.issuer),
    key_id: cut(note.keyId),
    address: clientAddress,
    accessor: parts.accessor,
    entity: parts.entityId,
    duration_ms: durationMs === undefined ? undefined : Math.round(durationMs * 10) / 10,
    claims: claimsText(note),
  }
}

function recordOf(parts: LogLine, timeMs: number): DecisionRecord {
  const { note, requestId, end, mount = '', clientAddress, accessor, entityId } = parts
  return decisionRecord({ note, requestId, end, mount, clientAddress, timeMs, accessor, entityId })
}

function claimsText({ claims }: LoginNote): string | undefined {
  if (claims === undefined) return undefined
  const texts = Object.entries(claims)
    .slice(0, claimsMax)
    .map(([name, value]) => [
      cut(name),
      cut(typeof value === 'string' ? value : encodeJson(value ?? null)),
    ])
  return JSON.stringify(Object.fromEntries(texts))
}

function cut(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= textLengthMax) return text
  return `${text.slice(0, textLengthMax)}…`
}
