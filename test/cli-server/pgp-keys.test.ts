/** `operator` with files of PGP keys against a real server (platform.md §2.1, §2.10). */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { run, type RunResult } from '../cli/cli-run.ts'
import { makePgpPerson, type PgpPerson } from '../harness/pgp-person.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { wantAlive } from '../platform/fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'tokenstile-pgp-'))
let server: TestServer
let person: PgpPerson
const env: Record<string, string> = {}
const fileAt = (name: string) => join(folder, name)

before(async () => {
  server = await startTestServer({ raw: true })
  env['VAULT_ADDR'] = server.url
  person = await makePgpPerson()
  writeFileSync(fileAt('armoured.asc'), person.armoured)
  writeFileSync(fileAt('windows.asc'), person.armoured.replaceAll(/\r?\n/g, '\r\n'))
  writeFileSync(fileAt('binary.gpg'), Buffer.from(person.key, 'base64'))
  writeFileSync(fileAt('base64.txt'), `${person.key.replaceAll(/.{64}/g, '$&\n')}\n`)
  writeFileSync(fileAt('private.asc'), person.privateKey.armor())
  writeFileSync(fileAt('private.gpg'), person.privateKey.write())
  writeFileSync(fileAt('other.txt'), 'no key at all\n')
})

after(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

function operator(...words: readonly string[]): Promise<RunResult> {
  return run(['operator', ...words], { env })
}

async function jsonOf(...words: readonly string[]) {
  const { code, out, err } = await operator(...words, '-format=json')
  assert.equal(code, 0, out + err)
  return JSON.parse(out)
}

test('what is no file of a public key is refused before a server is asked', async () => {
  for (const [name, text] of [
    ['keybase:somebody', /not fetched from Keybase/],
    [fileAt('private.asc'), /this is a private key/],
    [fileAt('private.gpg'), /this is a private key/],
    [fileAt('other.txt'), /expected a PGP public key/],
    [fileAt('missing.asc'), /there is no such file/],
  ] as const) {
    const { code, err } = await operator('init', '-n=1', '-t=1', `-pgp-keys=${name}`)
    assert.equal(code, 1)
    assert.match(err, text)
    assert.match(err, /^-pgp-keys: /)
  }
  assert.equal((await operator('init', '-status')).code, 2)
})

test('keys of people go from their files through init, rekey and a root token', async () => {
  const files = ['armoured.asc', 'windows.asc', 'binary.gpg', 'base64.txt'].map(fileAt)
  const made = await jsonOf(
    ...['init', '-n=4', '-t=2', `-pgp-keys=${files.join(',')}`],
    `-root-token-pgp-key=${fileAt('armoured.asc')}`,
  )
  let keys = await Promise.all(made.unseal_keys_b64.map(person.open))
  for (const key of keys.slice(0, 2)) await operator('unseal', key)
  env['VAULT_TOKEN'] = await person.open(made.root_token)
  await wantAlive(server.client(env['VAULT_TOKEN']))

  const two = [fileAt('binary.gpg'), `@${fileAt('armoured.asc')}`].join(',')
  const begun = await jsonOf('rekey', '-init', '-n=2', '-t=2', `-pgp-keys=${two}`, '-backup')
  assert.deepEqual(begun.pgp_fingerprints, [person.fingerprint, person.fingerprint])
  await operator('rekey', `-nonce=${begun.nonce}`, keys[0])
  const { out } = await operator('rekey', `-nonce=${begun.nonce}`, keys[1])
  const [first = '', second = ''] = [...out.matchAll(/fingerprint: \w+; value: (\S+)/g)].map(
    ([, key = '']) => key,
  )
  keys = [await person.open(first), await person.open(second)]
  const kept = await jsonOf('rekey', '-backup-retrieve')
  assert.deepEqual(kept.data.keys_base64[person.fingerprint], [first, second])
  assert.equal((await operator('rekey', '-backup-delete')).code, 0)
  assert.match((await operator('rekey', '-backup-retrieve')).err, /no backed-up keys found/)

  const { nonce } = await jsonOf('generate-root', '-init', `-pgp-key=${fileAt('armoured.asc')}`)
  await operator('generate-root', `-nonce=${nonce}`, keys[0])
  const done = await operator('generate-root', `-nonce=${nonce}`, keys[1])
  assert.match(done.out, new RegExp(`PGP Fingerprint +${person.fingerprint}`))
  const encoded = /Encoded Token +(\S+)/.exec(done.out)?.[1] ?? ''
  await wantAlive(server.client(await person.open(encoded)))
})
