import assert from 'node:assert/strict'
import { test } from 'node:test'
import { envelope, loginAuth, withServer } from './cli-run.ts'

/** The envelope without the two members that are shown where an answer has them alone. */
function shownEnvelope(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { auth, wrap_info, ...rest } = envelope(members)
  assert.deepEqual([auth, wrap_info], [null, null])
  return rest
}

const lines = (...all: string[]) => `${all.join('\n')}\n`

test('read prints data as a table, and the warnings of the server on stderr in table format only', () =>
  withServer(
    {
      'GET /v1/a': {
        body: envelope({ data: { b: 1, a: 'x' }, warnings: ['mind \u001b[2J this'] }),
      },
    },
    async (server) => {
      const table = await server.run(['read', 'a'])
      assert.equal(table.out, lines('Key    Value', '---    -----', 'a      x', 'b      1'))
      assert.equal(
        table.err,
        'WARNING! The following warnings were returned from the server:\n\n  * mind \\u001b[2J this\n\n',
      )
      const json = await server.run(['read', '-format=json', 'a'])
      assert.equal(json.err, '')
    },
  ))

test('CLI-21, CLI-51: json is the whole envelope; the variable chooses it and the flag overrides', () =>
  withServer(
    { 'GET /v1/a': { body: { ...envelope({ data: { k: 'v' } }), k: 'v' } } },
    async (server) => {
      const env = { VAULT_FORMAT: 'json' }
      const whole = await server.run(['read', 'a'], { env })
      // The copy of sys/ answers beside the envelope is not part of it.
      assert.deepEqual(JSON.parse(whole.out), shownEnvelope({ data: { k: 'v' } }))
      assert.match(whole.out, /^\{\n {2}"request_id": /u)
      const table = await server.run(['read', '-format=table', 'a'], { env })
      assert.equal(table.out, lines('Key    Value', '---    -----', 'k      v'))
      const yaml = await server.run(['read', '-format=yaml', 'a'])
      assert.match(yaml.out, /^data:\n {2}k: v\n/u)
      const raw = await server.run(['read', '-format=raw', 'a'])
      assert.equal(raw.out, JSON.stringify({ ...envelope({ data: { k: 'v' } }), k: 'v' }))
    },
  ))

test('CLI-22: list prints keys, in json the array alone unless -detailed', () =>
  withServer(
    { 'GET /v1/a': { body: envelope({ data: { keys: ['x', 'y/'] } }) } },
    async (server) => {
      assert.equal((await server.run(['list', 'a'])).out, lines('Keys', '----', 'x', 'y/'))
      assert.equal((await server.run(['list', '-format=json', 'a'])).out, '[\n  "x",\n  "y/"\n]\n')
      const detailed = await server.run(['list', '-format=json', '-detailed', 'a'])
      assert.deepEqual(JSON.parse(detailed.out), shownEnvelope({ data: { keys: ['x', 'y/'] } }))
    },
  ))

test('CLI-09: nothing there is exit code 2 with the text, and an empty object for list in json', () =>
  withServer(
    { 'GET /v1/sys/internal/ui/mounts/secret/none': { status: 404, body: { errors: [] } } },
    async (server) => {
      for (const words of [
        ['read', 'kv1/none'],
        ['list', 'kv1/none'],
        ['kv', 'get', 'kv1/none'],
      ]) {
        const result = await server.run(words)
        assert.deepEqual(result, { code: 2, out: '', err: 'No value found at kv1/none\n' })
      }
      assert.deepEqual(await server.run(['list', '-format=json', 'none']), {
        code: 2,
        out: '{}\n',
        err: '',
      })
      assert.deepEqual(await server.run(['read', '-format=json', 'none']), {
        code: 2,
        out: '',
        err: 'No value found at none\n',
      })
    },
  ))

test('nothing there says why, when the server does', () =>
  withServer(
    {
      'GET /v1/foo': {
        status: 404,
        body: { errors: ['no handler for route "foo". route entry not found.'] },
      },
    },
    async (server) => {
      const result = await server.run(['read', 'foo'])
      assert.equal(
        result.err,
        'No value found at foo\n* no handler for route "foo". route entry not found.\n',
      )
    },
  ))

test('CLI-10: a refusal is printed in the layout that scripts know', () =>
  withServer(
    {
      'GET /v1/secret/data/x': {
        status: 403,
        body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] },
      },
    },
    async (server) => {
      const result = await server.run(['read', 'secret/data/x', 'q=1'], {
        env: { VAULT_TOKEN: 'canary' },
        programName: 'vault',
      })
      assert.equal(result.code, 2)
      assert.equal(
        result.err,
        `Error reading secret/data/x: Error making API request.\n\nURL: GET ${server.address}/v1/secret/data/x\nCode: 403. Errors:\n\n* 1 error occurred:\n\t* permission denied\n\n\n`,
      )
    },
  ))

