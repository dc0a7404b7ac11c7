/** The `server` command: flags, configuration, start, signals, stop. */

import type { BoundAddress } from '../http/listener.ts'
import type { ListenerOptions } from '../http/listener-options.ts'
import { product, wireVersion } from '../lib/product.ts'
import { SystemClock } from '../platform/clock.ts'
import { removePidFile, writePidFile } from '../platform/config-files.ts'
import type { Logger } from '../platform/logger.ts'
import { systemProcess, type ProcessDoor } from '../platform/process.ts'
import { SystemRandom } from '../platform/random.ts'
import type { TerminalOutput } from '../platform/terminal.ts'
import { createWorkerStarter, findFreePort, processorCount } from '../platform/workers.ts'
import type { ServerConfig } from './config-file.ts'
import { workersMax } from './config-file.ts'
import { loadServerConfig, type LoadedConfig } from './config-load.ts'
import { prepareDevServer } from './dev.ts'
import { storeDevToken } from './dev-token.ts'
import { Ending } from './ending.ts'
import { parseServerFlags, type ServerFlags } from './server-flags.ts'
import { logFormatOf, openLog } from './server-log.ts'
import { serverOptions } from './server-options.ts'
import { createServer, stopGraceMs, type Server } from './wire.ts'
import { Supervisor } from './workers/supervisor.ts'

export { restoreStore } from './restore.ts'

export interface ServerIo {
  readonly stdout: TerminalOutput
  readonly stderr: TerminalOutput
}

/** Runs until it is told to stop; gives the exit code. */
export async function runServer(args: readonly string[], io: ServerIo): Promise<number> {
  const process = systemProcess
  const flags = parseServerFlags(args, process.env)
  if (!flags.ok) return fail(io, flags.error)
  const loaded = loadServerConfig(flags.value, process)
  if (!loaded.ok) return fail(io, loaded.error)
  if (!flags.value.dev && loaded.value === undefined) {
    return fail(io, 'Must specify at least one config path using -config, or -dev to try it out')
  }
  const log = openLog(flags.value, loaded.value?.config, io.stderr)
  if (!log.ok) return fail(io, log.error)
  const { logger, reopen } = log.value
  for (const warning of [...flags.value.warnings, ...(loaded.value?.warnings ?? [])]) {
    logger.log('warn', warning)
  }
  const end = new Ending()
  const running: Running = {
    flags: flags.value,
    loaded: loaded.value,
    io,
    process,
    logger,
    reopenLog: reopen,
    end,
  }
  const workers = workersOf(flags.value, loaded.value?.config)
  try {
    if (workers > 1) return await serve(await superviseWorkers(args, workers, running), running)
    const options = serverOptions(flags.value, loaded.value, { process, logger, end })
    if (!options.ok) return fail(io, options.error)
    const server = await createServer(options.value)
    return await serve(server, running, flags.value.dev ? server : undefined)
  } catch (problem) {
    return fail(io, problem instanceof Error ? problem.message : 'the server could not start')
  }
}

interface Running {
  readonly flags: ServerFlags
  readonly loaded: LoadedConfig | undefined
  readonly io: ServerIo
  readonly process: ProcessDoor
  readonly logger: Logger
  readonly reopenLog: () => void
  readonly end: Ending
}

/** A server in this process, or the workers of one. */
type Served = Pick<Server, 'start' | 'stop' | 'reload'> & Partial<Pick<Supervisor, 'makingFiles'>>

/** More than a worker needs to close its store when its grace is over. */
const stopAfterGraceMs = 4000

/** Memory belongs to one process, and so does a server to try out. */
function workersOf(flags: ServerFlags, config: ServerConfig | undefined): number {
  if (flags.dev || config === undefined || config.storage.kind === 'inmem') return 1
  return config.workers === 'auto' ? Math.min(processorCount(), workersMax) : config.workers
}

async function superviseWorkers(
  words: readonly string[],
  workers: number,
  { loaded, logger, end }: Running,
): Promise<Supervisor> {
  // Each worker reads the key for itself; here nobody needs it.
  if (typeof loaded?.sealKey === 'object') loaded.sealKey.fill(0)
  const freePorts = await Promise.all((loaded?.config.listeners ?? []).map(freePortOf))
  const folderGroup = new SystemRandom().uuid()
  return new Supervisor({
    starter: createWorkerStarter(new URL('./worker.js', import.meta.url)),
    setup: { words, files: loaded?.files ?? [], workers, freePorts, folderGroup },
    clock: new SystemClock(),
    logger,
    stopMsMax: stopGraceMs + stopAfterGraceMs,
    onFailed: () => end.with(1),
  })
}

/** For a listener that takes any port; 0 for others. */
async function freePortOf(listener: ListenerOptions): Promise<number> {
  return listener.kind === 'tcp' && listener.port === 0 ? findFreePort(listener.host) : 0
}

