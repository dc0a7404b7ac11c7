/** Logging in from the command line against a real server, and where the token is kept (platform.md §9.3, §9.5, §10.4). */

import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { Shell } from './fixture.ts'

const keys = makeJwtMaker()
/** Nothing but the token file gives a token. */
const fileOnly = { env: { VAULT_TOKEN: undefined } }
/** Under the program's own name: the stock programs know no login with a JWT. */
const own = { ...fileOnly, programName: 'tokenstile' }
let shell: Shell
let token = ''
let jwt = ''

before(async () => {
  shell = await Shell.start()
  token = await shell.must(['token', 'create', '-policy=default', '-ttl=1h', '-field=token'])
  jwt = join(shell.home, 'jwt')
  writeFileSync(jwt, keys.sign({ sub: 'build-7', aud: 'a' }))
  for (const mount of ['jwt', 'corp']) {
    await shell.must(['auth', 'enable', `-path=${mount}`, 'jwt'])
    await shell.must(['write', `auth/${mount}/config`, 'jwt_validation_pubkeys=-'], {
      stdin: keys.pem,
    })
    await shell.must([
      ...['write', `auth/${mount}/role/r`, 'role_type=jwt', 'user_claim=sub'],
      ...['bound_audiences=a', 'token_policies=ci', 'token_ttl=1h'],
    ])
  }
})
after(() => shell.stop())
beforeEach(() => rmSync(shell.tokenFile, { force: true }))

const kept = () => readFileSync(shell.tokenFile, 'utf8')

test('CLI-31: login with a token keeps it and prints the table', async () => {
  const out = await shell.must(['login', token], fileOnly)
  assert.equal(kept(), token)
  assert.equal(statSync(shell.tokenFile).mode & 0o777, 0o600)
  assert.match(out, /^Success! You are now authenticated\. The token information displayed below\n/)
  const rows = out.slice(out.indexOf('Key ')).split('\n').slice(2, -1)
  assert.deepEqual(
    rows.map((row) => row.split(/ {2,}/)[0]),
    [
      'token',
      'token_accessor',
      'token_duration',
      'token_renewable',
      'token_policies',
      'identity_policies',
      'policies',
    ],
  )
  assert.match(out, /^policies +\["default"\]$/m)
  assert.equal(await shell.must(['print', 'token'], fileOnly), `${token}\n`)
  assert.equal((await shell.json(['token', 'lookup'], fileOnly)).data.id, token)
})

test('CLI-31: a token on stdin is taken, a wrong one is not kept', async () => {
  await shell.must(['login', '-'], { ...fileOnly, stdin: `${token}\n` })
  assert.equal(kept(), token)
  rmSync(shell.tokenFile)
  const wrong = await shell.run(['login', 'hvs.wrong'], fileOnly)
  assert.deepEqual([wrong.code, wrong.out, existsSync(shell.tokenFile)], [2, '', false])
  assert.match(wrong.err, /^Error authenticating: error looking up token: [^]*Code: 403/)
})

test('CLI-32: -no-store, -token-only, -no-print, and both of them', async () => {
  const noStore = await shell.must(['login', '-no-store', token], fileOnly)
  assert.match(noStore, /^The token was not stored in token helper\./)
  assert.equal(existsSync(shell.tokenFile), false)
  assert.equal(await shell.must(['login', '-token-only', token], fileOnly), token)
  assert.equal(existsSync(shell.tokenFile), false)
  assert.equal(await shell.must(['login', '-no-print', token], fileOnly), '')
  assert.equal(kept(), token)
  const both = await shell.run(['login', '-no-store', '-no-print', token], fileOnly)
  assert.deepEqual([both.code, both.out], [1, ''])
  assert.deepEqual(shell.taken(), [])
})

test('CLI-33: a variable that wins is warned of', async () => {
  const result = await shell.run(['login', token])
  assert.equal(result.code, 0)
  assert.match(result.err, /^WARNING! The VAULT_TOKEN environment variable is set!/)
  assert.equal(kept(), token)
})

test('CLI-34: write to the login path prints the token', async () => {
  const words = ['write', '-field=token', 'auth/jwt/login', 'role=r', `jwt=@${jwt}`]
  const made = await shell.must(words, fileOnly)
  assert.match(made, /^hvs\.\w+$/)
  const { data } = await shell.json(['token', 'lookup', made])
  assert.deepEqual(
    [data.policies, data.display_name, data.path, data.meta],
    [['ci', 'default'], 'jwt-build-7', 'auth/jwt/login', { role: 'r' }],
  )
})

