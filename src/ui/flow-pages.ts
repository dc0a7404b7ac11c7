/**
 * Pages of the browser sign-in: done, failed, confirm, hand-over (jwt-oidc.md §4.4, §4.7, §4.12).
 * Pure: what they show is handed in, and all of it is taken for hostile.
 */

import { isReason } from '../lib/reason-rows.ts'
import { foreign, html, scriptJson, type Html } from './html.ts'
import { icons } from './icons.ts'
import { createPage, type Framed, type Page } from './page.ts'
import { moment, remaining } from './moments.ts'
import { sideOf, type Side } from './reason-side.ts'
import { strings } from './strings.ts'

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
  const text = strings.done
  const who = name === '' ? html`${text.who}` : html`${foreign(name)} ${text.isSignedIn}`
  return createPage({
    ...parts,
    status: 200,
    title: text.title,
    main: html`<article class="card center">
      ${icons.done}
      <div class="head center">
        <h1>${who}${address === '' ? undefined : html` ${text.on} ${foreign(address)}`}</h1>
        <p class="lead">${text.next}</p>
      </div>
    </article>`,
  })
}

/** The person has said no. */
export function blockedPage(parts: Framed<unknown>): Page {
  const text = strings.blocked
  return createPage({
    ...parts,
    status: 200,
    title: text.title,
    main: html`<article class="card center">
      ${icons.done}
      <div class="head center">
        <h1>${text.heading}</h1>
        <p class="lead">${text.next}</p>
        <p class="small">${text.report}</p>
      </div>
    </article>`,
  })
}

export interface ErrorAction {
  readonly address: string
  readonly label: string
}

/** A claim of the token beside what is expected of it, one line for each value. */
export interface Compared {
  readonly claim: string
  readonly got: readonly string[]
  /** Empty where it is not told. */
  readonly expected: readonly string[]
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
  readonly compared?: Compared
  /** What others said about it, word for word. */
  readonly said?: readonly { readonly by: 'provider' | 'server'; readonly text: string }[]
  /** A text to be copied whole, such as an address or a command. */
  readonly copy?: { readonly label: string; readonly text: string }
  /** Where to go from here; the first one is the proposal. */
  readonly actions?: readonly ErrorAction[]
  /** For a failure without a reason. */
  readonly side?: Side
  /** The token came from a sign-in at the provider, and not from the person. */
  readonly isSignIn?: boolean
}

/**
 * What happened and what to do; why, and what only others need, is folded: never a dead end, never
 * raw JSON.
 */
export function errorPage(parts: Framed<ErrorFacts>): Page {
  const { detail, title = parts.reason === undefined ? detail : '', said = [] } = parts
  const byProvider = said.filter(({ by }) => by === 'provider')
  return createPage({
    ...parts,
    title: parts.summary,
    main: html`<article class="card">
      <div class="head" role="alert">
        ${icons.failed}
        <h1>${foreign(parts.summary)}</h1>
        ${title === '' ? undefined : html`<p class="lead">${foreign(title, 1000)}</p>`}
      </div>
      ${byProvider.length === 0 ? undefined : html`<dl class="story">${byProvider.map(saidRow)}</dl>`}
      ${comparedRows(parts.compared)} ${fixPart(parts)} ${actionLinks(parts.actions ?? [])}
      ${failureDetails(parts, title)} ${failureTrail(parts)}
    </article>`,
  })
}

function comparedRows(compared: Compared | undefined): Html | undefined {
  if (compared === undefined) return undefined
  const { claim, got, expected } = compared
  const text = strings.error
  return html`<dl class="compare">
    <div>
      <dt>${text.got} <code>${foreign(claim, 80)}</code></dt>
      <dd>${got.length === 0 ? text.absent : lines(got)}</dd>
    </div>
    ${
      expected.length === 0
        ? undefined
        : html`<div>
            <dt>${text.expected}</dt>
            <dd>${lines(expected)}</dd>
          </div>`
    }
  </dl>`
}

function lines(values: readonly string[]): readonly Html[] {
  return values.map((value) => html`<code>${foreign(value)}</code>`)
}

/** The one thing that whoever reads it needs, with whoever has to do it where that is another. */
function fixPart(failure: ErrorFacts): Html | undefined {
  const { fix = '', copy } = failure
  const text = strings.error
  const side = text.sides[sideOfFailure(failure)]
  if (fix === '' && copy === undefined) return undefined
  const isSent = side !== '' && hasTrail(failure)
  return html`<section class="fix">
    <h2>${text.fix}</h2>
    <p>${foreign(fix)}</p>
    ${side === '' ? undefined : html`<p class="small">${side} ${isSent ? text.sendTrail : undefined}</p>`}
    ${
      copy === undefined
        ? undefined
        : html`<p class="small">${copy.label}</p>
            <code class="block">${foreign(copy.text)}</code>`
    }
  </section>`
}

function sideOfFailure({ side, reason = '', isSignIn, status }: ErrorFacts): Side {
  return side ?? sideOf(reason, isSignIn) ?? (status >= 500 ? 'operator' : 'you')
}

