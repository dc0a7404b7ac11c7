/** What the tests of key sources share: real loopback servers that behave as told, and the parts of a key source around a clock. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { parseCompactJwt, type ParsedJwt } from '../../src/jose/compact-jwt.ts'
import type { KeptDocument, KeptDocumentStore } from '../../src/oidc/kept-document.ts'
import { createKeySource, type KeySource } from '../../src/oidc/key-source.ts'
import {
  keySourceRecord,
  validateKeySourceConfig,
  type KeySourceConfig,
} from '../../src/oidc/key-source-config.ts'
import { SystemClock, type Clock } from '../../src/platform/clock.ts'
import { SilentLogger } from '../../src/platform/logger.ts'
import { createOutbound } from '../../src/platform/outbound-http.ts'
import type { OutboundRequest } from '../../src/platform/outbound.ts'
import { SeededRandom } from '../harness/seeded-random.ts'
import { createPracticeIdp, type PracticeIdp } from '../../src/practice-idp/practice-idp.ts'
import type { Certificate } from '../http/self-signed.ts'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface RunningServer {
  readonly url: string
  readonly port: number
  /** Paths asked for so far. */
  readonly paths: string[]
  close(): Promise<void>
}

export async function startServer(
  handler: Handler,
  certificate?: Certificate,
): Promise<RunningServer> {
  const paths: string[] = []
  const listener: Handler = (request, response) => {
    paths.push(request.url ?? '')
    handler(request, response)
  }
  const server =
    certificate === undefined
      ? createServer(listener)
      : createSecureServer({ key: certificate.key, cert: certificate.certificate }, listener)
  const port = await listen(server)
  const url = `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url, port, paths, close }
}

export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

export function sendText(response: ServerResponse, text: string, headers: object = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers })
  response.end(text)
}

export async function startIdp(clock: Clock = new SystemClock()): Promise<PracticeIdp> {
  const random = new SeededRandom('idp')
  const idp = createPracticeIdp({ address: '127.0.0.1', port: 0, random, clock })
  await idp.start()
  return idp
}

export const outbound = createOutbound({ clock: new SystemClock() })

export function get(url: string, changes: Partial<OutboundRequest> = {}): OutboundRequest {
  return {
    method: 'GET',
    url,
    caPem: '',
    acceptedServerNames: [],
    toleratedCriticalExtensions: [],
    timeoutMs: 5000,
    bodyBytesMax: 1_048_576,
    ...changes,
  }
}

export const emptyConfig: KeySourceConfig = keySourceRecord.defaults

/** Documents in memory that every source of a test may share, as a mount's storage is. */
export class KeptInMemory implements KeptDocumentStore {
  readonly documents = new Map<string, KeptDocument>()

  load(url: string): Promise<KeptDocument | undefined> {
    return Promise.resolve(this.documents.get(url))
  }

  save(document: KeptDocument): Promise<void> {
    this.documents.set(document.url, document)
    return Promise.resolve()
  }
}

export interface SourceOptions {
  readonly clock?: Clock
  readonly store?: KeptDocumentStore
  readonly maxStaleMs?: number
  readonly files?: ReadonlyMap<string, string>
  readonly environment?: Readonly<Record<string, string>>
}

export function makeSource(
  changes: Partial<KeySourceConfig>,
  options: SourceOptions = {},
): KeySource {
  const checked = validateKeySourceConfig({ ...emptyConfig, ...changes })
  if (!checked.ok) throw new Error(checked.error)
  const { clock = new SystemClock(), files = new Map<string, string>(), environment = {} } = options
  return createKeySource(checked.value.settings, {
    outbound,
    clock,
    logger: new SilentLogger(),
    ...(options.store === undefined ? {} : { store: options.store }),
    ...(options.maxStaleMs === undefined ? {} : { maxStaleMs: options.maxStaleMs }),
    cluster: {
      environment,
      readText: (path) => {
        const text = files.get(path)
        return text === undefined ? Promise.reject(new Error('missing')) : Promise.resolve(text)
      },
    },
  })
}

const everyAlgorithm = new Set(['RS256', 'ES256', 'EdDSA'] as const)

export function parse(jwt: string): ParsedJwt {
  const parsed = parseCompactJwt(jwt, everyAlgorithm)
  if (!parsed.ok) throw new Error(parsed.error.detail)
  return parsed.value
}

/** What a login would get: `accepted`, or the reason. */
export async function verdictOf(source: KeySource, jwt: string): Promise<string> {
  const verdict = await source.verify(parse(jwt))
  return verdict.ok ? 'accepted' : verdict.error.reason
}
