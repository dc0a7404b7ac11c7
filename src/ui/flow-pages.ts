/**
 * Pages of the browser sign-in: done, failed, confirm, hand-over (jwt-oidc.md §4.4, §4.7, §4.12).
 * Pure: what they show is handed in, and all of it is taken for hostile.
 */

import { foreign, html, scriptJson, type Html } from './html.ts'
import { icons } from './icons.ts'
import { createPage, type Framed, type Page } from './page.ts'
import { sideOf, sideTexts, type Side } from './reason-side.ts'

export type { Page } from './page.ts'

export interface DoneFacts {
  /** Who is signed in now; empty is not known. */
  readonly name?: string
  /** The machine that asked; empty is not known. */
  readonly address?: string
}

/** The sign-in of a terminal or another window is finished. */
export function donePage(parts: Framed<DoneFacts>): Page {
  const { name = '', address = '' } = parts
  const who = name === '' ? html`You are signed in` : html`${foreign(name)} is signed in`
  const where = address === '' ? undefined : html` at ${foreign(address)}`
  return createPage({
    ...parts,
    status: 200,
    title: 'Signed in',
    main: html`<article class="card center">
      ${icons.done}
      <div class="head center">
        <h1>${who}</h1>
        <p class="lead">
          Go back to where you began, such as your terminal${where}. This window may be closed.
        </p>
      </div>
    </article>`,
  })
}

/** The person has said no. */
export function blockedPage(parts: Framed<unknown>): Page {
  return createPage({
    ...parts,
    status: 200,
    title: 'Blocked',
    main: html`<article class="card center">
      ${icons.done}
      <div class="head center">
        <h1>This sign-in is blocked</h1>
        <p class="lead">
          Nobody was signed in, and the terminal that waited has been told. This window may be
          closed.
        </p>
        <p class="small">
          If somebody asked you to open that link, tell the people who look after security.
        </p>
      </div>
    </article>`,
  })
}

export interface ErrorAction {
  readonly address: string
  readonly label: string
}

export interface ErrorFacts {
  readonly status: number
  /** What happened, in a few words: the heading. */
  readonly summary: string
  /** Why, as it was said by whoever said it. */
  readonly detail: string
  /** Code of explain.md §1. */
  readonly reason?: string
  /** What the reason means, in a few words. */
  readonly title?: string
  readonly fix?: string
  readonly requestId?: string
  /** What others said about it, word for word. */
  readonly said?: readonly { readonly by: string; readonly text: string }[]
  /** A text to be copied whole, such as an address or a command. */
  readonly copy?: { readonly label: string; readonly text: string }
  /** Where to go from here; the first one is the proposal. */
  readonly actions?: readonly ErrorAction[]
  /** For a failure without a reason. */
  readonly side?: Side
}

/** What happened, why, whose side it is on and what to do: never a dead end, never raw JSON. */
export function errorPage(parts: Framed<ErrorFacts>): Page {
  return createPage({
    ...parts,
    title: parts.summary,
    main: html`<article class="card">
      <div class="head" role="alert">
        ${icons.failed}
        <h1>${foreign(parts.summary)}</h1>
        ${parts.title === undefined ? undefined : html`<p class="lead">${foreign(parts.title)}</p>`}
      </div>
      ${failureStory(parts)} ${actionLinks(parts.actions ?? [])} ${failureTrail(parts)}
    </article>`,
  })
}

type Failure = Omit<ErrorFacts, 'summary' | 'title' | 'actions'>

function failureStory(failure: Failure): Html {
  const { detail, fix = '', said = [], copy } = failure
  const side = failure.side ?? sideOf(failure.reason ?? '') ?? sideOfStatus(failure.status)
  const { name, text, help } = sideTexts[side]
  const hasTrail = (failure.reason ?? '') !== '' || (failure.requestId ?? '') !== ''
  return html`<dl class="story">
    ${detail === '' ? undefined : row('Why', foreign(detail, 1000))}
    ${said.map((one) => row(`${one.by} said`, html`<blockquote>${foreign(one.text)}</blockquote>`))}
    ${row(
      'Whose side it is on',
      html`<strong>${name}.</strong> ${text} ${hasTrail ? help : undefined}`,
    )}
    ${fix === '' ? undefined : row('Fix', foreign(fix), 'fix')}
    ${
      copy === undefined
        ? undefined
        : row(copy.label, html`<code class="block">${foreign(copy.text)}</code>`)
    }
  </dl>`
}

function row(term: string, value: Html, className = ''): Html {
  return html`<div class="${className}">
    <dt>${term}</dt>
    <dd>${value}</dd>
  </div>`
}

/** What somebody else needs to find the case again; selectable in one go. */
function failureTrail({ reason = '', requestId = '' }: Failure): Html | undefined {
  if (reason === '' && requestId === '') return undefined
  return html`<dl class="facts trail">
    ${
      reason === ''
        ? undefined
        : html`<dt>Reason</dt>
            <dd><code>${foreign(reason)}</code></dd>`
    }
    ${
      requestId === ''
        ? undefined
        : html`<dt>Request</dt>
            <dd><code>${foreign(requestId)}</code></dd>`
    }
  </dl>`
}

function actionLinks(actions: readonly ErrorAction[]): Html | undefined {
  if (actions.length === 0) return undefined
  return html`<div class="actions">
    ${actions.map(
      ({ address, label }, index) =>
        html`<a class="button${index === 0 ? ' main' : ''}" href="${requireLink(address)}"
          >${label}</a
        >`,
    )}
  </div>`
}

function sideOfStatus(status: number): Side {
  return status >= 500 ? 'operator' : 'you'
}