test('a refused login prints the error, its reason, the sentence and the command that explains it', () =>
  withServer({}, async (server) => {
    const refusal = (sentence: string) => ({
      'PUT /v1/auth/jwt/login': {
        status: 400,
        headers: { 'X-Login-Reason': 'audience_mismatch', 'X-Request-Id': '0d7b' },
        body: { errors: ['error validating token: \u001b[2Jinvalid audience', sentence] },
      },
    })
    server.answer(refusal('The audience is "a"; this role expects another one.'))
    const write = await server.run(['write', 'auth/jwt/login', 'role=r', 'jwt=canary'], {
      programName: 'bao',
    })
    assert.equal(write.code, 2)
    assert.equal(
      write.err,
      `Error writing data to auth/jwt/login: Error making API request.\n\nURL: PUT ${server.address}/v1/auth/jwt/login\nCode: 400. Errors:\n\n* error validating token: \\u001b[2Jinvalid audience\n\nReason: audience_mismatch\nThe audience is "a"; this role expects another one.\nRequest id: 0d7b\n`,
    )
    server.answer(refusal('Found under request id 0d7b.'))
    const login = await server.run(['login', '-method=jwt', 'role=r', 'jwt=canary'])
    assert.equal(login.code, 2)
    assert.match(login.err, /^Error authenticating: error validating token: /u)
    assert.equal(login.err.split('0d7b').length, 2)
    assert.doesNotMatch(write.err + login.err, /canary/u)
  }))

test('CLI-23, CLI-24: a field is its value alone, with a line feed on a terminal only', () =>
  withServer(
    { 'GET /v1/a': { body: envelope({ data: { x: 'v', n: 1.5, l: [1, 'a'], e: '\u001b[1m' } }) } },
    async (server) => {
      assert.equal((await server.run(['read', '-field=x', 'a'])).out, 'v')
      assert.equal((await server.run(['read', '-field=x', 'a'], { terminal: true })).out, 'v\n')
      assert.equal((await server.run(['read', '-field=l', 'a'])).out, '[1 a]')
      assert.equal(
        (await server.run(['read', '-field=l', '-format=json', 'a'])).out,
        '[\n  1,\n  "a"\n]',
      )
      // SEC-CLI-07: a script gets the value as it is, a terminal does not.
      assert.equal((await server.run(['read', '-field=e', 'a'])).out, '\u001b[1m')
      assert.equal(
        (await server.run(['read', '-field=e', 'a'], { terminal: true })).out,
        '\\u001b[1m\n',
      )
      assert.deepEqual(await server.run(['read', '-field=none', 'a']), {
        code: 1,
        out: '',
        err: 'Field "none" not present in secret\n',
      })
    },
  ))

test('CLI-34, CLI-41: fields of a login are token, token_duration as a number, and the policies', () =>
  withServer(
    { 'PUT /v1/auth/jwt/login': { body: envelope({ auth: loginAuth }) } },
    async (server) => {
      const field = async (name: string) =>
        (await server.run(['write', `-field=${name}`, 'auth/jwt/login', 'role=r', 'jwt=j'])).out
      assert.equal(await field('token'), 'hvs.canary-token')
      assert.equal(await field('token_accessor'), 'acc-1')
      assert.equal(await field('token_duration'), '3600')
      assert.equal(await field('policies'), '[default dev]')
      assert.equal(await field('identity_policies'), '[]')
      const table = await server.run(['write', 'auth/jwt/login', 'role=r', 'jwt=j'])
      assert.equal(
        table.out,
        lines(
          'Key                  Value',
          '---                  -----',
          'token                hvs.canary-token',
          'token_accessor       acc-1',
          'token_duration       1h',
          'token_renewable      true',
          'token_policies       ["default" "dev"]',
          'identity_policies    []',
          'policies             ["default" "dev"]',
          'token_meta_role      r',
        ),
      )
    },
  ))

