/** Mounts made wrong on purpose: `doctor` finds the one cause of each, and where it prints a command, the command makes the login work (explain.md §7). */

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ScriptedProvider, type ScriptedAnswer } from '../harness/scripted-provider.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { manualClock } from '../harness/test-server.ts'
import { makeCertificate, type Certificate } from '../http/self-signed.ts'
import { sendText, startServer, type RunningServer } from '../oidc/fixture.ts'
import { Shell } from './fixture.ts'

const clock = manualClock()
const key = makeJwtMaker('k1', () => Math.floor(clock.nowMs() / 1000))
const ca = makeCertificate({ commonName: 'ca', isAuthority: true })
const leaf = makeCertificate({ commonName: 'idp', altNames: ['127.0.0.1'], issuer: ca })
const secret = 'Zq7-client-canary'
let shell: Shell
const houses: RunningServer[] = []

before(async () => {
  shell = await Shell.start({ clock })
  writeFileSync(join(shell.home, 'ca.pem'), ca.certificate)
})
after(async () => {
  await shell.stop()
  for (const house of houses) await house.close()
})

interface Finding {
  readonly code: string
  readonly level: string
  readonly where: string
  readonly what: string
  readonly fix: string
  readonly command: string | null
}

type Body = Record<string, unknown>

/** Two documents of a provider, each as it is told. */
class House {
  server: RunningServer | undefined
  discovery: Body | string = {}
  keys: unknown = { keys: [key.jwk] }
  keysStatus = 200
  discoveryStatus = 200
  type = 'application/json'
  headers: Body = {}

  async start(certificate?: Certificate): Promise<this> {
    this.server = await startServer((request, response) => {
      const isKeys = request.url === '/jwks'
      const status = isKeys ? this.keysStatus : this.discoveryStatus
      const body = isKeys
        ? this.keys
        : typeof this.discovery === 'string'
          ? this.discovery
          : { issuer: this.url, jwks_uri: `${this.url}/jwks`, ...this.discovery }
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      if (status === 200) sendText(response, text, { 'content-type': this.type, ...this.headers })
      else response.writeHead(status, { ...this.headers } as Record<string, string>).end(text)
    }, certificate)
    houses.push(this.server)
    return this
  }

  get url(): string {
    return this.server?.url ?? ''
  }
}

interface Case {
  readonly code: string
  readonly title: string
  readonly certificate?: Certificate
  readonly house?: (house: House) => void
  readonly config?: (url: string) => Body
  readonly role?: Body
  /** Over those of the login that is to work in the end. */
  readonly claims?: (url: string) => Body
  /** Whether it is told how to mend it by a command that does. */
  readonly mends?: boolean
  readonly level?: 'warn'
  /** Not the default configuration. */
  readonly isBare?: boolean
}

const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })
const expired = makeCertificate({
  commonName: 'idp',
  altNames: ['127.0.0.1'],
  issuer: ca,
  notBefore: new Date(Date.now() - 9e6),
  notAfter: new Date(Date.now() - 8e6),
})
const elsewhere = makeCertificate({ commonName: 'idp', altNames: ['other.test'], issuer: ca })
const selfSigned = makeCertificate({ commonName: 'idp', altNames: ['127.0.0.1'] })
const discovery = (more: (url: string) => Body) => (url: string) => ({
  oidc_discovery_url: url,
  ...more(url),
})
const jwks = (path: string) => (url: string) => ({ jwks_url: `${url}${path}` })

