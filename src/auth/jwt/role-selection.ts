/**
 * Login without the name of a role, on a mount that chooses by the claims (jwt-oidc.md §2.11): I/O
 * around `trust/role-index.ts` and `trust/role-choice.ts`. The token is proven before any role is
 * looked at, so that nobody learns about roles without one.
 */

import type { BackendContext } from '../../framework/backend.ts'
import type { JsonObject } from '../../lib/json.ts'
import { err, type Result } from '../../lib/result.ts'
import { turn } from '../../lib/turns.ts'
import type { JwtLoginInput, LoginOutcome } from '../../trust/decide.ts'
import {
  chooseOutcome,
  type Accepted,
  type ChoiceProblem,
  type RoleSelection as Selection,
} from '../../trust/role-choice.ts'
import { RoleIndex } from '../../trust/role-index.ts'
import type { CompiledRole } from '../../trust/role-rules.ts'
import type { RoleRecord } from './role-record.ts'
import type { JwtRoles } from './role.ts'
import type { Settled } from './settle.ts'

/** A role and its record, judged for one login. */
export interface Judged {
  readonly record: RoleRecord
  readonly role: CompiledRole
}

interface Indexed {
  /** Of the set of roles. */
  readonly revision: string
  readonly index: RoleIndex
  readonly records: ReadonlyMap<CompiledRole, RoleRecord>
  /** There are more roles than a mount may choose from. */
  readonly isTooMany: boolean
}

const rolesMax = 10_000

export class RoleSelection {
  readonly #context: BackendContext
  readonly #roles: JwtRoles
  #indexed: Promise<Indexed> | undefined

  constructor(context: BackendContext, roles: JwtRoles) {
    this.#context = context
    this.#roles = roles
  }

  /** The outcome of the roles that accept these claims, and their records. */
  async choose(
    claims: JsonObject,
    selection: Selection,
    judge: (judged: Judged) => Promise<Settled<JwtLoginInput>>,
  ): Promise<{
    readonly chosen: Result<LoginOutcome, ChoiceProblem>
    readonly records: readonly RoleRecord[]
  }> {
    const { index, records, isTooMany } = await this.#current()
    const candidates = isTooMany ? undefined : index.candidates(claims)
    if (candidates === undefined) {
      return { chosen: err({ reason: 'role_ambiguous', roles: [] }), records: [] }
    }
    const accepted: (Accepted & { readonly record: RoleRecord })[] = []
    for (const role of candidates) {
      const record = records.get(role)
      if (record === undefined) continue
      // Each may cost as much as a login may.
      if (candidates.length > 1) await turn(this.#context.clock)
      const { decision } = await judge({ record, role })
      if (decision.kind === 'accepted') {
        accepted.push({ role: role.name, outcome: decision.outcome, record })
      }
    }
    const chosen = chooseOutcome(accepted, selection)
    const isConsistent = new Set(accepted.map(({ record }) => record.token_type)).size <= 1
    if (chosen.ok && !isConsistent) {
      const roles = accepted.map(({ role }) => role)
      return { chosen: err({ reason: 'role_ambiguous', roles }), records: [] }
    }
    return { chosen, records: accepted.map(({ record }) => record) }
  }

  /** The roles as they are now; read again when one was written. */
  async #current(): Promise<Indexed> {
    const revision = await this.#roles.setRevision()
    const known = await this.#indexed
    if (known?.revision === revision) return known
    // Whoever comes meanwhile waits for the same reading; a failed one is not kept.
    const reading = this.#read()
    this.#indexed = reading
    try {
      return await reading
    } catch (problem) {
      if (this.#indexed === reading) this.#indexed = undefined
      throw problem
    }
  }

  async #read(): Promise<Indexed> {
    return this.#context.store.view(async (view) => {
      const revision = await this.#roles.setRevision(view)
      const names = await this.#roles.names({ limit: rolesMax + 1 }, view)
      const records = new Map<CompiledRole, RoleRecord>()
      for (const name of names.slice(0, rolesMax)) {
        const record = await this.#roles.load(name, view)
        if (record?.role_type === 'jwt') records.set(this.#roles.compiled(record), record)
      }
      const index = new RoleIndex([...records.keys()])
      return { revision, index, records, isTooMany: names.length > rolesMax }
    })
  }
}
