/** Users: their records, and the paths that write them (platform.md §6.2). */

import type { BackendContext } from '../../framework/backend.ts'
import type { Lockout } from '../../framework/lockout.ts'
import { listPath, NamedRecords } from '../../framework/named-records.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid, Refusal } from '../../framework/refusal.ts'
import { reply } from '../../framework/reply.ts'
import {
  mergeSettings,
  olderTokenFields,
  requireChoices,
  shownOlderNames,
  tokenTable,
} from '../../framework/token-settings.ts'
import { field, type Input } from '../../schema/field.ts'
import { defineRecord, own, part, type StoredOf } from '../../schema/record.ts'
import { recordCodec } from '../../storage/record-codec.ts'
import type { StoreTransaction } from '../../storage/store.ts'
import { bcryptProblem } from './bcrypt.ts'
import {
  bcryptPassword,
  hashPassword,
  passwordRecord,
  type PasswordRecord,
} from './password-hash.ts'
import type { PasswordLine } from './password-line.ts'

const userNameCharsMax = 128
/** More than anybody types, and little work for whoever has to hash it first. */
const passwordCharsMax = 1024

const userRecord = defineRecord({
  name: own<string>(''),
  version: own<number>(0),
  /** Of this user alone: who comes later under the same name is somebody else. */
  id: own<string>(''),
  password: part(passwordRecord),
  ...tokenTable,
})
export type UserRecord = StoredOf<typeof userRecord.table>

export const userNameField = field.lowerString({
  help: 'Name of the user; case means nothing.',
  charsMax: userNameCharsMax,
})

export const passwordField = field.string({
  help: 'The password.',
  secret: true,
  charsMax: passwordCharsMax,
})

const passwordFields = {
  password: passwordField,
  password_hash: field.string({
    help: 'A bcrypt hash in place of the password, of cost 4 to 14.',
    secret: true,
    charsMax: 128,
  }),
} as const

const policyFields = {
  token_policies: userRecord.fields.token_policies,
  policies: olderTokenFields.policies,
} as const

const userFields = { ...passwordFields, ...userRecord.fields, ...olderTokenFields } as const

type UserInput = Partial<Input<typeof userFields>>

/** What users and their logins have in common. */
export interface UserParts {
  readonly line: PasswordLine
  readonly lockout: Lockout
}

export class Users extends NamedRecords<UserRecord> {
  readonly #context: BackendContext
  readonly #line: PasswordLine
  readonly #lockout: Lockout

  constructor(context: BackendContext, { line, lockout }: UserParts) {
    super(context.store, 'user/', recordCodec(userRecord))
    this.#context = context
    this.#line = line
    this.#lockout = lockout
  }

  /** Creates or updates; throws a 400 and has then changed nothing. */
  async write(name: string, input: UserInput): Promise<void> {
    const password = await this.#hashed(input)
    await this.#put(name, (current) => {
      if (current === undefined && password === undefined) throw invalid('missing password')
      const id = this.#context.random.uuid()
      return { ...merged(current ?? { ...userRecord.defaults, name, id }, input), password }
    })
  }

  /** Changes a user who is there: a password, or the policies. */
  async change(name: string, input: UserInput): Promise<void> {
    const password = await this.#hashed(input)
    await this.#put(name, (current) => {
      if (current === undefined) throw invalid('username does not exist')
      return { ...merged(current, input), password }
    })
  }

  /** Never half done: who was proven by the old password in this moment gets no token. */
  async #put(
    name: string,
    change: (
      current: UserRecord | undefined,
    ) => Omit<UserRecord, 'password'> & { readonly password: PasswordRecord | undefined },
  ): Promise<void> {
    const key = this.key(name)
    await this.#context.store.write(async (txn) => {
      const current = await txn.get(key)
      const { password, ...user } = change(current)
      const kept = password ?? current?.password
      if (kept === undefined) throw invalid('missing password')
      txn.put(key, { ...user, password: kept, version: (current?.version ?? 0) + 1 })
      // Whoever got a new password starts anew with it.
      if (password !== undefined) await this.#lockout.forget(name, txn)
    })
  }

  async #hashed({ password, password_hash }: UserInput): Promise<PasswordRecord | undefined> {
    const isPasswordGiven = password !== undefined && password !== ''
    if (password_hash !== undefined && password_hash !== '') {
      if (isPasswordGiven) throw invalid("only one of 'password' and 'password_hash' can be given")
      const problem = bcryptProblem(password_hash)
      if (problem !== undefined) throw invalid(`invalid 'password_hash': ${problem}`)
      return bcryptPassword(password_hash)
    }
    if (!isPasswordGiven) return undefined
    const turn = await this.#line.enterAsOperator()
    if (turn === undefined) throw new Refusal('rate_limited', { headers: { 'Retry-After': '2' } })
    try {
      return await hashPassword(password, this.#context.random)
    } finally {
      turn.end('proven')
    }
  }

  /** Another hash of the same password: who is being proven by the earlier one goes on. */
  replaceHash(txn: StoreTransaction, user: UserRecord, password: PasswordRecord): void {
    txn.put(this.key(user.name), { ...user, password })
  }

  async remove(name: string): Promise<void> {
    const key = this.key(name)
    await this.#context.store.write(async (txn) => {
      if ((await txn.get(key)) === undefined) return
      txn.delete(key.text)
      await this.#lockout.forget(name, txn)
    })
  }
}

function merged(current: UserRecord, input: UserInput): UserRecord {
  const draft = mergeSettings(current, input, (one) => userRecord.merge(current, one))
  return requireChoices(userRecord, draft)
}

export function userPaths(users: Users): readonly PathDeclaration[] {
  const username = userNameField
  return [
    listPath({ pattern: 'users', summary: 'Names of all users.', list: 'List users.' }, (page) =>
      users.names(page),
    ),
    definePath({
      pattern: 'users/:username',
      access: 'token',
      summary: 'One user: a password, and what its logins receive.',
      fields: { username, ...userFields },
      tellsUnknown: true,
      exists: ({ captures }) => users.has(username.spell?.(captures['username'] ?? '') ?? ''),
      operations: {
        read: {
          summary: 'Read a user; the password is never shown.',
          handler: async ({ input }) => {
            const user = await users.load(input.username ?? '')
            if (user === undefined) return reply.none()
            return reply.data({ ...userRecord.shown(user), ...shownOlderNames(user) })
          },
        },
        write: {
          summary: 'Create or update a user; what is not given stays.',
          handler: ({ input }) => reply.done(users.write(input.username ?? '', input)),
        },
        delete: {
          summary: 'Delete a user.',
          handler: ({ input }) => reply.done(users.remove(input.username ?? '')),
        },
      },
    }),
    definePath({
      pattern: 'users/:username/password',
      access: 'token',
      summary: 'The password of a user.',
      fields: { username, ...passwordFields },
      operations: {
        write: {
          summary: 'Set a new password.',
          handler: async ({ input }) => {
            if ((input.password ?? '') === '' && (input.password_hash ?? '') === '') {
              throw invalid('missing password')
            }
            return reply.done(users.change(input.username ?? '', input))
          },
        },
      },
    }),
    definePath({
      pattern: 'users/:username/policies',
      access: 'token',
      summary: 'The policies of a user.',
      fields: { username, ...policyFields },
      operations: {
        write: {
          summary: 'Set the policies.',
          handler: ({ input }) => reply.done(users.change(input.username ?? '', input)),
        },
      },
    }),
  ]
}
