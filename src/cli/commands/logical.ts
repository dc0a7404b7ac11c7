/** The raw commands: read, write, patch, delete and list any path. */

import { listKeys, numberMember, textMember, type Secret } from '../../client/secret.ts'
import {
  isJsonArray,
  isJsonObject,
  member,
  type JsonObject,
  type JsonValue,
} from '../../lib/json.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import { goText } from '../go-text.ts'

const many = 10_000

export const read: Command = {
  usage: '[options] PATH [K=V...]',
  description:
    'Reads the data at a path. K=V words become query parameters.\nWithout anything there, the exit code is 2.',
  examples: [
    { title: 'Read the rules of a role', line: 'read auth/jwt/role/ci' },
    { title: 'One field, for a script', line: 'read -field=accessor sys/auth/jwt' },
  ],
  output: 'field',
  args: [1, many],
  async run(context) {
    const path = context.path(0)
    const query = queryOf(await context.keyValues(context.args.slice(1)))
    const doing = `Error reading ${path}`
    if (context.print.format === 'raw') {
      const response = await context.send('GET', path, doing, { query, accept: [404] })
      if (response.status === 404) return context.nothingFound(path)
      return context.print.bare(response.text)
    }
    const secret = await context.read('GET', path, doing, { query })
    if (secret === undefined) return context.nothingFound(path)
    const found = /^auth\/.+\/lint$/.test(path) ? lintText(secret) : undefined
    if (found === undefined || !context.print.isTable) return context.show(secret)
    if ((context.flags.text('field') ?? '') !== '') return context.show(secret)
    return context.print.line(found)
  },
}

/** Our own answer, so no client reads it as Go writes lists; undefined for another server's. */
function lintText({ data }: Secret): string | undefined {
  const lints = data === undefined ? undefined : member(data, 'lints')
  if (data === undefined || !isJsonArray(lints)) return undefined
  const count = numberMember(data, 'roles_judged')
  const judged = `${count} ${count === 1 ? 'role' : 'roles'} judged`
  if (lints.length === 0) return `Nothing to say: ${judged}.`
  // The text begins with the code, as it does in the warning of a write.
  const lines = lints
    .filter(isJsonObject)
    .map((one) => `${textMember(one, 'role')}\n  ${textMember(one, 'text')}`)
  return [...lines, `${judged}.`].join('\n')
}

export const write: Command = {
  usage: '[options] PATH [DATA K=V...]',
  description:
    'Writes data to a path. A value may be @file (its content as it is), - (standard input) or text; a word that is @file or - alone is a JSON object whose members are sent. Use @file or - for secrets: words of the command line are seen by other users of the machine.',
  examples: [
    { title: 'Trade a JWT for a token', line: 'write auth/jwt/login role=ci jwt=@token.jwt' },
    { title: 'Send a JSON object', line: 'write auth/jwt/role/ci - < role.json' },
  ],
  flags: [flag.bool('force', 'Write although there is no data.', { aliases: ['f'] })],
  output: 'field',
  args: [1, many],
  async run(context) {
    const body = await requestBody(context)
    return sendData(context, 'PUT', body)
  },
}

export const patch: Command = {
  usage: '[options] PATH [DATA K=V...]',
  description:
    'Changes the named fields of what is at a path and leaves the others (RFC 7396). Data is given as for write.',
  examples: [
    { title: 'Change one field', line: 'patch secret/data/app data=@change.json' },
    { title: 'Send a JSON object', line: 'patch identity/entity/name/alice - < change.json' },
  ],
  flags: [flag.bool('force', 'Send although there is no data.', { aliases: ['f'] })],
  output: 'field',
  args: [1, many],
  async run(context) {
    const body = await requestBody(context)
    return sendData(context, 'PATCH', body)
  },
}

export const remove: Command = {
  usage: '[options] PATH [K=V...]',
  description:
    'Deletes what is at a path; nothing there is no error. K=V words become query parameters.',
  examples: [
    { title: 'Delete a role', line: 'delete auth/jwt/role/ci' },
    { title: 'Delete a secret of a version 1 store', line: 'delete kv/app' },
  ],
  output: 'field',
  args: [1, many],
  async run(context) {
    const path = context.path(0)
    const query = queryOf(await context.keyValues(context.args.slice(1)))
    const secret = await context.fetch('DELETE', path, `Error deleting ${path}`, { query })
    if (secret !== undefined) return context.show(secret)
    return context.print.success(`Success! Data deleted (if it existed) at: ${path}`)
  },
}

export const list: Command = {
  usage: '[options] PATH',
  description: 'Lists the names below a path. Without any, the exit code is 2.',
  examples: [
    { title: 'List the roles of a mount', line: 'list auth/jwt/role' },
    { title: 'As a JSON array', line: 'list -format=json auth/jwt/role' },
  ],
  output: 'format',
  args: [1, 1],
  run(context) {
    return listPath(context, context.path(0))
  },
}

/** Sends a list request and prints the names; shared with the kv commands. */
export async function listPath(
  context: CommandContext,
  path: string,
  by: 'list' | 'scan' = 'list',
): Promise<number> {
  const secret = await context.read('GET', path, `Error listing ${path}`, { query: [[by, 'true']] })
  if (secret?.wrapInfo !== undefined) return context.show(secret)
  if (listKeys(secret) === undefined && !context.print.isTable) {
    // Scripts that pipe the output get an empty object, and the exit code says the rest.
    context.print.data({})
    return exitCodes.remote
  }
  if (secret === undefined) return context.nothingFound(path)
  if (secret.data === undefined) return context.show(secret)
  if (listKeys(secret) === undefined) {
    context.print.error(`No entries found at ${path}`)
    return exitCodes.remote
  }
  return context.print.list(secret)
}

async function requestBody(context: CommandContext): Promise<JsonObject | undefined> {
  const words = context.args.slice(1)
  if (words.length > 0) return context.keyValues(words)
  if (!context.flags.bool('force')) throw new CommandFailure('Must supply data or use -force')
  return undefined
}

async function sendData(
  context: CommandContext,
  method: 'PUT' | 'PATCH',
  body: JsonObject | undefined,
): Promise<number> {
  const path = context.path(0)
  const doing = `Error writing data to ${path}`
  const secret = await context.fetch(method, path, doing, body === undefined ? {} : { body })
  if (secret !== undefined) {
    const code = context.show(secret)
    const empty = [secret.data, secret.auth, secret.wrapInfo].every((part) => part === undefined)
    // Warnings alone must not look as if nothing had been written.
    if (code !== exitCodes.ok || !empty) return code
  }
  return context.print.success(`Success! Data written to: ${path}`)
}

export function queryOf(data: JsonObject): [string, string][] {
  return Object.entries(data).flatMap(([name, value]) =>
    isJsonArray(value)
      ? value.map((item): [string, string] => [name, queryText(item)])
      : [[name, queryText(value)] as [string, string]],
  )
}

function queryText(value: JsonValue): string {
  if (isJsonObject(value)) throw new CommandFailure('A query parameter cannot be an object')
  return goText(value)
}
