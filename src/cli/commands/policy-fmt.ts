/** `policy fmt`: lays out the text of a policy in its file. Talks to nobody. */

import { formatHcl } from '../../lib/hcl-format.ts'
import { writeUserFile } from '../../platform/user-files.ts'
import type { Command } from '../command.ts'
import { CommandFailure } from '../failure.ts'

export const policyFmt: Command = {
  usage: '[options] PATH',
  description:
    'Lays out the policy in a file, in place. A file that cannot be read as a policy stays as it is.',
  examples: [
    { title: 'A file', line: 'policy fmt reader.hcl' },
    { title: 'Another one', line: 'policy fmt policies/deployer.hcl' },
  ],
  kind: 'local',
  args: [1, 1],
  async run(context) {
    const path = (context.args[0] ?? '').trim()
    const text = await context.readFile(path)
    if (text === undefined)
      throw new CommandFailure(`Error reading policy file: there is no file ${path}`)
    const formatted = formatHcl(text)
    if (!formatted.ok) {
      const { column, line, message } = formatted.error
      throw new CommandFailure(`Error parsing policy: ${path}:${line}:${column}: ${message}`)
    }
    if (formatted.value !== text) await writeUserFile(path, formatted.value)
    return context.print.success(`Success! Formatted policy: ${path}`)
  },
}
