/**
 * Carries out a plan. Until the administrator's token has been seen to work, whatever ends the
 * command takes back what it has made: Ctrl-C and a refusal leave the server as it was.
 */

import { parseSecret, textMember } from '../../client/secret.ts'
import type { JsonObject } from '../../lib/json.ts'
import { chooseAddress } from '../connection.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure } from '../failure.ts'
import { parseTextValues } from '../key-values.ts'
import { loadLoginMethod } from '../login/methods.ts'
import { hasPolicy, type AdminPlan, type AdminSignIn } from './plan.ts'

const policyText = `# What administrators may do: all but what root alone may.
path "sys/*"  { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }
path "auth/*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }
path "+/*"    { capabilities = ["create", "read", "update", "patch", "delete", "list"] }
`

export interface MadeAdmin {
  readonly token: string
  /** What the token is, as the server says it. */
  readonly facts: JsonObject
}

/** Takes one thing back. */
type Undo = () => Promise<unknown>

/** Writes policy and role, gets the token and tries it. */
export async function makeAdmin(context: CommandContext, plan: AdminPlan): Promise<MadeAdmin> {
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
      context.send(
        { method: 'PUT', path: 'auth/token/revoke-self', token },
        { doing: 'Error revoking the token that was made' },
      ),
    )
    const facts = await provenFacts(context, token, plan.policy)
    requireUninterrupted()
    return { token, facts }
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
  await context.send(
    { method: 'PUT', path, body: { policy: policyText } },
    { doing: `Error writing the policy ${name}` },
  )
  undos.push(() =>
    context.send({ method: 'DELETE', path }, { doing: `Error taking back the policy ${name}` }),
  )
}

async function makeToken(context: CommandContext, { policy, ttl }: AdminPlan): Promise<string> {
  const secret = await context.fetch(
    {
      method: 'POST',
      path: 'auth/token/create-orphan',
      body: { policies: [policy], ttl, display_name: 'first-admin' },
    },
    { doing: 'Error making the token of the administrator' },
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
  await context.send(
    {
      method: 'PUT',
      path,
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
    },
    { doing: `Error writing the role ${role} of ${mount}/` },
  )
  undos.push(() =>
    context.send(
      { method: 'DELETE', path },
      { doing: `Error taking back the role ${role} of ${mount}/` },
    ),
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
