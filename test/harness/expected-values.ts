/**
 * What roles expect is no caller's to know (explain.md §2): the kit remembers each value that a test writes into a role to be
 * compared with a token's, and looks for it in every refusal of the same server that goes to somebody without a right to it.
 */

import assert from 'node:assert/strict'

/** Shorter values are in any text by chance. */
const valueCharsMin = 8
const comparing = ['bound_audiences', 'bound_subject', 'bound_claims', 'token_bound_cidrs']
const rolePath = /^auth\/.+\/(?:cel\/)?roles?\/[^/]+$/

interface Known {
  readonly values: Set<string>
  /** A mount of it tells callers everything, as it was asked to. */
  isOpen: boolean
}

/** By the origin of the server. */
const servers = new Map<string, Known>()

export interface Exchange {
  readonly origin: string
  readonly method: string
  readonly path: string
  readonly token: string | undefined
  readonly body: unknown
  readonly payload: string
  readonly status: number
  /** Headers and body, as the caller sees them. */
  readonly answer: string
}

function knownOf(origin: string): Known {
  const known = servers.get(origin) ?? { values: new Set(), isOpen: false }
  servers.set(origin, known)
  return known
}

/** A server whose callers are told all, or a new one at an address that another had. */
export function startExpectations(origin: string, isOpen: boolean): void {
  servers.set(origin, { values: new Set(), isOpen })
}

/** Remembers what a call has set; throws when its answer gives away what another has. */
export function lookForExpectations(exchange: Exchange): void {
  const { origin, method, path, body, status } = exchange
  const known = knownOf(origin)
  if (status < 300 && (method === 'POST' || method === 'PUT')) {
    if (/"explain_to_caller":\s*"full"/.test(exchange.payload)) known.isOpen = true
    if (rolePath.test(path)) keep(body, known.values)
  }
  const isUnprivileged = exchange.token === undefined ? status >= 400 : status === 403
  if (known.isOpen || !isUnprivileged) return
  const told = [...known.values].filter((value) => exchange.answer.includes(value))
  const own = told.length === 0 ? '' : ownText(exchange)
  for (const value of told) {
    if (own.includes(value)) continue
    assert.fail(`${method} ${path}: ${status} tells ${JSON.stringify(value)}, which a role expects`)
  }
}

function keep(body: unknown, values: Set<string>): void {
  if (typeof body !== 'object' || body === null) return
  for (const [name, value] of Object.entries(body)) {
    if (comparing.includes(name)) collect(value, values)
  }
}

function collect(value: unknown, values: Set<string>): void {
  if (typeof value === 'string') {
    for (const one of [value, ...value.split(',')]) {
      if (one.trim().length >= valueCharsMin) values.add(one.trim())
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const one of Object.values(value)) collect(one, values)
  }
}

/** What the caller has said: the request, and the claims of tokens in it. */
function ownText({ path, payload }: Exchange): string {
  const said = `${path}\n${payload}`
  const parts = said.match(/[\w-]{8,}/g) ?? []
  const claims = parts.map((part) => Buffer.from(part, 'base64url').toString('utf8'))
  return [said, decodeURIComponent(path.replaceAll(/%(?![0-9a-f]{2})/gi, '')), ...claims].join('\n')
}
