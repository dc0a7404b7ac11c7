/** `operator first-admin` step by step: each answer is checked at once, and nothing is written. */

import { isJsonObject } from '../../lib/json.ts'
import { parseSecret } from '../../client/secret.ts'
import type { EnteredLines } from '../../platform/terminal.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure } from '../failure.ts'
import { goTextMember } from '../go-text.ts'
import { mountOf } from '../login-mounts.ts'
import { formatColumns } from '../table.ts'
import {
  hasPolicy,
  mountProblem,
  policyProblem,
  roleProblem,
  subjectProblem,
  ttlProblem,
  type AdminPlan,
  type AdminSignIn,
} from './plan.ts'

const attemptsMax = 10
const nothingChanged = 'Nothing was changed.'

interface Question {
  readonly text: string
  /** What Enter alone means; without it an answer is wanted. */
  readonly usual?: string | undefined
  readonly problem: (answer: string) => Promise<string | undefined> | string | undefined
}

/** The plan that was agreed to, from a first one that gives the usual answers. */
export async function askForPlan(context: CommandContext, usual: AdminPlan): Promise<AdminPlan> {
  const desk = new Desk(context)
  try {
    context.print.error(
      'The first administrator of this server, step by step. Enter alone takes what stands in brackets; Ctrl-C ends it, and nothing is written before the last question.\n',
    )
    const signIn = await askForSignIn(desk, context, usual.signIn)
    const policy = await desk.ask({
      text: '2. Policy of the administrator. One that is there already stays as it is',
      usual: usual.policy,
      problem: policyProblem,
    })
    const ttl = await desk.ask({
      text: '3. How long the token lives, as 8h or 7d',
      usual: usual.ttl,
      problem: ttlProblem,
    })
    const revokesRoot = await desk.agrees(
      '4. Revoke the root token, once the new one has been seen to work',
      usual.revokesRoot ? 'yes' : 'no',
    )
    const plan = { policy, ttl, signIn, revokesRoot }
    context.print.error(`\n${await summary(context, plan)}\n`)
    if (await desk.agrees('Do all this', undefined)) return plan
    throw new CommandFailure(nothingChanged)
  } finally {
    desk.close()
  }
}

async function askForSignIn(
  desk: Desk,
  context: CommandContext,
  usual: AdminSignIn | undefined,
): Promise<AdminSignIn | undefined> {
  const mounts = await signInMounts(context)
  const offered = mounts.map((mount) => `${mount}/`).join(', ') || 'there is none yet'
  const way = mountOf(
    await desk.ask({
      text: `1. How the administrator gets in: "token" for a token that is made here, or a mount to sign in through (${offered})`,
      usual: usual === undefined ? 'token' : `${usual.mount}/`,
      problem: (answer) =>
        answer === 'token' ? undefined : mountProblem(context, mountOf(answer)),
    }),
  )
  if (way === 'token') return undefined
  const claim = await desk.ask({
    text: '   The claim by which the provider tells people apart; Entra ID: oid',
    usual: usual?.claim ?? 'sub',
    problem: (answer) => (answer === '' ? 'A claim has a name.' : undefined),
  })
  const subject = await desk.ask({
    text: `   The ${claim} of the one person who is let in`,
    usual: usual?.subject,
    problem: subjectProblem,
  })
  const role = await desk.ask({
    text: `   Name of their role at ${way}/`,
    usual: usual?.role ?? 'admins',
    problem: (answer) => roleProblem(context, way, answer),
  })
  return { mount: way, claim, subject, role }
}

async function summary(context: CommandContext, plan: AdminPlan): Promise<string> {
  const { policy, ttl, signIn } = plan
  const isOld = await hasPolicy(context, policy)
  const { place } = await context.tokenHelper()
  return formatColumns([
    ['policy', isOld ? `${policy}, as it is` : `${policy}, written now`],
    ...(signIn === undefined
      ? []
      : [
          [
            'role',
            `${signIn.role} of ${signIn.mount}/, for ${signIn.claim} ${signIn.subject} alone`,
          ],
          ['sign-in', 'now, in a browser'],
        ]),
    ['token', `lives ${ttl}, kept in ${place}`],
    ['root token', plan.revokesRoot ? 'revoked at the end' : 'lives on'],
  ])
}

async function signInMounts(context: CommandContext): Promise<readonly string[]> {
  const answer = await context.send('GET', 'sys/auth', 'Error listing mounts')
  return Object.entries(parseSecret(answer)?.data ?? {}).flatMap(([path, mount]) =>
    isJsonObject(mount) && goTextMember(mount, 'type') === 'oidc' ? [mountOf(path)] : [],
  )
}

/** Puts questions, one after the other, until each has an answer that holds. */
class Desk {
  readonly #context: CommandContext
  readonly #lines: EnteredLines
  readonly #interrupted: Promise<'interrupted'>
  readonly #forget: () => void

  constructor(context: CommandContext) {
    this.#context = context
    this.#lines = context.enteredLines()
    let interrupt: (word: 'interrupted') => void = () => undefined
    this.#interrupted = new Promise((resolve) => {
      interrupt = resolve
    })
    this.#forget = context.onInterrupt(() => interrupt('interrupted'))
  }

  async ask({ text, usual, problem }: Question): Promise<string> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      this.#context.print.question(`${text}${usual === undefined ? '' : ` [${usual}]`}: `)
      const line = await Promise.race([
        this.#lines.next().then((entered) => ({ entered })),
        this.#interrupted,
      ])
      if (line === 'interrupted') throw new CommandFailure(`\ninterrupted. ${nothingChanged}`)
      if (line.entered === undefined) {
        throw new CommandFailure(`\nThe input ended before the last question. ${nothingChanged}`)
      }
      // A terminal has shown the line feed that was entered.
      if (!this.#context.isAttended) this.#context.print.question('\n')
      const answer = line.entered.trim() || (usual ?? '')
      const found = await problem(answer)
      if (found === undefined) return answer
      this.#context.print.error(`   ${found}`)
    }
    throw new CommandFailure(`No answer held ${attemptsMax} times. ${nothingChanged}`)
  }

  async agrees(text: string, usual: 'yes' | 'no' | undefined): Promise<boolean> {
    const answer = await this.ask({
      text: usual === undefined ? `${text}, yes or no` : text,
      usual,
      problem: (word) => (/^(?:y|yes|n|no)$/iu.test(word) ? undefined : 'The answer is yes or no.'),
    })
    return /^y/iu.test(answer)
  }

  close(): void {
    this.#forget()
    this.#lines.end()
  }
}
