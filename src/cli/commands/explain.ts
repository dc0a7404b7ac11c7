/** `explain`: why a login would be accepted or refused, check by check (explain.md §3, §7). */

import {
  encodeJson,
  isJsonObject,
  member,
  type JsonObject,
  type JsonValue,
} from '../../lib/json.ts'
import { objectOf, objectsMember } from '../../client/secret.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import { folded } from '../folded-lines.ts'
import { goTextMember } from '../go-text.ts'

/** The login would be refused. */
const refused = 3
/** Before the values of a failure and after the numbers of checks. */
const indent = 10

export const explain: Command = {
  usage: '[options] [JWT | - | @FILE]',
  description:
    'Shows why a login with that token would be accepted or refused, check by check. Nothing is logged in and no token is made. The exit code is 0 for a login that would be accepted, 3 for one that would be refused, and 2 when it could not be judged.',
  examples: [
    { title: 'A token from a file', line: 'explain -mount=jwt -role=deploy @token.jwt' },
    { title: 'Which role would take it', line: 'explain -all-roles @token.jwt' },
    { title: 'Claims alone', line: 'explain -role=deploy -claims=@claims.json' },
  ],
  flags: [
    flag.text('mount', 'The auth mount. Default: the only one there is.'),
    flag.text('role', "The role. Default: the mount's default role."),
    flag.bool('all-roles', 'Judge every role of the mount.'),
    flag.text('at', 'As of that time: RFC 3339 or seconds since 1970.'),
    flag.text('kind', 'As a login of that kind, jwt or oidc.'),
    flag.text('source-address', 'As if called from that address.'),
    flag.text('claims', 'Claims in place of a token: JSON, @FILE or -.'),
    flag.text('id', 'A login of the past, by its request id.'),
    flag.bool('last', 'The last login that was refused.'),
  ],
  output: 'field',
  args: [0, 1],
  async run(context) {
    const body = await question(context)
    const secret = await context.fetch('POST', 'sys/explain/login', 'Error explaining the login', {
      body,
    })
    const { data } = secret ?? {}
    if (secret === undefined || data === undefined) {
      throw new CommandFailure('the server explained nothing', exitCodes.remote)
    }
    const field = context.flags.text('field') ?? ''
    if (field !== '' || !context.print.isTable) context.show(secret)
    else for (const line of drawn(data)) context.print.line(line)
    if (member(data, 'decision') === 'accept') return exitCodes.ok
    const title = `Login refused: ${goTextMember(data, 'reason')}`
    context.print.annotate(title, goTextMember(data, 'sentence'))
    return refused
  },
}

async function question(context: CommandContext): Promise<JsonObject> {
  const { flags } = context
  const fields: [string, JsonValue][] = []
  for (const name of ['mount', 'role', 'at', 'kind', 'id'] as const) {
    const text = flags.text(name) ?? ''
    if (text !== '') fields.push([name, text])
  }
  const address = flags.text('source-address') ?? ''
  if (address !== '') fields.push(['source_address', address])
  if (flags.bool('all-roles')) fields.push(['all_roles', true])
  if (flags.bool('last')) fields.push(['id', await lastRefused(context)])
  const claims = flags.text('claims') ?? ''
  if (claims !== '') fields.push(['claims', await textOf(context, claims)])
  const [word] = context.args
  if (word !== undefined) fields.push(['jwt', (await textOf(context, word)).trim()])
  const given = fields.filter(([name]) => name === 'jwt' || name === 'claims' || name === 'id')
  if (given.length === 1) return objectOf(fields)
  throw new CommandFailure('give a token, -claims, -id or -last: exactly one of them')
}

async function lastRefused(context: CommandContext): Promise<string> {
  const { flags } = context
  const query: (readonly [string, string])[] = [
    ['decision', 'refused'],
    ['limit', '1'],
  ]
  for (const name of ['mount', 'role'] as const) {
    const text = flags.text(name) ?? ''
    if (text !== '') query.push([name, text])
  }
  const secret = await context.fetch('GET', 'sys/logins', 'Error reading sys/logins', {
    query,
    preflight: true,
  })
  const [last] = objectsMember(secret?.data ?? {}, 'logins')
  const id = goTextMember(last, 'request_id')
  if (id === '') throw new CommandFailure('no refused login is kept', exitCodes.remote)
  return id
}

/** A word as it is, what a file holds, or standard input. */
async function textOf(context: CommandContext, word: string): Promise<string> {
  if (word === '-') return context.readStdin()
  if (!word.startsWith('@')) return word
  const text = await context.readFile(word.slice(1))
  if (text === undefined) throw new CommandFailure(`cannot read the file ${word.slice(1)}`)
  return text
}

