/** whoami, logout, completion and link, and what a login says, at a real server. */

import assert from 'node:assert/strict'
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { commandTable } from '../../src/cli/command-table.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { Shell } from './fixture.ts'
import { Computer } from './program.ts'

let shell: Shell
let computer: Computer
const keys = makeJwtMaker()
const own = { programName: 'tokenstile', env: { VAULT_TOKEN: undefined } }

before(async () => {
  shell = await Shell.start()
  computer = new Computer()
  await shell.must(['auth', 'enable', 'jwt'])
  await shell.must(['write', 'auth/jwt/config', `jwt_validation_pubkeys=${keys.pem}`])
  await shell.must([
    ...['write', 'auth/jwt/role/people', 'role_type=jwt', 'user_claim=sub', 'bound_audiences=a'],
    ...['claim_mappings=name=name', 'token_ttl=1h', 'token_policies=reader'],
  ])
})
after(async () => {
  await shell.stop()
  await computer.remove()
})

const words = ['login', '-method=jwt', 'role=people', 'jwt=-']
const jwt = () => keys.sign({ sub: 'u-7', aud: 'a', name: 'Alice' })

test('a login says who, role, policies, end and where the token lies, and not the token (FIX-U12)', async () => {
  const out = await shell.must(words, { ...own, stdin: jwt(), terminal: true })
  const token = readFileSync(shell.tokenFile, 'utf8')
  assert.match(out, /^name {8}jwt-u-7\nrole {8}people\nname {8}Alice\nentity {6}[0-9a-f-]{36}\n/)
  assert.match(out, /^policies {4}default, reader\nends {8}in (?:1h|59m59s), \S+Z, renewable\n/m)
  assert.ok(out.includes(`token       kept in ${shell.tokenFile}\n`), out)
  assert.ok(out.endsWith('For a script: tokenstile print token\n'))
  assert.equal(out.includes(token), false)
  const piped = await shell.must(words, { ...own, stdin: jwt() })
  assert.match(piped, /^role {8}people\nname {8}Alice\n/)
  assert.equal(shell.taken().length, 1)
  const asked = await shell.must([...words.slice(0, 1), '-field=token', ...words.slice(1)], {
    ...own,
    stdin: jwt(),
  })
  assert.match(asked, /^hvs\.\w+$/)
})

test('under the names vault and bao a login prints what scripts read', async () => {
  const token = await shell.must(['token', 'create', '-policy=default', '-field=token'])
  const out = await shell.must(['login', token], { ...own, programName: 'bao' })
  assert.match(out, /^Success! You are now authenticated\./)
  assert.match(out, /^token +hvs\.\w+$/m)
})

test('whoami shows whose token is in use and where it comes from; logout ends it (FIX-U12)', async () => {
  await shell.must(words, { ...own, stdin: jwt() })
  const token = readFileSync(shell.tokenFile, 'utf8')
  const out = await shell.must(['whoami'], own)
  assert.match(out, /^name +jwt-u-7$/m)
  assert.ok(out.includes(`\ntoken from    ${shell.tokenFile}\n`), out)
  assert.equal(out.includes(token), false)
  assert.equal(await shell.must(['whoami', '-field=display_name'], own), 'jwt-u-7')
  assert.equal(
    await shell.must(['logout'], own),
    `Logged out: the token is gone from ${shell.tokenFile}.\n`,
  )
  assert.equal(existsSync(shell.tokenFile), false)
  assert.equal((await shell.run(['token', 'lookup', token])).code, 2)
  assert.equal(await shell.must(['logout'], own), `There is no token in ${shell.tokenFile}.\n`)
})

test('whoami says the groups, and why each policy is there', async () => {
  await shell.must([
    ...['write', 'auth/jwt/role/team', 'role_type=jwt', 'user_claim=sub', 'bound_audiences=a'],
    ...['groups_claim=groups', 'token_policies=reader', 'token_ttl=1h'],
  ])
  const accessor = await shell.must(['read', '-field=accessor', 'sys/auth/jwt'])
  const group = await shell.must([
    ...['write', '-field=id', 'identity/group', 'name=developers', 'type=external'],
    'policies=builder',
  ])
  await shell.must([
    ...['write', 'identity/group-alias', 'name=devs', `mount_accessor=${accessor}`],
    `canonical_id=${group}`,
  ])
  const token = keys.sign({ sub: 'u-8', aud: 'a', groups: ['devs'] })
  await shell.must(['login', '-method=jwt', 'role=team', 'jwt=-'], { ...own, stdin: token })
  const out = await shell.must(['whoami'], own)
  assert.match(out, /^group +developers, by alias devs of auth\/jwt\/$/m)
  assert.match(out, /^builder +group developers, by alias devs of auth\/jwt\/$/m)
  assert.match(out, /^reader +role team$/m)
  assert.match(out, /^default +every token has it$/m)
})

