/** Who am I: what the server knows of the token of this browser, and the way out. Pure. */

import type { ExplainedPolicy } from '../lib/policy-reason.ts'
import { foreign, html, type Html } from './html.ts'
import { icons } from './icons.ts'
import { moment, remaining } from './moments.ts'
import { createPage, type Page, type PageFrame } from './page.ts'
import { strings } from './strings.ts'

export interface Right {
  /** As a policy writes it: `secret/data/*`. */
  readonly path: string
  readonly capabilities: readonly string[]
  /** The policies that it is from. */
  readonly policies: readonly string[]
}

export interface TokenFacts {
  readonly displayName: string
  readonly entityId: string
  readonly path: string
  readonly type: string
  /** RFC 3339; empty is never. */
  readonly expiresAt: string
  readonly secondsLeft: number
  readonly metadata: readonly (readonly [string, string])[]
}

/** Where somebody signed in, as the sign-in page calls it. */
export interface SignedInVia {
  /** Without slashes at its ends. */
  readonly mount: string
  /** What an operator called it; may be empty. */
  readonly description: string
  readonly role: string
  /** In a browser, through an identity provider. */
  readonly isBrowser: boolean
}

export interface AccountModel extends PageFrame {
  readonly nonce: string
  readonly formToken: string
  /** What the provider calls the person; empty is not known. */
  readonly name: string
  /** Undefined for a token that no sign-in has made. */
  readonly via: SignedInVia | undefined
  /** Words of the command that does the same in a terminal; none where there is no such command. */
  readonly command: readonly string[]
  /** Undefined when the token may not look at itself. */
  readonly facts: TokenFacts | undefined
  readonly groups: readonly string[]
  readonly policies: readonly ExplainedPolicy[]
  readonly rights: 'root' | readonly Right[]
  /** The token was there before this session. */
  readonly isPasted: boolean
}

const text = strings.account
const rightsShownMax = 8

export function accountPage(model: AccountModel): Page {
  const { facts } = model
  return createPage({
    ...model,
    status: 200,
    title: text.title,
    main: html`<article class="card broad">
      <div class="head">
        <p class="small">${text.signedInAs}</p>
        <h1>${heading(model)}</h1>
        ${viaLine(model.via)}
        ${facts === undefined ? undefined : html`<p class="lead">${expiry(facts)}</p>`}
      </div>
      ${facts === undefined ? silentNote() : undefined} ${nextPart(model.command)}
      ${rightsPart(model.rights)} ${whyPart(model)}
      ${facts === undefined ? undefined : detailsPart(facts)} ${signOutForm(model)}
    </article>`,
  })
}

function heading({ name, facts, rights }: AccountModel): Html {
  if (rights === 'root') return html`${text.rootToken}`
  const shown = name === '' ? (facts?.displayName ?? '') : name
  return shown === '' ? html`${text.token}` : foreign(shown, 120)
}

function viaLine(via: SignedInVia | undefined): Html | undefined {
  if (via === undefined) return undefined
  const { mount, description, role } = via
  const place = html`<code>${foreign(mount, 80)}/</code>`
  return html`<p class="small">
    ${text.via}
    ${description === '' ? place : html`${foreign(description, 80)} (${place})`}${
      role === '' ? undefined : html`, ${text.role} <code>${foreign(role, 80)}</code>`
    }
  </p>`
}

function silentNote(): Html {
  return html`<p class="note">
    ${icons.note}<span>${text.silent} <code>auth/token/lookup-self</code>, ${text.silentMore}</span>
  </p>`
}

function expiry({ expiresAt, secondsLeft }: TokenFacts): Html {
  if (expiresAt === '') return html`${text.never}`
  return html`${text.expires(remaining(secondsLeft))} ${moment(expiresAt)}.`
}

/** A line ends between two words, never behind the hyphen of a flag. */
function wordOfCommand(word: string, at: number): Html {
  const shown = html`<span class="word">${foreign(word)}</span>`
  return at === 0 ? shown : html` ${shown}`
}

function nextPart(command: readonly string[]): Html | undefined {
  if (command.length === 0) return undefined
  return html`<section class="head">
    <h2>${text.next}</h2>
    <p class="small">${text.nextLead}</p>
    <code class="block">${command.map(wordOfCommand)}</code>
  </section>`
}

function rightsPart(rights: AccountModel['rights']): Html {
  if (rights === 'root') {
    return html`<section class="head">
      <h2>${text.may}</h2>
      <p class="note warn">
        ${icons.warning}<span><strong>${text.everything}</strong> ${text.everythingMore}</span>
      </p>
    </section>`
  }
  const own = rights.filter(({ path }) => !isHousekeeping(path))
  const rest = [...own.slice(rightsShownMax), ...rights.filter(({ path }) => isHousekeeping(path))]
  return html`<section class="head">
    <h2>${text.may}</h2>
    ${
      own.length === 0
        ? html`<p class="lead">${text.onlyItself}</p>`
        : rightsList(own.slice(0, rightsShownMax))
    }
    ${
      rest.length === 0
        ? undefined
        : html`<details>
            <summary>${text.morePaths(rest.length)}</summary>
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
      ({ path, capabilities, policies }) =>
        html`<div>
          <dt><code>${foreign(path, 160)}</code></dt>
          <dd>
            ${pills(capabilities.includes('deny') ? [text.nothing] : capabilities)}
            ${
              policies.length === 0
                ? undefined
                : html`<span class="small">${text.by} ${foreign(policies.join(', '), 160)}</span>`
            }
          </dd>
        </div>`,
    )}
  </dl>`
}

function pills(names: readonly string[]): Html {
  return html`<ul class="pills">
    ${names.map((name) => html`<li>${foreign(name, 80)}</li>`)}
  </ul>`
}

function whyPart({ groups, policies }: AccountModel): Html | undefined {
  if (groups.length === 0 && policies.length === 0) return undefined
  return html`<section class="head">
    ${
      groups.length === 0
        ? undefined
        : html`<h2>${text.groups}</h2>
            ${pills(groups)}`
    }
    <h2>${text.why}</h2>
    <dl class="facts">
      ${policies.map(
        ({ name, because }) =>
          html`<dt><code>${foreign(name, 80)}</code></dt>
            <dd>${foreign(because.join('; '))}</dd>`,
      )}
    </dl>
  </section>`
}

/** What only somebody who looks for a fault wants to know. */
function detailsPart(facts: TokenFacts): Html {
  const rows: readonly (readonly [string, string])[] = [
    [text.facts.displayName, facts.displayName],
    [text.facts.entity, facts.entityId],
    [text.facts.path, facts.path],
    [text.facts.type, facts.type],
    ...facts.metadata.map(([name, value]) => [text.metadata(name), value] as const),
  ]
  return html`<details>
    <summary>${text.details}</summary>
    <dl class="facts">
      ${rows
        .filter(([, value]) => value !== '')
        .map(
          ([term, value]) =>
            html`<dt>${foreign(term, 100)}</dt>
              <dd><code>${foreign(value)}</code></dd>`,
        )}
    </dl>
  </details>`
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
          ? html`<button class="button" name="token" value="keep">${text.signOut}</button
              ><button class="button">${text.signOutRevoke}</button>`
          : html`<button class="button">${text.signOut}</button>
              <span class="small">${text.ends}</span>`
      }
    </div>
  </form>`
}
