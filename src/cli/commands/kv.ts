/** `kv …`: secrets in a store of version 1 or 2, without naming the parts of the API's paths. */

import {
  numberMember,
  objectMember,
  objectOf,
  parseSecret,
  type Secret,
} from '../../client/secret.ts'
import { member, type JsonObject, type JsonValue } from '../../lib/json.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import {
  casFlag,
  casOptions,
  findKvTarget,
  mountFlag,
  requireVersioned,
  showPath,
  showWritten,
  versionNumbers,
  versionsFlag,
} from '../kv-mount.ts'
import { formatMembers, formatTitle } from '../table.ts'
import { listPath } from './logical.ts'
import { secretsKind, sendTune } from './mounts.ts'

const many = 10_000

export const kvGet: Command = {
  usage: '[options] PATH',
  description: 'Prints a secret: its newest version, or the one of -version.',
  examples: [
    { title: 'The newest version', line: 'kv get -mount=secret app' },
    { title: 'One field, for a script', line: 'kv get -mount=secret -field=password app' },
  ],
  flags: [mountFlag, flag.int('version', 'Number of the version; 0 is the newest.')],
  output: 'field',
  args: [1, 1],
  async run(context) {
    const target = await findKvTarget(context)
    const path = target.pathIn('data')
    const version = target.versioned ? (context.flags.text('version') ?? '') : ''
    const secret = await context.read('GET', path, `Error reading ${path}`, {
      query: version === '' ? [] : [['version', version]],
    })
    return secret === undefined
      ? context.nothingFound(path)
      : showSecret(context, path, target.versioned, secret)
  },
}

function showSecret(
  context: CommandContext,
  path: string,
  versioned: boolean,
  secret: Secret,
): number {
  const { print } = context
  const inner =
    versioned && secret.data !== undefined ? objectMember(secret.data, 'data') : secret.data
  const field = context.flags.text('field') ?? ''
  if (field !== '' && secret.wrapInfo === undefined) {
    if (inner !== undefined) return print.memberField(inner, field)
    print.error(`No data found at ${path}`)
    return exitCodes.remote
  }
  if (!print.isTable || secret.wrapInfo !== undefined || secret.data === undefined) {
    return context.show(secret)
  }
  print.warnings(secret)
  if (versioned) {
    showPath(context, 'Secret Path', path)
    const metadata = objectMember(secret.data, 'metadata')
    if (metadata !== undefined) {
      print.line(`${formatTitle('Metadata', metadata)}\n${formatMembers(metadata)}\n`)
    }
  }
  if (inner !== undefined && Object.keys(inner).length > 0) {
    print.line(`${formatTitle('Data', inner)}\n${formatMembers(inner)}`)
  }
  return exitCodes.ok
}

export const kvPut: Command = {
  usage: '[options] PATH DATA...',
  description:
    'Writes a secret as a whole; what it held before stays as an older version. Values may be @file or - (standard input), which keeps them out of the history of the shell.',
  examples: [
    { title: 'From a file', line: 'kv put -mount=secret app password=@password.txt' },
    { title: 'A JSON object from standard input', line: 'kv put -mount=secret app -' },
  ],
  flags: [mountFlag, casFlag],
  output: 'field',
  args: [1, many],
  async run(context) {
    const data = await requireData(context)
    const target = await findKvTarget(context)
    const path = target.pathIn('data')
    const body = target.versioned ? { data, options: casOptions(context) } : data
    const secret = await context.fetch('PUT', path, `Error writing data to ${path}`, { body })
    return showWritten(context, path, secret)
  },
}

export const kvPatch: Command = {
  usage: '[options] PATH DATA...',
  description: 'Changes the named fields of a secret and leaves the others, as a new version.',
  examples: [
    { title: 'Change one field', line: 'kv patch -mount=secret app password=@password.txt' },
    { title: 'Drop one', line: 'kv patch -mount=secret -remove-data=password app' },
  ],
  flags: [
    mountFlag,
    casFlag,
    flag.text(
      'method',
      'patch: one request. rw: read, change, write. Default: patch, and rw where the server cannot.',
    ),
    flag.list('remove-data', 'Field to drop. May be repeated.'),
  ],
  output: 'field',
  args: [1, many],
  async run(context) {
    const removed = context.flags.list('remove-data')
    const method = context.flags.text('method') ?? ''
    if (!['', 'patch', 'rw'].includes(method)) {
      throw new CommandFailure(
        `Unsupported method provided to -method flag: ${JSON.stringify(method)}`,
      )
    }
    const given = removed.length > 0 && context.args.length === 1 ? {} : await requireData(context)
    const changes = objectOf([
      ...Object.entries(given),
      ...removed.map((name): [string, JsonValue] => [name, null]),
    ])
    const target = await findKvTarget(context)
    requireVersioned(target, 'kv patch')
    const path = target.pathIn('data')
    if (method === 'rw') return readThenWrite(context, path, changes)
    const response = await context.send('PATCH', path, `Error writing data to ${path}`, {
      body: { data: changes, options: casOptions(context) },
      accept: method === '' ? [404, 405] : [404],
    })
    if (response.status === 405) return readThenWrite(context, path, changes)
    if (response.status === 404) return context.nothingFound(path)
    return showWritten(context, path, parseSecret(response))
  },
}

