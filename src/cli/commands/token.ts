/** `token …`: make, look at, renew and revoke tokens. Requests as in platform.md §9.5. */

import { goDuration } from '../../lib/duration.ts'
import { isJsonArray, member, type JsonObject, type JsonValue } from '../../lib/json.ts'
import type { ApiRequest } from '../../client/http-client.ts'
import { objectOf } from '../../client/secret.ts'
import type { Command } from '../command.ts'
import { cleanPath, type CommandContext } from '../context.ts'
import { CommandFailure } from '../failure.ts'
import { flag } from '../flags.ts'
import { goText } from '../go-text.ts'

const lifetimes = ['ttl', 'explicit-max-ttl', 'period']

export const create: Command = {
  description: 'Makes a token, as a child of the one in use unless -orphan is given.',
  examples: [
    { title: 'A token with one policy for an hour', line: 'token create -policy=reader -ttl=1h' },
    { title: 'Only its text', line: 'token create -policy=reader -field=token' },
  ],
  flags: [
    flag.list('policy', 'Policy of the token. May be repeated; without it, those of the parent.'),
    flag.duration('ttl', 'How long it lives.'),
    flag.duration('explicit-max-ttl', 'How long it can live at most, renewals included.'),
    flag.duration('period', 'Renewable for ever in steps of this length.'),
    flag.bool('renewable', 'Whether it can be renewed.', { defaultText: 'true' }),
    flag.bool('orphan', 'Without a parent, so that it outlives the token in use. Needs sudo.'),
    flag.bool('no-default-policy', 'Without the default policy.'),
    flag.int('use-limit', 'How often it can be used; 0 means without limit.', { defaultText: '0' }),
    flag.text('display-name', 'Name shown in lookups and audit records.'),
    flag.pairs('metadata', 'Metadata. May be repeated.'),
    flag.text('type', 'service or batch.', { defaultText: 'service' }),
    flag.text('role', 'Token role to create it by.'),
    flag.text('entity-alias', 'Entity alias; only with -role.'),
    flag.text('id', 'Text of the token. Needs sudo; mind that others see the command line.'),
  ],
  output: 'field',
  async run(context) {
    const { flags } = context
    const role = cleanPath(flags.text('role') ?? '')
    const path = role === '' ? 'auth/token/create' : `auth/token/create/${role}`
    const secret = await context.fetch('POST', path, 'Error creating token', {
      body: objectOf(createFields(context)),
    })
    return secret === undefined ? context.nothingFound(path) : context.show(secret)
  },
}

function createFields(context: CommandContext): [string, JsonValue][] {
  const { flags } = context
  const fields: [string, JsonValue][] = [
    ['display_name', flags.text('display-name') ?? ''],
    ['num_uses', flags.int('use-limit') ?? 0],
    ['renewable', flags.optionalBool('renewable') ?? true],
    ['type', flags.text('type') ?? 'service'],
    ['entity_alias', flags.text('entity-alias') ?? ''],
  ]
  if (flags.isSet('id')) fields.push(['id', flags.text('id') ?? ''])
  if (flags.isSet('policy')) fields.push(['policies', [...flags.list('policy')]])
  if (flags.isSet('metadata')) fields.push(['meta', objectOf(flags.pairs('metadata'))])
  if (flags.bool('no-default-policy')) fields.push(['no_default_policy', true])
  // The server asks for sudo as soon as the field is there.
  if (flags.bool('orphan')) fields.push(['no_parent', true])
  for (const name of lifetimes) {
    const seconds = flags.seconds(name)
    if (seconds !== undefined) fields.push([name.replaceAll('-', '_'), goDuration(seconds)])
  }
  return fields
}

export const lookup: Command = {
  usage: '[options] [TOKEN]',
  description: 'Prints what the server knows about a token; without TOKEN, about the one in use.',
  examples: [
    { title: 'The token in use', line: 'token lookup' },
    {
      title: 'Another one, by its accessor',
      line: 'token lookup -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da',
    },
  ],
  flags: [flag.bool('accessor', 'The argument is an accessor.')],
  output: 'field',
  args: [0, 1],
  async run(context) {
    const given = trimmed(context, 0)
    const accessor = requireAccessor(context, given)
    const { method, path, ...rest }: ApiRequest = accessor
      ? { method: 'POST', path: 'auth/token/lookup-accessor', body: { accessor: given } }
      : given === ''
        ? { method: 'GET', path: 'auth/token/lookup-self' }
        : { method: 'POST', path: 'auth/token/lookup', body: { token: given } }
    const secret = await context.fetch(method, path, 'Error looking up token', rest)
    return secret === undefined ? context.nothingFound('auth/token/lookup') : context.show(secret)
  },
}

