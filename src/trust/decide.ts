/**
 * The decision about a login: a pure function of configuration, role, token, request and time
 * (jwt-oidc.md §3.2 and §4.9). The login handlers are this function with I/O around it;
 * explain, preview and replay go through the same lists to their end.
 */

import { member, type JsonObject } from '../lib/json.ts'
import type {
  Decision,
  Explained,
  Explanation,
  LoginFailure,
  Needs,
  Step,
  Verdict,
} from './decision.ts'
import { allMistakes, ownMistakes, type Mistake } from './known-mistakes.ts'
import type { KeptFact, LoginCheck, Shown } from './login-check.ts'
import type {
  CelLoginInput,
  JwtLoginInput,
  OidcLoginInput,
  Presented,
  SharedFacts,
} from './login-facts.ts'
import { celLogin, jwtLogin, oidcLogin, selectingLogin } from './login-lists.ts'
import { literalReference } from './pointer.ts'
import { reasonStatus, type Reason } from './reasons.ts'
import type { SelectingLoginInput } from './role-choice.ts'
import type { CompiledRole } from './role-rules.ts'
import {
  runChecks,
  type Asking,
  type Check,
  type Failure,
  type Findings,
  type LoginList,
  type RunOptions,
} from './run-checks.ts'
import { happenedFor, sentenceFor, type Disclosure } from './sentence.ts'

export type * from './decision.ts'
export type * from './login-facts.ts'
export type * from './login-outcome.ts'

export function decideJwtLogin(input: JwtLoginInput, login = jwtLogin): Step {
  return stepOf(runChecks(login, input, claimsOf(input.token)), input)
}

export function decideCelLogin(input: CelLoginInput): Step {
  return stepOf(runChecks(celLogin, input, claimsOf(input.token)), input)
}

export function decideSelectingLogin(input: SelectingLoginInput): Step {
  return stepOf(runChecks(selectingLogin, input, claimsOf(input.token)), input)
}

export function decideOidcLogin(input: OidcLoginInput, login = oidcLogin): Step {
  return stepOf(runChecks(login, input, claimsOf(input.idToken)), input)
}

/**
 * About a token that was made by an earlier login: the same list, over what was kept of the claims
 * and with the configuration of now. What `knows` has nothing of is skipped, and what was proven
 * then stays proven. Undefined when nothing speaks against it.
 */
export function judgeJwtRenewal(input: JwtLoginInput, knows: Knows): Failure | undefined {
  return judgeRenewal(jwtLogin, { ...input, role: asKept(input.role) }, input.token, knows)
}

/** The program is not asked again: the claims that it saw are not kept. */
export function judgeCelRenewal(input: CelLoginInput, knows: Knows): Failure | undefined {
  return judgeRenewal(celLogin, input, input.token, knows)
}

export function judgeOidcRenewal(input: OidcLoginInput, knows: Knows): Failure | undefined {
  return judgeRenewal(oidcLogin, { ...input, role: asKept(input.role) }, input.idToken, knows)
}

type Knows = (fact: KeptFact) => boolean

function judgeRenewal<F>(
  login: LoginList<F>,
  input: F,
  kept: Presented | undefined,
  knows: Knows,
): Failure | undefined {
  const isMade = ({ keptBy }: LoginCheck<F>): boolean => keptBy !== undefined && knows(keptBy)
  const run = runChecks(login, input, claimsOf(kept), { mayAsk: false, isMade })
  if (run.kind === 'needs') throw new Error('a run that may not ask has asked')
  return run.failure
}

/** Bound claims are kept under their reference as the role wrote it: no pointer is walked again. */
function asKept<R extends CompiledRole | undefined>(role: R): R {
  if (role === undefined) return role
  const claimRules = role.claimRules.map((rule) => ({
    ...rule,
    reference: literalReference(rule.reference.text),
  }))
  return { ...role, claimRules }
}

/** As `explainJwtLogin`, up to the first failure and without words: for whoever judges many. */
export function judgeJwtLogin(input: JwtLoginInput, mayAsk: boolean): Explained<Verdict> {
  return verdictOf(runChecks(jwtLogin, input, claimsOf(input.token), { mayAsk }))
}

export function judgeCelLogin(input: CelLoginInput, mayAsk: boolean): Explained<Verdict> {
  return verdictOf(runChecks(celLogin, input, claimsOf(input.token), { mayAsk }))
}

function verdictOf(run: Findings | Asking): Explained<Verdict> {
  if (run.kind === 'needs') return needsOf(run)
  const { failure, found } = run
  return { kind: 'explained', explanation: { failure, outcome: found.outcome } }
}

/** What may not be asked, with `mayAsk` false, is unverified. */
export function explainJwtLogin(input: JwtLoginInput, mayAsk = true): Explained {
  return explain(jwtLogin, input, input.token, { evaluateAll: true, mayAsk })
}

export function explainOidcLogin(input: OidcLoginInput, mayAsk = true): Explained {
  return explain(oidcLogin, input, input.idToken, { evaluateAll: true, mayAsk })
}

