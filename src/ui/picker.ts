/** Fills the sign-in page: which mounts it shows, which way is open, what it has to say. */

import { objectAt, textAt } from './api-answer.ts'
import { isHeld, takeAutoStart } from './auto-start.ts'
import { startAddress, wishOf, wishParameters } from './failure.ts'
import { loginPage, type OpenWay, type ShownMount } from './login-page.ts'
import { link, mountPath, parseMountName } from './own-path.ts'
import { strings } from './strings.ts'
import type { Visit } from './visit.ts'
import type { WebAnswer } from './web-doors.ts'

/** The sign-in page, or that of one mount. */
export async function pick(visit: Visit, mount: string | undefined): Promise<WebAnswer> {
  const { query } = visit
  const asked = mount ?? parseMountName(query.get('mount') ?? '')
  const wish = wishOf(query, asked ?? '')
  if (mount === undefined && asked !== undefined) {
    return visit.redirect(link(`/ui/login/${mountPath(asked)}`, wishParameters(wish)))
  }
  const shown = await visibleMounts(visit, wish.namespace)
  const chosen = mount ?? parseMountName(query.get('with') ?? '') ?? ''
  const open = openWay(query.get('with') ?? '', chosen, shown)
  const isForm = open === 'password'
  const links = proposalFirst(
    shown.filter(({ type, name }) => type === 'oidc' || (name === mount && !isForm)),
    // What only a form can use is no link.
    isForm ? '' : (mount ?? (open === undefined ? chosen : '')),
    mount !== undefined,
  )
  const [first] = links
  if (first !== undefined && (await visit.session()) === undefined && takeAutoStart(visit)) {
    return visit.redirect(startAddress({ ...wish, mount: first.name }))
  }
  return visit.page(
    loginPage({
      ...visit.frame(),
      mounts: links,
      jwtMounts: shown.filter(({ type }) => type === 'jwt'),
      passwordMounts: shown.filter(isPasswordMount),
      chosen: ['token', 'jwt', 'password'].includes(chosen) ? (mount ?? '') : chosen,
      open,
      role: wish.role,
      returnTo: wish.returnTo,
      namespace: wish.namespace,
      formToken: visit.formToken(),
      notice: noticeOf(visit),
      server: serverName(visit),
      providers: await providersOf(visit, shown),
      isInsecure: isInsecure(visit),
    }),
  )
}

/** As the address bar shows it. */
function serverName(visit: Visit): string {
  const origin = visit.doors.publicOrigin(visit.request)
  return origin === undefined ? '' : new URL(origin).host
}

/** Where the shown mounts lead; a hidden one's provider is nobody's business. */
async function providersOf(
  { doors }: Visit,
  shown: readonly ShownMount[],
): Promise<ReadonlyMap<string, string>> {
  const rows = shown
    .filter(({ type }) => type === 'oidc' || type === 'jwt')
    .map(async ({ name }) => [name, await doors.providerOf(name)] as const)
  return new Map(await Promise.all(rows))
}

/** What a sign-in page may show to everybody. */
export async function visibleMounts(
  visit: Visit,
  namespace: string,
): Promise<readonly ShownMount[]> {
  const result = await visit.api({ verb: 'read', path: 'sys/internal/ui/mounts', namespace })
  const auth = objectAt(objectAt(result.body, 'data') ?? {}, 'auth') ?? {}
  return Object.keys(auth).flatMap((path) => {
    const mount = objectAt(auth, path)
    const name = parseMountName(path)
    if (mount === undefined || name === undefined) return []
    return [{ name, type: textAt(mount, 'type'), description: textAt(mount, 'description') }]
  })
}

/** Of a method that takes a name and a password at `login/NAME`. */
function isPasswordMount({ type }: ShownMount): boolean {
  return type === 'userpass'
}

/** `with` names a way or a mount (Vault compatibility: mounts with or without a slash). */
function openWay(asked: string, chosen: string, shown: readonly ShownMount[]): OpenWay | undefined {
  if (asked === 'token' || asked === 'other') return asked
  const mount = shown.find(({ name }) => name === chosen)
  const isPassword =
    mount === undefined
      ? asked === 'password' && shown.some(isPasswordMount)
      : isPasswordMount(mount)
  if (isPassword) return 'password'
  const type = mount?.type
  if (type === 'jwt' || (asked === 'jwt' && type === undefined)) return 'jwt'
  return asked !== '' && type === undefined ? 'other' : undefined
}

/** The chosen mount leads, also when it is not shown to everybody but named by the address. */
function proposalFirst(
  mounts: readonly ShownMount[],
  chosen: string,
  isNamed: boolean,
): readonly ShownMount[] {
  // Where nobody chose: the path that a method is enabled at by default.
  const found = mounts.find(({ name }) => name === (chosen === '' ? 'oidc' : chosen))
  const hidden: ShownMount = { name: chosen, type: 'oidc', description: '' }
  const first = found ?? (isNamed && chosen !== '' ? hidden : undefined)
  if (first === undefined) return mounts
  return [first, ...mounts.filter((mount) => mount !== first)]
}

function noticeOf(
  visit: Visit,
): { readonly kind: 'note' | 'warn'; readonly text: string } | undefined {
  const { query } = visit
  const { notices } = strings.login
  if (query.get('signed_out') === '1') return { kind: 'note', text: notices.signedOut }
  if (query.get('signed_out') === 'alive') {
    return {
      kind: 'warn',
      text: notices.signedOutAlive,
    }
  }
  if (query.get('ended') === '1') {
    return { kind: 'warn', text: notices.ended }
  }
  if (isHeld(visit)) {
    return {
      kind: 'note',
      text: notices.held,
    }
  }
  return undefined
}

/** Browsers keep `Secure` cookies of plain HTTP for loopback only. */
function isInsecure(visit: Visit): boolean {
  const origin = visit.doors.publicOrigin(visit.request)
  if (origin === undefined || !origin.startsWith('http:')) return false
  const { hostname } = new URL(origin)
  return !/^(?:localhost|.*\.localhost|127\.[\d.]+|\[::1\])$/.test(hostname)
}
