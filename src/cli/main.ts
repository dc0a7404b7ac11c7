/**
 * The command line: finds the command, reads its flags, runs it and answers the exit code.
 * Everything of the process comes in through the options, so that a test is a caller like any
 * other. platform.md §9.
 */

import { ConnectionError } from '../client/api-error.ts'
import { SystemClock } from '../platform/clock.ts'
import type { TerminalInput, TerminalOutput } from '../platform/terminal.ts'
import { ciOf, refusalText, withoutCommands, type Ci } from './ci-log.ts'
import type { Command, CommandEntry } from './command.ts'
import type { ContextOptions } from './context.ts'
import { commandTable } from './command-table.ts'
import { Environment, type Variables } from './environment.ts'
import { CommandFailure, DryRun, exitCodes } from './failure.ts'
import { noFlags, parseFlags } from './flags.ts'
import { ok } from '../lib/result.ts'
import { nearestName } from '../lib/nearest-name.ts'
import { outputFormats, type OutputFormat } from './output-format.ts'
import { safeText } from './safe-text.ts'

export interface CliOptions {
  /** The words after the program's name. */
  readonly argv: readonly string[]
  /** How it was called: `tokenstile`, `stile`, `vault` or `bao`. */
  readonly programName: string
  /** The program's own file, where it has one. */
  readonly programPath?: string
  readonly env: Variables
  /**
   * Kind of the operating system, which decides how a browser is opened; this one's when absent.
   */
  readonly system?: NodeJS.Platform
  readonly stdin: TerminalInput
  readonly stdout: TerminalOutput
  readonly stderr: TerminalOutput
  /**
   * Calls `work` for each Ctrl-C until what it gives is called; without it Ctrl-C ends the program.
   */
  readonly onInterrupt?: (work: () => void) => () => void
  /** Waits so many milliseconds; by this machine's clock when absent. */
  readonly pause?: (forMs: number) => Promise<void>
  /** Runs the server with the words after `server`; answers its exit code. */
  readonly runServer: (args: string[]) => Promise<number>
  /** Makes a data folder from a backup. */
  readonly restoreStore?: ContextOptions['restoreStore']
}

const helpWords = ['-h', '-help', '--help', '--h']
/** Flags that stand alone for a command, as in the existing clients. */
const shortcuts: Readonly<Record<string, readonly string[]>> = {
  '-v': ['version'],
  '-version': ['version'],
  '--version': ['version'],
  '-autocomplete-install': ['completion', '-install'],
  '-autocomplete-uninstall': ['completion', '-uninstall'],
}

export async function runCli(options: CliOptions): Promise<number> {
  try {
    return await dispatch(options)
  } catch (cause) {
    return finish(cause, options)
  }
}

async function dispatch(options: CliOptions): Promise<number> {
  const line = options.env['COMP_LINE']
  if (line !== undefined) return complete(line, options)
  const [first] = options.argv
  const single = options.argv.length === 1
  const words = single ? (shortcuts[first ?? ''] ?? options.argv) : options.argv
  const end = words.indexOf('--')
  const wantsHelp = words
    .slice(0, end < 0 ? undefined : end)
    .some((word) => helpWords.includes(word))
  // A flag before the command's name is the command's: `vault -output-curl-string write a b=c`.
  const start = words.findIndex((word) => !word.startsWith('-'))
  const early = words.slice(0, start < 0 ? undefined : start)
  const named = words.slice(early.length)
  const entry = findCommand(named)
  if (entry === undefined) return showGroup(named, wantsHelp, options)
  const command = await entry.load()
  if (wantsHelp) {
    const { commandHelp } = await import('./help.ts')
    options.stdout.write(`${commandHelp(options.programName, entry.name, command)}\n`)
    return exitCodes.ok
  }
  const rest = named.slice(entry.name.split(' ').length)
  return runCommand(command, [...early, ...rest], options)
}

/** A shell asks what can follow the line so far (see completion.ts). */
async function complete(line: string, options: CliOptions): Promise<number> {
  const { completionsOf } = await import('./completion.ts')
  options.stdout.write((await completionsOf(line)).map((word) => `${word}\n`).join(''))
  return exitCodes.ok
}

/** The entry with the longest name that the words begin with. */
function findCommand(words: readonly string[]): CommandEntry | undefined {
  for (const count of [3, 2, 1]) {
    if (words.length < count) continue
    const name = words.slice(0, count).join(' ')
    const entry = commandTable.find((candidate) => candidate.name === name)
    if (entry !== undefined) return entry
  }
  return undefined
}

/**
 * What is said when the words name no command: help where it was asked for or no word was given,
 * else one line with the nearest name, for a mistake needs no list of everything.
 */