// ---------------------------------------------------------------- what is shown

/** The whole explanation in lines; also what the demo shows of a refusal. */
export function drawn(data: JsonObject): readonly string[] {
  const checks = objectsMember(data, 'checks')
  const failed = checks.filter((check) => goTextMember(check, 'status') === 'fail')
  return [
    ...headline(data, checks, failed),
    ...failed.flatMap((check) => ['', ...failure(check)]),
    ...fixes(data),
    '',
    ...rows(checks),
    ...outcome(data),
    ...roles(data),
  ]
}

function headline(
  data: JsonObject,
  checks: readonly JsonObject[],
  [first, ...others]: readonly JsonObject[],
): readonly string[] {
  const facts = ['mount', 'role', 'issuer', 'key_id']
    .map((name) => [name.replace('_id', ''), goTextMember(data, name)] as const)
    .filter(([, text]) => text !== '')
    .map(([name, text]) => `${name} ${text}`)
  const verdict =
    first === undefined
      ? 'This login would be accepted.'
      : `This login would be refused at check ${goTextMember(first, 'n')} of ${checks.length}: ${goTextMember(first, 'title')}.`
  const more = others.length === 0 ? [] : [`${others.length} more would refuse it as well.`]
  return [verdict, ...more, facts.join(' · ')]
}

function failure(check: JsonObject): readonly string[] {
  const value = (name: string, label: string): readonly string[] => {
    const found = member(check, name)
    return found === undefined ? [] : labelled(label, shown(found))
  }
  // In quotes what is a text: "true" and true are two values.
  const json = (name: string, label: string): readonly string[] => {
    const found = member(check, name)
    return found === undefined ? [] : labelled(label, encodeJson(found))
  }
  return [
    `${goTextMember(check, 'n')}. ${goTextMember(check, 'title')}: ${goTextMember(check, 'reason')}`,
    ...value('claim', 'claim'),
    ...json('got', 'got'),
    ...json('expected', 'expected'),
    ...value('note', 'note'),
    ...value('compatible_error', 'said'),
    ...value('spec', 'spec'),
  ]
}

function fixes(data: JsonObject): readonly string[] {
  return objectsMember(data, 'fix').flatMap((fix) => {
    const patch = member(fix, 'patch')
    return [
      ...labelled('fix', goTextMember(fix, 'text')),
      ...(patch === undefined ? [] : labelled('', shown(patch))),
    ]
  })
}

const marks: Readonly<Record<string, string>> = {
  pass: 'ok',
  skipped: 'not used',
  fail: 'REFUSED',
  unverified: 'unproven',
}

/** Neighbours with one status share a row. */
function rows(checks: readonly JsonObject[]): readonly string[] {
  const lines: string[] = []
  for (let at = 0; at < checks.length;) {
    const status = goTextMember(checks[at], 'status')
    let end = at + 1
    if (status !== 'fail') {
      while (end < checks.length && goTextMember(checks[end], 'status') === status) end++
    }
    const run = checks.slice(at, end)
    const first = goTextMember(run[0], 'n')
    const last = goTextMember(run.at(-1), 'n')
    const numbers = first === last ? first : `${first}-${last}`
    const titles = run.map((check) => goTextMember(check, 'title')).join(', ')
    const head = `${numbers.padEnd(6)}${(marks[status] ?? status).padEnd(10)}`
    lines.push(...folded(head, titles))
    at = end
  }
  return lines
}

function outcome(data: JsonObject): readonly string[] {
  const made = member(data, 'outcome')
  if (!isJsonObject(made)) return []
  const begins = goTextMember(data, 'decision') === 'accept' ? 'It gives' : 'Mended, it would give'
  const policies = member(made, 'policies')
  const names = policies === undefined ? '' : shown(policies)
  const ttl = goTextMember(made, 'ttl')
  return ['', `${begins} ${goTextMember(made, 'display_name')}: policies ${names}, ${ttl} s.`]
}

function roles(data: JsonObject): readonly string[] {
  const all = objectsMember(data, 'roles')
  if (all.length === 0) return []
  const lines = all.map((role) => {
    const reason = goTextMember(role, 'reason')
    return `  ${goTextMember(role, 'role')}: ${reason === '' ? 'would accept' : reason}`
  })
  return ['', 'All roles:', ...lines]
}

function labelled(label: string, text: string): readonly string[] {
  return folded(label.padStart(indent - 2).padEnd(indent), text)
}

function shown(value: JsonValue): string {
  return typeof value === 'string' ? value : encodeJson(value)
}
