/** The pages in a real browser: what runs, what is loaded, who can use them, and whole sign-ins with and without script. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test, type TestContext } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { mintedPage, practicePage } from '../../src/practice-idp/practice-page.ts'
import { pickerPage, type PracticePage } from '../../src/practice-idp/sign-in-pages.ts'
import { handOverPage, type Page as TextPage } from '../../src/ui/flow-pages.ts'
import { openBrowser } from '../harness/browser.ts'
import { setUpUi, type UiSetup } from './fixture.ts'
import { hostileTexts } from './hostile-texts.ts'
import { openPage, type PageOptions, type Watched } from './page-browser.ts'
import { samplePages } from './sample-pages.ts'

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
)

let browser: Browser
let ui: UiSetup

before(async () => {
  browser = await openBrowser()
  ui = await setUpUi()
})
after(async () => {
  await browser.close()
  await ui.stop()
})

interface Found {
  readonly hacked: boolean
  readonly elements: readonly string[]
  readonly handlers: readonly string[]
}

/** Texts, not functions: the types of this repository know no document. */
const findScript = `({
  hacked: 'hacked' in window,
  elements: [...document.querySelectorAll('*')].map(({ tagName }) => tagName),
  handlers: [...document.querySelectorAll('*')].flatMap((element) =>
    element.getAttributeNames().filter((name) => name.startsWith('on'))),
})`

/** A page that is closed with its test. */
async function visit(t: TestContext, options: PageOptions = {}): Promise<Watched> {
  const watched = await openPage(browser, options)
  t.after(() => watched.context.close())
  return watched
}

/** Serves texts that a test hands in, with their headers. */
class Shelf {
  readonly pages = new Map<string, Pick<TextPage, 'status' | 'contentType' | 'body' | 'headers'>>()
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => {
      const page = this.pages.get(request.url ?? '')
      if (page === undefined) {
        response.writeHead(404).end()
        return
      }
      response.writeHead(page.status, { 'Content-Type': page.contentType, ...page.headers })
      response.end(page.body)
    })
  }

  start(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  put(path: string, page: TextPage): string {
    this.pages.set(path, page)
    return `http://127.0.0.1:${this.port}${path}`
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }
}

async function ownShelf(t: TestContext): Promise<Shelf> {
  const shelf = new Shelf()
  await shelf.start()
  t.after(() => shelf.stop())
  return shelf
}

suite('SEC-WEB-01, SEC-WEB-02, SEC-WEB-05: hostile values on every page', () => {
  const shelf = new Shelf()
  before(() => shelf.start())
  after(() => shelf.stop())

  let watched: Watched
  const elements = new Map<string, readonly string[]>()
  before(async () => {
    watched = await openPage(browser)
    for (const [name, sample] of Object.entries(samplePages('word'))) {
      await watched.page.goto(shelf.put(`/${name}`, sample))
      elements.set(name, (await watched.page.evaluate<Found>(findScript)).elements)
    }
  })
  after(() => watched.context.close())

  for (const [index, [label, text]] of hostileTexts.entries()) {
    test(label, async () => {
      const { page } = watched
      for (const [name, sample] of Object.entries(samplePages(text))) {
        await page.goto(shelf.put(`/${name}/${index}`, sample))
        const found = await page.evaluate<Found>(findScript)
        assert.equal(found.hacked, false, name)
        assert.deepEqual(found.handlers, [], name)
        assert.deepEqual(found.elements, elements.get(name), name)
      }
    })
  }

  test('nothing was stopped, thrown or asked, and nothing was loaded from elsewhere', () => {
    assert.deepEqual(watched.troubles, [])
    const own = `http://127.0.0.1:${shelf.port}/`
    const foreign = watched.requests.filter(
      (url) => !url.startsWith(own) && !url.startsWith('data:'),
    )
    assert.deepEqual(foreign, [])
  })

  test('from the address, the provider and the configuration, through the server', async (t) => {
    const text = hostileTexts
      .map(([, value]) => value)
      .join(' ')
      .slice(0, 400)
    await ui.root.must('sys/auth/hostile', {
      type: 'oidc',
      description: text.slice(0, 200),
      config: { listing_visibility: 'unauth' },
    })
    const watched = await visit(t)
    const { page } = watched
    const query = `role=${encodeURIComponent(text.slice(0, 120))}&return_to=${encodeURIComponent(text)}&with=${encodeURIComponent(text)}`
    await page.goto(`${ui.url}/ui/login?${query}`)
    await page.goto(
      `${ui.url}/ui/login/${encodeURIComponent('<img src=x onerror=window.hacked=1>')}`,
    )
    await page.goto(
      `${ui.url}/ui/login/oidc/start?role=${encodeURIComponent('"><script>window.hacked=1</script>')}`,
    )
    ui.reply = { error: { error: text, error_description: text } }
    await page.goto(`${ui.url}/ui/login/oidc/start`)
    await page.getByText('The identity provider said').waitFor()
    assert.equal(await page.evaluate(`'hacked' in window`), false)
    assert.deepEqual(watched.troubles, [])
    ui.reply = {}
    await ui.root.remove('sys/auth/hostile')
  })
})

