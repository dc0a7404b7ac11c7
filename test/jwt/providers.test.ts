/** Look-ups at the directories of providers over HTTP (jwt-oidc.md §5): what is asked, what becomes of the answer, and what refuses a login. */

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { ApiResult } from '../harness/api-client.ts'
import {
  DirectoryStandIn,
  type DirectoryQuestion,
  type DirectoryReply,
} from '../harness/directory-stand-in.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  assertReason,
  assertRefused,
  assertStatus,
  configS,
  issuerUrl,
  keyK,
  makeMount,
  type Claims,
} from './fixture.ts'
import { redirectUri, setUpSignIn } from './oidc-fixture.ts'

const hosts = [
  'graph.microsoft.com',
  'graph.microsoft.us',
  'claims.example.test',
  'admin.googleapis.com',
  'oauth2.googleapis.com',
  'iamcredentials.googleapis.com',
  'token.example.test',
  'acme.okta.com',
  'other.okta.com',
]

let server: TestServer
let directory: DirectoryStandIn

before(async () => {
  directory = await new DirectoryStandIn().start()
  server = await startTestServer({ outbound: (real) => directory.rerouted(real, hosts) })
})
after(async () => {
  await server.stop()
  await directory.stop()
})
beforeEach(() => {
  directory.questions.length = 0
  directory.answer = () => ({ status: 404, body: {} })
})

const base: Claims = { iss: issuerUrl, sub: 'user1', aud: 'a' }

function mountWith(provider_config: object, more: object = {}): Promise<string> {
  return makeMount(server.root, { ...configS, provider_config, ...more })
}

async function withRole(provider_config: object, role: object = {}, more: object = {}) {
  const mount = await mountWith(provider_config, more)
  await server.root.must(`auth/${mount}/role/r`, {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['a'],
    groups_claim: 'groups',
    ...role,
  })
  return (claims: Claims = {}, body: object = {}): Promise<ApiResult> =>
    server.client().write(`auth/${mount}/login`, {
      role: 'r',
      jwt: keyK.sign({ ...base, ...claims }),
      ...body,
    })
}

/** Accepted only with exactly this group among those that were found. */
function needing(group: string) {
  return { bound_claims: { groups: group } }
}

function refusesConfig(provider_config: object, text: RegExp, more: object = {}): Promise<void> {
  return makeMount(server.root)
    .then((mount) =>
      server.root.write(`auth/${mount}/config`, { ...configS, provider_config, ...more }),
    )
    .then((result) => assertRefused(result, text, JSON.stringify(provider_config)))
}

/** A login that the provider has refused: with a reason, and without a part of any credential. */
function assertFailed(result: ApiResult, text: RegExp): void {
  assertReason(result, 'provider_failed', result.text)
  assert.match(result.body.errors[0], text)
  assert.doesNotMatch(result.text, /secret-token/)
}

const serial =
  (...replies: readonly DirectoryReply[]) =>
  (): DirectoryReply =>
    replies[Math.min(directory.questions.length, replies.length) - 1] ?? { status: 500 }

