/**
 * `npm start`: the real server on the real store, with what one needs to try it. Only the root
 * token, the practice identity provider and the loopback listener are for trying. What it sets up
 * stays in the data folder, so a second start finds mounts, roles, secrets and live tokens of the
 * first.
 */

import { systemLeaseTtlSeconds } from '../core/settings.ts'
import { createStaticSeal } from '../core/seal/static-seal.ts'
import { tcpListener } from '../http/listener-options.ts'
import { product } from '../lib/product.ts'
import { SystemClock, type Clock } from '../platform/clock.ts'
import { LineLogger, SilentLogger } from '../platform/logger.ts'
import { createOutbound } from '../platform/outbound-http.ts'
import type { Outbound } from '../platform/outbound.ts'
import { systemProcess } from '../platform/process.ts'
import { SystemRandom } from '../platform/random.ts'
import { DataFolderProblem } from '../storage/lmdb/data-folder.ts'
import { openTrialFolder } from '../platform/trial-folder.ts'
import { createPracticeIdp, type PracticeIdp } from '../practice-idp/practice-idp.ts'
import { firstLogin, prepareTrial, trialRootToken, type TrialLogin } from './trial.ts'
import { createServer, type Server } from './wire.ts'

export interface TryOutIo {
  readonly write: (text: string) => void
  readonly writeError: (text: string) => void
}

interface TryOutFlags {
  readonly port: number
  readonly idpPort: number
  readonly fresh: boolean
  readonly memory: boolean
  readonly verbose: boolean
  readonly json: boolean
}

const folder = '.tokenstile'
const portDefault = 8200
const idpPortDefault = 8210

const help = `npm start -- [OPTIONS]    the real server, set up to be tried

  --port N        port of the server (${portDefault})
  --idp-port N    port of the practice provider (${idpPortDefault})
  --fresh         forget what an earlier start left in ${folder}/ and begin anew
  --memory        keep nothing; also beside another "npm start"
  --verbose       print the log
  -o json         print one JSON object when it is ready
`

/** Runs until Ctrl-C; gives the exit code. */
export async function runTryOut(args: readonly string[], io: TryOutIo): Promise<number> {
  if (args.some((word) => ['-h', '-help', '--help'].includes(word))) {
    io.write(help)
    return 0
  }
  const flags = parseFlags(args)
  if (typeof flags === 'string') {
    io.writeError(`✗ ${flags}\n`)
    return 1
  }
  const steps = new Steps(io, flags, new SystemClock())
  try {
    return await tryOut(flags, steps)
  } catch (problem) {
    const text = problem instanceof Error ? problem.message : 'could not start'
    const isBusy =
      typeof problem === 'object' &&
      problem !== null &&
      'code' in problem &&
      problem.code === 'EADDRINUSE'
    const beside = `npm start -- --memory --port ${flags.port + 100} --idp-port ${flags.idpPort + 100}`
    const isHeld = problem instanceof DataFolderProblem
    io.writeError(
      isBusy
        ? `✗ 127.0.0.1:${flags.port} is in use by another program. Start here instead: npm start -- --port ${flags.port + 100}\n`
        : `✗ ${text}\n${isHeld ? `  One without that folder, beside it: ${beside}\n` : ''}`,
    )
    return 1
  }
}

async function tryOut(flags: TryOutFlags, steps: Steps): Promise<number> {
  const clock = new SystemClock()
  const random = new SystemRandom()
  steps.title()
  const trial = openTrialFolder({ path: folder, fresh: flags.fresh, memory: flags.memory, random })
  const outbound = createOutbound({ clock, proxyFromEnvironment: {} })
  const ending: { resolve: (code: number) => void } = { resolve: () => undefined }
  const ended = new Promise<number>((resolve) => {
    ending.resolve = resolve
  })
  const server = await createServer({
    storage: flags.memory
      ? { kind: 'inmem' }
      : { kind: 'lmdb', path: trial.dataPath, shared: false },
    seal: createStaticSeal(trial.key),
    listeners: [tcpListener({ host: '127.0.0.1', port: flags.port })],
    defaultLeaseTtlSeconds: systemLeaseTtlSeconds,
    maxLeaseTtlSeconds: systemLeaseTtlSeconds,
    explainToCaller: 'full',
    buildDate: '2026-11-23T00:00:00Z',
    ui: true,
    environment: 'dev',
    processId: systemProcess.id,
    clock,
    random,
    logger: flags.verbose
      ? new LineLogger({
          level: 'debug',
          format: 'standard',
          nowMs: () => clock.nowMs(),
          write: (line) => steps.error(line),
        })
      : new SilentLogger(),
    outbound,
    onFatal: (error) => {
      steps.error(`✗ storage failed: ${error.message}\n`)
      ending.resolve(1)
    },
  })
  steps.done(
    'storage',
    flags.memory ? 'memory, nothing is kept' : `LMDB, sealed, unsealed by ${folder}/key`,
  )
  let idp: PracticeIdp | undefined
  try {
    const addresses = await server.start()
    const bound = addresses[0]
    const url = bound?.kind === 'tcp' ? bound.url : ''
    steps.done('server', url)
    idp = await startIdp(flags, steps, { random, clock })
    await prepareTrial(server.core, { url, issuer: idp.issuer })
    steps.done('mounts', 'oidc/ (people)   jwt/ (workloads)   secret/')
    steps.done('roles', 'oidc/people, people-device, people-direct   jwt/ci-demo')
    const login = await firstLogin({ outbound, url, idp })
    steps.login(login)
    steps.end(url, idp.issuer)
    systemProcess.onSignal('SIGINT', () => ending.resolve(0))
    systemProcess.onSignal('SIGTERM', () => ending.resolve(0))
    return await ended
  } finally {
    await stopAll(server, idp, outbound)
  }
}

