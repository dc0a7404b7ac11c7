/** `unwrap`: trades a wrapping token for the answer inside. */

import type { Command } from '../command.ts'

export const unwrap: Command = {
  usage: '[options] [TOKEN]',
  description:
    'Prints the answer that a wrapping token holds. It can be asked for once. Without TOKEN, the token in use is the wrapping token.',
  examples: [
    { title: 'Unwrap a token', line: 'unwrap hvs.CAESI...' },
    { title: 'Only the token inside', line: 'unwrap -field=token hvs.CAESI...' },
  ],
  output: 'field',
  args: [0, 1],
  async run(context) {
    const wrapping = (context.args[0] ?? '').trim()
    const own = await context.token()
    const alone = wrapping === '' || own === '' || wrapping === own
    const secret = await context.fetch(
      'PUT',
      'sys/wrapping/unwrap',
      'Error unwrapping',
      alone ? { token: wrapping === '' ? own : wrapping } : { body: { token: wrapping } },
    )
    if (secret !== undefined) return context.show(secret)
    return context.print.success('Successfully unwrapped. There was no data in the wrapped secret.')
  },
}
