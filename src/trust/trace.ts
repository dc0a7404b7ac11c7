/**
 * The ordered list of checks of one login (design ux.md §3.6) and what became of each.
 *
 * Every check is in the list each time, with the same number and id. An accepted login puts shared, frozen
 * entries into it, so that the list costs an array and nothing else.
 */

import type { JsonValue } from '../lib/json.ts'
import type { Reason } from './reasons.ts'

export interface Check {
  readonly n: number
  readonly id: string
  readonly title: string
  /** `unverified` would pass, but rests on a signature that was not proven. */
  readonly status: 'pass' | 'fail' | 'skipped' | 'unverified'
  readonly reason?: Reason
  readonly claim?: string
  readonly got?: JsonValue
  readonly expected?: JsonValue
  readonly note?: string
  readonly compatible_error?: string
  readonly spec?: string
}

const definitions = [
  ['config', 'Mount configuration'],
  ['role_name', 'Role named'],
  ['role', 'Role exists'],
  ['role_type', 'Role type'],
  ['token', 'Token present'],
  ['source_address', 'Source address'],
  ['key_source', 'Key source'],
  ['signature', 'Form and signature', 'RFC 7515 §5.2'],
  ['claims', 'Claim names and types', 'RFC 7519 §4'],
  ['algorithm', 'Signing algorithm', 'RFC 8725 §3.1'],
  ['issuer', 'Issuer', 'RFC 7519 §4.1.1'],
  ['subject', 'Subject', 'RFC 7519 §4.1.2'],
  ['audience', 'Audience', 'RFC 7519 §4.1.3'],
  ['dates', 'Dates present', 'RFC 7519 §2'],
  ['not_before', 'Not before', 'RFC 7519 §4.1.5'],
  ['expiration', 'Expiration', 'RFC 7519 §4.1.4'],
  ['issued_at', 'Issued at', 'RFC 7519 §4.1.6'],
  ['audience_bound', 'Audience bound', 'RFC 7519 §4.1.3'],
  ['user_claim', 'User claim'],
  ['provider', 'Provider lookup'],
  ['claim_mappings', 'Mapped claims'],
  ['groups', 'Groups'],
  ['bound_claims', 'Bound claims'],
  ['token_parameters', 'Token parameters'],
  ['identity', 'Identity'],
] as const

export type CheckId = (typeof definitions)[number][0]

type Places = Record<CheckId, number>

const places = Object.fromEntries(definitions.map(([id], i) => [id, i])) as Places
const skipped = definitions.map((definition, i) => createCheck(definition, i, 'skipped'))
const passed = definitions.map((definition, i) => createCheck(definition, i, 'pass'))
const unverified = definitions.map((definition, i) => createCheck(definition, i, 'unverified'))

/** What failed, in the words of the wire and as values for those who may see them. */
export interface Failure {
  readonly reason: Reason
  /** The compatible text, `errors[0]`. */
  readonly text: string
  readonly claim?: string
  readonly got?: JsonValue
  readonly expected?: JsonValue
  readonly note?: string
}

/** Values for the list only, on checks that did not fail. */
export type CheckFacts = Pick<Check, 'claim' | 'got' | 'expected' | 'note'>

export class Trace {
  readonly #evaluateAll: boolean
  readonly #checks: Check[] = skipped.slice()
  readonly #alsoFails: Reason[] = []
  #failure: Failure | undefined
  /** From the signature on, a check that would pass is `unverified` unless the signature was proven. */
  isProven = true

  constructor(evaluateAll: boolean) {
    this.#evaluateAll = evaluateAll
  }

  /** The first failure in login order. */
  get failure(): Failure | undefined {
    return this.#failure
  }

  /** True when the remaining checks are not wanted any more. */
  get isOver(): boolean {
    return this.#failure !== undefined && !this.#evaluateAll
  }

  get checks(): readonly Check[] {
    return this.#checks
  }

  get alsoFails(): readonly Reason[] {
    return this.#alsoFails
  }

  /** `facts` is asked for values only when the list is for reading. */
  pass(id: CheckId, facts?: () => CheckFacts): void {
    const place = places[id]
    const check = (this.isProven ? passed : unverified)[place]
    if (check === undefined) return
    this.#checks[place] =
      facts !== undefined && this.#evaluateAll ? { ...check, ...facts() } : check
  }

  fail(id: CheckId, failure: Failure): void {
    const { text, ...rest } = failure
    const check = skipped[places[id]]
    if (check === undefined) return
    this.#checks[places[id]] = { ...check, ...rest, status: 'fail', compatible_error: text }
    if (this.#failure === undefined) this.#failure = failure
    else if (failure.reason !== this.#failure.reason && !this.#alsoFails.includes(failure.reason)) {
      this.#alsoFails.push(failure.reason)
    }
  }
}

function createCheck(
  [id, title, spec]: (typeof definitions)[number],
  place: number,
  status: Check['status'],
): Check {
  return Object.freeze({ n: place + 1, id, title, status, ...(spec === undefined ? {} : { spec }) })
}
