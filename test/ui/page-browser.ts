/** Pages of the tests' browser, each watched: what it loads, what its policy stops, what it throws. */

import type { Browser, BrowserContext, Page } from 'playwright-core'

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
