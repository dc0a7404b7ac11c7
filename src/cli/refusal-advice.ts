/**
 * Why the server refused, as far as this side can find out: no token was sent, the token is dead,
 * there is no such mount, the server is sealed. The API answers most of these with the same words,
 * so that a stranger learns nothing; whoever holds the token may ask. Each is one sentence and the
 * next command. It asks two questions at most and judges by statuses and members, never by texts.
 */

import type { ApiClient } from '../client/http-client.ts'
import type { ApiResponse } from '../client/api-response.ts'
import { objectMember, parseSecret } from '../client/secret.ts'
import { isJsonObject, member } from '../lib/json.ts'
import { nearestName } from '../lib/nearest-name.ts'

export interface Advice {
  /** What is the matter, without the full stop. */
  readonly what: string
  /** What to do now: one sentence or a command. */
  readonly fix: string
}

export interface Refused {
  readonly client: ApiClient
  readonly programName: string
  readonly status: number
  /** Path as the person named it. */
  readonly path: string
  /** It was sent without a token on purpose. */
  readonly isOpen: boolean
  /** Where the token came from, for a person to find it; undefined when none was sent. */
  readonly tokenFrom: string | undefined
}

const namesShownMax = 8
/** Where a token is got: nobody has to have one there, so that its absence explains nothing. */
const loginPath = /^auth\/(?:.*\/)?(?:login|oidc\/auth_url)(?:\/|$)/
/** These are mounted everywhere, so that a path below them is never a mistyped mount. */
const fixedMounts = ['sys', 'cubbyhole', 'identity']

export async function adviseOn(refused: Refused): Promise<Advice | undefined> {
  const { programName, status } = refused
  if (status === 503) return sealedAdvice(refused)
  if (status !== 403 && status !== 404) return undefined
  if (refused.isOpen || refused.tokenFrom === undefined) {
    if (status === 403 && loginPath.test(refused.path)) return loginAdvice(refused)
    if (refused.isOpen) return undefined
    return status === 404
      ? undefined
      : {
          what: 'no token is set',
          fix: `Log in first: ${programName} login -method=oidc, or set VAULT_TOKEN.`,
        }
  }
  if (status === 403 && !(await isTokenLive(refused.client))) {
    return {
      what: `the token of ${refused.tokenFrom} is not valid: it has expired or was revoked`,
      fix: `Log in again: ${programName} login -method=oidc`,
    }
  }
  return mountAdvice(refused)
}

/** A login that has no reason was no login of a mount. */
async function loginAdvice({ client, path, programName }: Refused): Promise<Advice> {
  const auth = (await visibleMounts(client))?.auth ?? []
  const near = nearestPath(path, auth)
  return {
    what: `no login of this server answers at ${path}`,
    fix:
      near === undefined
        ? `The mount has another name, or is in another namespace. Who operates the server sees it: ${programName} auth list`
        : `Did you mean ${near}?`,
  }
}

async function sealedAdvice({ client, programName }: Refused): Promise<Advice | undefined> {
  const body = (await ask(client, 'sys/seal-status'))?.json
  if (!isJsonObject(body) || member(body, 'sealed') !== true) return undefined
  if (member(body, 'initialized') !== true) {
    return {
      what: 'the server is not initialised',
      fix: `Once, by its operator: ${programName} operator init`,
    }
  }
  return member(body, 'type') === 'shamir'
    ? { what: 'the server is sealed', fix: `Its operators open it: ${programName} operator unseal` }
    : {
        what: 'the server is sealed',
        fix: 'Its key is in its configuration: restart it, and it opens itself.',
      }
}

/**
 * By the one path that any live token may read, whatever its policies are; it says nothing (204) or
 * refuses (403) when the token is dead. Any other answer proves nothing, and the token is not
 * accused.
 */
async function isTokenLive(client: ApiClient): Promise<boolean> {
  const answer = await ask(client, 'sys/internal/ui/resultant-acl')
  return answer === undefined || ![204, 403].includes(answer.status)
}

async function mountAdvice({
  client,
  path,
  programName,
  status,
}: Refused): Promise<Advice | undefined> {
  const seen = await visibleMounts(client)
  if (seen === undefined) return undefined
  const { auth, secret } = seen
  const isAuth = path.startsWith('auth/')
  const mounts = isAuth ? auth : secret
  const isKnown =
    mounts.length === 0 ||
    fixedMounts.includes(path.split('/')[0] ?? '') ||
    mounts.some((mount) => `${path}/`.startsWith(mount))
  if (isKnown) {
    const look = `What the token may do there: ${programName} token capabilities ${path}`
    return status === 403 ? { what: 'permission denied', fix: look } : undefined
  }
  return {
    what: `no mount that this token can see holds ${path}`,
    fix: mountFix(path, mounts, programName),
  }
}

function mountFix(path: string, mounts: readonly string[], programName: string): string {
  const near = nearestPath(path, mounts)
  if (near !== undefined) return `Did you mean ${near}?`
  if (mounts.every((mount) => fixedMounts.includes(mount.slice(0, -1)))) {
    const name = path.split('/')[0] ?? ''
    return `There is none for secrets. Who operates the server makes one: ${programName} secrets enable -path=${name} kv-v2`
  }
  return `It can see: ${[...mounts].sort().slice(0, namesShownMax).join(', ')}`
}

interface VisibleMounts {
  /** With `auth/` before them. */
  readonly auth: readonly string[]
  readonly secret: readonly string[]
}

/** Those that the token in use may see, or anybody where there is none. */
async function visibleMounts(client: ApiClient): Promise<VisibleMounts | undefined> {
  const answer = await ask(client, 'sys/internal/ui/mounts')
  const data = answer?.status === 200 ? parseSecret(answer)?.data : undefined
  if (data === undefined) return undefined
  const names = (kind: string) => Object.keys(objectMember(data, kind) ?? {})
  return { auth: names('auth').map((name) => `auth/${name}`), secret: names('secret') }
}

/** The path with its first words put right, where some mount's name is near to them. */
function nearestPath(path: string, mounts: readonly string[]): string | undefined {
  const words = path.split('/')
  for (const mount of mounts) {
    const length = mount.split('/').length - 1
    const typed = words.slice(0, length).join('/')
    const name = mount.slice(0, -1)
    if (nearestName(typed, [name]) === undefined) continue
    return [name, ...words.slice(length)].join('/')
  }
  return undefined
}

/** Asks beside the command; what goes wrong here must not hide what went wrong there. */
async function ask(client: ApiClient, path: string): Promise<ApiResponse | undefined> {
  try {
    return await client.send({ method: 'GET', path, headers: [['X-Vault-Wrap-TTL', '']] })
  } catch {
    return undefined
  }
}
