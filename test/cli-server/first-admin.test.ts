/** From the root token of a new server to an administrator without it. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { Shell } from './fixture.ts'

let shell: Shell
const own = { programName: 'tokenstile' }

before(async () => {
  shell = await Shell.start()
})
after(() => shell.stop())

/** A root token of its own, since the command ends it. */
async function rootToken(): Promise<string> {
  const made = await shell.server.root.must('auth/token/create', { policies: ['root'] })
  return String(made.body.auth.client_token)
}

const isAlive = async (token: string): Promise<boolean> =>
  (await shell.server.client(token).read('auth/token/lookup-self')).status === 200

test('a token is made, kept and seen to work, then the root token is revoked', async () => {
  const root = await rootToken()
  const env = { VAULT_TOKEN: root }
  const { code, out, err } = await shell.run(['operator', 'first-admin'], {
    ...own,
    env,
    terminal: true,
  })
  assert.equal(code, 0, err)
  assert.match(out, /^VAULT_TOKEN is still set/m)
  const token = readFileSync(shell.tokenFile, 'utf8')
  assert.match(out, /^name +token-first-admin$/m)
  assert.match(out, /^policies +admin, default$/m)
  assert.match(out, /The root token is revoked\./)
  assert.ok(!out.includes(token) && !out.includes(root))
  assert.equal(await isAlive(root), false)
  const admin = shell.server.client(token)
  await admin.must('sys/policies/acl/more', { policy: 'path "x" { capabilities = ["read"] }' })
  const { period, ttl, orphan } = (await admin.read('auth/token/lookup-self')).body.data
  assert.deepEqual([period, orphan], [undefined, true])
  assert.ok(ttl > 600_000 && ttl <= 604_800)
})

test('a policy of that name stays as it is, and where the new token does not work root stays', async () => {
  await shell.server.root.must('sys/policies/acl/weak', {
    policy: 'path "secret/*" { capabilities = ["read"] }',
  })
  const root = await rootToken()
  const env = { VAULT_TOKEN: root }
  const failed = await shell.run(['operator', 'first-admin', '-policy=weak'], { ...own, env })
  assert.equal(failed.code, 2)
  assert.match(failed.err, /The new token does not work, so the root token stays/)
  assert.equal(await isAlive(root), true)
  const kept = await shell.run(['operator', 'first-admin', '-keep-root'], { ...own, env })
  assert.match(kept.out, /The root token lives on\./)
  assert.equal(await isAlive(root), true)
})

test('without the root token, or with half of what a sign-in needs, nothing is written', async () => {
  const made = await shell.server.root.must('auth/token/create', { policies: ['default'] })
  const env = { VAULT_TOKEN: String(made.body.auth.client_token) }
  const refused = await shell.run(['operator', 'first-admin', '-policy=none'], { ...own, env })
  assert.match(refused.err, /The token in use is no root token\./)
  const half = await shell.run(['operator', 'first-admin', '-mount=oidc', '-policy=none'], own)
  assert.match(half.err, /-mount and -subject belong together/)
  assert.equal((await shell.server.root.read('sys/policies/acl/none')).status, 404)
})

test('a sign-in lets in the one person who is named', async () => {
  const idp = await new ScriptedProvider().start()
  try {
    await shell.server.root.must('sys/auth/oidc', { type: 'oidc' })
    await shell.server.root.must('auth/oidc/config', {
      oidc_discovery_url: idp.issuer,
      oidc_client_id: idp.clientId,
      oidc_client_secret: idp.clientSecret,
      jwt_supported_algs: ['ES256'],
    })
    const signIn = async (subject: string, port: number) => {
      const root = await rootToken()
      let text = ''
      let visited: Promise<unknown> | undefined
      const result = await shell.run(
        [
          ...['operator', 'first-admin', '-mount=oidc', `-subject=${subject}`],
          ...[`port=${port}`, 'skip_browser=true'],
        ],
        {
          ...own,
          env: { VAULT_TOKEN: root },
          onStderr: (chunk: string) => {
            text += chunk
            const [, url] = /\n {4}(http:\S+)\n[\s\S]*Waiting/.exec(text) ?? []
            if (url === undefined || visited !== undefined) return
            const back = new URLSearchParams(idp.authorize(url)).toString()
            visited = fetch(`http://localhost:${port}/oidc/callback?${back}`)
          },
        },
      )
      await visited
      return { result, root }
    }
    const other = await signIn('somebody-else', 18_771)
    assert.equal(other.result.code, 2)
    assert.match(other.result.err, /sub claim does not match bound subject/)
    assert.equal(await isAlive(other.root), true)
    const { result, root } = await signIn('bob-subject', 18_772)
    assert.equal(result.code, 0, result.err)
    assert.equal(await isAlive(root), false)
    const role = (await shell.server.root.read('auth/oidc/role/admins')).body.data
    assert.equal(role.bound_subject, 'bob-subject')
  } finally {
    await idp.stop()
  }
})
