/** The door to the process: signals, id, environment, exit. Only the program's entry uses it. */

export type ProcessSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

export interface ProcessDoor {
  readonly id: number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly nodeVersion: string
  readonly isRoot: boolean
  /** Calls `work` each time the signal arrives; gives a function that stops that. */
  onSignal(signal: ProcessSignal, work: () => void): () => void
  /** Calls `work` for a fault that nothing caught; the process must end afterwards. */
  onFault(work: (fault: unknown) => void): void
  /**
   * Goes on when whoever read standard output or error has gone: a log that nobody reads any more
   * ends no server, and telling that to the log would never end.
   */
  outliveReaders(): void
  exit(code: number): never
  /** Resident memory, in bytes. */
  residentBytes(): number
}

export const systemProcess: ProcessDoor = {
  id: process.pid,
  env: process.env,
  nodeVersion: process.versions.node,
  isRoot: process.getuid?.() === 0,
  onSignal(signal, work) {
    process.on(signal, work)
    return () => {
      process.off(signal, work)
    }
  },
  onFault(work) {
    process.on('uncaughtException', work)
    process.on('unhandledRejection', work)
  },
  outliveReaders() {
    for (const output of [process.stdout, process.stderr]) {
      // The program's own answer to it, which is right for every other command, is to end.
      output.removeAllListeners('error')
      output.on('error', () => undefined)
    }
  },
  exit: (code) => process.exit(code),
  residentBytes: () => process.memoryUsage.rss(),
}