describe('azure', () => {
  const token = { distributed_claim_access_token: 'secret-token' }
  const elsewhere = (endpoint: string): Claims => ({
    _claim_names: { groups: 'src1' },
    _claim_sources: { src1: { endpoint } },
  })

  test('groups that the token has elsewhere are fetched from there (PRV-001, PRV-011)', async () => {
    const enter = await withRole({ provider: 'azure' }, needing('g2'))
    directory.answer = () => ({ body: { value: ['g1', 'g2'] } })
    assertStatus(await enter(elsewhere('https://claims.example.test/u/1?x=y'), token), 200)
    const [asked] = directory.questions
    assert.equal(asked?.method, 'POST')
    assert.equal(asked?.url.href, 'https://claims.example.test/u/1?x=y')
    assert.equal(asked?.authorization, 'Bearer secret-token')
    assert.deepEqual(JSON.parse(asked?.body ?? ''), { securityEnabledOnly: false })
  })

  test('groups in the token are used as they are (PRV-002)', async () => {
    const enter = await withRole({ provider: 'azure' }, needing('g1'))
    assertStatus(await enter({ groups: ['g1'], ...elsewhere('https://claims.example.test/') }), 200)
    assert.equal(directory.questions.length, 0)
  })

  test('a pointer that leads nowhere refuses (PRV-003)', async () => {
    const enter = await withRole({ provider: 'azure' })
    assertReason(await enter({}, token), 'groups_missing')
    const rows: readonly Claims[] = [
      { _claim_names: { groups: 'src1' } },
      { _claim_names: { groups: 'src1' }, _claim_sources: {} },
      { _claim_names: { groups: 'src1' }, _claim_sources: { src1: {} } },
      { _claim_names: { groups: 7 }, _claim_sources: { src1: { endpoint: 'https://x/' } } },
      { _claim_names: { other: 'src1' }, _claim_sources: { src1: { endpoint: 'https://x/' } } },
      elsewhere('nowhere'),
    ]
    for (const claims of rows) {
      assertFailed(await enter(claims, token), /unable to find the groups/)
    }
    assert.equal(directory.questions.length, 0)
  })

  test('hosts that moved are asked at their new place (PRV-004, PRV-005)', async () => {
    const enter = await withRole({ provider: 'azure' })
    directory.answer = () => ({ body: { value: [] } })
    assertStatus(await enter(elsewhere('https://graph.windows.net/t/users/u?api=1'), token), 200)
    assertStatus(await enter(elsewhere('https://graph.microsoftazure.us/t'), token), 200)
    assert.deepEqual(
      directory.questions.map(({ url }) => url.href),
      ['https://graph.microsoft.com/v1.0/t/users/u?api=1', 'https://graph.microsoft.us/v1.0/t'],
    )
  })

  test('fetch_groups always asks Graph, and takes hundreds of groups and all pages (PRV-006, PRV-007, PRV-008)', async () => {
    const enter = await withRole({ provider: 'azure', fetch_groups: true }, needing('g449'))
    const all = Array.from({ length: 450 }, (_, i) => `g${i}`)
    directory.answer = () => ({ body: { value: all } })
    assertStatus(await enter({ groups: ['other'] }, token), 200)
    const [asked] = directory.questions
    assert.equal(asked?.url.href, 'https://graph.microsoft.com/v1.0/me/getMemberObjects')
    assert.equal(asked?.contentType, 'application/json')
    const link = 'https://graph.microsoft.com/v1.0/me/getMemberObjects?$skiptoken=2'
    directory.questions.length = 0
    directory.answer = serial(
      { body: { value: all.slice(0, 200), '@odata.nextLink': link } },
      { body: { value: all.slice(200) } },
    )
    assertStatus(await enter({}, token), 200)
    assert.deepEqual(
      directory.questions.map(({ method, authorization }) => [method, authorization]),
      [
        ['POST', 'Bearer secret-token'],
        ['GET', 'Bearer secret-token'],
      ],
    )
    await refusesConfig(
      { provider: 'azure', fetch_groups: 'true' },
      /fetch_groups must be a boolean/,
    )
    await mountWith({ provider: 'azure', FETCH_GROUPS: false })
    await mountWith({ provider: 'azure' })
  })

  test('without an access token nobody is asked, and the login says why (PRV-009)', async () => {
    const enter = await withRole({ provider: 'azure', fetch_groups: true })
    assertReason(await enter(), 'groups_truncated')
    assertReason(await enter({}, { distributed_claim_access_token: '' }), 'groups_truncated')
    assert.equal(directory.questions.length, 0)
  })

  test('a Graph that fails, answers nonsense or is not https refuses the login (PRV-010)', async () => {
    const enter = await withRole({ provider: 'azure', fetch_groups: true })
    const rows: readonly (readonly [DirectoryReply, RegExp])[] = [
      [{ status: 401, body: { error: 'secret-token is bad' } }, /status 401/],
      [
        { status: 429, body: {}, headers: { 'retry-after': '17' } },
        /429 and asks to come back in 17/,
      ],
      [{ body: 'not json' }, /not acceptable JSON/],
      [{ body: { value: 'g' } }, /without a list of groups/],
      [{ body: { value: ['g', 7] } }, /without a list of groups/],
      [
        { body: { value: Array.from({ length: 10_001 }, (_, i) => `g${i}`) } },
        /more than 10000 groups/,
      ],
      [{ body: `{"value":["${'g'.repeat(1_100_000)}"]}` }, /./],
    ]
    for (const [reply, text] of rows) {
      directory.answer = () => reply
      assertFailed(await enter({}, token), text)
    }
    const plain = await withRole({ provider: 'azure' })
    assertFailed(await plain(elsewhere('http://claims.example.test/'), token), /over https only/)
  })

  test('the next page is asked for where the first one was, and nowhere else (SEC-NET-15)', async () => {
    const enter = await withRole({ provider: 'azure', fetch_groups: true })
    for (const link of [
      'https://claims.example.test/steal',
      'http://graph.microsoft.com/x',
      'https://[',
      7,
    ]) {
      directory.questions.length = 0
      directory.answer = () => ({ body: { value: ['g'], '@odata.nextLink': link } })
      assertFailed(await enter({}, token), /next page/)
      assert.equal(directory.questions.length, 1)
    }
    // Pages without an end.
    directory.questions.length = 0
    const link = 'https://graph.microsoft.com/again'
    directory.answer = () => ({ body: { value: [], '@odata.nextLink': link } })
    assertFailed(await enter({}, token), /more than 200 calls/)
    assert.equal(directory.questions.length, 200)
  })
})