function failureDetails({ detail, said = [] }: ErrorFacts, shown: string): Html | undefined {
  const byServer = said.filter(({ by, text }) => by === 'server' && text !== detail)
  const hasWhy = detail !== '' && detail !== shown
  if (!hasWhy && byServer.length === 0) return undefined
  return html`<details class="why">
    <summary>${strings.error.details}</summary>
    <dl class="story">
      ${hasWhy ? row(strings.error.why, foreign(detail, 1000)) : undefined} ${byServer.map(saidRow)}
    </dl>
  </details>`
}

function saidRow({ by, text }: NonNullable<ErrorFacts['said']>[number]): Html {
  return row(strings.error.said[by], html`<blockquote>${foreign(text)}</blockquote>`)
}

function row(term: string, value: Html): Html {
  return html`<div>
    <dt>${term}</dt>
    <dd>${value}</dd>
  </div>`
}

function hasTrail({ reason = '', requestId = '' }: ErrorFacts): boolean {
  return reason !== '' || requestId !== ''
}

/** What somebody else needs to find the case again; selectable in one go. */
function failureTrail(failure: Framed<ErrorFacts>): Html | undefined {
  if (!hasTrail(failure)) return undefined
  const { reason = '', requestId = '', ownAddress } = failure
  const known = isReason(reason) && ownAddress !== undefined
  return html`<div class="trail">
    <p>${strings.error.trail}</p>
    <code class="block"
      >${foreign([reason, requestId].filter((part) => part !== '').join(' · '))}</code
    >
    ${known ? html`<a href="/ui/help/${reason}">${strings.error.meaning}</a>` : undefined}
  </div>`
}

function actionLinks([first, ...others]: readonly ErrorAction[]): Html | undefined {
  if (first === undefined) return undefined
  return html`<div class="actions">
    <a class="button main" href="${requireLink(first.address)}">${first.label}</a>
    ${others.map(
      ({ address, label }) => html`<a class="quiet" href="${requireLink(address)}">${label}</a>`,
    )}
  </div>`
}

export interface ConfirmationFacts {
  /** Where the sign-in was started from; empty is unknown. */
  readonly address: string
  /** Where this browser comes from; empty is unknown. */
  readonly browserAddress: string
  readonly role: string
  readonly mount: string
  /** RFC 3339. */
  readonly startedAt: string
  readonly startedSecondsAgo: number
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
  const text = strings.confirmation
  const facts: readonly (readonly [string, Html])[] = [
    [text.facts.from, startedFrom(parts)],
    [text.facts.role, foreign(parts.role)],
    [text.facts.method, foreign(parts.mount)],
    [
      text.facts.account,
      parts.provider === ''
        ? html`${text.account}`
        : html`${text.accountAt} ${foreign(parts.provider)}`,
    ],
    [text.facts.started, html`${ago(parts.startedSecondsAgo)} (${moment(parts.startedAt)})`],
  ]
  return createPage({
    ...parts,
    title: text.title,
    main: html`<article class="card">
      <div class="head">
        <h1>${text.heading}</h1>
        <p class="lead">${text.lead}</p>
      </div>
      <div class="head">
        <p class="small center" id="compare">${text.compare}</p>
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
        ${icons.warning}<span><strong>${text.warning}</strong> ${text.warningMore}</span>
      </p>
      ${parts.form === undefined ? answeredElsewhere : answerForm(parts.form)}
    </article>`,
  })
}

/** Two addresses are no proof of a stranger, and one is none of a friend: the person judges. */
function startedFrom({ address, browserAddress }: ConfirmationFacts): Html {
  const text = strings.confirmation
  if (address === '') return html`${text.unknown}`
  const isOther = browserAddress !== '' && browserAddress !== address
  return isOther
    ? html`${foreign(address)}, ${text.whileHere} ${foreign(browserAddress)}`
    : foreign(address)
}

/** Below some seconds nobody counts them. */
function ago(seconds: number): string {
  const text = strings.confirmation
  return seconds < 10 ? text.justNow : text.ago(remaining(seconds))
}

const answeredElsewhere = html`<p class="note">
  ${icons.warning}<span>${strings.confirmation.elsewhere}</span>
</p>`

function answerForm(form: NonNullable<ConfirmationFacts['form']>): Html {
  return html`<form class="actions" method="post" action="${requireLink(form.action)}">
    <input type="hidden" name="state" value="${form.state}" />
    <input type="hidden" name="ticket" value="${form.ticket}" />
    <button class="button main wide" name="answer" value="yes">${strings.confirmation.yes}</button>
    <button class="button wide" name="answer" value="no">${strings.confirmation.no}</button>
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
    title: strings.handOver.title,
    reachesOpener: true,
    // Its own origin as the target: another page that opened this window gets nothing.
    script: `if(window.opener)window.opener.postMessage(${message},window.location.origin)`,
    main: html`<article class="card center">
      ${icons.done}
      <div class="head center">
        <h1>${strings.handOver.heading}</h1>
        <p class="lead">${strings.handOver.lead}</p>
        <p class="small">${strings.handOver.stuck}</p>
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
