/**
 * Policy names filled in from claims (jwt-oidc.md §2.8): parsed at role write, rendered at login.
 *
 * A template comes from whoever writes roles, the claims from whoever logs in. Steps and output are
 * bounded whatever either of them holds, and a member that is absent stops the login instead of
 * leaving a gap in a name.
 */

import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import {
  callTemplateFunction,
  fieldOf,
  isTemplateFunction,
  isTruthy,
  lazyFunctions,
  printValue,
  sortedNames,
  templateValueLengthMax,
  type TemplateEnvironment,
} from './template-functions.ts'
import {
  parseTemplateSyntax,
  type Expression,
  type Statement,
  type TemplateProblem,
} from './template-syntax.ts'
import { TemplateStop, TemplateWork } from './template-work.ts'

export { TemplateWork } from './template-work.ts'
export type { TemplateEnvironment } from './template-functions.ts'
export type { TemplateProblem } from './template-syntax.ts'

export interface PolicyTemplate {
  readonly text: string
  readonly statements: readonly Statement[]
}

export function parsePolicyTemplate(text: string): Result<PolicyTemplate, TemplateProblem> {
  if (text === '') return err({ detail: 'the template is empty' })
  const statements = parseTemplateSyntax(text, isTemplateFunction)
  return statements.ok ? ok({ text, statements: statements.value }) : statements
}

/**
 * The text for these claims; the problem names members and functions, never values of the token.
 * The templates of one role share their work.
 */
export function renderPolicyTemplate(
  template: PolicyTemplate,
  claims: JsonObject,
  env: TemplateEnvironment,
  work = new TemplateWork(),
): Result<string, TemplateProblem> {
  const rendering = new Rendering(claims, env, work)
  try {
    return ok(rendering.render(template.statements))
  } catch (problem) {
    if (problem instanceof TemplateStop) return err({ detail: problem.message })
    throw problem
  }
}

interface Variable {
  readonly name: string
  value: JsonValue
}

class Rendering {
  readonly #env: TemplateEnvironment
  readonly #work: TemplateWork
  #dot: JsonValue
  #variables: Variable[]
  #output = ''

  constructor(claims: JsonObject, env: TemplateEnvironment, work: TemplateWork) {
    this.#env = env
    this.#work = work
    this.#dot = claims
    this.#variables = [{ name: '$', value: claims }]
  }

  render(statements: readonly Statement[]): string {
    this.#run(statements)
    return this.#output
  }

  /** Variables declared inside are gone afterwards. */
  #run(statements: readonly Statement[]): void {
    const visible = this.#variables.length
    for (const statement of statements) this.#runOne(statement)
    this.#variables.length = visible
  }

  #runOne(statement: Statement): void {
    this.#work.step()
    switch (statement.kind) {
      case 'text':
        this.#write(statement.text)
        return
      case 'print':
        this.#write(printValue(this.#evaluate(statement.value), this.#work))
        return
      case 'set':
        this.#set(statement.name, this.#evaluate(statement.value), statement.declares)
        return
      case 'range':
        this.#range(statement)
        return
      case 'if':
      case 'with':
        this.#branch(statement)
        return
    }
  }

  #branch(statement: Extract<Statement, { kind: 'if' | 'with' }>): void {
    const visible = this.#variables.length
    const value = this.#evaluate(statement.value)
    if (statement.variable !== undefined) this.#set(statement.variable, value, true)
    if (!isTruthy(value, this.#work)) this.#run(statement.otherwise)
    else if (statement.kind === 'if') this.#run(statement.body)
    else this.#withDot(value, statement.body)
    this.#variables.length = visible
  }

  #range(statement: Extract<Statement, { kind: 'range' }>): void {
    const value = this.#evaluate(statement.value)
    const entries = entriesOf(value, this.#work)
    if (entries.length === 0) this.#run(statement.otherwise)
    const [first, second] = statement.variables
    for (const [key, item] of entries) {
      const visible = this.#variables.length
      if (second !== undefined) {
        this.#set(first ?? '', key, true)
        this.#set(second, item, true)
      } else if (first !== undefined) {
        this.#set(first, item, true)
      }
      this.#withDot(item, statement.body)
      this.#variables.length = visible
    }
  }

  #withDot(value: JsonValue, statements: readonly Statement[]): void {
    const outer = this.#dot
    this.#dot = value
    this.#run(statements)
    this.#dot = outer
  }

  #evaluate(expression: Expression): JsonValue {
    this.#work.step()
    switch (expression.kind) {
      case 'literal':
        return expression.value
      case 'dot':
        return this.#dot
      case 'variable':
        return this.#find(expression.name).value
      case 'field': {
        const value = fieldOf(this.#evaluate(expression.of), expression.name)
        if (value === undefined) {
          throw new TemplateStop(`there is no ${JSON.stringify(expression.name)} in the claims`)
        }
        return value
      }
      case 'call':
        if (lazyFunctions.has(expression.name)) return this.#evaluateLazily(expression)
        return callTemplateFunction(
          expression.name,
          expression.args.map((arg) => this.#evaluate(arg)),
          this.#env,
          this.#work,
        )
    }
  }

  /** `and` gives the first empty argument or the last, `or` the first full one or the last. */
  #evaluateLazily(expression: Extract<Expression, { kind: 'call' }>): JsonValue {
    let value: JsonValue | undefined
    for (const arg of expression.args) {
      value = this.#evaluate(arg)
      if (isTruthy(value, this.#work) === (expression.name === 'or')) return value
    }
    if (value === undefined)
      throw new TemplateStop(`${expression.name}: takes one argument or more`)
    return value
  }

  #set(name: string, value: JsonValue, declares: boolean): void {
    if (declares) this.#variables.push({ name, value })
    else this.#find(name).value = value
  }

  #find(name: string): Variable {
    const variable = this.#variables.findLast((candidate) => candidate.name === name)
    if (variable === undefined) throw new TemplateStop('a variable is used that was not declared')
    return variable
  }

  #write(text: string): void {
    if (this.#output.length + text.length > templateValueLengthMax) {
      throw new TemplateStop('the result is too long')
    }
    this.#work.look(text.length)
    this.#output += text
  }
}

/** Lists by index; objects by name. */
function entriesOf(
  value: JsonValue,
  work: TemplateWork,
): readonly (readonly [JsonValue, JsonValue])[] {
  if (isJsonArray(value)) {
    work.steps(value.length)
    return value.map((item, i) => [i, item] as const)
  }
  if (isJsonObject(value)) {
    return sortedNames(value, work).map((name) => [name, value[name] ?? null] as const)
  }
  if (value === null) return []
  throw new TemplateStop('range takes a list or an object')
}