suite('SEC-WEB-04: the hand-over tells its opener, and nobody else', () => {
  const shelf = new Shelf()
  const nonce = 'QUJDREVGR0hJSktMTU5P'
  before(async () => {
    await shelf.start()
    const opener = `<!doctype html><title>opener</title><script>
      window.got=[];addEventListener('message',(e)=>window.got.push([e.origin,e.data]))</script>`
    shelf.put('/opener', { status: 200, contentType: 'text/html', headers: {}, body: opener })
    shelf.put(
      '/hand-over',
      handOverPage({ nonce, path: 'corp/sso', state: 'st_</script>1', ticket: 'tick</script>et' }),
    )
  })
  after(() => shelf.stop())

  async function openFrom(
    t: TestContext,
    host: string,
  ): Promise<{ got: unknown; troubles: readonly string[] }> {
    const watched = await visit(t)
    const { page, context } = watched
    await page.goto(`http://${host}:${shelf.port}/opener`)
    const opened = context.waitForEvent('page')
    await page.evaluate(`void window.open('http://127.0.0.1:${shelf.port}/hand-over')`)
    const popup = await opened
    await popup.waitForLoadState('load')
    assert.match(await popup.innerText('main'), /window in which you began goes on/)
    // A message that was sent has arrived when a later one has.
    await popup.evaluate('new Promise((resolve) => setTimeout(resolve, 100))')
    const got = await page.evaluate<unknown>('window.got')
    return { got, troubles: watched.troubles }
  }

  test('a window of the same origin gets path and state, and no code', async (t) => {
    const { got, troubles } = await openFrom(t, '127.0.0.1')
    const message = {
      source: 'oidc-callback',
      path: 'corp/sso',
      code: 'tick</script>et',
      state: 'st_</script>1',
    }
    assert.deepEqual(got, [[`http://127.0.0.1:${shelf.port}`, message]])
    assert.deepEqual(troubles, [])
  })

  test('a window of another origin gets nothing', async (t) => {
    const { got } = await openFrom(t, 'localhost')
    assert.deepEqual(got, [])
  })
})

