/** A browser in a direct sign-in: it comes back from the provider, is led to a clean address, and presses a button there. */

import assert from 'node:assert/strict'
import type { ApiClient, ApiResult } from './api-client.ts'

type Headers = Readonly<Record<string, string>>

export class DirectBrowser {
  readonly #client: ApiClient
  /** Below `/v1/`. */
  readonly #callback: string

  constructor(client: ApiClient, mount: string) {
    this.#client = client
    this.#callback = `auth/${mount}/oidc/callback`
  }

  /** The answer of the callback itself. */
  callback(parameters: Headers, headers: Headers = {}): Promise<ApiResult> {
    const query = new URLSearchParams(parameters).toString()
    return this.#client.call('GET', `${this.#callback}?${query}`, undefined, {
      headers: { accept: 'text/html', ...headers },
    })
  }

  /** Where that leads: the page. */
  async arrive(parameters: Headers, headers: Headers = {}): Promise<ApiResult> {
    return this.follow(await this.callback(parameters, headers), headers)
  }

  follow(first: ApiResult, headers: Headers = {}): Promise<ApiResult> {
    assert.equal(first.status, 303, first.text)
    const location = first.headers['location'] ?? ''
    assert.ok(!location.includes('?'), location)
    const cookie = (first.headers['set-cookie'] ?? '').split(';')[0] ?? ''
    return this.#client.call('GET', location, undefined, { headers: { ...headers, cookie } })
  }

  post(fields: Headers | string, headers: Headers = {}): Promise<ApiResult> {
    return this.#client.call('POST', this.#callback, undefined, {
      raw: typeof fields === 'string' ? fields : new URLSearchParams(fields).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    })
  }

  /** Presses a button of the page. */
  press(page: ApiResult, answer: 'yes' | 'no', headers: Headers = {}): Promise<ApiResult> {
    const state = /name="state" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    return this.post({ state, ticket: ticketOf(page), answer }, headers)
  }
}

/** Of the page that asks the person. */
export function ticketOf(page: ApiResult): string {
  const found = /name="ticket" value="([^"]+)"/.exec(page.text)?.[1]
  assert.ok(found !== undefined, page.text)
  return found
}

/** What the page of a form post tells the window that opened it. */
export function handedOver(page: ApiResult): { readonly code: string } {
  const found = /\{[^{}]*oidc-callback[^{}]*\}/.exec(page.text)?.[0]
  assert.ok(found !== undefined, page.text)
  return JSON.parse(found) as { readonly code: string }
}