test('CLI-36: login -method=jwt is one PUT without a token, and keeps what it gets', async () => {
  const words = ['login', '-method=jwt', '-path=corp', 'role=r', `jwt=@${jwt}`]
  const out = await shell.must(words, own)
  const sent = shell.taken().map(({ line, token: used }) => [line, used])
  assert.deepEqual(sent, [['PUT /v1/auth/corp/login', undefined]])
  assert.match(out, /^role +r$/m)
  assert.match(out, /^policies +ci, default$/m)
  assert.match(out, /^ends +in 1h, renewable$/m)
  assert.equal((await shell.json(['token', 'lookup'], fileOnly)).data.path, 'auth/corp/login')
  assert.match(kept(), /^hvs\.\w+$/)
})

test('CLI-026: write takes a JWT from a file that ends with a line feed', async () => {
  const file = join(shell.home, 'with-newline')
  writeFileSync(file, `${readFileSync(jwt, 'utf8').trim()}\n`)
  const words = ['write', '-field=token', 'auth/jwt/login', 'role=r', `jwt=@${file}`]
  assert.match(await shell.must(words, fileOnly), /^hvs\.\w+$/)
})

test('CLI-36: the jwt on stdin, with -field and -token-only', async () => {
  const stdin = `${readFileSync(jwt, 'utf8')}\n`
  const words = ['-method=jwt', 'role=r', 'jwt=-']
  assert.match(
    await shell.must(['login', '-token-only', ...words], { ...own, stdin }),
    /^hvs\.\w+$/,
  )
  assert.equal(existsSync(shell.tokenFile), false)
  assert.equal(
    await shell.must(['login', '-field=token_duration', ...words], { ...own, stdin }),
    '3600',
  )
})

test('a refused login says why and keeps nothing', async () => {
  const other = keys.sign({ sub: 'u', aud: 'other' })
  const words = ['login', '-method=jwt', 'role=r', 'jwt=-']
  const result = await shell.run(words, { ...own, stdin: other })
  assert.deepEqual([result.code, result.out, existsSync(shell.tokenFile)], [2, '', false])
  assert.match(result.err, /^Error authenticating: error validating token: /)
  assert.match(result.err, /^\(400 from PUT http:\S+\/v1\/auth\/jwt\/login\)$/m)
  assert.match(result.err, /^Reason: audience_mismatch$/m)
  assert.equal(result.err.includes(other), false)
})

test('CLI-35, CLI-024, CLI-38: an unknown method and a missing password end at once, without a request', async () => {
  for (const method of ['radius', 'jwt']) {
    const unknown = await shell.run(['login', `-method=${method}`, 'role=r', 'jwt=j'], fileOnly)
    assert.equal(unknown.code, 1)
    assert.ok(unknown.err.startsWith(`Unknown auth method: ${method}. Use "vault auth list" `))
  }
  const jwtHint = await shell.run(['login', '-method=jwt'], { ...fileOnly, programName: 'bao' })
  assert.match(jwtHint.err, /What works is "bao write auth\/jwt\/login role=ROLE jwt=@FILE"/)
  const password = await shell.run(['login', '-method=userpass', 'username=u'], fileOnly)
  assert.equal(password.code, 1)
  assert.match(password.err, /^There is no terminal to ask at\./)
  assert.deepEqual(shell.taken(), [])
})

test('login -method=userpass and approle ask the paths of their methods', async () => {
  const userpass = await shell.run(['login', '-method=userpass', 'username=u', 'password=-'], {
    ...own,
    stdin: 'p',
  })
  assert.equal(userpass.code, 2)
  const [first] = shell.taken()
  assert.deepEqual(
    [first?.line, first?.body, first?.token],
    ['PUT /v1/auth/userpass/login/u', '{"password":"p"}', undefined],
  )
  const approle = await shell.run(['login', '-method=approle', 'role_id=i', 'secret_id=s'], own)
  assert.equal(approle.code, 2)
  const [login, ...more] = shell.taken()
  assert.deepEqual(
    [login?.line, login?.body],
    ['PUT /v1/auth/approle/login', '{"role_id":"i","secret_id":"s"}'],
  )
  // No mount answers there: which there are is asked for the error alone.
  assert.deepEqual(
    more.map(({ line }) => line),
    ['GET /v1/sys/internal/ui/mounts'],
  )
})

test('without a home folder commands work, and only a token that has to be kept is refused', async () => {
  const homeless = { env: { HOME: undefined, VAULT_TOKEN: undefined } }
  assert.match(await shell.must(['status'], homeless), /^Sealed +false$/m)
  const env = { HOME: undefined }
  assert.equal((await shell.json(['token', 'lookup'], { env })).data.path, 'auth/token/root')
  assert.equal(await shell.must(['login', '-token-only', token], homeless), token)
  const kept = await shell.run(['login', token], homeless)
  assert.equal(kept.code, 1)
  assert.match(kept.err, /^There is no home directory to keep the token in; set /)
})
