/**
 * Login with a name and a password (platform.md §6.2), and renewal. A name that nobody has costs
 * and reads what a wrong password costs and reads.
 */

import type { BackendContext, RenewRequest, RenewTerms } from '../../framework/backend.ts'
import type { Lockout } from '../../framework/lockout.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid, type Refusal } from '../../framework/refusal.ts'
import type { Reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import {
  busyRefusal,
  loginOf,
  mayComeFrom,
  refusalOf,
  renewalMoved,
  renewedBy,
  sourceRefusal,
  type RefusedAttempt,
} from '../../framework/role-login.ts'
import { customerOf } from '../../lib/cidr.ts'
import type { Input } from '../../schema/field.ts'
import type { StoreView } from '../../storage/store.ts'
import {
  hashPassword,
  nobodysPassword,
  verifyPassword,
  type PasswordRecord,
} from './password-hash.ts'
import type { PasswordLine, WorkOutcome } from './password-line.ts'
import {
  passwordField,
  userNameField,
  type UserParts,
  type UserRecord,
  type Users,
} from './users.ts'

const loginFields = { username: userNameField, password: passwordField } as const

type LoginRequest = BackendRequest<Input<typeof loginFields>>

/** Who a request says to be. */
interface Claimed {
  readonly name: string
  readonly user: UserRecord | undefined
}

export class UserLogin {
  readonly #context: BackendContext
  readonly #users: Users
  readonly #line: PasswordLine
  readonly #lockout: Lockout
  readonly #nobody: PasswordRecord

  constructor(context: BackendContext, users: Users, { line, lockout }: UserParts) {
    this.#context = context
    this.#users = users
    this.#line = line
    this.#lockout = lockout
    this.#nobody = nobodysPassword(context.random)
  }

  async login(request: LoginRequest): Promise<Reply> {
    const { username: name = '', password = '' } = request.input
    const attempt = this.#attempt(request, name)
    if (password === '') {
      throw refusalOf({ reason: 'credentials_missing', text: 'missing password' }, attempt)
    }
    // Whoever is locked takes no place from others.
    await this.#requireUnlocked(name, attempt)
    const turn = await this.#line.enter(customerOf(request.clientAddress))
    if (turn === undefined)
      throw busyRefusal('too many passwords wait to be checked; try again in a moment', attempt)
    let outcome: WorkOutcome = 'unasked'
    try {
      // Asked again: others may have failed under this name while this one waited.
      const { user } = await this.#requireUnlocked(name, attempt)
      outcome = 'in_vain'
      const isRight = await verifyPassword(password, user?.password ?? this.#nobody)
      if (user === undefined || !isRight) {
        await this.#lockout.failed({ name, isKnown: user !== undefined }, this.#nowMs)
        throw wrongCredentials(attempt)
      }
      outcome = 'proven'
      return await this.#proven(user, request, attempt)
    } finally {
      turn.end(outcome)
    }
  }

  async #proven(
    user: UserRecord,
    { clientAddress, input }: LoginRequest,
    attempt: RefusedAttempt,
  ): Promise<Reply> {
    if (!mayComeFrom(user, clientAddress)) throw sourceRefusal(attempt)
    const fresh =
      user.password.kind === 'bcrypt'
        ? await hashPassword(input.password ?? '', this.#context.random)
        : undefined
    const { name, id } = user
    const metadata = { username: name }
    const login = loginOf(user, {
      alias: { name, metadata },
      metadata,
      displayName: name,
      clientAddress,
      facts: { user: id },
      note: attempt.note,
      alongside: async (txn) => {
        const now = await this.#users.load(name, txn)
        // Something of the user was changed while the password was being looked at, be it rights or
        // networks: it is the user of before that was judged.
        if (now?.id !== id || now.version !== user.version) {
          throw wrongCredentials(attempt)
        }
        if (fresh !== undefined) this.#users.replaceHash(txn, now, fresh)
        await this.#lockout.forget(name, txn)
      },
    })
    return { kind: 'login', login }
  }

  async #requireUnlocked(name: string, attempt: RefusedAttempt): Promise<Claimed> {
    const { user, isLocked } = await this.#context.store.view(async (view) => {
      const found = await this.#users.load(name, view)
      return { user: found, isLocked: await this.#isLocked({ name, user: found }, view) }
    })
    if (isLocked) throw refusalOf({ reason: 'locked_out', text: 'permission denied' }, attempt)
    return { name, user }
  }

  #isLocked({ name, user }: Claimed, view: StoreView): Promise<boolean> {
    return this.#lockout.isLocked({ name, isKnown: user !== undefined }, this.#nowMs, view)
  }

  get #nowMs(): number {
    return this.#context.clock.nowMs()
  }

  #attempt({ requestId }: LoginRequest, name: string): RefusedAttempt {
    return { mount: this.#context.mount(), requestId, note: { role: name } }
  }

  /** platform.md §3.8: the user of now, with the policies of then. */
  async renew({ role, facts, policies, clientAddress }: RenewRequest): Promise<RenewTerms> {
    const user = await this.#users.load(role.name)
    if (user === undefined || user.id !== facts['user']) {
      throw invalid(`user ${JSON.stringify(role.name)} could not be found, not renewing`)
    }
    if (!isSameSet(user.token_policies, policies)) {
      throw invalid('policies have changed, not renewing')
    }
    // design.md §8: with compat=vault only the role has to be there.
    if (this.#context.mount().compat !== 'vault' && !mayComeFrom(user, clientAddress)) {
      throw renewalMoved()
    }
    return renewedBy(user)
  }
}

/** Ignoring `default`, and how a name was written. */
function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  const [a, b] = [one, other].map((names) => {
    const folded = names.map((name) => name.trim().toLowerCase())
    return new Set(folded.filter((name) => name !== 'default' && name !== ''))
  })
  return a !== undefined && b !== undefined && a.size === b.size && [...a].every((x) => b.has(x))
}

/** SEC-ACL-14: the same for a name that nobody has. */
function wrongCredentials(attempt: RefusedAttempt): Refusal {
  const text = 'invalid username or password'
  return refusalOf({ reason: 'credentials_refused', text }, attempt)
}

export function loginPath(login: UserLogin): PathDeclaration {
  return definePath({
    pattern: 'login/:username',
    access: 'open',
    isLogin: true,
    summary: 'Trades a name and a password for a token.',
    fields: loginFields,
    repeats: 'refuse',
    operations: {
      write: { summary: 'Log in.', handler: (request) => login.login(request) },
    },
  })
}