/** About claims without a token: every check that rests on a signature reads `unverified`. */
export function explainClaims(
  input: Omit<JwtLoginInput, 'token' | 'signature'> & { readonly claims: JsonObject },
): Explanation {
  const { claims, ...rest } = input
  const token = { claims }
  const options = { evaluateAll: true, mayAsk: false }
  const explained = explain(jwtLogin, { ...rest, token, signature: undefined }, token, options)
  if (explained.kind === 'needs') throw new Error('a run that may not ask has asked')
  return explained.explanation
}

/**
 * A refusal by what comes after the decision: a disabled entity, a quota, the store. The list keeps
 * what was found and shows the refusal at its end.
 */
export function refuseAfterwards(
  { checks, ...rest }: Explanation,
  after: { readonly reason: Reason; readonly text: string },
  disclosure: Disclosure,
  requestId?: string,
): Explanation {
  const last = checks.length - 1
  const { reason, text } = after
  const failure: LoginFailure = {
    ...after,
    check: checks[last]?.id ?? '',
    stage: 'identity',
    status: reasonStatus(reason),
    sentence: sentenceFor(after, disclosure, requestId),
    happened: happenedFor(after, disclosure),
  }
  const shown = checks.map((check, i) =>
    i === last ? { ...check, status: 'fail' as const, reason, compatible_error: text } : check,
  )
  return { ...rest, failure, checks: shown }
}

function stepOf(run: Findings | Asking, input: SharedFacts): Step {
  if (run.kind === 'needs') return needsOf(run)
  return { kind: 'decided', decision: decisionOf(run, input) }
}

function decisionOf({ checks, failure, found, isProven }: Findings, input: SharedFacts): Decision {
  if (failure !== undefined) {
    // Before the signature is proven nothing of the token is repeated but its form.
    const claims = isProven ? found.claims : undefined
    return { kind: 'refused', failure: toldTo(input, failure, claims), checks }
  }
  // Checks that end without a failure have asked for the proof and made the outcome.
  if (!isProven || found.outcome === undefined) {
    throw new Error('the checks of a login neither refused nor accepted it')
  }
  return { kind: 'accepted', outcome: found.outcome, checks }
}

function explain<F extends SharedFacts>(
  login: LoginList<F>,
  input: F,
  token: Presented | undefined,
  options: RunOptions<F>,
): Explained {
  const run = runChecks(login, input, claimsOf(token), options)
  if (run.kind === 'needs') return needsOf(run)
  const { checks, failure, alsoFails, isProven, found } = run
  const explanation = {
    failure: failure === undefined ? undefined : explainedTo(input, failure, found.claims),
    also_fails: alsoFails,
    proven: isProven,
    checks: checks.map((check) => annotated(check, found.claims)),
    outcome: found.outcome,
  }
  return { kind: 'explained', explanation }
}

function needsOf({ need, found }: Asking): Needs {
  if (found.claims === undefined) throw new Error('something is asked about a token without claims')
  return { kind: 'needs', need, claims: found.claims }
}

function claimsOf(token: Presented | undefined): JsonObject | undefined {
  if (token === undefined) return undefined
  if ('claims' in token) return token.claims
  return token.ok ? token.value.claims : undefined
}

function toldTo(
  input: SharedFacts,
  failure: Failure,
  claims: JsonObject | undefined,
): LoginFailure {
  // Vault compatibility: one element in `errors`, as its clients have always seen.
  const disclosure = input.compat === 'vault' ? 'none' : input.explainToCaller
  if (claims === undefined || disclosure === 'none') return withTexts(input, failure, disclosure)
  const mistakes =
    disclosure === 'full' ? allMistakes(failure, claims) : ownMistakes(failure, claims)
  return withTexts(input, asWritten(failure, claims), disclosure, mistakes)
}

/** For somebody who may read the role. */
function explainedTo(
  input: SharedFacts,
  failure: Failure,
  claims: JsonObject | undefined,
): LoginFailure {
  const mistakes = claims === undefined ? [] : allMistakes(failure, claims)
  const told = withTexts(input, failure, input.explainToCaller, mistakes)
  return { ...told, mistakes }
}

function withTexts(
  { requestId }: SharedFacts,
  failure: Failure,
  disclosure: Disclosure,
  mistakes: readonly Mistake[] = [],
): LoginFailure {
  const told = withNotes(failure, mistakes)
  const fix = mistakes[0]?.fix
  return {
    ...told,
    status: reasonStatus(failure.reason),
    sentence: sentenceFor(told, disclosure, requestId, fix),
    happened: happenedFor(told, disclosure),
  }
}

function annotated(check: Check, claims: JsonObject | undefined): Check {
  const { reason } = check
  if (reason === undefined || claims === undefined) return check
  return withNotes(check, allMistakes({ ...check, reason }, claims))
}

function withNotes<S extends Shown>(shown: S, mistakes: readonly Mistake[]): S {
  if (mistakes.length === 0) return shown
  const notes = [shown.note, ...mistakes.map(({ note }) => note)]
  return { ...shown, note: notes.filter((note) => note !== undefined).join(' ') }
}

/** An audience that the token has as a text is a list for the checks alone. */
function asWritten(failure: Failure, claims: JsonObject): Failure {
  const aud = failure.claim === 'aud' ? member(claims, 'aud') : undefined
  return typeof aud === 'string' ? { ...failure, got: aud } : failure
}
