/**
 * The door to worker processes: several processes of one program that accept on the same sockets.
 * The first process binds and holds the sockets and accepts nothing itself, so that a worker's
 * death closes none of them. Both ends of the channel between the first process and a worker are
 * here; nobody else can reach it.
 */

import cluster from 'node:cluster'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

/** One end of the channel. Messages are plain data and come in the order of their sending. */
export interface Channel {
  /** What is sent to an end that is gone is lost. */
  send(message: object): void
  onMessage(work: (message: unknown) => void): void
}

export interface WorkerProcess extends Channel {
  readonly pid: number
  /** Called once, with its exit code or the signal that ended it. */
  onExit(work: (how: number | string) => void): void
  /** Ends it on the spot. */
  kill(): void
}

export interface WorkerStarter {
  start(): WorkerProcess
  /** Runs work that makes files, with the modes that it asks for. */
  makingFiles(work: () => void): void
}

/**
 * A port that is free at the moment. Workers that each asked for any port would get one together,
 * and another one when all of them have ended at once.
 */
export function findFreePort(host: string): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port: 0, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}

/** Processors that this process may use. */
export function processorCount(): number {
  return availableParallelism()
}

/**
 * This process binds a socket that is a file on a worker's behalf, and the worker gives it its
 * mode a moment later. Until then it is nobody else's.
 */
const maskOfSockets = 0o177

/** Starts workers that run that file. */
export function createWorkerStarter(program: URL): WorkerStarter {
  // Each worker accepts for itself, the idle one first. The other policy sends each connection
  // through this process, and loses those that it has sent to a worker that dies.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({
    exec: fileURLToPath(program),
    args: [],
    execArgv: process.execArgv.filter(isForWorkers),
    silent: false,
  })
  const usualMask = process.umask(maskOfSockets)
  const withUsualMask = <T>(work: () => T): T => {
    process.umask(usualMask)
    try {
      return work()
    } finally {
      process.umask(maskOfSockets)
    }
  }
  return { start: () => withUsualMask(startWorker), makingFiles: withUsualMask }
}

/** Settings of the platform hold for all; what runs another program in this one does not. */
function isForWorkers(word: string): boolean {
  return word.startsWith('--') && !/^--(?:input-type|eval|print|test)\b/.test(word)
}

function startWorker(): WorkerProcess {
  const worker = cluster.fork()
  // A channel that breaks is a process that ends, which is told by its exit.
  worker.on('error', () => undefined)
  return {
    pid: worker.process.pid ?? 0,
    send: (message) => {
      if (worker.isConnected()) worker.send(message, undefined, () => undefined)
    },
    onMessage: (work) => {
      worker.on('message', work)
    },
    onExit: (work) => {
      worker.once('exit', (code, signal) => work(signal ?? code))
    },
    kill: () => {
      worker.process.kill('SIGKILL')
    },
  }
}

/**
 * The worker's end. The platform ends a worker at once when the first process is gone, so that no
 * worker outlives it.
 */
export const primaryChannel: Channel = {
  send: (message) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
  },
  onMessage: (work) => {
    process.on('message', work)
  },
}

/** What a pipe takes as one piece, among others that write to it (POSIX `write`, PIPE_BUF). */
export const wholeWriteBytesMax = 4096

/** Where a worker writes its log when there is no file for it: what the first process writes to. */
export const workerErrors = {
  write: (text: string): void => {
    process.stderr.write(text)
  },
}
