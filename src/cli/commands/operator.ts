/** `operator …`: what the person who runs the server does: initialise, unseal, seal, rotate. */

import { numberMember, objectOf, textMember } from '../../client/secret.ts'
import {
  isJsonArray,
  isJsonObject,
  member,
  type JsonObject,
  type JsonValue,
} from '../../lib/json.ts'
import type { ApiRequest } from '../../client/http-client.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import { goText } from '../go-text.ts'
import { readPgpKeyFile, readPgpKeyFiles } from '../pgp-key-file.ts'
import { formatColumns } from '../table.ts'
import { sealData, sealTable } from './status.ts'

export const init: Command = {
  description:
    'Initialises a new server: makes its root key, splits it into unseal keys and prints them with the first root token. They are shown once.',
  examples: [
    { title: 'Five keys, three of which unseal', line: 'operator init' },
    {
      title: 'One key, for a script',
      line: 'operator init -key-shares=1 -key-threshold=1 -format=json',
    },
  ],
  flags: [
    flag.bool('status', 'Only say whether it is initialised: exit code 0 if so, 2 if not.'),
    flag.int('key-shares', 'Number of unseal keys.', { aliases: ['n'], defaultText: '5' }),
    flag.int('key-threshold', 'Number of them that unseal.', { aliases: ['t'], defaultText: '3' }),
    flag.list(
      'pgp-keys',
      'Files with PGP public keys, one for each unseal key, which is encrypted with it.',
    ),
    flag.text(
      'root-token-pgp-key',
      'File with the PGP public key that the root token is encrypted with.',
    ),
    flag.int('recovery-shares', 'Number of recovery keys, where a service unseals.'),
    flag.int('recovery-threshold', 'Number of them that are needed.'),
    flag.list('recovery-pgp-keys', 'Files with PGP public keys, one for each recovery key.'),
  ],
  output: 'format',
  async run(context) {
    if (context.flags.bool('status')) return initStatus(context)
    const body = await initBody(context, await opensItself(context))
    const answer = await bare(
      context,
      { method: 'PUT', path: 'sys/init', body, token: '', namespace: '' },
      'Error initializing',
    )
    return context.print.either(initText(answer, body), initJson(answer, body))
  },
}

async function initStatus(context: CommandContext): Promise<number> {
  const answer = await bare(
    context,
    { method: 'GET', path: 'sys/init', token: '', namespace: '' },
    'Error checking initialization status',
    exitCodes.local,
  )
  const initialized = member(answer, 'initialized') === true
  if (!context.print.isTable) context.print.data({ Initialized: initialized })
  else context.print.line(initialized ? 'Vault is initialized' : 'Vault is not initialized')
  return initialized ? exitCodes.ok : exitCodes.remote
}

/** True for a seal that needs nobody: it makes recovery keys instead of unseal keys. */
async function opensItself(context: CommandContext): Promise<boolean> {
  const { flags } = context
  const named = ['key-shares', 'key-threshold', 'recovery-shares', 'recovery-threshold']
  if (named.some((name) => flags.isSet(name))) return false
  const answer = await bare(
    context,
    { method: 'GET', path: 'sys/seal-status', token: '', namespace: '' },
    'Error checking seal status',
  )
  return member(answer, 'recovery_seal') === true
}

async function initBody(context: CommandContext, opensItself: boolean): Promise<JsonObject> {
  const { flags } = context
  const recovery =
    opensItself || flags.isSet('recovery-shares') || flags.isSet('recovery-threshold')
  const fields: [string, JsonValue][] = [
    ['secret_shares', flags.int('key-shares') ?? (recovery ? 0 : 5)],
    ['secret_threshold', flags.int('key-threshold') ?? (recovery ? 0 : 3)],
  ]
  if (flags.isSet('pgp-keys'))
    fields.push(['pgp_keys', await readPgpKeyFiles('pgp-keys', flags.list('pgp-keys'))])
  const rootKey = flags.text('root-token-pgp-key') ?? ''
  if (rootKey !== '') {
    fields.push(['root_token_pgp_key', await readPgpKeyFile('root-token-pgp-key', rootKey)])
  }
  for (const [name, usual] of [
    ['recovery-shares', 5],
    ['recovery-threshold', 3],
  ] as const) {
    if (flags.isSet(name)) fields.push([name.replace('-', '_'), flags.int(name) ?? 0])
    else if (opensItself) fields.push([name.replace('-', '_'), usual])
  }
  if (flags.isSet('recovery-pgp-keys')) {
    const words = flags.list('recovery-pgp-keys')
    fields.push(['recovery_pgp_keys', await readPgpKeyFiles('recovery-pgp-keys', words)])
  }
  return objectOf(fields)
}

function initJson(answer: JsonObject, body: JsonObject): JsonObject {
  return objectOf([
    ['unseal_keys_b64', member(answer, 'keys_base64') ?? []],
    ['unseal_keys_hex', member(answer, 'keys') ?? []],
    ['unseal_shares', numberMember(body, 'secret_shares')],
    ['unseal_threshold', numberMember(body, 'secret_threshold')],
    ['recovery_keys_b64', member(answer, 'recovery_keys_base64') ?? []],
    ['recovery_keys_hex', member(answer, 'recovery_keys') ?? []],
    ['recovery_keys_shares', numberMember(body, 'recovery_shares')],
    ['recovery_keys_threshold', numberMember(body, 'recovery_threshold')],
    ['root_token', textMember(answer, 'root_token')],
  ])
}

