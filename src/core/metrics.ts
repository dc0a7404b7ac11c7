/**
 * What the server counts (explain.md §8). Counting costs an addition; everything else is read when
 * somebody asks, and never from a token's record.
 */

import type { Answer, ApiOutcome } from '../framework/api.ts'
import type { LoginEnd, LoginTimes } from '../framework/login-log.ts'
import {
  Counter,
  gauge,
  Histogram,
  mountLabels,
  united,
  type Family,
  type Reading,
} from '../lib/metrics.ts'
import type { Clock } from '../platform/clock.ts'
import { readUsage } from '../platform/usage.ts'

const loginBounds = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
  5, 10,
]
const commitBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
const batchBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096]
/** Names of roles that are labels; the others share one. */
const rolesMax = 1000

export interface CountedLogin {
  readonly mount: string
  /** Empty for the root. */
  readonly namespace: string
  /** Undefined for a role that there is not: strangers choose no label. */
  readonly role: string | undefined
  readonly end: LoginEnd
  readonly reason: string | undefined
  readonly durationMs: number | undefined
  readonly times: Partial<LoginTimes>
}

/** A login as a whole, and its parts; a part that a login does not have is not counted. */
const loginParts = ['verify', 'keys', 'decide', 'commit', 'total'] as const
type LoginPart = (typeof loginParts)[number]

export class ServerMetrics {
  readonly #clock: Clock
  readonly #roles = new Set<string>()
  readonly #logins = new Counter(
    'tokenstile_logins_total',
    'Logins by mount, role, decision and reason.',
  )
  readonly #loginSeconds = {
    verify: loginSeconds('verify'),
    keys: loginSeconds('keys'),
    decide: loginSeconds('decide'),
    commit: loginSeconds('commit'),
    total: loginSeconds('total'),
  } as const satisfies Readonly<Record<LoginPart, Histogram>>
  readonly #requests = new Counter(
    'tokenstile_requests_total',
    'Requests to the API by the class of their status.',
  )
  readonly #commitSeconds = new Histogram(
    'tokenstile_storage_commit_seconds',
    'Time of a commit, until it is durable.',
    commitBounds,
  )
  readonly #commitBatch = new Histogram(
    'tokenstile_storage_commit_batch',
    'Changes that one commit carried.',
    batchBounds,
  )

  readonly #auditFailures = new Counter(
    'tokenstile_audit_failures_total',
    'Records that an audit device did not take.',
  )

  constructor(clock: Clock) {
    this.#clock = clock
  }

  auditFailures(device: string, count: number): void {
    this.#auditFailures.add({ device }, count)
  }

  login({ mount, namespace, role = '', end, reason = '', durationMs, times }: CountedLogin): void {
    const labels = mountLabels(mount, namespace)
    const label = this.#roleLabel(namespace + mount, role)
    this.#logins.add({ ...labels, role: label, decision: end, reason })
    const { verifyMs = 0, keysMs = 0, decideMs = 0 } = times
    if (durationMs !== undefined) this.#loginSeconds.total.observe(durationMs / 1000)
    if (verifyMs > 0) this.#loginSeconds.verify.observe(verifyMs / 1000)
    if (keysMs > 0) this.#loginSeconds.keys.observe(keysMs / 1000)
    if (decideMs > 0) this.#loginSeconds.decide.observe(decideMs / 1000)
  }

  /** The commit of a login's token. */
  loginCommit(ms: number): void {
    this.#loginSeconds.commit.observe(ms / 1000)
  }

  request(outcome: ApiOutcome): void {
    const status = outcome.kind === 'answer' ? statusOf(outcome.answer) : outcome.refusal.status
    this.#requests.add({ code: `${Math.floor(status / 100)}xx` })
  }

  /** At the begin of a commit; call what it gives at its end. */
  commit(changes: number): () => void {
    const startedMs = this.#clock.monotonicMs()
    return () => {
      this.#commitSeconds.observe((this.#clock.monotonicMs() - startedMs) / 1000)
      this.#commitBatch.observe(changes)
    }
  }

  /** Everything, with what others know. */
  collect(others: readonly Family[]): readonly Family[] {
    return [
      this.#logins.collect(),
      ...united(loginParts.map((part) => this.#loginSeconds[part].collect())),
      this.#requests.collect(),
      this.#commitSeconds.collect(),
      this.#commitBatch.collect(),
      this.#auditFailures.collect(),
      ...others,
      ...usage(),
    ]
  }

  #roleLabel(mount: string, role: string): string {
    if (role === '') return role
    const name = `${mount}\u0000${role}`
    if (this.#roles.has(name)) return role
    if (this.#roles.size >= rolesMax) return 'other'
    this.#roles.add(name)
    return role
  }
}

function loginSeconds(part: LoginPart): Histogram {
  const help = 'Time of a login, from the request to the answer, and of its parts.'
  return new Histogram('tokenstile_login_seconds', help, loginBounds, { part })
}

function statusOf({ body }: Answer): number {
  return body.kind === 'stream' ? 200 : body.status
}

function usage(): readonly Family[] {
  const one = (value: number): readonly Reading[] => [{ labels: {}, value }]
  const now = readUsage()
  return [
    {
      name: 'process_cpu_seconds_total',
      help: 'CPU time of the process.',
      type: 'counter',
      samples: [{ suffix: '', labels: {}, value: now.cpuSeconds }],
    },
    {
      ...gauge('process_resident_memory_bytes', 'Resident memory.', one(now.residentBytes)),
      adds: true,
    },
    {
      ...gauge('nodejs_heap_size_used_bytes', 'Heap in use.', one(now.heapUsedBytes)),
      adds: true,
    },
    gauge('process_start_time_seconds', 'When the process began.', one(now.startedAtSeconds)),
    gauge(
      'nodejs_eventloop_lag_p99_seconds',
      'The event loop was late by so much, at most in 99 of 100 samples since the last reading.',
      one(now.loopLagSeconds),
    ),
  ]
}
