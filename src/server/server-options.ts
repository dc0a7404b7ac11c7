/** From flags and configuration to the options of a server. */

import { noAudit } from '../core/audit-devices.ts'
import { createStaticSeal, shamirSeal, type SealType } from '../core/seal/static-seal.ts'
import { systemLeaseTtlSeconds } from '../core/settings.ts'
import { parseListenAddress, tcpListener } from '../http/listener-options.ts'
import { SystemClock, type Clock } from '../platform/clock.ts'
import { foldersOfConfig, programFolder } from '../platform/config-files.ts'
import type { Logger } from '../platform/logger.ts'
import { createOutbound } from '../platform/outbound-http.ts'
import type { Outbound } from '../platform/outbound.ts'
import type { ProcessDoor } from '../platform/process.ts'
import { SystemRandom } from '../platform/random.ts'
import type { LoadedConfig } from './config-load.ts'
import { openOutbound, type OutboundConfig } from './config-outbound.ts'
import type { Ending } from './ending.ts'
import type { ServerFlags } from './server-flags.ts'
import { dataFolders } from './storage-engine.ts'
import type { ServerOptions } from './wire.ts'

const buildDate = '2026-11-23T00:00:00Z'

export function serverOptions(
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
  const closedFolders = [programFolder(), ...flags.config.flatMap(foldersOfConfig)]
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
        audit: { ...noAudit, mayCreate: true, closedFolders },
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
      loginRecordsMax: config.loginRecordsMax,
      maxLeaseTtlSeconds: config.maxLeaseTtlSeconds,
      explainToCaller: 'own_claims',
      ui: config.ui,
      publicAddress: config.apiAddress,
      clusterName: config.clusterName,
      environment: config.clusterName,
      audit: {
        ...config.audit,
        closedFolders: [...closedFolders, ...dataFolders(config.storage)],
      },
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
  const { seal } = loaded.config
  if (loaded.sealKey === undefined || seal.kind !== 'static') return shamirSeal
  const origin = seal.key.from === 'environment' ? `the variable ${seal.key.name}` : seal.key.file
  return createStaticSeal(loaded.sealKey, ` of ${origin}`)
}
