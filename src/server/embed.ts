/** `tokenstile/server`: a server inside another Node program. */

import { noAudit } from '../core/audit-devices.ts'
import { shamirSeal } from '../core/seal/static-seal.ts'
import { systemLeaseTtlSeconds } from '../core/settings.ts'
import { tcpListener } from '../http/listener-options.ts'
import { SystemClock } from '../platform/clock.ts'
import { programFolder } from '../platform/config-files.ts'
import { SilentLogger } from '../platform/logger.ts'
import { createOutbound } from '../platform/outbound-http.ts'
import { systemProcess } from '../platform/process.ts'
import { SystemRandom } from '../platform/random.ts'
import { prepareDevServer } from './dev.ts'
import { createServer } from './wire.ts'

export { createServer, type Server, type ServerOptions } from './wire.ts'

export interface EmbeddedServer {
  readonly url: string
  readonly rootToken: string
  stop(): Promise<void>
}

/**
 * Starts a dev server in memory on a loopback port (0 takes a free one): initialised, open, with
 * `secret/`.
 */
export async function startDevServer(
  options: { readonly port?: number; readonly rootToken?: string } = {},
): Promise<EmbeddedServer> {
  const clock = new SystemClock()
  const outbound = createOutbound({ clock })
  const server = await createServer({
    storage: { kind: 'inmem' },
    seal: shamirSeal,
    listeners: [tcpListener({ host: '127.0.0.1', port: options.port ?? 0 })],
    defaultLeaseTtlSeconds: systemLeaseTtlSeconds,
    maxLeaseTtlSeconds: systemLeaseTtlSeconds,
    explainToCaller: 'full',
    buildDate: '2026-11-23T00:00:00Z',
    ui: false,
    audit: { ...noAudit, mayCreate: true, closedFolders: [programFolder()] },
    processId: systemProcess.id,
    clock,
    random: new SystemRandom(),
    logger: new SilentLogger(),
    outbound,
    onFatal: (error) => {
      throw error
    },
  })
  const [bound] = await server.start()
  const dev = await prepareDevServer(server, {
    rootTokenId: options.rootToken ?? '',
    kvVersion: '2',
  })
  return {
    url: bound?.kind === 'tcp' ? bound.url : '',
    rootToken: dev.rootToken,
    stop: async () => {
      await server.stop()
      outbound.close()
    },
  }
}
