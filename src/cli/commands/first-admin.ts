/**
 * `operator first-admin`: from the root token of a new server to an administrator without it. The
 * root token is revoked last, and only when the administrator's own has been seen to work.
 */

import { isJsonArray, member } from '../../lib/json.ts'
import type { Command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'
import { flag } from '../flags.ts'
import { makeAdmin } from '../first-admin/carry-out.ts'
import { requireSound, usual, type AdminPlan } from '../first-admin/plan.ts'
import { mountOf } from '../login-mounts.ts'
import { formatColumns } from '../table.ts'
import { sessionRows } from './session.ts'

export const firstAdmin: Command = {
  description:
    'Makes the first administrator of a new server, with the root token: writes the policy, gets a token that has it, keeps that token, and revokes the root token. The token is made here, or comes from a sign-in of the person named with -subject through -mount, whose role is written first. At a terminal and without flags it asks step by step. Whatever ends it before the token works and is kept takes back what was written.',
  examples: [
    { title: 'With a token that lives for a week', line: 'operator first-admin' },
    {
      title: 'With a sign-in through the identity provider',
      line: 'operator first-admin -mount=oidc -subject=00u1gjhDORA5d7',
    },
  ],
  flags: [
    flag.text('policy', 'Name of the policy.', { defaultText: usual.policy }),
    flag.text('ttl', 'How long the token lives.', { defaultText: usual.ttl }),
    flag.text('mount', 'A mount of type oidc, set up already, to sign in through.'),
    flag.text('subject', 'The one person whom the role lets in: their sub at the provider.'),
    flag.text('claim', 'The claim that -subject is a value of, for instance oid at Entra ID.', {
      defaultText: usual.claim,
    }),
    flag.text('role', 'Name of the role for -mount.', { defaultText: usual.role }),
    flag.bool('keep-root', 'Do not revoke the root token.'),
    flag.bool(
      'interactive',
      'Ask step by step, also where the answers are lines of standard input.',
    ),
  ],
  args: [0, 10],
  async run(context) {
    const root = await requireRoot(context)
    const helper = await context.tokenHelper()
    await helper.requirePlace()
    const flagged = planOfFlags(context)
    const plan = isAsked(context) ? await askForPlan(context, flagged) : flagged
    await requireSound(context, plan)
    const facts = await makeAdmin(context, plan, helper)
    if (plan.revokesRoot) {
      await context.send('PUT', 'auth/token/revoke-self', 'Error revoking the root token', {
        token: root,
      })
    }
    context.print.line(formatColumns([...sessionRows(facts), ['token', `kept in ${helper.place}`]]))
    context.print.line(
      plan.revokesRoot
        ? '\nThe root token is revoked. Delete where it was kept.'
        : '\nThe root token lives on.',
    )
    const name = context.environment.variableName('TOKEN')
    if (context.environment.text('TOKEN') !== undefined) {
      context.print.line(`${name} is still set, and commands use it: unset ${name}`)
    }
    return exitCodes.ok
  },
}

function planOfFlags({ flags }: CommandContext): AdminPlan {
  const mount = mountOf(flags.text('mount') ?? '')
  const subject = flags.text('subject') ?? ''
  const isAsking = flags.bool('interactive')
  if ((mount === '') !== (subject === '') && !isAsking) {
    throw new CommandFailure('-mount and -subject belong together: who may sign in, and where')
  }
  const claim = flags.text('claim') ?? usual.claim
  const role = flags.text('role') ?? usual.role
  return {
    policy: flags.text('policy') ?? usual.policy,
    ttl: flags.text('ttl') ?? usual.ttl,
    signIn: mount === '' ? undefined : { mount, role, claim, subject },
    revokesRoot: !flags.bool('keep-root'),
  }
}

/** Flags are answers already: who gives some is asked only on request. */
function isAsked({ args, flags, isAttended }: CommandContext): boolean {
  const own = ['policy', 'ttl', 'mount', 'subject', 'claim', 'role', 'keep-root']
  if (flags.isSet('interactive')) return flags.bool('interactive')
  return isAttended && args.length === 0 && !own.some((name) => flags.isSet(name))
}

/** Loaded only where somebody is asked. */
async function askForPlan(context: CommandContext, flagged: AdminPlan): Promise<AdminPlan> {
  const questions = await import('../first-admin/questions.ts')
  return questions.askForPlan(context, flagged)
}

async function requireRoot(context: CommandContext): Promise<string> {
  const secret = await context.fetch(
    'GET',
    'auth/token/lookup-self',
    'Error looking up the token in use',
  )
  const policies = secret?.data === undefined ? undefined : member(secret.data, 'policies')
  if (isJsonArray(policies) && policies.includes('root')) return context.token()
  throw new CommandFailure(
    'The token in use is no root token. Use the one that "operator init" has printed, in VAULT_TOKEN or with login.',
  )
}
