/**
 * CEL programs of roles (jwt-oidc.md §6): compiled at role write and load, evaluated at a login
 * under a limit of cost. The only file that plans and runs expressions. Pure: the present and the
 * operation are handed in.
 *
 * It is imported late, with the first CEL role: servers without one do not load the library.
 */

import {
  celEnv,
  isCelError,
  parse,
  plan,
  type CelEnv,
  type CelInput,
  type CelResult,
} from '@bufbuild/cel'
import { err, ok, type Result } from '../lib/result.ts'
import { celFunctions, celMapOf } from './cel-functions.ts'
import { CelGate, guarded } from './cel-gate.ts'
import { readAnswer } from './cel-answer.ts'
import type { CelProgram, CelSource } from './cel-program.ts'
import { claimsIn, CelSyntaxProblem, prepareSyntax } from './cel-syntax.ts'

/**
 * Of all expressions of a program together: reading one takes some tenths of a millisecond for ten
 * characters, and nobody else is served meanwhile.
 */
const programLengthMax = 4096
const variablesMax = 64
const namePattern = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/
/** What every program sees (jwt-oidc.md §6.3). */
const given = ['claims', 'now', 'operation']

type Evaluate = (bindings: Record<string, CelInput>) => CelResult

interface Compiled {
  readonly evaluate: Evaluate
  /** Undefined when it may look at any of them. */
  readonly claims: readonly string[] | undefined
}

function allOf(looks: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  const names = looks.flatMap((claims) => claims ?? [])
  // A slash at the begin would be read as a pointer.
  const isKnown = looks.every((claims) => claims !== undefined)
  return isKnown && !names.some((name) => name.startsWith('/')) ? [...new Set(names)] : undefined
}

/** The program, or what is wrong with it; the text names the variable it is in. */
export function compileCel(source: CelSource): Result<CelProgram, string> {
  const gate = new CelGate()
  const env = guarded(celEnv({ funcs: celFunctions(gate) }), gate)
  const names = new Set(given)
  const variables: { readonly name: string; readonly evaluate: Evaluate }[] = []
  const looks: (readonly string[] | undefined)[] = []
  if (source.variables.length > variablesMax) return err(`more than ${variablesMax} variables`)
  const texts = [source.expression, ...source.variables.map(({ expression }) => expression)]
  if (texts.reduce((sum, { length }) => sum + length, 0) > programLengthMax) {
    return err(`more than ${programLengthMax} characters in all expressions`)
  }
  for (const { name, expression } of source.variables) {
    if (!namePattern.test(name)) return err(`${JSON.stringify(name)} is no name of a variable`)
    if (names.has(name)) return err(`the variable ${JSON.stringify(name)} is there already`)
    const evaluate = compileExpression(env, expression, names)
    if (!evaluate.ok) return err(`variable ${JSON.stringify(name)}: ${evaluate.error}`)
    variables.push({ name, evaluate: evaluate.value.evaluate })
    looks.push(evaluate.value.claims)
    names.add(name)
  }
  const main = compileExpression(env, source.expression, names)
  if (!main.ok) return err(`expression: ${main.error}`)
  looks.push(main.value.claims)
  const timestamp = compileExpression(env, 'timestamp(now)', names)
  if (!timestamp.ok) throw new Error(timestamp.error)

  return ok({
    claims: allOf(looks),
    evaluate: (claims, { nowMs, operation }) =>
      withCheapErrors(() => {
        gate.open()
        const now = timestamp.value.evaluate({ now: new Date(nowMs).toISOString() })
        if (isCelError(now)) throw new Error('the present is no time')
        const bindings: Record<string, CelInput> = { claims: celMapOf(claims), now, operation }
        for (const { name, evaluate } of variables) {
          const value = evaluate(bindings)
          if (isCelError(value)) return failure(gate, value)
          bindings[name] = value
        }
        const answer = main.value.evaluate(bindings)
        if (isCelError(answer) || gate.isSpent) return failure(gate, answer)
        return readAnswer(answer)
      }),
  })
}

/**
 * The library makes an `Error` for each claim that is not there, and `||` forgives it: a loop can
 * make thousands, and what is dear about them are stacks that nobody reads. Nothing else runs
 * meanwhile.
 */
function withCheapErrors<T>(work: () => T): T {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return work()
  } finally {
    Error.stackTraceLimit = limit
  }
}

function compileExpression(
  env: CelEnv,
  text: string,
  names: ReadonlySet<string>,
): Result<Compiled, string> {
  if (text.trim() === '') return err('it is empty')
  try {
    const { expr } = parse(text)
    prepareSyntax(expr, env, names)
    const claims = claimsIn(expr)
    return ok({ evaluate: plan(env, expr), claims })
  } catch (problem) {
    // Of the parser: it names a place in the expression, and nothing else is known here.
    const isTold = problem instanceof CelSyntaxProblem || isOneLine(problem)
    return err(isTold && problem instanceof Error ? problem.message : 'it is no CEL expression')
  }
}

function isOneLine(problem: unknown): boolean {
  return problem instanceof Error && problem.message.length < 300
}

function failure(gate: CelGate, error: CelResult): ReturnType<CelProgram['evaluate']> {
  if (gate.isSpent) return { kind: 'failed', detail: 'it costs more than one login may' }
  const detail = isCelError(error) ? error.message : 'it has no value'
  return { kind: 'failed', detail }
}
