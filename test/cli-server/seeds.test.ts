/**
 * The commands of the seed pages as somebody pastes them into a shell, with `vault` and `bao` on the path and a provider on
 * loopback in place of the example hosts (jwt-oidc.md §8.2). What the calls do is in test/jwt/seeds.test.ts.
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { sendText, startServer, type RunningServer } from '../oidc/fixture.ts'
import { Computer, type Ended } from './program.ts'

const keys = makeJwtMaker()
const computer = new Computer()
const isMissing = (tool: string) => spawnSync(tool, ['--version']).error !== undefined
const noCurl = isMissing('curl') ? 'curl is not installed' : false
const noJq = isMissing('jq') ? 'jq is not installed' : false
let server: TestServer
let idp: RunningServer

before(async () => {
  idp = await startServer((request, response) => {
    if (request.url === '/.well-known/jwks.json') {
      sendText(response, JSON.stringify({ keys: [keys.jwk] }))
    } else if (request.url === '/.well-known/openid-configuration') {
      const jwks = `${idp.url}/.well-known/jwks.json`
      const endpoints = {
        authorization_endpoint: `${idp.url}/authorize`,
        token_endpoint: `${idp.url}/token`,
      }
      sendText(response, JSON.stringify({ issuer: idp.url, jwks_uri: jwks, ...endpoints }))
    } else response.writeHead(404).end()
  })
})
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.stop())
after(async () => {
  await idp.close()
  await computer.remove()
})

/** Pastes the lines, with the example hosts replaced. */
function paste(lines: string, more: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const script = lines.replaceAll(
    /https:\/\/(?:idp\.example\.com|your-oidc-provider\.com)/g,
    idp.url,
  )
  const env = { VAULT_ADDR: server.url, VAULT_TOKEN: server.rootToken, ...more }
  return computer.shell(script, { env })
}

/** Pastes the lines and wants each of them to succeed. */
async function must(lines: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
  const { code, out, err } = await paste(`set -eo pipefail\n${lines}`, more)
  assert.equal(code, 0, `${lines}\n${out}${err}`)
  return out
}

const readJson = async (path: string) =>
  JSON.parse(await must(`vault read -format=json ${path}`)).data
const success = (...paths: readonly string[]) =>
  paths.map((path) => `Success! Data written to: ${path}\n`).join('')

const enableJwt = 'vault auth enable jwt'
const enabledJwt = 'Success! Enabled jwt auth method at: jwt/\n'

const s02 = `
vault auth enable oidc
vault write auth/oidc/config \\
oidc_discovery_url="https://idp.example.com" \\
oidc_client_id="vault-client" \\
oidc_client_secret="s.********" \\
default_role="web"
vault write auth/oidc/role/web \\
user_claim="sub" \\
bound_audiences="vault" \\
allowed_redirect_uris="http://localhost:8250/oidc/callback" \\
allowed_redirect_uris="https://vault.example.com/ui/vault/auth/oidc/oidc/callback" \\
oidc_scopes="openid,profile,email,groups" \\
groups_claim="groups" \\
claim_mappings="email=alias_email" \\
token_policies="dev"
`

test('S-02: the oidc mount and its role are written, the repeated key as a list', async () => {
  const out = await must(s02)
  const written = success('auth/oidc/config', 'auth/oidc/role/web')
  assert.equal(out, `Success! Enabled oidc auth method at: oidc/\n${written}`)
  const role = await readJson('auth/oidc/role/web')
  assert.deepEqual(
    [role.role_type, role.allowed_redirect_uris, role.claim_mappings],
    [
      'oidc',
      [
        'http://localhost:8250/oidc/callback',
        'https://vault.example.com/ui/vault/auth/oidc/oidc/callback',
      ],
      { email: 'alias_email' },
    ],
  )
})