test('leases, the interval of a kv v1 answer and wrappings have rows of their own', () =>
  withServer(
    {
      'GET /v1/lease': {
        body: envelope({ lease_id: 'l/1', lease_duration: 600, renewable: true, data: { a: 1 } }),
      },
      'GET /v1/kv1/a': { body: envelope({ lease_duration: 2764800, data: { x: 'y' } }) },
      'GET /v1/wrap': {
        body: envelope({
          wrap_info: {
            token: 'w',
            accessor: 'a',
            ttl: 60,
            creation_time: '2026-01-02T03:04:05.6Z',
            creation_path: 'p',
          },
        }),
      },
    },
    async (server) => {
      assert.equal(
        (await server.run(['read', 'lease'])).out,
        lines(
          'Key                Value',
          '---                -----',
          'lease_id           l/1',
          'lease_duration     10m',
          'lease_renewable    true',
          'a                  1',
        ),
      )
      assert.match(
        (await server.run(['read', 'kv1/a'])).out,
        /\nrefresh_interval {4}768h\nx {19}y\n/u,
      )
      assert.equal(
        (await server.run(['read', 'wrap'])).out,
        lines(
          'Key                              Value',
          '---                              -----',
          'wrapping_token:                  w',
          'wrapping_accessor:               a',
          'wrapping_token_ttl:              1m',
          'wrapping_token_creation_time:    2026-01-02 03:04:05.6 +0000 UTC',
          'wrapping_token_creation_path:    p',
        ),
      )
      assert.equal((await server.run(['read', '-field=wrapping_token', 'wrap'])).out, 'w')
    },
  ))

test('CLI-54: a late -format counts, a late -field is data with a warning', () =>
  withServer({ 'GET /v1/a': { body: envelope({ data: { x: 'y' } }) } }, async (server) => {
    const late = await server.run(['read', 'a', '-format=json'])
    assert.deepEqual([late.code, late.err, server.lines[0]], [0, '', 'GET /v1/a'])
    assert.equal(JSON.parse(late.out).data.x, 'y')
    const field = await server.run(['read', 'a', '-field=v'])
    assert.equal(field.code, 0)
    assert.equal(
      field.err,
      'Command flags must be provided before positional arguments. The following arguments will not be parsed as flags: [-field=v]\n',
    )
    assert.equal(server.lines[1], 'GET /v1/a?-field=v')
  }))

const metadata = {
  created_time: 't',
  custom_metadata: null,
  deletion_time: '',
  destroyed: false,
  version: 1,
}
const kv2 = { body: envelope({ data: { path: 'secret/', options: { version: '2' } } }) }
const preflight = { 'GET /v1/sys/internal/ui/mounts/secret/app': kv2 }

test('CLI-25, CLI-26: kv get prints path, metadata and data, and looks for fields inside', () =>
  withServer(
    {
      ...preflight,
      'GET /v1/secret/data/app': { body: envelope({ data: { data: { x: 'v' }, metadata } }) },
    },
    async (server) => {
      assert.equal(
        (await server.run(['kv', 'get', 'secret/app'])).out,
        lines(
          '= Secret Path =',
          'secret/data/app',
          '',
          '======= Metadata =======',
          'Key                Value',
          '---                -----',
          'created_time       t',
          'custom_metadata    <nil>',
          'deletion_time      n/a',
          'destroyed          false',
          'version            1',
          '',
          '== Data ==',
          'Key    Value',
          '---    -----',
          'x      v',
        ),
      )
      assert.equal((await server.run(['kv', 'get', '-field=x', 'secret/app'])).out, 'v')
      const json = await server.run(['kv', 'get', '-format=json', 'secret/app'])
      assert.equal(JSON.parse(json.out).data.data.x, 'v')
    },
  ))

test('CLI-29: a deleted version prints its metadata, exit code 0', () =>
  withServer(
    {
      ...preflight,
      'GET /v1/secret/data/app': {
        status: 404,
        body: envelope({
          data: { data: null, metadata: { ...metadata, deletion_time: '2026-01-02T00:00:00Z' } },
        }),
      },
    },
    async (server) => {
      const result = await server.run(['kv', 'get', 'secret/app'])
      assert.equal(result.code, 0)
      assert.match(result.out, /\ndeletion_time {6}2026-01-02T00:00:00Z\n/u)
      assert.doesNotMatch(result.out, /= Data =/u)
      const field = await server.run(['kv', 'get', '-field=x', 'secret/app'])
      assert.deepEqual([field.code, field.err], [2, 'No data found at secret/data/app\n'])
    },
  ))

test('CLI-30: kv put prints the new version; a mismatch of -cas is exit code 2', () =>
  withServer(
    {
      ...preflight,
      'PUT /v1/secret/data/app': [
        { body: envelope({ data: metadata }) },
        {
          status: 400,
          body: { errors: ['check-and-set parameter did not match the current version'] },
        },
      ],
    },
    async (server) => {
      const first = await server.run(['kv', 'put', '-cas=0', 'secret/app', 'x=1'])
      assert.equal(first.code, 0)
      assert.match(
        first.out,
        /^= Secret Path =\nsecret\/data\/app\n\n======= Metadata =======\nKey /u,
      )
      const second = await server.run(['kv', 'put', '-cas=0', 'secret/app', 'x=1'])
      assert.equal(second.code, 2)
      assert.match(
        second.err,
        /^Error writing data to secret\/data\/app: check-and-set parameter did not match/u,
      )
    },
  ))