suite('signing in', () => {
  for (const javaScript of [true, false]) {
    const how = javaScript ? 'with script' : 'without script'

    test(`SEC-WEB-05, SEC-WEB-06, SEC-OID-26: through the provider and out again, ${how}`, async (t) => {
      const watched = await visit(t, { javaScript })
      const { page, context } = watched
      ui.visits.length = 0
      await page.goto(`${ui.url}/ui/login?return_to=%2Fui%2F%3Ffrom%3Dhere`)
      await page.getByRole('link', { name: 'Continue with Acme Okta' }).click()
      await page.getByText('Signed in as').waitFor()
      assert.equal(page.url(), `${ui.url}/ui/?from=here`)
      assert.match(await page.innerText('main'), /bob@example\.com/)
      // The provider learns nothing from our addresses, and we nothing from its.
      assert.deepEqual(
        ui.visits.map(({ referer }) => referer),
        [undefined],
      )
      const cookies = await context.cookies()
      assert.ok(cookies.length > 0)
      for (const cookie of cookies) {
        assert.ok(cookie.httpOnly && cookie.secure && cookie.sameSite === 'Lax', cookie.name)
        assert.ok(cookie.name.startsWith('__Host-') && !cookie.value.includes('hvs.'))
      }
      const tab = await context.newPage()
      await tab.goto(`${ui.url}/ui/`)
      await tab.getByText('Signed in as').waitFor()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByText('You are signed out').waitFor()
      // SEC-WEB-07: nothing is left, neither in the browser, nor behind its back button, nor in another tab.
      await page.goBack()
      await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor()
      assert.ok(!(await page.content()).includes('bob@'))
      await tab.reload()
      await tab.getByRole('heading', { name: 'Sign in', exact: true }).waitFor()
      if (javaScript) {
        assert.equal(await page.evaluate('localStorage.length + sessionStorage.length'), 0)
      }
      const left = (await context.cookies()).map(({ name }) => name)
      assert.ok(!left.includes('__Host-tokenstile-session'), left.join())
      const foreign = watched.requests.filter(
        (url) => !url.startsWith(ui.url) && !url.startsWith('data:'),
      )
      assert.deepEqual(
        foreign.map((url) => new URL(url).pathname),
        ['/authorize'],
      )
      assert.deepEqual(watched.troubles, [])
    })

    test(`the provider posts its answer from another site, ${how}`, async (t) => {
      await ui.configure({ oidc_response_mode: 'form_post' })
      ui.reply = { isPosted: true }
      const watched = await visit(t, { javaScript })
      const { page } = watched
      await page.goto(`${ui.url}/ui/login`)
      await page.getByRole('link', { name: 'Continue with Acme Okta' }).click()
      await page.getByRole('button', { name: 'Go on' }).click()
      await page.getByText('Signed in as').waitFor()
      assert.equal(page.url(), `${ui.url}/ui/`)
      assert.deepEqual(watched.troubles, [])
      ui.reply = {}
      await ui.configure()
    })

    test(`the provider refuses, and the next attempt works, ${how}`, async (t) => {
      ui.reply = { error: { error: 'access_denied', error_description: 'Not assigned.' } }
      const watched = await visit(t, { javaScript })
      const { page } = watched
      await page.goto(`${ui.url}/ui/login/oidc?auto=1&role=people`)
      await page.getByText('access_denied: Not assigned.').waitFor()
      ui.reply = {}
      await page.getByRole('link', { name: 'Start again' }).click()
      await page.getByText('Signed in as').waitFor()
      assert.deepEqual(watched.troubles, [])
    })

    test(`with a token by keyboard alone, ${how}`, async (t) => {
      const watched = await visit(t, { javaScript })
      const { page } = watched
      await page.goto(`${ui.url}/ui/login?with=token`)
      await page.locator('input[name=token]:focus').waitFor()
      await page.keyboard.type(ui.server.rootToken)
      await page.keyboard.press('Enter')
      await page.getByText('This is a root token').waitFor()
      assert.ok(!page.url().includes('hvs.'))
    })
  }

  test('an answer in another browser is refused there and taken in the first', async (t) => {
    const first = await visit(t, { javaScript: false })
    const other = await visit(t, { javaScript: false })
    ui.reply = { isLink: true }
    await first.page.goto(`${ui.url}/ui/login/oidc/start`)
    const link = first.page.getByRole('link', { name: 'Go on' })
    await other.page.goto((await link.getAttribute('href')) ?? '')
    assert.match(await other.page.innerText('main'), /Started in another browser/)
    await link.click()
    await first.page.getByText('Signed in as').waitFor()
    ui.reply = {}
  })

  test('SEC-OID-20: a frame, a picture and a fetch of another page bring nothing', async (t) => {
    const shelf = await ownShelf(t)
    const watched = await visit(t)
    const { page, context } = watched
    await page.goto(`${ui.url}/ui/login`)
    const places = [`${ui.url}/ui/login/oidc/start`, `${ui.url}/ui/login`]
    const body = places.map((url) => `<iframe src="${url}"></iframe><img src="${url}">`).join('')
    shelf.put('/', { status: 200, contentType: 'text/html', headers: {}, body })
    ui.visits.length = 0
    // The same site, so that cookies would come along.
    await page.goto(`http://127.0.0.1:${shelf.port}/`)
    for (const frame of page.frames().slice(1)) {
      assert.ok(!(await frame.content()).includes('Sign in'), frame.url())
    }
    assert.equal(ui.visits.length, 0)
    const names = (await context.cookies()).map(({ name }) => name)
    assert.ok(!names.includes('__Host-tokenstile-flows'))
  })

  test('SEC-WEB-10: a form of another site changes nothing', async (t) => {
    const shelf = await ownShelf(t)
    const watched = await visit(t)
    const { page } = watched
    await page.goto(`${ui.url}/ui/login/oidc/start`)
    await page.getByText('Signed in as').waitFor()
    const body = `<form id="f" method="post" action="${ui.url}/ui/sign-out"><button>x</button></form>
      <form id="g" method="post" action="${ui.url}/v1/auth/token/revoke-self"><button>y</button></form>`
    shelf.put('/', { status: 200, contentType: 'text/html', headers: {}, body })
    for (const host of ['127.0.0.1', 'localhost']) {
      for (const button of ['x', 'y']) {
        await page.goto(`http://${host}:${shelf.port}/`)
        await page.getByRole('button', { name: button }).click()
        await page.waitForURL(`${ui.url}/**`)
      }
    }
    await page.goto(`${ui.url}/ui/`)
    await page.getByText('Signed in as').waitFor()
  })
})

