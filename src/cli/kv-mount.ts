/** Which version of the kv store a path belongs to, and the path of its API (platform.md §7.3). */

import { objectMember, parseSecret, textMember, type Secret } from '../client/secret.ts'
import type { JsonValue } from '../lib/json.ts'
import { cleanPath, type CommandContext } from './context.ts'
import { CommandFailure, exitCodes } from './failure.ts'
import { flag } from './flags.ts'
import { formatMembers, formatTitle } from './table.ts'

export const mountFlag = flag.text(
  'mount',
  'Where the store is mounted. PATH is then below it, without data/ or metadata/.',
)

export const casFlag = flag.int(
  'cas',
  'Write only if the newest version has this number; 0: only if there has never been one.',
)

export const versionsFlag = flag.list('versions', 'Numbers of versions, separated by commas.')

export interface KvTarget {
  readonly versioned: boolean
  /** The path that the user sees it by. */
  readonly mount: string
  /** The API path of a part of the store: `data`, `metadata`, `delete`; version 1 has no parts. */
  readonly pathIn: (part: string) => string
}

/**
 * Asks the server about the mount. The question itself is never wrapped and is sent in a dry run
 * too.
 */
export async function findKvTarget(context: CommandContext, word?: string): Promise<KvTarget> {
  const given = cleanPath(word ?? context.args[0] ?? '')
  const named = cleanPath(context.flags.text('mount') ?? '')
  const response = await context.send(
    'GET',
    `sys/internal/ui/mounts/${named === '' ? given : named}`,
    `Error finding the store of ${named === '' ? given : named}`,
    { about: named === '' ? given : named, accept: [404], preflight: true },
  )
  // A server without this path is older than versioned stores.
  const data = response.status === 404 ? undefined : parseSecret(response)?.data
  const options = data === undefined ? undefined : objectMember(data, 'options')
  const versioned = options !== undefined && textMember(options, 'version') === '2'
  const mount = named === '' ? cleanPath(data === undefined ? '' : textMember(data, 'path')) : named
  const rest = named === '' ? belowMount(given, mount) : given
  if (!versioned) {
    const path = named === '' ? given : `${named}/${given}`
    return { versioned, mount, pathIn: () => cleanPath(path) }
  }
  return { versioned, mount, pathIn: (part) => cleanPath(`${mount}/${part}/${rest}`) }
}

/** What follows the mount's path; the mount may carry namespaces that the given path leaves out. */
function belowMount(path: string, mount: string): string {
  for (
    let prefix = mount;
    prefix !== '';
    prefix = prefix.includes('/') ? prefix.slice(prefix.indexOf('/') + 1) : ''
  ) {
    if (path === prefix) return ''
    if (path.startsWith(`${prefix}/`)) return path.slice(prefix.length + 1)
  }
  return path
}

export function requireVersioned(target: KvTarget, what: string): void {
  if (target.versioned) return
  throw new CommandFailure(`${what} not supported on KV Version 1`, exitCodes.local)
}

/** The numbers of `-versions`, as the texts that the API takes. */
export function versionNumbers(context: CommandContext): string[] {
  const words = context.flags.list('versions').flatMap((text) => text.split(','))
  const numbers = words.map((word) => word.trim()).filter((word) => word !== '')
  for (const number of numbers) {
    if (!/^\d{1,15}$/u.test(number)) {
      throw new CommandFailure(`Invalid version number ${JSON.stringify(number)} in -versions`)
    }
  }
  return numbers
}

/** Options of a write: the check-and-set number, if one was given. */
export function casOptions(context: CommandContext): Record<string, JsonValue> {
  const cas = context.flags.int('cas')
  return cas === undefined || cas < 0 ? {} : { cas }
}

/**
 * What a write answered: the field, the whole, or for people the path above the version's facts.
 */
export function showWritten(
  context: CommandContext,
  path: string,
  secret: Secret | undefined,
): number {
  if (secret === undefined) return context.print.success(`Success! Data written to: ${path}`)
  if ((context.flags.text('field') ?? '') !== '') return context.show(secret)
  if (!context.print.isTable || secret.data === undefined || secret.wrapInfo !== undefined) {
    return context.print.secret(secret)
  }
  context.print.warnings(secret)
  showPath(context, 'Secret Path', path)
  context.print.line(formatTitle('Metadata', secret.data))
  return context.print.line(formatMembers(secret.data))
}

export function showPath(context: CommandContext, title: string, path: string): void {
  context.print.line(formatTitle(title, path))
  context.print.line(`${path}\n`)
}