async function serve(server: Served, running: Running, dev?: Server): Promise<number> {
  const { io, process, logger, end } = running
  process.outliveReaders()
  process.onFault((fault) => {
    end.with(1)
    logger.log('error', 'uncaught fault, stopping', {
      detail: detailOf(fault),
      stack: fault instanceof Error ? fault.stack : undefined,
    })
  })
  process.onSignal('SIGTERM', () => end.with(0))
  process.onSignal('SIGINT', () => end.with(0))
  process.onSignal('SIGHUP', () => {
    try {
      running.reopenLog()
    } catch (problem) {
      const detail = detailOf(problem)
      logger.log('warn', 'the log file cannot be opened again, the old one stays', { detail })
    }
    server.reload().then(
      () => logger.log('info', 'reloaded'),
      (problem: unknown) =>
        logger.log('error', 'reload failed, the old settings stay', {
          detail: detailOf(problem),
        }),
    )
  })
  const addresses = await server.start()
  const pidFile = running.loaded?.config.pidFile ?? ''
  const makingFiles = server.makingFiles ?? ((work) => work())
  if (pidFile !== '') makingFiles(() => writePidFile(pidFile, process.id))
  if (dev !== undefined) await startDev(dev, addresses, running)
  else if (isReadByProgram(running)) logListening(addresses, running)
  else announce(addresses, running)
  const code = await end.reached
  await server.stop()
  if (pidFile !== '') removePidFile(pidFile)
  // Where the log is json it says so itself, and standard output is for nobody.
  if (code === 0 && (dev !== undefined || !isReadByProgram(running)))
    io.stdout.write(`==> ${product.name} shutdown complete\n`)
  return code
}

async function startDev(
  server: Server,
  addresses: readonly BoundAddress[],
  running: Running,
): Promise<void> {
  const { flags, io } = running
  const dev = await prepareDevServer(server, {
    rootTokenId: flags.devRootTokenId,
    kvVersion: flags.devKvV1 ? '1' : '2',
  })
  if (!flags.devNoStoreToken) await storeDevToken(dev.rootToken, running.process.env)
  announce(addresses, running)
  const url = addresses.map(urlOf).find((text) => text.startsWith('http')) ?? ''
  io.stdout.write(
    [
      'WARNING! dev mode is enabled! In this mode, the server runs entirely in-memory',
      'and starts unsealed with a single unseal key. The root token is already',
      'authenticated to the CLI, so you can immediately begin using it.',
      '',
      'You may need to set the following environment variables:',
      '',
      `    $ export VAULT_ADDR='${url}'`,
      `    $ export BAO_ADDR='${url}'`,
      '',
      'The unseal key and root token are displayed below in case you want to',
      'seal/unseal the server or re-authenticate.',
      '',
      `Unseal Key: ${dev.unsealKey}`,
      `Root Token: ${dev.rootToken}`,
      '',
      'Development mode should NOT be used in production installations!',
      '',
      '',
    ].join('\n'),
  )
}

/** What whoever starts a server wants to see once: where it can be reached and what it runs on. */
function startFacts(addresses: readonly BoundAddress[], { flags, loaded }: Running) {
  return {
    // The address that other machines are told; without the setting it is where it listens.
    api_addr: loaded?.config.apiAddress || (addresses.map(urlOf)[0] ?? ''),
    listeners: addresses.map(listenerText),
    log_level: flags.logLevel ?? loaded?.config.logLevel ?? 'info',
    storage: flags.dev ? 'inmem' : (loaded?.config.storage.kind ?? ''),
  }
}

function listenerText(address: BoundAddress): string {
  if (address.kind === 'unix') return `unix ${address.path}`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `tcp ${host}:${address.port} (${address.isSecure ? 'TLS' : 'no TLS'})`
}

/** A log of JSON lines on standard error, beside which no prose belongs. */
function isReadByProgram({ flags, loaded }: Running): boolean {
  const file = flags.logFile || (loaded?.config.logFile ?? '')
  return file === '' && logFormatOf(flags, loaded?.config) === 'json'
}

/** Where each line is read by a program, the start is an event and no text for people. */
function logListening(addresses: readonly BoundAddress[], running: Running): void {
  const { listeners, ...facts } = startFacts(addresses, running)
  running.logger.log('info', 'listening', {
    ...facts,
    listeners: listeners.join(', '),
    version: product.version,
  })
}

function announce(addresses: readonly BoundAddress[], running: Running): void {
  const facts = startFacts(addresses, running)
  const rows: readonly (readonly [string, string])[] = [
    ['Api Address', facts.api_addr],
    ...facts.listeners.map((text, at): [string, string] => [`Listener ${at + 1}`, text]),
    ['Log Level', facts.log_level],
    ['Storage', facts.storage],
    ['Version', `${product.name} ${product.version} (API ${wireVersion})`],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  const table = rows.map(([name, value]) => `${name.padStart(width + 12)}: ${value}`)
  running.io.stdout.write(
    [
      `==> ${product.name} server configuration:`,
      '',
      ...table,
      '',
      `==> ${product.name} server started! Log data will stream in below:`,
      '',
      '',
    ].join('\n'),
  )
}

function urlOf(address: BoundAddress): string {
  return address.kind === 'tcp' ? address.url : `unix://${address.path}`
}

function detailOf(problem: unknown): string {
  return problem instanceof Error ? problem.message : 'unknown'
}

function fail(io: ServerIo, text: string): number {
  io.stderr.write(`${text}\n`)
  return 1
}
