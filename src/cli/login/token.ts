/** Login with a token that one has: it is looked up, so that a wrong one is not stored. */

import { numberMember, objectOf, readSecret, type Secret } from '../../client/secret.ts'
import { isJsonArray, member, type JsonObject, type JsonValue } from '../../lib/json.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import type { LoginMethod, LoginRequest } from './login-method.ts'

export const tokenLogin: LoginMethod = {
  description:
    'With a token. Without one on the line it is asked for; - reads it from standard input.',
  parameters: [{ name: 'token', help: 'The token.' }],
  example: 'login - < token.txt',
  async authenticate(request) {
    const token = await chooseToken(request)
    const { context } = request
    if (context.flags.bool('token-only')) return tokenSecret(token, objectOf([]))
    const secret = await context.read(
      'GET',
      'auth/token/lookup-self',
      'Error authenticating: error looking up token',
      { token },
    )
    if (secret?.wrapInfo !== undefined) return secret
    if (secret?.data === undefined)
      throw new CommandFailure('Error authenticating: the token was not found', exitCodes.remote)
    return tokenSecret(token, secret.data)
  },
}

async function chooseToken({ context, positional, words }: LoginRequest): Promise<string> {
  const given = positional === '-' ? await context.readStdin() : (positional ?? words.get('token'))
  const token =
    given ?? (await context.ask('Token (will be hidden): ', 'Give the token with: login - < FILE'))
  const trimmed = token.trim()
  if (!/^[\x21-\x7e]+$/u.test(trimmed)) {
    throw new CommandFailure(
      'The token is empty or has a character that no token has, such as a line break.',
    )
  }
  return trimmed
}

/** The answer of a login, made from what a lookup says. */
function tokenSecret(token: string, data: JsonObject): Secret {
  const list = (name: string): JsonValue => {
    const value = member(data, name)
    return isJsonArray(value) ? value : []
  }
  const identity = list('identity_policies')
  const own = list('policies')
  const policies = [...new Set([...texts(own), ...texts(identity)])].sort()
  const auth = objectOf([
    ['client_token', token],
    ['accessor', member(data, 'accessor') ?? ''],
    ['policies', policies],
    ['token_policies', own],
    ['identity_policies', identity],
    ['metadata', member(data, 'meta') ?? null],
    ['lease_duration', numberMember(data, 'ttl')],
    ['renewable', member(data, 'renewable') === true],
    ['entity_id', member(data, 'entity_id') ?? ''],
    ['token_type', member(data, 'type') ?? ''],
    ['orphan', member(data, 'orphan') === true],
  ])
  const envelope = objectOf([
    ['request_id', ''],
    ['lease_id', ''],
    ['renewable', false],
    ['lease_duration', 0],
    ['data', null],
    ['warnings', null],
    ['auth', auth],
  ])
  const secret = readSecret(envelope)
  if (secret === undefined) throw new Error('an envelope that was just made was not read')
  return secret
}

function texts(list: JsonValue): readonly string[] {
  return isJsonArray(list) ? list.filter((item) => typeof item === 'string') : []
}
