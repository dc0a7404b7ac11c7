/** Login of a machine with a role id and a secret id. The existing clients have no such method. */

import { objectOf } from '../../client/secret.ts'
import { CommandFailure } from '../failure.ts'
import type { LoginMethod } from './login-method.ts'
import { sendLogin } from './send-login.ts'

export const approleLogin: LoginMethod = {
  description: 'With a role id and a secret id.',
  parameters: [
    { name: 'role_id', help: 'The role id.' },
    {
      name: 'secret_id',
      help: 'The secret id; @file or - keep it out of the history of the shell.',
    },
  ],
  example: 'login -method=approle role_id=3f2a secret_id=@secret-id',
  async authenticate({ context, mount, words }) {
    const roleId = (words.get('role_id') ?? '').trim()
    if (roleId === '') throw new CommandFailure("'role_id' must be specified")
    const secretId = words.get('secret_id')?.trim()
    const body = objectOf([
      ['role_id', roleId],
      ...(secretId === undefined ? [] : [['secret_id', secretId] as const]),
    ])
    return sendLogin(context, `auth/${mount}/login`, body)
  },
}
