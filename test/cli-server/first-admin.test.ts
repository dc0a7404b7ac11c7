/** From the root token of a new server to an administrator without it. */

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
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

test('a policy of that name stays as it is, and where it makes no administrator root stays', async () => {
  const policies = {
    weak: 'path "secret/*" { capabilities = ["read"] }',
    reader: 'path "sys/policies/acl/reader" { capabilities = ["read"] }',
    tokenless: `path "sys/*" { capabilities = ["create", "read", "update", "sudo"] }
      path "auth/token/create" { capabilities = ["create", "update"] }`,
  }
  for (const [name, policy] of Object.entries(policies)) {
    await shell.server.root.must(`sys/policies/acl/${name}`, { policy })
  }
  const root = await rootToken()
  const env = { VAULT_TOKEN: root }
  const before = await made()
  for (const [name, lacking] of [
    ['weak', 'create, update and sudo on sys/policies/acl/x'],
    ['reader', 'create, update and sudo on sys/policies/acl/x'],
    ['tokenless', 'sudo on auth/token/create'],
  ] as const) {
    const { code, err } = await shell.run(['operator', 'first-admin', `-policy=${name}`], {
      ...own,
      env,
    })
    assert.equal(code, 2)
    assert.ok(err.includes(`the policy ${name} gives it no ${lacking}`), err)
    assert.match(err, /^The root token stays.*"tokenstile operator first-admin -policy=NAME"/)
    assert.equal(await isAlive(root), true)
    assert.deepEqual(await made(), before)
  }
  const kept = await shell.run(['operator', 'first-admin', '-keep-root'], { ...own, env })
  assert.match(kept.out, /The root token lives on\./)
  assert.equal(await isAlive(root), true)
})

test('an administrator of a namespace does not end the root token', async () => {
  await shell.server.root.must('sys/namespaces/team', {})
  const root = await rootToken()
  const first = (...more: string[]) =>
    shell.run(['operator', 'first-admin', '-namespace=team', ...more], {
      ...own,
      env: { VAULT_TOKEN: root },
    })
  const { code, err } = await first()
  assert.equal(code, 1)
  assert.match(err, /^The root token stays, since the new one is for the namespace team\/ alone/)
  assert.equal(await isAlive(root), true)
  const policy = 'team/sys/policies/acl/admin'
  assert.equal((await shell.server.root.read(policy)).status, 404)
  assert.equal((await first('-keep-root')).code, 0)
  assert.equal((await shell.server.root.read(policy)).status, 200)
  assert.equal(await isAlive(root), true)
})

