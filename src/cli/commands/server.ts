/**
 * `server`: hands its words to the server unread. The flags are declared for help only.
 * platform.md §9.7.
 */

import type { Command } from '../command.ts'
import { flag } from '../flags.ts'

export const server: Command = {
  description:
    'Runs a server until it is stopped. With -dev it is ready at once, listens on this machine alone and keeps nothing.',
  examples: [
    { title: 'Try it out', line: 'server -dev' },
    { title: 'Run it for real', line: 'server -config=/etc/tokenstile/server.hcl' },
  ],
  flags: [
    flag.list('config', 'Configuration file or directory. May be repeated.'),
    flag.bool('dev', 'In memory, initialised, unsealed, plain HTTP on 127.0.0.1:8200.'),
    flag.text('dev-root-token-id', 'The root token of -dev.', { env: 'DEV_ROOT_TOKEN_ID' }),
    flag.text('dev-listen-address', 'Where -dev listens.', {
      env: 'DEV_LISTEN_ADDRESS',
      defaultText: '127.0.0.1:8200',
    }),
    flag.bool('dev-no-store-token', 'Do not keep the root token of -dev in the token file.'),
    flag.bool('dev-kv-v1', 'Mount secret/ as version 1.'),
    flag.text('log-level', 'trace, debug, info, warn or error.', {
      env: 'LOG_LEVEL',
      defaultText: 'info',
    }),
    flag.text('log-format', 'standard or json.', { env: 'LOG_FORMAT', defaultText: 'standard' }),
    flag.text('log-file', 'File to write the log to instead of standard error.'),
  ],
  kind: 'local',
  args: [0, 10_000],
  passThrough: true,
  run(context) {
    return context.runServer([...context.args])
  },
}
