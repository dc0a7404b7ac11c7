/**
 * Which rate limit quota a request falls under (platform.md §2.11): the most exact one alone. Pure.
 */

import type { QuotaConfig, RateLimit } from './quota-records.ts'
import { fullPath, type MountTable } from '../mount-table.ts'
import { parentPath } from '../namespaces/namespace-path.ts'
import type { MountRecord } from '../records.ts'
import { foldText } from '../../schema/field.ts'
import { after, type Soon } from '../../lib/soon.ts'
import { trimEnd, trimEnds } from '../../lib/trim.ts'

/** What load balancers and holders of unseal keys need, however much others ask for. */
const alwaysExempt = [
  'sys/health',
  'sys/seal-status',
  'sys/unseal',
  'sys/generate-root/*',
  'sys/generate-recovery-token/*',
]

/** Whose requests a quota counts: those below a mount or a path, of a namespace, or all. */
export type QuotaScope =
  | { readonly kind: 'everything' }
  | { readonly kind: 'mount'; readonly path: string; readonly isAuth: boolean }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'namespace'; readonly path: string }
  /** A path in a namespace, with all below it. */
  | { readonly kind: 'folder'; readonly path: string }

/** Undefined for a path below no mount, and in no namespace. */
export function scopeOf(
  text: string,
  mounts: MountTable,
  namespace: string | undefined,
): QuotaScope | undefined {
  const path = trimEnds(text, '/')
  if (path === '') return { kind: 'everything' }
  if (namespace !== undefined) return scopeIn(namespace, path)
  const mount = mounts.find(path)
  if (mount === undefined) return undefined
  if (fullPath(mount) === `${path}/`) {
    return { kind: 'mount', path: fullPath(mount), isAuth: mount.class === 'auth' }
  }
  return path.endsWith('*') ? { kind: 'prefix', prefix: path.slice(0, -1) } : { kind: 'path', path }
}

function scopeIn(namespace: string, path: string): QuotaScope {
  if (`${path}/` === namespace) return { kind: 'namespace', path: namespace }
  return path.endsWith('*')
    ? { kind: 'prefix', prefix: path.slice(0, -1) }
    : { kind: 'folder', path }
}

/** A quota, with the namespace that its path leads into. */
export interface PlacedLimit {
  readonly limit: RateLimit
  readonly namespace: string | undefined
}

/** What of a request decides which quota it falls under. */
export interface CountedRequest {
  /** From the root on. */
  readonly path: string
  /** Empty for the root. */
  readonly namespace: string
  /** Asked for only where some quota of the mount depends on it; empty is none. */
  readonly role: (mount: MountRecord) => Soon<string>
}

/** The quotas of one configuration. */
export class QuotaRules {
  readonly config: QuotaConfig
  readonly isEmpty: boolean
  readonly #mounts: MountTable
  readonly #exact = new Map<string, RateLimit>()
  readonly #byMount = new Map<string, RateLimit>()
  readonly #byNamespace = new Map<string, RateLimit>()
  readonly #byRole = new Map<string, ReadonlyMap<string, RateLimit>>()
  /** The longest first. */
  readonly #prefixes: readonly (readonly [prefix: string, limit: RateLimit])[]
  readonly #global: RateLimit | undefined
  readonly #exemptPaths: ReadonlySet<string>
  readonly #exemptPrefixes: readonly string[]

  constructor(limits: readonly PlacedLimit[], config: QuotaConfig, mounts: MountTable) {
    this.config = config
    this.isEmpty = limits.length === 0
    this.#mounts = mounts
    const prefixes: [string, RateLimit][] = []
    for (const { limit, namespace } of limits) {
      const scope = scopeOf(limit.path, mounts, namespace)
      // One of a mount that is gone limits nothing.
      if (scope === undefined) continue
      if (scope.kind === 'everything') this.#global = limit
      else if (scope.kind === 'namespace') this.#byNamespace.set(scope.path, limit)
      else if (scope.kind === 'folder') {
        this.#exact.set(scope.path.toLowerCase(), limit)
        prefixes.push([`${scope.path.toLowerCase()}/`, limit])
      } else if (scope.kind === 'path') this.#exact.set(scope.path.toLowerCase(), limit)
      else if (scope.kind === 'prefix') prefixes.push([scope.prefix.toLowerCase(), limit])
      else if (limit.role === '') this.#byMount.set(scope.path, limit)
      else {
        const roles = this.#byRole.get(scope.path) ?? []
        this.#byRole.set(scope.path, new Map([...roles, [foldText(limit.role), limit]]))
      }
    }
    this.#prefixes = prefixes.toSorted(([a], [b]) => b.length - a.length)
    const exempt = [
      ...alwaysExempt,
      ...config.rate_limit_exempt_paths,
      ...config.absolute_rate_limit_exempt_paths,
    ].map((path) => trimEnds(path, '/'))
    this.#exemptPaths = new Set(exempt.filter((path) => !path.endsWith('*')))
    this.#exemptPrefixes = exempt
      .filter((path) => path.endsWith('*'))
      .map((path) => path.slice(0, -1))
  }

  /** The quota that counts the request: of its role, its path, its mount, or of all. */
  find({ path: sent, namespace, role }: CountedRequest): Soon<RateLimit | undefined> {
    const path = trimEnd(sent, '/')
    if (this.#isExempt(path)) return undefined
    const mount = this.#mounts.find(sent)
    const mountPath = mount === undefined ? '' : fullPath(mount)
    const roles = this.#byRole.get(mountPath)
    if (mount === undefined || roles === undefined) return this.#ofPath(path, mountPath, namespace)
    return after(
      role(mount),
      (name) => roles.get(foldText(name)) ?? this.#ofPath(path, mountPath, namespace),
    )
  }

  #ofPath(path: string, mountPath: string, namespace: string): RateLimit | undefined {
    // Other spellings of one name must not be other requests.
    const folded = path.toLowerCase()
    return (
      this.#exact.get(folded) ??
      this.#prefixes.find(([prefix]) => folded.startsWith(prefix))?.[1] ??
      this.#byMount.get(mountPath) ??
      this.#ofNamespace(namespace) ??
      this.#global
    )
  }

  /** The quota of the namespace, or of the nearest one above that hands its quota down. */
  #ofNamespace(path: string): RateLimit | undefined {
    if (path === '' || this.#byNamespace.size === 0) return undefined
    const own = this.#byNamespace.get(path)
    if (own !== undefined) return own
    for (let above = parentPath(path); above !== ''; above = parentPath(above)) {
      const limit = this.#byNamespace.get(above)
      if (limit?.inheritable === true) return limit
    }
    return undefined
  }

  #isExempt(path: string): boolean {
    return (
      this.#exemptPaths.has(path) || this.#exemptPrefixes.some((prefix) => path.startsWith(prefix))
    )
  }
}
