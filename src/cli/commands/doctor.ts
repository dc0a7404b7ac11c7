/** `doctor`: what is wrong with a login mount, and the command that mends it (explain.md §7). */

import { member, type JsonObject } from '../../lib/json.ts'
import { objectsMember } from '../../client/secret.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../failure.ts'
import { folded } from '../folded-lines.ts'
import { goTextMember } from '../go-text.ts'
import { loginMounts, mountOf } from '../login-mounts.ts'

/** Something refuses logins. */
const unhealthy = 3

const marks: Readonly<Record<string, string>> = { ok: 'ok', warn: 'RISK', fail: 'WRONG' }
const markWidth = 7

export const doctor: Command = {
  usage: '[options] [MOUNT]',
  description:
    "Looks at a login mount: the provider's documents, its keys, its clock, the client, and every role; says what is wrong with each and what mends it. Without a mount all of the methods jwt and oidc are looked at. Nothing is changed. The exit code is 0 when logins can work, 3 when something refuses them, and 2 when the server could not be asked.",
  examples: [
    { title: 'One mount', line: 'doctor jwt' },
    { title: 'All of them, for a program', line: 'doctor -format=json' },
  ],
  output: 'format',
  args: [0, 1],
  async run(context) {
    const mounts = context.args.length > 0 ? [mountOf(context.path(0))] : await loginMounts(context)
    const reports: JsonObject[] = []
    for (const mount of mounts) {
      const path = `auth/${mount}/doctor`
      const secret = await context.fetch('GET', path, `Error reading ${path}`)
      reports.push({ mount: `${mount}/`, ...secret?.data })
    }
    if (!context.print.isTable) context.print.data(reports)
    else for (const line of reports.flatMap(drawn)) context.print.line(line)
    const isHealthy = reports.every((report) => member(report, 'healthy') === true)
    return isHealthy ? exitCodes.ok : unhealthy
  },
}

function drawn(report: JsonObject): readonly string[] {
  const findings = objectsMember(report, 'findings')
  const wrong = findings.filter((finding) => goTextMember(finding, 'level') === 'fail').length
  const verdict =
    wrong === 0
      ? 'nothing refuses logins'
      : `${wrong} ${wrong === 1 ? 'thing refuses' : 'things refuse'} logins`
  return [
    `auth/${goTextMember(report, 'mount')}: ${verdict}.`,
    ...findings.flatMap(findingLines),
    rolesLine(goTextMember(report, 'roles_judged')),
  ]
}

function rolesLine(count: string): string {
  return count === '1' ? '1 role judged.' : `${count} roles judged.`
}

function findingLines(finding: JsonObject): readonly string[] {
  const text = (name: string): string => goTextMember(finding, name)
  const level = text('level')
  const head = (marks[level] ?? level).padEnd(markWidth)
  if (level === 'ok') return folded(head, text('what'))
  const indent = ' '.repeat(markWidth)
  const command = text('command')
  return [
    ...folded(head, `${text('where')}: ${text('code')}`),
    ...folded(indent, text('what')),
    ...folded(indent, `Fix: ${text('fix')}`),
    // In one line, to be copied.
    ...(command === '' ? [] : [`${indent}$ ${command}`]),
  ]
}
