/**
 * What `operator first-admin` is to do, and what has to hold before it: each check answers a
 * sentence, or nothing when all is well. They read and never write.
 */

import { parseSecret, textMember } from '../../client/secret.ts'
import { parseDurationMs } from '../../lib/duration.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure } from '../failure.ts'

/** How the administrator signs in. */
export interface AdminSignIn {
  readonly mount: string
  readonly role: string
  /** The claim that says who somebody is, and its value for the one person who is let in. */
  readonly claim: string
  readonly subject: string
}

export interface AdminPlan {
  readonly policy: string
  readonly ttl: string
  /** Without it the token is made here. */
  readonly signIn: AdminSignIn | undefined
  readonly revokesRoot: boolean
}

export const usual = { policy: 'admin', ttl: '168h', role: 'admins', claim: 'sub' } as const

export async function hasPolicy(context: CommandContext, name: string): Promise<boolean> {
  return isThere(context, `sys/policies/acl/${name}`, `Error reading the policy ${name}`)
}

export function policyProblem(name: string): string | undefined {
  if (!isName(name)) return nameSentence('policy', name)
  return name === 'root' || name === 'default'
    ? `The policy ${name} is the server's own: an administrator gets another one.`
    : undefined
}

export function ttlProblem(text: string): string | undefined {
  const ms = parseDurationMs(text)
  return ms === undefined || ms < 1000
    ? `${JSON.stringify(text)} is no lifetime: 8h, 7d or 3600 is.`
    : undefined
}

/** The mount is there, and has a client at a provider. */
export async function mountProblem(
  context: CommandContext,
  mount: string,
): Promise<string | undefined> {
  if (!isName(mount)) return nameSentence('mount', mount)
  const path = `auth/${mount}/config`
  const doing = `Error reading the configuration of ${mount}/`
  // Without a configuration there is nothing to read, or fields without a value.
  const answer = await context.send('GET', path, doing, { accept: [400, 404, 405] })
  const config = answer.status === 200 ? parseSecret(answer)?.data : undefined
  if (config !== undefined && textMember(config, 'oidc_client_id') !== '') return undefined
  const { programName } = context
  return `${mount}/ is no mount that people sign in through: it is not there, or has no client at a provider. "${programName} auth list" shows the mounts; "${programName} write auth/${mount}/config oidc_discovery_url=URL oidc_client_id=ID oidc_client_secret=@FILE" gives it one.`
}

export async function roleProblem(
  context: CommandContext,
  mount: string,
  role: string,
): Promise<string | undefined> {
  if (!isName(role)) return nameSentence('role', role)
  const path = `auth/${mount}/role/${role}`
  return (await isThere(context, path, `Error reading the role ${role} of ${mount}/`))
    ? `${mount}/ has a role ${role} already, and it is not overwritten: choose another name.`
    : undefined
}

export function subjectProblem(text: string): string | undefined {
  return text === ''
    ? 'Without a value anybody at the provider would be an administrator.'
    : undefined
}

/** All checks of a plan: the first that does not hold ends the command, and nothing is written. */
export async function requireSound(context: CommandContext, plan: AdminPlan): Promise<void> {
  const { signIn } = plan
  const problem =
    policyProblem(plan.policy) ??
    ttlProblem(plan.ttl) ??
    (signIn === undefined
      ? undefined
      : (subjectProblem(signIn.subject) ??
        (await mountProblem(context, signIn.mount)) ??
        (await roleProblem(context, signIn.mount, signIn.role))))
  if (problem !== undefined) throw new CommandFailure(problem)
}

async function isThere(context: CommandContext, path: string, doing: string): Promise<boolean> {
  const { status } = await context.send('GET', path, doing, { accept: [404] })
  return status === 200
}

function isName(text: string): boolean {
  return /^[\w.-]+(?:\/[\w.-]+)*$/u.test(text)
}

function nameSentence(what: string, text: string): string {
  return `${JSON.stringify(text)} is no name of a ${what}: letters, digits, ".", "_" and "-" make one.`
}
