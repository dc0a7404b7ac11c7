/** `whoami` and `logout`: the login that the commands of this person go out with. */

import { numberMember, objectMember, objectOf, textMember } from '../../client/secret.ts'
import { isJsonArray, isJsonObject, member, type JsonObject } from '../../lib/json.ts'
import { explainedPolicies, groupText } from '../../lib/policy-reason.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import { goSeconds, goText } from '../go-text.ts'
import { formatColumns } from '../table.ts'

const lookupPath = 'auth/token/lookup-self'

export const whoami: Command = {
  description:
    'Prints whose token the other commands use: name, role, groups, end, why each policy is there, and where the token comes from. The token itself is not printed.',
  examples: [
    { title: 'Who am I', line: 'whoami' },
    { title: 'One field, for a script', line: 'whoami -field=display_name' },
  ],
  output: 'field',
  async run(context) {
    const secret = await context.fetch('GET', lookupPath, 'Error looking up the token in use')
    if (secret?.data === undefined) return context.nothingFound(lookupPath)
    const field = context.flags.text('field') ?? ''
    if (field !== '' || !context.print.isTable) return context.show(secret)
    const rights = await rightsOf(context)
    const groups = member(rights, 'groups')
    const rows = [
      ...sessionRows(secret.data),
      ...(isJsonArray(groups) ? groups.map((group) => ['group', groupText(group)]) : []),
      ['token from', await context.tokenOrigin()],
    ]
    context.print.line(formatColumns(rows))
    const policies = explainedPolicies(member(rights, 'policies'))
    if (policies.length > 0) {
      context.print.line('\nWhy each policy is there')
      context.print.line(
        formatColumns(policies.map(({ name, because }) => [name, because.join('; ')])),
      )
    }
    return exitCodes.ok
  },
}

/** Groups and the origins of policies; nothing from a server that does not tell them. */
async function rightsOf(context: CommandContext): Promise<JsonObject> {
  const { status, json } = await context.send(
    'GET',
    'sys/internal/ui/whoami',
    'Error looking up the rights of the token',
    { accept: [403, 404, 405] },
  )
  const data = status === 200 && isJsonObject(json) ? objectMember(json, 'data') : undefined
  return data ?? objectOf([])
}

/** The facts of a token that say whose it is and how far it reaches. */
export function sessionRows(token: JsonObject): string[][] {
  const metadata = objectMember(token, 'meta') ?? objectOf([])
  const ttl = numberMember(token, 'ttl')
  const renewable = member(token, 'renewable') === true ? ', renewable' : ''
  const expires = textMember(token, 'expire_time')
  const end = ttl === 0 ? 'never' : `in ${goSeconds(ttl)}${expires === '' ? '' : `, ${expires}`}`
  const { role, ...others } = metadata
  const name = textMember(token, 'display_name')
  return [
    ...(name === '' ? [] : [['name', name]]),
    ...(role === undefined ? [] : [['role', goText(role)]]),
    ...Object.entries(others).map(([name, value]) => [name, goText(value)]),
    ['entity', textMember(token, 'entity_id')],
    ['policies', policiesOf(token).join(', ')],
    ['ends', `${end}${renewable}`],
  ]
}

function policiesOf(token: JsonObject): readonly string[] {
  const all = ['policies', 'identity_policies'].flatMap((name) => {
    const list = member(token, name)
    return Array.isArray(list) ? list.map(goText) : []
  })
  return [...new Set(all)]
}

export const logout: Command = {
  description:
    'Revokes the token that "login" kept, and forgets it. A token of the environment is neither used nor revoked.',
  examples: [
    { title: 'Log out', line: 'logout' },
    { title: 'Forget the token here and leave it alive', line: 'logout -keep-token' },
  ],
  flags: [flag.bool('keep-token', 'Do not revoke it: it is only forgotten here.')],
  async run(context) {
    const helper = await context.tokenHelper()
    const token = await helper.get()
    if (token === '') {
      context.print.success(`There is no token in ${helper.place}.`)
    } else {
      const isRevoked = context.flags.bool('keep-token') || (await revoke(context, token))
      await helper.erase()
      context.print.success(
        isRevoked
          ? `Logged out: the token is gone from ${helper.place}.`
          : `The token is gone from ${helper.place}; it was dead already.`,
      )
    }
    const variable = context.environment.text('TOKEN') === undefined ? '' : 'TOKEN'
    const name = variable === '' ? undefined : context.environment.variableName(variable)
    if (name !== undefined) context.print.warn(`${name} is still set, and commands use it.`)
    return exitCodes.ok
  },
}

/** False when the server does not know the token any more, which is what was wanted. */
async function revoke(context: CommandContext, token: string): Promise<boolean> {
  const response = await context.send(
    'PUT',
    'auth/token/revoke-self',
    'Error revoking the token; "logout -keep-token" only forgets it',
    { token, accept: [403] },
  )
  return response.status !== 403
}
