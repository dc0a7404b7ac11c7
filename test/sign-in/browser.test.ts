/** People in a real browser: through a certified provider, with and without script, on two mounts, over a restart. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { tcpListener } from '../../src/http/listener-options.ts'
import { openBrowser } from '../harness/browser.ts'
import { startCertifiedProvider, type CertifiedProvider } from '../harness/certified-provider.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

let browser: Browser
let idp: CertifiedProvider
let server: TestServer
let folder: string
const secret = 'secret'

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tokenstile-browser-'))
  server = await startTestServer({ storage: 'lmdb', folder, ui: true })
  const redirects = ['oidc', 'posted', 'team/oidc'].flatMap((mount) => [
    `${server.url}/ui/vault/auth/${mount}/oidc/callback`,
    `${server.url}/v1/auth/${mount}/oidc/callback`,
  ])
  idp = await startCertifiedProvider([
    {
      client_id: 'tokenstile',
      client_secret: secret,
      redirect_uris: [...redirects, 'http://localhost:8250/oidc/callback'],
      application_type: 'native',
    },
  ])
  await mount('oidc', {})
  await mount('posted', { oidc_response_mode: 'form_post' })
  await mount('team/oidc', {})
  browser = await openBrowser()
})

after(async () => {
  await browser.close()
  await server.stop()
  await idp.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function mount(path: string, config: object): Promise<void> {
  const { root } = server
  await root.must(`sys/auth/${path}`, {
    type: 'oidc',
    description: `Sign-in of ${path}`,
    config: { listing_visibility: 'unauth' },
  })
  await root.must(`auth/${path}/config`, {
    oidc_discovery_url: idp.issuer,
    oidc_client_id: 'tokenstile',
    oidc_client_secret: secret,
    default_role: 'people',
    ...config,
  })
  await root.must(`auth/${path}/role/people`, {
    user_claim: 'email',
    groups_claim: 'groups',
    oidc_scopes: ['email', 'profile'],
    token_policies: ['reader'],
    allowed_redirect_uris: [`${server.url}/ui/vault/auth/${path}/oidc/callback`],
  })
}

interface Visit {
  readonly context: BrowserContext
  readonly page: Page
  readonly addresses: string[]
  readonly problems: string[]
}

async function visit(javaScriptEnabled: boolean): Promise<Visit> {
  const context = await browser.newContext({ javaScriptEnabled })
  context.setDefaultTimeout(20_000)
  const page = await context.newPage()
  const addresses: string[] = []
  const problems: string[] = []
  page.on('framenavigated', (frame) => addresses.push(frame.url()))
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) problems.push(message.text())
  })
  return { context, page, addresses, problems }
}

/** What a person does at the provider. */
async function sayYes(page: Page, account: string): Promise<void> {
  await page.fill('input[name="login"]', account)
  await page.fill('input[name="password"]', 'x')
  await page.click('button[type="submit"]')
  await page.click('button[type="submit"]')
}

for (const script of [true, false]) {
  const how = script ? 'with script' : 'without script'
  test(`SEC-WEB-06, SEC-OID-26 ${how}: alice signs in, and the address bar keeps neither code nor state`, async () => {
    const { context, page, problems } = await visit(script)
    await page.goto(`${server.url}/ui/`)
    await page.click('a[href*="/ui/login/oidc/start"]')
    await sayYes(page, 'alice')
    await page.waitForURL(`${server.url}/ui/**`)
    assert.ok(!/code=|state=/.test(page.url()), page.url())
    const text = await page.innerText('body')
    assert.match(text, /alice@example\.com/)
    assert.match(text, /reader/)
    const cookies = await context.cookies()
    const session = cookies.find(({ name }) => /^__Host-.*session/.test(name))
    assert.ok(session !== undefined, JSON.stringify(cookies.map(({ name }) => name)))
    assert.ok(session.httpOnly && session.secure && session.sameSite === 'Lax')
    assert.ok(!session.value.startsWith('hvs.'), 'a session is no token')
    assert.deepEqual(problems, [])
    await page.click('button:has-text("Sign out")')
    await page.goto(`${server.url}/ui/`)
    assert.match(page.url(), /\/ui\/login/)
    await context.close()
  })
}

test('a posted answer ends in the same place', async () => {
  const { context, page } = await visit(true)
  await page.goto(`${server.url}/ui/login/posted/start`)
  await sayYes(page, 'bob')
  await page.waitForURL(`${server.url}/ui/**`)
  assert.ok(!/code=|state=/.test(page.url()), page.url())
  assert.match(await page.innerText('body'), /bob@example\.com/)
  await context.close()
})

test('a mount with a slash in its path, and two sign-ins in one browser at once', async () => {
  const { context, page } = await visit(true)
  const other = await context.newPage()
  await page.goto(`${server.url}/ui/login/team/oidc/start`)
  await other.goto(`${server.url}/ui/login/oidc/start`)
  await sayYes(page, 'alice')
  await page.waitForURL(`${server.url}/ui/**`)
  assert.match(await page.innerText('body'), /alice@example\.com/)
  await context.close()
})

test('a link that somebody else began says so and asks nothing of the server', async () => {
  const { context, page } = await visit(true)
  const state = 'st_0123456789012345678901234567890123456789abc'
  await page.goto(`${server.url}/ui/vault/auth/oidc/oidc/callback?state=${state}&code=x`)
  assert.match(await page.innerText('body'), /another browser/i)
  await context.close()
})

test('a person who says no reads whose side it is on, and can start again', async () => {
  const { context, page } = await visit(true)
  await page.goto(`${server.url}/ui/login/oidc/start`)
  await page.click('a[href*="abort"]')
  await page.waitForURL(`${server.url}/ui/**`)
  const text = await page.innerText('body')
  assert.match(text, /access_denied/)
  assert.match(text, /idp_denied/)
  await context.close()
})

test('SEC-OID-27 a sign-in begun before a restart ends after it', async () => {
  const { context, page } = await visit(true)
  await page.goto(`${server.url}/ui/login/oidc/start`)
  const { port, unsealKey } = server
  await server.stop()
  server = await startTestServer({
    storage: 'lmdb',
    folder,
    raw: true,
    ui: true,
    listeners: [tcpListener({ host: '127.0.0.1', port })],
  })
  await server.client().must('sys/unseal', { key: unsealKey })
  await sayYes(page, 'alice')
  await page.waitForURL(`${server.url}/ui/**`)
  assert.match(await page.innerText('body'), /alice@example\.com/)
  await context.close()
})
