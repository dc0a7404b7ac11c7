/**
 * The sign-in page: the mounts that may be shown as links, and behind "More ways" everything else.
 * Pure.
 */

import { foreign, html, type Html } from './html.ts'
import { icons } from './icons.ts'
import { link, mountPath } from './own-path.ts'
import { createPage, isDevelopment, type Page, type PageFrame } from './page.ts'
import { strings } from './strings.ts'

export interface ShownMount {
  /** Without slashes at its ends. */
  readonly name: string
  readonly type: string
  readonly description: string
}

export type OpenWay = 'token' | 'jwt' | 'password' | 'other'

export interface LoginModel extends PageFrame {
  readonly nonce: string
  /** The proposal first. */
  readonly mounts: readonly ShownMount[]
  /** What else can log in with a JWT; proposals for the field. */
  readonly jwtMounts: readonly ShownMount[]
  /** Those that ask for a name and a password; their form is there when one is shown. */
  readonly passwordMounts: readonly ShownMount[]
  /** The mount that the address names, whether it is shown to everybody or not. */
  readonly chosen: string
  readonly open: OpenWay | undefined
  readonly role: string
  readonly returnTo: string
  readonly namespace: string
  readonly formToken: string
  readonly notice: { readonly kind: 'note' | 'warn'; readonly text: string } | undefined
  /** Name and port that this server is reached at; empty is not known. */
  readonly server: string
  /** Hosts of the identity providers behind the mounts, where they are known. */
  readonly providers: ReadonlyMap<string, string>
  /** The browser will keep no cookie of ours: plain HTTP to another machine. */
  readonly isInsecure: boolean
}

const text = strings.login
const shownMax = 5

export function loginPage(model: LoginModel): Page {
  const links = model.mounts.slice(0, shownMax)
  const hasPasswords = model.passwordMounts.length > 0
  const isEmpty = links.length === 0 && !hasPasswords
  // The form stands open where it is the only way that is shown.
  const isPasswordFirst = links.length === 0 && hasPasswords
  const { environment = '' } = model
  const isNamed = environment !== '' && !isDevelopment(environment)
  return createPage({
    ...model,
    status: 200,
    title: text.title,
    main: html`<article class="card">
      <div class="head">
        <h1>${isNamed ? text.titleOf(environment) : text.title}</h1>
        ${
          model.server === ''
            ? undefined
            : html`<p class="small">${text.server} <code>${foreign(model.server, 120)}</code></p>`
        }
      </div>
      ${noticeNote(model)}${isEmpty ? emptyNote() : undefined}
      ${links.length > 0 ? mountLinks(model, links) : undefined}
      ${isEmpty ? tokenForm(model) : undefined}
      ${isPasswordFirst ? passwordForm(model, true) : undefined}
      ${moreWays(model, { isEmpty, hasPasswords: hasPasswords && !isPasswordFirst })}
    </article>`,
  })
}

function moreWays(
  model: LoginModel,
  { isEmpty, hasPasswords }: { readonly isEmpty: boolean; readonly hasPasswords: boolean },
): Html {
  const { open } = model
  const ways = html`${otherMounts(model, model.mounts.slice(shownMax))}
  ${hasPasswords ? way(text.ways.password, open === 'password', passwordForm(model, false)) : undefined}
  ${isEmpty ? undefined : way(text.ways.token, open === 'token', tokenForm(model))}
  ${way(text.ways.jwt, open === 'jwt', jwtForm(model))}
  ${way(text.ways.other, open === 'other', otherForm(model))}`
  const title = isEmpty ? text.other : text.more
  return open === undefined
    ? html`<details class="more">
        <summary>${title}</summary>
        ${ways}
      </details>`
    : html`<details class="more" open>
        <summary>${title}</summary>
        ${ways}
      </details>`
}

function noticeNote({ notice, isInsecure }: LoginModel): Html | undefined {
  if (isInsecure) {
    return html`<p class="note warn">
      ${icons.warning}<span><strong>${text.notEncrypted}</strong> ${text.notEncryptedMore}</span>
    </p>`
  }
  if (notice === undefined) return undefined
  return html`<p class="note ${notice.kind}" role="status">
    ${notice.kind === 'warn' ? icons.warning : icons.note}<span>${notice.text}</span>
  </p>`
}

function emptyNote(): Html {
  return html`<p class="note">
    ${icons.note}<span
      >${text.empty} <code>tokenstile auth tune -listing-visibility=unauth oidc/</code></span
    >
  </p>`
}

function mountLinks(model: LoginModel, mounts: readonly ShownMount[]): Html {
  return html`<ul class="ways">
    ${mounts.map((mount, index) =>
      index === 0 ? firstLink(model, mount) : html`<li>${mountLink(model, mount)}</li>`,
    )}
  </ul>`
}

/**
 * A link, not a form: with `form-action 'self'` a form whose answer leads to the identity provider
 * goes nowhere (ux.md §3.4, measured).
 */
function firstLink(model: LoginModel, mount: ShownMount): Html {
  const { role, providers } = model
  const provider = providers.get(mount.name) ?? ''
  return html`<li>
    <a
      class="button main wide"
      href="${startLink(model, mount.name)}"
      title="${text.mount(mount.name)}"
      >${icons.key}<span class="end">${text.continueWith} ${label(mount)}</span>${icons.arrow}</a
    >
    <p class="small">
      ${provider === '' ? undefined : html`${text.goesTo} ${foreign(provider, 120)}`}
      ${role === '' ? undefined : html`${text.withRole} <code>${foreign(role)}</code>`}
    </p>
  </li>`
}

