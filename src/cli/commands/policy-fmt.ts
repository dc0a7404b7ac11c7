/** `policy fmt`: lays out the text of a policy. */

import type { Command } from '../command.ts'
import { CommandFailure } from '../failure.ts'

export const policyFmt: Command = {
  usage: '[options] PATH',
  description: 'Lays out the policy in a file, in place.',
  examples: [
    { title: 'A file', line: 'policy fmt reader.hcl' },
    { title: 'Another one', line: 'policy fmt policies/deployer.hcl' },
  ],
  kind: 'local',
  output: 'none',
  argsMin: 1,
  argsMax: 1,
  async run() {
    throw new CommandFailure('Formatting policies is not available yet. The file was not changed.')
  },
}