const cases: readonly Case[] = [
  // -------------------------------------------------- addresses and trust
  { code: 'config_missing', title: 'nobody has configured the mount', isBare: true },
  {
    code: 'discovery_unreachable',
    title: 'nobody listens at the issuer',
    config: () => ({ oidc_discovery_url: 'http://127.0.0.1:1' }),
  },
  {
    code: 'discovery_unreachable',
    title: 'the host is unknown',
    config: () => ({ oidc_discovery_url: 'http://nowhere.invalid' }),
  },
  {
    code: 'egress_refused',
    title: 'the address is one that is never called',
    config: () => ({ oidc_discovery_url: 'http://169.254.169.254' }),
  },
  { code: 'tls_refused', title: 'the CA is unknown', certificate: leaf, mends: true },
  {
    code: 'tls_refused',
    title: 'the CA of the mount is another one',
    certificate: leaf,
    config: discovery(() => ({
      oidc_discovery_ca_pem: makeCertificate({ commonName: 'x', isAuthority: true }).certificate,
    })),
    mends: true,
  },
  { code: 'tls_refused', title: 'the certificate signs itself', certificate: selfSigned },
  {
    code: 'tls_refused',
    title: 'the certificate has expired',
    certificate: expired,
    config: discovery(() => ({ oidc_discovery_ca_pem: ca.certificate })),
  },
  {
    code: 'tls_refused',
    title: 'the certificate is for another host',
    certificate: elsewhere,
    config: discovery(() => ({ oidc_discovery_ca_pem: ca.certificate })),
  },
  {
    code: 'discovery_status',
    title: 'the discovery document is not there',
    house: (house) => (house.discoveryStatus = 404),
  },
  {
    code: 'discovery_status',
    title: 'the provider is down',
    house: (house) => (house.discoveryStatus = 503),
  },
  {
    code: 'discovery_not_json',
    title: 'a page in place of the discovery document',
    house: (house) => {
      house.discovery = '<html>sign in</html>'
      house.type = 'text/html'
    },
  },
  {
    code: 'discovery_malformed',
    title: 'the discovery document is cut off',
    house: (house) => (house.discovery = '{"issuer":'),
  },
  {
    code: 'discovery_malformed',
    title: 'the discovery document names no issuer',
    house: (house) => (house.discovery = '{"jwks_uri":"https://x/jwks"}'),
  },
  {
    code: 'discovery_redirected',
    title: 'the discovery document is elsewhere',
    house: (house) => {
      house.discoveryStatus = 302
      house.headers = { location: 'http://127.0.0.1:1/x' }
    },
  },
  // -------------------------------------------------- issuers
  {
    code: 'issuer_differs',
    title: 'a slash too few',
    house: (house) => (house.discovery = { issuer: `${house.url}/` }),
    claims: (url) => ({ iss: `${url}/` }),
    mends: true,
  },
  {
    code: 'issuer_differs',
    title: 'a slash too many',
    config: (url) => ({ oidc_discovery_url: `${url}/` }),
    mends: true,
  },
  {
    code: 'issuer_differs',
    title: 'another host name',
    config: (url) => ({ oidc_discovery_url: url.replace('127.0.0.1', 'localhost') }),
    mends: true,
  },
  {
    code: 'bound_issuer_differs',
    title: 'bound_issuer has a slash at its end',
    config: discovery((url) => ({ bound_issuer: `${url}/` })),
    mends: true,
  },
  {
    code: 'bound_issuer_differs',
    title: 'bound_issuer is another tenant',
    config: discovery(() => ({ bound_issuer: 'https://other.test' })),
    mends: true,
  },
  {
    code: 'jwks_uri_missing',
    title: 'the discovery document leads to no keys',
    house: (house) => (house.discovery = { jwks_uri: undefined }),
  },
  // -------------------------------------------------- keys
  {
    code: 'jwks_unreachable',
    title: 'nobody listens at the jwks_uri',
    house: (house) => (house.discovery = { jwks_uri: 'http://127.0.0.1:1/jwks' }),
  },
  { code: 'jwks_status', title: 'the key set is down', house: (house) => (house.keysStatus = 500) },
  {
    code: 'jwks_not_json',
    title: 'a page in place of the key set',
    house: (house) => (house.keys = '<html></html>'),
  },
  {
    code: 'jwks_malformed',
    title: 'the discovery URL as jwks_url',
    config: jwks('/.well-known/openid-configuration'),
  },
  { code: 'jwks_malformed', title: 'a list of keys', house: (house) => (house.keys = [key.jwk]) },
  {
    code: 'keys_none',
    title: 'the key set is empty',
    house: (house) => (house.keys = { keys: [] }),
  },
  {
    code: 'keys_unusable',
    title: 'the key is too short',
    house: (house) => (house.keys = { keys: [{ ...weak, kid: 'w' }] }),
  },
  {
    code: 'keys_unusable',
    title: 'the key is for encryption',
    house: (house) => (house.keys = { keys: [{ ...key.jwk, use: 'enc' }] }),
  },
  {
    code: 'algorithms_disjoint',
    title: 'an algorithm that the keys are not for',
    config: discovery(() => ({ jwt_supported_algs: ['RS256'] })),
    mends: true,
  },
  {
    code: 'algorithms_disjoint',
    title: 'the same with keys in the configuration',
    config: (url) => ({
      jwt_validation_pubkeys: [key.pem],
      bound_issuer: url,
      jwt_supported_algs: ['ES384'],
    }),
    mends: true,
  },
  {
    code: 'clock_differs',
    title: 'the clock is ten minutes off',
    house: (house) => (house.headers = { date: new Date(clock.nowMs() + 600_000).toUTCString() }),
  },
  // -------------------------------------------------- roles
  {
    code: 'default_role_unknown',
    title: 'default_role is misspelt',
    config: discovery(() => ({ default_role: 'deplyo' })),
    mends: true,
  },
  {
    code: 'audiences_disjoint',
    title: 'role and mount take different audiences',
    config: discovery(() => ({ token_audiences: ['b'] })),
    claims: () => ({ aud: 'b' }),
    mends: true,
  },
  {
    code: 'bound_issuer_claim',
    title: 'the role binds another iss',
    role: { bound_claims: { iss: 'https://other.test' } },
    mends: true,
  },
  {
    code: 'rule_matches_nothing',
    title: 'a bound claim is an empty list',
    role: { bound_claims: { team: [] } },
  },
  {
    code: 'sign_in_without_client',
    title: 'a role for sign-ins on a mount without a client',
    role: { role_type: 'oidc', allowed_redirect_uris: 'http://localhost:8250/oidc/callback' },
  },
  {
    code: 'audience_any',
    title: 'the role has no audience',
    role: { bound_audiences: [], bound_subject: 'u' },
    level: 'warn',
  },
  {
    code: 'glob_crosses_owner',
    title: 'a glob over owners',
    role: { bound_claims: { repository: 'acme*' }, bound_claims_type: 'glob' },
    claims: () => ({ repository: 'acme/app' }),
    level: 'warn',
    mends: true,
  },
  {
    code: 'subject_unowned',
    title: 'a name in place of an id',
    role: { bound_subject: 'repo:acme/app:ref:refs/heads/main' },
    level: 'warn',
  },
  {
    code: 'per_run_user_claim',
    title: 'an identity for each run',
    role: { user_claim: 'jti' },
    claims: () => ({ jti: '1' }),
    level: 'warn',
    mends: true,
  },
  {
    code: 'policy_unknown',
    title: 'a policy that nobody has written',
    role: { token_policies: ['nobody'] },
    level: 'warn',
  },
]

