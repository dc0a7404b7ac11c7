/** A browser reduced to what servers see of it: it keeps cookies, follows nothing by itself and fills in forms. */

import assert from 'node:assert/strict'
import { ApiClient, type ApiResult } from '../harness/api-client.ts'

export class Visitor {
  readonly cookies = new Map<string, string>()
  /** `Set-Cookie` lines of the last answer. */
  lastCookies: readonly string[] = []
  readonly #client: ApiClient

  constructor(url: string) {
    this.#client = new ApiClient(url)
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<ApiResult> {
    return this.call('GET', path, headers)
  }

  post(
    path: string,
    form: Readonly<Record<string, string>> | string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ApiResult> {
    const raw = typeof form === 'string' ? form : new URLSearchParams(form).toString()
    const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
    return this.call('POST', path, { ...type, ...headers }, raw)
  }

  async call(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    raw?: string,
  ): Promise<ApiResult> {
    const jar = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await this.#client.call(method, path, undefined, {
      headers: { ...(jar === '' ? {} : { Cookie: jar }), ...headers },
      ...(raw === undefined ? {} : { raw }),
    })
    const set = answer.headers['set-cookie'] ?? ''
    this.lastCookies = set === '' ? [] : set.split(/, (?=__Host-)/)
    for (const line of this.lastCookies) this.#keep(line)
    return answer
  }

  /** A form of the page at this address, sent with these fields; the token of the form comes from the page. */
  async submit(
    page: string,
    action: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ApiResult> {
    const form_token = formTokenOf(await this.get(page))
    return this.post(action, { form_token, ...fields }, headers)
  }

  /** The same browser at another address of the server. */
  at(url: string): Visitor {
    const moved = new Visitor(url)
    for (const [name, value] of this.cookies) moved.cookies.set(name, value)
    return moved
  }

  async signInWithToken(token: string): Promise<ApiResult> {
    const answer = await this.submit('/ui/login?with=token', '/ui/login/token', { token })
    assert.equal(answer.status, 303, answer.text)
    return answer
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const equals = pair.indexOf('=')
    const name = pair.slice(0, equals)
    if (attributes.includes('Max-Age=0')) this.cookies.delete(name)
    else this.cookies.set(name, pair.slice(equals + 1))
  }
}

export function formTokenOf(page: ApiResult): string {
  const found = /name="form_token"\s+value="([^"]*)"/.exec(page.text)?.[1]
  assert.ok(found !== undefined, 'the page has no form')
  return found
}

/** The text of a page without its style, script and markup. */
export function textOf(page: Pick<ApiResult, 'text'>): string {
  return page.text
    .replace(/<(style|script|title)\b[\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    .replace(/\s+/g, ' ')
    .trim()
}

export const sessionCookie = '__Host-tokenstile-session'
