/** The userpass method: people with a name and a password. */

import type { Backend, BackendType } from '../../framework/backend.ts'
import { Lockout } from '../../framework/lockout.ts'
import { loginPath, UserLogin } from './login.ts'
import { PasswordLine } from './password-line.ts'
import { userPaths, Users } from './users.ts'

/** One of it for a server: all its mounts stand in one line, as they share the machine. */
export function userpassBackend(): BackendType {
  let line: PasswordLine | undefined
  return {
    types: ['userpass'],
    class: 'auth',
    create(context): Backend {
      line ??= new PasswordLine(context.clock)
      const lockout = new Lockout(context)
      const parts = { line, lockout }
      const users = new Users(context, parts)
      const login = new UserLogin(context, users, parts)
      return {
        paths: [...userPaths(users), loginPath(login)],
        renew: (request) => login.renew(request),
        unlock: (name) => lockout.unlock(name),
      }
    },
  }
}