test('a sign-in asks with the access token that its code was exchanged for (PRV-001, PRV-021)', async () => {
  const setup = await setUpSignIn({ outbound: (real) => directory.rerouted(real, hosts) })
  try {
    await setup.configure({ provider_config: { provider: 'azure' } })
    const claims = {
      email: 'bob@example.com',
      _claim_names: { groups: 'src1' },
      _claim_sources: { src1: { endpoint: 'https://graph.windows.net/t/users/u' } },
    }
    setup.idp.claims = claims
    const people = {
      role_type: 'oidc',
      user_claim: 'email',
      groups_claim: 'groups',
      allowed_redirect_uris: [redirectUri],
      bound_claims: { groups: 'g2' },
    }
    directory.answer = () => ({ body: { value: ['g1', 'g2'] } })
    const role = await setup.role({}, people)
    const signIn = async () => {
      const { code, state } = await setup.begin(role)
      return setup.callback({ code, state })
    }
    assertStatus(await signIn(), 200)
    assert.equal(directory.questions[0]?.authorization, 'Bearer access1')
    directory.answer = () => ({ status: 500, body: {} })
    const refused = await signIn()
    assertReason(refused, 'provider_failed')
    assert.doesNotMatch(refused.text, /access1/)
  } finally {
    await setup.stop()
  }
})

describe('secureauth and ibmisam', () => {
  test('groups in one text are split (PRV-012, PRV-013)', async () => {
    const comma = await withRole({ provider: 'secureauth' }, needing('b'))
    assertStatus(await comma({ groups: 'a,b' }), 200)
    assertReason(await comma({ groups: 'a b' }), 'claim_mismatch')
    const blank = await withRole({ provider: 'ibmisam' }, needing('another-group'))
    assertStatus(await blank({ groups: 'a-group another-group' }), 200)
  })

  test('a list stays, and no groups refuse (PRV-014, PRV-015)', async () => {
    for (const provider of ['secureauth', 'ibmisam']) {
      const enter = await withRole({ provider }, needing('a,b c'))
      assertStatus(await enter({ groups: ['a,b c'] }), 200)
      assertReason(await enter(), 'groups_missing')
    }
  })
})

