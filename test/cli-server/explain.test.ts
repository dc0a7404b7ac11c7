/** `explain` on the command line: the same answer as the API's, to be read by people (explain.md §7). */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { Shell } from './fixture.ts'

const key = makeJwtMaker()
const good = { iss: 'https://iss.test', sub: 'repo:acme/app', aud: 'https://vault.acme.test' }
let shell: Shell

before(async () => {
  shell = await Shell.start()
  const { root } = shell.server
  await root.must('sys/auth/jwt', { type: 'jwt' })
  await root.must('auth/jwt/config', {
    jwt_validation_pubkeys: [key.pem],
    bound_issuer: good.iss,
  })
  await root.must('auth/jwt/role/deploy', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: good.aud,
    bound_claims: { team: 'red' },
    token_policies: 'ro',
    token_ttl: '15m',
  })
  await root.must('auth/jwt/role/open', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: good.aud,
  })
})

after(() => shell.stop())

test('a login that would be refused: what, got, expected and fix, exit code 3', async () => {
  const file = join(shell.home, 'token.jwt')
  writeFileSync(file, `${key.sign({ ...good, aud: 'https://github.com/acme' })}\n`)
  const result = await shell.run(['explain', '-role=deploy', `@${file}`])
  assert.equal(result.code, 3, result.err)
  assert.match(result.out, /^This login would be refused at check 13 of 25: Audience/)
  assert.match(result.out, /1 more would refuse it as well/)
  assert.match(result.out, /got\s+\["https:\/\/github\.com\/acme"\]/)
  assert.match(result.out, /expected\s+\{"any_of":\["https:\/\/vault\.acme\.test"\]\}/)
  assert.match(result.out, /fix\s+Ask for a token with the audience/)
  assert.match(result.out, /14-\d+\s+ok/)
  assert.match(result.out, /Mended, it would give jwt-repo:acme\/app/)
  assert.equal(result.out.includes('eyJ'), false)
  for (const line of result.out.split('\n')) assert.ok(line.length <= 110, line)
})

test('a login that would be accepted: exit code 0, from standard input, with all roles', async () => {
  const stdin = key.sign({ ...good, team: 'red' })
  const result = await shell.run(['explain', '-role=deploy', '-all-roles', '-'], { stdin })
  assert.equal(result.code, 0, result.err)
  assert.match(result.out, /^This login would be accepted\./)
  assert.match(result.out, /It gives jwt-repo:acme\/app: policies \["default","ro"\], 900 s\./)
  assert.match(result.out, /deploy: would accept/)
  const json = await shell.json(['explain', '-format=json', '-role=open', stdin])
  assert.equal(json.data.decision, 'accept')
  assert.equal(await shell.must(['explain', '-field=decision', '-role=open', stdin]), 'accept')
})

test('claims in place of a token, and what cannot be judged', async () => {
  const claims = JSON.stringify({ ...good, team: 'blue', exp: Math.floor(Date.now() / 1000) + 60 })
  const what = await shell.run(['explain', '-role=deploy', `-claims=${claims}`])
  assert.equal(what.code, 3)
  assert.match(what.out, /unproven/)
  assert.match(what.out, /claim_mismatch/)
  assert.equal((await shell.run(['explain'])).code, 1)
  assert.equal((await shell.run(['explain', `-claims=${claims}`, 'x'])).code, 1)
  assert.equal((await shell.run(['explain', '@/nowhere/at/all'])).code, 1)
  assert.equal((await shell.run(['explain', '-mount=none', 'x'])).code, 2)
})

test('a refused login is found, shown and explained afterwards', async () => {
  const jwt = key.sign({ ...good, team: 'blue' })
  const { root } = shell.server
  const refused = await root.as(undefined).write('auth/jwt/login', { role: 'deploy', jwt })
  assert.equal(refused.status, 400)
  const id = refused.headers['x-request-id'] ?? ''
  const tail = await shell.must(['logins', 'tail', '-decision=refused'])
  assert.match(tail, new RegExp(`refused\\s+jwt/\\s+deploy\\s+claim_mismatch.*${id}`))
  assert.match(await shell.must(['logins', 'show', id]), /reason\s+claim_mismatch/)
  assert.match(await shell.must(['logins', 'summary']), /1\s+jwt\/\s+deploy\s+refused/)
  const last = await shell.run(['explain', '-last'])
  assert.equal(last.code, 3, last.err)
  assert.match(last.out, /Bound claims?: claim_mismatch/)
  assert.equal((await shell.run(['logins', 'show', 'none'])).code, 2)
})

test('logins tail -follow shows what is decided meanwhile, until its token ends', async () => {
  const policy = 'path "sys/logins*" { capabilities = ["read"] }'
  const token = await shell.tokenFor('watcher', policy)
  const command = shell.run(['logins', 'tail', '-follow'], { env: { VAULT_TOKEN: token } })
  const { root } = shell.server
  const jwt = key.sign({ ...good, team: 'blue', sub: 'repo:acme/follow' })
  const ids: string[] = []
  for (let i = 0; i < 3; i++) {
    const refused = await root.as(undefined).write('auth/jwt/login', { role: 'deploy', jwt })
    ids.push(refused.headers['x-request-id'] ?? '')
    await new Promise((resolve) => {
      setTimeout(resolve, 400)
    })
  }
  await root.must('auth/token/revoke', { token })
  const result = await command
  assert.equal(result.code, 2, result.err)
  for (const id of ids) assert.equal(result.out.split(id).length, 2, result.out)
})

