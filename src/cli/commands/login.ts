/** `login`: gets a token and keeps it. platform.md §9.5, §10.4. */

import {
  numberMember,
  objectOf,
  parseSecret,
  textMember,
  type Secret,
} from '../../client/secret.ts'
import { member, type JsonObject } from '../../lib/json.ts'
import type { Command } from '../command.ts'
import { cleanPath, type CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import { parseTextValues } from '../key-values.ts'
import { loadLoginMethod, loginMethodNames } from '../login/methods.ts'
import { isStockName } from '../program-names.ts'
import { formatColumns } from '../table.ts'
import { sessionRows } from './session.ts'

export const login: Command = {
  usage: '[options] [TOKEN | K=V...]',
  description: `Logs in and keeps the token for later commands. The methods are ${loginMethodNames.join(', ')}; "auth help METHOD" lists the words that each takes.`,
  examples: [
    { title: 'Through the browser', line: 'login -method=oidc role=people' },
    { title: 'With a JWT', line: 'login -method=jwt role=ci jwt=@token.jwt' },
    { title: 'With a token, which is asked for', line: 'login' },
  ],
  flags: [
    flag.text('method', 'How to log in.', { defaultText: 'token' }),
    flag.text('path', 'Where the method is mounted. Default: its name.'),
    flag.bool('no-store', 'Do not keep the token.'),
    flag.bool('no-print', 'Do not print the token.'),
    flag.bool('token-only', 'Print the token alone and do not keep it.'),
  ],
  output: 'field',
  args: [0, 1000],
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
    const wantsField = (flags.text('field') ?? '') !== ''
    if (wantsField || secret.auth === undefined) return context.show(secret)
    if (isStockName(context.programName) || noStore || !context.print.isTable) {
      sayWhereItIs(context, noStore)
      return context.show(secret)
    }
    context.print.warnings(secret)
    await sayWhoItIs(context, secret.auth)
    return exitCodes.ok
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
    'PUT',
    'sys/wrapping/unwrap',
    'Error authenticating: error unwrapping the token',
    { token, preflight: true },
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

/**
 * For people: who they are now and where the token lies. The token itself would stay on the screen
 * and in the terminal's history, and nobody needs to read it.
 */
async function sayWhoItIs(context: CommandContext, auth: JsonObject): Promise<void> {
  const { place } = await context.tokenHelper()
  const { print, programName } = context
  const rows = sessionRows((await lookUp(context, auth)) ?? asLookup(auth))
  print.line(formatColumns([...rows, ['token', `kept in ${place}`]]))
  print.line(`\nFor a script: ${programName} print token`)
}

/**
 * The name is known to a lookup alone. A script does not read it, and a token of few uses is not
 * spent on it.
 */
async function lookUp(context: CommandContext, auth: JsonObject): Promise<JsonObject | undefined> {
  if (!context.print.isTerminal || numberMember(auth, 'num_uses') > 0) return undefined
  const client = await context.client()
  const token = textMember(auth, 'client_token')
  const request = { method: 'GET', path: 'auth/token/lookup-self', token } as const
  const answer = await client.send(request).catch(() => undefined)
  return answer?.status === 200 ? parseSecret(answer)?.data : undefined
}

/** What the login itself said, for a token that may not look itself up. */
function asLookup(auth: JsonObject): JsonObject {
  return objectOf([
    ...Object.entries(auth),
    ['meta', member(auth, 'metadata') ?? null],
    ['ttl', member(auth, 'lease_duration') ?? 0],
  ])
}

function sayWhereItIs(context: CommandContext, noStore: boolean): void {
  context.print.success(
    noStore
      ? 'The token was not stored in token helper. Set the VAULT_TOKEN environment\nvariable or pass the token below with each request.\n'
      : `Success! You are now authenticated. The token information displayed below\nis already stored in the token helper. You do NOT need to run "${context.programName} login"\nagain. Future requests will automatically use this token.\n`,
  )
}
