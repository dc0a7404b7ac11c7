/**
 * Calls to a provider's directory of people and groups for one login (jwt-oidc.md §5). They leave
 * through `platform/outbound`, and are few, short and small together: a login ends in time,
 * whatever the directory does (SEC-NET-07). Nothing is tried again, and nothing incomplete is ever
 * an answer: a problem here refuses the login.
 */

import { isJsonObject, parseJson, type JsonLimits, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { Clock } from '../platform/clock.ts'
import { OutboundProblem, type Outbound, type OutboundResponse } from '../platform/outbound.ts'
import { shownUrl, type ProviderTrust } from './provider-calls.ts'

export interface DirectoryContext {
  readonly outbound: Outbound
  readonly clock: Clock
  readonly trust: ProviderTrust
  /** Empty trusts the system's roots. */
  readonly caPem: string
}

export interface DirectoryRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface DirectoryAnswer {
  readonly json: JsonValue
  readonly headers: Readonly<Record<string, string>>
}

/** One line; names the address without its query, and nothing of what was sent or came back. */
export type DirectoryProblem = string

/** Pages, and searches of groups of groups: all calls of one login. */
export const directoryCallsMax = 200
/** Group names of one login; a token's own list could hold no more either. */
export const directoryGroupsMax = 10_000
const callTimeoutMs = 10_000
const loginTimeoutMs = 25_000
const bodyBytesMax = 1_048_576

const answerLimits: JsonLimits = {
  depthMax: 32,
  stringLengthMax: 65_536,
  entriesMax: 50_000,
  duplicates: 'refuse',
  loneSurrogates: 'refuse',
}

export class DirectoryCalls {
  readonly #context: DirectoryContext
  readonly #endsAtMs: number
  #callsLeft = directoryCallsMax

  constructor(context: DirectoryContext) {
    this.#context = context
    this.#endsAtMs = context.clock.monotonicMs() + loginTimeoutMs
  }

  /** A JSON answer with status 200, or why there is none. */
  async ask(request: DirectoryRequest): Promise<Result<DirectoryAnswer, DirectoryProblem>> {
    const url = shownUrl(request.url)
    // Whoever reads along on the way would have the credential.
    if (!request.url.startsWith('https://')) {
      return err(`${url} is not asked: a credential is sent over https only`)
    }
    if (--this.#callsLeft < 0) return err(`more than ${directoryCallsMax} calls for one login`)
    const leftMs = this.#endsAtMs - this.#context.clock.monotonicMs()
    if (leftMs <= 0) return err(`${url}: no time is left for this login`)
    const { outbound, trust, caPem } = this.#context
    try {
      const answer = await outbound.send({
        ...trust,
        ...request,
        headers: { accept: 'application/json', ...request.headers },
        caPem,
        timeoutMs: Math.min(callTimeoutMs, leftMs),
        bodyBytesMax,
      })
      return read(answer, url)
    } catch (problem) {
      const cause = problem instanceof OutboundProblem ? problem.message : 'the call failed'
      return err(`${url}: ${cause}`)
    }
  }
}

function read(answer: OutboundResponse, url: string): Result<DirectoryAnswer, DirectoryProblem> {
  const { status, headers, body } = answer
  if (status !== 200) return err(`${url} answered with status ${status}${laterText(headers)}`)
  const json = parseJson(body, answerLimits)
  if (!json.ok) return err(`${url} answered with something that is not acceptable JSON`)
  return ok({ json: json.value, headers })
}

/** RFC 9110 §10.2.3: how long a directory that is asked too often wants to be left alone. */
function laterText(headers: Readonly<Record<string, string>>): string {
  const after = headers['retry-after'] ?? ''
  return /^[0-9]{1,6}$/.test(after) ? ` and asks to come back in ${after} seconds` : ''
}

/** A list of strings under that name; undefined for anything else. */
export function textsIn(json: JsonValue, name: string): readonly string[] | undefined {
  const list = isJsonObject(json) && Object.hasOwn(json, name) ? json[name] : undefined
  if (!Array.isArray(list)) return undefined
  const texts = list.filter((one) => typeof one === 'string')
  return texts.length === list.length ? texts : undefined
}

/** The address of the next page, when it is where the first one was: a credential goes with it. */
export function nextPage(first: string, next: string): Result<string, DirectoryProblem> {
  if (!URL.canParse(next, first)) return err('the address of the next page cannot be read')
  const { origin, href } = new URL(next, first)
  if (origin === new URL(first).origin) return ok(href)
  return err(`the next page is at another origin than ${shownUrl(first)}, and is not asked for`)
}
