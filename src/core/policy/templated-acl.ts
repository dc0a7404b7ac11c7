/**
 * The rights of a token some of whose policies have templates. Every token has at least one such
 * policy, `default`, so that filling and merging for each request would cost each request. Rules
 * whose path can be none of theirs are decided by what all tokens of these policies share.
 */

import type { Acl, AclDecision, AclRequest, ResultantAcl, RuleLimits } from './acl.ts'

export class TemplatedAcl implements Acl {
  readonly #shared: Acl
  readonly #heads: readonly string[]
  readonly #fill: () => Acl
  #filled: Acl | undefined

  /** `heads`: what paths of filled rules begin with. `fill`: the rights with those rules. */
  constructor(shared: Acl, heads: readonly string[], fill: () => Acl) {
    this.#shared = shared
    this.#heads = heads
    this.#fill = fill
  }

  decide(request: AclRequest): AclDecision {
    return this.#for(request.path).decide(request)
  }

  capabilities(path: string): string[] {
    return this.#for(path).capabilities(path)
  }

  limits(path: string): RuleLimits | undefined {
    return this.#for(path).limits(path)
  }

  hasAnyCapabilityUnder(mountPath: string): boolean {
    return this.#whole.hasAnyCapabilityUnder(mountPath)
  }

  resultant(): ResultantAcl {
    return this.#whole.resultant()
  }

  origins(): ReadonlyMap<string, readonly string[]> {
    return this.#whole.origins()
  }

  #for(path: string): Acl {
    return this.#heads.some((head) => path.startsWith(head)) ? this.#whole : this.#shared
  }

  get #whole(): Acl {
    return (this.#filled ??= this.#fill())
  }
}
