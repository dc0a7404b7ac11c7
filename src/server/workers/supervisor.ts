/**
 * Starts the workers of a server, watches them and replaces those that end; stops them all. It is
 * the one process that operators see: its id, its signals and its exit code are the server's.
 */

import type { BoundAddress } from '../../http/listener.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { WorkerStarter } from '../../platform/workers.ts'
import { Crew, type Member } from './crew.ts'
import type { WorkerSetup } from './questions.ts'

/** A worker that ends before it has served so long has ended at once. */
const servesMsMin = 1000

/** So many at once in a row end the server: another one would fare no better. */
const endsAtOnceMax = 5

/** The pause after the first that ended at once; each further one doubles it. */
const firstPauseMs = 100

export interface SupervisorParts {
  readonly starter: WorkerStarter
  readonly setup: WorkerSetup
  readonly clock: Clock
  readonly logger: Logger
  /** A worker that takes longer to stop is ended. */
  readonly stopMsMax: number
  /** There is no use in going on; the log has the reason. */
  readonly onFailed: () => void
}

/** Settled once. */
interface Start {
  readonly resolve: (addresses: readonly BoundAddress[]) => void
  readonly reject: (problem: Error) => void
}

export class Supervisor {
  readonly #parts: SupervisorParts
  readonly #crew: Crew
  /** Why a worker could not go on, as it said itself. */
  readonly #reasons = new Map<Member, string>()
  #start: Start | undefined
  #endsAtOnce = 0
  #isPausing = false
  #isStopping = false
  #allGone: () => void = () => undefined

  constructor(parts: SupervisorParts) {
    const { setup, clock, logger } = parts
    this.#parts = parts
    this.#crew = new Crew({
      setup,
      clock,
      logger,
      events: {
        onListening: (addresses) => this.#onListening(addresses),
        onFailed: (member, text) => this.#reasons.set(member, text),
      },
    })
  }

  /** Runs work that makes files, with the modes that it asks for. */
  readonly makingFiles = (work: () => void): void => this.#parts.starter.makingFiles(work)

  /** Resolves when all serve; rejects with the reason of a worker that cannot. */
  start(): Promise<readonly BoundAddress[]> {
    return new Promise((resolve, reject) => {
      this.#start = { resolve, reject }
      this.#fill()
    })
  }

  async stop(): Promise<void> {
    const { clock, logger, stopMsMax } = this.#parts
    this.#isStopping = true
    if (this.#crew.members.length === 0) return
    const allGone = new Promise<void>((resolve) => {
      this.#allGone = resolve
    })
    const cancel = clock.after(stopMsMax, () => {
      for (const { process } of this.#crew.members) {
        logger.log('error', 'a worker does not stop and is ended', { pid: process.pid })
        process.kill()
      }
    })
    this.#crew.stop()
    await allGone
    cancel()
    logger.log('info', 'all workers have stopped')
  }

  async reload(): Promise<void> {
    const problem = await this.#crew.reload()
    if (problem !== undefined) throw new Error(problem)
  }

  /**
   * While none listens they are started one by one: the first makes the folder and binds the
   * sockets, and what stops it would stop all of them.
   */
  #fill(): void {
    if (this.#isStopping || this.#isPausing) return
    const { members } = this.#crew
    const isServed = members.some(({ listensSinceMs }) => listensSinceMs !== undefined)
    const wanted = isServed ? this.#parts.setup.workers : 1
    while (members.length < wanted) this.#startOne()
  }

  #startOne(): void {
    const process = this.#parts.starter.start()
    const member = this.#crew.add(process)
    process.onExit((how) => this.#onExit(member, how))
  }

  #onListening(addresses: readonly BoundAddress[]): void {
    this.#fill()
    const { members } = this.#crew
    if (members.length < this.#parts.setup.workers) return
    if (members.some(({ listensSinceMs }) => listensSinceMs === undefined)) return
    this.#start?.resolve(addresses)
    this.#start = undefined
  }

  #onExit(member: Member, how: number | string): void {
    const { clock, logger } = this.#parts
    const reason = this.#reasons.get(member)
    this.#reasons.delete(member)
    this.#crew.remove(member)
    if (this.#isStopping) {
      if (this.#crew.members.length === 0) this.#allGone()
      return
    }
    if (this.#start !== undefined) {
      this.#isStopping = true
      this.#start.reject(new Error(reason ?? `a worker ended with ${how} before it served`))
      for (const { process } of this.#crew.members) process.kill()
      return
    }
    const hasServed =
      member.listensSinceMs !== undefined &&
      clock.monotonicMs() - member.listensSinceMs >= servesMsMin
    this.#endsAtOnce = hasServed ? 0 : this.#endsAtOnce + 1
    const fields = { pid: member.process.pid, how, ...(reason === undefined ? {} : { reason }) }
    if (this.#endsAtOnce >= endsAtOnceMax) {
      logger.log('error', 'workers end as soon as they are started, stopping', fields)
      this.#parts.onFailed()
      return
    }
    logger.log('warn', 'a worker has ended and is replaced', fields)
    if (hasServed) this.#fill()
    else void this.#pause()
  }

  async #pause(): Promise<void> {
    if (this.#isPausing) return
    this.#isPausing = true
    await this.#parts.clock.sleep(firstPauseMs * 2 ** (this.#endsAtOnce - 1))
    this.#isPausing = false
    this.#fill()
  }
}
