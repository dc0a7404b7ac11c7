/**
 * A real server with its pages, and an identity provider whose authorization page says yes at once, for people who have no
 * hands. That page stands under another name than the server, so that the two are different sites to a browser.
 */

import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ApiClient } from '../harness/api-client.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../harness/test-server.ts'

export interface Reply {
  /** Sent back instead of a code. */
  readonly error?: { readonly error: string; readonly error_description?: string }
  /** By a form that sends itself, as `response_mode=form_post` asks. */
  readonly isPosted?: boolean
  /** By a link, which waits for somebody. */
  readonly isLink?: boolean
}

export interface UiSetup {
  readonly server: TestServer
  readonly url: string
  readonly root: ApiClient
  readonly idp: ScriptedProvider
  /** How the provider's page answers. */
  reply: Reply
  /** Headers of the requests to that page. */
  readonly visits: Readonly<Record<string, string | string[] | undefined>>[]
  readonly callback: string
  /** Writes the role; it allows the callback of the pages. */
  role(name: string, more?: object): Promise<void>
  configure(more?: object): Promise<void>
  stop(): Promise<void>
}

export async function setUpUi(options: TestServerOptions = {}): Promise<UiSetup> {
  const idp = await new ScriptedProvider().start()
  const visits: UiSetup['visits'] = []
  const page = await startPage((request) => {
    visits.push(request.headers)
    return answerOf(setup, request.url ?? '')
  })
  const server = await startTestServer({ ui: true, ...options })
  const { root, url } = server
  // `localhost` is another site than `127.0.0.1`.
  idp.metadata = { authorization_endpoint: `http://localhost:${page.port}/authorize` }
  const callback = `${url}/ui/vault/auth/oidc/oidc/callback`
  const config = {
    oidc_discovery_url: idp.issuer,
    oidc_client_id: idp.clientId,
    oidc_client_secret: idp.clientSecret,
    jwt_supported_algs: ['ES256'],
    default_role: 'people',
  }
  const setup: UiSetup = {
    server,
    url,
    root,
    idp,
    reply: {},
    visits,
    callback,
    role: async (name, more = {}) => {
      await root.must(`auth/oidc/role/${name}`, {
        role_type: 'oidc',
        user_claim: 'email',
        allowed_redirect_uris: [callback],
        token_policies: ['reader'],
        token_ttl: '1h',
        ...more,
      })
    },
    configure: async (more = {}) => {
      await root.must('auth/oidc/config', { ...config, ...more })
    },
    stop: async () => {
      await server.stop()
      await page.stop()
      await idp.stop()
    },
  }
  await root.must('sys/policies/acl/reader', {
    policy: `path "secret/data/demo" { capabilities = ["read"] }
path "secret/data/deploy/*" { capabilities = ["create", "update"] }`,
  })
  await root.must('sys/auth/oidc', {
    type: 'oidc',
    description: 'Acme Okta',
    config: { listing_visibility: 'unauth' },
  })
  await setup.configure()
  await setup.role('people')
  return setup
}

/** The place that the answer of the start sends a browser to, judged as the provider's page would. */
export function answerOf(
  setup: UiSetup,
  path: string,
): { status: number; text: string; at: string } {
  const asked = new URL(path, 'http://localhost').searchParams
  const { code, state } = setup.idp.authorize(`http://localhost${path}`)
  const { error } = setup.reply
  const parameters = new URLSearchParams({ ...(error ?? { code }), state })
  const back = asked.get('redirect_uri') ?? ''
  // The address of a namespace has a query of its own.
  const address = `${back}${back.includes('?') ? '&' : '?'}${parameters.toString()}`
  if (setup.reply.isLink === true)
    return { status: 200, text: `<a href="${address}">Go on</a>`, at: '' }
  if (setup.reply.isPosted !== true) return { status: 303, text: '', at: address }
  const fields = [...parameters].map(
    ([name, value]) => `<input type="hidden" name="${name}" value="${value}">`,
  )
  const form = `<form method="post" action="${back}">${fields.join('')}<button>Go on</button></form>`
  return { status: 200, text: `<!doctype html><title>Provider</title>${form}`, at: '' }
}

async function startPage(
  answer: (request: IncomingMessage) => ReturnType<typeof answerOf>,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const page: Server = createServer((request, response) => {
    if (!(request.url ?? '').startsWith('/authorize')) {
      response.writeHead(404).end()
      return
    }
    const { status, text, at } = answer(request)
    response.writeHead(status, {
      'content-type': 'text/html; charset=utf-8',
      ...(at === '' ? {} : { location: at }),
    })
    response.end(text)
  })
  await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve))
  return {
    port: (page.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        page.close(() => resolve())
        page.closeAllConnections()
      }),
  }
}
