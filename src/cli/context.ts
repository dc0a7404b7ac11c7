/** What a running command has at hand: its arguments, the server, the terminal and the printer. */

import { ApiError } from '../client/api-error.ts'
import type { ApiClient, ApiRequest } from '../client/http-client.ts'
import type { ApiResponse } from '../client/api-response.ts'
import { parseSecret, type Secret } from '../client/secret.ts'
import type { JsonObject } from '../lib/json.ts'
import type { BackupHeader } from '../lib/backup-format.ts'
import { trimEnds } from '../lib/trim.ts'
import {
  askHidden,
  EnteredLines,
  pause,
  readAllInput,
  type TerminalInput,
  type TerminalOutput,
} from '../platform/terminal.ts'
import { readUserFile } from '../platform/user-files.ts'
import { curlText, policyText } from './dry-run.ts'
import type { Environment } from './environment.ts'
import { remoteErrorText } from './error-text.ts'
import { CommandFailure, DryRun, exitCodes } from './failure.ts'
import type { FlagValues } from './flags.ts'
import { parseKeyValues, type DataSources } from './key-values.ts'
import type { Printer } from './printer.ts'
import type { Advice } from './refusal-advice.ts'
import type { TokenHelper } from './token-helper.ts'

export interface ContextOptions {
  readonly programName: string
  readonly programPath: string | undefined
  readonly environment: Environment
  readonly flags: FlagValues
  readonly args: readonly string[]
  readonly printer: Printer
  readonly stdin: TerminalInput
  readonly stderr: TerminalOutput
  readonly system: NodeJS.Platform | undefined
  readonly onInterrupt: (work: () => void) => () => void
  readonly pause: ((forMs: number) => Promise<void>) | undefined
  readonly runServer: (args: string[]) => Promise<number>
  readonly restoreStore: ((request: RestoreRequest) => Promise<BackupHeader>) | undefined
}

/** A backup that becomes a data folder. */
export interface RestoreRequest {
  readonly file: string
  readonly folder: string
  /** Refuse that of another store. */
  readonly store?: string
}

/** What a request has besides its method and path, and how it is sent. */
export interface SendOptions extends Omit<ApiRequest, 'method' | 'path'> {
  /** Statuses of 400 and above that are an answer here. */
  readonly accept?: readonly number[]
  /** Sent even in a dry run, and never wrapped: the request only prepares another one. */
  readonly preflight?: boolean
  /** What the person named, where that is not the path of the request. */
  readonly about?: string
}

export class CommandContext implements DataSources {
  readonly programName: string
  /** The program's own file. */
  readonly programPath: string | undefined
  readonly environment: Environment
  readonly flags: FlagValues
  readonly args: readonly string[]
  readonly print: Printer
  readonly runServer: (args: string[]) => Promise<number>
  /** Calls `work` for each Ctrl-C until what it gives is called. */
  readonly onInterrupt: (work: () => void) => () => void
  readonly pause: (forMs: number) => Promise<void>
  readonly #restoreStore: ContextOptions['restoreStore']
  readonly #stdin: TerminalInput
  readonly #stderr: TerminalOutput
  readonly #system: NodeJS.Platform | undefined
  #stdinRead = false
  #client: ApiClient | undefined
  #absence: readonly string[] = []

  constructor(options: ContextOptions) {
    this.programName = options.programName
    this.programPath = options.programPath
    this.environment = options.environment
    this.flags = options.flags
    this.args = options.args
    this.print = options.printer
    this.runServer = options.runServer
    this.#restoreStore = options.restoreStore
    this.onInterrupt = options.onInterrupt
    this.pause = options.pause ?? pause
    this.#stdin = options.stdin
    this.#stderr = options.stderr
    this.#system = options.system
  }

  /** The argument at that place without blanks and surrounding slashes. */
  path(index: number): string {
    return cleanPath(this.args[index] ?? '')
  }

