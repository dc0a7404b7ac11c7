/** The practice provider's page: what it offers and what is wrong with it at the moment. */

import { html, type Html } from '../ui/html.ts'
import { createPracticePage, type PageFacts, type PracticePage } from './sign-in-pages.ts'
import { troubleNames, troubles, type Trouble, type TroubleRow } from './trouble.ts'
import { workloadNames, workloads } from './workload.ts'

export interface PracticeFacts extends PageFacts {
  readonly issuer: string
  readonly generation: number
  readonly active: ReadonlySet<Trouble>
}

const areas: readonly (readonly [TroubleRow['about'], string])[] = [
  ['token', 'Tokens'],
  ['keys', 'Keys and discovery'],
  ['sign_in', 'Sign-ins in a browser'],
]

export function practicePage(facts: PracticeFacts): PracticePage {
  return createPracticePage({
    ...facts,
    title: 'Start',
    isBroad: true,
    main: html`<div class="head">
        <h1>Practice identity provider</h1>
        <p class="lead">It signs tokens for whoever asks, and goes wrong on request.</p>
      </div>
      <dl class="facts">
        <dt>Issuer</dt>
        <dd><code>${facts.issuer}</code></dd>
        <dt>Discovery</dt>
        <dd>
          <a href="/.well-known/openid-configuration">/.well-known/openid-configuration</a>
        </dd>
        <dt>Keys</dt>
        <dd><a href="/jwks">/jwks</a>, generation ${facts.generation}</dd>
      </dl>
      <form method="post" action="/rotate">
        <div class="actions"><button class="button">Rotate the keys</button></div>
      </form>
      ${mintPart()}
      <section class="head">
        <h2>What goes wrong</h2>
        <p class="small">
          Each switch stays on until it is switched off. Beside it stands the reason that a login is
          refused with. Keys are kept for a while: rotate them to see what is wrong with them.
        </p>
        ${areas.map(([about, title]) => troublePart(facts.active, about, title))}
      </section>`,
  })
}

function mintPart(): Html {
  return html`<section class="head">
    <h2>Make a token</h2>
    <form method="post" action="/mint">
      <label
        >Of
        <select name="template">
          ${workloadNames.map(
            (name) => html`<option value="${name}">${name}: ${workloads[name].help}</option>`,
          )}
        </select>
      </label>
      <label
        >Audience <span class="small">Empty: that of the template.</span>
        <input name="audience" autocomplete="off" spellcheck="false"
      /></label>
      <div class="actions"><button class="button">Make the token</button></div>
    </form>
  </section>`
}

function troublePart(
  active: ReadonlySet<Trouble>,
  about: TroubleRow['about'],
  title: string,
): Html {
  const names = troubleNames.filter((name) => troubles[name].about === about)
  return html`<h3 class="small">${title}</h3>
    <ul class="switches">
      ${names.map((name) => switchItem(name, active.has(name)))}
    </ul>`
}

function switchItem(name: Trouble, isOn: boolean): Html {
  const { text, reason } = troubles[name]
  return html`<li>
    <form method="post" action="/troubles">
      <input type="hidden" name="${name}" value="${isOn ? 'false' : 'true'}" />
      <button class="button${isOn ? ' main' : ''}" aria-label="${isOn ? 'On' : 'Off'}: ${name}">
        ${isOn ? 'On' : 'Off'}
      </button>
    </form>
    <p>
      <strong>${name}</strong><br />${text}
      ${reason === '' ? undefined : html`<br /><code>${reason}</code>`}
    </p>
  </li>`
}

/** A token to copy, and the command that makes another one. */
export function mintedPage(
  facts: PageFacts & { readonly issuer: string; readonly jwt: string; readonly body: string },
): PracticePage {
  const { issuer, jwt, body } = facts
  return createPracticePage({
    ...facts,
    title: 'A token',
    isBroad: true,
    main: html`<h1>A token</h1>
      <code class="block">${jwt}</code>
      <p class="small">The same in a terminal</p>
      <code class="block"
        >curl -s -H 'content-type: application/json' -d '${body.replaceAll("'", '\\u0027')}'
        ${issuer}/mint</code
      >
      <div class="actions"><a class="quiet" href="/">Back</a></div>`,
  })
}