export const renew: Command = {
  usage: '[options] [TOKEN]',
  description: 'Extends the life of a token; without TOKEN, of the one in use.',
  examples: [
    { title: 'The token in use', line: 'token renew' },
    { title: 'By an hour', line: 'token renew -increment=1h' },
  ],
  flags: [
    flag.bool('accessor', 'The argument is an accessor.'),
    flag.duration('increment', 'How long it should live from now on. The server may grant less.', {
      aliases: ['i'],
    }),
  ],
  output: 'field',
  args: [0, 1],
  async run(context) {
    const given = trimmed(context, 0)
    const increment = context.flags.seconds('increment') ?? 0
    const accessor = requireAccessor(context, given)
    const { method, path, ...rest }: ApiRequest = accessor
      ? { method: 'POST', path: 'auth/token/renew-accessor', body: { accessor: given, increment } }
      : given === ''
        ? { method: 'PUT', path: 'auth/token/renew-self', body: { increment } }
        : { method: 'PUT', path: 'auth/token/renew', body: { token: given, increment } }
    const secret = await context.fetch(method, path, 'Error renewing token', rest)
    return secret === undefined ? context.nothingFound('auth/token/renew') : context.show(secret)
  },
}

export const revoke: Command = {
  usage: '[options] [TOKEN | ACCESSOR | PATH]',
  description: 'Ends a token and its children at once.',
  examples: [
    { title: 'The token in use', line: 'token revoke -self' },
    { title: 'Every token that a mount issued', line: 'token revoke -mode=path auth/jwt' },
  ],
  flags: [
    flag.bool('self', 'The token in use.'),
    flag.bool('accessor', 'The argument is an accessor.'),
    flag.text(
      'mode',
      'orphan: leave its children alive. path: the argument is a prefix of paths that made tokens.',
    ),
  ],
  args: [0, 1],
  async run(context) {
    const { method, path, ...rest } = revokeRequest(context)
    await context.send(method, path, 'Error revoking token', rest)
    return context.print.success('Success! Revoked token (if it existed)')
  },
}

function revokeRequest(context: CommandContext): ApiRequest {
  const { flags } = context
  const given = trimmed(context, 0)
  const mode = flags.text('mode') ?? ''
  const self = flags.bool('self')
  const accessor = flags.bool('accessor')
  if (self && given !== '')
    throw new CommandFailure('Too many arguments with -self (expected 0, got 1)')
  if (!self && given === '')
    throw new CommandFailure('Not enough arguments (expected 1 or -self, got 0)')
  if (self && accessor) throw new CommandFailure('Cannot use -self with -accessor')
  if (self && mode !== '') throw new CommandFailure('Cannot use -self with -mode')
  if (accessor && mode !== '') throw new CommandFailure('Cannot use -accessor with -mode')
  if (self) return { method: 'PUT', path: 'auth/token/revoke-self' }
  if (accessor) {
    return {
      method: 'POST',
      path: 'auth/token/revoke-accessor',
      body: { accessor: given },
    }
  }
  switch (mode) {
    case '':
      return { method: 'PUT', path: 'auth/token/revoke', body: { token: given } }
    case 'orphan':
      return { method: 'PUT', path: 'auth/token/revoke-orphan', body: { token: given } }
    case 'path':
      return { method: 'PUT', path: `sys/leases/revoke-prefix/${cleanPath(given)}` }
    default:
      throw new CommandFailure(`Invalid mode: ${JSON.stringify(mode)}. Use orphan or path.`)
  }
}

export const capabilities: Command = {
  usage: '[options] [TOKEN] PATH',
  description: 'Prints what a token may do with a path; without TOKEN, the one in use.',
  examples: [
    { title: 'The token in use', line: 'token capabilities secret/data/app' },
    { title: 'Another one', line: 'token capabilities hvs.CAESI... secret/data/app' },
  ],
  flags: [flag.bool('accessor', 'The first argument is an accessor.')],
  output: 'format',
  args: [1, 2],
  async run(context) {
    const own = context.args.length === 1
    const path = trimmed(context, own ? 0 : 1)
    const accessor = context.flags.bool('accessor')
    if (own && accessor)
      throw new CommandFailure('Not enough arguments with -accessor (expected 2, got 1)')
    const given = trimmed(context, 0)
    const body: JsonObject = own
      ? { path }
      : accessor
        ? { accessor: given, path }
        : { token: given, path }
    const suffix = own ? '-self' : accessor ? '-accessor' : ''
    const secret = await context.fetch(
      'POST',
      `sys/capabilities${suffix}`,
      'Error listing capabilities',
      { body },
    )
    const data = secret?.data ?? {}
    const names = member(data, path) ?? member(data, 'capabilities') ?? []
    return !context.print.isTable || !isJsonArray(names)
      ? context.print.data(names)
      : context.print.line(names.map(goText).sort().join(', '))
  },
}

function trimmed(context: CommandContext, index: number): string {
  return (context.args[index] ?? '').trim()
}

function requireAccessor(context: CommandContext, given: string): boolean {
  const accessor = context.flags.bool('accessor')
  if (accessor && given === '') {
    throw new CommandFailure('Not enough arguments with -accessor (expected 1, got 0)')
  }
  return accessor
}
