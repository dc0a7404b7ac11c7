/** Roles of approle: found by name and by role id, written and taken away (platform.md §6.3). */

import type { BackendContext } from '../../framework/backend.ts'
import type { Lockout } from '../../framework/lockout.ts'
import { NamedRecords } from '../../framework/named-records.ts'
import { invalid } from '../../framework/refusal.ts'
import { mergeSettings, requireChoices, requireNetworks } from '../../framework/token-settings.ts'
import type { Key, StoreTransaction, StoreView } from '../../storage/store.ts'
import { roleCodec, roleRecord, type RoleInput, type RoleRecord } from './role-record.ts'

interface NamedBy {
  readonly name: string
}

export class AppRoles extends NamedRecords<RoleRecord> {
  readonly #context: BackendContext
  readonly #lockout: Lockout

  constructor(context: BackendContext, lockout: Lockout) {
    super(context.store, 'role/', roleCodec)
    this.#context = context
    this.#lockout = lockout
  }

  async byRoleId(roleId: string, view: StoreView): Promise<RoleRecord | undefined> {
    const named = await view.get(this.#idKey(roleId))
    return named === undefined ? undefined : this.load(named.name, view)
  }

  /** Creates or updates; throws a 400 and has then changed nothing. */
  async write(name: string, input: RoleInput): Promise<void> {
    await this.#context.store.write((txn) => this.#put(name, input, txn))
  }

  /** Changes a role that is there; false when there is none. */
  async change(name: string, input: RoleInput): Promise<boolean> {
    return this.#context.store.write(async (txn) => {
      if ((await this.load(name, txn)) === undefined) return false
      await this.#put(name, input, txn)
      return true
    })
  }

  async #put(name: string, input: RoleInput, txn: StoreTransaction): Promise<void> {
    const key = this.key(name)
    const current = await txn.get(key)
    const { random } = this.#context
    const role = merged(current ?? { ...roleRecord.defaults, name, uid: random.uuid() }, input)
    if (current !== undefined && role.local_secret_ids !== current.local_secret_ids) {
      throw invalid("'local_secret_ids' can only be set when the role is created")
    }
    const given = input.role_id
    if (given === '' && current === undefined) throw invalid("'role_id' cannot be empty")
    const role_id = given || (current?.role_id ?? random.uuid())
    if (role_id !== current?.role_id) {
      const idKey = this.#idKey(role_id)
      if ((await txn.get(idKey)) !== undefined) throw invalid("'role_id' is already in use")
      if (current !== undefined) txn.delete(this.#idKey(current.role_id).text)
      txn.put(idKey, { name })
    }
    txn.put(key, { ...role, role_id, version: role.version + 1 })
  }

  /** The role that went, of which there are secret ids left to be taken away. */
  async remove(name: string): Promise<RoleRecord | undefined> {
    const key = this.key(name)
    return this.#context.store.write(async (txn) => {
      const role = await txn.get(key)
      if (role === undefined) return undefined
      txn.delete(key.text)
      txn.delete(this.#idKey(role.role_id).text)
      await this.#lockout.forget(role.role_id, txn)
      return role
    })
  }

  #idKey(roleId: string): Key<NamedBy> {
    const { store } = this.#context
    return store.configKey<NamedBy>(`role-id/${store.hashText('role id', roleId)}`)
  }
}

function merged(current: RoleRecord, input: RoleInput): RoleRecord {
  const { secret_id_bound_cidrs = input.bound_cidr_list } = input
  const draft = mergeSettings(current, input, (one) =>
    roleRecord.merge(current, { ...one, secret_id_bound_cidrs }),
  )
  const cidrs = draft.secret_id_bound_cidrs ?? []
  requireNetworks('secret_id_bound_cidrs', cidrs)
  if (draft.secret_id_num_uses < 0) throw invalid("'secret_id_num_uses' cannot be negative")
  const isBound = draft.bind_secret_id || cidrs.length > 0 || draft.token_bound_cidrs.length > 0
  if (!isBound) {
    throw invalid(
      "at least one constraint should be enabled on the role: 'bind_secret_id', 'secret_id_bound_cidrs' or 'token_bound_cidrs'",
    )
  }
  const role = requireChoices(roleRecord, draft)
  return { ...role, secret_id_bound_cidrs: cidrs.length === 0 ? null : cidrs }
}
