/**
 * `server`: hands its words to the server unread. The flags are declared for help only.
 * platform.md §9.7.
 */

import type { Command } from '../command.ts'

export const server: Command = {
  usage: '[options]',
  description:
    'Runs a server until it is stopped. With -dev it is ready at once, listens on this machine alone and keeps nothing.',
  examples: [
    { title: 'Try it out', line: 'server -dev' },
    { title: 'Run it for real', line: 'server -config=/etc/tokenstile/server.hcl' },
  ],
  flags: [
    { name: 'config', kind: 'list', help: 'Configuration file or directory. May be repeated.' },
    {
      name: 'dev',
      kind: 'bool',
      help: 'In memory, initialised, unsealed, plain HTTP on 127.0.0.1:8200.',
    },
    {
      name: 'dev-root-token-id',
      kind: 'text',
      env: 'DEV_ROOT_TOKEN_ID',
      help: 'The root token of -dev.',
    },
    {
      name: 'dev-listen-address',
      kind: 'text',
      env: 'DEV_LISTEN_ADDRESS',
      defaultText: '127.0.0.1:8200',
      help: 'Where -dev listens.',
    },
    {
      name: 'dev-no-store-token',
      kind: 'bool',
      help: 'Do not keep the root token of -dev in the token file.',
    },
    { name: 'dev-kv-v1', kind: 'bool', help: 'Mount secret/ as version 1.' },
    {
      name: 'log-level',
      kind: 'text',
      env: 'LOG_LEVEL',
      defaultText: 'info',
      help: 'trace, debug, info, warn or error.',
    },
    {
      name: 'log-format',
      kind: 'text',
      env: 'LOG_FORMAT',
      defaultText: 'standard',
      help: 'standard or json.',
    },
    { name: 'log-file', kind: 'text', help: 'File to write the log to instead of standard error.' },
  ],
  kind: 'local',
  output: 'none',
  args: [0, 10_000],
  passThrough: true,
  run(context) {
    return context.runServer([...context.args])
  },
}
