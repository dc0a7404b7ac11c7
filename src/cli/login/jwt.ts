/**
 * Login with a JWT that one has. The existing clients have no such method; `write auth/jwt/login`
 * is the same.
 */

import { objectOf } from '../../client/secret.ts'
import { CommandFailure } from '../failure.ts'
import type { LoginMethod } from './login-method.ts'
import { sendLogin } from './send-login.ts'

export const jwtLogin: LoginMethod = {
  description: 'With a JWT of an issuer that the server trusts.',
  parameters: [
    { name: 'jwt', help: 'The JWT: @file, - for standard input, or the text itself.' },
    { name: 'role', help: "The role; without it the mount's default role." },
  ],
  example: 'login -method=jwt role=ci jwt=@token.jwt',
  async authenticate({ context, mount, words }) {
    // A file usually ends with a line feed, which no JWT has.
    const jwt = (words.get('jwt') ?? '').trim()
    if (jwt === '') throw new CommandFailure("'jwt' must be specified, for example jwt=@token.jwt")
    const role = words.get('role')
    const body = objectOf([['jwt', jwt], ...(role === undefined ? [] : [['role', role] as const])])
    return sendLogin(context, `auth/${mount}/login`, body)
  },
}
