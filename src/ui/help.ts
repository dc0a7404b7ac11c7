/** The help of the pages: what each reason of a refused sign-in means, and what to do about it. */

import {
  isReason,
  reasonRows,
  usualStatus,
  type Reason,
  type ReasonRow,
} from '../lib/reason-rows.ts'
import { problemAnswer } from './failure.ts'
import { html, type Html } from './html.ts'
import { createPage, type Framed, type Page } from './page.ts'
import type { Side } from './reason-side.ts'
import { strings } from './strings.ts'
import type { Visit } from './visit.ts'
import type { WebAnswer } from './web-doors.ts'

const text = strings.help
const sides: readonly Side[] = ['you', 'operator', 'provider']
const codes = Object.keys(reasonRows) as readonly Reason[]

/** Below `/ui/help/`: nothing or `reasons` is the list, and a code is its own page. */
export function help(visit: Visit, name: string): WebAnswer {
  if (name === '' || name === 'reasons') return visit.page(reasonsPage(visit.frame()))
  if (isReason(name)) return visit.page(reasonPage({ ...visit.frame(), reason: name }))
  return problemAnswer(visit, {
    status: 404,
    side: 'you',
    summary: text.unknown,
    detail: text.unknownMore,
    actions: [{ address: '/ui/help/', label: strings.actions.allReasons }],
  })
}

/** All reasons, by who can put them right. */
export function reasonsPage(frame: Framed<unknown>): Page {
  return createPage({
    ...frame,
    status: 200,
    title: text.title,
    main: html`<article class="card broad">
      <div class="head">
        <h1>${text.title}</h1>
        <p class="lead">${text.lead}</p>
      </div>
      ${sides.map(
        (side) =>
          html`<section class="head">
            <h2>${text.sides[side]}</h2>
            <ul class="list">
              ${codes.filter((code) => reasonRows[code].side === side).map(reasonItem)}
            </ul>
          </section>`,
      )}
    </article>`,
  })
}

function reasonItem(code: Reason): Html {
  return html`<li id="${code}">
    <a href="/ui/help/${code}">${reasonRows[code].title}</a>
  </li>`
}

export function reasonPage(parts: Framed<{ readonly reason: Reason }>): Page {
  const { reason } = parts
  const row: ReasonRow = reasonRows[reason]
  return createPage({
    ...parts,
    status: 200,
    title: row.title,
    main: html`<article class="card">
      <div class="head">
        <h1>${row.title}</h1>
        <p class="lead">${row.text}</p>
      </div>
      <section class="fix">
        <h2>${strings.error.fix}</h2>
        <p>${row.fix}</p>
        ${row.side === 'you' ? undefined : html`<p class="small">${strings.error.sides[row.side]}</p>`}
      </section>
      <dl class="facts">
        <dt>${text.reason}</dt>
        <dd><code>${reason}</code></dd>
        <dt>${text.status}</dt>
        <dd>${row.status ?? usualStatus}</dd>
      </dl>
      <div class="actions"><a class="quiet" href="/ui/help/">${text.all}</a></div>
    </article>`,
  })
}
