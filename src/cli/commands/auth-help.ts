/** `auth help`: which words `login` takes for a method. */

import { isJsonObject, member } from '../../lib/json.ts'
import { textMember } from '../../client/secret.ts'
import type { Command } from '../command.ts'
import { parentPath } from '../context.ts'
import { wrap } from '../help.ts'
import { loadLoginMethod, loginMethodNames } from '../login/methods.ts'
import { authKind, loadMounts } from './mounts.ts'

export const authHelp: Command = {
  usage: '[options] TYPE | PATH',
  description: 'Prints how to log in with a method, named by its type or by where it is mounted.',
  examples: [
    { title: 'By type', line: 'auth help jwt' },
    { title: 'By path', line: 'auth help corp' },
  ],
  args: [1, 1],
  async run(context) {
    const given = context.path(0)
    let type = given
    if (!loginMethodNames.includes(given)) {
      const mount = member(await loadMounts(context, authKind), parentPath(given))
      type = isJsonObject(mount) ? textMember(mount, 'type') : given
    }
    const method = await loadLoginMethod(type, context.programName)
    const width = Math.max(...method.parameters.map(({ name }) => name.length)) + 4
    return context.print.line(
      [
        `Usage: ${context.programName} login -method=${type} [K=V...]`,
        '',
        ...wrap(method.description, '  '),
        '',
        ...method.parameters.map(({ help, name }) => `    ${name.padEnd(width)}${help}`),
        '',
        `  Example: ${context.programName} ${method.example}`,
      ].join('\n'),
    )
  },
}
