/**
 * Every way a request can be refused: one closed table of codes with status and compatible text
 * (platform.md §1.3). Handlers throw a `Refusal`; `http/respond.ts` alone turns it into a status
 * line.
 */

import type { Reason } from '../trust/reasons.ts'
import type { Happened } from '../trust/sentence.ts'
import type { LoginNote } from './login-log.ts'

export interface RefusalRow {
  readonly status: number
  /** errors[0] when the thrower gives no text of its own; undefined means an empty list. */
  readonly text: string | undefined
  /** Clients know it as the one entry of a list of Go's. */
  readonly listed?: true
}

/** Go's text of a list with one error: part of the wire format. */
function goErrorList(text: string): string {
  return `1 error occurred:\n\t* ${text}\n\n`
}

const refusals = {
  invalid_request: { status: 400, text: 'invalid request' },
  login_refused: { status: 400, text: 'login refused' },
  token_refused: { status: 403, text: 'permission denied' },
  policy_denied: { status: 403, text: 'permission denied', listed: true },
  origin_refused: { status: 403, text: 'origin not allowed' },
  not_found: { status: 404, text: undefined },
  route_unknown: { status: 404, text: 'no handler for route' },
  path_unsupported: { status: 404, text: 'unsupported path', listed: true },
  namespace_unknown: { status: 404, text: 'namespace not found' },
  operation_unsupported: { status: 405, text: 'unsupported operation', listed: true },
  verb_unsupported: { status: 405, text: undefined },
  body_too_large: { status: 413, text: 'http: request body too large' },
  media_type_unsupported: { status: 415, text: 'unsupported media type' },
  rate_limited: { status: 429, text: 'rate limit quota exceeded' },
  internal: { status: 500, text: 'internal error' },
  namespace_locked: { status: 503, text: 'API access to this namespace has been locked' },
  sealed: { status: 503, text: 'Vault is sealed' },
  unavailable: { status: 503, text: 'storage is not available at the moment; try again' },
} as const satisfies Readonly<Record<string, RefusalRow>>

export type RefusalCode = keyof typeof refusals

export interface RefusalDetail {
  /** errors[0]; the table's text when absent. */
  readonly text?: string
  /** The words that `text` begins with, where stock clients make a heading of them. */
  readonly summary?: string | undefined
  /** errors[1]: one plain sentence with the fix. */
  readonly sentence?: string | undefined
  /** The same without the fix: for pages, which have a place of its own for that. */
  readonly happened?: Happened | undefined
  /** Why a login was refused; goes into the `X-Login-Reason` header. */
  readonly reason?: Reason | undefined
  /** Replaces the table's status where the contract demands another one for the same code. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** For the log of logins alone; a refusal that has one is the end of a login. */
  readonly note?: LoginNote
}

export class Refusal extends Error {
  readonly code: RefusalCode
  readonly detail: RefusalDetail

  constructor(code: RefusalCode, detail: RefusalDetail = {}) {
    // A refusal is an answer and no fault: nobody reads its stack, and a flood of them must not pay
    // for one each.
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(detail.text ?? wireText(code) ?? code)
    Error.stackTraceLimit = limit
    this.name = 'Refusal'
    this.code = code
    this.detail = detail
  }

  get status(): number {
    return this.detail.status ?? refusals[this.code].status
  }

  /** `errors[0]` without what stock clients want to see around it. */
  get plainText(): string {
    const { summary, text } = this.detail
    if (text === undefined) return refusals[this.code].text ?? ''
    return summary === undefined ? text : text.slice(summary.length).trimStart()
  }

  /** What goes into `errors`. */
  get errors(): readonly string[] {
    const text = this.detail.text ?? wireText(this.code)
    if (text === undefined) return []
    return this.detail.sentence === undefined ? [text] : [text, this.detail.sentence]
  }
}

function wireText(code: RefusalCode): string | undefined {
  const { text, listed }: RefusalRow = refusals[code]
  return listed === true && text !== undefined ? goErrorList(text) : text
}

/** A 400 with that text. */
export function invalid(text: string): Refusal {
  return new Refusal('invalid_request', { text })
}
