/** A previewed write as text: for a person, and for a pull request (explain.md §5). */

import { encodeJson, isJsonArray, isJsonObject, member, type JsonObject } from '../lib/json.ts'
import { numberMember, objectMember, objectsMember } from '../client/secret.ts'
import { product } from '../lib/product.ts'
import type { CommandContext } from './context.ts'
import { CommandFailure, exitCodes } from './failure.ts'
import { folded } from './folded-lines.ts'
import { goTextMember } from './go-text.ts'

const shownMax = 10

/** It would be taken, and nobody loses by it, as far as anybody can be looked at. */
export function isSafe(data: JsonObject): boolean {
  const isKnown = goTextMember(data, 'unknown') === '0' && member(data, 'truncated') !== true
  return member(data, 'valid') === true && countOf(data, 'lose') === 0 && isKnown
}

/** Throws unless the server previews writes at all of these paths; others it would carry out. */
export async function requirePreview(
  context: CommandContext,
  paths: readonly string[],
): Promise<void> {
  await requireVersion(context)
  const rolePaths = paths.filter((path) => path.startsWith('auth/'))
  const ofMounts = new Map(rolePaths.map((path) => [path.slice(0, roleAt(path)), path]))
  for (const path of ofMounts.values()) await requireMount(context, path)
}

/** Where the role begins, behind the mount. */
function roleAt(path: string): number {
  return path.lastIndexOf('/role/') + 1
}

/** Roles of other methods have no preview (explain.md §5). */
async function requireMount(context: CommandContext, path: string): Promise<void> {
  const secret = await context.fetch(
    'GET',
    `sys/internal/ui/mounts/${path}`,
    `Error finding the mount of ${path}`,
    { about: path, preflight: true, accept: [403] },
  )
  const mount = path.slice(0, roleAt(path))
  if (secret?.data === undefined || goTextMember(secret.data, 'path') !== mount) {
    throw new CommandFailure(
      `this token sees no mount at ${mount}: nothing was sent`,
      exitCodes.remote,
    )
  }
  const type = goTextMember(secret.data, 'type')
  if (type === 'jwt' || type === 'oidc') return
  throw new CommandFailure(
    `${mount} is of the method ${type}, which has no preview: nothing was sent`,
    exitCodes.remote,
  )
}

/** A server that does not know `dry_run` would take the fields and carry out the write. */
async function requireVersion(context: CommandContext): Promise<void> {
  const answer = await context.send('GET', 'sys/seal-status', 'Error asking for the version', {
    preflight: true,
  })
  const version = isJsonObject(answer.json) ? goTextMember(answer.json, 'version') : ''
  const [, own = ''] = version.split(`+${product.name}.`)
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)\./.exec(own) ?? []
  if (Number(major) > 0 || Number(minor) >= 2) return
  throw new CommandFailure(
    `this server (${version === '' ? 'of an unknown version' : version}) has no preview, and would carry out the write`,
    exitCodes.remote,
  )
}

interface Words {
  readonly of: string
  readonly unknown: string
  readonly gain: string
  readonly lose: string
  readonly changed: string
}

const ofLogins: Words = {
  of: 'kept logins',
  unknown: 'cannot be told: a claim was not kept, or it was a browser sign-in',
  gain: 'would get in',
  lose: 'would be refused',
  changed: 'would get another token',
}
const ofTokens: Words = {
  of: 'live tokens with it',
  unknown: 'cannot be told: a changed rule has a template, parameters or wrapping TTLs',
  gain: 'may do more',
  lose: 'may do less',
  changed: 'may do more on one path and less on another',
}

/** The whole preview of a write at that path in lines. */
export function drawnPreview(path: string, data: JsonObject): readonly string[] {
  if (member(data, 'valid') !== true) {
    return [`${path} would be refused.`, ...folded('  ', goTextMember(data, 'problem'))]
  }
  const changes = objectsMember(data, 'changes')
  const warnings = warningsOf(data).flatMap((text) => folded('  RISK  ', text))
  const isHidden = member(data, 'changes') === undefined
  if (changes.length === 0 && !isHidden) return [`${path}: nothing changes.`, ...warnings]
  const words = path.startsWith('sys/policies/') ? ofTokens : ofLogins
  const unknown = goTextMember(data, 'unknown')
  return [
    isHidden ? `${path}: this token may not read what stands there.` : `${path}:`,
    ...changes.flatMap((change) => [
      `  ${goTextMember(change, 'field')}`,
      `    - ${valueOf(change, 'before')}`,
      `    + ${valueOf(change, 'after')}`,
    ]),
    ...warnings,
    `  Of ${goTextMember(data, 'replayed')} ${words.of}:`,
    ...(['gain', 'lose', 'changed'] as const).flatMap((name) => {
      const rows = objectsMember(data, name)
      return [`    ${String(countOf(data, name)).padStart(5)} ${words[name]}`, ...rowLines(rows)]
    }),
    ...(unknown === '0' ? [] : [`    ${unknown.padStart(5)} ${words.unknown}`]),
    ...(member(data, 'truncated') === true ? ['  There are more than were looked at.'] : []),
  ]
}

/** The rows themselves are for those who may read them; everybody is told how many there are. */
function countOf(data: JsonObject, name: string): number {
  const counts = objectMember(data, 'counts')
  return counts === undefined ? objectsMember(data, name).length : numberMember(counts, name)
}

function warningsOf(data: JsonObject): readonly string[] {
  const warnings = member(data, 'warnings')
  return isJsonArray(warnings) ? warnings.filter((text) => typeof text === 'string') : []
}

function rowLines(rows: readonly JsonObject[]): readonly string[] {
  const shown = rows.slice(0, shownMax).map((row) => {
    const reason = goTextMember(row, 'reason')
    const why = reason === '' ? '' : `  ${reason}`
    return `            ${goTextMember(row, 'sub')}${why}  ${goTextMember(row, 'id')}`
  })
  return rows.length > shownMax ? [...shown, '            …'] : shown
}

function valueOf(change: JsonObject, name: string): string {
  return encodeJson(member(change, name) ?? null)
}
