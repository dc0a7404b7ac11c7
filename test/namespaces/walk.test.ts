/**
 * All declared paths, walked with tokens of other namespaces: nothing is let in, and what is there
 * answers as what is not. Whoever may do everything at home learns nothing of elsewhere either.
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { DeclaredOperation } from '../../src/framework/path.ts'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { authTypes, declaredPaths, methodOf, type Declared } from '../harness/declared-paths.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

interface Step {
  readonly operation: DeclaredOperation
  readonly isOpen: boolean
  /** With the name of something that is there, and of something that is not. */
  readonly paths: readonly [there: string, notThere: string]
}

const everything =
  'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "scan", "sudo"] }'

let server: TestServer
let root: ApiClient
let declared: readonly Declared[]
const all = new Map<string, ApiClient>()
const ids = new Map<string, string>()

async function fill(namespace: string | undefined): Promise<void> {
  const inside = root.in(namespace)
  const canary = `canary-of-${namespace ?? 'root'}`
  await inside.must('kv/there', { canary })
  await inside.must('secret/data/there', { data: { canary } })
  await inside.must('sys/policies/acl/there', { policy: `# ${canary}\n${everything}` })
  await inside.must('identity/entity', { name: 'there', metadata: { canary } })
}

/** The same things under the same names, with a text in them that nobody else may see. */
async function furnish(namespace: string | undefined): Promise<void> {
  const inside = root.in(namespace)
  const canary = `canary-of-${namespace ?? 'root'}`
  for (const type of authTypes(server.server)) {
    await inside.must(`sys/auth/${type}`, { type, description: canary })
  }
  if (namespace !== undefined) {
    await inside.must('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  }
  await inside.must('sys/mounts/kv', { type: 'kv', description: canary })
  await fill(namespace)
  await inside.must('auth/userpass/users/there', { password: `${canary}-1`, policies: canary })
  await inside.must('auth/approle/role/there', { token_policies: canary })
  await inside.must('auth/token/roles/there', { allowed_policies: canary })
  await inside
    .must('auth/jwt/config', { jwks_url: `https://127.0.0.1:1/${canary}` })
    .catch(() => {})
  await inside.must('identity/group', { name: 'there', metadata: { canary } })
  await inside.must('sys/namespaces/there', { custom_metadata: { canary } })
  const made = await inside.must('auth/token/create-orphan', { policies: ['there'] })
  all.set(namespace ?? '', inside.as(made.body.auth.client_token))
}

before(async () => {
  server = await startTestServer()
  root = server.root
  for (const namespace of ['red', 'blue', 'red/low']) {
    ids.set(namespace, (await root.must(`sys/namespaces/${namespace}`)).body.data.id)
  }
  for (const namespace of [undefined, 'red', 'blue', 'red/low']) await furnish(namespace)
  declared = await declaredPaths(server.server)
})

after(() => server.stop())

function pathOf({ mount, declaration }: Declared, name: string): string {
  const inner = declaration.pattern
    .replace(/[:*]\w+\?/g, '')
    .replace(/[:*]\w+/g, name)
    .replace(/\/$/, '')
  return `${mount}${inner}`
}

/** What seals or stops the server, ends whoever walks, or never ends itself, is not done. */
const sparing =
  /^sys\/logins\/stream|^sys\/namespaces\/api-lock|^auth\/token\/revoke(?:-self)?$|^sys\/(?:leases\/)?revoke-|^sys\/(seal|step-down|init|unseal|rotate|rekey|generate|storage|monitor|audit)/

function steps(): readonly Step[] {
  return declared.flatMap((one) => {
    const { operations, access } = one.declaration
    const paths = [pathOf(one, 'there'), pathOf(one, 'not-there')] as const
    if (sparing.test(paths[0])) return []
    return (Object.keys(operations) as DeclaredOperation[]).map((operation) => ({
      operation,
      isOpen: (operations[operation]?.access ?? access) === 'open',
      paths,
    }))
  })
}

function send(client: ApiClient, { operation }: Step, path: string): Promise<ApiResult> {
  const method = methodOf[operation]
  const hasBody = operation === 'write' || operation === 'patch'
  return client.call(method, path, hasBody ? {} : undefined)
}

/** What the caller learns, but for the id of the request, the time, and the path that it has sent itself. */
function told({ status, text, body }: ApiResult, path: string): string {
  const id: unknown = body?.request_id
  const plain = typeof id === 'string' ? text.replace(id, '') : text
  const uuids = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
  const time = /"server_time_utc":\d+/
  return `${status} ${plain.replaceAll(path, '').replace(uuids, '').replace(time, '')}`
}

const isFromAbove = (from: string, to: string) =>
  from === '' || (to !== from && to.startsWith(`${from}/`))

test('a token of elsewhere is let in nowhere, and sees no difference between there and not there (NSP-15)', async () => {
  assert.ok(steps().length > 200)
  const wrong: string[] = []
  for (const [from, client] of all) {
    for (const to of ['', 'red', 'blue', 'red/low']) {
      if (from === to || isFromAbove(from, to)) continue
      const there = client.in(to === '' ? undefined : to)
      for (const step of steps()) {
        const [first, second] = step.paths
        const found = told(await send(there, step, first), first)
        const missed = told(await send(there, step, second), second)
        const where = `${from} in ${to}: ${step.operation} ${first}`
        if (step.isOpen) {
          const stranger = told(await send(there.as(undefined), step, first), first)
          if (found !== stranger) wrong.push(`${where}: ${found} but a stranger: ${stranger}`)
          continue
        }
        if (found !== missed) wrong.push(`${where}: ${found} but: ${missed}`)
        if (!/^(403|400) /.test(found)) wrong.push(`${where}: ${found}`)
        if (
          found.startsWith('400') &&
          !/unavailable in namespaces|wrapping token|ending in '\/'/.test(found)
        ) {
          wrong.push(`${where}: ${found}`)
        }
      }
    }
  }
  assert.deepEqual(wrong, [])
})

test('who may do everything at home is shown nothing of elsewhere, by no path', async () => {
  const wrong: string[] = []
  for (const [home, client] of all) {
    if (home === '') continue
    const foreign = ['root', 'red', 'blue', 'red/low', 'red/there', 'blue/there']
      .filter((one) => one !== home && !one.startsWith(`${home}/`))
      .map((one) => `"canary-of-${one}"`)
    const foreignIds = [...ids]
      .filter(([one]) => one !== home && !one.startsWith(`${home}/`))
      .map(([, id]) => id)
    for (const step of steps()) {
      if (step.operation === 'delete' || step.operation === 'patch') continue
      // It answers for as long as somebody listens.
      if (step.paths[0] === 'sys/logins/stream') continue
      const { text } = await send(client, step, step.paths[0])
      for (const secret of [...foreign, ...foreignIds]) {
        if (text.includes(secret))
          wrong.push(`${home}: ${step.operation} ${step.paths[0]}: ${secret}`)
      }
    }
  }
  assert.deepEqual(wrong, [])
})

test('what was done to everything of one namespace has changed nothing of another', async () => {
  const red = all.get('red')
  assert.ok(red)
  for (const namespace of [undefined, 'blue', 'red/low']) await fill(namespace)
  for (const step of steps().filter(({ operation }) => operation === 'delete')) {
    await send(red, step, step.paths[0])
  }
  assert.equal((await red.read('kv/there')).status >= 400, true)
  for (const namespace of ['', 'blue', 'red/low']) {
    const inside = root.in(namespace === '' ? undefined : namespace)
    const canary = `canary-of-${namespace === '' ? 'root' : namespace}`
    assert.equal((await inside.read('kv/there')).body.data.canary, canary)
    assert.equal((await inside.read('secret/data/there')).body.data.data.canary, canary)
    assert.ok((await inside.read('sys/policies/acl/there')).text.includes(canary))
    assert.equal(
      (await inside.read('identity/entity/name/there')).body.data.metadata.canary,
      canary,
    )
    assert.equal((await inside.read('auth/approle/role/there')).status, 200)
  }
  for (const client of all.values()) {
    assert.equal((await client.read('auth/token/lookup-self')).status, 200)
  }
})