suite('for everybody', () => {
  test('nothing has the focus before a key, the order is that of the eye, and there is a skip link (FIX-G7)', async (t) => {
    const watched = await visit(t)
    const { page } = watched
    await page.goto(`${ui.url}/ui/login`)
    assert.equal(await page.evaluate('document.activeElement === document.body'), true)
    const order: string[] = []
    for (let i = 0; i < 6; i++) {
      await page.keyboard.press('Tab')
      order.push(await focused(page))
    }
    assert.deepEqual(order, [
      'Skip to content',
      'Continue with Acme Okta',
      'More ways to sign in',
      'Help',
      'Light',
      'Dark',
    ])
    await page.keyboard.press('Enter')
    await page.waitForURL(`${ui.url}/ui/login`)
    assert.equal(await page.getAttribute('html', 'class'), 'dark')
    await page.goto(`${ui.url}/ui/nix`)
    await page.keyboard.press('Tab')
    assert.equal(await focused(page), 'Skip to content')
    const box = await page.locator('.skip').boundingBox()
    assert.ok((box?.x ?? -1) >= 0, 'it is seen when it has the focus')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    assert.equal(await focused(page), 'Go to the start')
  })

  test('a chosen theme holds against the wish of the system', async (t) => {
    const watched = await visit(t, { scheme: 'light' })
    const { page } = watched
    const ground = () =>
      page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor')
    await page.goto(`${ui.url}/ui/login`)
    const light = await ground()
    await page.getByRole('link', { name: 'Dark' }).click()
    const dark = await ground()
    assert.notEqual(light, dark)
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.getByRole('link', { name: 'Light' }).click()
    assert.equal(await ground(), light)
    await page.getByRole('link', { name: 'Auto' }).click()
    assert.equal(await ground(), dark)
  })

  test('with forced colours buttons keep a visible edge', async (t) => {
    const watched = await visit(t, { forcedColors: true })
    await watched.page.goto(`${ui.url}/ui/login`)
    const edges = await watched.page.evaluate<string[]>(
      `[...document.querySelectorAll('.button')].map((one) => getComputedStyle(one).borderTopWidth)`,
    )
    assert.ok(edges.length > 0 && edges.every((width) => width === '1px'))
  })

  for (const scheme of ['light', 'dark'] as const) {
    for (const width of [320, 390, 1280]) {
      test(`no page has an obstacle for assistive technology or scrolls sideways: ${scheme}, ${width} px`, async (t) => {
        const shelf = await ownShelf(t)
        const watched = await visit(t, { scheme, width, bypassPolicy: true })
        const { page } = watched
        const narrow = async (name: string): Promise<void> => {
          const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
          assert.ok(wide <= width, `${name} is ${wide} px wide`)
        }
        const judge = async (name: string): Promise<void> => {
          await narrow(name)
          assert.deepEqual(await obstacles(page), [], name)
        }
        for (const [name, sample] of Object.entries(samplePages('word'))) {
          await page.goto(shelf.put(`/${name}`, sample))
          await judge(name)
        }
        const long = 'a-name-without-a-place-to-break'.repeat(6)
        for (const [name, sample] of Object.entries(samplePages(long))) {
          await page.goto(shelf.put(`/long-${name}`, sample))
          await narrow(name)
        }
        for (const [name, sample] of Object.entries(practicePages())) {
          shelf.pages.set(`/idp-${name}`, { ...sample, contentType: 'text/html; charset=utf-8' })
          await page.goto(`http://127.0.0.1:${shelf.port}/idp-${name}`)
          await judge(name)
        }
        await page.goto(`${ui.url}/ui/login`)
        for (const summary of await page.locator('summary').all()) {
          await summary.click()
          await judge('sign-in, opened')
        }
        await page.goto(`${ui.url}/ui/login/oidc/start`)
        for (const summary of await page.locator('summary').all()) await summary.click()
        await judge('who am I, opened')
      })
    }
  }
})

/** Those of the practice provider. */
function practicePages(): Readonly<Record<string, PracticePage>> {
  const facts = { nonce: 'QUJDREVGR0hJSktMTU5P', coop: false, issuer: 'http://127.0.0.1:8210' }
  return {
    start: practicePage({ ...facts, generation: 1, active: new Set(['expired']) }),
    minted: mintedPage({ ...facts, jwt: 'e'.repeat(900), body: '{"template":"person"}' }),
    picker: pickerPage(facts, {
      client: 'tokenstile',
      host: '127.0.0.1:8200',
      scopes: ['openid'],
      choose: (name) => `/authorize/as/${name}`,
      deny: '/authorize/as/nobody',
    }),
  }
}

function focused(page: Page): Promise<string> {
  return page.evaluate('document.activeElement.innerText.trim()')
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
  }[]
}

/** What axe finds: WCAG 2.2 A and AA, and its best practices. */
async function obstacles(page: Page): Promise<readonly string[]> {
  await page.evaluate(axeSource)
  const result = await page.evaluate<AxeResult>('axe.run()')
  return result.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
  )
}
