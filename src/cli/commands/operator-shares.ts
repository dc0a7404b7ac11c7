/**
 * `operator generate-root` and `operator rekey`: what holders of unseal keys do together
 * (platform.md §2.10). Where the ways without a token are closed, those with one are used.
 */

import { isJsonArray, isJsonObject, member, type JsonObject } from '../../lib/json.ts'
import { numberMember, textMember } from '../../client/secret.ts'
import { randomLetters, SystemRandom } from '../../platform/random.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import { goText } from '../go-text.ts'
import { readPgpKeyFile, readPgpKeyFiles } from '../pgp-key-file.ts'
import { formatColumns } from '../table.ts'
import { bare } from './operator.ts'

/** As long as a root token of this server; others tell theirs as `otp_length`. */
const otpChars = 52

const backupPath = 'sys/rekey/backup'

const commonFlags = [
  flag.bool('init', 'Begin.'),
  flag.bool('cancel', 'End it; nothing changes.'),
  flag.bool('status', 'Say how far it is.'),
  flag.text('nonce', 'Nonce of the operation, as whoever began was told.'),
] as const

export const generateRoot: Command = {
  usage: '[options] [KEY]',
  description:
    'Makes another root token when enough holders of unseal keys give theirs, each with this command. Whoever begins with -init is told a one-time password, which decodes the token at the end. Without KEY it is asked for; - reads it from standard input.',
  examples: [
    { title: 'Begin', line: 'operator generate-root -init' },
    {
      title: 'Give a key',
      line: 'operator generate-root -nonce=2dbd10f1-8528-6246-09e7-82b25b8aba63',
    },
    {
      title: 'Decode the token',
      line: 'operator generate-root -decode=Bxg9JQ... -otp=3JhHkONiyi...',
    },
  ],
  flags: [
    ...commonFlags,
    flag.text('decode', 'Decode this token with -otp; no server is asked.'),
    flag.text('otp', 'The one-time password that -init told.'),
    flag.bool('generate-otp', 'Print a one-time password; no server is asked.'),
    flag.text(
      'pgp-key',
      'With -init: file with the PGP public key that the token is encrypted with, instead of a one-time password.',
    ),
  ],
  output: 'format',
  args: [0, 1],
  async run(context) {
    const { flags } = context
    const encoded = flags.text('decode') ?? ''
    if (encoded !== '') return showDecoded(context, encoded, flags.text('otp') ?? '')
    if (flags.bool('generate-otp')) {
      const otp = randomLetters(new SystemRandom(), otpChars)
      return context.print.either(otp, { otp })
    }
    const way = await findWay(context, ['generate-root', 'generate-root-token'], 'attempt')
    const attempt = `${way.base}/attempt`
    if (flags.bool('init')) {
      const file = flags.text('pgp-key') ?? ''
      const body: JsonObject = file === '' ? {} : { pgp_key: await readPgpKeyFile('pgp-key', file) }
      return showRootStatus(context, await ask(context, 'PUT', attempt, body))
    }
    if (flags.bool('cancel')) {
      await end(context, attempt, way.status)
      return context.print.success('Success! Root token generation canceled (if it was started)')
    }
    if (flags.bool('status')) return showRootStatus(context, way.status)
    requireStarted(way.status, 'generate-root')
    const body = await shareBody(context, textMember(way.status, 'nonce'))
    return showRootStatus(context, await ask(context, 'PUT', `${way.base}/update`, body))
  },
}

