/** A certified OpenID provider on a free loopback port, and a person at it who says yes with an HTTP client instead of a browser. */

import { generateKeyPairSync } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider, type ClientMetadata, type Configuration } from 'oidc-provider'

export interface CertifiedProvider {
  readonly issuer: string
  /** Where the browser would be sent in the end, and with what: the query of a redirect, or the fields of a form that posts itself. */
  signIn(authUrl: string, account: string): Promise<Arrival>
  /** Says yes to a device. */
  approveDevice(address: string, userCode: string, account: string): Promise<void>
  stop(): Promise<void>
}

export interface Arrival {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly parameters: Readonly<Record<string, string>>
}

export async function startCertifiedProvider(
  clients: readonly ClientMetadata[],
  more: Configuration = {},
): Promise<CertifiedProvider> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    clients: [...clients],
    jwks: {
      keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' }],
    },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    // oidc-provider's own account pages stand in for a directory.
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        email: `${id}@example.com`,
        email_verified: true,
        name: id,
        groups: id === 'alice' ? ['platform', 'developers'] : ['developers'],
      }),
    }),
    features: { devInteractions: { enabled: true }, deviceFlow: { enabled: true } },
    responseTypes: ['code', 'id_token'],
    pkce: { required: () => false },
    cookies: { keys: ['a key of the test'] },
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      IdToken: 600,
      Session: 600,
      Interaction: 600,
      Grant: 600,
      DeviceCode: 600,
    },
    ...more,
  })
  server.on('request', provider.callback())
  return {
    issuer,
    signIn: (authUrl, account) => new Person(issuer, account).signIn(authUrl),
    approveDevice: (address, userCode, account) =>
      new Person(issuer, account).approve(address, userCode),
    stop: () => stop(server),
  }
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

interface Visited {
  readonly status: number
  readonly location: string
  readonly text: string
  readonly url: string
}

/** Keeps cookies, follows redirects on the provider's origin, fills in its forms. */
class Person {
  readonly #issuer: string
  readonly #account: string
  readonly #cookies = new Map<string, string>()

  constructor(issuer: string, account: string) {
    this.#issuer = issuer
    this.#account = account
  }

  async signIn(authUrl: string): Promise<Arrival> {
    const page = await this.#walk(await this.#visit(authUrl))
    if (page.location !== '') {
      const url = new URL(page.location)
      const parameters = Object.fromEntries(url.searchParams)
      return { method: 'GET', url: `${url.origin}${url.pathname}`, parameters }
    }
    return { method: 'POST', url: formAction(page.text), parameters: formFields(page.text) }
  }

  async approve(address: string, userCode: string): Promise<void> {
    let page = await this.#visit(address)
    const first = { ...formFields(page.text), user_code: userCode }
    page = await this.#visit(new URL(formAction(page.text), page.url).href, first)
    if (page.text.includes('name="confirm"') || page.text.includes('confirm')) {
      const confirm = { ...formFields(page.text), confirm: 'yes' }
      page = await this.#visit(new URL(formAction(page.text), page.url).href, confirm)
    }
    await this.#walk(page)
  }

  /** Up to a redirect that leaves the provider, or a page that has nothing to fill in. */
  async #walk(first: Visited): Promise<Visited> {
    let page = first
    for (let steps = 0; steps < 20; steps++) {
      if (page.status >= 300 && page.status < 400) {
        const next = new URL(page.location, page.url)
        if (next.origin !== this.#issuer) return { ...page, location: next.href }
        page = await this.#visit(next.href)
        continue
      }
      const prompt = /name="prompt" value="(login|consent)"/.exec(page.text)?.[1]
      if (prompt === undefined) return { ...page, location: '' }
      const fields: Record<string, string> =
        prompt === 'login' ? { login: this.#account, password: 'x' } : {}
      page = await this.#visit(formAction(page.text), { prompt, ...fields })
    }
    throw new Error('the provider sends in circles')
  }

  async #visit(url: string, form?: Readonly<Record<string, string>>): Promise<Visited> {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      const equals = pair.indexOf('=')
      this.#cookies.set(pair.slice(0, equals), pair.slice(equals + 1))
    }
    const location = response.headers.get('location') ?? ''
    return { status: response.status, location, text: await response.text(), url }
  }
}

function formAction(page: string): string {
  return unescapeHtml(/<form[^>]*action="([^"]*)"/.exec(page)?.[1] ?? '')
}

function formFields(page: string): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const [input] of page.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1]
    const value = /value="([^"]*)"/.exec(input)?.[1]
    if (name !== undefined && value !== undefined) fields[name] = unescapeHtml(value)
  }
  return fields
}

function unescapeHtml(text: string): string {
  return text.replaceAll('&quot;', '"').replaceAll('&#x2F;', '/').replaceAll('&amp;', '&')
}
