/** `print token`: the token in use, for a script. */

import type { Command } from '../command.ts'

export const printToken: Command = {
  usage: '',
  description:
    'Prints the token that other commands would use: from the environment, else the kept one.',
  examples: [
    { title: 'Print it', line: 'print token' },
    { title: 'Use it', line: 'print token | pbcopy' },
  ],
  kind: 'local',
  run: async (context) => context.print.line(await context.token()),
}
