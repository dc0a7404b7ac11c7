/** `kv metadata …`: what a version 2 store keeps about a secret beside its versions. */

import { objectMember, objectOf } from '../../client/secret.ts'
import { goDuration } from '../../lib/duration.ts'
import { isJsonObject, type JsonValue } from '../../lib/json.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { exitCodes } from '../failure.ts'
import { flag, type FlagSpec } from '../flags.ts'
import { findKvTarget, mountFlag, requireVersioned, showPath } from '../kv-mount.ts'
import { formatMembers, formatTitle } from '../table.ts'

const settingFlags: readonly FlagSpec[] = [
  mountFlag,
  flag.int('max-versions', 'How many versions are kept; 0 takes the setting of the store.'),
  flag.bool('cas-required', 'Whether every write has to name the newest version (-cas).'),
  flag.duration('delete-version-after', 'How long after its writing a version is deleted.'),
  flag.pairs('custom-metadata', 'Words for people. May be repeated.'),
]

export const metadataGet: Command = {
  usage: '[options] PATH',
  description: 'Prints the metadata and the versions of a secret, not what they hold.',
  examples: [
    { title: 'Print it', line: 'kv metadata get -mount=secret app' },
    {
      title: 'The newest version',
      line: 'kv metadata get -mount=secret -field=current_version app',
    },
  ],
  flags: [mountFlag],
  output: 'field',
  args: [1, 1],
  async run(context) {
    const path = await metadataPath(context)
    const secret = await context.read('GET', path, `Error reading ${path}`)
    if (secret === undefined) return context.nothingFound(path)
    const versions = secret.data === undefined ? undefined : objectMember(secret.data, 'versions')
    const whole = !context.print.isTable || (context.flags.text('field') ?? '') !== ''
    if (
      whole ||
      secret.data === undefined ||
      versions === undefined ||
      secret.wrapInfo !== undefined
    ) {
      return context.show(secret)
    }
    showPath(context, 'Metadata Path', path)
    const facts = objectOf(Object.entries(secret.data).filter(([name]) => name !== 'versions'))
    context.print.line(`${formatTitle('Metadata', facts)}\n${formatMembers(facts)}`)
    const numbers = Object.keys(versions).sort((a, b) => Number(a) - Number(b))
    for (const number of numbers) {
      const version = versions[number]
      if (!isJsonObject(version)) continue
      context.print.line(
        `\n${formatTitle(`Version ${number}`, version)}\n${formatMembers(version)}`,
      )
    }
    return exitCodes.ok
  },
}

export const metadataPut: Command = {
  usage: '[options] PATH',
  description: 'Sets the metadata of a secret; settings that are not given stay.',
  examples: [
    { title: 'Keep more versions', line: 'kv metadata put -mount=secret -max-versions=20 app' },
    {
      title: 'Say whose it is',
      line: 'kv metadata put -mount=secret -custom-metadata=owner=platform app',
    },
  ],
  flags: settingFlags,
  args: [1, 1],
  run(context) {
    return sendSettings(context, 'PUT', [])
  },
}

export const metadataPatch: Command = {
  usage: '[options] PATH',
  description: 'Changes single settings and single words of the metadata of a secret.',
  examples: [
    {
      title: 'Change a word',
      line: 'kv metadata patch -mount=secret -custom-metadata=owner=web app',
    },
    {
      title: 'Drop one',
      line: 'kv metadata patch -mount=secret -remove-custom-metadata=owner app',
    },
  ],
  flags: [...settingFlags, flag.list('remove-custom-metadata', 'Word to drop. May be repeated.')],
  args: [1, 1],
  run(context) {
    return sendSettings(context, 'PATCH', context.flags.list('remove-custom-metadata'))
  },
}

export const metadataDelete: Command = {
  usage: '[options] PATH',
  description: 'Deletes a secret with all its versions, for good.',
  examples: [
    { title: 'A secret', line: 'kv metadata delete -mount=secret app' },
    { title: 'With the path as a whole', line: 'kv metadata delete secret/app' },
  ],
  flags: [mountFlag],
  args: [1, 1],
  async run(context) {
    const path = await metadataPath(context)
    await context.send('DELETE', path, `Error deleting ${path}`)
    return context.print.success(`Success! Data deleted (if it existed) at: ${path}`)
  },
}

async function sendSettings(
  context: CommandContext,
  method: 'PUT' | 'PATCH',
  removed: readonly string[],
): Promise<number> {
  const body = objectOf(settingFields(context, removed))
  const path = await metadataPath(context)
  const response = await context.send(method, path, `Error writing data to ${path}`, {
    body,
    accept: method === 'PATCH' ? [404] : [],
  })
  if (response.status === 404) return context.nothingFound(path)
  return context.print.success(`Success! Data written to: ${path}`)
}

function settingFields(context: CommandContext, removed: readonly string[]): [string, JsonValue][] {
  const { flags } = context
  const fields: [string, JsonValue][] = []
  const versions = flags.int('max-versions')
  if (versions !== undefined && versions >= 0) fields.push(['max_versions', versions])
  const cas = flags.optionalBool('cas-required')
  if (cas !== undefined) fields.push(['cas_required', cas])
  const seconds = flags.seconds('delete-version-after')
  if (seconds !== undefined) fields.push(['delete_version_after', goDuration(seconds)])
  const words: [string, JsonValue][] = [
    ...flags.pairs('custom-metadata').map(([name, value]): [string, JsonValue] => [name, value]),
    ...removed.map((name): [string, JsonValue] => [name, null]),
  ]
  if (words.length > 0) fields.push(['custom_metadata', objectOf(words)])
  return fields
}

async function metadataPath(context: CommandContext): Promise<string> {
  const target = await findKvTarget(context)
  requireVersioned(target, 'Metadata')
  return target.pathIn('metadata')
}
