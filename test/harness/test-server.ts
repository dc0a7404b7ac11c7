/** A real server on a free loopback port, for tests: memory or LMDB storage, a clock that can be moved. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noAudit, type AuditSettings } from '../../src/core/audit-devices.ts'
import { systemLeaseTtlSeconds } from '../../src/core/settings.ts'
import { createStaticSeal, shamirSeal } from '../../src/core/seal/static-seal.ts'
import type { BackendType } from '../../src/framework/backend.ts'
import type { BoundAddress } from '../../src/http/listener.ts'
import { tcpListener, type ListenerOptions } from '../../src/http/listener-options.ts'
import { SystemClock, type Clock } from '../../src/platform/clock.ts'
import { ManualClock } from './manual-clock.ts'
import { SilentLogger, type Logger } from '../../src/platform/logger.ts'
import { createOutbound } from '../../src/platform/outbound-http.ts'
import type { Outbound } from '../../src/platform/outbound.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { prepareDevServer } from '../../src/server/dev.ts'
import type { StorageOptions } from '../../src/server/storage-engine.ts'
import { createServer, type Server } from '../../src/server/wire.ts'
import { startExpectations } from './expected-values.ts'
import { ApiClient } from './api-client.ts'
import { canaryDevices, canaryLogger, keepSecrets } from './canary-folder.ts'

export interface TestServerOptions {
  /** Memory by default. */
  readonly storage?: 'inmem' | 'lmdb'
  /** Present wall clock by default; a manual one starts there too. */
  readonly clock?: Clock
  readonly listeners?: readonly ListenerOptions[]
  readonly logger?: Logger
  readonly explainToCaller?: 'none' | 'own_claims' | 'full'
  readonly loginRecordsMax?: number
  readonly defaultLeaseTtlSeconds?: number
  readonly maxLeaseTtlSeconds?: number
  /** Stays as it is: neither initialised nor opened. */
  readonly raw?: boolean
  readonly kvVersion?: '1' | '2'
  /** Data folder to use again after a stop. */
  readonly folder?: string
  readonly staticKey?: string
  /** Serves the web pages. */
  readonly ui?: boolean
  readonly publicAddress?: string
  readonly environment?: string
  readonly plugins?: readonly BackendType[]
  readonly audit?: Partial<AuditSettings>
  /** Leads calls to hosts of the world to stand-ins on this machine. */
  readonly outbound?: (real: Outbound) => Outbound
}

export interface TestServer {
  readonly server: Server
  readonly url: string
  readonly port: number
  /** One for each listener, in their order. */
  readonly addresses: readonly BoundAddress[]
  readonly clock: Clock
  /** Calls with the root token, unless it is raw. */
  readonly root: ApiClient
  readonly rootToken: string
  readonly unsealKey: string
  readonly folder: string
  client(token?: string): ApiClient
  stop(): Promise<void>
}

export function manualClock(): ManualClock {
  return new ManualClock(Math.floor(Date.now() / 1000) * 1000)
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const clock = options.clock ?? new SystemClock()
  const ownsFolder = options.folder === undefined
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'tokenstile-test-'))
  const storage: StorageOptions =
    options.storage === 'lmdb'
      ? { kind: 'lmdb', path: join(folder, 'data'), shared: false }
      : { kind: 'inmem' }
  const outbound = createOutbound({ clock: new SystemClock(), proxyFromEnvironment: {} })
  const server = await createServer({
    storage,
    seal: options.staticKey === undefined ? shamirSeal : createStaticSeal(options.staticKey),
    listeners: options.listeners ?? [tcpListener({ host: '127.0.0.1', port: 0 })],
    defaultLeaseTtlSeconds: options.defaultLeaseTtlSeconds ?? systemLeaseTtlSeconds,
    maxLeaseTtlSeconds: options.maxLeaseTtlSeconds ?? systemLeaseTtlSeconds,
    explainToCaller: options.explainToCaller ?? 'own_claims',
    ...(options.loginRecordsMax === undefined ? {} : { loginRecordsMax: options.loginRecordsMax }),
    buildDate: '2026-01-01T00:00:00Z',
    ui: options.ui ?? false,
    publicAddress: options.publicAddress ?? '',
    environment: options.environment ?? 'dev',
    processId: process.pid,
    plugins: options.plugins ?? [],
    audit: {
      ...noAudit,
      ...options.audit,
      declared: [...(options.audit?.declared ?? []), ...canaryDevices()],
    },
    clock,
    random: new SystemRandom(),
    logger: options.logger ?? canaryLogger() ?? new SilentLogger(),
    outbound: options.outbound?.(outbound) ?? outbound,
    onFatal: (error) => {
      throw error
    },
  })
  const addresses = await server.start()
  const tcp = addresses.find((address) => address.kind === 'tcp')
  const url = tcp?.kind === 'tcp' ? tcp.url : ''
  startExpectations(url, options.explainToCaller === 'full')
  const dev =
    options.raw === true
      ? { rootToken: '', unsealKey: '' }
      : await prepareDevServer(server, { rootTokenId: '', kvVersion: options.kvVersion ?? '2' })
  keepSecrets(dev.rootToken, dev.unsealKey)
  return {
    server,
    url,
    port: tcp?.kind === 'tcp' ? tcp.port : 0,
    addresses,
    clock,
    root: new ApiClient(url, dev.rootToken),
    rootToken: dev.rootToken,
    unsealKey: dev.unsealKey,
    folder,
    client: (token) => new ApiClient(url, token),
    stop: async () => {
      await server.stop()
      outbound.close()
      if (ownsFolder) rmSync(folder, { recursive: true, force: true })
    },
  }
}