export const rekey: Command = {
  usage: '[options] [KEY]',
  description:
    'Makes other unseal keys when enough holders of the present ones give theirs, each with this command. With -verify the new keys count only once enough of them were given back: without it, keys that get lost on their way are lost for good. Without KEY it is asked for; - reads it from standard input.',
  examples: [
    { title: 'Begin', line: 'operator rekey -init -key-shares=5 -key-threshold=3 -verify' },
    {
      title: 'Give a present key',
      line: 'operator rekey -nonce=2dbd10f1-8528-6246-09e7-82b25b8aba63',
    },
    {
      title: 'Give a new key back',
      line: 'operator rekey -verify -nonce=8ac6b1f5-7b52-93ec-4d3f-1e6b3d6e4f2a',
    },
  ],
  flags: [
    ...commonFlags,
    flag.bool(
      'verify',
      'With -init: the new keys have to be verified. Else: about their verification.',
    ),
    flag.int('key-shares', 'Number of new keys.', { aliases: ['n'], defaultText: '5' }),
    flag.int('key-threshold', 'Number of them that are needed.', {
      aliases: ['t'],
      defaultText: '3',
    }),
    flag.text('target', 'Kept for compatibility: the keys that the seal has are what changes.'),
    flag.list(
      'pgp-keys',
      'With -init: files with PGP public keys, one for each new key, which is encrypted with it.',
    ),
    flag.bool('backup', 'With -init: the server keeps the encrypted keys.'),
    flag.bool('backup-retrieve', 'Print the encrypted keys that are kept.'),
    flag.bool('backup-delete', 'Delete them.'),
  ],
  output: 'format',
  args: [0, 1],
  async run(context) {
    const { flags } = context
    if (flags.bool('backup-retrieve')) {
      const doing = 'Error retrieving the kept keys'
      const secret = await context.fetch('GET', backupPath, doing)
      if (secret !== undefined) context.print.secret(secret)
      return exitCodes.ok
    }
    if (flags.bool('backup-delete')) {
      await context.send('DELETE', backupPath, 'Error deleting the kept keys')
      return context.print.success('Success! Delete backed up keys, if there were any')
    }
    const way = await findWay(context, ['rekey', 'rotate/root'], 'init')
    const verifies = flags.bool('verify')
    if (flags.bool('init')) {
      const body = {
        secret_shares: flags.int('key-shares') ?? 5,
        secret_threshold: flags.int('key-threshold') ?? 3,
        require_verification: verifies,
        pgp_keys: await readPgpKeyFiles('pgp-keys', flags.list('pgp-keys')),
        backup: flags.bool('backup'),
      }
      return showRekeyStatus(context, await ask(context, 'PUT', `${way.base}/init`, body))
    }
    if (flags.bool('cancel')) {
      const path = verifies ? `${way.base}/verify` : `${way.base}/init`
      await end(context, path, verifies ? verificationOf(way.status) : way.status)
      return context.print.success('Success! Canceled rekeying (if it was started)')
    }
    if (flags.bool('status')) {
      const status = verifies ? await ask(context, 'GET', `${way.base}/verify`) : way.status
      return showRekeyStatus(context, status)
    }
    requireStarted(way.status, 'rekey')
    const known = verifies ? verificationOf(way.status) : way.status
    const body = await shareBody(context, textMember(known, 'nonce'))
    const path = `${way.base}/${verifies ? 'verify' : 'update'}`
    const after = await ask(context, 'PUT', path, body)
    if (member(after, 'complete') !== true) return showRekeyStatus(context, after)
    return showRekeyed(context, after, verifies)
  },
}

/** One of the two ways in, and what it says of the operation. */
interface Way {
  readonly base: string
  readonly status: JsonObject
}

async function findWay(
  context: CommandContext,
  [open, withToken]: readonly [string, string],
  leaf: string,
): Promise<Way> {
  const doing = 'Error reading the status'
  const first = await context.send('GET', `sys/${open}/${leaf}`, doing, {
    accept: [404, 405],
    preflight: true,
  })
  if (first.status < 400 && isJsonObject(first.json)) {
    return { base: `sys/${open}`, status: first.json }
  }
  const base = `sys/${withToken}`
  const second = await context.send('GET', `${base}/${leaf}`, doing, { preflight: true })
  return { base, status: isJsonObject(second.json) ? second.json : {} }
}

function ask(
  context: CommandContext,
  method: 'GET' | 'PUT',
  path: string,
  body?: JsonObject,
): Promise<JsonObject> {
  return bare(
    context,
    { method, path, ...(body === undefined ? {} : { body }) },
    `Error at ${path}`,
  )
}

async function end(context: CommandContext, path: string, status: JsonObject): Promise<void> {
  const nonce = context.flags.text('nonce') ?? textMember(status, 'nonce')
  const options = nonce === '' ? {} : { query: [['nonce', nonce] as const] }
  await context.send('DELETE', path, 'Error canceling', options)
}

function requireStarted(status: JsonObject, command: string): void {
  if (member(status, 'started') === true) return
  throw new CommandFailure(`Nothing is in progress. Begin with: operator ${command} -init`)
}

function verificationOf(status: JsonObject): JsonObject {
  return { nonce: textMember(status, 'verification_nonce') }
}

