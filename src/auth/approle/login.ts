/**
 * Login of a machine with a role id and a secret id (platform.md §6.3), and renewal. The use of a
 * secret id is taken in the very commit that makes the token: of many logins with the last use one
 * gets a token, and a login that fails spends nothing.
 */

import type { BackendContext, RenewRequest, RenewTerms } from '../../framework/backend.ts'
import type { Lockout } from '../../framework/lockout.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import type { Refusal } from '../../framework/refusal.ts'
import type { Reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import {
  loginOf,
  mayComeFrom,
  refusalOf,
  renewalMoved,
  renewedBy,
  roleGone,
  sourceRefusal,
  type RefusedAttempt,
} from '../../framework/role-login.ts'
import { field, type Input } from '../../schema/field.ts'
import { isSourceAllowed, parseSourceRule } from '../../trust/source-address.ts'
import { roleIdCharsMax, type RoleRecord } from './role-record.ts'
import type { AppRoles } from './roles.ts'
import { secretIdField } from './secret-id-paths.ts'
import type { SecretIds, SecretRecord } from './secret-ids.ts'

const loginFields = {
  role_id: field.string({ help: 'The role id.', charsMax: roleIdCharsMax }),
  secret_id: secretIdField,
} as const

type LoginRequest = BackendRequest<Input<typeof loginFields>>

interface Parts {
  readonly roles: AppRoles
  readonly secrets: SecretIds
  readonly lockout: Lockout
}

/** What a request leads to, from one moment of the store. */
interface Found {
  readonly role: RoleRecord | undefined
  readonly secret: SecretRecord | undefined
  readonly isLocked: boolean
}

export class AppRoleLogin {
  readonly #context: BackendContext
  readonly #parts: Parts

  constructor(context: BackendContext, parts: Parts) {
    this.#context = context
    this.#parts = parts
  }

  async login(request: LoginRequest): Promise<Reply> {
    const { role_id: roleId = '', secret_id: secretId = '' } = request.input
    const found = await this.#find(roleId, secretId)
    const attempt = this.#attempt(request, found.role)
    if (roleId === '') throw missing('role_id', attempt)
    if (found.isLocked) {
      throw refusalOf({ reason: 'locked_out', text: 'permission denied' }, attempt)
    }
    const { role, secret } = found
    if (role?.bind_secret_id !== false && secretId === '') throw missing('secret_id', attempt)
    if (role === undefined || (role.bind_secret_id && secret === undefined)) {
      const attempted = { name: roleId, isKnown: role !== undefined }
      await this.#parts.lockout.failed(attempted, this.#context.clock.nowMs())
      throw wrongCredentials(attempt)
    }
    return this.#proven(request, role, role.bind_secret_id ? secret : undefined)
  }

  async #find(roleId: string, secretId: string): Promise<Found> {
    const { roles, secrets, lockout } = this.#parts
    const nowMs = this.#context.clock.nowMs()
    return this.#context.store.view(async (view) => {
      const role = roleId === '' ? undefined : await roles.byRoleId(roleId, view)
      const isLooked = role !== undefined && secretId !== ''
      return {
        role,
        secret: isLooked ? await secrets.find(role, secrets.hash(secretId), view) : undefined,
        isLocked: await lockout.isLocked(
          { name: roleId, isKnown: role !== undefined },
          nowMs,
          view,
        ),
      }
    })
  }

  #proven(request: LoginRequest, role: RoleRecord, secret: SecretRecord | undefined): Reply {
    const { clientAddress } = request
    const attempt = this.#attempt(request, role)
    for (const cidrs of [role.secret_id_bound_cidrs ?? [], secret?.cidrs ?? []]) {
      if (!isSourceAllowed(parseSourceRule(cidrs, false), clientAddress)) {
        throw refusalOf(
          {
            reason: 'source_address_refused',
            text: 'source address unauthorized through CIDR restrictions',
            status: 400,
          },
          attempt,
        )
      }
    }
    const boundCidrs = boundCidrsOf(role, secret)
    if (!mayComeFrom({ ...role, token_bound_cidrs: boundCidrs }, clientAddress)) {
      throw sourceRefusal(attempt)
    }
    const { roles, secrets, lockout } = this.#parts
    const login = loginOf(role, {
      alias: { name: role.role_id, metadata: { role_name: role.name } },
      metadata: { ...secret?.metadata, role_name: role.name },
      displayName: '',
      clientAddress,
      boundCidrs,
      note: attempt.note,
      alongside: async (txn) => {
        const now = await roles.load(role.name, txn)
        const isThere =
          now?.uid === role.uid && now.role_id === role.role_id && now.version === role.version
        const isGood = secret === undefined || (await secrets.spend(role, secret.hash, txn))
        if (!isThere || !isGood) throw wrongCredentials(attempt)
        await lockout.forget(role.role_id, txn)
      },
    })
    return { kind: 'login', login }
  }

  #attempt({ requestId }: LoginRequest, role: RoleRecord | undefined): RefusedAttempt {
    return { mount: this.#context.mount(), requestId, note: { role: role?.name } }
  }

  /** platform.md §3.8: by the role as it is now. */
  async renew({ role, clientAddress }: RenewRequest): Promise<RenewTerms> {
    const now = await this.#parts.roles.load(role.name)
    if (now === undefined) throw roleGone(role.name)
    // design.md §8: with compat=vault only the role has to be there.
    if (this.#context.mount().compat !== 'vault' && !mayComeFrom(now, clientAddress)) {
      throw renewalMoved()
    }
    return renewedBy(now)
  }
}

/** Those of the secret id are within those of the role. */
function boundCidrsOf(role: RoleRecord, secret: SecretRecord | undefined): readonly string[] {
  const own = secret?.tokenCidrs ?? []
  return own.length > 0 ? own : role.token_bound_cidrs
}

function missing(name: 'role_id' | 'secret_id', attempt: RefusedAttempt): Refusal {
  return refusalOf({ reason: 'credentials_missing', text: `missing ${name}` }, attempt)
}

/** SEC-ACL-14: the same whichever of the two is wrong. */
function wrongCredentials(attempt: RefusedAttempt): Refusal {
  const text = 'invalid role or secret ID'
  return refusalOf({ reason: 'credentials_refused', text }, attempt)
}

export function loginPath(login: AppRoleLogin): PathDeclaration {
  return definePath({
    pattern: 'login',
    access: 'open',
    isLogin: true,
    summary: 'Trades a role id and a secret id for a token.',
    fields: loginFields,
    repeats: 'refuse',
    operations: {
      write: { summary: 'Log in.', handler: (request) => login.login(request) },
    },
  })
}
