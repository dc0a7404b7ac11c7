/** A server on LMDB that unseals itself, for `kill.test.ts`: told its folder, it says its address. Run as a program only. */

import { createStaticSeal } from '../../src/core/seal/static-seal.ts'
import { systemLeaseTtlSeconds } from '../../src/core/settings.ts'
import { tcpListener } from '../../src/http/listener-options.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { SilentLogger } from '../../src/platform/logger.ts'
import { createOutbound } from '../../src/platform/outbound-http.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { createServer } from '../../src/server/wire.ts'
import { initialise } from '../../src/sys/seal-paths.ts'

const [folder, key] = process.argv.slice(2)

if (folder !== undefined && key !== undefined) {
  const clock = new SystemClock()
  const server = await createServer({
    storage: { kind: 'lmdb', path: folder, shared: false },
    seal: createStaticSeal(key),
    listeners: [tcpListener({ host: '127.0.0.1', port: 0 })],
    defaultLeaseTtlSeconds: systemLeaseTtlSeconds,
    maxLeaseTtlSeconds: systemLeaseTtlSeconds,
    explainToCaller: 'own_claims',
    buildDate: '2026-01-01T00:00:00Z',
    ui: false,
    processId: process.pid,
    clock,
    random: new SystemRandom(),
    logger: new SilentLogger(),
    outbound: createOutbound({ clock, proxyFromEnvironment: {} }),
    onFatal: () => process.exit(9),
  })
  const [bound] = await server.start()
  let rootToken = ''
  if (!(await server.core.seal.isInitialized())) {
    rootToken = (await initialise(server.core, {})).rootToken
  }
  process.send?.({ url: bound?.kind === 'tcp' ? bound.url : '', rootToken })
  // Never outlives the test.
  setTimeout(() => process.exit(3), 120_000).unref()
  process.on('disconnect', () => process.exit(0))
  process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)))
}