export interface ConfirmationFacts {
  /** Where the sign-in was started from; empty is unknown. */
  readonly address: string
  readonly role: string
  readonly mount: string
  /** RFC 3339. */
  readonly startedAt: string
  /** To compare with the terminal. */
  readonly code: string
  /** Host of the identity provider; empty is not known. */
  readonly provider: string
  /** 400 where what was sent was no answer. */
  readonly status: 200 | 400
  /** Undefined: this browser did not bring the answer, so that it cannot say yes to it. */
  readonly form:
    { readonly action: string; readonly state: string; readonly ticket: string } | undefined
}

/**
 * Asks the browser's person whether the sign-in is theirs. Somebody else may have started it and
 * sent the link: without this page their terminal would get the token (CVE-2026-33757,
 * RFC 8628 §5.4).
 */
export function confirmationPage(parts: Framed<ConfirmationFacts>): Page {
  const facts: readonly (readonly [string, Html])[] = [
    ['Started from', foreign(parts.address === '' ? 'unknown' : parts.address)],
    ['Role', foreign(parts.role)],
    ['Method', foreign(parts.mount)],
    [
      'Account',
      parts.provider === ''
        ? html`the one you have just used`
        : html`the one you have just used at ${foreign(parts.provider)}`,
    ],
    ['Started at', moment(parts.startedAt)],
  ]
  return createPage({
    ...parts,
    title: 'Is this you?',
    main: html`<article class="card">
      <div class="head">
        <h1>Is this you signing in?</h1>
        <p class="lead">
          A terminal is waiting for your yes. It will then be able to do what you may do.
        </p>
      </div>
      <div class="head">
        <p class="small center" id="compare">Your terminal must show the same code</p>
        <p class="code" aria-describedby="compare">${foreign(parts.code)}</p>
      </div>
      <dl class="facts">
        ${facts.map(
          ([term, value]) =>
            html`<dt>${term}</dt>
              <dd>${value}</dd>`,
        )}
      </dl>
      <p class="note warn">
        ${icons.warning}<span
          ><strong>Confirm only what you started yourself, just now.</strong> If somebody sent you
          this link or asks you to click, they want to sign in as you.</span
        >
      </p>
      ${parts.form === undefined ? answeredElsewhere : answerForm(parts.form)}
    </article>`,
  })
}

const answeredElsewhere = html`<p class="note">
  ${icons.warning}<span
    >Only the window that came back from the identity provider can answer. Nothing happens without
    its yes.</span
  >
</p>`

function answerForm(form: NonNullable<ConfirmationFacts['form']>): Html {
  return html`<form class="actions" method="post" action="${requireLink(form.action)}">
    <input type="hidden" name="state" value="${form.state}" />
    <input type="hidden" name="ticket" value="${form.ticket}" />
    <button class="button main wide" name="answer" value="yes">Yes, this is me</button>
    <button class="button wide" name="answer" value="no">No, block it</button>
  </form>`
}

export interface HandOverFacts {
  readonly path: string
  readonly state: string
  readonly ticket: string
}

/**
 * Tells the window that opened this one that the provider's answer is here (jwt-oidc.md §4.4 step
 * 5). The code itself stays on the server; what goes over is the ticket with which it can be spent.
 * The one page with a script; people see it only when nobody listens.
 */
export function handOverPage(parts: Framed<HandOverFacts>): Page {
  const message = scriptJson({
    source: 'oidc-callback',
    path: parts.path,
    code: parts.ticket,
    state: parts.state,
  })
  return createPage({
    ...parts,
    status: 200,
    title: 'Signing in',
    reachesOpener: true,
    // Its own origin as the target: another page that opened this window gets nothing.
    script: `if(window.opener)window.opener.postMessage(${message},window.location.origin)`,
    main: html`<article class="card center">
      ${icons.done}
      <div class="head center">
        <h1>The identity provider has answered</h1>
        <p class="lead">The window in which you began goes on from here. This one may be closed.</p>
        <p class="small">Nothing happens there? Start the sign-in again.</p>
      </div>
    </article>`,
  })
}

/**
 * One of these pages as what it shows: whoever gives it away need not know what pages look like.
 */
export type FlowPage =
  | ({ readonly kind: 'done' } & DoneFacts)
  | { readonly kind: 'blocked' }
  | ({ readonly kind: 'failed' } & ErrorFacts)
  | ({ readonly kind: 'confirmation' } & ConfirmationFacts)
  | ({ readonly kind: 'hand_over' } & HandOverFacts)

export function drawFlowPage(page: FlowPage, frame: Framed<unknown>): Page {
  switch (page.kind) {
    case 'done':
      return donePage({ ...page, ...frame })
    case 'blocked':
      return blockedPage(frame)
    case 'failed':
      return errorPage({ ...page, ...frame })
    case 'confirmation':
      return confirmationPage({ ...page, ...frame })
    case 'hand_over':
      return handOverPage({ ...page, ...frame })
  }
}

/** The time both for people and for programs. */
export function moment(iso: string): Html {
  const parts = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z$/.exec(iso)
  if (parts === null) return foreign(iso)
  return html`<time datetime="${iso}">${parts[1]} ${parts[2]} UTC</time>`
}

/**
 * An address that a person may follow: relative to this page, or plain http(s). Never `javascript:`
 * or `data:`.
 */
function requireLink(address: string): string {
  const base = 'https://own.invalid/'
  const isLink = URL.canParse(address, base) && /^https?:$/.test(new URL(address, base).protocol)
  if (!isLink) {
    throw new TypeError('not an address to link to')
  }
  return address
}
