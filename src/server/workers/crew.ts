/**
 * The workers of a server as one: who leads, and what all of them do before somebody is answered.
 * The first process runs this. It carries sealed letters between workers and holds no key itself.
 */

import type { Clock } from '../../platform/clock.ts'
import type { Logger, LogLevel } from '../../platform/logger.ts'
import type { WorkerProcess } from '../../platform/workers.ts'
import { describeFault } from '../../lib/fault.ts'
import { Link, LinkBroken } from './link.ts'
import {
  nothing,
  type ErrandOutcome,
  type OfPrimary,
  type OfWorker,
  type Progress,
  type WorkerSetup,
} from './questions.ts'
import type { BoundAddress } from '../../http/listener.ts'

/** A worker that has not sealed or opened itself by then is ended: what it holds goes with it. */
const answerMsMax = 10_000

const progressMsMax = 1000

export interface Member {
  readonly process: WorkerProcess
  readonly link: Link<OfWorker>
  /** Set when it joins. */
  publicKey: string | undefined
  /** Set when it serves. */
  listensSinceMs: number | undefined
}

export interface CrewEvents {
  readonly onListening: (addresses: readonly BoundAddress[]) => void
  readonly onFailed: (member: Member, text: string) => void
}

export class Crew {
  readonly #setup: WorkerSetup
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #events: CrewEvents
  readonly #members: Member[] = []
  /** What concerns all of them goes one after the other. */
  #queue: Promise<unknown> = Promise.resolve()
  /** Somebody sealed the server: no worker that comes later opens it by itself. */
  #isSealedByRequest = false
  #logLevel: LogLevel | undefined

  constructor(parts: {
    readonly setup: WorkerSetup
    readonly clock: Clock
    readonly logger: Logger
    readonly events: CrewEvents
  }) {
    this.#setup = parts.setup
    this.#clock = parts.clock
    this.#logger = parts.logger
    this.#events = parts.events
  }

  get members(): readonly Member[] {
    return this.#members
  }

  add(process: WorkerProcess): Member {
    const link = new Link<OfWorker>(process)
    const member: Member = { process, link, publicKey: undefined, listensSinceMs: undefined }
    this.#members.push(member)
    link.serve<OfPrimary>(
      {
        setup: async () =>
          this.#logLevel === undefined ? this.#setup : { ...this.#setup, logLevel: this.#logLevel },
        join: ({ publicKey }) => this.#inTurn(() => this.#join(member, publicKey)),
        listening: async ({ addresses }) => {
          member.listensSinceMs = this.#clock.monotonicMs()
          this.#logger.log('info', 'a worker serves', { pid: process.pid })
          this.#events.onListening(addresses)
          return undefined
        },
        failed: async ({ text }) => {
          this.#events.onFailed(member, text)
          return undefined
        },
        opened: () => this.#inTurn(() => this.#openAllAs(member)),
        seal: () => this.#inTurn(() => this.#sealAllBut(member)),
        rotated: () => this.#inTurn(() => this.#toEach(member, 'keyring')),
        errand: (errand) => this.#errand(errand),
        progress: () => this.#progress(),
        unsavedSeals: ({ term }) => this.#unsavedSeals(member, term),
        metrics: () => this.#metrics(member),
        logLevel: async ({ level }) => this.#setLogLevel(member, level),
      },
      (fault) => {
        this.#logger.log('warn', 'a worker could not be answered', { detail: describeFault(fault) })
      },
    )
    return member
  }

  /** It has ended, however that came. */
  remove(member: Member): void {
    const index = this.#members.indexOf(member)
    if (index !== -1) this.#members.splice(index, 1)
    member.link.end()
    if (member.publicKey !== undefined) this.#tellLeader()
  }

  /** The first problem that one of them has with it; those that end meanwhile are not missed. */
  async reload(): Promise<string | undefined> {
    const answers = await Promise.all(
      this.#joined.map(({ link }) => link.ask('reload', nothing).catch(ignoreGone)),
    )
    return answers.find((answer) => answer?.problem !== undefined)?.problem
  }

  /** They end when they have answered what they took. */
  stop(): void {
    for (const { link } of this.#members) link.ask('stop', nothing).catch(ignoreGone)
  }

  get #joined(): readonly Member[] {
    return this.#members.filter(({ publicKey }) => publicKey !== undefined)
  }