test('CLI-39, CLI-44: token lookup and capabilities', () =>
  withServer(
    {
      'GET /v1/auth/token/lookup-self': {
        body: envelope({ data: { ttl: 0, id: 'root', policies: ['root'] } }),
      },
      'POST /v1/sys/capabilities-self': {
        body: {
          ...envelope({
            data: { 'secret/data/x': ['update', 'read'], capabilities: ['update', 'read'] },
          }),
        },
      },
    },
    async (server) => {
      assert.equal(
        (await server.run(['token', 'lookup'])).out,
        lines(
          'Key         Value',
          '---         -----',
          'id          root',
          'policies    [root]',
          'ttl         0s',
        ),
      )
      const words = ['token', 'capabilities', 'secret/data/x']
      assert.equal((await server.run(words)).out, 'read, update\n')
      assert.equal(
        (await server.run([...words, '-format=json'])).out,
        '[\n  "update",\n  "read"\n]\n',
      )
    },
  ))

test('CLI-04: status answers 0 unsealed, 2 sealed, 1 without a server', () =>
  withServer(
    {
      'GET /v1/sys/seal-status': {
        body: {
          type: 'shamir',
          initialized: true,
          sealed: true,
          t: 3,
          n: 5,
          progress: 1,
          nonce: 'n',
          version: '1.17.0',
          build_date: 'd',
          storage_type: 'file',
        },
      },
      'GET /v1/sys/leader': { status: 503, body: { errors: ['Vault is sealed'] } },
    },
    async (server) => {
      const sealed = await server.run(['status'])
      assert.equal(sealed.code, 2)
      assert.equal(
        sealed.out,
        lines(
          'Key                Value',
          '---                -----',
          'Seal Type          shamir',
          'Initialized        true',
          'Sealed             true',
          'Total Shares       5',
          'Threshold          3',
          'Unseal Progress    1/3',
          'Unseal Nonce       n',
          'Version            1.17.0',
          'Build Date         d',
          'Storage Type       file',
        ),
      )
      const none = await server.run(['status'], { env: { VAULT_ADDR: 'http://127.0.0.1:1' } })
      assert.deepEqual([none.code, none.out], [1, ''])
      assert.match(none.err, /^Error checking seal status: /u)
      server.answer({
        'GET /v1/sys/seal-status': { body: { sealed: false, type: 'shamir' } },
        'GET /v1/sys/leader': { body: { ha_enabled: false } },
      })
      const open = await server.run(['status', '-format=json'])
      assert.equal(open.code, 0)
      const { type, sealed: isSealed, ha_enabled: cluster, n } = JSON.parse(open.out)
      assert.deepEqual([type, isSealed, cluster, n], ['shamir', false, false, 0])
    },
  ))

test('CLI-48: auth list is a table of five columns, wider with -detailed, and in json the map of mounts', () => {
  const mounts = {
    'token/': {
      type: 'token',
      accessor: 'auth_token_1',
      description: 'token based',
      config: { default_lease_ttl: 0 },
    },
    'jwt/': {
      type: 'jwt',
      accessor: 'auth_jwt_1',
      description: '',
      config: { default_lease_ttl: 60 },
      local: true,
    },
  }
  return withServer(
    { 'GET /v1/sys/auth': { body: { ...envelope({ data: mounts }), ...mounts } } },
    async (server) => {
      assert.equal(
        (await server.run(['auth', 'list'])).out,
        lines(
          'Path      Type     Accessor        Description    Version',
          '----      ----     --------        -----------    -------',
          'jwt/      jwt      auth_jwt_1      n/a            n/a',
          'token/    token    auth_token_1    token based    n/a',
        ),
      )
      const detailed = await server.run(['auth', 'list', '-detailed'])
      assert.match(
        detailed.out,
        /^Path +Plugin +Accessor +Default TTL +Max TTL +Token Type +Replication/u,
      )
      assert.match(detailed.out, /\njwt\/ +jwt +auth_jwt_1 +60 +system +n\/a +local/u)
      const json = JSON.parse((await server.run(['auth', 'list', '-format=json'])).out)
      assert.deepEqual([json['jwt/'].local, json['jwt/'].config.default_lease_ttl], [true, 60])
    },
  )
})

