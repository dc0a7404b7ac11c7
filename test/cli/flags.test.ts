import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Environment } from '../../src/cli/environment.ts'
import { parseFlags, type FlagSpec } from '../../src/cli/flags.ts'
import { nearestName } from '../../src/lib/nearest-name.ts'

const specs: readonly FlagSpec[] = [
  { name: 'field', kind: 'text', help: '' },
  { name: 'force', kind: 'bool', aliases: ['f'], help: '' },
  { name: 'n', kind: 'int', help: '' },
  { name: 'ttl', kind: 'duration', help: '' },
  { name: 'policy', kind: 'list', help: '' },
  { name: 'meta', kind: 'pairs', help: '' },
]

function parse(...words: string[]) {
  const parsed = parseFlags(specs, words)
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error)
  return parsed.value
}

function problem(...words: string[]): string {
  const parsed = parseFlags(specs, words)
  assert.ok(!parsed.ok)
  return parsed.error
}

test('a flag takes one or two dashes, and its value behind = or as the next word', () => {
  for (const words of [['-field=x'], ['--field=x'], ['-field', 'x'], ['--field', 'x']]) {
    assert.equal(parse(...words, 'p').values.text('field'), 'x')
  }
  assert.equal(parse('-field=a=b').values.text('field'), 'a=b')
  assert.equal(parse('-field=', 'p').values.text('field'), '')
  assert.equal(parse('-field', '-force').values.text('field'), '-force')
})

test('a bool flag stands alone or behind =, and never takes the next word', () => {
  assert.equal(parse('-f', 'false').values.bool('force'), true)
  assert.deepEqual(parse('-f', 'false').args, ['false'])
  assert.equal(parse('-force=false').values.bool('force'), false)
  assert.equal(parse('-force=0').values.optionalBool('force'), false)
  assert.equal(parse().values.optionalBool('force'), undefined)
})

test('repeated lists, pairs, numbers and durations are read', () => {
  const { values } = parse('-policy=a', '-policy', 'b', '-meta=k=v=w', '-n=-3', '-ttl=1h30m')
  assert.deepEqual(values.list('policy'), ['a', 'b'])
  assert.deepEqual(values.pairs('meta'), [['k', 'v=w']])
  assert.equal(values.int('n'), -3)
  assert.equal(values.seconds('ttl'), 5400)
  assert.equal(parse('-ttl=90').values.seconds('ttl'), 90)
})

test('flags end at the first positional word, at a single dash and behind two dashes', () => {
  assert.deepEqual(parse('p', '-field=x').args, ['p', '-field=x'])
  assert.deepEqual(parse('p', '-field=x').late, ['-field=x'])
  assert.equal(parse('p', '-field=x').values.text('field'), undefined)
  assert.deepEqual(parse('-', '-f').args, ['-', '-f'])
  assert.deepEqual(parse('--', '-f').args, ['-f'])
  assert.deepEqual(parse('p', '-').late, [])
})

test('CLI-54: -format counts anywhere on the line, with = or as the next word', () => {
  assert.equal(parse('p', '-format=json').values.text('format'), 'json')
  assert.deepEqual(parse('p', '-format', 'json', 'k=v').args, ['p', 'k=v'])
  assert.deepEqual(parse('p', '--format=json').late, [])
  assert.equal(parse('p', '-output-policy').values.bool('output-policy'), true)
  assert.equal(parse('--', '-format=json').values.text('format'), undefined)
})

test('wrong flags say what is wrong, as the existing clients do', () => {
  assert.equal(problem('-nope'), 'flag provided but not defined: -nope')
  assert.equal(problem('-feld=x'), 'flag provided but not defined: -feld\nDid you mean -field?')
  assert.equal(problem('-field'), 'flag needs an argument: -field')
  assert.equal(problem('p', '-format'), 'flag needs an argument: -format')
  assert.equal(problem('---x'), 'bad flag syntax: ---x')
  assert.equal(problem('-=x'), 'bad flag syntax: -')
  assert.equal(problem('-force=maybe'), 'invalid boolean value "maybe" for -force: parse error')
  assert.equal(problem('-n=x'), 'invalid value "x" for flag -n: parse error')
  assert.equal(problem('-meta=secret-without-equals'), 'missing = in KV pair for flag -meta')
})

test('SEC-CLI-06: a value that may be a secret is in no error of the flag parser', () => {
  assert.doesNotMatch(problem('-meta=canary'), /canary/u)
})

test('CLI-49, CLI-50: a variable is read by its three names in order, and an empty one hides the rest', () => {
  const both = { TOKENSTILE_ADDR: 'own', BAO_ADDR: 'bao', VAULT_ADDR: 'vault' }
  assert.equal(new Environment(both).text('ADDR'), 'own')
  assert.equal(new Environment({ ...both, TOKENSTILE_ADDR: undefined }).text('ADDR'), 'bao')
  assert.equal(new Environment({ VAULT_ADDR: 'vault' }).text('ADDR'), 'vault')
  assert.equal(new Environment({ BAO_ADDR: '', VAULT_ADDR: 'vault' }).text('ADDR'), undefined)
  assert.equal(new Environment({}).text('ADDR'), undefined)
})

test('a variable that cannot be read says its name', () => {
  assert.throws(
    () => new Environment({ VAULT_SKIP_VERIFY: 'x' }).flag('SKIP_VERIFY'),
    /VAULT_SKIP_VERIFY must be/u,
  )
  assert.throws(
    () => new Environment({ BAO_MAX_RETRIES: 'x' }).wholeNumber('MAX_RETRIES'),
    /BAO_MAX_RETRIES/u,
  )
})

test('the nearest name is offered only when it is near', () => {
  assert.equal(nearestName('raed', ['read', 'write']), 'read')
  assert.equal(nearestName('xyzzy', ['read', 'write']), undefined)
  assert.equal(nearestName('kx', ['kv', 'read']), 'kv')
})
