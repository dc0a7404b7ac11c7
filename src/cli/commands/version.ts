/** `version`: what this program is. Talks to nobody. */

import { product } from '../../lib/product.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../failure.ts'

export const version: Command = {
  usage: '',
  description: 'Prints the version of this program, without asking a server.',
  examples: [
    { title: 'Print the version', line: 'version' },
    { title: 'As JSON', line: 'version -format=json' },
  ],
  kind: 'local',
  output: 'format',
  argsMin: 0,
  argsMax: 0,
  async run(context) {
    const { name, version: own, compatibleVersion } = product
    if (context.print.isTable)
      context.print.line(`${name} v${own} (speaks Vault v${compatibleVersion})`)
    else context.print.data({ name, version: own, compatible_version: compatibleVersion })
    return exitCodes.ok
  },
}
