/** One request to the pages: its parameters and cookies, and answers in the visitor's colours. */

import { cookie, parseCookies } from './cookies.ts'
import { parseOwnPath } from './own-path.ts'
import { redirectHeaders, themeOf, type Page, type PageFrame, type Theme } from './page.ts'
import { openSession, type Session } from './session.ts'
import type { ApiCall, ApiResult, WebAnswer, WebDoors, WebRequest } from './web-doors.ts'

const visitLifeMs = 8 * 3_600_000

export class Visit {
  readonly request: WebRequest
  readonly doors: WebDoors
  readonly cookies: ReadonlyMap<string, string>
  readonly query: URLSearchParams
  readonly #newCookies: string[] = []
  #visitId: string | undefined
  #session: Promise<Session | undefined> | undefined

  constructor(request: WebRequest, doors: WebDoors) {
    this.request = request
    this.doors = doors
    this.cookies = parseCookies(request.header('cookie'))
    this.query = new URLSearchParams(request.query)
  }

  /** The fields of a posted form; undefined when the body is none. */
  form(): URLSearchParams | undefined {
    const type = this.request.header('content-type') ?? ''
    if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(type)) return undefined
    return new URLSearchParams(this.request.body.toString('utf8'))
  }

  get theme(): Theme {
    return themeOf(this.cookies)
  }

  /**
   * Undefined when there is none, and when it was signed out: a copy of its cookie is worth nothing
   * then.
   */
  session(): Promise<Session | undefined> {
    this.#session ??= openSession(this.doors, this.cookies.get('session'))
    return this.#session
  }

  api(call: Omit<ApiCall, 'clientAddress' | 'signal'>): Promise<ApiResult> {
    const { clientAddress, signal } = this.request
    return this.doors.api({ ...call, clientAddress, signal })
  }

  /** What every page is drawn with; the address is where a change of colours leads back to. */
  frame(ownAddress?: string): PageFrame & { readonly nonce: string } {
    const { path, query } = this.request
    const here = ownAddress ?? (query === '' ? path : `${path}?${query}`)
    return {
      nonce: this.doors.randomText(),
      theme: this.theme,
      environment: this.doors.environment,
      ownAddress: parseOwnPath(here) ?? '/ui/',
    }
  }

  setCookie(text: string): void {
    this.#newCookies.push(text)
  }

  page(page: Page, headers: Readonly<Record<string, string>> = {}): WebAnswer {
    return {
      status: page.status,
      headers: { 'Content-Type': page.contentType, ...page.headers, ...headers },
      body: page.body,
      cookies: this.#newCookies,
    }
  }

  /** 303: whatever the request was, the next one is a GET. */
  redirect(location: string): WebAnswer {
    return {
      status: 303,
      headers: { ...redirectHeaders(), Location: location },
      body: '',
      cookies: this.#newCookies,
    }
  }

  // ---------------------------------------------------------------- forms

  /**
   * A text that only a form of this page in this browser has: sealed, for a while, and bound to a
   * cookie that another site can neither read nor set.
   */
  formToken(): string {
    this.#visitId ??= this.#knownVisitId() ?? this.#newVisitId()
    const expiresAtMs = this.doors.nowMs() + visitLifeMs
    return this.doors.sealText(this.#visitId, { purpose: 'form', expiresAtMs })
  }

  /** A new sign-in is a new visitor: forms of before are worth nothing. */
  renewVisit(): void {
    this.#visitId = this.#newVisitId()
  }

  isOwnForm(form: URLSearchParams): boolean {
    const known = this.#knownVisitId()
    const bound = this.doors.openText(form.get('form_token') ?? '', 'form')
    return known !== undefined && known === bound && this.#comesFromHere()
  }

  #knownVisitId(): string | undefined {
    const id = this.cookies.get('visit')
    return id !== undefined && /^[\w-]{24}$/.test(id) ? id : undefined
  }

  #newVisitId(): string {
    const id = this.doors.randomText()
    this.setCookie(cookie('visit', id))
    return id
  }

  /**
   * What the browser itself says about where a form was sent from; old ones and programs say
   * nothing.
   */
  #comesFromHere(): boolean {
    const site = this.request.header('sec-fetch-site')
    if (site !== undefined && site !== 'same-origin') return false
    const origin = this.request.header('origin')
    // Fetch standard §3.1: under our own Referrer-Policy a form of ours sends "null"; then the
    // token and the line above decide.
    if (origin === undefined || origin === 'null') return true
    if (!URL.canParse(origin)) return false
    const { host } = new URL(origin)
    const own = this.doors.publicOrigin(this.request)
    return host === this.request.header('host') || (own !== undefined && host === new URL(own).host)
  }
}
