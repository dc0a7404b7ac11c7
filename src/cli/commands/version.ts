/** `version`: what this program is. Talks to nobody. */

import { product } from '../../lib/product.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../failure.ts'

const { name, version: own, compatibleVersion, compatibleBaoVersion } = product

/** Scripts that call an existing client read its number from the second word. */
function versionLine(programName: string): string {
  if (programName === 'vault') return `Vault v${compatibleVersion} (${name} v${own})`
  if (programName === 'bao') return `OpenBao v${compatibleBaoVersion} (${name} v${own})`
  return `${name} v${own} (speaks Vault v${compatibleVersion})`
}

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
    if (context.print.isTable) context.print.line(versionLine(context.programName))
    else context.print.data({ name, version: own, compatible_version: compatibleVersion })
    return exitCodes.ok
  },
}