test('CLI-46: a policy that is not there is exit code 2; one that is prints its text', () =>
  withServer(
    {
      'GET /v1/sys/policies/acl/p': {
        body: envelope({ data: { name: 'p', policy: 'path "a" {}\n' } }),
      },
    },
    async (server) => {
      assert.deepEqual(await server.run(['policy', 'read', 'none']), {
        code: 2,
        out: '',
        err: 'No policy named: none\n',
      })
      assert.equal((await server.run(['policy', 'read', 'P'])).out, 'path "a" {}\n')
      assert.equal(
        (await server.run(['policy', 'read', 'p', '-format=json'])).out,
        '{\n  "policy": "path \\"a\\" {}\\n"\n}\n',
      )
    },
  ))

test('success messages are those that scripts look for', () =>
  withServer(
    {
      'PUT /v1/a': {},
      'DELETE /v1/a': {},
      'POST /v1/sys/auth/corp': {},
      'POST /v1/sys/mounts/kv': {},
      'DELETE /v1/sys/auth/corp': {},
      'PUT /v1/auth/token/revoke': {},
      'PUT /v1/sys/leases/revoke-prefix/a': {},
    },
    async (server) => {
      const out = async (...words: string[]) => (await server.run(words)).out
      assert.equal(await out('write', 'a', 'b=c'), 'Success! Data written to: a\n')
      assert.equal(await out('write', '-format=json', 'a', 'b=c'), '')
      assert.equal(await out('delete', 'a'), 'Success! Data deleted (if it existed) at: a\n')
      assert.equal(
        await out('auth', 'enable', '-path=corp', 'jwt'),
        'Success! Enabled jwt auth method at: corp/\n',
      )
      assert.equal(
        await out('secrets', 'enable', 'kv'),
        'Success! Enabled the kv secrets engine at: kv/\n',
      )
      assert.equal(
        await out('auth', 'disable', 'corp'),
        'Success! Disabled the auth method (if it existed) at: corp/\n',
      )
      assert.equal(await out('token', 'revoke', 't'), 'Success! Revoked token (if it existed)\n')
      assert.equal(
        await out('lease', 'revoke', '-prefix', 'a'),
        'All revocation operations queued successfully!\n',
      )
    },
  ))

test('measured corners: audit list without devices, operator init -status of a new server', () =>
  withServer(
    {
      'GET /v1/sys/audit': { body: envelope({ data: {} }) },
      'GET /v1/sys/init': { body: { initialized: false } },
    },
    async (server) => {
      assert.deepEqual(await server.run(['audit', 'list']), {
        code: 2,
        out: 'No audit devices are enabled.\n',
        err: '',
      })
      assert.deepEqual(await server.run(['audit', 'list', '-format=json']), {
        code: 0,
        out: '{}\n',
        err: '',
      })
      assert.equal((await server.run(['operator', 'init', '-status'])).code, 2)
    },
  ))

test('CLI-58, CLI-59: operator init and unseal', () =>
  withServer(
    {
      'PUT /v1/sys/init': { body: { keys: ['aa'], keys_base64: ['qg=='], root_token: 'hvs.r' } },
      'GET /v1/sys/seal-status': { body: { type: 'shamir', recovery_seal: false } },
      'PUT /v1/sys/unseal': {
        body: { type: 'shamir', sealed: false, initialized: true, t: 1, n: 1, version: '1.17.0' },
      },
    },
    async (server) => {
      const json = await server.run([
        'operator',
        'init',
        '-key-shares=1',
        '-key-threshold=1',
        '-format=json',
      ])
      assert.deepEqual(JSON.parse(json.out), {
        unseal_keys_b64: ['qg=='],
        unseal_keys_hex: ['aa'],
        unseal_shares: 1,
        unseal_threshold: 1,
        recovery_keys_b64: [],
        recovery_keys_hex: [],
        recovery_keys_shares: 0,
        recovery_keys_threshold: 0,
        root_token: 'hvs.r',
      })
      assert.deepEqual(server.seen[0]?.body, { secret_shares: 1, secret_threshold: 1 })
      const table = await server.run(['operator', 'init'])
      assert.match(table.out, /^Unseal Key 1: qg==\n\nInitial Root Token: hvs\.r\n\n/u)
      const unseal = await server.run(['operator', 'unseal', '-'], { stdin: 'qg==\n' })
      assert.match(
        unseal.out,
        /^Key +Value\n--- +-----\nSeal Type +shamir\nInitialized +true\nSealed +false\n/u,
      )
      assert.deepEqual(server.seen[3]?.body, { key: 'qg==', migrate: false, reset: false })
    },
  ))