test('what lint has to say is a list, one role after the other (FIX-U19)', async () => {
  await shell.server.root.must('auth/jwt/role/wide', {
    role_type: 'oidc',
    user_claim: 'sub',
    allowed_redirect_uris: ['http://far.example/callback'],
  })
  const out = await shell.must(['read', 'auth/jwt/lint'])
  assert.match(out, /^wide\n {2}\[redirect_http_not_loopback\] \S.*$/m)
  assert.match(out, /^\d+ roles judged\.\n$/m)
  assert.doesNotMatch(out, /map\[/)
  assert.match(await shell.must(['read', '-format=json', 'auth/jwt/lint']), /"roles_judged"/)
})

test('logout of a dead token forgets it; one of the environment stays alive', async () => {
  writeFileSync(shell.tokenFile, 'hvs.dead', { mode: 0o600 })
  const result = await shell.run(['logout'], { programName: 'tokenstile' })
  assert.deepEqual(
    [result.code, result.out, result.err],
    [
      0,
      `The token is gone from ${shell.tokenFile}; it was dead already.\n`,
      'VAULT_TOKEN is still set, and commands use it.\n',
    ],
  )
  assert.equal((await shell.run(['token', 'lookup'])).code, 0)
})

test('a shell completes commands, subcommands and flags by asking the program (FIX-U12)', async () => {
  const asked = async (line: string) =>
    (await shell.must([], { env: { COMP_LINE: line } })).trimEnd().split('\n')
  const all = [...new Set(commandTable.map(({ name }) => name.split(' ')[0] ?? ''))].sort()
  assert.deepEqual(await asked('tokenstile '), all)
  assert.deepEqual(await asked('tokenstile kv me'), ['metadata'])
  assert.deepEqual(await asked('tokenstile kv metadata p'), ['patch', 'put'])
  assert.deepEqual(await asked('tokenstile kv get -mou'), ['-mount'])
  assert.deepEqual(await asked(`tokenstile ${'x'.repeat(1_000_000)}`), [''])
})

test('bash completes with the lines of "completion bash", and -autocomplete-install keeps them once', async () => {
  const script = [
    'vault -autocomplete-install >/dev/null; vault -autocomplete-install >/dev/null',
    '. "$HOME/.bashrc"; wc -l <"$HOME/.bashrc"; complete -p vault',
    'COMP_LINE="vault kv g" COMP_POINT=10 vault vault g kv',
    'vault -autocomplete-uninstall >/dev/null; wc -c <"$HOME/.bashrc"',
  ].join('\n')
  const { code, out, err } = await computer.shell(script, { env: { SHELL: '/bin/bash' } })
  assert.deepEqual([code, err], [0, ''])
  assert.deepEqual(
    out.split('\n').map((line) => line.trim()),
    ['1', "complete -o default -C 'vault' vault", 'get', '0', ''],
  )
  const zsh = await computer.run(['completion', 'zsh'])
  assert.match(zsh.out, /^autoload -U \+X bashcompinit && bashcompinit\ncomplete /)
  const fish = await computer.run(['completion', 'fish'])
  assert.match(fish.out, /^complete -c vault -f -a '\(COMP_LINE=\(commandline -cp\) vault\)'\n$/)
  const none = await computer.run(['completion', 'tcsh'])
  assert.deepEqual(
    [none.code, none.err.split('.')[0]],
    [1, 'There are completions for bash, zsh, fish'],
  )
})

test('link puts the program under the name vault, and replaces nothing else (FIX-U12)', async () => {
  const { home } = computer
  const made = await computer.run(['link', '-as=vault', home], { name: 'tokenstile' })
  assert.equal(made.code, 0, made.err)
  assert.equal(lstatSync(join(home, 'vault')).isSymbolicLink(), true)
  const help = await computer.shell(`"${home}/vault" kv -h`)
  assert.match(help.out, /^Usage: vault kv /)
  assert.equal((await computer.run(['link', '-as=vault', home], { name: 'tokenstile' })).code, 0)
  writeFileSync(join(home, 'bao'), 'the real one')
  const kept = await computer.run(['link', '-as=bao', home], { name: 'tokenstile' })
  assert.deepEqual([kept.code, readFileSync(join(home, 'bao'), 'utf8')], [1, 'the real one'])
  assert.match(kept.err, /is there already and is no link to this program/)
  assert.equal((await computer.run(['link', '-as=ls', home])).code, 1)
})
