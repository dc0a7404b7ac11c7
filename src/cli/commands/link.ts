/** `link`: this program under the name of an existing client, for scripts that call that one. */

import { linkUserFile } from '../../platform/user-files.ts'
import type { Command } from '../command.ts'
import { CommandFailure } from '../failure.ts'
import { flag } from '../flags.ts'
import { stockNames } from '../program-names.ts'

export const link: Command = {
  usage: '-as=vault|bao DIR',
  description:
    'Makes a link called vault or bao in DIR to this program, which then prints what that client prints. What is there already stays, unless it is such a link.',
  examples: [
    { title: 'For scripts that call vault', line: 'link -as=vault ~/bin' },
    { title: 'For those that call bao', line: 'link -as=bao ~/bin' },
  ],
  flags: [flag.text('as', 'The name: vault or bao.')],
  kind: 'local',
  args: [1, 1],
  async run(context) {
    const name = stockNames.find((one) => one === context.flags.text('as'))
    if (name === undefined) {
      throw new CommandFailure(`Say under which name: -as=${stockNames.join(' or -as=')}`)
    }
    const { programPath } = context
    if (programPath === undefined) throw new CommandFailure('This program has no file to link to.')
    const path = `${context.args[0] ?? '.'}/${name}`
    const made = await linkUserFile(path, programPath)
    if (!made) throw new CommandFailure(`${path} is there already and is no link to this program.`)
    return context.print.line(`${path} is this program now. It has to stand before others in PATH.`)
  },
}