let count = 0

async function made(one: Case): Promise<{ readonly mount: string; readonly url: string }> {
  const house = await new House().start(one.certificate)
  // The clock of the tests stands still.
  house.headers = { date: new Date(clock.nowMs()).toUTCString() }
  one.house?.(house)
  const mount = `d${++count}`
  const { root } = shell.server
  await root.must(`sys/auth/${mount}`, { type: 'jwt' })
  if (one.isBare === true) return { mount, url: house.url }
  const config = one.config?.(house.url) ?? { oidc_discovery_url: house.url }
  await root.must(`auth/${mount}/config`, { ...config, skip_jwks_validation: true })
  await root.must(`auth/${mount}/role/deploy`, {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: 'a',
    token_policies: ['default'],
    ...one.role,
  })
  return { mount, url: house.url }
}

async function findings(mount: string): Promise<readonly Finding[]> {
  const answer = await shell.server.root.read(`auth/${mount}/doctor`)
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.text.includes(secret), false)
  const found: readonly Finding[] = answer.body.data.findings
  for (const { level, where, what, fix, code } of found) {
    assert.match(where, new RegExp(`^auth/${mount}/`))
    assert.match(what, /\.$/, code)
    assert.equal(fix === '', level === 'ok', code)
  }
  const isHealthy = !found.some(({ level }) => level === 'fail')
  assert.equal(answer.body.data.healthy, isHealthy)
  return found.filter(({ level }) => level !== 'ok')
}

