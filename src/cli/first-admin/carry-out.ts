/**
 * Carries out a plan. Until the administrator's token has been seen to work and is kept, whatever
 * ends the command takes back what it has made: Ctrl-C and a refusal leave the server as it was.
 */

import { parseSecret, textMember } from '../../client/secret.ts'
import { isJsonArray, member, type JsonObject } from '../../lib/json.ts'
import { chooseAddress } from '../connection.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { parseTextValues } from '../key-values.ts'
import { loadLoginMethod } from '../login/methods.ts'
import type { TokenHelper } from '../token-helper.ts'
import { hasPolicy, type AdminPlan, type AdminSignIn } from './plan.ts'

const policyText = `# What administrators may do: all but what root alone may.
path "sys/*"  { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }
path "auth/*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }
path "+/*"    { capabilities = ["create", "read", "update", "patch", "delete", "list"] }
`

/** Who may do this can give themselves and others all the rest. */
const rightsNeeded = ['create', 'update', 'sudo']
const placesNeeded = ['sys/policies/acl/x', 'sys/auth/x', 'auth/token/create']

const tokenFails = 'The new token does not work, so the root token stays'

/** Takes one thing back. */
type Undo = () => Promise<unknown>

/** Writes policy and role; gets, tries and keeps the token. What it is, as the server says it. */
export async function makeAdmin(
  context: CommandContext,
  plan: AdminPlan,
  helper: TokenHelper,
): Promise<JsonObject> {
  const undos: Undo[] = []
  let isInterrupted = false
  const forget = context.onInterrupt(() => {
    isInterrupted = true
  })
  const requireUninterrupted = (): void => {
    if (isInterrupted) throw new CommandFailure('interrupted')
  }
  try {
    await writePolicy(context, plan.policy, undos)
    requireUninterrupted()
    const token = await (plan.signIn === undefined
      ? makeToken(context, plan)
      : signIn(context, plan, plan.signIn, undos))
    undos.push(() =>
      context.send('PUT', 'auth/token/revoke', 'Error revoking the token that was made', {
        body: { token },
      }),
    )
    const facts = await provenFacts(context, token, plan)
    requireUninterrupted()
    await helper.store(token)
    return facts
  } catch (cause) {
    await takeBack(context, undos)
    throw cause
  } finally {
    forget()
  }
}

/** The last thing that was made goes first. What cannot be taken back is named. */
async function takeBack(context: CommandContext, undos: readonly Undo[]): Promise<void> {
  for (const undo of undos.toReversed()) {
    try {
      await undo()
    } catch (cause) {
      context.print.warn(cause instanceof Error ? cause.message : String(cause))
    }
  }
}

/** A policy of that name that is there already is the operator's own, and stays. */
async function writePolicy(context: CommandContext, name: string, undos: Undo[]): Promise<void> {
  const path = `sys/policies/acl/${name}`
  if (await hasPolicy(context, name)) return
  await context.send('PUT', path, `Error writing the policy ${name}`, {
    body: { policy: policyText },
  })
  undos.push(() => context.send('DELETE', path, `Error taking back the policy ${name}`))
}

async function makeToken(context: CommandContext, { policy, ttl }: AdminPlan): Promise<string> {
  const secret = await context.fetch(
    'POST',
    'auth/token/create-orphan',
    'Error making the token of the administrator',
    { body: { policies: [policy], ttl, display_name: 'first-admin' } },
  )
  return textMember(secret?.auth ?? {}, 'client_token')
}

async function signIn(
  context: CommandContext,
  { policy, ttl }: AdminPlan,
  { mount, role, claim, subject }: AdminSignIn,
  undos: Undo[],
): Promise<string> {
  const words = await parseTextValues(context.args, context)
  const port = words.get('port') ?? '8250'
  const address = chooseAddress(context.flags, context.environment)
  const path = `auth/${mount}/role/${role}`
  await context.send('PUT', path, `Error writing the role ${role} of ${mount}/`, {
    body: {
      role_type: 'oidc',
      user_claim: claim,
      ...(claim === 'sub' ? { bound_subject: subject } : { bound_claims: { [claim]: subject } }),
      allowed_redirect_uris: [
        `http://localhost:${port}/oidc/callback`,
        `${address}/ui/vault/auth/${mount}/oidc/callback`,
      ],
      token_policies: [policy],
      token_ttl: ttl,
    },
  })
  undos.push(() => context.send('DELETE', path, `Error taking back the role ${role} of ${mount}/`))
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
  plan: AdminPlan,
): Promise<JsonObject> {
  await requireRights(context, token, plan.policy)
  const answer = await context.send('GET', 'auth/token/lookup-self', tokenFails, { token })
  const facts = parseSecret(answer)?.data ?? {}
  const namespace = textMember(facts, 'namespace_path')
  if (namespace === '' || !plan.revokesRoot) return facts
  throw new CommandFailure(
    `The root token stays, since the new one is for the namespace ${namespace} alone: add -keep-root for an administrator there, or leave out the namespace.`,
  )
}

async function requireRights(
  context: CommandContext,
  token: string,
  policy: string,
): Promise<void> {
  const answer = await context.send('POST', 'sys/capabilities-self', tokenFails, {
    token,
    body: { paths: placesNeeded },
  })
  const rights = parseSecret(answer)?.data ?? {}
  for (const place of placesNeeded) {
    const given = member(rights, place)
    const lacking = rightsNeeded.filter((right) => !isJsonArray(given) || !given.includes(right))
    if (lacking.length === 0) continue
    throw new CommandFailure(
      `The root token stays, since the new one could not do its work: the policy ${policy} gives it no ${listed(lacking)} on ${place}. "${context.programName} operator first-admin -policy=NAME" with a name that is new writes a policy that does.`,
      exitCodes.remote,
    )
  }
}

function listed(words: readonly string[]): string {
  return words.join(', ').replace(/, (?=[^,]*$)/u, ' and ')
}
