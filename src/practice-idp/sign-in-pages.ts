/**
 * The pages that a person meets at the practice provider. One has a script, and works without it.
 */

import { html, ownHtml, type Html } from '../ui/html.ts'
import { icons } from '../ui/icons.ts'
import { stylesheet } from '../ui/style.ts'
import { people, personNames } from './people.ts'

export interface PracticePage {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

interface PracticePageContent {
  readonly status?: number
  readonly nonce: string
  readonly title: string
  readonly main: Html
  readonly script?: string
  /** Where its form may lead; only to itself when absent. */
  readonly formTarget?: string
  /** With `Cross-Origin-Opener-Policy`, as some providers send it. */
  readonly coop: boolean
  readonly isBroad?: boolean
}

export type PageFacts = Pick<PracticePageContent, 'nonce' | 'coop'>

/** The frame that all pages of the practice provider have. */
export function createPracticePage(parts: PracticePageContent): PracticePage {
  const { nonce, script } = parts
  const body = html`<!doctype html>
    <html lang="en" class="auto">
      <head>
        <meta charset="utf-8" />
        <title>${parts.title} · Practice identity provider</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <style nonce="${nonce}">
          ${ownHtml(stylesheet)}
        </style>
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        <header class="top">
          <span class="brand">${icons.key}Practice identity provider</span
          ><span class="where dev">practice</span>
        </header>
        <main id="main" tabindex="-1">
          <article class="card${parts.isBroad === true ? ' broad' : ''}">
            ${parts.main}
            <p class="small">
              It asks for no password and proves nothing. For trying out on this machine.
            </p>
          </article>
        </main>
        ${
          script === undefined
            ? undefined
            : html`<script nonce="${nonce}">
                ${ownHtml(script)}
              </script>`
        }
      </body>
    </html> `
  const policy = [
    "default-src 'none'",
    `style-src 'nonce-${nonce}'`,
    script === undefined ? "script-src 'none'" : `script-src 'nonce-${nonce}'`,
    `form-action ${parts.formTarget ?? "'self'"}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ]
  return {
    status: parts.status ?? 200,
    body: body.text,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy.join('; '),
      'cache-control': 'no-store',
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      ...(parts.coop ? { 'cross-origin-opener-policy': 'same-origin' } : {}),
    },
  }
}

/**
 * Who signs in; each choice is a link, so that no rule for forms stands in the way of the redirect
 * that follows.
 */
export function pickerPage(
  facts: PageFacts,
  parts: {
    readonly client: string
    /** Where it is; empty is not known. */
    readonly host: string
    readonly scopes: readonly string[]
    readonly choose: (name: string) => string
    readonly deny: string
  },
): PracticePage {
  return createPracticePage({
    ...facts,
    title: 'Choose a person',
    main: html`<div class="head">
        <h1>Who signs in?</h1>
        <p class="lead">
          ${parts.client}${parts.host === '' ? '' : ` at ${parts.host}`} asks for
          ${parts.scopes.join(', ')}.
        </p>
      </div>
      <div class="actions">
        ${personNames.map(
          (name) =>
            html`<a class="button wide" href="${parts.choose(name)}"
              >${people[name].name} (${people[name].groups.join(', ') || 'no groups'})</a
            >`,
        )}
      </div>
      <div class="trail"><a class="quiet" href="${parts.deny}">Deny access</a></div>`,
  })
}

/** OAuth 2.0 Form Post Response Mode: sends itself, or is sent by hand. */
export function formPostPage(
  facts: PageFacts,
  target: string,
  fields: Readonly<Record<string, string>>,
): PracticePage {
  return createPracticePage({
    ...facts,
    title: 'Back to the application',
    script: 'document.forms[0].submit()',
    // A source list cannot name an address of IPv6.
    formTarget: 'http: https:',
    main: html`<h1>Back to the application</h1>
      <form method="post" action="${target}">
        ${Object.entries(fields).map(
          ([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`,
        )}
        <button class="button main wide" type="submit">Continue</button>
      </form>`,
  })
}

export function deviceCodePage(facts: PageFacts, wrongCode: boolean): PracticePage {
  return createPracticePage({
    ...facts,
    title: 'Enter the code',
    main: html`<h1>Enter the code of your device</h1>
      ${wrongCode ? html`<p role="alert" class="note warn">No device waits with that code.</p>` : undefined}
      <form method="get" action="/device">
        <label for="user_code">Code</label>
        <input id="user_code" name="user_code" autocomplete="off" required />
        <button class="button main wide" type="submit">Next</button>
      </form>`,
  })
}

export function messagePage(
  facts: PageFacts,
  parts: { readonly status: number; readonly title: string; readonly text: string },
): PracticePage {
  return createPracticePage({
    ...facts,
    status: parts.status,
    title: parts.title,
    main: html`<h1>${parts.title}</h1>
      <p>${parts.text}</p>`,
  })
}
