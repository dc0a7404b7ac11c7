/** `identity …`: who is known to the server, and in which groups. Changes go through `write`. */

import { listKeys, textMember } from '../../client/secret.ts'
import {
  isJsonArray,
  isJsonObject,
  member,
  type JsonObject,
  type JsonValue,
} from '../../lib/json.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { flag, type FlagSpec } from '../flags.ts'
import { goText } from '../go-text.ts'
import { formatTable } from '../table.ts'

const rowsByDefault = '100'

const flags: readonly FlagSpec[] = [
  flag.text('limit', `Rows of a table; 0 is all. Default: ${rowsByDefault}.`),
  flag.text('after', 'Go on after the row of this id.'),
]

/** What the two commands differ in. */
interface Kind {
  readonly path: 'entity' | 'group'
  readonly header: readonly string[]
  readonly row: (id: string, info: JsonObject) => readonly string[]
}

const entities: Kind = {
  path: 'entity',
  header: ['Id', 'Name', 'Known as'],
  row: (id, info) => [id, textMember(info, 'name'), namesAt(member(info, 'aliases'))],
}

const groups: Kind = {
  path: 'group',
  header: ['Id', 'Name', 'Type', 'Known as'],
  row: (id, info) => [
    id,
    textMember(info, 'name'),
    textMember(info, 'type'),
    namesAt([member(info, 'alias') ?? null]),
  ],
}

export const identityEntity: Command = {
  usage: '[options] [NAME]',
  description: 'Lists the entities, or shows the one of that name or id.',
  examples: [
    { title: 'Who is known', line: 'identity entity' },
    { title: 'One of them', line: 'identity entity entity_4f0a66c1' },
  ],
  flags,
  output: 'field',
  args: [0, 1],
  run: (context) => run(context, entities),
}

export const identityGroup: Command = {
  usage: '[options] [NAME]',
  description: 'Lists the groups, or shows the one of that name or id.',
  examples: [
    { title: 'All groups', line: 'identity group' },
    { title: 'One of them', line: 'identity group developers' },
  ],
  flags,
  output: 'field',
  args: [0, 1],
  run: (context) => run(context, groups),
}

function run(context: CommandContext, kind: Kind): Promise<number> {
  const [name] = context.args
  return name === undefined ? showAll(context, kind) : showOne(context, kind, name)
}

async function showAll(context: CommandContext, { path, header, row }: Kind): Promise<number> {
  const { print } = context
  const limit = context.flags.text('limit') ?? rowsByDefault
  const secret = await context.read(
    'GET',
    `identity/${path}/id`,
    `Error listing what is at identity/${path}`,
    {
      query: [
        ['list', 'true'],
        ['limit', limit],
        ['after', context.flags.text('after') ?? ''],
      ],
    },
  )
  const ids = secret === undefined ? undefined : listKeys(secret)
  const infos = member(secret?.data ?? {}, 'key_info')
  if (ids === undefined || !isJsonObject(infos)) {
    print.error(`No ${path} is known.`)
    return exitCodes.remote
  }
  if (!print.isTable) return print.data(infos)
  const rows = ids.map((id) => {
    const text = goText(id)
    const info = member(infos, text)
    return row(text, isJsonObject(info) ? info : {})
  })
  return print.line(formatTable(header, rows))
}

/** A name is tried first: nobody's name is an id of somebody else's. */
async function showOne(context: CommandContext, { path }: Kind, name: string): Promise<number> {
  if (name === '') throw new CommandFailure('The name must not be empty')
  for (const by of ['name', 'id']) {
    const secret = await context.fetch(
      'POST',
      `identity/lookup/${path}`,
      `Error looking up the ${path} ${name}`,
      { body: { [by]: name } },
    )
    if (secret !== undefined) return context.show(secret)
  }
  context.print.error(`No ${path} has the name or id ${name}`)
  return exitCodes.remote
}

/** Names of aliases with their mounts: `alice (auth/jwt/)`. */
function namesAt(aliases: JsonValue | undefined): string {
  if (!isJsonArray(aliases)) return ''
  return aliases
    .filter((alias) => isJsonObject(alias))
    .map((alias) => {
      const mount = textMember(alias, 'mount_path')
      return `${textMember(alias, 'name')}${mount === '' ? '' : ` (${mount})`}`
    })
    .join(', ')
}