async function showGroup(
  words: readonly string[],
  wantsHelp: boolean,
  options: CliOptions,
): Promise<number> {
  const group = [2, 1]
    .filter((count) => words.length >= count)
    .map((count) => words.slice(0, count).join(' '))
    .find((name) => commandTable.some((entry) => entry.name.startsWith(`${name} `)))
  const typed = words.filter((word) => !word.startsWith('-'))
  const exitCode = group === undefined ? exitCodes.unknownCommand : exitCodes.local
  if (!wantsHelp && typed.length > (group?.split(' ').length ?? 0)) {
    options.stderr.write(`${noCommandText(typed, group, options.programName)}\n`)
    return exitCode
  }
  const { groupHelp } = await import('./help.ts')
  const output = wantsHelp ? options.stdout : options.stderr
  output.write(`${groupHelp(options.programName, group ?? '', commandTable)}\n`)
  return wantsHelp ? exitCodes.ok : exitCode
}

function noCommandText(
  typed: readonly string[],
  group: string | undefined,
  programName: string,
): string {
  const depth = group === undefined ? 0 : group.split(' ').length
  const word = typed[depth] ?? ''
  const prefix = group === undefined ? '' : `${group} `
  const known = commandTable
    .filter((entry) => entry.name.startsWith(prefix))
    .map((entry) => entry.name.split(' ')[depth] ?? '')
  const near = nearestName(word, [...new Set(known)])
  const hint = near === undefined ? '' : ` Did you mean "${prefix}${near}"?`
  const shown = safeText(JSON.stringify(prefix + word))
  return `There is no command ${shown}.${hint}\nAll commands: ${programName} ${prefix}-h`
}

async function runCommand(
  command: Command,
  words: readonly string[],
  options: CliOptions,
): Promise<number> {
  const environment = new Environment(options.env)
  // Loaded here, because `version` and help need neither the client nor its crypto.
  const [{ CommandContext }, { Printer }, { flagsOf }] = await Promise.all([
    import('./context.ts'),
    import('./printer.ts'),
    import('./shared-flags.ts'),
  ])
  // The server reads its own words.
  const parsed =
    command.passThrough === true ? ok(noFlags(words)) : parseFlags(flagsOf(command), words)
  if (!parsed.ok) throw new CommandFailure(parsed.error)
  const { args, late, values } = parsed.value
  const printer = new Printer({
    stdout: options.stdout,
    stderr: options.stderr,
    format: chooseFormat(values.text('format') ?? environment.text('FORMAT') ?? 'table'),
    detailed: values.optionalBool('detailed') ?? environment.flag('DETAILED'),
    ci: ciOf(options.env),
  })
  if (late.length > 0) {
    printer.warn(
      `Command flags must be provided before positional arguments. The following arguments will not be parsed as flags: [${late.join(',')}]`,
    )
  }
  checkCount(command, args.length)
  return command.run(
    new CommandContext({
      programName: options.programName,
      programPath: options.programPath,
      environment,
      flags: values,
      args,
      printer,
      stdin: options.stdin,
      stderr: options.stderr,
      system: options.system,
      onInterrupt: options.onInterrupt ?? (() => () => undefined),
      pause: options.pause,
      runServer: options.runServer,
      restoreStore: options.restoreStore,
    }),
  )
}

function chooseFormat(text: string): OutputFormat {
  const format = outputFormats.find((name) => name === text.toLowerCase())
  if (format !== undefined) return format
  throw new CommandFailure(
    `Invalid output format: ${JSON.stringify(text)}. Use ${outputFormats.join(', ')}.`,
  )
}

function checkCount(command: Command, count: number): void {
  const [min, max] = command.args ?? [0, 0]
  const expected = min === max ? `${min}` : `${min}-${max}`
  if (count < min) {
    const least = max > 100 ? `at least ${min}` : expected
    throw new CommandFailure(`Not enough arguments (expected ${least}, got ${count})`)
  }
  if (count > max) {
    throw new CommandFailure(`Too many arguments (expected ${expected}, got ${count})`)
  }
}

/** Prints why a command ended early. What is not foreseen shows its message and no stack. */
function finish(cause: unknown, options: CliOptions): number {
  if (cause instanceof DryRun) {
    options.stdout.write(`${safeText(cause.message)}\n`)
    return exitCodes.ok
  }
  if (cause instanceof CommandFailure) {
    options.stderr.write(`${failureText(cause, ciOf(options.env))}\n`)
    return cause.exitCode
  }
  const text = cause instanceof Error ? cause.message : String(cause)
  const fix = cause instanceof ConnectionError && cause.fix !== undefined ? `\n${cause.fix}` : ''
  options.stderr.write(`${withoutCommands(ciOf(options.env), text + fix)}\n`)
  return exitCodes.local
}

function failureText({ message, loginReason }: CommandFailure, ci: Ci | undefined): string {
  if (loginReason === undefined || ci === undefined) return withoutCommands(ci, message)
  return refusalText(ci, { reason: loginReason, text: message }, new SystemClock().nowMs())
}
