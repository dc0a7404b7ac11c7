import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { envelope, loginAuth, withServer } from './cli-run.ts'

const lookup = {
  'GET /v1/auth/token/lookup-self': {
    body: envelope({
      data: {
        id: 'hvs.given',
        accessor: 'acc-2',
        policies: ['dev'],
        identity_policies: ['x'],
        ttl: 3600,
        renewable: true,
        meta: null,
      },
    }),
  },
}
const jwt = { 'PUT /v1/auth/corp/login': { body: envelope({ auth: loginAuth }) } }
const words = ['login', '-method=jwt', '-path=corp', 'role=r']

test('CLI-31: login with a token looks it up, keeps it for the owner alone and prints the table', () =>
  withServer(lookup, async (server) => {
    const result = await server.run(['login', 'hvs.given'], { programName: 'vault' })
    assert.equal(result.code, 0)
    assert.match(result.out, /^Success! You are now authenticated\./u)
    assert.match(
      result.out,
      /\ntoken +hvs\.given\ntoken_accessor +acc-2\ntoken_duration +1h\ntoken_renewable +true\ntoken_policies +\["dev"\]\nidentity_policies +\["x"\]\npolicies +\["dev" "x"\]\n$/u,
    )
    assert.equal(server.seen[0]?.token, 'hvs.given')
    const file = `${server.home}/.vault-token`
    assert.equal(await readFile(file, 'utf8'), 'hvs.given')
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.equal((await server.run(['print', 'token'])).out, 'hvs.given\n')
  }))

test('a token comes from standard input too, and one with a line break inside is refused', () =>
  withServer(lookup, async (server) => {
    assert.equal(
      (await server.run(['login', '-'], { stdin: 'hvs.given\n', programName: 'bao' })).code,
      0,
    )
    assert.equal((await server.run(['login', 'token=hvs.given'], { programName: 'bao' })).code, 0)
    const broken = await server.run(['login', '-'], { stdin: 'canary\ncanary' })
    assert.deepEqual([broken.code, broken.out], [1, ''])
    assert.doesNotMatch(broken.err, /canary/u)
    assert.equal(server.seen.length, 2)
  }))

test('CLI-32: -no-store keeps nothing, -token-only prints the text alone, -no-print prints nothing', () =>
  withServer(jwt, async (server) => {
    const file = `${server.home}/.vault-token`
    const unstored = await server.run([...words.slice(0, 3), '-no-store', 'role=r', 'jwt=j'])
    assert.match(unstored.out, /^The token was not stored in token helper\./u)
    const only = await server.run([...words.slice(0, 3), '-token-only', 'role=r', 'jwt=j'])
    assert.deepEqual(only, { code: 0, out: 'hvs.canary-token', err: '' })
    await assert.rejects(stat(file))
    const silent = await server.run([...words.slice(0, 3), '-no-print', 'role=r', 'jwt=j'])
    assert.deepEqual(silent, { code: 0, out: '', err: '' })
    assert.equal(await readFile(file, 'utf8'), 'hvs.canary-token')
  }))

test('CLI-33: a set token variable is warned about, by the name that decides', () =>
  withServer(jwt, async (server) => {
    const result = await server.run([...words, 'jwt=j'], {
      env: { BAO_TOKEN: 'old', VAULT_TOKEN: 'older' },
    })
    assert.match(result.err, /^WARNING! The BAO_TOKEN environment variable is set!/u)
    assert.equal(server.seen[0]?.token, undefined)
  }))

test('CLI-36: login -method=jwt sends one request with the JWT of a file, and keeps the token', () =>
  withServer(jwt, async (server) => {
    await writeFile(`${server.home}/j`, 'a.b.c\n')
    const result = await server.run([...words, `jwt=@${server.home}/j`])
    assert.equal(result.code, 0)
    assert.deepEqual(server.lines, ['PUT /v1/auth/corp/login'])
    assert.deepEqual(server.seen[0]?.body, { jwt: 'a.b.c', role: 'r' })
    assert.equal(await readFile(`${server.home}/.vault-token`, 'utf8'), 'hvs.canary-token')
    assert.equal((await server.run([...words, '-field=token', 'jwt=j'])).code, 0)
  }))

test('userpass and approle send one request each', () =>
  withServer(
    {
      'PUT /v1/auth/userpass/login/u': { body: envelope({ auth: loginAuth }) },
      'PUT /v1/auth/approle/login': { body: envelope({ auth: loginAuth }) },
    },
    async (server) => {
      await server.run(['login', '-method=userpass', 'username=u', 'password=-'], { stdin: 'p' })
      await server.run(['login', '-method=approle', 'role_id=r', 'secret_id=s'])
      assert.deepEqual(
        server.seen.map(({ body }) => body),
        [{ password: 'p' }, { role_id: 'r', secret_id: 's' }],
      )
    },
  ))

test('kubernetes sends a role and a token, and says where it looked for one', () =>
  withServer(
    { 'PUT /v1/auth/cluster/login': { body: envelope({ auth: loginAuth }) } },
    async (server) => {
      const words = ['login', '-method=kubernetes', '-path=cluster']
      const given = await server.run([...words, 'role=app', 'jwt=-'], { stdin: 'a.b.c\n' })
      assert.equal(given.code, 0)
      assert.deepEqual(server.seen[0]?.body, { role: 'app', jwt: 'a.b.c' })
      const missing = await server.run([...words, 'role=app'])
      assert.equal(missing.code, 1)
      assert.match(missing.err, /serviceaccount\/token.*jwt=@FILE/)
      assert.match((await server.run(words)).err, /'role' must be specified/)
    },
  ))