async function readThenWrite(
  context: CommandContext,
  path: string,
  changes: JsonObject,
): Promise<number> {
  const current = await context.read('GET', path, `Error reading ${path}`, { preflight: true })
  const before = current?.data === undefined ? undefined : objectMember(current.data, 'data')
  const metadata = current?.data === undefined ? undefined : objectMember(current.data, 'metadata')
  if (before === undefined || metadata === undefined) return context.nothingFound(path)
  const merged = Object.entries({ ...before, ...changes }).filter(([, value]) => value !== null)
  // The version that was read must still be the newest, or another writer's change would be lost.
  const options = { cas: numberMember(metadata, 'version'), ...casOptions(context) }
  const secret = await context.fetch('PUT', path, `Error writing data to ${path}`, {
    body: { data: objectOf(merged), options },
  })
  return showWritten(context, path, secret)
}

export const kvDelete: Command = {
  usage: '[options] PATH',
  description:
    'Deletes the newest version of a secret, or those of -versions. Until it is destroyed it can be undeleted.',
  examples: [
    { title: 'The newest version', line: 'kv delete -mount=secret app' },
    { title: 'Others', line: 'kv delete -mount=secret -versions=1,2 app' },
  ],
  flags: [mountFlag, versionsFlag],
  output: 'field',
  args: [1, 1],
  async run(context) {
    const versions = versionNumbers(context)
    const target = await findKvTarget(context)
    if (versions.length > 0) requireVersioned(target, '-versions')
    const path = target.pathIn(versions.length > 0 ? 'delete' : 'data')
    const doing = `Error deleting ${path}`
    const secret = await (versions.length > 0
      ? context.fetch('PUT', path, doing, { body: { versions } })
      : context.fetch('DELETE', path, doing))
    if (secret !== undefined) return context.show(secret)
    return context.print.success(
      `Success! Data deleted (if it existed) at: ${target.pathIn('data')}`,
    )
  },
}

export const kvUndelete = versionsCommand('undelete', 'Brings deleted versions of a secret back.')
export const kvDestroy = versionsCommand('destroy', 'Removes versions of a secret for good.')

function versionsCommand(verb: 'undelete' | 'destroy', description: string): Command {
  return {
    usage: '[options] PATH',
    description,
    examples: [
      { title: 'One version', line: `kv ${verb} -mount=secret -versions=3 app` },
      { title: 'Several', line: `kv ${verb} -mount=secret -versions=1,2 app` },
    ],
    flags: [mountFlag, versionsFlag],
    output: 'field',
    args: [1, 1],
    async run(context) {
      const versions = versionNumbers(context)
      if (versions.length === 0) {
        throw new CommandFailure('No versions provided, use the "-versions" flag to specify them.')
      }
      const target = await findKvTarget(context)
      requireVersioned(target, `kv ${verb}`)
      const path = target.pathIn(verb)
      const secret = await context.fetch('PUT', path, `Error writing data to ${path}`, {
        body: { versions },
      })
      return showWritten(context, path, secret)
    },
  }
}

export const kvList: Command = {
  usage: '[options] PATH',
  description:
    'Lists the names of secrets; those that end in / are folders. Without any, the exit code is 2.',
  examples: [
    { title: 'All of a store', line: 'kv list secret' },
    { title: 'A folder', line: 'kv list -mount=secret team' },
  ],
  flags: [mountFlag],
  output: 'format',
  args: [0, 1],
  async run(context) {
    if (context.args.length === 0 && !context.flags.isSet('mount')) {
      throw new CommandFailure('Not enough arguments (expected 1 or -mount, got 0)')
    }
    const target = await findKvTarget(context)
    return listPath(context, target.pathIn('metadata'))
  },
}

export const kvRollback: Command = {
  usage: '[options] PATH',
  description: 'Writes what an older version held as the newest one.',
  examples: [
    { title: 'Back to version 2', line: 'kv rollback -mount=secret -version=2 app' },
    { title: 'With the path as a whole', line: 'kv rollback -version=2 secret/app' },
  ],
  flags: [mountFlag, flag.int('version', 'Number of the version to go back to.')],
  output: 'field',
  args: [1, 1],
  async run(context) {
    const version = context.flags.int('version') ?? 0
    if (version <= 0)
      throw new CommandFailure('Version flag must be specified and greater than zero')
    const target = await findKvTarget(context)
    requireVersioned(target, 'kv rollback')
    const path = target.pathIn('data')
    const doing = `Error doing pre-read at ${path}`
    const newest = await context.read('GET', path, doing, { preflight: true })
    const metadata = newest?.data === undefined ? undefined : objectMember(newest.data, 'metadata')
    if (metadata === undefined) return context.nothingFound(path)
    const older = await context.read('GET', path, doing, {
      query: [['version', String(version)]],
      preflight: true,
    })
    const data = older?.data === undefined ? undefined : objectMember(older.data, 'data')
    if (data === undefined) {
      throw new CommandFailure(
        `Version ${version} of ${path} has no data: it is deleted, destroyed or never was`,
        exitCodes.remote,
      )
    }
    const cas = member(metadata, 'version') ?? 0
    const secret = await context.fetch('PUT', path, `Error writing data to ${path}`, {
      body: { data, options: { cas } },
    })
    if (secret !== undefined) return context.show(secret)
    return context.print.success(`Success! Data written to: ${path}`)
  },
}

export const kvEnableVersioning: Command = {
  usage: '[options] MOUNT',
  description: 'Turns a version 1 store into a version 2 store.',
  examples: [
    { title: 'The store at kv/', line: 'kv enable-versioning kv' },
    { title: 'Another one', line: 'kv enable-versioning team/kv' },
  ],
  args: [1, 1],
  async run(context) {
    const body = { options: { version: '2' } }
    await sendTune(context, secretsKind, context.path(0), body)
    return exitCodes.ok
  },
}

async function requireData(context: CommandContext): Promise<JsonObject> {
  const words = context.args.slice(1)
  if (words.length === 0) throw new CommandFailure('Must supply data')
  return context.keyValues(words)
}
