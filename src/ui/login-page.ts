/**
 * The sign-in page: the mounts that may be shown as links, and behind "More ways" everything else.
 * Pure.
 */

import { foreign, html, type Html } from './html.ts'
import { icons } from './icons.ts'
import { link, mountPath } from './own-path.ts'
import { createPage, type Page, type PageFrame } from './page.ts'

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
  /** The browser will keep no cookie of ours: plain HTTP to another machine. */
  readonly isInsecure: boolean
}

const shownMax = 5

export function loginPage(model: LoginModel): Page {
  const links = model.mounts.slice(0, shownMax)
  const hasPasswords = model.passwordMounts.length > 0
  const isEmpty = links.length === 0 && !hasPasswords
  // The form stands open where it is the only way that is shown.
  const isPasswordFirst = links.length === 0 && hasPasswords
  return createPage({
    ...model,
    status: 200,
    title: 'Sign in',
    main: html`<article class="card">
      <div class="head"><h1>Sign in</h1></div>
      ${noticeNote(model)}${isEmpty ? emptyNote() : undefined}
      ${links.length > 0 ? mountLinks(model, links) : undefined}
      ${isEmpty ? tokenForm(model) : undefined}
      ${isPasswordFirst ? passwordForm(model, true) : undefined}
      <div class="more">
        <h2 class="small">${isEmpty ? 'Other ways' : 'More ways to sign in'}</h2>
        ${otherMounts(model, model.mounts.slice(shownMax))}
        ${
          hasPasswords && !isPasswordFirst
            ? way('With a password', model.open === 'password', passwordForm(model, false))
            : undefined
        }
        ${isEmpty ? undefined : way('With a token', model.open === 'token', tokenForm(model))}
        ${way('With a JWT', model.open === 'jwt', jwtForm(model))}
        ${way('Another mount or role', model.open === 'other', otherForm(model))}
      </div>
    </article>`,
  })
}

function noticeNote({ notice, isInsecure }: LoginModel): Html | undefined {
  if (isInsecure) {
    return html`<p class="note warn">
      ${icons.warning}<span
        ><strong>This connection is not encrypted.</strong> Your browser will not keep you signed
        in, and others can read what you send. Use https.</span
      >
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
      >No sign-in method is shown to everybody here. Use a token, or one of the other ways.
      Operator: <code>tokenstile auth tune -listing-visibility=unauth oidc/</code></span
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
  return html`<li class="first">
    <a
      class="button main wide"
      href="${startLink(model, mount.name)}"
      ${focus(model.open === undefined)}
      >${icons.key}<span class="end">Continue with ${label(mount)}</span>${icons.arrow}</a
    >
    <p class="small">
      ${mount.description === '' ? undefined : html`Method <code>${mount.name}/</code>`}
      ${model.role === '' ? undefined : html`with role <code>${foreign(model.role)}</code>`}
    </p>
  </li>`
}

function focus(isWanted: boolean): Html | undefined {
  return isWanted ? html` autofocus` : undefined
}

function mountLink(model: LoginModel, mount: ShownMount): Html {
  return html`<a class="button wide" href="${startLink(model, mount.name)}">${label(mount)}</a>`
}

function startLink({ role, returnTo, namespace }: LoginModel, mount: string): string {
  return link(`/ui/login/${mountPath(mount)}/start`, { role, return_to: returnTo, namespace })
}

function label({ name, description }: ShownMount): Html {
  return foreign(description === '' ? name : description, 60)
}

function otherMounts(model: LoginModel, mounts: readonly ShownMount[]): Html | undefined {
  if (mounts.length === 0) return undefined
  const list = html`<ul class="ways">
    ${mounts.map((mount) => html`<li>${mountLink(model, mount)}</li>`)}
  </ul>`
  return way(`${mounts.length} more`, false, list)
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
      >Token
      <input
        type="password"
        name="token"
        required
        autocomplete="current-password"
        spellcheck="false"
        ${focus(isFirst || model.open === 'token')}
    /></label>
    <div class="actions">
      <button class="button${isFirst ? ' main' : ''}">Sign in with the token</button>
    </div>
  </form>`
}

function passwordForm(model: LoginModel, isFirst: boolean): Html {
  const isFocused = model.open === 'password' || (isFirst && model.open === undefined)
  return html`<form method="post" action="/ui/login/password">
    ${hiddenFields(model)}${passwordMount(model)}
    <label
      >Name
      <input
        name="username"
        required
        autocomplete="username"
        autocapitalize="off"
        spellcheck="false"
        ${focus(isFocused)}
    /></label>
    <label
      >Password <input type="password" name="password" required autocomplete="current-password"
    /></label>
    <div class="actions">
      <button class="button${isFirst ? ' main' : ''}">Sign in with the password</button>
    </div>
  </form>`
}

function passwordMount({ passwordMounts, chosen }: LoginModel): Html {
  const [first] = passwordMounts
  if (first !== undefined && passwordMounts.length === 1) {
    return html`<input type="hidden" name="mount" value="${first.name}" />`
  }
  return html`<label
    >Mount
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
      >JWT <span class="small">Goes to this server only and is not kept.</span>
      <textarea
        name="jwt"
        required
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
      ></textarea>
    </label>
    <label
      >Mount
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
    <div class="actions"><button class="button">Sign in with the JWT</button></div>
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
      >Mount
      <input
        name="mount"
        required
        autocomplete="off"
        spellcheck="false"
        placeholder="oidc"
        value="${model.chosen}"
    /></label>
    ${roleField(model)}
    <div class="actions"><button class="button">Go there</button></div>
  </form>`
}

function roleField({ role }: LoginModel): Html {
  return html`<label
    >Role <span class="small">Empty: the mount's default role.</span>
    <input name="role" autocomplete="off" spellcheck="false" value="${role}"
  /></label>`
}