function initText(answer: JsonObject, body: JsonObject): string {
  const shares = numberMember(body, 'secret_shares')
  const threshold = numberMember(body, 'secret_threshold')
  const list = (name: string, title: string) => {
    const keys = member(answer, name)
    return isJsonArray(keys) ? keys.map((key, i) => `${title} ${i + 1}: ${goText(key)}`) : []
  }
  return [
    ...list('keys_base64', 'Unseal Key'),
    ...list('recovery_keys_base64', 'Recovery Key'),
    '',
    `Initial Root Token: ${textMember(answer, 'root_token')}`,
    '',
    ...(shares > 0
      ? [
          `Initialized with ${shares} key shares and a key threshold of ${threshold}. Give each share to`,
          `another person. After every start the server is sealed, and ${threshold} of these keys have`,
          'to be given to unseal it. They are stored nowhere: without them its data is lost.',
        ]
      : [
          'The server unseals itself with its own key. Recovery keys do not unseal it: keep a copy of',
          'that key, without it the data is lost.',
        ]),
  ].join('\n')
}

export const unseal: Command = {
  usage: '[options] [KEY]',
  description:
    'Gives the server one unseal key. Without KEY it is asked for, so that it does not land in the history of the shell; - reads it from standard input.',
  examples: [
    { title: 'Be asked for the key', line: 'operator unseal' },
    { title: 'Start over', line: 'operator unseal -reset' },
  ],
  flags: [
    flag.bool('reset', 'Forget the keys given so far.'),
    flag.bool('migrate', 'The key is for moving to another seal.'),
  ],
  output: 'format',
  args: [0, 1],
  async run(context) {
    const body = context.flags.bool('reset') ? { reset: true } : await unsealBody(context)
    const answer = await bare(
      context,
      { method: 'PUT', path: 'sys/unseal', body, token: '', namespace: '' },
      'Error unsealing',
    )
    return context.print.either(sealTable(answer), sealData(answer))
  },
}

async function unsealBody(context: CommandContext): Promise<JsonObject> {
  const given = context.args[0]?.trim() ?? ''
  const key =
    given === '-'
      ? await context.readStdin()
      : given === ''
        ? await context.ask(
            'Unseal Key (will be hidden): ',
            'Give the key with: operator unseal - < FILE',
          )
        : given
  return { key: key.trim(), migrate: context.flags.bool('migrate'), reset: false }
}

export const seal: Command = {
  description:
    'Seals the server: it forgets its key and answers nothing until it is unsealed again.',
  examples: [
    { title: 'Seal it', line: 'operator seal' },
    { title: 'Seal another one', line: 'operator seal -address=https://vault.example.com' },
  ],
  async run(context) {
    await context.send('PUT', 'sys/seal', 'Error sealing')
    return context.print.success('Success! Vault is sealed.')
  },
}

export const stepDown: Command = {
  description: 'Asks the active server of a cluster to hand over to another.',
  examples: [
    { title: 'The server of the environment', line: 'operator step-down' },
    { title: 'Another one', line: 'operator step-down -address=https://node1.example.com' },
  ],
  async run(context) {
    await context.send('PUT', 'sys/step-down', 'Error stepping down')
    return context.print.success('Success! Stepped down')
  },
}

export const keyStatus: Command = {
  description: 'Prints which encryption key is in use and since when.',
  examples: [
    { title: 'Print it', line: 'operator key-status' },
    { title: 'As JSON', line: 'operator key-status -format=json' },
  ],
  output: 'format',
  run: showKeyStatus,
}

export const rotate: Command = {
  description:
    'Makes a new encryption key for what is stored from now on. Older data stays readable.',
  examples: [
    { title: 'Rotate it', line: 'operator rotate' },
    { title: 'With the new key as JSON', line: 'operator rotate -format=json' },
  ],
  output: 'format',
  async run(context) {
    await context.send('PUT', 'sys/rotate', 'Error rotating key')
    context.print.success('Success! Rotated key\n')
    return showKeyStatus(context)
  },
}

async function showKeyStatus(context: CommandContext): Promise<number> {
  const secret = await context.fetch('GET', 'sys/key-status', 'Error reading key status')
  const data = secret?.data ?? objectOf([])
  if (!context.print.isTable) return context.print.data(data)
  return context.print.line(
    formatColumns([
      ['Key Term', goText(member(data, 'term') ?? '')],
      ['Install Time', textMember(data, 'install_time')],
      ['Encryption Count', goText(member(data, 'encryptions') ?? '')],
    ]),
  )
}

/** Sends to one of the paths that answer without an envelope. */
export async function bare(
  context: CommandContext,
  request: ApiRequest,
  doing: string,
  exitCode: number = exitCodes.remote,
): Promise<JsonObject> {
  const { method, path, ...rest } = request
  try {
    const { json } = await context.send(method, path, doing, rest)
    if (isJsonObject(json)) return json
    throw new CommandFailure(`${doing}: the answer is not a JSON object`, exitCode)
  } catch (cause) {
    if (cause instanceof CommandFailure) throw new CommandFailure(cause.message, exitCode)
    throw cause
  }
}
