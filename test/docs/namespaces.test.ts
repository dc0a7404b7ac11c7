/** The guide to namespaces: its commands run in order, in one shell, and say what the text says. */

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer } from '../harness/test-server.ts'
import { guideBlocks, projectFolder, runShell } from './guide-shell.ts'

test('the guide to namespaces does what it says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-namespaces-'))
  const server = await startTestServer()
  try {
    mkdirSync(join(folder, 'bin'))
    symlinkSync(join(projectFolder, 'bin/tokenstile.js'), join(folder, 'bin/vault'))
    const keys = makeJwtMaker('key', () => Math.floor(server.clock.nowMs() / 1000))
    const claims = { iss: 'https://iss/', sub: 'job', aud: 'vault' }
    writeFileSync(join(folder, 'job.jwt'), keys.sign(claims))
    writeFileSync(join(folder, 'key.pem'), keys.pem)
    const each = guideBlocks('docs/how-to/namespaces.md')
    assert.equal(each.length, 4)
    const script = each.map((block, at) => `printf "\\n--- ${at + 1}\\n"\n${block}`).join('\n')
    const { code, output } = await runShell(folder, `set -eu\n${script}`, {
      VAULT_ADDR: server.url,
      VAULT_TOKEN: server.rootToken,
      ROOT_TOKEN: server.rootToken,
    })
    assert.equal(code, 0, output)
    const [, made, inside, fromAbove, ended] = output.split(/^--- \d\n/m)
    assert.match(made ?? '', /^path +team\/$/m)
    assert.match(inside ?? '', /^hunter2/m)
    assert.match(fromAbove ?? '', /^dev/m)
    assert.match(fromAbove ?? '', /permission denied/)
    assert.match(ended ?? '', /must be unlocked to gain access/)
    assert.match(ended ?? '', /Namespace deleted at: team\/$/m)
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})
