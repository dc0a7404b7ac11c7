/**
 * Where the token of the person at the terminal is kept: a file of its own, or a program of theirs.
 * platform.md §9.3. Both existing clients use `~/.vault-token`, so a login of one is one of all.
 */

import {
  readPrivateFile,
  readUserFile,
  removeUserFile,
  requirePrivatePlace,
  writePrivateFile,
} from '../platform/user-files.ts'
import { runProgram } from '../platform/terminal.ts'
import type { Environment } from './environment.ts'
import { CommandFailure } from './failure.ts'

export interface TokenHelper {
  /** Where it keeps the token, for people. */
  readonly place: string
  /** The kept token, or the empty string. */
  get(): Promise<string>
  /** Throws where a token could not be kept, as far as that shows before; changes nothing. */
  requirePlace(): Promise<void>
  store(token: string): Promise<void>
  erase(): Promise<void>
}

export async function createTokenHelper(
  environment: Environment,
  address: string,
): Promise<TokenHelper> {
  const home = environment.variables['HOME'] ?? environment.variables['USERPROFILE']
  const program = await loadHelperProgram(environment, home)
  if (program !== undefined) return new ProgramTokenHelper(program, environment, address)
  const path =
    environment.text('TOKEN_PATH') ?? (home === undefined ? undefined : `${home}/.vault-token`)
  return path === undefined ? noTokenHelper : new FileTokenHelper(path)
}

/**
 * Services often run without a home: there is no kept token then, which most commands do not mind.
 */
const noTokenHelper: TokenHelper = {
  place: 'nowhere',
  get: () => Promise.resolve(''),
  requirePlace: rejectHomeless,
  store: rejectHomeless,
  erase: () => Promise.resolve(),
}

function rejectHomeless(): Promise<never> {
  return Promise.reject(
    new CommandFailure(
      'There is no home directory to keep the token in; set TOKENSTILE_TOKEN_PATH.',
    ),
  )
}

class FileTokenHelper implements TokenHelper {
  readonly place: string

  constructor(path: string) {
    this.place = path
  }

  async get(): Promise<string> {
    return ((await readPrivateFile(this.place)) ?? '').trim()
  }

  requirePlace(): Promise<void> {
    return requirePrivatePlace(this.place)
  }

  store(token: string): Promise<void> {
    return writePrivateFile(this.place, token)
  }

  erase(): Promise<void> {
    return removeUserFile(this.place)
  }
}

class ProgramTokenHelper implements TokenHelper {
  readonly place: string
  readonly #path: string
  readonly #environment: Environment
  readonly #address: string

  constructor(path: string, environment: Environment, address: string) {
    this.place = `the token helper ${path}`
    this.#path = path
    this.#environment = environment
    this.#address = address
  }

  async get(): Promise<string> {
    return (await this.#run('get', '')).trim()
  }

  async requirePlace(): Promise<void> {
    await this.get()
  }

  async store(token: string): Promise<void> {
    await this.#run('store', token)
  }

  async erase(): Promise<void> {
    await this.#run('erase', '')
  }

  async #run(verb: string, stdin: string): Promise<string> {
    const env = { ...this.#environment.variables, VAULT_ADDR: this.#address }
    const run = await runProgram(this.#path, { args: [verb], env, stdin })
    if (run.exitCode === 0) return run.stdout
    throw new CommandFailure(
      `The token helper ${this.#path} failed at "${verb}": ${run.stderr.trim()}`,
    )
  }
}

/** The one setting of the client's config file that matters here. */
async function loadHelperProgram(
  environment: Environment,
  home: string | undefined,
): Promise<string | undefined> {
  const path =
    environment.text('CONFIG_PATH') ?? (home === undefined ? undefined : `${home}/.vault`)
  const text = path === undefined ? undefined : await readUserFile(path).catch(ignoreDirectory)
  const match = /^[ \t]*token_helper[ \t]*=[ \t]*"([^"\n]+)"/mu.exec(text ?? '')
  const program = match?.[1]
  if (program === undefined || program.startsWith('/')) return program
  throw new CommandFailure(`The token_helper in ${path} must be an absolute path.`)
}

// Some people keep a directory of that name; it is no config file.
function ignoreDirectory(cause: unknown): undefined {
  if (cause instanceof Error && 'code' in cause && cause.code === 'EISDIR') return undefined
  throw cause
}