test('where the token cannot be kept nothing stays, and nothing is written where that shows before', async () => {
  const root = await rootToken()
  const before = await made()
  const failing = async (env: Record<string, string | undefined>, said: RegExp) => {
    const { code, err } = await shell.run(['operator', 'first-admin', '-policy=unkept'], {
      ...own,
      env: { VAULT_TOKEN: root, ...env },
    })
    assert.notEqual(code, 0)
    assert.match(err, said)
    assert.equal(await isAlive(root), true)
    assert.deepEqual(await made(), before)
    return shell.sent.filter(({ line }) => !line.startsWith('GET')).map(({ line }) => line)
  }
  const homeless = { HOME: undefined }
  assert.deepEqual(await failing(homeless, /There is no home directory to keep the token in/), [])
  const absent = { HOME: join(shell.home, 'absent') }
  assert.deepEqual(await failing(absent, /absent\/\.vault-token/), [])
  const folder = join(shell.home, 'folder')
  mkdirSync(folder)
  const late = await failing({ TOKENSTILE_TOKEN_PATH: folder }, /folder/)
  assert.ok(late.includes('PUT /v1/sys/policies/acl/unkept'))
  assert.deepEqual(
    readdirSync(shell.home).filter((name) => name.endsWith('.tmp')),
    [],
  )
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

const asked = ['operator', 'first-admin', '-interactive']

/** What the server has that this command could have made. */
async function made(): Promise<readonly unknown[]> {
  const policies = (await shell.server.root.list('sys/policies/acl')).body.data.keys
  const tokens = (await shell.server.root.list('auth/token/accessors')).body.data.keys
  return [policies, tokens.length]
}

test('it asks step by step, says at once what does not hold, and shows all before it writes', async () => {
  const root = await rootToken()
  const answers = ['nowhere/', 'token', 'root', 'stewards', 'soon', '8h', 'perhaps', 'yes', 'yes']
  const { code, out, err } = await shell.run(asked, {
    ...own,
    env: { VAULT_TOKEN: root },
    stdin: answers.map((line) => `${line}\n`).join(''),
  })
  assert.equal(code, 0, err)
  assert.match(err, /nowhere\/ is no mount that people sign in through/)
  assert.match(err, /The policy root is the server's own/)
  assert.match(err, /"soon" is no lifetime/)
  assert.match(err, /The answer is yes or no\./)
  assert.match(
    err,
    /^policy +stewards, written now\ntoken +lives 8h, kept in .*\nroot token +revoked/m,
  )
  assert.match(out, /^policies +default, stewards$/m)
  assert.equal(await isAlive(root), false)
  const first = shell.sent.findIndex(({ line }) => !line.startsWith('GET'))
  assert.equal(shell.sent[first]?.line, 'PUT /v1/sys/policies/acl/stewards')
  assert.ok(shell.sent.slice(0, first).some(({ line }) => line.endsWith('/acl/stewards')))
})

test('a no, an end of the answers, and Ctrl-C at a question leave nothing behind', async () => {
  const before = await made()
  for (const [stdin, said] of [
    ['\nunmade\n\nno\nno\n', /^Nothing was changed\.$/m],
    ['\nunmade\n\n', /^The input ended before the last question\. Nothing was changed\.$/m],
    ['x y\n'.repeat(10), /^No answer held 10 times\. Nothing was changed\.$/m],
  ] as const) {
    const { code, err } = await shell.run(asked, { ...own, stdin })
    assert.equal(code, 1)
    assert.match(err, said)
  }
  let interrupt = () => {}
  const { code, err } = await shell.run(asked, {
    ...own,
    stdin: '\nunmade\n',
    onInterrupt: (work) => {
      interrupt = work
      return () => {}
    },
    onStderr: (text) => {
      if (text.startsWith('2.')) interrupt()
    },
  })
  assert.equal(code, 1)
  assert.match(err, /^interrupted\. Nothing was changed\.$/m)
  assert.deepEqual(await made(), before)
})

test('without a terminal nothing is asked, and with flags neither', async () => {
  const { code, err } = await shell.run(['operator', 'first-admin', '-keep-root'], {
    ...own,
    terminal: true,
  })
  assert.deepEqual([code, err], [0, ''])
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
    assert.equal((await shell.server.root.read('auth/oidc/role/admins')).status, 404)
    const { result, root } = await signIn('bob-subject', 18_772)
    assert.equal(result.code, 0, result.err)
    assert.equal(await isAlive(root), false)
    const role = (await shell.server.root.read('auth/oidc/role/admins')).body.data
    assert.equal(role.bound_subject, 'bob-subject')
    const again = await shell.run(
      ['operator', 'first-admin', '-mount=oidc', '-subject=somebody-else'],
      own,
    )
    assert.match(again.err, /oidc\/ has a role admins already, and it is not overwritten/)
    const bare = await shell.run(
      ['operator', 'first-admin', '-mount=token', '-subject=somebody-else'],
      own,
    )
    assert.match(bare.err, /token\/ is no mount that people sign in through/)
    await interruptedSignIn()
  } finally {
    await idp.stop()
  }
})

/** Ctrl-C while the browser is waited for: policy and role go again. */
async function interruptedSignIn(): Promise<void> {
  const before = await made()
  const interrupts: (() => void)[] = []
  const way = ['oidc/', 'email', '', 'ada@example.com', 'admins', 'people']
  const answers = [...way, 'stewards-2', '', '', 'yes']
  const { code, err } = await shell.run(asked, {
    ...own,
    stdin: answers.map((line) => `${line}\n`).join(''),
    onInterrupt: (work) => {
      interrupts.push(work)
      return () => {}
    },
    onStderr: (text) => {
      if (text.startsWith('Waiting')) interrupts.forEach((work) => work())
    },
  })
  assert.equal(code, 2, err)
  assert.match(err, /The email of the one person who is let in/)
  assert.match(err, /oidc\/ has a role admins already/)
  assert.match(err, /Without a value anybody at the provider would be an administrator\./)
  assert.match(err, /^role +people of oidc\/, for email ada@example\.com alone$/m)
  assert.match(err, /interrupted$/m)
  const written = shell.sent.find(({ line }) => line === 'PUT /v1/auth/oidc/role/people')
  assert.deepEqual(JSON.parse(written?.body ?? '{}').bound_claims, { email: 'ada@example.com' })
  assert.equal((await shell.server.root.read('auth/oidc/role/people')).status, 404)
  assert.deepEqual(await made(), before)
}