test('in a CI job a refusal is an annotation or a folded section, and no claim a command', async () => {
  const jwt = key.sign({ ...good, team: 'x ::error::forged ##[add-mask]y', sub: '::stop::z' })
  const env = { GITHUB_ACTIONS: 'true' }
  for (const words of [
    ['write', 'auth/jwt/login', 'role=deploy', `jwt=${jwt}`],
    ['explain', '-role=deploy', jwt],
    ['logins', 'tail', '-decision=refused'],
  ]) {
    const { out, err } = await shell.run(words, { env })
    const commands = `${out}\n${err}`
      .split('\n')
      .filter((line) => line.trimStart().startsWith('::') || line.includes('##['))
    const wanted = words[0] === 'logins' ? 0 : 1
    assert.equal(commands.length, wanted, commands.join('\n'))
    if (wanted === 1)
      assert.match(commands[0] ?? '', /^::error title=Login refused%3A claim_mismatch::/)
  }
  const words = ['write', 'auth/jwt/login', 'role=deploy', `jwt=${jwt}`]
  const gitlab = await shell.run(words, { env: { GITLAB_CI: 'true' } })
  assert.match(gitlab.err, /section_start:\d+:tokenstile_login\[collapsed=true\]/)
  assert.equal((await shell.run(words)).err.includes('section_'), false)
})

test('no claim of an accepted login is a command in a CI job', async () => {
  const { root } = shell.server
  await root.must('auth/jwt/role/mapped', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: good.aud,
    claim_mappings: { team: 'team' },
  })
  const team = 'a\n::error title=pwn::owned\n##[error]b'
  const jwt = key.sign({ ...good, team })
  const env = { GITHUB_ACTIONS: 'true' }
  const fields = ['role=mapped', `jwt=${jwt}`]
  for (const words of [
    ['login', '-method=jwt', ...fields],
    ['write', 'auth/jwt/login', ...fields],
  ]) {
    for (const terminal of [true, false]) {
      const options = { env, programName: 'tokenstile', terminal }
      const { code, out, err } = await shell.run(words, options)
      assert.equal(code, 0, err)
      assert.match(out, /pwn/)
      assert.equal(/^\s*::|##\[/m.test(out + err), false, out)
    }
  }
})

test('role diff says who would gain and who would lose, and writes nothing', async () => {
  const { root } = shell.server
  for (const team of ['red', 'blue']) {
    const jwt = key.sign({ ...good, team, sub: `repo:acme/${team}` })
    await root.as(undefined).write('auth/jwt/login', { role: 'deploy', jwt })
  }
  const before = (await root.read('auth/jwt/role/deploy')).body.data
  const fields = ['role_type=jwt', 'bound_claims={"team":"blue"}']
  const result = await shell.run(['role', 'diff', 'jwt', 'deploy', ...fields])
  assert.equal(result.code, 3, result.err)
  assert.match(result.out, /bound_claims\n\s+- \{"team":"red"\}\n\s+\+ \{"team":"blue"\}/)
  assert.match(result.out, /would get in\n(?:.*\n)*\s+repo:acme\/blue/)
  assert.match(result.out, /would be refused\n(?:.*\n)*\s+repo:acme\/red {2}claim_mismatch/)
  assert.deepEqual((await root.read('auth/jwt/role/deploy')).body.data, before)
  const same = await shell.run(['role', 'diff', 'jwt', 'deploy', 'role_type=jwt'])
  assert.equal(same.code, 0, same.err)
  assert.match(same.out, /nothing changes/)
  const bad = await shell.run(['role', 'diff', 'jwt', 'deploy', 'token_bound_cidrs=x'])
  assert.equal(bad.code, 3)
  assert.match(bad.out, /would be refused/)
  const policy = 'path "auth/jwt/role/deploy" { capabilities = ["update"] }'
  const env = { VAULT_TOKEN: await shell.tokenFor('role-writer', policy) }
  const counted = await shell.run(['role', 'diff', 'jwt', 'deploy', ...fields], { env })
  assert.equal(counted.code, 3, counted.err)
  assert.match(counted.out, /may not read what stands there/)
  assert.match(counted.out, /[1-9]\d* would be refused/)
  assert.equal(/repo:acme|red/.test(counted.out.replaceAll('refused', '')), false, counted.out)
})

test('what a token says cannot draw on the terminal', async () => {
  const jwt = key.sign({ ...good, aud: '\u001b[2Jx', team: '\u001b]0;y\u0007' })
  const result = await shell.run(['explain', '-role=deploy', jwt])
  assert.equal(result.code, 3)
  assert.equal(result.out.includes('\u001b'), false)
})

test('role diff asks what the mount is first: where nothing previews, nothing is sent', async () => {
  const { root } = shell.server
  await root.must('sys/auth/approle', { type: 'approle' })
  await root.must('auth/approle/role/ci', { token_policies: 'ro' })
  for (const mount of ['approle', 'auth/approle/', 'nowhere', 'jwt/config', 'token']) {
    const result = await shell.run(['role', 'diff', mount, 'ci', 'token_policies=admin'])
    assert.equal(result.code, 2, `${mount}: ${result.out}`)
    assert.match(result.err, /has no preview|sees no mount/, mount)
    assert.deepEqual(
      shell.taken().filter(({ line }) => !line.startsWith('GET ')),
      [],
    )
  }
  const { data } = (await root.read('auth/approle/role/ci')).body
  assert.deepEqual(data.token_policies, ['ro'])
})
