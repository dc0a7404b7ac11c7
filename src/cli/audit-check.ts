/**
 * Checks a file of audit records, line by line: whether each is a record, whether each request has
 * its answer, and whether anything that looks like a token stands in clear. Pure.
 */

import { holdsSecret } from '../lib/masked-text.ts'

/** Requests whose answer has not come yet; beyond it the oldest count as unanswered. */
const openMax = 1_000_000
const shownMax = 10
/** A device may put words before each record. */
const prefixCharsMax = 256

export interface AuditFindings {
  readonly requests: number
  readonly responses: number
  /** Refused requests. */
  readonly errors: number
  /** The answer may be in another file, or the request is being carried out. */
  readonly unanswered: number
  /** The request may be in the file before. */
  readonly unasked: number
  /** Numbers of the first lines that are no record, and how many there are. */
  readonly broken: { readonly count: number; readonly lines: readonly number[] }
  /** The same of lines in which something that looks like a token stands in clear. */
  readonly inClear: { readonly count: number; readonly lines: readonly number[] }
  readonly firstTime: string
  readonly lastTime: string
}

class Lines {
  count = 0
  readonly lines: number[] = []

  add(line: number): void {
    this.count++
    if (this.lines.length < shownMax) this.lines.push(line)
  }
}

export class AuditCheck {
  readonly #open = new Set<string>()
  readonly #broken = new Lines()
  readonly #inClear = new Lines()
  #line = 0
  #requests = 0
  #responses = 0
  #errors = 0
  #unanswered = 0
  #unasked = 0
  #firstTime = ''
  #lastTime = ''

  add(text: string, isWhole: boolean): void {
    this.#line++
    if (holdsSecret(text)) this.#inClear.add(this.#line)
    const record = isWhole ? parseRecord(text) : undefined
    if (record === undefined) {
      this.#broken.add(this.#line)
      return
    }
    if (this.#firstTime === '') this.#firstTime = record.time
    this.#lastTime = record.time
    if (record.type === 'request') this.#request(record.id)
    else this.#response(record)
  }

  get findings(): AuditFindings {
    return {
      requests: this.#requests,
      responses: this.#responses,
      errors: this.#errors,
      unanswered: this.#unanswered + this.#open.size,
      unasked: this.#unasked,
      broken: this.#broken,
      inClear: this.#inClear,
      firstTime: this.#firstTime,
      lastTime: this.#lastTime,
    }
  }

  #request(id: string): void {
    this.#requests++
    this.#open.add(id)
    if (this.#open.size <= openMax) return
    const [oldest = ''] = this.#open
    this.#open.delete(oldest)
    this.#unanswered++
  }

  #response({ id, hasError }: Parsed): void {
    this.#responses++
    if (hasError) this.#errors++
    if (!this.#open.delete(id)) this.#unasked++
  }
}

interface Parsed {
  readonly time: string
  readonly type: 'request' | 'response'
  readonly id: string
  readonly hasError: boolean
}

function parseRecord(text: string): Parsed | undefined {
  const at = text.indexOf('{')
  if (at < 0 || at > prefixCharsMax) return undefined
  const value = parseObject(text.slice(at))
  const request = asObject(value?.['request'])
  const { time, type, error } = value ?? {}
  const id = request?.['id']
  if (typeof time !== 'string' || typeof id !== 'string') return undefined
  if (type !== 'request' && type !== 'response') return undefined
  return { time, type, id, hasError: error !== undefined }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return asObject(value)
  } catch {
    return undefined
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? { ...value }
    : undefined
}
