/** `namespace …`: namespaces below the one that the other flags name. */

import { objectOf } from '../../client/secret.ts'
import { trimEnds } from '../../lib/trim.ts'
import type { JsonValue } from '../../lib/json.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import { listPath } from './logical.ts'

const metadataFlag = flag.pairs('custom-metadata', 'Words for people. May be repeated.')

export const namespaceList: Command = {
  description: 'Lists the namespaces directly below. Without any, the exit code is 2.',
  examples: [
    { title: 'List them', line: 'namespace list' },
    { title: 'With ids and metadata', line: 'namespace list -detailed' },
  ],
  output: 'format',
  run: (context) => listPath(context, 'sys/namespaces'),
}

export const namespaceScan: Command = {
  description: 'Lists all namespaces below, however deep. Without any, the exit code is 2.',
  examples: [
    { title: 'List them', line: 'namespace scan' },
    { title: 'As a JSON array', line: 'namespace scan -format=json' },
  ],
  output: 'format',
  run: (context) => listPath(context, 'sys/namespaces', 'scan'),
}

export const namespaceLookup: Command = {
  usage: '[options] PATH',
  description: 'Prints what is known about a namespace.',
  examples: [
    { title: 'Print it', line: 'namespace lookup team' },
    { title: 'Its id alone', line: 'namespace lookup -field=id team' },
  ],
  output: 'field',
  args: [1, 1],
  async run(context) {
    const path = namespacePath(context)
    const secret = await context.read(
      'GET',
      `sys/namespaces/${path}`,
      `Error looking up namespace ${path}`,
    )
    if (secret !== undefined) return context.show(secret)
    context.print.error('Namespace not found')
    return exitCodes.remote
  },
}

export const namespaceCreate: Command = {
  usage: '[options] PATH',
  description: 'Makes a namespace below that of the request.',
  examples: [
    { title: 'Make one', line: 'namespace create team' },
    { title: 'Below it', line: 'namespace create -namespace=team -custom-metadata=stage=dev a' },
  ],
  flags: [metadataFlag],
  output: 'field',
  args: [1, 1],
  run(context) {
    const pairs = context.flags.pairs('custom-metadata')
    return send(context, 'PUT', pairs, 'Error creating namespace')
  },
}

export const namespacePatch: Command = {
  usage: '[options] PATH',
  description: 'Changes single words of the metadata of a namespace.',
  examples: [
    { title: 'Set one', line: 'namespace patch -custom-metadata=stage=live team' },
    { title: 'Drop one', line: 'namespace patch -remove-custom-metadata=stage team' },
  ],
  flags: [metadataFlag, flag.list('remove-custom-metadata', 'Word to drop. May be repeated.')],
  output: 'field',
  args: [1, 1],
  run(context) {
    const { flags } = context
    const changes = [
      ...flags.pairs('custom-metadata'),
      ...flags.list('remove-custom-metadata').map((name) => [name, null] as const),
    ]
    return send(context, 'PATCH', changes, 'Error patching namespace')
  },
}

export const namespaceDelete: Command = {
  usage: '[options] PATH',
  description: 'Deletes a namespace with all that is in it; it must have none below it.',
  examples: [
    { title: 'Delete one', line: 'namespace delete team' },
    { title: 'One below another', line: 'namespace delete -namespace=team a' },
  ],
  args: [1, 1],
  async run(context) {
    const path = namespacePath(context)
    const secret = await context.fetch(
      'DELETE',
      `sys/namespaces/${path}`,
      `Error deleting namespace ${path}`,
    )
    if (secret !== undefined) context.print.warnings(secret)
    return context.print.success(`Success! Namespace deleted at: ${path}/`)
  },
}

export const namespaceLock: Command = {
  usage: '[options] [PATH]',
  description:
    'Closes a namespace and those below it for all requests; prints the key that opens it again.',
  examples: [
    { title: 'One below', line: 'namespace lock team' },
    { title: 'That of the request', line: 'namespace lock -namespace=team' },
  ],
  output: 'field',
  args: [0, 1],
  async run(context) {
    const secret = await context.fetch('PUT', lockPath(context, 'lock'), 'Error locking namespace')
    return secret === undefined ? exitCodes.ok : context.show(secret)
  },
}

export const namespaceUnlock: Command = {
  usage: '[options] [PATH]',
  description: 'Opens a locked namespace with its key; a root token needs none.',
  examples: [
    { title: 'One below', line: 'namespace unlock -unlock-key=KEY team' },
    { title: 'That of the request', line: 'namespace unlock -namespace=team -unlock-key=KEY' },
  ],
  args: [0, 1],
  async run(context) {
    const unlock_key = context.flags.text('unlock-key') ?? ''
    await context.perform(
      'PUT',
      lockPath(context, 'unlock'),
      'Error unlocking namespace',
      unlock_key === '' ? {} : { body: { unlock_key } },
    )
    return context.print.success('Success! Namespace unlocked')
  },
}

function namespacePath(context: CommandContext): string {
  return trimEnds(context.args[0] ?? '', '/')
}

function lockPath(context: CommandContext, verb: 'lock' | 'unlock'): string {
  const path = namespacePath(context)
  return `sys/namespaces/api-lock/${verb}${path === '' ? '' : `/${path}`}`
}

async function send(
  context: CommandContext,
  method: 'PUT' | 'PATCH',
  pairs: readonly (readonly [string, string | null])[],
  doing: string,
): Promise<number> {
  const words = pairs.map(([name, value]): [string, JsonValue] => [name, value])
  const path = `sys/namespaces/${namespacePath(context)}`
  const body = objectOf(words.length === 0 ? [] : [['custom_metadata', objectOf(words)]])
  const secret = await context.read(method, path, doing, { body })
  return secret === undefined ? context.nothingFound(path) : context.show(secret)
}
