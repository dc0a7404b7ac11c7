/**
 * `npm run demo:jwt` and `npm run demo:fail`: a workload's login against a server that `npm start`
 * runs.
 */

import { isJsonObject, member, parseJson, requestJsonLimits, type JsonObject } from '../lib/json.ts'
import { SystemClock } from '../platform/clock.ts'
import { createOutbound } from '../platform/outbound-http.ts'
import type { Outbound, OutboundResponse } from '../platform/outbound.ts'
import { safeText } from './safe-text.ts'

export interface DemoIo {
  readonly write: (text: string) => void
  readonly writeError: (text: string) => void
}

interface DemoFlags {
  readonly server: string
  readonly idp: string
  readonly audience: string
  readonly role: string
}

const wrongAudience = 'https://example.com'

/**
 * Mints a token at the demo provider and trades it; `fail` asks for the wrong audience. Gives the
 * exit code.
 */
export async function runDemo(
  kind: 'jwt' | 'fail',
  args: readonly string[],
  io: DemoIo,
): Promise<number> {
  const flags = parseFlags(kind, args)
  if (typeof flags === 'string') {
    io.writeError(`✗ ${flags}\n`)
    return 1
  }
  const outbound = createOutbound({ clock: new SystemClock(), proxyFromEnvironment: {} })
  try {
    return await demo(flags, outbound, io)
  } catch (problem) {
    const detail = problem instanceof Error ? problem.message : 'no answer'
    io.writeError(`✗ ${safeText(detail)}\n  Is the server running? Start it with: npm start\n`)
    return 2
  } finally {
    outbound.close()
  }
}

async function demo(flags: DemoFlags, outbound: Outbound, io: DemoIo): Promise<number> {
  const minted = await post(outbound, `${flags.idp}/mint`, {
    template: 'github_immutable',
    audience: flags.audience,
  })
  const jwt = member(objectOf(minted), 'jwt')
  if (typeof jwt !== 'string') throw new Error(`${flags.idp} did not mint a token`)
  io.write(`  ✔ minted    a GitHub Actions token for audience ${flags.audience}\n`)
  const login = await post(outbound, `${flags.server}/v1/auth/jwt/login`, { role: flags.role, jwt })
  return login.status === 200 ? accepted(login, flags, io) : refused(login, flags, io)
}

function accepted(login: OutboundResponse, flags: DemoFlags, io: DemoIo): number {
  const auth = member(objectOf(login), 'auth')
  if (!isJsonObject(auth)) throw new Error('the server gave no token')
  const text = (name: string) => safeText(JSON.stringify(member(auth, name) ?? null))
  io.write(
    [
      `  ✔ login     jwt/${flags.role} → token for ${String(member(auth, 'lease_duration'))} s, policies ${text('policies')}`,
      `  ✔ entity    ${text('entity_id')}   metadata ${text('metadata')}`,
      '',
      '  Use it',
      `    export VAULT_ADDR=${flags.server} VAULT_TOKEN=${safeText(String(member(auth, 'client_token')))}`,
      '    bin/tokenstile.js kv get secret/demo',
      '',
    ].join('\n'),
  )
  return 0
}

function refused(login: OutboundResponse, flags: DemoFlags, io: DemoIo): number {
  const body = objectOf(login)
  const errors = member(body, 'errors')
  const [text = '', sentence = ''] = Array.isArray(errors) ? errors.map(String) : []
  const reason = login.headers['x-login-reason'] ?? 'unknown'
  io.write(
    [
      `✗ Login refused   jwt/${flags.role}                              reason: ${safeText(reason)}`,
      `  ${safeText(text)}`,
      `  ${safeText(sentence)}`,
      '  Fix, either side',
      `    ask for another audience:   npm run demo:jwt -- --aud ${flags.server}`,
      `    or accept this one:         bin/tokenstile.js write auth/jwt/role/${flags.role} role_type=jwt bound_audiences=${flags.server},${flags.audience}`,
      `  All reasons:  ${flags.server}/v1/sys/explain/reasons   (docs/reference/reasons.md)`,
      '',
    ].join('\n'),
  )
  return 3
}

async function post(outbound: Outbound, url: string, body: JsonObject): Promise<OutboundResponse> {
  return outbound.send({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    caPem: '',
    acceptedServerNames: [],
    toleratedCriticalExtensions: [],
    timeoutMs: 5000,
    bodyBytesMax: 65_536,
  })
}

function objectOf(response: OutboundResponse): JsonObject {
  const parsed = parseJson(response.body, requestJsonLimits)
  if (!parsed.ok || !isJsonObject(parsed.value)) throw new Error(`${response.url} answered no JSON`)
  return parsed.value
}

function parseFlags(kind: 'jwt' | 'fail', args: readonly string[]): DemoFlags | string {
  const values = new Map<string, string>()
  for (let at = 0; at < args.length; at += 2) {
    const name = args[at] ?? ''
    const value = args[at + 1]
    if (!['--aud', '--server', '--idp', '--role'].includes(name)) {
      return `unknown option ${name}; there are --aud, --server, --idp and --role`
    }
    if (value === undefined) return `${name} needs a value`
    values.set(name, value)
  }
  const server = values.get('--server') ?? 'http://127.0.0.1:8200'
  return {
    server,
    idp: values.get('--idp') ?? 'http://127.0.0.1:8210',
    audience: values.get('--aud') ?? (kind === 'fail' ? wrongAudience : server),
    role: values.get('--role') ?? 'ci-demo',
  }
}
