/**
 * Where audit records go outside: a file, a socket, a stream. Each takes whole lines and says when
 * it has them; how long anybody waits for that is not decided here.
 */

export interface RecordSink {
  /**
   * Hands over whole lines, each with its line break. Resolves when the sink has them all and
   * rejects when one may be missing. Never called again before it has settled.
   */
  write(lines: readonly string[]): Promise<void>
  /** Opens again what was moved away; rejects and keeps the old one when that cannot be done. */
  reopen(): Promise<void>
  /** Nobody waits any more for the write that is under way: it may be broken off. */
  giveUp(): void
  close(): Promise<void>
}

/** Takes everything and keeps nothing. */
export const discardSink: RecordSink = {
  write: async () => {},
  reopen: async () => {},
  giveUp: () => {},
  close: async () => {},
}

/** The standard output of the process; whoever reads it decides how fast it goes. */
export const standardOutputSink: RecordSink = {
  ...discardSink,
  write: (lines) =>
    new Promise((resolve, reject) => {
      process.stdout.write(lines.join(''), (problem) => {
        if (problem) reject(problem)
        else resolve()
      })
    }),
}