/** Who is asked at the terminal need not know the nonce; a script has to. */
async function shareBody(context: CommandContext, knownNonce: string): Promise<JsonObject> {
  const given = context.args[0]?.trim() ?? ''
  const nonce = context.flags.text('nonce') ?? ''
  if (given !== '' && nonce === '') {
    throw new CommandFailure('Missing nonce value: specify it via the -nonce flag')
  }
  if (given === '') context.print.success(`Operation nonce: ${nonce || knownNonce}`)
  const key =
    given === '-'
      ? await context.readStdin()
      : given === ''
        ? await context.ask('Unseal Key (will be hidden): ', 'Give the key with: - < FILE')
        : given
  return { key: key.trim(), nonce: nonce || knownNonce }
}

function showRootStatus(context: CommandContext, status: JsonObject): number {
  if (!context.print.isTable) return context.print.data(status)
  const otp = textMember(status, 'otp')
  const encoded = textMember(status, 'encoded_token')
  const person = textMember(status, 'pgp_fingerprint')
  if (otp !== '') {
    context.print.line(
      'Keep the value of OTP: it is shown this once, and the token is decoded with it.\n',
    )
  }
  return context.print.line(
    formatColumns([
      ['Nonce', textMember(status, 'nonce')],
      ['Started', String(member(status, 'started') === true)],
      ['Progress', `${numberMember(status, 'progress')}/${numberMember(status, 'required')}`],
      ['Complete', String(member(status, 'complete') === true)],
      ...(otp === '' ? [] : [['OTP', otp]]),
      ...(otp === '' ? [] : [['OTP Length', String(numberMember(status, 'otp_length'))]]),
      ...(person === '' ? [] : [['PGP Fingerprint', person]]),
      ...(encoded === '' ? [] : [['Encoded Token', encoded]]),
    ] as [string, string][]),
  )
}

function showRekeyStatus(context: CommandContext, status: JsonObject): number {
  if (!context.print.isTable) return context.print.data(status)
  const required = member(status, 'required') ?? member(status, 't') ?? 0
  return context.print.line(
    formatColumns([
      ['Nonce', textMember(status, 'nonce')],
      ['Started', String(member(status, 'started') === true)],
      ['Rekey Progress', `${numberMember(status, 'progress')}/${goText(required)}`],
      ['New Shares', String(numberMember(status, 'n'))],
      ['New Threshold', String(numberMember(status, 't'))],
      ['Verification Required', String(member(status, 'verification_required') === true)],
      ...(textMember(status, 'verification_nonce') === ''
        ? []
        : [['Verification Nonce', textMember(status, 'verification_nonce')]]),
    ] as [string, string][]),
  )
}

function showRekeyed(context: CommandContext, after: JsonObject, verifies: boolean): number {
  const { print } = context
  if (!print.isTable) return print.data(after)
  if (verifies) return print.line('The new keys are verified, and count from now on.')
  const keys = member(after, 'keys_base64')
  const shown = isJsonArray(keys) ? keys : []
  const people = member(after, 'pgp_fingerprints')
  for (const [place, key] of shown.entries()) {
    const person = isJsonArray(people) ? ` fingerprint: ${goText(people[place] ?? '')}; value` : ''
    print.line(`Key ${place + 1}${person}: ${goText(key)}`)
  }
  print.line(`\nOperation nonce: ${textMember(after, 'nonce')}\n`)
  const nonce = textMember(after, 'verification_nonce')
  return print.line(
    nonce === ''
      ? 'These are the unseal keys from now on; the earlier ones open nothing any more.'
      : `They do not count yet. Verification nonce: ${nonce}\nGive enough of them back with: operator rekey -verify -nonce=${nonce}`,
  )
}

/** No server is asked: whoever began can do this anywhere. */
function showDecoded(context: CommandContext, encoded: string, otp: string): number {
  if (otp === '') throw new CommandFailure('Missing otp: use -otp to supply it')
  const bytes = Buffer.from(encoded, 'base64')
  const pad = Buffer.from(otp)
  if (bytes.length === 0 || bytes.length !== pad.length) {
    throw new CommandFailure('Error decoding root token: the token and the otp differ in length')
  }
  const token = Buffer.from(bytes.map((byte, place) => byte ^ (pad[place] ?? 0))).toString()
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new CommandFailure('Error decoding root token: this is not the otp of that token')
  }
  return context.print.either(`Root token: ${token}`, { token })
}