/** The words of a command as a shell makes them. */
function wordsOf(command: string): readonly string[] {
  const words = [...command.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) => word)
  return words.map((word) =>
    word
      .replaceAll('"$CLIENT_SECRET"', secret)
      .replaceAll(/'([^']*)'/g, '$1')
      .replace('@ca.pem', `@${join(shell.home, 'ca.pem')}`),
  )
}

async function run(command: string | null): Promise<void> {
  assert.ok(command !== null, 'no command')
  const [program, ...words] = wordsOf(command)
  assert.equal(program, 'tokenstile')
  const result = await shell.run(words, { programName: 'tokenstile' })
  assert.equal(result.code, 0, `${command}\n${result.err}`)
}

test('group_unmapped: a group that nobody maps, written otherwise than in the role', async () => {
  const { mount, url } = await made({
    code: 'group_unmapped',
    title: '',
    role: { groups_claim: 'groups', group_policies: { admins: 'boss' } },
  })
  const { root } = shell.server
  await root.must('sys/policies/acl/boss', { policy: 'path "x" {}' })
  const enter = async (groups: readonly string[]): Promise<readonly string[]> => {
    const jwt = key.sign({ iss: url, sub: 'u', aud: 'a', groups })
    const body = { role: 'deploy', jwt }
    const login = await shell.server.client().write(`auth/${mount}/login`, body)
    assert.equal(login.status, 200, login.text)
    return login.body.auth.policies
  }
  assert.deepEqual(await findings(mount), [])
  assert.deepEqual(await enter(['/Admins', 'all']), ['default'])
  const found = await findings(mount)
  assert.deepEqual(
    found.map(({ code, level }) => [code, level]),
    [['group_unmapped', 'warn']],
  )
  assert.match(found[0]?.what ?? '', /"\/Admins".*"admins"/)
  await run(found[0]?.command ?? null)
  assert.deepEqual(await findings(mount), [])
  assert.deepEqual(await enter(['/Admins', 'all']), ['boss', 'default'])

  const plain = {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: 'a',
    groups_claim: 'groups',
  }
  await root.must(`auth/${mount}/role/deploy`, { ...plain, group_policies: {} })
  const [nobody] = await findings(mount)
  assert.match(
    nobody?.what ?? '',
    /nobody maps one of those that logins bring: "\/Admins" or "all"/,
  )
  const group = await root.must('identity/group', { name: 'all', type: 'external' })
  const accessor = (await root.read(`sys/auth/${mount}`)).body.data.accessor
  const alias = { name: 'all', mount_accessor: accessor, canonical_id: group.body.data.id }
  await root.must('identity/group-alias', alias)
  assert.deepEqual(await findings(mount), [])
})

