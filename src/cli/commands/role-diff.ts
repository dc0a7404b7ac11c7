/** `role diff`: what a change of a role would do, before it is written (explain.md §5). */

import { objectOf } from '../../client/secret.ts'
import type { Command } from '../command.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
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
  output: 'format',
  args: [2, Infinity],
  async run(context) {
    const path = `auth/${mountOf(context.path(0))}/role/${context.path(1)}`
    const fields = await context.keyValues(context.args.slice(2))
    await requirePreview(context, [path])
    const body = objectOf([...Object.entries(fields), ['dry_run', true]])
    const secret = await context.fetch('POST', path, `Error previewing ${path}`, { body })
    const { data } = secret ?? {}
    if (data === undefined) throw new CommandFailure('the server said nothing', exitCodes.remote)
    if (!context.print.isTable) context.print.data(data)
    else for (const line of drawnPreview(path, data)) context.print.line(line)
    return isSafe(data) ? exitCodes.ok : risky
  },
}
