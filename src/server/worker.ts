/**
 * The program of one worker: a server of its own on the folder and the sockets that all workers
 * share. Started by the first process alone, which tells it everything; run as a program only.
 */

import { err, ok, type Result } from '../lib/result.ts'
import { describeFault } from '../lib/fault.ts'
import type { Logger } from '../platform/logger.ts'
import { systemProcess } from '../platform/process.ts'
import { SystemRandom } from '../platform/random.ts'
import { primaryChannel, wholeWriteBytesMax, workerErrors } from '../platform/workers.ts'
import { loadFromFiles } from './config-load.ts'
import { Ending } from './ending.ts'
import { parseServerFlags } from './server-flags.ts'
import { openLog, type ServerLog } from './server-log.ts'
import { serverOptions } from './server-options.ts'
import { storageOfWorker } from './storage-engine.ts'
import { createServer, type Server, type ServerOptions } from './wire.ts'
import { Link } from './workers/link.ts'
import { nothing, type OfPrimary, type OfWorker, type WorkerSetup } from './workers/questions.ts'
import { SharedLogger } from './workers/shared-logger.ts'
import { SharedSeal } from './workers/shared-seal.ts'

/** What exists once the first process has told what to be. */
interface Running {
  readonly server: Server
  readonly seal: SharedSeal
  readonly log: ServerLog
}

const primary = new Link<OfPrimary>(primaryChannel)
const end = new Ending()
let running: Running | undefined

// A terminal sends them to all processes; the first one decides what they mean.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
  systemProcess.onSignal(signal, () => {})

primary.serve<OfWorker>(
  {
    leader: async ({ publicKey }) => {
      requireRunning().seal.errands.setLeader(publicKey)
      return undefined
    },
    rootKey: async ({ publicKey }) => {
      const letter = requireRunning().seal.rootKeyFor(publicKey)
      return letter === undefined ? {} : { letter }
    },
    open: async ({ letter }) => {
      await requireRunning().seal.openWith(letter)
      return undefined
    },
    seal: async () => {
      await requireRunning().seal.sealOwn()
      return undefined
    },
    keyring: async () => {
      await requireRunning().seal.reloadKeyring()
      return undefined
    },
    errand: ({ letter, replyTo }) => requireRunning().seal.errands.take(letter, replyTo),
    progress: () => requireRunning().seal.progress(),
    unsavedSeals: async ({ term }) => ({ count: requireRunning().seal.unsavedSeals(term) }),
    metrics: async () => {
      const { core } = requireRunning().server
      return { own: core.isOpen ? await core.ownMetrics() : [] }
    },
    logLevel: async ({ level }) => {
      running?.log.logger.setLevel(level)
      return undefined
    },
    reload: () => reload(requireRunning()),
    stop: async () => {
      end.with(0)
      return undefined
    },
  },
  (fault) => {
    running?.log.logger.log('error', 'the first process could not be answered', {
      detail: describeFault(fault),
    })
  },
)

systemProcess.exit(await run())

async function run(): Promise<number> {
  try {
    const setup = await primary.ask('setup', nothing)
    const made = await create(setup)
    if (!made.ok) return await fail(made.error)
    running = made.value
    const { server, log } = running
    systemProcess.outliveReaders()
    systemProcess.onFault((fault) => {
      log.logger.log('error', 'uncaught fault, the worker ends', { detail: describeFault(fault) })
      end.with(1)
    })
    const addresses = await server.start()
    await primary.ask('listening', { addresses })
    const code = await end.reached
    await server.stop()
    return code
  } catch (problem) {
    return fail(problem instanceof Error ? problem.message : 'the worker could not start')
  }
}

async function create(setup: WorkerSetup): Promise<Result<Running, string>> {
  const flags = parseServerFlags(setup.words, systemProcess.env)
  if (!flags.ok) return flags
  const loaded = loadFromFiles(setup.files, systemProcess.env)
  if (!loaded.ok) return loaded
  const log = openLog(flags.value, loaded.value.config, workerErrors, wholeWriteBytesMax)
  if (!log.ok) return log
  if (setup.logLevel !== undefined) log.value.logger.setLevel(setup.logLevel)
  const logger = new SharedLogger(log.value.logger, primary)
  const options = serverOptions(flags.value, loaded.value, { process: systemProcess, logger, end })
  if (!options.ok) return err(options.error)
  const { server, seal } = await createMember(options.value, setup)
  return ok({ server, seal, log: log.value })
}

/** A server that has its part of the sockets, the folder and the budgets. */
async function createMember(
  options: ServerOptions,
  { workers, folderGroup, freePorts }: WorkerSetup,
): Promise<{ readonly server: Server; readonly seal: SharedSeal }> {
  const seals: SharedSeal[] = []
  const server = await createServer({
    ...options,
    listeners: options.listeners.map((listener, index) => ({
      ...listener,
      ...(listener.kind === 'tcp' ? { port: listener.port || (freePorts[index] ?? 0) } : {}),
      isShared: true,
      connectionsMax: Math.ceil(listener.connectionsMax / workers),
    })),
    storage: storageOfWorker(options.storage, folderGroup),
    membership: {
      processes: workers,
      metricsOfOthers: async () => (await primary.ask('metrics', nothing)).ofOthers,
      sealOf: (own) => {
        const seal = new SharedSeal({ own, primary, random: new SystemRandom() })
        seals.push(seal)
        return seal
      },
    },
  })
  const [seal] = seals
  if (seal === undefined) throw new Error('the server was made without its seal')
  return { server, seal }
}

async function reload({ log, server }: Running): Promise<{ readonly problem?: string }> {
  try {
    log.reopen()
  } catch (problem) {
    warn(log.logger, problem)
  }
  try {
    await server.reload()
    return {}
  } catch (problem) {
    return { problem: problem instanceof Error ? problem.message : 'unknown' }
  }
}

function warn(logger: Logger, problem: unknown): void {
  const detail = problem instanceof Error ? problem.message : 'unknown'
  logger.log('warn', 'the log file cannot be opened again, the old one stays', { detail })
}

async function fail(text: string): Promise<number> {
  await primary.ask('failed', { text })
  return 1
}

function requireRunning(): Running {
  if (running === undefined) throw new Error('this worker has not joined yet')
  return running
}