describe('a mount that is wrong in one way', () => {
  for (const one of cases) {
    test(`${one.code}: ${one.title}`, async () => {
      const { mount, url } = await made(one)
      const found = await findings(mount)
      assert.deepEqual(
        found.map(({ code }) => code),
        [one.code],
        JSON.stringify(found),
      )
      const [finding] = found
      assert.equal(finding?.level, one.level ?? 'fail')
      if (one.mends !== true) return
      await run(finding?.command ?? null)
      assert.deepEqual(await findings(mount), [])
      const claims = { iss: url, sub: 'u', aud: 'a', ...one.claims?.(url) }
      const body = { role: 'deploy', jwt: key.sign(claims) }
      const login = await shell.server.client().write(`auth/${mount}/login`, body)
      assert.equal(login.status, 200, login.text)
    })
  }

  test('no role at all', async () => {
    const { mount } = await made({ code: '', title: '' })
    await shell.server.root.remove(`auth/${mount}/role/deploy`)
    assert.deepEqual(
      (await findings(mount)).map(({ code }) => code),
      ['role_none'],
    )
  })

  test('a named issuer, beside a configuration for the same', async () => {
    const house = await new House().start()
    house.headers = { date: new Date(clock.nowMs()).toUTCString() }
    const { mount } = await made({
      code: '',
      title: '',
      config: () => ({ oidc_discovery_url: house.url }),
    })
    const { root } = shell.server
    await root.must(`auth/${mount}/issuers/ci`, { oidc_discovery_url: house.url })
    const [twice] = await findings(mount)
    assert.deepEqual([twice?.code, twice?.where], ['issuer_twice', `auth/${mount}/issuers/ci`])
    house.keys = { keys: [] }
    const codes = (await findings(mount)).map(({ code, where }) => `${where} ${code}`)
    assert.ok(codes.includes(`auth/${mount}/issuers/ci keys_none`), codes.join())
  })
})

// ---------------------------------------------------------------- browser sign-ins

interface SignInCase {
  readonly code: string
  readonly title: string
  readonly metadata?: Body
  /** Publishes an RSA key beside its own. */
  readonly hasRsaToo?: boolean
  /** Answer of the token endpoint to everybody. */
  readonly token?: ScriptedAnswer
  readonly config?: Body
  readonly role?: Body
  readonly level?: 'warn'
  readonly mends?: boolean
}

const cliCallback = 'http://localhost:8250/oidc/callback'

const signInCases: readonly SignInCase[] = [
  {
    code: 'client_refused',
    title: 'the client secret is wrong',
    config: { oidc_client_secret: 'wrong' },
    mends: true,
  },
  { code: 'client_refused', title: 'the client id is wrong', config: { oidc_client_id: 'nobody' } },
  {
    code: 'client_refused',
    title: 'the provider turns the client away without a word',
    token: { status: 401, body: '' },
  },
  {
    code: 'client_unknown',
    title: 'the token endpoint has a page for a code that it does not know',
    token: { status: 500, body: '<h1>Error</h1>', type: 'text/html' },
    level: 'warn',
  },
  {
    code: 'token_endpoint_unreachable',
    title: 'nobody listens at the token endpoint',
    metadata: { token_endpoint: 'http://127.0.0.1:1/token' },
  },
  {
    code: 'token_endpoint_missing',
    title: 'the provider is one of a CI system',
    metadata: { token_endpoint: undefined },
  },
  {
    code: 'authorization_endpoint_missing',
    title: 'nobody can sign in there',
    metadata: { authorization_endpoint: undefined },
  },
  {
    code: 'client_auth_unsupported',
    title: 'the provider takes the secret in another way',
    metadata: { token_endpoint_auth_methods_supported: ['client_secret_post'] },
    config: { oidc_client_auth_method: 'client_secret_basic' },
    mends: true,
  },
  {
    code: 'id_token_algorithms',
    title: 'ID tokens are signed in another way',
    metadata: { id_token_signing_alg_values_supported: ['ES256'] },
    config: { jwt_supported_algs: [] },
    hasRsaToo: true,
    mends: true,
  },
  {
    code: 'redirect_cli_missing',
    title: 'the redirect URI of the command line is missing',
    role: { allowed_redirect_uris: 'https://app.test/cb' },
    level: 'warn',
    mends: true,
  },
  {
    code: 'redirect_other_mount',
    title: 'a redirect URI leads to another mount',
    role: { allowed_redirect_uris: [cliCallback, 'https://stile.test/v1/auth/old/oidc/callback'] },
    mends: true,
  },
  {
    code: 'redirect_direct_missing',
    title: 'a direct sign-in has no way back',
    role: { callback_mode: 'direct' },
  },
  {
    code: 'audience_not_client',
    title: 'the role binds another audience than the client',
    role: { bound_audiences: 'https://vault.acme.test' },
    mends: true,
  },
  {
    code: 'scope_missing',
    title: 'the role does not ask for the scope of its claim',
    metadata: { scopes_supported: ['openid', 'email', 'groups'] },
    role: { groups_claim: 'groups' },
    level: 'warn',
    mends: true,
  },
]

