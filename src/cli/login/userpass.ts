/** Login with a user name and a password. */

import { CommandFailure } from '../failure.ts'
import type { LoginMethod } from './login-method.ts'
import { sendLogin } from './send-login.ts'

export const userpassLogin: LoginMethod = {
  description: 'With a user name and a password. Without a password it is asked for.',
  parameters: [
    { name: 'username', help: 'The user.' },
    { name: 'password', help: 'The password; @file or - keep it out of the history of the shell.' },
  ],
  example: 'login -method=userpass username=alice',
  async authenticate({ context, mount, words }) {
    const username = words.get('username') ?? ''
    if (username === '') throw new CommandFailure("'username' must be specified")
    const password =
      words.get('password') ??
      (await context.ask(
        'Password (will be hidden): ',
        'Give the password with password=@FILE, or password=- and standard input.',
      ))
    return sendLogin(context, `auth/${mount}/login/${username}`, { password })
  },
}
