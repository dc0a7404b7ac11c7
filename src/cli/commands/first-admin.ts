/**
 * `operator first-admin`: from the root token of a new server to an administrator without it. The
 * root token is revoked last, and only when the administrator's own has been seen to work.
 */

import { parseSecret, textMember } from '../../client/secret.ts'
import { isJsonArray, member, type JsonObject } from '../../lib/json.ts'
import type { Command } from '../command.ts'
import { chooseAddress } from '../connection.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { parseTextValues } from '../key-values.ts'
import { loadLoginMethod } from '../login/methods.ts'
import { formatColumns } from '../table.ts'
import { sessionRows } from './session.ts'

const policyText = `# What administrators may do: all but what root alone may.
path "sys/*"  { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }
path "auth/*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }
path "+/*"    { capabilities = ["create", "read", "update", "patch", "delete", "list"] }
`

export const firstAdmin: Command = {
  usage: '[options]',
  description:
    'Makes the first administrator of a new server, with the root token: writes the policy, gets a token that has it, keeps that token, and revokes the root token. The token is made here, or comes from a sign-in of the person named with -subject through -mount, whose role is written first.',
  examples: [
    { title: 'With a token that lives for a week', line: 'operator first-admin' },
    {
      title: 'With a sign-in through the identity provider',
      line: 'operator first-admin -mount=oidc -subject=00u1gjhDORA5d7',
    },
  ],
  flags: [
    { name: 'policy', kind: 'text', defaultText: 'admin', help: 'Name of the policy.' },
    { name: 'ttl', kind: 'text', defaultText: '168h', help: 'How long the token lives.' },
    {
      name: 'mount',
      kind: 'text',
      help: 'A mount of type oidc, set up already, to sign in through.',
    },
    {
      name: 'subject',
      kind: 'text',
      help: 'The one person whom the role lets in: their sub at the provider.',
    },
    { name: 'role', kind: 'text', defaultText: 'admins', help: 'Name of the role for -mount.' },
    { name: 'keep-root', kind: 'bool', help: 'Do not revoke the root token.' },
  ],
  kind: 'remote',
  output: 'none',
  argsMin: 0,
  argsMax: 10,
  async run(context) {
    const root = await requireRoot(context)
    const mount = (context.flags.text('mount') ?? '').replace(/^auth\/|\/$/g, '')
    const subject = context.flags.text('subject') ?? ''
    if ((mount === '') !== (subject === '')) {
      throw new CommandFailure('-mount and -subject belong together: who may sign in, and where')
    }
    const policy = context.flags.text('policy') ?? 'admin'
    await writePolicy(context, policy)
    const token =
      mount === ''
        ? await makeToken(context, policy)
        : await signIn(context, { mount, subject, policy })
    const facts = await provenFacts(context, token, policy)
    const helper = await context.tokenHelper()
    await helper.store(token)
    const isKept = context.flags.bool('keep-root')
    if (!isKept) {
      await context.send(
        { method: 'PUT', path: 'auth/token/revoke-self', token: root },
        { doing: 'Error revoking the root token' },
      )
    }
    context.print.line(formatColumns([...sessionRows(facts), ['token', `kept in ${helper.place}`]]))
    context.print.line(
      isKept
        ? '\nThe root token lives on.'
        : '\nThe root token is revoked. Delete where it was kept.',
    )
    const name = context.environment.variableName('TOKEN')
    if (context.environment.text('TOKEN') !== undefined) {
      context.print.line(`${name} is still set, and commands use it: unset ${name}`)
    }
    return exitCodes.ok
  },
}

async function requireRoot(context: CommandContext): Promise<string> {
  const secret = await context.fetch(
    { method: 'GET', path: 'auth/token/lookup-self' },
    { doing: 'Error looking up the token in use' },
  )
  const policies = secret?.data === undefined ? undefined : member(secret.data, 'policies')
  if (isJsonArray(policies) && policies.includes('root')) return context.token()
  throw new CommandFailure(
    'The token in use is no root token. Use the one that "operator init" has printed, in VAULT_TOKEN or with login.',
  )
}

/** A policy of that name that is there already is the operator's own, and stays. */
async function writePolicy(context: CommandContext, name: string): Promise<void> {
  const path = `sys/policies/acl/${name}`
  const there = await context.send(
    { method: 'GET', path },
    { doing: `Error reading the policy ${name}`, accept: [404] },
  )
  if (there.status === 200) return
  await context.send(
    { method: 'PUT', path, body: { policy: policyText } },
    { doing: `Error writing the policy ${name}` },
  )
}

async function makeToken(context: CommandContext, policy: string): Promise<string> {
  const secret = await context.fetch(
    {
      method: 'POST',
      path: 'auth/token/create-orphan',
      body: {
        policies: [policy],
        ttl: context.flags.text('ttl') ?? '168h',
        display_name: 'first-admin',
      },
    },
    { doing: 'Error making the token of the administrator' },
  )
  return textMember(secret?.auth ?? {}, 'client_token')
}

async function signIn(
  context: CommandContext,
  {
    mount,
    subject,
    policy,
  }: { readonly mount: string; readonly subject: string; readonly policy: string },
): Promise<string> {
  const role = context.flags.text('role') ?? 'admins'
  const words = await parseTextValues(context.args, context)
  const port = words.get('port') ?? '8250'
  const address = chooseAddress(context.flags, context.environment)
  await context.send(
    {
      method: 'PUT',
      path: `auth/${mount}/role/${role}`,
      body: {
        role_type: 'oidc',
        user_claim: 'sub',
        bound_subject: subject,
        allowed_redirect_uris: [
          `http://localhost:${port}/oidc/callback`,
          `${address}/ui/vault/auth/${mount}/oidc/callback`,
        ],
        token_policies: [policy],
        token_ttl: context.flags.text('ttl') ?? '168h',
      },
    },
    { doing: `Error writing the role ${role} of ${mount}/` },
  )
  const method = await loadLoginMethod('oidc', context.programName)
  const secret = await method.authenticate({
    context,
    mount,
    words: new Map([...words, ['role', role]]),
    positional: undefined,
  })
  return textMember(secret.auth ?? {}, 'client_token')
}

/** What the new token is; it has to do what the root token did, before that one may go. */
async function provenFacts(
  context: CommandContext,
  token: string,
  policy: string,
): Promise<JsonObject> {
  const doing = 'The new token does not work, so the root token stays'
  await context.send({ method: 'GET', path: `sys/policies/acl/${policy}`, token }, { doing })
  const answer = await context.send(
    { method: 'GET', path: 'auth/token/lookup-self', token },
    { doing },
  )
  return parseSecret(answer)?.data ?? {}
}
