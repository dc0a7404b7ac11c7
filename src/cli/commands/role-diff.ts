/** `role diff`: what a change of a role would do, before it is written (explain.md §5). */

import { encodeJson, isJsonArray, isJsonObject, member, type JsonObject } from '../../lib/json.ts'
import { numberMember, objectMember, objectOf, objectsMember } from '../../client/secret.ts'
import { product } from '../../lib/product.ts'
import type { Command } from '../command.ts'
import { cleanPath, type CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { folded } from '../folded-lines.ts'
import { goTextMember } from '../go-text.ts'

/** Somebody would lose, or the write would be refused. */
const risky = 3
const shownMax = 10

export const roleDiff: Command = {
  usage: '[options] MOUNT ROLE [K=V...]',
  description:
    'Shows what writing these fields to a role would change, and which of the kept logins would go another way: who would gain, who would lose, and whose token would be another. Nothing is written. The exit code is 0 when nobody would lose, 3 when somebody would or the write would be refused, and 2 when the server could not be asked.',
  examples: [
    { title: 'A narrower role', line: 'role diff jwt deploy bound_audiences=https://stile.test' },
    {
      title: 'Claims from a file',
      line: 'role diff jwt deploy bound_claims=@claims.json token_ttl=15m',
    },
  ],
  kind: 'remote',
  output: 'format',
  argsMin: 2,
  argsMax: Infinity,
  async run(context) {
    const mount = cleanPath(context.path(0).replace(/^auth\//, ''))
    const path = `auth/${mount}/role/${context.path(1)}`
    const fields = await context.keyValues(context.args.slice(2))
    await requirePreview(context)
    await requirePreviewingMount(context, mount, path)
    const body = objectOf([...Object.entries(fields), ['dry_run', true]])
    const secret = await context.fetch(
      { method: 'POST', path, body },
      { doing: `Error previewing ${path}` },
    )
    const { data } = secret ?? {}
    if (data === undefined) throw new CommandFailure('the server said nothing', exitCodes.remote)
    if (!context.print.isTable) context.print.data(data)
    else for (const line of drawn(path, data)) context.print.line(line)
    const isSafe = member(data, 'valid') === true && countOf(data, 'lose') === 0
    return isSafe ? exitCodes.ok : risky
  },
}

/** A server that does not know `dry_run` would take the fields and write the role. */
async function requirePreview(context: CommandContext): Promise<void> {
  const answer = await context.send(
    { method: 'GET', path: 'sys/seal-status' },
    { doing: 'Error asking for the version', preflight: true },
  )
  const version = isJsonObject(answer.json) ? goTextMember(answer.json, 'version') : ''
  const found = new RegExp(`\\+${product.name}\\.(\\d+)\\.(\\d+)\\.`).exec(version)
  const [, major = '0', minor = '0'] = found ?? []
  if (Number(major) > 0 || Number(minor) >= 2) return
  throw new CommandFailure(
    `this server (${version === '' ? 'of an unknown version' : version}) has no preview, and would write the role`,
    exitCodes.remote,
  )
}

/** Roles of other methods have no preview, and older servers would write them (explain.md §5). */
async function requirePreviewingMount(
  context: CommandContext,
  mount: string,
  path: string,
): Promise<void> {
  const secret = await context.fetch(
    { method: 'GET', path: `sys/internal/ui/mounts/${path}` },
    { doing: `Error finding the mount of ${path}`, about: path, preflight: true, accept: [403] },
  )
  const data = secret?.data
  if (data === undefined || cleanPath(goTextMember(data, 'path')) !== `auth/${mount}`) {
    throw new CommandFailure(
      `this token sees no mount at auth/${mount}/: nothing was sent`,
      exitCodes.remote,
    )
  }
  const type = goTextMember(data, 'type')
  if (type === 'jwt' || type === 'oidc') return
  throw new CommandFailure(
    `auth/${mount}/ is of the method ${type}, which has no preview: nothing was sent`,
    exitCodes.remote,
  )
}

/** The whole preview in lines; the same text for a person and for a pull request. */
function drawn(path: string, data: JsonObject): readonly string[] {
  if (member(data, 'valid') !== true) {
    return [`${path} would be refused.`, ...folded('  ', goTextMember(data, 'problem'))]
  }
  const changes = objectsMember(data, 'changes')
  const isHidden = member(data, 'changes') === undefined
  const lists = ['gain', 'lose', 'changed'] as const
  const titles = { gain: 'would get in', lose: 'would be refused', changed: 'another token' }
  return [
    headingOf(path, isHidden ? undefined : changes.length),
    ...changes.flatMap((change) => [
      `  ${goTextMember(change, 'field')}`,
      `    - ${valueOf(change, 'before')}`,
      `    + ${valueOf(change, 'after')}`,
    ]),
    ...warningsOf(data).flatMap((text) => folded('  RISK  ', text)),
    `  Of ${goTextMember(data, 'replayed')} kept logins:`,
    ...lists.flatMap((name) => {
      const rows = objectsMember(data, name)
      return [`    ${String(countOf(data, name)).padStart(5)} ${titles[name]}`, ...rowLines(rows)]
    }),
    ...(goTextMember(data, 'unknown') === '0'
      ? []
      : [`    ${goTextMember(data, 'unknown').padStart(5)} cannot be told: a claim was not kept`]),
    ...(member(data, 'truncated') === true ? ['  There are more than were looked at.'] : []),
  ]
}

function headingOf(path: string, changes: number | undefined): string {
  if (changes === undefined) return `${path}: this token may not read what stands there.`
  return changes === 0 ? `${path}: nothing changes.` : `${path}:`
}

/** The rows themselves are for those who may read `sys/logins`; servers of 0.2 count none. */
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
