/** `role diff`: what a change of a role would do, before it is written (explain.md §5). */

import { objectOf } from '../../client/secret.ts'
import type { Command } from '../command.ts'
import { cleanPath, type CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { goTextMember } from '../go-text.ts'
import { mountOf } from '../login-mounts.ts'
import { drawnPreview, isSafe, requirePreview } from '../preview-text.ts'

/** Somebody would lose, or the write would be refused. */
const risky = 3

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
    const mount = mountOf(context.path(0))
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
    else for (const line of drawnPreview(path, data)) context.print.line(line)
    return isSafe(data) ? exitCodes.ok : risky
  },
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