  async client(): Promise<ApiClient> {
    // The transport is loaded by the first command that needs it: `version` does not.
    const { createConnection } = await import('./connection.ts')
    if (this.#client === undefined)
      this.environment.unsupported().forEach((line) => this.print.warn(line))
    this.#client ??= await createConnection({
      flags: this.flags,
      environment: this.environment,
      token: await this.token(),
    })
    return this.#client
  }

  /** The token in use: the variable's, else the kept one. */
  async token(): Promise<string> {
    return this.environment.text('TOKEN') ?? (await (await this.tokenHelper()).get())
  }

  async tokenHelper(): Promise<TokenHelper> {
    const { chooseAddress } = await import('./connection.ts')
    const { createTokenHelper } = await import('./token-helper.ts')
    return createTokenHelper(this.environment, chooseAddress(this.flags, this.environment))
  }

  /** `doing` begins the text of an error, for instance `Error reading secret/a`. */
  async send(
    method: ApiRequest['method'],
    path: string,
    doing: string,
    options: SendOptions = {},
  ): Promise<ApiResponse> {
    const { accept, preflight = false, about = path, ...rest } = options
    const request: ApiRequest = { method, path, ...rest }
    try {
      const client = await this.client()
      if (!preflight) this.#stopIfDry(client, request)
      const headers = preflight ? [['X-Vault-Wrap-TTL', ''] as const] : []
      return await client.require(
        { ...request, headers: [...(request.headers ?? []), ...headers] },
        accept,
      )
    } catch (cause) {
      if (cause instanceof CommandFailure || cause instanceof DryRun) throw cause
      // A missing file of the TLS options and its like are this machine's problem, a refusal is
      // not.
      const status = cause instanceof ApiError ? cause.response.status : undefined
      const advice =
        cause instanceof ApiError ? await this.#advise(about, request.token, cause) : undefined
      const { programName } = this
      const text = remoteErrorText({ doing, programName, advice }, cause)
      const reason = cause instanceof ApiError ? cause.loginReason : undefined
      throw new CommandFailure(text, exitCodes.remote, status, reason)
    }
  }

  /** Hands on the bytes of an answer as they come. */
  async download(
    request: ApiRequest,
    take: (chunk: Buffer) => Promise<void>,
    doing: string,
  ): Promise<void> {
    try {
      const client = await this.client()
      this.#stopIfDry(client, request)
      await client.download(request, take)
    } catch (cause) {
      if (cause instanceof CommandFailure || cause instanceof DryRun) throw cause
      const { programName } = this
      const text = remoteErrorText({ doing, programName }, cause)
      const status = cause instanceof ApiError ? cause.response.status : undefined
      throw new CommandFailure(text, exitCodes.remote, status)
    }
  }

  /** The storage engine's work; where this program has none, it says so. */
  async restoreStore(request: RestoreRequest): Promise<BackupHeader> {
    if (this.#restoreStore === undefined)
      throw new CommandFailure('There is no storage engine here')
    try {
      return await this.#restoreStore(request)
    } catch (cause) {
      throw new CommandFailure(
        `Error restoring: ${cause instanceof Error ? cause.message : String(cause)}`,
      )
    }
  }

  /** Sends and reads the envelope; undefined for 204 and for an answer without content. */
  async fetch(...asked: Parameters<CommandContext['send']>): Promise<Secret | undefined> {
    return parseSecret(await this.send(...asked))
  }

  /** Sends what answers nothing to show, and passes on what the server warns of. */
  async perform(...asked: Parameters<CommandContext['send']>): Promise<void> {
    const secret = await this.fetch(...asked)
    if (secret !== undefined) this.print.warnings(secret)
  }

  /** Reads a path; undefined when nothing is there. */
  async read(
    method: ApiRequest['method'],
    path: string,
    doing: string,
    options: SendOptions = {},
  ): Promise<Secret | undefined> {
    const response = await this.send(method, path, doing, { ...options, accept: [404] })
    const secret = parseSecret(response)
    if (response.status !== 404) return secret
    // A deleted version answers 404 with its metadata; that is an answer.
    const useful = secret !== undefined && (secret.data !== undefined || secret.warnings.length > 0)
    if (useful) return secret
    this.#absence = new ApiError(response).errors
    return undefined
  }

  /** Prints the field or the whole answer; the exit code. */
  show(secret: Secret): number {
    const field = this.flags.text('field')
    if (field !== undefined && field !== '') return this.print.field(secret, field)
    return this.print.secret(secret)
  }

  keyValues(words: readonly string[]): Promise<JsonObject> {
    return parseKeyValues(words, this)
  }

  readFile(path: string): Promise<string | undefined> {
    return readUserFile(path)
  }

  async readStdin(): Promise<string> {
    if (this.#stdinRead)
      throw new CommandFailure('Failed to parse K=V data: stdin already consumed')
    this.#stdinRead = true
    return readAllInput(this.#stdin)
  }

  /** Asks at the terminal; `otherwise` says how to give the value without one. */
  async ask(question: string, otherwise: string): Promise<string> {
    const alone = this.flags.bool('non-interactive')
    const answer = alone ? undefined : await askHidden(this.#stdin, this.#stderr, question)
    if (answer !== undefined && answer !== '') return answer
    throw new CommandFailure(`There is no terminal to ask at. ${otherwise}`)
  }

  /** Whether somebody sits at the terminal who may be asked. */
  get isAttended(): boolean {
    return this.#stdin.isTTY === true && !this.flags.bool('non-interactive')
  }

  /** What is entered, line by line. */
  enteredLines(): EnteredLines {
    return new EnteredLines(this.#stdin)
  }

  /** True when a browser was started for that address. */
  async openBrowser(url: string): Promise<boolean> {
    const { openInBrowser } = await import('../platform/browser-opener.ts')
    return openInBrowser(url, { system: this.#system, variables: this.environment.variables })
  }

  /**
   * Says that a path has nothing, and why when the server said so: an unknown mount looks the same
   * otherwise.
   */
  async nothingFound(path: string): Promise<number> {
    this.print.error(`No value found at ${path}`)
    for (const text of this.#absence) this.print.warn(`* ${text.trim()}`)
    const advice = this.#absence.length === 0 ? undefined : await this.#adviceFor(path, 404)
    if (advice !== undefined) this.print.warn(`There is ${advice.what}. ${advice.fix}`)
    return exitCodes.remote
  }

  /** Why it was refused; only for people, and not about requests with a token of their own. */
  async #advise(
    path: string,
    token: string | undefined,
    error: ApiError,
  ): Promise<Advice | undefined> {
    if (error.loginReason !== undefined || (token ?? '') !== '') return undefined
    return this.#adviceFor(path, error.response.status, token === '')
  }

  async #adviceFor(path: string, status: number, isOpen = false): Promise<Advice | undefined> {
    if (!this.print.isTable) return undefined
    const { adviseOn } = await import('./refusal-advice.ts')
    const client = await this.client()
    const tokenFrom = client.token === '' ? undefined : await this.tokenOrigin()
    return adviseOn({ client, programName: this.programName, status, path, isOpen, tokenFrom })
  }

  /** Where the token in use came from, as a person would look for it. */
  async tokenOrigin(): Promise<string> {
    const isSet = this.environment.text('TOKEN') !== undefined
    const variable = isSet ? this.environment.variableName('TOKEN') : undefined
    return variable ?? (await this.tokenHelper()).place
  }

  #stopIfDry(client: ApiClient, request: ApiRequest): void {
    if (this.flags.bool('output-curl-string')) {
      throw new DryRun(curlText(client.prepare(request), this.programName))
    }
    if (this.flags.bool('output-policy')) throw new DryRun(policyText(request))
  }
}

export function cleanPath(text: string): string {
  return trimEnds(text.trim(), '/')
}

export function parentPath(path: string): string {
  return path.endsWith('/') ? path : `${path}/`
}
