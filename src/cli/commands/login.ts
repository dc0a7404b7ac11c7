/** `login`: gets a token and keeps it. platform.md §9.5, §10.4. */

import { parseSecret, textMember, type Secret } from '../../client/secret.ts'
import type { Command } from '../command.ts'
import { cleanPath, type CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { parseTextValues } from '../key-values.ts'
import { loadLoginMethod } from '../login/methods.ts'

export const login: Command = {
  usage: '[options] [TOKEN | K=V...]',
  description:
    'Logs in and keeps the token for later commands. The methods are token, oidc, userpass, jwt, approle and kubernetes; "auth help METHOD" lists the words that each takes.',
  examples: [
    { title: 'Through the browser', line: 'login -method=oidc role=people' },
    { title: 'With a JWT', line: 'login -method=jwt role=ci jwt=@token.jwt' },
    { title: 'With a token, which is asked for', line: 'login' },
  ],
  flags: [
    { name: 'method', kind: 'text', defaultText: 'token', help: 'How to log in.' },
    { name: 'path', kind: 'text', help: 'Where the method is mounted. Default: its name.' },
    { name: 'no-store', kind: 'bool', help: 'Do not keep the token.' },
    { name: 'no-print', kind: 'bool', help: 'Do not print the token.' },
    { name: 'token-only', kind: 'bool', help: 'Print the token alone and do not keep it.' },
  ],
  kind: 'remote',
  output: 'field',
  argsMin: 0,
  argsMax: 1000,
  async run(context) {
    const { flags } = context
    const tokenOnly = flags.bool('token-only')
    const noStore = flags.bool('no-store') || tokenOnly
    if (flags.bool('no-store') && flags.bool('no-print')) {
      throw new CommandFailure('-no-store and -no-print cannot be used together')
    }
    const answer = await authenticate(context)
    const secret = noStore ? answer : await unwrapLogin(context, answer)
    if (secret.auth === undefined && secret.wrapInfo === undefined) {
      throw new CommandFailure(
        'Error authenticating: the server answered no token',
        exitCodes.remote,
      )
    }
    if (secret.auth !== undefined && !noStore) {
      await (await context.tokenHelper()).store(textMember(secret.auth, 'client_token'))
    }
    if (!tokenOnly) warnOfVariable(context)
    if (flags.bool('no-print')) return exitCodes.ok
    if (tokenOnly)
      return context.print.field(secret, secret.auth === undefined ? 'wrapping_token' : 'token')
    if ((flags.text('field') ?? '') === '' && secret.auth !== undefined)
      sayWhereItIs(context, noStore)
    return context.show(secret)
  },
}

async function authenticate(context: CommandContext): Promise<Secret> {
  const name = (context.flags.text('method') ?? 'token').trim()
  const method = await loadLoginMethod(name, context.programName)
  const mount = cleanPath(context.flags.text('path') ?? name).replace(/^auth\//u, '')
  // A token may hold an equals sign at its end, so that a single word of this method is the token.
  const [first = '', ...others] = context.args
  const single =
    name === 'token' && first !== '' && others.length === 0 && !first.startsWith('token=')
  const words = await parseTextValues(single ? [] : context.args, context)
  return method.authenticate({ context, mount, words, positional: single ? first : undefined })
}

/** A token that is kept must be usable, so a wrapped one is unwrapped first. */
async function unwrapLogin(context: CommandContext, secret: Secret): Promise<Secret> {
  if (secret.wrapInfo === undefined) return secret
  const token = textMember(secret.wrapInfo, 'token')
  const response = await context.send(
    { method: 'PUT', path: 'sys/wrapping/unwrap', token },
    { doing: 'Error authenticating: error unwrapping the token', preflight: true },
  )
  return parseSecret(response) ?? secret
}

function warnOfVariable(context: CommandContext): void {
  if (context.environment.text('TOKEN') === undefined) return
  const name = context.environment.variableName('TOKEN')
  context.print.warn(
    `WARNING! The ${name} environment variable is set! The value of this variable will take precedence; if this is unwanted please unset ${name} or update its value accordingly.\n`,
  )
}

function sayWhereItIs(context: CommandContext, noStore: boolean): void {
  context.print.success(
    noStore
      ? 'The token was not stored in token helper. Set the VAULT_TOKEN environment\nvariable or pass the token below with each request.\n'
      : `Success! You are now authenticated. The token information displayed below\nis already stored in the token helper. You do NOT need to run "${context.programName} login"\nagain. Future requests will automatically use this token.\n`,
  )
}
