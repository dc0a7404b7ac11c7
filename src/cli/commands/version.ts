/** `version`: what this program is. Talks to nobody. */

import { product } from '../../lib/product.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../failure.ts'

export const version: Command = {
  usage: '',
  description: 'Prints the version of this program, without asking a server.',
  examples: [
    { title: 'Print the version', line: 'version' },
    { title: 'The same', line: '--version' },
  ],
  kind: 'local',
  output: 'none',
  argsMin: 0,
  argsMax: 0,
  async run(context) {
    context.print.line(
      `${product.name} v${product.version} (speaks Vault v${product.compatibleVersion})`,
    )
    return exitCodes.ok
  },
}
