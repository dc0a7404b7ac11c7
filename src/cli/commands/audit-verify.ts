/** `audit verify`: looks through a file of audit records. Talks to nobody. */

import { readUserLines } from '../../platform/user-lines.ts'
import { AuditCheck, type AuditFindings } from '../audit-check.ts'
import type { Command } from '../command.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { formatTable } from '../table.ts'

export const auditVerify: Command = {
  usage: '[options] FILE',
  description:
    'Checks that every line of the file is a record, pairs requests with their answers, and looks for tokens in clear. Exit code 2 when something is wrong.',
  examples: [
    { title: 'A file', line: 'audit verify /var/log/tokenstile-audit.log' },
    { title: 'For a program', line: 'audit verify -format=json audit.log' },
  ],
  kind: 'local',
  output: 'format',
  args: [1, 1],
  async run(context) {
    const path = (context.args[0] ?? '').trim()
    const check = new AuditCheck()
    try {
      for await (const { text, isWhole } of readUserLines(path)) check.add(text, isWhole)
    } catch (problem) {
      const text = problem instanceof Error ? problem.message : 'unknown'
      throw new CommandFailure(`Error reading audit file: ${text}`)
    }
    const { findings } = check
    const { print } = context
    if (print.isTable) print.line(formatTable(['Key', 'Value'], rowsOf(findings)))
    else print.data(jsonOf(findings))
    const isWrong = findings.broken.count + findings.inClear.count > 0
    return isWrong ? exitCodes.remote : exitCodes.ok
  },
}

function rowsOf(findings: AuditFindings): readonly (readonly string[])[] {
  const { broken, inClear } = findings
  return [
    ['first_time', findings.firstTime],
    ['last_time', findings.lastTime],
    ['requests', String(findings.requests)],
    ['responses', String(findings.responses)],
    ['errors', String(findings.errors)],
    ['requests_without_response', String(findings.unanswered)],
    ['responses_without_request', String(findings.unasked)],
    ['broken_lines', withLines(broken)],
    ['lines_with_tokens_in_clear', withLines(inClear)],
  ]
}

function withLines({ count, lines }: AuditFindings['broken']): string {
  if (count === 0) return '0'
  return `${count} (lines ${lines.join(', ')}${count > lines.length ? ', …' : ''})`
}

function jsonOf(findings: AuditFindings) {
  return {
    first_time: findings.firstTime,
    last_time: findings.lastTime,
    requests: findings.requests,
    responses: findings.responses,
    errors: findings.errors,
    requests_without_response: findings.unanswered,
    responses_without_request: findings.unasked,
    broken_lines: findings.broken.count,
    lines_with_tokens_in_clear: findings.inClear.count,
  }
}
