/**
 * What a command declares about itself. Parsing, help and the command list are all read from it.
 */

import type { CommandContext } from './context.ts'
import type { FlagSpec } from './flags.ts'

export interface CommandExample {
  readonly title: string
  /** Without the program's name. */
  readonly line: string
}

export interface Command {
  /** What follows its name, as in `[options] PATH [K=V...]`; options alone when absent. */
  readonly usage?: string
  /** Sentences below the usage line. */
  readonly description: string
  readonly examples: readonly [CommandExample, CommandExample, ...CommandExample[]]
  readonly flags?: readonly FlagSpec[]
  /** Talks to no server, and takes no connection flags. */
  readonly kind?: 'local'
  /** Whether its answer can be had in other formats, and one field of it alone. */
  readonly output?: 'format' | 'field'
  /** How many words it takes, at least and at most; none when absent. */
  readonly args?: readonly [min: number, max: number]
  /** Its words are handed on unread; the declared flags serve help alone. */
  readonly passThrough?: boolean
  run(context: CommandContext): Promise<number>
}

export interface CommandEntry {
  /** Words of the command, for instance `kv metadata get`. */
  readonly name: string
  /** One line for the list. */
  readonly summary: string
  /** Commands are loaded when they run, so that `version` starts quickly. */
  load(): Promise<Command>
}
