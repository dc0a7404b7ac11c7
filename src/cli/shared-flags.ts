/** The flags that all commands of a kind take (platform.md §9.2). */

import type { Command } from './command.ts'
import type { FlagSpec } from './flags.ts'

export const connectionFlags: readonly FlagSpec[] = [
  {
    name: 'address',
    kind: 'text',
    env: 'ADDR',
    defaultText: 'https://127.0.0.1:8200',
    help: 'Address of the server: http://, https:// or unix:///path.sock.',
  },
  {
    name: 'agent-address',
    kind: 'text',
    env: 'AGENT_ADDR',
    help: 'Address of an agent; used instead of -address.',
  },
  {
    name: 'ca-cert',
    kind: 'text',
    env: 'CACERT',
    help: "PEM file with the authority of the server's certificate.",
  },
  { name: 'ca-path', kind: 'text', env: 'CAPATH', help: 'Directory of such files.' },
  {
    name: 'client-cert',
    kind: 'text',
    env: 'CLIENT_CERT',
    help: 'PEM file with a certificate to present to the server.',
  },
  {
    name: 'client-key',
    kind: 'text',
    env: 'CLIENT_KEY',
    help: 'PEM file with the key of that certificate.',
  },
  {
    name: 'tls-server-name',
    kind: 'text',
    env: 'TLS_SERVER_NAME',
    help: "Name that the server's certificate must carry.",
  },
  {
    name: 'tls-skip-verify',
    kind: 'bool',
    env: 'SKIP_VERIFY',
    help: 'Do not check the certificate of the server. Unsafe: anybody on the way can read the token.',
  },
  {
    name: 'namespace',
    kind: 'text',
    aliases: ['ns'],
    env: 'NAMESPACE',
    help: 'Namespace of the request.',
  },
  {
    name: 'wrap-ttl',
    kind: 'duration',
    env: 'WRAP_TTL',
    help: 'Put the answer into a single-use wrapping token that lives this long.',
  },
  {
    name: 'mfa',
    kind: 'list',
    env: 'MFA',
    help: 'Credential of a second factor. May be repeated.',
  },
  {
    name: 'header',
    kind: 'pairs',
    help: 'Further header, name=value. May be repeated; names that begin with X-Vault- are refused.',
  },
  {
    name: 'disable-redirects',
    kind: 'bool',
    env: 'DISABLE_REDIRECTS',
    help: 'Do not follow the one redirect, within the same host, that is followed otherwise.',
  },
  {
    name: 'output-curl-string',
    kind: 'bool',
    help: 'Print the request as a curl command and send nothing.',
  },
  {
    name: 'output-policy',
    kind: 'bool',
    help: 'Print the policy that the request needs and send nothing.',
  },
  { name: 'non-interactive', kind: 'bool', help: 'Never ask at the terminal.' },
  { name: 'policy-override', kind: 'bool', hidden: true, help: 'Accepted for existing scripts.' },
  { name: 'unlock-key', kind: 'text', hidden: true, help: 'Key that opens a locked namespace.' },
]

export const formatFlags: readonly FlagSpec[] = [
  {
    name: 'format',
    kind: 'text',
    env: 'FORMAT',
    defaultText: 'table',
    help: 'How the answer is printed: table, json, yaml, pretty (as table), or raw (read only). Counts anywhere on the line.',
  },
  { name: 'detailed', kind: 'bool', env: 'DETAILED', help: 'Print more where there is more.' },
]

const fieldFlag: FlagSpec = {
  name: 'field',
  kind: 'text',
  help: 'Print only this field of the answer, without a line feed when the output is not a terminal.',
}

/** All flags of a command, its own first. */
export function flagsOf(command: Command): readonly FlagSpec[] {
  return [
    ...(command.flags ?? []),
    ...(command.kind === 'local' ? [] : connectionFlags),
    ...(command.output === 'none' ? [] : formatFlags),
    ...(command.output === 'field' ? [fieldFlag] : []),
  ]
}
