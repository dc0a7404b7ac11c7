/** `export`, `plan` and `apply`: roles and policies as files, looked at before they are written (explain.md §5). */

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { Shell } from './fixture.ts'

const key = makeJwtMaker()
const good = { iss: 'https://iss.test', aud: 'a' }
let shell: Shell
let folder: string

before(async () => {
  shell = await Shell.start()
  folder = join(shell.home, 'access')
  const { root } = shell.server
  await root.must('sys/auth/team/jwt', { type: 'jwt' })
  await root.must('auth/team/jwt/config', {
    jwt_validation_pubkeys: [key.pem],
    bound_issuer: good.iss,
  })
  await root.must('auth/team/jwt/role/deploy', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: 'a',
    bound_claims: { team: ['red', 'blue'] },
    bound_claims_type: 'glob',
    token_policies: 'app',
    token_ttl: '15m',
  })
  await root.must('sys/policies/acl/app', { policy: 'path "kv/app/*" { capabilities = ["read"] }' })
  await root.must('sys/policies/acl/team/sub', { policy: 'path "x" {}' })
  await root.must('sys/policies/acl/wide', {
    policy: 'path "kv/{{identity.entity.name}}/*" { capabilities = ["read"] }',
    allow_slashes_in_identity_templates: true,
  })
  for (const team of ['red', 'blue']) {
    const jwt = key.sign({ ...good, sub: team, team })
    const body = { role: 'deploy', jwt }
    const login = await root.as(undefined).write('auth/team/jwt/login', body)
    assert.equal(login.status, 200, login.text)
  }
})
after(() => shell.stop())

const roleFile = (): string => join(folder, 'auth/team%2Fjwt/role/deploy.json')

test('what was exported changes nothing when it is planned', async () => {
  const made = await shell.run(['export', folder])
  assert.equal(made.code, 0, made.err)
  assert.deepEqual(readdirSync(join(folder, 'policies')).toSorted(), [
    'app.hcl',
    'default.hcl',
    'team%2Fsub.hcl',
    'wide.json',
  ])
  assert.match(readFileSync(roleFile(), 'utf8'), /"bound_claims_type": "glob"/)
  const same = await shell.run(['plan', folder])
  assert.equal(same.code, 0, `${same.out}${same.err}`)
  assert.equal(same.out.match(/nothing changes/g)?.length, 5, same.out)
})

test('what somebody would lose by is shown, and written only when that is said', async () => {
  const { root } = shell.server
  const role = JSON.parse(readFileSync(roleFile(), 'utf8'))
  writeFileSync(roleFile(), JSON.stringify({ ...role, bound_claims: { team: 'red' } }))
  writeFileSync(join(folder, 'policies/app.hcl'), 'path "kv/app/*" { capabilities = ["list"] }')
  const plan = await shell.run(['plan', folder])
  assert.equal(plan.code, 3, plan.err)
  assert.match(plan.out, /1 would be refused\n\s+blue {2}claim_mismatch/)
  assert.match(plan.out, /Of 2 live tokens with it:/)
  assert.match(plan.out, /2 may do more on one path and less on another\n\s+team-jwt-/)
  const json = await shell.run(['plan', '-format=json', folder])
  assert.equal(JSON.parse(json.out).length, 5)
  const before = (await root.read('auth/team/jwt/role/deploy')).body.data
  const refused = await shell.run(['apply', folder])
  assert.equal(refused.code, 3)
  assert.match(refused.err, /Nothing was written/)
  assert.deepEqual((await root.read('auth/team/jwt/role/deploy')).body.data, before)
  const done = await shell.run(['apply', '-lose', folder])
  assert.equal(done.code, 0, done.err)
  const after = (await root.read('auth/team/jwt/role/deploy')).body.data
  assert.deepEqual(after, { ...before, bound_claims: { team: 'red' } })
  assert.match((await root.read('sys/policies/acl/app')).body.data.policy, /list/)
  const wide = (await root.read('sys/policies/acl/wide')).body.data
  assert.equal(wide.allow_slashes_in_identity_templates, true)
})

