/** The flags that all commands of a kind take (platform.md §9.2). */

import type { Command } from './command.ts'
import { flag, type FlagSpec } from './flags.ts'

export const connectionFlags: readonly FlagSpec[] = [
  flag.text('address', 'Address of the server: http://, https:// or unix:///path.sock.', {
    env: 'ADDR',
    defaultText: 'https://127.0.0.1:8200',
  }),
  flag.text('agent-address', 'Address of an agent; used instead of -address.', {
    env: 'AGENT_ADDR',
  }),
  flag.text('ca-cert', "PEM file with the authority of the server's certificate.", {
    env: 'CACERT',
  }),
  flag.text('ca-path', 'Directory of such files.', { env: 'CAPATH' }),
  flag.text('client-cert', 'PEM file with a certificate to present to the server.', {
    env: 'CLIENT_CERT',
  }),
  flag.text('client-key', 'PEM file with the key of that certificate.', { env: 'CLIENT_KEY' }),
  flag.text('tls-server-name', "Name that the server's certificate must carry.", {
    env: 'TLS_SERVER_NAME',
  }),
  flag.bool(
    'tls-skip-verify',
    'Do not check the certificate of the server. Unsafe: anybody on the way can read the token.',
    { env: 'SKIP_VERIFY' },
  ),
  flag.text('namespace', 'Namespace of the request.', { aliases: ['ns'], env: 'NAMESPACE' }),
  flag.duration(
    'wrap-ttl',
    'Put the answer into a single-use wrapping token that lives this long.',
    { env: 'WRAP_TTL' },
  ),
  flag.list('mfa', 'Credential of a second factor. May be repeated.', { env: 'MFA' }),
  flag.pairs(
    'header',
    'Further header, name=value. May be repeated; names that begin with X-Vault- are refused.',
  ),
  flag.bool(
    'disable-redirects',
    'Do not follow the one redirect, within the same host, that is followed otherwise.',
    { env: 'DISABLE_REDIRECTS' },
  ),
  flag.bool('output-curl-string', 'Print the request as a curl command and send nothing.'),
  flag.bool('output-policy', 'Print the policy that the request needs and send nothing.'),
  flag.bool('non-interactive', 'Never ask at the terminal.'),
  flag.bool('policy-override', 'Accepted for existing scripts.', { hidden: true }),
  flag.text('unlock-key', 'Key that opens a locked namespace.', { hidden: true }),
]

export const formatFlags: readonly FlagSpec[] = [
  flag.text(
    'format',
    'How the answer is printed: table, json, yaml, pretty (as table), or raw (read only). Counts anywhere on the line.',
    { env: 'FORMAT', defaultText: 'table' },
  ),
  flag.bool('detailed', 'Print more where there is more.', { env: 'DETAILED' }),
]

const fieldFlag: FlagSpec = flag.text(
  'field',
  'Print only this field of the answer, without a line feed when the output is not a terminal.',
)

/** All flags of a command, its own first. */
export function flagsOf(command: Command): readonly FlagSpec[] {
  return [
    ...(command.flags ?? []),
    ...(command.kind === 'local' ? [] : connectionFlags),
    ...(command.output === undefined ? [] : formatFlags),
    ...(command.output === 'field' ? [fieldFlag] : []),
  ]
}