function focus(isWanted: boolean): Html | undefined {
  return isWanted ? html` autofocus` : undefined
}

function mountLink(model: LoginModel, mount: ShownMount): Html {
  return html`<a
    class="button wide"
    href="${startLink(model, mount.name)}"
    title="${text.mount(mount.name)}"
    >${icons.key}<span class="end">${label(mount)}</span></a
  >`
}

function startLink({ role, returnTo, namespace }: LoginModel, mount: string): string {
  return link(`/ui/login/${mountPath(mount)}/start`, { role, return_to: returnTo, namespace })
}

function label({ name, description }: ShownMount): Html {
  // A path must not read as a name that an operator has given.
  if (description === '') return html`<code>${foreign(name, 60)}/</code>`
  return foreign(description, 60)
}

function otherMounts(model: LoginModel, mounts: readonly ShownMount[]): Html | undefined {
  if (mounts.length === 0) return undefined
  const list = html`<ul class="ways">
    ${mounts.map((mount) => html`<li>${mountLink(model, mount)}</li>`)}
  </ul>`
  return way(text.moreMounts(mounts.length), false, list)
}

function way(title: string, isOpen: boolean, content: Html): Html {
  return isOpen
    ? html`<details name="way" open>
        <summary>${title}</summary>
        ${content}
      </details>`
    : html`<details name="way">
        <summary>${title}</summary>
        ${content}
      </details>`
}

function hiddenFields(model: LoginModel): Html {
  return html`<input type="hidden" name="form_token" value="${model.formToken}" />${wishFields(
      model,
    )}`
}

function wishFields({ returnTo, namespace }: LoginModel): Html {
  const place =
    namespace === ''
      ? undefined
      : html`<input type="hidden" name="namespace" value="${namespace}" />`
  return html`<input type="hidden" name="return_to" value="${returnTo}" />${place}`
}

function tokenForm(model: LoginModel): Html {
  const isFirst = model.mounts.length === 0 && model.passwordMounts.length === 0
  return html`<form method="post" action="/ui/login/token">
    ${hiddenFields(model)}
    <label
      >${text.fields.token}
      <input
        type="password"
        name="token"
        required
        autocomplete="current-password"
        spellcheck="false"
        ${focus(isFirst || model.open === 'token')}
    /></label>
    <div class="actions">
      <button class="button${isFirst ? ' main' : ''}">${text.buttons.token}</button>
    </div>
  </form>`
}

function passwordForm(model: LoginModel, isFirst: boolean): Html {
  const isFocused = model.open === 'password' || (isFirst && model.open === undefined)
  return html`<form method="post" action="/ui/login/password">
    ${hiddenFields(model)}${passwordMount(model)}
    <label
      >${text.fields.name}
      <input
        name="username"
        required
        autocomplete="username"
        autocapitalize="off"
        spellcheck="false"
        ${focus(isFocused)}
    /></label>
    <label
      >${text.fields.password}
      <input type="password" name="password" required autocomplete="current-password"
    /></label>
    <div class="actions">
      <button class="button${isFirst ? ' main' : ''}">${text.buttons.password}</button>
    </div>
  </form>`
}

function passwordMount({ passwordMounts, chosen }: LoginModel): Html {
  const [first] = passwordMounts
  if (first !== undefined && passwordMounts.length === 1) {
    return html`<input type="hidden" name="mount" value="${first.name}" />`
  }
  return html`<label
    >${text.fields.mount}
    <select name="mount">
      ${passwordMounts.map(({ name }) =>
        name === chosen
          ? html`<option value="${name}" selected>${name}</option>`
          : html`<option value="${name}">${name}</option>`,
      )}
    </select>
  </label>`
}

function jwtForm(model: LoginModel): Html {
  const [first] = model.jwtMounts
  return html`<form method="post" action="/ui/login/jwt">
    ${hiddenFields(model)}
    <label
      >${text.fields.jwt} <span class="small">${text.fields.jwtHint}</span>
      <textarea
        name="jwt"
        required
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
      ></textarea>
    </label>
    <label
      >${text.fields.mount}
      <input
        name="mount"
        list="jwt-mounts"
        required
        autocomplete="off"
        spellcheck="false"
        value="${model.chosen === '' ? (first?.name ?? 'jwt') : model.chosen}"
    /></label>
    <datalist id="jwt-mounts">
      ${model.jwtMounts.map(({ name }) => html`<option value="${name}"></option>`)}
    </datalist>
    ${roleField(model)}
    <div class="actions"><button class="button">${text.buttons.jwt}</button></div>
  </form>`
}

/**
 * A GET to the page itself: what it leads to is on this server, and the link to the provider is one
 * more step.
 */
function otherForm(model: LoginModel): Html {
  return html`<form method="get" action="/ui/login">
    ${wishFields(model)}
    <label
      >${text.fields.mount}
      <input
        name="mount"
        required
        autocomplete="off"
        spellcheck="false"
        placeholder="oidc"
        value="${model.chosen}"
    /></label>
    ${roleField(model)}
    <div class="actions"><button class="button">${text.buttons.go}</button></div>
  </form>`
}

function roleField({ role }: LoginModel): Html {
  return html`<label
    >${text.fields.role} <span class="small">${text.fields.roleHint}</span>
    <input name="role" autocomplete="off" spellcheck="false" value="${role}"
  /></label>`
}
