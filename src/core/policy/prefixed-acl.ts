/**
 * The rights of a token in a namespace below its own: its rules are asked for the path that leads
 * there from where they were written.
 */

import { emptyObject, type JsonObject } from '../../lib/json.ts'
import type { Acl, AclDecision, AclRequest, ResultantAcl, RuleLimits } from './acl.ts'

export class PrefixedAcl implements Acl {
  readonly #acl: Acl
  readonly #prefix: string

  /** `prefix`: the path of the namespace from the token's own, with a slash at its end. */
  constructor(acl: Acl, prefix: string) {
    this.#acl = acl
    this.#prefix = prefix
  }

  decide(request: AclRequest): AclDecision {
    return this.#acl.decide({ ...request, path: this.#prefix + request.path })
  }

  capabilities(path: string): string[] {
    return this.#acl.capabilities(this.#prefix + path)
  }

  limits(path: string): RuleLimits | undefined {
    return this.#acl.limits(this.#prefix + path)
  }

  hasAnyCapabilityUnder(mountPath: string): boolean {
    return this.#acl.hasAnyCapabilityUnder(this.#prefix + mountPath)
  }

  /** The rules for paths below the prefix, as they read from there. */
  resultant(): ResultantAcl {
    const whole = this.#acl.resultant()
    if (whole.root) return whole
    const exact = emptyObject()
    const glob = emptyObject()
    for (const [path, rule] of Object.entries(whole.exact_paths)) {
      if (path.startsWith(this.#prefix)) exact[path.slice(this.#prefix.length)] = rule
    }
    for (const [path, rule] of ownGlobs(whole.glob_paths, this.#prefix)) glob[path] = rule
    return { root: false, exact_paths: exact, glob_paths: glob }
  }

  /** Of those rules; a rule that reaches the whole of the namespace is one for everything in it. */
  origins(): ReadonlyMap<string, readonly string[]> {
    const found = new Map<string, readonly string[]>()
    let aboveLength = -1
    for (const [path, policies] of this.#acl.origins()) {
      const isAbove = path.endsWith('*') && this.#prefix.startsWith(path.slice(0, -1))
      if (isAbove && path.length > aboveLength) {
        aboveLength = path.length
        found.set('*', policies)
      } else if (!isAbove && path.startsWith(this.#prefix)) {
        found.set(path.slice(this.#prefix.length), policies)
      }
    }
    return found
  }
}

/** Of those that reach the whole of the namespace the longest is the one that decides. */
function ownGlobs(
  globs: JsonObject,
  prefix: string,
): readonly (readonly [string, JsonObject[string]])[] {
  const entries = Object.entries(globs)
  const inside = entries
    .filter(([path]) => path.startsWith(prefix))
    .map(([path, rule]) => [path.slice(prefix.length), rule] as const)
  const [above] = entries
    .filter(([path]) => path !== prefix && prefix.startsWith(path))
    .toSorted(([a], [b]) => b.length - a.length)
  const isCovered = inside.some(([path]) => path === '')
  return above === undefined || isCovered ? inside : [...inside, ['', above[1]]]
}
