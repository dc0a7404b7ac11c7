/** The guide to groups: its commands run in order, in one shell, and say what the text says. */

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer } from '../harness/test-server.ts'
import { guideBlocks, projectFolder, runShell } from './guide-shell.ts'

test('the guide to groups does what it says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-groups-'))
  const server = await startTestServer()
  try {
    mkdirSync(join(folder, 'bin'))
    symlinkSync(join(projectFolder, 'bin/tokenstile.js'), join(folder, 'bin/vault'))
    const keys = makeJwtMaker('key', () => Math.floor(server.clock.nowMs() / 1000))
    const claims = { iss: 'https://iss/', sub: 'dora', aud: 'vault', groups: ['developers', 'all'] }
    writeFileSync(join(folder, 'developer.jwt'), keys.sign(claims))
    await server.root.must('sys/auth/jwt', { type: 'jwt' })
    await server.root.must('auth/jwt/config', {
      jwt_validation_pubkeys: [keys.pem],
      bound_issuer: 'https://iss/',
    })
    const each = guideBlocks('docs/how-to/groups-become-policies.md')
    assert.equal(each.length, 6)
    const script = each.map((block, at) => `printf "\\n--- ${at + 1}\\n"\n${block}`).join('\n')
    const { code, output } = await runShell(folder, `set -eu\n${script}`, {
      VAULT_ADDR: server.url,
      VAULT_TOKEN: server.rootToken,
    })
    assert.equal(code, 0, output)
    const [, mapped, external, nested, , , leaving] = output.split(/^--- \d\n/m)
    assert.match(mapped ?? '', /\[default reader\]/)
    assert.match(external ?? '', /\[reader\]/)
    assert.match(nested ?? '', /\[deployer reader\]/)
    assert.match(leaving ?? '', /permission denied/)
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})