async function startIdp(
  flags: TryOutFlags,
  steps: Steps,
  doors: { readonly random: SystemRandom; readonly clock: Clock },
): Promise<PracticeIdp> {
  for (const port of [flags.idpPort, 0]) {
    const idp = createPracticeIdp({ address: '127.0.0.1', port, ...doors })
    try {
      await idp.start()
      const moved = port === 0 ? `   (${flags.idpPort} is in use, so it moved)` : ''
      steps.done('demo IdP', `${idp.issuer}   alice, bob, mallory${moved}`)
      return idp
    } catch (problem) {
      if (port === 0) throw problem
    }
  }
  throw new Error('the demo IdP could not start')
}

async function stopAll(
  server: Server,
  idp: PracticeIdp | undefined,
  outbound: Outbound & { close(): void },
): Promise<void> {
  await server.stop()
  await idp?.stop()
  outbound.close()
}

/** Says what was done, one line a step; one JSON object at the end with `-o json`. */
class Steps {
  readonly #io: TryOutIo
  readonly #flags: TryOutFlags
  readonly #clock: Clock
  readonly #facts: Record<string, unknown> = {}
  #lastMs: number

  constructor(io: TryOutIo, flags: TryOutFlags, clock: Clock) {
    this.#io = io
    this.#flags = flags
    this.#clock = clock
    this.#lastMs = clock.monotonicMs()
  }

  title(): void {
    const kept = this.#flags.memory
      ? '(nothing is kept)'
      : `(kept in ${folder}/ · --fresh starts over · --memory keeps nothing)`
    this.#line(`\n  ${product.name} ${product.version}  dev server     ${kept}\n`)
  }

  done(name: string, text: string): void {
    const now = this.#clock.monotonicMs()
    const took = Math.round(now - this.#lastMs)
    this.#lastMs = now
    this.#facts[name] = text
    this.#line(`  ✔ ${name.padEnd(12)} ${text.padEnd(44)} ${took} ms`)
  }

  login(login: TrialLogin): void {
    this.#facts['login'] = login
    this.done(
      'JWT login',
      `done for you: jwt/ci-demo → token, policy ${login.policy}, ${Math.round(login.ttlSeconds / 60)} min`,
    )
  }

  end(url: string, issuer: string): void {
    if (this.#flags.json) {
      this.#io.write(
        `${JSON.stringify({ ...this.#facts, root_token: trialRootToken, address: url, open: `${url}/ui/` })}\n`,
      )
      return
    }
    const places = [
      ...(url === `http://127.0.0.1:${portDefault}` ? [] : ['--server', url]),
      ...(issuer === `http://127.0.0.1:${idpPortDefault}` ? [] : ['--idp', issuer]),
    ]
    const at = url === `http://127.0.0.1:${portDefault}` ? '' : ` -- --server ${url}`
    const mint = places.length === 0 ? '' : ` -- ${places.join(' ')}`
    this.#line(
      [
        '',
        `  Open           ${url}/ui/        (Continue with Demo IdP → pick alice)`,
        `  Root token     ${trialRootToken}                             (dev only)`,
        '',
        '  Try',
        `    export VAULT_ADDR=${url} VAULT_TOKEN=${trialRootToken}`,
        `    npm run login${at}                     sign in through the browser`,
        `    npm run demo:jwt${mint}        mint a workload JWT and trade it`,
        `    npm run demo:fail${mint}       a refused login, explained`,
        '    bin/tokenstile.js kv get secret/demo',
        '',
        '  Works with the vault and bao binaries too:  vault login -method=oidc role=people',
        '  Ctrl-C stops.  Logs: --verbose',
        '',
      ].join('\n'),
    )
  }

  error(text: string): void {
    this.#io.writeError(text)
  }

  #line(text: string): void {
    if (!this.#flags.json) this.#io.write(`${text}\n`)
  }
}

function parseFlags(args: readonly string[]): TryOutFlags | string {
  let port = portDefault
  let idpPort = idpPortDefault
  const set = new Set<string>()
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    if (word === '--port' || word === '--idp-port') {
      const number = Number(args[++at])
      if (!Number.isInteger(number) || number < 0 || number > 65_535)
        return `${word} needs a port number`
      if (word === '--port') port = number
      else idpPort = number
    } else if (word === '-o' || word === '--output') {
      if (args[++at] !== 'json') return `${word} knows only json`
      set.add('json')
    } else if (['--fresh', '--memory', '--verbose'].includes(word)) {
      set.add(word.slice(2))
    } else {
      return `unknown option ${word}; there are --port N, --idp-port N, --fresh, --memory, --verbose and -o json`
    }
  }
  return {
    port,
    idpPort,
    fresh: set.has('fresh'),
    memory: set.has('memory'),
    verbose: set.has('verbose'),
    json: set.has('json'),
  }
}