const s03 = `
vault auth enable jwt
vault write auth/jwt/config \\
jwks_url="https://idp.example.com/.well-known/jwks.json" \\
bound_issuer="https://idp.example.com/"
vault write auth/jwt/role/ci \\
role_type="jwt" \\
user_claim="sub" \\
bound_audiences="vault" \\
bound_subject="repo:org/app:ref:refs/heads/main" \\
token_policies="ci-readonly"
`
const s03Login = `
JWT=$(cat idp-issued.jwt)
vault write auth/jwt/login role="ci" jwt="$JWT"
`

describe('S-03 and S-04', () => {
  let out = ''

  beforeEach(async () => {
    writeFileSync(join(computer.folder, 'idp-issued.jwt'), `${issue()}\n`)
    out = await must(`${s03}${s03Login}`)
  })

  /** The payload's base64 needs no padding, so that the decoding of the page works as printed. */
  function issue(): string {
    const claims = { iss: `${idp.url}/`, sub: 'repo:org/app:ref:refs/heads/main', aud: 'vault' }
    for (const filler of ['', 'x', 'xx']) {
      const jwt = keys.sign({ ...claims, filler })
      if ((jwt.split('.')[1]?.length ?? 0) % 4 === 0) return jwt
    }
    throw new Error('one of three lengths fits')
  }

  test('S-03: from nothing to a token with a JWT', () => {
    const written = enabledJwt + success('auth/jwt/config', 'auth/jwt/role/ci')
    assert.ok(out.startsWith(`${written}Key `), out)
    assert.match(out, /^token +hvs\.\w+$/m)
    assert.match(out, /^token_duration +768h$/m)
    assert.match(out, /^token_policies +\["ci-readonly" "default"\]$/m)
    assert.match(out, /^token_meta_role +ci$/m)
  })

  test('S-04: the token is looked up, configuration and role are read', async () => {
    const [, token = ''] = /^token +(hvs\.\w+)$/m.exec(out) ?? []
    const table = await must(`vault token lookup ${token}`)
    assert.match(table, /^display_name +jwt-repo:org\/app:ref:refs\/heads\/main$/m)
    assert.match(table, /^meta +map\[role:ci\]$/m)
    assert.match(table, /^path +auth\/jwt\/login$/m)
    assert.equal((await readJson('auth/jwt/config')).bound_issuer, `${idp.url}/`)
    assert.equal((await readJson('auth/jwt/role/ci')).user_claim, 'sub')
  })

  test('S-04: with curl and jq, as printed', { skip: noCurl || noJq }, async () => {
    const printed = await must(`
JWT=$(cat idp-issued.jwt)
cut -d'.' -f2 <<< "$JWT" | base64 -d 2>/dev/null | jq .
curl -s https://idp.example.com/.well-known/openid-configuration | jq .
curl -s https://idp.example.com/.well-known/jwks.json | jq .
vault read -format=json auth/jwt/config | jq .
vault read -format=json auth/jwt/role/ci | jq .
`)
    assert.match(printed, /^ {2}"sub": "repo:org\/app:ref:refs\/heads\/main",$/m)
    assert.match(printed, /^ {4}"role_type": "jwt",$/m)
  })
})

test('S-05: several mounts side by side, each with its own configuration', async () => {
  await must(`
vault auth enable -path=oidc-okta oidc
vault auth enable -path=oidc-azure oidc
vault auth enable -path=jwt-ci jwt
vault write auth/oidc-okta/config oidc_discovery_url="https://idp.example.com" default_role=okta
vault write auth/oidc-azure/config oidc_discovery_url="https://idp.example.com" default_role=azure
vault write auth/jwt-ci/config jwks_url="https://idp.example.com/.well-known/jwks.json"
`)
  const roles = await must(`
vault read -field=default_role auth/oidc-okta/config
vault read -field=default_role auth/oidc-azure/config
vault read -field=default_role auth/jwt-ci/config
`)
  assert.equal(roles, 'oktaazure')
})

