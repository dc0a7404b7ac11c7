/** How a command ends early: with a text for stderr and an exit code (platform.md §9.6). */

export const exitCodes = {
  ok: 0,
  /** Bad usage or a local error. */
  local: 1,
  /** The server refused, or could not be reached. */
  remote: 2,
  unknownCommand: 127,
} as const

export class CommandFailure extends Error {
  readonly exitCode: number
  /** What the server answered with, where a refusal of it is the cause. */
  readonly status: number | undefined
  /** Code of the reason for which a login was refused. */
  readonly loginReason: string | undefined

  constructor(
    text: string,
    exitCode: number = exitCodes.local,
    status?: number,
    loginReason?: string,
  ) {
    super(text)
    this.exitCode = exitCode
    this.status = status
    this.loginReason = loginReason
  }
}

/** A command that was asked only to show what it would send; the text goes to stdout. */
export class DryRun extends Error {}
