/** The `server` command: flags, configuration, start, signals, stop. */

import { createStaticSeal, shamirSeal, type SealType } from '../core/seal/static-seal.ts'
import { systemLeaseTtlSeconds } from '../core/settings.ts'
import type { BoundAddress } from '../http/listener.ts'
import { parseListenAddress, tcpListener } from '../http/listener-options.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { product, wireVersion } from '../lib/product.ts'
import { SystemClock, type Clock } from '../platform/clock.ts'
import { removePidFile, writePidFile } from '../platform/config-files.ts'
import { LogFile } from '../platform/log-file.ts'
import { LineLogger, type Logger } from '../platform/logger.ts'
import { createOutbound } from '../platform/outbound-http.ts'
import type { Outbound } from '../platform/outbound.ts'
import { systemProcess, type ProcessDoor } from '../platform/process.ts'
import { SystemRandom } from '../platform/random.ts'
import type { TerminalOutput } from '../platform/terminal.ts'
import { loadServerConfig, type LoadedConfig } from './config-load.ts'
import { openOutbound, type OutboundConfig } from './config-outbound.ts'
import { prepareDevServer } from './dev.ts'
import { storeDevToken } from './dev-token.ts'
import { parseServerFlags, type ServerFlags } from './server-flags.ts'
import { createServer, type Server, type ServerOptions } from './wire.ts'

export interface ServerIo {
  readonly stdout: TerminalOutput
  readonly stderr: TerminalOutput
}

const buildDate = '2026-11-23T00:00:00Z'

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
  const log = openLog(flags.value, loaded.value, io)
  if (!log.ok) return fail(io, log.error)
  const { logger, reopen } = log.value
  for (const warning of [...flags.value.warnings, ...(loaded.value?.warnings ?? [])]) {
    logger.log('warn', warning)
  }
  try {
    const end = new Ending()
    const options = serverOptions(flags.value, loaded.value, { process, logger, end })
    if (!options.ok) return fail(io, options.error)
    const server = await createServer(options.value)
    return await serve(server, {
      flags: flags.value,
      loaded: loaded.value,
      io,
      process,
      logger,
      reopenLog: reopen,
      end,
    })
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

async function serve(server: Server, running: Running): Promise<number> {
  const { flags, io, process, logger, end } = running
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
  if (pidFile !== '') writePidFile(pidFile, process.id)
  if (flags.dev) await startDev(server, addresses, running)
  else if (isReadByProgram(running)) logListening(addresses, running)
  else announce(addresses, running)
  const code = await end.reached
  await server.stop()
  if (pidFile !== '') removePidFile(pidFile)
  // Where the log is json it says so itself, and standard output is for nobody.
  if (code === 0 && (flags.dev || !isReadByProgram(running)))
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
  return file === '' && logFormatOf(flags, loaded) === 'json'
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

function serverOptions(
  flags: ServerFlags,
  loaded: LoadedConfig | undefined,
  doors: { readonly process: ProcessDoor; readonly logger: Logger; readonly end: Ending },
):
  | { readonly ok: true; readonly value: ServerOptions }
  | { readonly ok: false; readonly error: string } {
  const { process, logger, end } = doors
  const clock = new SystemClock()
  const common = {
    clock,
    random: new SystemRandom(),
    logger,
    outbound: openOutboundDoor(clock, loaded?.config.outbound ?? openOutbound, process.env),
    buildDate,
    processId: process.id,
    onFatal: (error: Error) => {
      logger.log('error', 'storage failed, stopping', { detail: error.message })
      end.with(1)
    },
  }
  if (flags.dev) {
    const address = parseListenAddress(flags.devListenAddress)
    if (address === undefined) {
      return { ok: false, error: `invalid -dev-listen-address: expected host:port` }
    }
    return {
      ok: true,
      value: {
        ...common,
        storage: { kind: 'inmem' },
        seal: shamirSeal,
        listeners: [tcpListener(address)],
        defaultLeaseTtlSeconds: systemLeaseTtlSeconds,
        maxLeaseTtlSeconds: systemLeaseTtlSeconds,
        explainToCaller: 'full',
        ui: true,
        environment: 'dev',
      },
    }
  }
  if (loaded === undefined) return { ok: false, error: 'no configuration' }
  const { config } = loaded
  return {
    ok: true,
    value: {
      ...common,
      storage: config.storage,
      seal: sealOf(loaded),
      listeners: config.listeners,
      defaultLeaseTtlSeconds: config.defaultLeaseTtlSeconds,
      maxLeaseTtlSeconds: config.maxLeaseTtlSeconds,
      explainToCaller: 'own_claims',
      ui: config.ui,
      publicAddress: config.apiAddress,
      clusterName: config.clusterName,
      environment: config.clusterName,
    },
  }
}

function openOutboundDoor(
  clock: Clock,
  { proxyAddress, ...networks }: OutboundConfig,
  env: ProcessDoor['env'],
): Outbound {
  const proxies =
    proxyAddress === '' ? env : { ...env, HTTP_PROXY: proxyAddress, HTTPS_PROXY: proxyAddress }
  return createOutbound({ clock, proxyFromEnvironment: proxies, ...networks })
}

function sealOf(loaded: LoadedConfig): SealType {
  return loaded.sealKey === undefined ? shamirSeal : createStaticSeal(loaded.sealKey)
}

function createLogger(
  flags: ServerFlags,
  loaded: LoadedConfig | undefined,
  io: ServerIo,
): { readonly logger: Logger; readonly reopen: () => void } {
  const level = flags.logLevel ?? loaded?.config.logLevel ?? 'info'
  const format = logFormatOf(flags, loaded)
  const clock = new SystemClock()
  const file = flags.logFile || (loaded?.config.logFile ?? '')
  const output = file === '' ? undefined : new LogFile(file)
  const logger = new LineLogger({
    level,
    format,
    nowMs: () => clock.nowMs(),
    write: (line) => {
      if (output === undefined) io.stderr.write(line)
      else output.write(line)
    },
  })
  return { logger, reopen: () => output?.reopen() }
}

function logFormatOf(flags: ServerFlags, loaded: LoadedConfig | undefined): 'standard' | 'json' {
  return flags.logFormat ?? loaded?.config.logFormat ?? 'standard'
}

function openLog(
  flags: ServerFlags,
  loaded: LoadedConfig | undefined,
  io: ServerIo,
): Result<ReturnType<typeof createLogger>, string> {
  try {
    return ok(createLogger(flags, loaded, io))
  } catch (problem) {
    return err(problem instanceof Error ? problem.message : 'the log file cannot be opened')
  }
}

/** The one place where the end of the program is decided; the first cause wins. */
class Ending {
  readonly reached: Promise<number>
  #resolve: (code: number) => void = () => undefined

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  with(code: number): void {
    this.#resolve(code)
  }
}

function detailOf(problem: unknown): string {
  return problem instanceof Error ? problem.message : 'unknown'
}

function fail(io: ServerIo, text: string): number {
  io.stderr.write(`${text}\n`)
  return 1
}