test('S-06, S-07, S-08: the discovery document pasted as the address, and the role as text', async () => {
  assert.equal(await must(enableJwt), enabledJwt)
  const config = await paste(`
vault write auth/jwt/config \\
oidc_discovery_url="https://your-oidc-provider.com/.well-known/openid-configuration" \\
bound_issuer="https://your-oidc-provider.com" \\
token_audiences="vault-aud-value"
`)
  assert.deepEqual([config.code, config.out], [0, success('auth/jwt/config')])
  assert.match(
    config.err,
    /^WARNING! The following warnings were returned from the server:\n\n {2}\* /,
  )
  const stored = await readJson('auth/jwt/config')
  assert.deepEqual(
    [stored.oidc_discovery_url, stored.token_audiences],
    [idp.url, ['vault-aud-value']],
  )
  const role = await must(`
vault write auth/jwt/role/developer-role \\
user_claim="sub" \\
groups_claim="groups" \\
token_policies="developer-policy" \\
bound_claims_type="glob" \\
bound_claims="groups=developers"
`)
  assert.equal(role, success('auth/jwt/role/developer-role'))
  const { role_type: type, bound_claims: bound } = await readJson('auth/jwt/role/developer-role')
  assert.deepEqual([type, bound], ['jwt', { groups: 'developers' }])

  const login = (claims: object) =>
    paste('vault write auth/jwt/login role=developer-role jwt="$JWT"', {
      JWT: keys.sign({
        iss: idp.url,
        sub: 'user-12345',
        aud: 'vault-aud-value',
        groups: ['developers', 'ops'],
        ...claims,
      }),
    })
  const fine = await login({})
  assert.equal(fine.code, 0, fine.err)
  assert.match(fine.out, /^token_policies +\["default" "developer-policy"\]$/m)
  for (const [claims, reason] of [
    [{ aud: 'other' }, 'audience_mismatch'],
    [{ groups: ['ops'] }, 'claim_mismatch'],
  ] as const) {
    const refused = await login(claims)
    assert.equal(refused.code, 2)
    assert.ok(refused.err.includes('Code: 400.') && refused.err.includes(reason), refused.err)
  }
})

const s11Body = `"user_claim": "sub",
"bound_audiences": "abc123",
"role_type": "oidc",
"policies": "demo",
"ttl": "1h",
"bound_claims": { "groups": ["mygroup/mysubgroup"] }`

describe('S-11', () => {
  test('S-11, SED-010: as printed it is no JSON, which is said without asking the server', async () => {
    const nobody = { BAO_ADDR: 'http://127.0.0.1:1' }
    const result = await paste(`bao write auth/oidc/role/demo -<<EOF\n${s11Body}`, nobody)
    assert.deepEqual([result.code, result.out], [1, ''])
    assert.match(result.err, /^Failed to parse K=V data: /m)
    assert.equal(result.err.includes('127.0.0.1:1'), false)
  })

  test('S-11: with its braces it updates a role that has redirects, and makes none', async () => {
    await must(s02)
    const update = `bao write auth/oidc/role/demo -<<EOF\n{\n${s11Body}\n}\nEOF`
    const made = await paste(update)
    assert.equal(made.code, 2)
    assert.match(made.err, /Code: 400\.[^]*allowed_redirect_uris/)
    await must(
      'bao write auth/oidc/role/demo user_claim=x allowed_redirect_uris="http://localhost:8250/oidc/callback"',
    )
    assert.equal(await must(update), success('auth/oidc/role/demo'))
    const role = await readJson('auth/oidc/role/demo')
    assert.deepEqual([role.policies, role.ttl, role.token_ttl], [['demo'], 3600, 3600])
    assert.deepEqual(role.bound_claims, { groups: ['mygroup/mysubgroup'] })
  })
})

