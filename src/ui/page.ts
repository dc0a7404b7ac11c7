/**
 * The frame around every page and the headers that go with it. A page loads nothing: its style is
 * inline under a fresh nonce, its icons are part of it, and it has no script (one page has; see
 * flow-pages.ts).
 */

import { product } from '../lib/product.ts'
import { html, ownHtml, type Html } from './html.ts'
import { iconAddress, icons } from './icons.ts'
import { strings } from './strings.ts'
import { stylesheet } from './style.ts'

export interface Page {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

export const themes = ['auto', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

/** The colours that a browser has chosen, from its cookies. */
export function themeOf(cookies: ReadonlyMap<string, string>): Theme {
  const chosen = cookies.get('theme')
  return themes.find((theme) => theme === chosen) ?? 'auto'
}

/** What all pages of one server or one visitor share; nothing of it is needed. */
export interface PageFrame {
  readonly theme?: Theme
  /** Such as "production"; shown beside the product's name. */
  readonly environment?: string
  /** This page's own address: the links that change the theme lead back to it. */
  readonly ownAddress?: string
}

/** What a page shows, and what it is drawn with. */
export type Framed<Facts> = Facts &
  PageFrame & {
    /** Fresh base64 text for this one page. */
    readonly nonce: string
  }

interface PageContent {
  readonly status: number
  readonly title: string
  readonly main: Html
  /** The whole text of the one script. */
  readonly script?: string
  /** The page has to reach the window that opened it. */
  readonly reachesOpener?: boolean
}

export function createPage(parts: Framed<PageContent>): Page {
  const { nonce, title, main, theme = 'auto', script } = parts
  // It stands in a header: anything else there would be a policy of somebody else.
  if (!/^[A-Za-z0-9+/_-]{16,}={0,2}$/.test(nonce)) throw new TypeError('the nonce is no base64')
  const body = html`<!doctype html>
    <html lang="en" class="${theme}">
      <head>
        <meta charset="utf-8" />
        <title>${title} · ${product.name}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <link rel="icon" href="${iconAddress}" />
        <style nonce="${nonce}">
          ${ownHtml(stylesheet)}
        </style>
      </head>
      <body>
        <a class="skip" href="#main">${strings.frame.skip}</a>
        <header class="top">
          <span class="brand">${icons.brand}${product.name}</span
          >${environmentLabel(parts.environment)}
        </header>
        <main id="main" tabindex="-1">${main}</main>
        <footer class="foot">
          ${footLinks(parts.ownAddress)} ${themeLinks(theme, parts.ownAddress)}
        </footer>
        ${
          script === undefined
            ? undefined
            : html`<script nonce="${nonce}">
                ${ownHtml(script)}
              </script>`
        }
      </body>
    </html> `
  return {
    status: parts.status,
    contentType: 'text/html; charset=utf-8',
    body: body.text,
    headers: pageHeaders(nonce, {
      hasScript: script !== undefined,
      reachesOpener: parts.reachesOpener === true,
    }),
  }
}

/**
 * An answer that only sends the browser on; with the same headers, since it is as good a place to
 * attack.
 */
export function redirectHeaders(): Readonly<Record<string, string>> {
  return {
    ...commonHeaders,
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    'Cross-Origin-Opener-Policy': 'same-origin',
  }
}

const commonHeaders = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy':
    'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
}

function pageHeaders(
  nonce: string,
  needs: { readonly hasScript: boolean; readonly reachesOpener: boolean },
): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    `style-src 'nonce-${nonce}'`,
    needs.hasScript ? `script-src 'nonce-${nonce}'` : "script-src 'none'",
    "img-src 'self' data:",
    "form-action 'self'",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ]
  return {
    ...commonHeaders,
    'Content-Security-Policy': policy.join('; '),
    'Cross-Origin-Opener-Policy': needs.reachesOpener ? 'unsafe-none' : 'same-origin',
  }
}

/** Its name says that nothing of worth is there. */
export function isDevelopment(environment: string): boolean {
  return /^dev/i.test(environment)
}

function environmentLabel(environment: string | undefined): Html | undefined {
  if (environment === undefined || environment === '') return undefined
  return html`<span class="where${isDevelopment(environment) ? ' dev' : ''}">${environment}</span>`
}

/** The same on each page: which version, and where help is, as far as this server has it. */
function footLinks(address: string | undefined): Html {
  return html`<span class="about"
    ><span>${strings.frame.version(product.version)}</span>${
      address === undefined ? undefined : html`<a href="/ui/help/">${strings.frame.help}</a>`
    }</span
  >`
}

/** Links, so that the server draws the next page in the chosen colours: no script, no flash. */
function themeLinks(current: Theme, address: string | undefined): Html | undefined {
  if (address === undefined) return undefined
  const links = themes.map((theme) =>
    theme === current
      ? html`<strong aria-current="true">${strings.frame.themes[theme]}</strong>`
      : html`<a href="/ui/theme/${theme}?return_to=${encodeURIComponent(address)}"
          >${strings.frame.themes[theme]}</a
        >`,
  )
  return html`<nav class="themes" aria-label="${strings.frame.colours}">
    <span>${strings.frame.colours}</span>${links}
  </nav>`
}
