/**
 * `npm run demo:jwt` and `npm run demo:fail`: a workload's login against a server that `npm start`
 * runs, and what `explain` says of it when it is refused.
 */

import { isJsonObject, member, parseJson, requestJsonLimits, type JsonObject } from '../lib/json.ts'
import { SystemClock } from '../platform/clock.ts'
import { createOutbound } from '../platform/outbound-http.ts'
import type { Outbound, OutboundResponse } from '../platform/outbound.ts'
import { troubleNames, troubles, type Trouble } from '../practice-idp/trouble.ts'
import { drawn } from './commands/explain.ts'
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
  /** What goes wrong at the provider meanwhile; empty for nothing. */
  readonly troubles: readonly Trouble[]
}

const wrongAudience = 'https://example.com'
/** The root token of `npm start`: whoever asks why is its operator. */
const trialRootToken = 'root'

const help = `npm run demo:jwt -- [OPTIONS]    a login that works
npm run demo:fail -- [OPTIONS]   a login that is refused, explained check by check

  --aud AUDIENCE    audience of the token (demo:fail: ${wrongAudience})
  --server URL      where "npm start" listens (http://127.0.0.1:8200)
  --idp URL         where its practice provider listens (http://127.0.0.1:8210)
  --role ROLE       role to log in with (ci-demo)
  --trouble NAME    switch on what goes wrong with real providers, or "all" in turn:
                    ${troubleNames.slice(0, 9).join(', ')},
                    ${troubleNames.slice(9).join(', ')}
`

/**
 * Mints a token at the demo provider and trades it; `fail` asks for the wrong audience unless a
 * trouble is named. Gives the exit code.
 */
export async function runDemo(
  kind: 'jwt' | 'fail',
  args: readonly string[],
  io: DemoIo,
): Promise<number> {
  if (args.some((word) => ['-h', '-help', '--help'].includes(word))) {
    io.write(help)
    return 0
  }
  const flags = parseFlags(kind, args)
  if (typeof flags === 'string') {
    io.writeError(`✗ ${flags}\n`)
    return 1
  }
  const outbound = createOutbound({ clock: new SystemClock(), proxyFromEnvironment: {} })
  try {
    if (flags.troubles.length === 0) return await demo(flags, outbound, io)
    let code = 0
    for (const trouble of flags.troubles) {
      code = Math.max(code, await demoInTrouble(trouble, flags, outbound, io))
    }
    return code
  } catch (problem) {
    const detail = problem instanceof Error ? problem.message : 'no answer'
    io.writeError(`✗ ${safeText(detail)}\n  Is the server running? Start it with: npm start\n`)
    return 2
  } finally {
    outbound.close()
  }
}

async function demoInTrouble(
  trouble: Trouble,
  flags: DemoFlags,
  outbound: Outbound,
  io: DemoIo,
): Promise<number> {
  io.write(`\n  ${trouble}: ${troubles[trouble].text}\n`)
  const { about } = troubles[trouble]
  if (about === 'sign_in') {
    io.write(`  Seen in a browser: switch it on at ${flags.idp}/ and run npm run login\n`)
    return 0
  }
  await post(outbound, `${flags.idp}/troubles`, { [trouble]: true })
  try {
    // Keys are kept for a while, so that a key set which cannot be had shows only after a rotation.
    if (about === 'keys') await post(outbound, `${flags.idp}/rotate`, {})
    const code = await demo(flags, outbound, io)
    if (code === 0) io.write('  Nothing was refused: this server bears it.\n')
    return code
  } finally {
    await post(outbound, `${flags.idp}/troubles`, { [trouble]: false })
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
  if (login.status === 200) return accepted(login, flags, io)
  return refused(login, await explanation(jwt, flags, outbound), flags, io)
}

/** What `explain` prints, with the root token of `npm start`; nothing where that is another's. */
async function explanation(
  jwt: string,
  flags: DemoFlags,
  outbound: Outbound,
): Promise<readonly string[]> {
  const url = `${flags.server}/v1/sys/explain/login`
  const answer = await post(outbound, url, { mount: 'jwt', role: flags.role, jwt }, trialRootToken)
  const data = answer.status === 200 ? member(objectOf(answer), 'data') : undefined
  return isJsonObject(data) ? drawn(data) : []
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

function refused(
  login: OutboundResponse,
  explained: readonly string[],
  flags: DemoFlags,
  io: DemoIo,
): number {
  const errors = member(objectOf(login), 'errors')
  const [text = '', sentence = ''] = Array.isArray(errors) ? errors.map(String) : []
  const reason = login.headers['x-login-reason'] ?? 'unknown'
  // Only where the audience is what is wrong do these two put it right.
  const commands = [
    '  Fix, either side',
    `    ask for another audience:   npm run demo:jwt -- --aud ${flags.server}`,
    `    or accept this one:         bin/tokenstile.js write auth/jwt/role/${flags.role} role_type=jwt bound_audiences=${flags.server},${flags.audience}`,
  ]
  io.write(
    [
      `✗ Login refused   jwt/${flags.role}                              reason: ${safeText(reason)}`,
      `  ${safeText(text)}`,
      ...(explained.length === 0 ? [sentence] : explained).map((line) =>
        `  ${safeText(line)}`.trimEnd(),
      ),
      ...(reason === 'audience_mismatch' ? commands : []),
      `  All reasons:  ${flags.server}/v1/sys/explain/reasons   (docs/reference/reasons.md)`,
      '',
    ].join('\n'),
  )
  return 3
}

async function post(
  outbound: Outbound,
  url: string,
  body: JsonObject,
  token?: string,
): Promise<OutboundResponse> {
  return outbound.send({
    method: 'POST',
    url,
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { 'x-vault-token': token }),
    },
    body: JSON.stringify(body),
    caPem: '',
    acceptedServerNames: [],
    toleratedCriticalExtensions: [],
    timeoutMs: 15_000,
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
    if (!['--aud', '--server', '--idp', '--role', '--trouble'].includes(name)) {
      return `unknown option ${name}; there are --aud, --server, --idp, --role and --trouble`
    }
    if (value === undefined) return `${name} needs a value`
    values.set(name, value)
  }
  const named = values.get('--trouble')
  const chosen = troubleNames.filter((name) => named === 'all' || named === name)
  if (named !== undefined && chosen.length === 0) {
    return `there is no trouble ${named}; there are ${troubleNames.join(', ')}, and all`
  }
  const server = values.get('--server') ?? 'http://127.0.0.1:8200'
  return {
    server,
    idp: values.get('--idp') ?? 'http://127.0.0.1:8210',
    audience:
      values.get('--aud') ?? (kind === 'fail' && named === undefined ? wrongAudience : server),
    role: values.get('--role') ?? 'ci-demo',
    troubles: chosen,
  }
}
