/** Who am I: what the server knows of the token of this browser, and the way out. Pure. */

import { moment } from './flow-pages.ts'
import { foreign, html, type Html } from './html.ts'
import { icons } from './icons.ts'
import { createPage, type Page, type PageFrame } from './page.ts'

export interface Right {
  /** As a policy writes it: `secret/data/*`. */
  readonly path: string
  readonly capabilities: readonly string[]
}

export interface TokenFacts {
  readonly displayName: string
  readonly entityId: string
  readonly policies: readonly string[]
  readonly path: string
  readonly type: string
  /** RFC 3339; empty is never. */
  readonly expiresAt: string
  readonly secondsLeft: number
  readonly metadata: readonly (readonly [string, string])[]
}

export interface AccountModel extends PageFrame {
  readonly nonce: string
  readonly formToken: string
  /** Undefined when the token may not look at itself. */
  readonly facts: TokenFacts | undefined
  readonly rights: 'root' | readonly Right[]
  /** The token was there before this session. */
  readonly isPasted: boolean
}

const rightsShownMax = 8

export function accountPage(model: AccountModel): Page {
  const { facts } = model
  const name = facts === undefined || facts.displayName === '' ? 'a token' : facts.displayName
  return createPage({
    ...model,
    status: 200,
    title: 'Who am I',
    main: html`<article class="card broad">
      <div class="head">
        <p class="small">Signed in as</p>
        <h1>${foreign(name, 120)}</h1>
        ${facts === undefined ? undefined : html`<p class="lead">${expiry(facts)}</p>`}
      </div>
      ${facts === undefined ? silentNote() : factList(facts)} ${rightsPart(model.rights)}
      ${
        facts === undefined || facts.metadata.length === 0
          ? undefined
          : metadataPart(facts.metadata)
      }
      ${signOutForm(model)}
    </article>`,
  })
}

function silentNote(): Html {
  return html`<p class="note">
    ${icons.note}<span
      >The policies of this token do not let it read <code>auth/token/lookup-self</code>, so there
      is little to tell.</span
    >
  </p>`
}

function expiry({ expiresAt, secondsLeft }: TokenFacts): Html {
  if (expiresAt === '') return html`The token does not expire.`
  return html`The token expires in ${remaining(secondsLeft)}, at ${moment(expiresAt)}.`
}

/** Two units are enough to plan with: `4 min 12 s`, `3 h 5 min`, `12 days`. */
export function remaining(seconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['days', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ]
  const found = units.findIndex(([name, size]) => seconds >= size * (name === 'days' ? 2 : 1))
  const [name, size] = units[found] ?? ['s', 1]
  const [lowerName, lowerSize] = units[found + 1] ?? ['', seconds + 1]
  const lower = name === 'days' ? 0 : Math.floor((seconds % size) / lowerSize)
  const first = `${Math.floor(seconds / size)} ${name}`
  return lower === 0 ? first : `${first} ${lower} ${lowerName}`
}

function factList(facts: TokenFacts): Html {
  const rows: readonly (readonly [string, Html | undefined])[] = [
    ['Policies', pills(facts.policies)],
    ['Entity', facts.entityId === '' ? undefined : html`<code>${foreign(facts.entityId)}</code>`],
    ['Made by', facts.path === '' ? undefined : html`<code>${foreign(facts.path)}</code>`],
    ['Kind', foreign(facts.type)],
  ]
  const shown = rows.filter(([, value]) => value !== undefined)
  return html`<dl class="facts">
    ${shown.map(
      ([term, value]) =>
        html`<dt>${term}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`
}

function pills(names: readonly string[]): Html {
  return html`<ul class="pills">
    ${names.map((name) => html`<li>${foreign(name, 80)}</li>`)}
  </ul>`
}

function rightsPart(rights: AccountModel['rights']): Html {
  if (rights === 'root') {
    return html`<section class="head">
      <h2>What it may do</h2>
      <p class="note warn">
        ${icons.warning}<span><strong>Everything.</strong> This is a root token.</span>
      </p>
    </section>`
  }
  const own = rights.filter(({ path }) => !isHousekeeping(path))
  const rest = [...own.slice(rightsShownMax), ...rights.filter(({ path }) => isHousekeeping(path))]
  return html`<section class="head">
    <h2>What it may do</h2>
    ${
      own.length === 0
        ? html`<p class="lead">Look after itself, and nothing else.</p>`
        : rightsList(own.slice(0, rightsShownMax))
    }
    ${
      rest.length === 0
        ? undefined
        : html`<details>
            <summary>${rest.length} more ${rest.length === 1 ? 'path' : 'paths'}</summary>
            ${rightsList(rest)}
          </details>`
    }
  </section>`
}

/** What nearly every token may do, for itself. */
function isHousekeeping(path: string): boolean {
  return /^(?:auth\/token\/|sys\/|identity\/|cubbyhole\/)/.test(path)
}

function rightsList(rights: readonly Right[]): Html {
  return html`<dl class="rights">
    ${rights.map(
      ({ path, capabilities }) =>
        html`<div>
          <dt><code>${foreign(path, 160)}</code></dt>
          <dd>${capabilities.includes('deny') ? 'nothing' : foreign(capabilities.join(', '))}</dd>
        </div>`,
    )}
  </dl>`
}

function metadataPart(metadata: TokenFacts['metadata']): Html {
  return html`<section class="head">
    <h2>Metadata</h2>
    <dl class="facts">
      ${metadata.map(
        ([name, value]) =>
          html`<dt>${foreign(name, 80)}</dt>
            <dd>${foreign(value)}</dd>`,
      )}
    </dl>
  </section>`
}

/**
 * Signing out ends the token. One that was pasted may be needed elsewhere, so that there is a
 * choice.
 */
function signOutForm({ formToken, isPasted }: AccountModel): Html {
  return html`<form method="post" action="/ui/sign-out" class="trail">
    <input type="hidden" name="form_token" value="${formToken}" />
    <div class="actions">
      ${
        isPasted
          ? html`<button class="button" name="token" value="keep">Sign out</button
              ><button class="button">Sign out and revoke the token</button>`
          : html`<button class="button">Sign out</button>
              <span class="small">Ends the token at once.</span>`
      }
    </div>
  </form>`
}
