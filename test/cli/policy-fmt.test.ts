import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { withServer } from './cli-run.ts'

test('policy fmt lays a policy out in place, and leaves a broken one as it is', () =>
  withServer({}, async (server) => {
    const file = `${server.home}/p.hcl`
    await writeFile(file, 'path "a" {\ncapabilities=["read"]\n}\n')
    const result = await server.run(['policy', 'fmt', file])
    assert.deepEqual(result, { code: 0, out: `Success! Formatted policy: ${file}\n`, err: '' })
    assert.equal(await readFile(file, 'utf8'), 'path "a" {\n  capabilities = ["read"]\n}\n')
    await writeFile(file, 'path "a" {')
    const broken = await server.run(['policy', 'fmt', file])
    assert.equal(broken.code, 1)
    assert.match(broken.err, /^Error parsing policy: .*p\.hcl:\d+:\d+: (?!undefined)\S/u)
    assert.equal(await readFile(file, 'utf8'), 'path "a" {')
    assert.deepEqual(server.seen, [])
  }))
