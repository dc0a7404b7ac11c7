/**
 * Settings from environment variables. Each has three names, read in this order: `TOKENSTILE_X`,
 * `BAO_X`, `VAULT_X`. One that is set but empty hides the later ones. platform.md §9.2.
 */

import { parseDurationMs } from '../lib/duration.ts'
import { CommandFailure } from './failure.ts'

export type Variables = Readonly<Record<string, string | undefined>>

/**
 * Variables of the existing clients (platform.md §9.2) that this program does not follow. Whoever
 * sets one believes that it does something, so that it is named.
 */
const unsupportedVariables: Readonly<Record<string, string>> = {
  SRV_LOOKUP: 'the address is used as it is, without a look at SRV records',
  RATE_LIMIT: 'a command makes few requests, and none is held back',
}

const prefixes = ['TOKENSTILE_', 'BAO_', 'VAULT_']

export class Environment {
  readonly variables: Variables

  constructor(variables: Variables) {
    this.variables = variables
  }

  /** The setting's text; undefined when no name is set, or the first one set is empty. */
  text(name: string): string | undefined {
    const found = this.variableName(name)
    const value = found === undefined ? undefined : this.variables[found]
    return value === '' ? undefined : value
  }

  /** A line for each variable that is set and does nothing. */
  unsupported(): readonly string[] {
    return Object.entries(unsupportedVariables).flatMap(([name, why]) =>
      this.text(name) === undefined ? [] : [`${this.variableName(name)} has no effect: ${why}.`],
    )
  }

  /** The full name of the variable that decides. */
  variableName(name: string): string | undefined {
    return prefixes
      .map((prefix) => prefix + name)
      .find((full) => this.variables[full] !== undefined)
  }

  flag(name: string): boolean {
    const text = this.text(name)
    if (text === undefined) return false
    const value = parseBoolean(text)
    if (value === undefined) this.#fail(name, 'true or false')
    return value
  }

  wholeNumber(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    if (!/^\d{1,9}$/u.test(text)) this.#fail(name, 'a whole number')
    return Number(text)
  }

  durationMs(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = parseDurationMs(text)
    if (value === undefined || value < 0) this.#fail(name, 'a duration such as 30s')
    return value
  }

  #fail(name: string, expected: string): never {
    throw new CommandFailure(
      `The environment variable ${this.variableName(name)} must be ${expected}.`,
    )
  }
}

/** The words that Go's strconv.ParseBool takes, which scripts rely on. */
export function parseBoolean(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false
  return undefined
}