describe('kubernetes', () => {
  test('it is the only source of keys, and works in a cluster alone (PRV-045, PRV-046, PRV-047)', async () => {
    const provider_config = { provider: 'kubernetes' }
    const sources: readonly object[] = [
      configS,
      { jwks_url: 'https://x.example.test/jwks' },
      { oidc_discovery_url: 'https://x.example.test' },
      { oidc_discovery_ca_pem: 'x' },
      { jwks_ca_pem: 'x' },
    ]
    const mount = await makeMount(server.root)
    for (const source of sources) {
      const result = await server.root.write(`auth/${mount}/config`, { ...source, provider_config })
      assertRefused(result, /./, JSON.stringify(source))
    }
    const result = await server.root.write(`auth/${mount}/config`, { provider_config })
    assertRefused(result, /KUBERNETES_SERVICE_HOST|could not be read/)
  })
})

describe('gsuite', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const account = {
    type: 'service_account',
    client_email: 'robot@project.example.test',
    private_key_id: 'key-1',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    token_uri: 'https://token.example.test/token',
  }
  const gsuite = {
    provider: 'gsuite',
    gsuite_service_account: JSON.stringify(account),
    gsuite_admin_impersonate: 'admin@acme.example.test',
    fetch_groups: true,
  }
  /** Who is in which group, by whom is asked for. */
  const memberships: Readonly<Record<string, readonly string[]>> = {
    user1: ['g1'],
    g1: ['g2'],
    g2: ['g3'],
    // In a circle.
    anna: ['c1'],
    c1: ['c2'],
    c2: ['c3'],
    c3: ['c1'],
  }

  function workspace({ url, authorization }: DirectoryQuestion): DirectoryReply {
    if (url.host === 'token.example.test' || url.host === 'oauth2.googleapis.com') {
      return { body: { access_token: 'secret-token', token_type: 'Bearer', expires_in: 3600 } }
    }
    if (authorization !== 'Bearer secret-token') return { status: 401, body: {} }
    if (url.pathname.includes('/users/')) {
      return { body: { customSchemas: { Preferences: { shirt_size: 'medium' } } } }
    }
    const groups = memberships[url.searchParams.get('userKey') ?? ''] ?? []
    return { body: { groups: groups.map((email) => ({ email })) } }
  }

  const searches = () => directory.questions.filter(({ url }) => url.pathname.endsWith('/groups'))

  test('groups are searched with a token for the administrator (PRV-016, PRV-022)', async () => {
    directory.answer = workspace
    const enter = await withRole({ ...gsuite, domain: 'acme.example.test' })
    assertStatus(await enter({ sub: 'lonely' }), 200)
    const [exchange, search] = directory.questions
    const form = new URLSearchParams(exchange?.body)
    assert.equal(form.get('grant_type'), 'urn:ietf:params:oauth:grant-type:jwt-bearer')
    const [head = '', claims = ''] = (form.get('assertion') ?? '').split('.')
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
    assert.deepEqual(read(head), { alg: 'RS256', typ: 'JWT', kid: 'key-1' })
    const { iat, exp, ...said } = read(claims)
    assert.equal(exp - iat, 3600)
    assert.deepEqual(said, {
      iss: account.client_email,
      sub: 'admin@acme.example.test',
      aud: account.token_uri,
      scope:
        'https://www.googleapis.com/auth/admin.directory.group.readonly https://www.googleapis.com/auth/admin.directory.user.readonly',
    })
    assert.equal(search?.url.host, 'admin.googleapis.com')
    assert.equal(search?.url.searchParams.get('domain'), 'acme.example.test')
    assert.equal(search?.url.searchParams.get('userKey'), 'lonely')
    assert.equal(search?.url.searchParams.get('fields'), 'nextPageToken,groups(email)')
  })

  test('groups of groups are searched as deep as the mount says, each once (PRV-017, PRV-018)', async () => {
    directory.answer = workspace
    const rows: readonly (readonly [string, number, readonly string[]])[] = [
      ['user1', 0, ['g1']],
      ['user1', 1, ['g1', 'g2']],
      ['user1', 10, ['g1', 'g2', 'g3']],
      ['g1', 0, ['g2']],
      ['g1', 1, ['g2', 'g3']],
      ['g1', 10, ['g2', 'g3']],
      ['anna', 10, ['c1', 'c2', 'c3']],
    ]
    for (const [sub, groups_recurse_max_depth, expected] of rows) {
      directory.questions.length = 0
      const config = { ...gsuite, groups_recurse_max_depth }
      for (const group of ['g1', 'g2', 'g3', 'c1', 'c2', 'c3']) {
        const enter = await withRole(config, needing(group))
        const result = await enter({ sub })
        if (expected.includes(group)) assertStatus(result, 200, `${sub} ${group}`)
        else assertReason(result, 'claim_mismatch')
      }
      assert.ok(searches().length <= 6 * 4, `${searches().length}`)
    }
  })

  test('options are read strictly, and the credentials must be there (PRV-019, PRV-020, PRV-025, CFG-052)', async () => {
    await refusesConfig({ ...gsuite, groups_recurse_max_depth: -1 }, /groups_recurse_max_depth/)
    await refusesConfig({ ...gsuite, fetch_groups: 'true' }, /fetch_groups must be a boolean/)
    await refusesConfig({ ...gsuite, groups_recurse_max_depth: '1' }, /must be a whole number/)
    await refusesConfig({ ...gsuite, gsuite_service_account: '{"type":"x"}' }, /service_account/)
    await refusesConfig({ ...gsuite, gsuite_service_account: '/not/there' }, /could not be read/)
    await refusesConfig({ provider: 'gsuite' }, /could not find default credentials/)
    const full = {
      ...gsuite,
      fetch_user_info: true,
      groups_recurse_max_depth: 5,
      user_custom_schemas: 'Preferences',
      domain: 'd',
    }
    await mountWith(full)
    await mountWith({ ...gsuite, fetch_user_info: true })
    const path = join(server.folder, 'account.json')
    writeFileSync(path, JSON.stringify(account))
    const mount = await mountWith({ ...full, gsuite_service_account: path })
    const read = await server.root.read(`auth/${mount}/config`)
    const { gsuite_service_account: _, ...told } = full
    assert.deepEqual(read.body.data.provider_config, told, 'CFG-052')
  })

  test('groups and custom schemas are there for the bound claims (PRV-021)', async () => {
    directory.answer = workspace
    const config = { ...gsuite, fetch_user_info: true, user_custom_schemas: 'Preferences' }
    const bound_claims = { groups: 'g1', '/Preferences/shirt_size': 'medium' }
    const enter = await withRole(config, { bound_claims })
    assertStatus(await enter(), 200)
    const user = directory.questions.find(({ url }) => url.pathname.includes('/users/'))
    assert.equal(user?.url.pathname, '/admin/directory/v1/users/user1')
    assert.equal(user?.url.searchParams.get('customFieldMask'), 'Preferences')
    directory.answer = (question) =>
      question.url.pathname.includes('/users/')
        ? { body: { customSchemas: { iss: { evil: true } } } }
        : workspace(question)
    assertFailed(await enter(), /custom schema is called iss/)
  })

  test('all pages of a search are read (PRV-023)', async () => {
    directory.answer = (question) => {
      if (!question.url.pathname.endsWith('/groups')) return workspace(question)
      const page = question.url.searchParams.get('pageToken')
      return page === null
        ? { body: { groups: [{ email: 'g1' }], nextPageToken: 'p2' } }
        : { body: { groups: [{ email: `of-${page}` }] } }
    }
    const enter = await withRole(gsuite, needing('of-p2'))
    assertStatus(await enter(), 200)
    assert.equal(searches().length, 2)
  })

  test('without fetch_groups the groups of the token count (PRV-024)', async () => {
    const enter = await withRole({ ...gsuite, fetch_groups: false }, needing('own'))
    assertStatus(await enter({ groups: ['own'] }), 200)
    assert.equal(directory.questions.length, 0)
  })

  test('credentials that are gone refuse every login of the mount (jwt-oidc.md §5.1)', async () => {
    const path = join(server.folder, 'gone.json')
    writeFileSync(path, JSON.stringify(account))
    const config = { ...gsuite, fetch_groups: false, gsuite_service_account: path }
    const enter = await withRole(config, needing('own'))
    assertStatus(await enter({ groups: ['own'] }), 200)
    rmSync(path)
    assertFailed(await enter({ groups: ['own'] }), /^error initializing provider gsuite: /)
  })

  test('an account without a key lets Google sign for it (PRV-020)', async () => {
    const path = join(server.folder, 'user.json')
    const user = { type: 'authorized_user', client_id: 'c', client_secret: 's', refresh_token: 'r' }
    writeFileSync(path, JSON.stringify(user))
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = path
    try {
      directory.answer = (question) => {
        if (question.url.host !== 'iamcredentials.googleapis.com') return workspace(question)
        return { body: { signedJwt: 'a.b.c', accessToken: 'secret-token' } }
      }
      const principal = { ...gsuite, gsuite_service_account: '', impersonate_principal: 'p@x.test' }
      const enter = await withRole(principal, needing('g1'))
      assertStatus(await enter(), 200)
      assert.match(directory.questions[1]?.url.pathname ?? '', /p%40x\.test:signJwt$/)
      const body = JSON.parse(directory.questions[1]?.body ?? '{}')
      assert.equal(JSON.parse(body.payload).sub, 'admin@acme.example.test')
      assert.equal(new URLSearchParams(directory.questions[2]?.body).get('assertion'), 'a.b.c')
      directory.questions.length = 0
      const alone = await withRole({ ...principal, gsuite_admin_impersonate: '' }, needing('g1'))
      assertStatus(await alone(), 200)
      assert.match(directory.questions[1]?.url.pathname ?? '', /:generateAccessToken$/)
    } finally {
      delete process.env['GOOGLE_APPLICATION_CREDENTIALS']
    }
  })

  test('a Google that fails on any page refuses the login, never with fewer groups (SEC-NET-15)', async () => {
    const enter = await withRole({ ...gsuite, groups_recurse_max_depth: 5 }, needing('g1'))
    const rows: readonly (readonly [(question: DirectoryQuestion) => DirectoryReply, RegExp])[] = [
      [() => ({ status: 503, body: {} }), /sign in to Google.*503/],
      [() => ({ body: {} }), /without access_token/],
      [
        ({ url }) =>
          url.searchParams.get('userKey') === 'g2' ? { status: 403, body: {} } : workspaceOf(url),
        /403/,
      ],
      [
        ({ url }) =>
          url.searchParams.get('userKey') === 'g1' ? { body: { groups: [{}] } } : workspaceOf(url),
        /without a list/,
      ],
    ]
    const workspaceOf = (url: URL) =>
      workspace({
        url,
        authorization: 'Bearer secret-token',
        method: 'GET',
        contentType: '',
        body: '',
      })
    for (const [answer, text] of rows) {
      directory.answer = answer
      assertFailed(await enter(), text)
    }
    directory.answer = (question) =>
      question.url.pathname.endsWith('/groups')
        ? { body: { groups: [], nextPageToken: 'again' } }
        : workspace(question)
    assertFailed(await enter(), /more than 200 calls/)
  })
})