  /** The one that has been there longest. */
  get #leader(): Member | undefined {
    return this.#joined[0]
  }

  /**
   * A worker that comes later is opened by one that is open. Nobody else can do anything about the
   * seal in between, so that none is open beside sealed ones.
   */
  async #join(member: Member, publicKey: string): Promise<OfPrimary['join']['answer']> {
    member.publicKey = publicKey
    this.#tellLeader()
    if (this.#isSealedByRequest) return { mayOpenItself: false }
    for (const sibling of this.#joined) {
      if (sibling !== member && (await this.#handKey(sibling, member))) {
        return { mayOpenItself: false }
      }
    }
    return { mayOpenItself: true }
  }

  /** False when the first is not open itself. */
  async #handKey(from: Member, to: Member): Promise<boolean> {
    if (to.publicKey === undefined) return false
    const { publicKey } = to
    const answer = await this.#bounded(from, from.link.ask('rootKey', { publicKey }))
    const letter = answer?.letter
    if (letter === undefined) return false
    await this.#bounded(to, to.link.ask('open', { letter }))
    return true
  }

  async #openAllAs(opened: Member): Promise<undefined> {
    const others = this.#joined.filter((member) => member !== opened)
    const handed = await Promise.all(others.map((member) => this.#handKey(opened, member)))
    // It may have been sealed again before its turn came.
    if (handed.every((isHanded) => isHanded)) this.#isSealedByRequest = false
    return undefined
  }

  async #sealAllBut(asking: Member): Promise<undefined> {
    this.#isSealedByRequest = true
    return this.#toEach(asking, 'seal')
  }

  async #toEach(asking: Member, name: 'seal' | 'keyring'): Promise<undefined> {
    const others = this.#joined.filter((member) => member !== asking)
    await Promise.all(others.map((member) => this.#bounded(member, member.link.ask(name, nothing))))
    return undefined
  }

  async #unsavedSeals(asking: Member, term: number): Promise<{ readonly count: number }> {
    const others = this.#joined.filter((member) => member !== asking)
    const counts = await Promise.all(
      others.map((member) => this.#bounded(member, member.link.ask('unsavedSeals', { term }))),
    )
    return { count: counts.reduce((sum, answer) => sum + (answer?.count ?? 0), 0) }
  }

  async #metrics(asking: Member): Promise<OfPrimary['metrics']['answer']> {
    const others = this.#joined.filter((member) => member !== asking)
    const answers = await Promise.all(
      others.map((member) => this.#bounded(member, member.link.ask('metrics', nothing))),
    )
    return { ofOthers: answers.map((answer) => answer?.own ?? []) }
  }

  async #errand(errand: OfPrimary['errand']['asked']): Promise<ErrandOutcome> {
    const leader = this.#leader
    if (leader === undefined) return { kind: 'elsewhere' }
    return (await leader.link.ask('errand', errand).catch(ignoreGone)) ?? { kind: 'elsewhere' }
  }

  /** Health is asked for all the time: a leader that hangs must not hold it up. */
  #progress(): Promise<Progress> {
    const leader = this.#leader
    if (leader === undefined) return Promise.resolve(noProgress)
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(progressMsMax, () => resolve(noProgress))
      leader.link
        .ask('progress', nothing)
        .catch((problem: unknown) => ignoreGone(problem) ?? noProgress)
        .then(resolve, reject)
        .finally(cancel)
    })
  }

  #setLogLevel(asking: Member, level: LogLevel): undefined {
    this.#logLevel = level
    this.#logger.setLevel(level)
    for (const member of this.#members) {
      if (member !== asking) member.link.ask('logLevel', { level }).catch(ignoreGone)
    }
  }

  #tellLeader(): void {
    const publicKey = this.#leader?.publicKey
    if (publicKey === undefined) return
    for (const { link } of this.#joined) link.ask('leader', { publicKey }).catch(ignoreGone)
  }

  /**
   * Waits for a worker's answer, and no longer than that: one that hangs would hold up the seal of
   * all. Undefined when it has ended.
   */
  async #bounded<T>(member: Member, answer: Promise<T>): Promise<T | undefined> {
    const cancel = this.#clock.after(answerMsMax, () => {
      this.#logger.log('error', 'a worker does not answer and is ended', {
        pid: member.process.pid,
      })
      member.process.kill()
    })
    try {
      return await answer
    } catch (problem) {
      // What it could not do as the others did, it must not go on without.
      ignoreGone(problem)
      member.process.kill()
      return undefined
    } finally {
      cancel()
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => undefined)
    return turn
  }
}

const noProgress: Progress = { progress: 0, nonce: '' }

function ignoreGone(problem: unknown): undefined {
  if (!(problem instanceof LinkBroken)) throw problem
  return undefined
}
