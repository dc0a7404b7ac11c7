/**
 * GET of a JSON document from an identity provider under one mount's trust settings
 * (jwt-oidc.md §1.6).
 */

import { err, ok, type Result } from '../lib/result.ts'
import { OutboundProblem, type Outbound, type OutboundProblemKind } from '../platform/outbound.ts'
import type { CaBundle } from './ca-bundle.ts'

export interface ProviderTrust {
  readonly acceptedServerNames: readonly string[]
  readonly toleratedCriticalExtensions: readonly string[]
}

export interface DocumentRequest {
  readonly url: string
  readonly ca: CaBundle
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export interface FetchedDocument {
  readonly text: string
  readonly lifeMs: number
  /** The time of the one who answered, by its Date header. */
  readonly serverTimeMs?: number
}

/** `detail` names the address and the cause and nothing of the answer's body. */
export interface FetchProblem {
  readonly reason: 'unreachable' | 'status' | 'not_json' | 'no_keys' | 'ca_unreadable'
  readonly detail: string
  /** Of `unreachable`. */
  readonly kind?: OutboundProblemKind
}

const documentBytesMax = 1_048_576
const lifeMsMin = 5_000
const lifeMsMax = 600_000

export class ProviderCalls {
  readonly #outbound: Outbound
  readonly #trust: ProviderTrust

  constructor(outbound: Outbound, trust: ProviderTrust) {
    this.#outbound = outbound
    this.#trust = trust
  }

  async getDocument({
    ca,
    ...request
  }: DocumentRequest): Promise<Result<FetchedDocument, FetchProblem>> {
    const url = shownUrl(request.url)
    if (!ca.isReadable) {
      return err({ reason: 'ca_unreadable', detail: `${url}: its CA certificate cannot be parsed` })
    }
    try {
      const answer = await this.#outbound.send({
        ...this.#trust,
        ...request,
        caPem: ca.pem,
        method: 'GET',
        headers: { accept: 'application/json', ...request.headers },
        bodyBytesMax: documentBytesMax,
        lane: 'documents',
      })
      if (answer.status !== 200) {
        return err({ reason: 'status', detail: `${url} answered with status ${answer.status}` })
      }
      // RFC 8259 §8.1: a file that was written by hand may begin with a byte order mark.
      const text = answer.body.replace(/^\ufeff/, '')
      if (looksLikeJson(text)) {
        return ok({
          text,
          lifeMs: cacheLifeMs(answer.headers),
          ...serverTime(answer.headers),
        })
      }
      return err({ reason: 'not_json', detail: notJson(url, answer.headers, answer.body) })
    } catch (problem) {
      if (!(problem instanceof OutboundProblem)) {
        return err({ reason: 'unreachable', detail: `${url}: the call failed` })
      }
      const { kind, message } = problem
      return err({ reason: 'unreachable', detail: `${url}: ${message}`, kind })
    }
  }
}

/** An address as it may be shown: without its query, which may hold an access key. */
export function shownUrl(url: string): string {
  const end = url.search(/[?#]/)
  const shown = end === -1 ? url : url.slice(0, end)
  return JSON.stringify(shown.slice(0, 300)).slice(1, -1)
}

/**
 * RFC 9111 §5.2.2.1 within the floor and ceiling of jwt-oidc.md §3.6; without a max-age the
 * ceiling.
 */
export function cacheLifeMs(headers: Readonly<Record<string, string>>): number {
  const control = headers['cache-control']?.toLowerCase() ?? ''
  if (/(?:^|,)\s*no-(?:store|cache)\s*(?:,|=|$)/.test(control)) return lifeMsMin
  const match = /(?:^|,)\s*max-age="?([0-9]{1,12})"?\s*(?:,|$)/.exec(control)
  if (match === null) return lifeMsMax
  const ageText = headers['age'] ?? ''
  const ageSeconds = /^[0-9]{1,12}$/.test(ageText) ? Number(ageText) : 0
  const lifeMs = (Number(match[1]) - ageSeconds) * 1000
  return Math.min(Math.max(lifeMs, lifeMsMin), lifeMsMax)
}

function serverTime(
  headers: Readonly<Record<string, string>>,
): Pick<FetchedDocument, 'serverTimeMs'> {
  const serverTimeMs = Date.parse(headers['date'] ?? '')
  return Number.isNaN(serverTimeMs) ? {} : { serverTimeMs }
}

function looksLikeJson(body: string): boolean {
  return /^[ \t\r\n]*[{["\-0-9tfn]/.test(body)
}

function notJson(url: string, headers: Readonly<Record<string, string>>, body: string): string {
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim() ?? ''
  const named = /^[\w!#$&^.+-]{1,60}\/[\w!#$&^.+-]{1,60}$/.test(type) ? `"${type}"` : 'unnamed'
  const isPage = type.includes('html') || /^\s*</.test(body)
  const hint = isPage ? '; is a proxy in front?' : ''
  return `${url} answered with something that is not JSON (content type ${named})${hint}`
}