test('one file that would be refused keeps all of them back, and a stray one is named', async () => {
  const role = JSON.parse(readFileSync(roleFile(), 'utf8'))
  writeFileSync(roleFile(), JSON.stringify({ ...role, token_bound_cidrs: ['nowhere'] }))
  writeFileSync(
    join(folder, 'policies/app.hcl'),
    'path "kv/app/*" { capabilities = ["read", "list"] }',
  )
  const apply = await shell.run(['apply', '-lose', folder])
  assert.equal(apply.code, 3)
  assert.match(apply.out, /would be refused/)
  const { policy } = (await shell.server.root.read('sys/policies/acl/app')).body.data
  assert.equal(policy.includes('read'), false)
  writeFileSync(roleFile(), '{')
  assert.match((await shell.run(['plan', folder])).err, /deploy\.json is no JSON/)
  writeFileSync(roleFile(), JSON.stringify(role))
  writeFileSync(join(folder, 'notes.txt'), 'x')
  assert.match((await shell.run(['plan', folder])).err, /notes\.txt is neither/)
  const empty = join(shell.home, 'empty')
  mkdirSync(empty)
  assert.match((await shell.run(['plan', empty])).err, /no file below/)
  assert.equal((await shell.run(['plan', join(shell.home, 'none')])).code, 1)
})

test('a role of a method without a preview keeps all of them back, and nothing is sent', async () => {
  const { root } = shell.server
  await root.must('sys/auth/approle', { type: 'approle' })
  await root.must('auth/approle/role/ci', { token_policies: 'ro' })
  const other = join(shell.home, 'other')
  mkdirSync(join(other, 'policies'), { recursive: true })
  writeFileSync(join(other, 'policies/new.hcl'), 'path "x" {}')
  for (const mount of ['approle', 'nowhere']) {
    mkdirSync(join(other, `auth/${mount}/role`), { recursive: true })
    const file = join(other, `auth/${mount}/role/ci.json`)
    writeFileSync(file, '{"token_policies":["admin"]}')
    for (const words of [['plan'], ['apply', '-lose']]) {
      const result = await shell.run([...words, other])
      assert.equal(result.code, 2, result.out)
      assert.match(result.err, /has no preview|sees no mount/)
      const writes = shell.taken().filter(({ line }) => !line.startsWith('GET '))
      assert.deepEqual(writes, [])
    }
    rmSync(join(other, `auth/${mount}`), { recursive: true })
  }
  assert.deepEqual((await root.read('auth/approle/role/ci')).body.data.token_policies, ['ro'])
})

test('export follows no link out of its folder, and a file that says dry_run is none', async () => {
  const outside = join(shell.home, 'outside.txt')
  writeFileSync(outside, 'mine')
  rmSync(join(folder, 'policies/app.hcl'))
  symlinkSync(outside, join(folder, 'policies/app.hcl'))
  const exported = await shell.run(['export', folder])
  assert.notEqual(exported.code, 0)
  assert.match(exported.err, /is a link/)
  assert.equal(readFileSync(outside, 'utf8'), 'mine')
  rmSync(join(folder, 'policies/app.hcl'))
  rmSync(join(folder, 'notes.txt'), { force: true })
  writeFileSync(join(folder, 'policies/idle.json'), '{"policy":"path \\"x\\" {}","dry_run":true}')
  const applied = await shell.run(['apply', folder])
  assert.notEqual(applied.code, 0)
  assert.match(applied.err, /idle\.json has "dry_run"/)
})

test('a name that is too long for a file is written under its hash, and read back from it', async () => {
  const { root } = shell.server
  const name = 'long-'.padEnd(300, 'é')
  const far = join(shell.home, 'far')
  const policy = 'path "long/*" { capabilities = ["read"] }'
  await root.must(`sys/policies/acl/${encodeURIComponent(name)}`, { policy })
  const exported = await shell.run(['export', far])
  assert.equal(exported.code, 0, exported.err)
  const [file = ''] = readdirSync(join(far, 'policies')).filter((one) => one.startsWith('@'))
  assert.match(file, /^@[0-9a-f]{40}\.json$/)
  const planned = await shell.run(['plan', far])
  assert.equal(planned.code, 0, planned.out + planned.err)
  await root.remove(`sys/policies/acl/${encodeURIComponent(name)}`)
  const applied = await shell.run(['apply', far])
  assert.equal(applied.code, 0, applied.out + applied.err)
  const back = await root.read(`sys/policies/acl/${encodeURIComponent(name)}`)
  assert.equal(back.body.data.policy, policy)
  const text = readFileSync(join(far, 'policies', file), 'utf8')
  writeFileSync(join(far, 'policies', file), text.replace('long-', 'lang-'))
  assert.match((await shell.run(['plan', far])).err, /does not say the "name"/)
  await root.remove(`sys/policies/acl/${encodeURIComponent(name)}`)
})