describe('a sign-in mount that is wrong in one way', () => {
  for (const one of signInCases) {
    test(`${one.code}: ${one.title}`, async () => {
      // This provider has the clock of the machine.
      clock.advance(Math.max(0, Date.now() - clock.nowMs()))
      const idp = new ScriptedProvider()
      Object.assign(idp, { clientSecret: secret })
      await idp.start()
      try {
        idp.metadata = one.metadata ?? {}
        idp.onToken = () => one.token
        if (one.hasRsaToo === true) idp.jwks = { keys: [idp.key.jwk, { ...rsa, kid: 'r' }] }
        const mount = `o${++count}`
        const { root } = shell.server
        await root.must(`sys/auth/${mount}`, { type: 'oidc' })
        await root.must(`auth/${mount}/config`, {
          oidc_discovery_url: idp.issuer,
          oidc_client_id: idp.clientId,
          oidc_client_secret: secret,
          jwt_supported_algs: ['ES256'],
          ...one.config,
        })
        await root.must(`auth/${mount}/role/people`, {
          user_claim: 'sub',
          allowed_redirect_uris: [cliCallback],
          token_policies: ['default'],
          ...one.role,
        })
        const found = await findings(mount)
        assert.equal(found[0]?.code, one.code, JSON.stringify(found))
        assert.equal(found[0]?.level, one.level ?? 'fail')
        if (one.mends !== true) return
        assert.equal(found.length, 1)
        await run(found[0]?.command ?? null)
        assert.deepEqual(await findings(mount), [])
      } finally {
        await idp.stop()
      }
    })
  }
})

// ---------------------------------------------------------------- who may, and how often

test('it needs the capability, is bounded, and shows no secret', async () => {
  const { mount } = await made({ code: '', title: '' })
  const path = `auth/${mount}/doctor`
  const { server } = shell
  assert.equal((await server.client().read(path)).status, 403)
  const nobody = await server.root.tokenWith(['nothing'])
  assert.equal((await nobody.read(path)).status, 403)
  for (let i = 0; i < 6; i++) assert.equal((await server.root.read(path)).status, 200)
  const late = await server.root.read(path)
  assert.equal(late.status, 429)
  assert.match(late.headers['retry-after'] ?? '', /^\d+$/)
  clock.advance(61_000)
  assert.equal((await server.root.read(path)).status, 200)
})

test('the command prints what, where and fix, and its exit code says whether logins can work', async () => {
  const wrong = await made(cases.find(({ code }) => code === 'bound_issuer_differs') as Case)
  const result = await shell.run(['doctor', wrong.mount])
  assert.equal(result.code, 3, result.err)
  assert.match(result.out, new RegExp(`^auth/${wrong.mount}/: 1 thing refuses logins\\.`))
  assert.match(result.out, /WRONG\s+auth\/\S+\/config: bound_issuer_differs/)
  assert.match(result.out, /\n\s+\$ tokenstile write auth\/\S+\/config .*bound_issuer=http/)
  const right = await made({ code: '', title: '' })
  const healthy = await shell.run(['doctor', `auth/${right.mount}/`])
  assert.equal(healthy.code, 0, healthy.out)
  assert.match(healthy.out, /nothing refuses logins/)
  const json = await shell.run(['doctor', '-format=json', right.mount])
  assert.equal(JSON.parse(json.out)[0].healthy, true)
  assert.equal((await shell.run(['doctor', 'none'])).code, 2)
})