describe('S-12', () => {
  const jwt = () => keys.sign({ sub: 'u', aud: 'a' })

  beforeEach(() =>
    must(`
bao auth enable jwt
bao write auth/jwt/config jwks_url="https://idp.example.com/.well-known/jwks.json"
bao write auth/jwt/role/demo role_type=jwt user_claim=sub bound_audiences=a
`),
  )

  test('S-12: the dots of the page are no token, a real one logs in', async () => {
    const dots = await paste('bao write auth/jwt/login role=demo jwt=...')
    assert.deepEqual([dots.code, dots.out], [2, ''])
    assert.match(dots.err, /^Error writing data to auth\/jwt\/login: Error making API request\./)
    assert.match(dots.err, /^Code: 400\. Errors:$/m)
    assert.match(dots.err, /jwt_malformed/)
    const real = await must(`bao write auth/jwt/login role=demo jwt=${jwt()}`)
    assert.match(real, /^token_policies +\["default"\]$/m)
  })

  test(
    'S-12: curl without a content type sends a form that is JSON',
    { skip: noCurl },
    async () => {
      const curl = (token: string) => `curl -s \\
--request POST \\
--data '{"jwt": "${token}", "role": "demo"}' \\
$VAULT_ADDR/v1/auth/jwt/login`
      const { auth } = JSON.parse(await must(curl(jwt())))
      assert.deepEqual(
        [auth.policies, auth.metadata, auth.lease_duration, auth.renewable],
        [['default'], { role: 'demo' }, 2_764_800, true],
      )
      assert.ok(Array.isArray(JSON.parse(await must(curl('your_jwt'))).errors))
    },
  )
})

describe('S-13 and S-14', () => {
  const config = (url: string, id: string, secret: string) => `
bao write auth/jwt/config \\
oidc_discovery_url="${url}" \\
oidc_client_id="${id}" \\
oidc_client_secret="${secret}" \\
`
  const app = ['m5i8bj3iofytj', 'f4ubv72nfiu23hnsj'] as const

  beforeEach(async () => {
    const out = await must('bao auth enable jwt\nbao auth enable oidc')
    assert.equal(out, `${enabledJwt}Success! Enabled oidc auth method at: oidc/\n`)
  })

  test('S-13: as printed, without its address, neither has a key source', async () => {
    for (const lines of [config('', ...app), config('', '', '')]) {
      const result = await paste(lines)
      assert.deepEqual([result.code, result.out], [2, ''])
      assert.match(result.err, /^\* exactly one of /m)
      assert.equal(result.err.includes(app[1]), false)
    }
  })

  test('S-13: with an address both are taken', async () => {
    const url = 'https://idp.example.com'
    assert.equal(await must(config(url, ...app)), success('auth/jwt/config'))
    assert.equal((await readJson('auth/jwt/config')).oidc_client_id, app[0])
    assert.equal(await must(config(url, '', '')), success('auth/jwt/config'))
    assert.equal((await readJson('auth/jwt/config')).oidc_client_id, '')
  })

  test('S-14: an oidc role whose claim names are literal, which no JWT may use', async () => {
    await must(config('https://idp.example.com', ...app))
    const out = await must(`
bao write auth/jwt/role/demo \\
allowed_redirect_uris="http://localhost:8250/oidc/callback" \\
bound_subject="r3qX9DljwFIWhsiqwFiu38209F10atW6@clients" \\
bound_audiences="https://vault.plugin.auth.jwt.test" \\
user_claim="https://vault/user" \\
groups_claim="https://vault/groups" \\
policies=webapps \\
`)
    assert.equal(out, success('auth/jwt/role/demo'))
    const role = await readJson('auth/jwt/role/demo')
    assert.deepEqual(
      [role.role_type, role.user_claim, role.policies],
      ['oidc', 'https://vault/user', ['webapps']],
    )
    const login = await paste(`bao write auth/jwt/login role=demo jwt=${keys.sign({})}`)
    assert.equal(login.code, 2)
    assert.match(login.err, /role_type_mismatch/)
  })
})