test('links are named and not read, and two files for one policy are an error before anything is written', async () => {
  const twice = join(shell.home, 'twice')
  mkdirSync(join(twice, 'policies'), { recursive: true })
  writeFileSync(join(twice, 'policies/one.hcl'), 'path "x" {}')
  symlinkSync(join(twice, 'policies/one.hcl'), join(twice, 'policies/two.hcl'))
  const linked = await shell.run(['plan', twice])
  assert.equal(linked.code, 0, linked.err)
  assert.match(linked.err, /policies\/two\.hcl is a link and is not read/)
  writeFileSync(join(twice, 'policies/ONE.json'), JSON.stringify({ policy: 'path "y" {}' }))
  const applied = await shell.run(['apply', twice])
  assert.equal(applied.code, 1)
  assert.match(
    applied.err,
    /policies\/ONE\.json and policies\/one\.hcl are both for sys\/policies\/acl\/one/,
  )
  assert.equal((await shell.server.root.read('sys/policies/acl/one')).status, 404)
})

test('a failure on the way says how many were written, and which one was not', async () => {
  const { root } = shell.server
  const half = join(shell.home, 'half')
  mkdirSync(join(half, 'policies'), { recursive: true })
  for (const name of ['h1', 'h2', 'h3']) {
    writeFileSync(join(half, `policies/${name}.hcl`), 'path "x" {}')
  }
  // A preview is allowed, and the write of one of them is not.
  const token = await root.tokenFor(
    'half',
    `path "sys/policies/acl/*" { capabilities = ["create", "update", "read"] }
     path "sys/internal/*" { capabilities = ["read"] }
     path "sys/policies/acl/h2" { capabilities = ["create", "update"]
       required_parameters = ["dry_run"] }`,
  )
  const applied = await shell.run(['apply', half], { env: { VAULT_TOKEN: token.token ?? '' } })
  assert.notEqual(applied.code, 0)
  assert.match(applied.err, /1 of 3 were written; sys\/policies\/acl\/h2 was not/)
  assert.equal((await root.read('sys/policies/acl/h1')).status, 200)
  assert.equal((await root.read('sys/policies/acl/h3')).status, 404)
})

test('a file whose name is another spelling of one of the server is refused before anything is written', async () => {
  const { root } = shell.server
  for (const [index, file] of [
    'policies/%2Fa',
    'policies/a%2F',
    'policies/a%2F%2Fb',
    'policies/a%00',
    'policies/a%0Ab',
    'policies/%20a',
    'policies/..%2Fa',
    'auth/%2Fteam%2Fjwt/role/deploy',
    'auth/team%2Fjwt/role/%2Fdeploy',
  ].entries()) {
    const odd = join(shell.home, `odd${index}`)
    mkdirSync(join(odd, 'policies'), { recursive: true })
    writeFileSync(join(odd, 'policies/a.hcl'), 'path "x" {}')
    const isPolicy = file.startsWith('policies/')
    const place = join(odd, `${file}.${isPolicy ? 'hcl' : 'json'}`)
    mkdirSync(dirname(place), { recursive: true })
    writeFileSync(place, isPolicy ? 'path "y" {}' : '{"user_claim":"sub"}')
    const applied = await shell.run(['apply', odd])
    assert.equal(applied.code, 1, file)
    assert.match(applied.err, /is for a name with a slash, dots or a blank too many/, file)
    assert.equal((await root.read('sys/policies/acl/a')).status, 404, file)
  }
  const twins = join(shell.home, 'twins')
  mkdirSync(join(twins, 'policies'), { recursive: true })
  writeFileSync(join(twins, 'policies/T%2Fa.hcl'), 'path "x" {}')
  writeFileSync(join(twins, 'policies/t%2Fa.hcl'), 'path "y" {}')
  assert.match((await shell.run(['apply', twins])).err, /are both for sys\/policies\/acl\/t\/a/)
})