describe('okta', () => {
  const okta = {
    provider: 'okta',
    org_url: 'https://acme.okta.com/path?x',
    api_token: 'secret-token',
    fetch_groups: true,
  }
  const named = (...names: readonly string[]) => names.map((name) => ({ profile: { name } }))

  test('the organisation comes from its address or from the discovery URL (PRV-026, PRV-027, PRV-030)', async () => {
    directory.answer = ({ url }) => {
      if (url.pathname.endsWith('/openid-configuration')) {
        const issuer = 'https://acme.okta.com/oauth2/aus1'
        return { body: { issuer, jwks_uri: `${issuer}/keys` } }
      }
      return url.pathname.endsWith('/keys') ? { body: { keys: [keyK.jwk] } } : { body: named('g') }
    }
    const config = {
      ...okta,
      org_url: '',
      groups_cap: 0,
    }
    const mount = await makeMount(server.root, {
      oidc_discovery_url: 'https://acme.okta.com/oauth2/aus1',
      provider_config: config,
    })
    await server.root.must(`auth/${mount}/role/r`, {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: ['a'],
      groups_claim: 'groups',
      bound_claims: { groups: 'g' },
    })
    const enter = (groups: readonly string[]) =>
      server.client().write(`auth/${mount}/login`, {
        role: 'r',
        jwt: keyK.sign({ ...base, iss: 'https://acme.okta.com/oauth2/aus1', groups }),
      })
    const many = Array.from({ length: 99 }, (_, i) => `x${i}`)
    assertReason(await enter(many), 'claim_mismatch')
    assertStatus(await enter([...many, 'x99']), 200)
    assert.equal(
      directory.questions.at(-1)?.url.href,
      'https://acme.okta.com/api/v1/users/user1/groups',
    )
  })

  test('what cannot work is refused when it is written (PRV-028, PRV-029)', async () => {
    await refusesConfig({ ...okta, api_token: '' }, /api_token/)
    await refusesConfig({ ...okta, org_url: 'http://acme.okta.com' }, /https address/)
    await refusesConfig({ ...okta, groups_cap: -1 }, /groups_cap/)
    await refusesConfig({ ...okta, groups_filter: '[bad' }, /groups_filter.*expression/)
  })

  test('without fetch_groups the claim counts, through the filter where there is one (PRV-031, PRV-032, PRV-042)', async () => {
    const plain = await withRole({ provider: 'okta' }, needing('g99'))
    assertStatus(await plain({ groups: Array.from({ length: 100 }, (_, i) => `g${i}`) }), 200)
    assertReason(await plain(), 'groups_missing')
    const config = { provider: 'okta', groups_filter: '^vault-' }
    const inside = await withRole(config, needing('vault-a'))
    assertStatus(await inside({ groups: ['vault-a', 'x', 7] }), 200)
    const outside = await withRole(config, needing('x'))
    assertReason(await outside({ groups: ['vault-a', 'x'] }), 'claim_mismatch')
    assert.equal(directory.questions.length, 0)
  })

  test('a list shorter than the cap is whole (PRV-033)', async () => {
    for (const more of [{}, { groups_filter: 'b' }]) {
      const enter = await withRole({ ...okta, groups_cap: 5, ...more }, needing('b'))
      assertStatus(await enter({ groups: ['a', 'b', 'c'] }), 200)
    }
    assert.equal(directory.questions.length, 0)
  })

  test('a list that may be cut, or none, is fetched, with the token that Okta asks for (PRV-034, PRV-035, PRV-039)', async () => {
    directory.answer = () => ({ body: named('vault-a', 'other') })
    const enter = await withRole(
      { ...okta, groups_cap: 2, groups_filter: '^vault-' },
      needing('vault-a'),
    )
    for (const groups of [['x', 'y'], ['x', 'y', 'z'], undefined]) {
      assertStatus(await enter({ groups }), 200)
    }
    assert.equal(directory.questions.length, 3)
    for (const { authorization } of directory.questions) {
      assert.equal(authorization, 'SSWS secret-token')
    }
    const filtered = await withRole({ ...okta, groups_filter: '^vault-' }, needing('other'))
    assertReason(await filtered(), 'claim_mismatch')
  })

  test('whom Okta is asked about comes from the claim that the mount names (PRV-036)', async () => {
    directory.answer = () => ({ body: named('g') })
    const byMail = await withRole({ ...okta, user_id_claim: 'email' })
    assertStatus(await byMail({ email: 'a/b@x.test' }), 200)
    assert.equal(directory.questions[0]?.url.pathname, '/api/v1/users/a%2Fb%40x.test/groups')
    for (const email of [undefined, 7, ''])
      assertFailed(await byMail({ email }), /"email" holds no id/)
    const byUser = await withRole(okta)
    assertStatus(await byUser(), 200)
    assert.equal(directory.questions.at(-1)?.url.pathname, '/api/v1/users/user1/groups')
  })

  test('pages are followed by their link, and groups without a name are none (PRV-037, PRV-038)', async () => {
    const next = '<https://acme.okta.com/api/v1/users/user1/groups?after=2>; rel="next"'
    directory.answer = serial(
      {
        body: named('a', '', 'b'),
        headers: { link: `<https://acme.okta.com/>; rel="self", ${next}` },
      },
      { body: named('c', 'd', 'e') },
    )
    const enter = await withRole(okta, needing('e'))
    assertStatus(await enter(), 200)
    assert.equal(directory.questions.length, 2)
  })

  test('an Okta that fails or answers nonsense refuses the login (PRV-040)', async () => {
    const enter = await withRole(okta)
    for (const status of [401, 403, 500]) {
      directory.answer = () => ({ status, body: { secret: 'secret-token' } })
      assertFailed(await enter(), new RegExp(`status ${status}`))
    }
    for (const body of ['nonsense', {}, [{}], [{ profile: { name: 7 } }]]) {
      directory.answer = () => ({ body })
      assertFailed(await enter(), /Okta/)
    }
  })

  test('only a link that says next is one (PRV-041)', async () => {
    const rows: readonly (readonly [string, number])[] = [
      ['<https://acme.okta.com/x>; rel="self"', 1],
      ['<https://acme.okta.com/x,y>; rel="self"; title="next"', 1],
      ['nonsense; rel=next', 1],
      ['<https://acme.okta.com/x; rel="next"', 1],
      ['<https://acme.okta.com/x>; rel="self", <https://acme.okta.com/y>; rel=next', 2],
      ['', 1],
    ]
    const enter = await withRole(okta)
    for (const [link, calls] of rows) {
      directory.questions.length = 0
      directory.answer = serial(
        { body: named('g'), ...(link === '' ? {} : { headers: { link } }) },
        { body: named('h') },
      )
      assertStatus(await enter(), 200, link)
      assert.equal(directory.questions.length, calls, link)
    }
  })

  test('the next page is never asked for at another host, and pages have an end (PRV-043, SEC-NET-15)', async () => {
    const enter = await withRole(okta)
    for (const link of [
      'https://other.okta.com/steal',
      'http://acme.okta.com/x',
      '//other.okta.com/',
    ]) {
      directory.questions.length = 0
      directory.answer = () => ({ body: named('g'), headers: { link: `<${link}>; rel="next"` } })
      assertFailed(await enter(), /next page/)
      assert.equal(directory.questions.length, 1)
    }
    directory.questions.length = 0
    const again = '<https://acme.okta.com/again>; rel="next"'
    directory.answer = () => ({ body: [], headers: { link: again } })
    assertFailed(await enter(), /more than 200/)
    assert.ok(directory.questions.length <= 200)
  })
})
