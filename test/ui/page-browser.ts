/** Chromium without a window, for tests. Every page is watched: what it loads, what its policy stops, what it throws. */

import chromium from '@sparticuz/chromium'
import {
  chromium as playwright,
  type Browser,
  type BrowserContext,
  type Page,
} from 'playwright-core'

export interface Watched {
  readonly page: Page
  readonly context: BrowserContext
  /** Addresses of all requests. */
  readonly requests: string[]
  /** Violations of the page's policy, errors and dialogs. */
  readonly troubles: string[]
}

export interface PageOptions {
  readonly scheme?: 'light' | 'dark'
  readonly width?: number
  readonly javaScript?: boolean
  /** For tools that put scripts of their own into the page. */
  readonly bypassPolicy?: boolean
  readonly forcedColors?: boolean
}

export async function openChromium(): Promise<Browser> {
  return playwright.launch({
    executablePath: await chromium.executablePath(),
    // Not the library's own flags: some of them switch web security off.
    args: ['--no-sandbox', '--no-zygote', '--disable-gpu'],
  })
}

/** A page in a browser profile of its own. */
export async function openPage(browser: Browser, options: PageOptions = {}): Promise<Watched> {
  const context = await browser.newContext({
    colorScheme: options.scheme ?? 'light',
    viewport: { width: options.width ?? 1280, height: 760 },
    javaScriptEnabled: options.javaScript ?? true,
    bypassCSP: options.bypassPolicy ?? false,
    forcedColors: options.forcedColors === true ? 'active' : 'none',
  })
  context.setDefaultTimeout(10_000)
  const requests: string[] = []
  const troubles: string[] = []
  context.on('request', (request) => requests.push(request.url()))
  context.on('console', (message) => {
    // The status of the page itself is no trouble of it.
    const isStatus = message.text().startsWith('Failed to load resource: the server responded')
    if (message.type() === 'error' && !isStatus) troubles.push(message.text())
  })
  context.on('weberror', (error) => troubles.push(String(error.error())))
  context.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return { page: await context.newPage(), context, requests, troubles }
}
