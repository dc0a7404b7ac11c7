/** `version`: what this program is. Talks to nobody. */

import { product } from '../../lib/product.ts'
import type { Command } from '../command.ts'

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
  async run(context) {
    return context.print.either(versionLine(context.programName), {
      name,
      version: own,
      compatible_version: compatibleVersion,
    })
  },
}
