/** What a way to log in is: one file per method, listed in methods.ts. */

import type { Secret } from '../../client/secret.ts'
import type { CommandContext } from '../context.ts'

export interface LoginRequest {
  readonly context: CommandContext
  /** Where the method is mounted, without slashes: `jwt`, `corp/jwt`. */
  readonly mount: string
  /** The K=V words. */
  readonly words: ReadonlyMap<string, string>
  /** A single word without `=`: the token of the method `token`. */
  readonly positional: string | undefined
}

export interface LoginMethod {
  readonly description: string
  /** The K=V words it takes, for help. */
  readonly parameters: readonly { readonly name: string; readonly help: string }[]
  /** After the program's name. */
  readonly example: string
  /** Performs the login; the answer carries `auth`, or a wrapping of it. */
  authenticate(request: LoginRequest): Promise<Secret>
}
