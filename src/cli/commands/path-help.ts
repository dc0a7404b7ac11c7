/** `path-help`: what the server says about a path. */

import { textMember } from '../../client/secret.ts'
import { isJsonObject, member } from '../../lib/json.ts'
import type { Command } from '../command.ts'

export const pathHelp: Command = {
  usage: '[options] PATH',
  description: 'Prints what the server knows about a path: its fields and what it is for.',
  examples: [
    { title: 'About a mount', line: 'path-help auth/jwt' },
    { title: 'About one path', line: 'path-help auth/jwt/role/x' },
  ],
  output: 'format',
  args: [1, 1],
  async run(context) {
    const path = context.path(0)
    const response = await context.send('GET', path, `Error retrieving help for ${path}`, {
      query: [['help', '1']],
    })
    if (!isJsonObject(response.json)) return context.nothingFound(path)
    // As the existing clients: json is the description for programs, all else the text.
    const description = member(response.json, 'openapi')
    return context.print.format === 'json'
      ? context.print.data(description ?? null)
      : context.print.line(textMember(response.json, 'help'))
  },
}
