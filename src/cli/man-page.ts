/** The man page, generated from the table of commands; "npm run docs" writes it to man/. */

import { product } from '../lib/product.ts'
import type { CommandEntry } from './command.ts'
import { connectionFlags } from './shared-flags.ts'

export function manPage(entries: readonly CommandEntry[]): string {
  return [
    `.TH TOKENSTILE 1 "" "${product.name} ${product.version}" "User Commands"`,
    '.SH NAME',
    'tokenstile \\- trade a JWT or a browser sign\\-in for a scoped, revocable token',
    '.SH SYNOPSIS',
    '.B tokenstile',
    '.I command',
    '[\\fIoptions\\fR] [\\fIarguments\\fR]',
    '.SH DESCRIPTION',
    "A server that speaks the HTTP API of Vault and OpenBao around their JWT/OIDC auth method, and that server's command line. Called",
    '.B vault',
    'or',
    '.B bao',
    '(see the command',
    '.BR link )',
    'it prints what those clients print.',
    '.SH COMMANDS',
    '.B tokenstile',
    '.I command',
    '.B \\-h',
    'shows flags and examples of one.',
    ...entries.flatMap((entry) => ['.TP', `.B ${escaped(entry.name)}`, escaped(entry.summary)]),
    '.SH ENVIRONMENT',
    'Each is read as TOKENSTILE_\\fIX\\fR, BAO_\\fIX\\fR and VAULT_\\fIX\\fR, in this order.',
    ...variables.flatMap(([name, text]) => ['.TP', `.B ${name}`, escaped(text)]),
    '.SH EXIT STATUS',
    ...[
      ['0', 'It worked.'],
      ['1', 'Bad usage, or something of this machine.'],
      ['2', 'The server refused, or could not be reached; for status: it is sealed.'],
      ['127', 'There is no such command.'],
    ].flatMap(([code = '', text = '']) => ['.TP', code, text]),
    '.SH FILES',
    '.TP',
    '.I ~/.vault\\-token',
    'The token that login keeps, unless a token helper is set up in ~/.vault.',
    '',
  ].join('\n')
}

const variables: readonly (readonly [string, string])[] = [
  ['ADDR', 'Address of the server.'],
  ['TOKEN', 'Token to use instead of the kept one.'],
  ['CACERT', helpOf('CACERT')],
  ['NAMESPACE', 'Namespace of the requests.'],
  ['FORMAT', 'table, json or yaml.'],
]

/** As the flag of that variable says it. */
function helpOf(variable: string): string {
  return connectionFlags.find(({ env }) => env === variable)?.help ?? ''
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('-', '\\-')
}