test('a wrapped login is unwrapped before it is kept, and stays wrapped with -no-store', () =>
  withServer(
    {
      'PUT /v1/auth/corp/login': { body: envelope({ wrap_info: { token: 'w', ttl: 60 } }) },
      'PUT /v1/sys/wrapping/unwrap': { body: envelope({ auth: loginAuth }) },
    },
    async (server) => {
      const flags = ['login', '-method=jwt', '-path=corp', '-wrap-ttl=60s']
      const kept = await server.run([...flags, '-field=token', 'jwt=j'])
      assert.equal(kept.out, 'hvs.canary-token')
      assert.deepEqual(server.lines, ['PUT /v1/auth/corp/login', 'PUT /v1/sys/wrapping/unwrap'])
      assert.equal(server.seen[1]?.token, 'w')
      assert.equal(server.seen[1]?.headers['x-vault-wrap-ttl'], undefined)
      const wrapped = await server.run([...flags, '-no-store', '-field=wrapping_token', 'jwt=j'])
      assert.equal(wrapped.out, 'w')
    },
  ))

test('a login that is refused keeps nothing and leaves the kept token', () =>
  withServer(
    { 'GET /v1/auth/token/lookup-self': { status: 403, body: { errors: ['permission denied'] } } },
    async (server) => {
      const file = `${server.home}/.vault-token`
      await writeFile(file, 'before')
      const result = await server.run(['login', 'canary'])
      assert.equal(result.code, 2)
      assert.match(
        result.err,
        /^Error authenticating: error looking up token: permission denied\n/u,
      )
      assert.doesNotMatch(result.err, /canary/u)
      assert.equal(await readFile(file, 'utf8'), 'before')
    },
  ))

test('SEC-CLI-05: the token file is replaced, never written through a link', () =>
  withServer(jwt, async (server) => {
    const victim = `${server.home}/victim`
    await writeFile(victim, 'untouched')
    await symlink(victim, `${server.home}/.vault-token`)
    await symlink(victim, `${server.home}/.vault-token.tmp`)
    assert.equal((await server.run([...words, 'jwt=j'])).code, 0)
    assert.equal(await readFile(victim, 'utf8'), 'untouched')
    const file = await stat(`${server.home}/.vault-token`)
    assert.equal(file.mode & 0o777, 0o600)
  }))

test('TOKEN_PATH names another file, whose content is trimmed', () =>
  withServer({ 'GET /v1/a': { body: envelope({ data: { x: 1 } }) } }, async (server) => {
    await writeFile(`${server.home}/t`, ' hvs.file \n')
    await server.run(['read', 'a'], { env: { VAULT_TOKEN_PATH: `${server.home}/t` } })
    assert.equal(server.seen[0]?.token, 'hvs.file')
  }))

test('a helper program gets, stores and is told the address; a relative path is refused', () =>
  withServer({ ...jwt, 'GET /v1/a': { body: envelope({ data: { x: 1 } }) } }, async (server) => {
    const program = `${server.home}/helper.mjs`
    const script = [
      `#!${process.execPath}`,
      "import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'",
      'const kept = import.meta.dirname + "/kept"',
      'appendFileSync(import.meta.dirname + "/calls", process.argv[2] + " " + process.env.VAULT_ADDR + "\\n")',
      'if (process.argv[2] === "store") writeFileSync(kept, readFileSync(0))',
      'if (process.argv[2] === "get") process.stdout.write(readFileSync(kept))',
    ]
    await writeFile(program, script.join('\n'))
    await chmod(program, 0o700)
    await writeFile(`${server.home}/.vault`, `token_helper = "${program}"\n`)
    await writeFile(`${server.home}/kept`, '')
    assert.equal((await server.run([...words, 'jwt=j'])).code, 0)
    await server.run(['read', 'a'])
    assert.equal(server.seen[1]?.token, 'hvs.canary-token')
    assert.match(
      await readFile(`${server.home}/calls`, 'utf8'),
      new RegExp(`store ${server.address}\n`, 'u'),
    )
    await assert.rejects(stat(`${server.home}/.vault-token`))
    await writeFile(`${server.home}/.vault`, 'token_helper = "helper"\n')
    assert.equal((await server.run(['read', 'a'])).code, 1)
  }))

test('a directory named .vault is no config file', () =>
  withServer({ 'GET /v1/a': { body: envelope({ data: { x: 1 } }) } }, async (server) => {
    await mkdir(`${server.home}/.vault`)
    assert.equal((await server.run(['read', 'a'])).code, 0)
  }))

test('auth help prints the words of a method, by its type or by its path', () =>
  withServer(
    { 'GET /v1/sys/auth': { body: envelope({ data: { 'corp/': { type: 'jwt' } } }) } },
    async (server) => {
      for (const name of ['jwt', 'corp']) {
        const result = await server.run(['auth', 'help', name])
        assert.equal(result.code, 0)
        assert.match(result.out, /^Usage: tokenstile login -method=jwt \[K=V\.\.\.\]\n/u)
        assert.match(result.out, /\n {4}role +The role/u)
      }
    },
  ))
