/** The approle method: machines with a role id and a secret id. */

import type { Backend, BackendType } from '../../framework/backend.ts'
import { Lockout } from '../../framework/lockout.ts'
import { AppRoleLogin, loginPath } from './login.ts'
import { rolePaths } from './role-paths.ts'
import { AppRoles } from './roles.ts'
import { secretIdPaths } from './secret-id-paths.ts'
import { SecretIds } from './secret-ids.ts'

export const approleBackend: BackendType = {
  types: ['approle'],
  exactAliases: true,
  class: 'auth',
  create(context): Backend {
    const lockout = new Lockout(context)
    const roles = new AppRoles(context, lockout)
    const secrets = new SecretIds(context, roles)
    const login = new AppRoleLogin(context, { roles, secrets, lockout })
    return {
      paths: [
        ...rolePaths(roles, secrets),
        ...secretIdPaths(context, roles, secrets),
        loginPath(login),
      ],
      renew: (request) => login.renew(request),
      unlock: (roleId) => lockout.unlock(roleId),
    }
  },
}
