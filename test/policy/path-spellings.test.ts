/**
 * One resource has one decision, whatever its path is spelt like (SEC-ACL-16). The declarations of a
 * server with everything mounted are walked, so that a path added later is judged without a line here.
 *
 * What a field says about its spellings is tried with policies; what a handler might do behind the
 * declaration's back is found out by looking: a spelling under which root sees the same thing is the
 * same thing.
 */

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import { fullPath } from '../../src/core/mount-table.ts'
import type { DeclaredOperation, PathDeclaration } from '../../src/framework/path.ts'
import { capturesOf, fillPattern, parsePattern } from '../../src/framework/pattern.ts'
import type { Router } from '../../src/framework/router.ts'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { authTypes, methodOf } from '../harness/declared-paths.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

const publicKeyPem = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ format: 'pem', type: 'spki' })
  .toString()

/** What a captured part is called here; others are `sample`. */
const sampleOf: Record<string, string> = { urlbytes: '16', urlalgorithm: 'sha2-256' }

/** What a captured part is called in one path alone, by the pattern of the path. */
const nameOf: Record<string, string> = { 'loggers/:name': 'core' }

const allowAll =
  'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }'

/** A declared path with all its captures filled in. */
interface Sample {
  readonly mount: string
  readonly declaration: PathDeclaration
  readonly router: Router
  /** Inside the mount. */
  readonly path: string
}

let server: TestServer
let root: ApiClient
let samples: readonly Sample[]

before(async () => {
  server = await startTestServer()
  root = server.root
  const key = { jwt_validation_pubkeys: [publicKeyPem] }
  await root.must('sys/auth/sample', { type: 'jwt' })
  await root.must('auth/sample/config', key)
  await root.must('auth/sample/role/sample', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['a'],
  })
  await root.must('auth/sample/issuers/sample', { issuer: 'https://i.test', ...key })
  const others = authTypes(server.server).filter((type) => type !== 'jwt' && type !== 'oidc')
  for (const type of others) await root.must(`sys/auth/${type}`, { type })
  await root.must('auth/userpass/users/sample', { password: 'x' })
  await root.must('auth/approle/role/sample')
  await root.must('auth/kubernetes/role/sample', {
    bound_service_account_names: 'a',
    bound_service_account_namespaces: 'a',
  })
  await root.must('sys/policies/acl/sample', { policy: 'path "a" { capabilities = ["read"] }' })
  await root.must('sys/mounts/sample', { type: 'kv', options: { version: '1' } })
  await root.must('sys/mounts/old', { type: 'kv' })
  const moved = await root.must('sys/remount', { from: 'old', to: 'new' })
  sampleOf['id'] = moved.body.data.migration_id
  await root.call('DELETE', 'sys/mounts/new')
  // To a version 1 store the areas of version 2 are folders like any other.
  const areas = ['data', 'metadata', 'delete', 'undelete', 'destroy', 'subkeys']
  const folders = areas.map((area) => `sample/${area}`)
  for (const folder of ['secret/data', 'cubbyhole', 'sample', ...folders]) {
    await root.must(`${folder}/sample`, { data: { x: '1' } })
  }
  await addSettings()
  await addIdentities()
  const { core } = server.server
  const { mounts } = await core.configuration()
  const served = mounts.mounts.filter(({ tainted }) => tainted !== true)
  samples = served.flatMap((mount) => {
    const { router } = core.backends.of(mount)
    return samplesOf(fullPath(mount), router)
  })
})

after(() => server.stop())

async function addSettings(): Promise<void> {
  await root.must('auth/token/roles/sample')
  await root.must('auth/sample/cel/role/sample', {
    cel_program: { expression: 'true' },
  })
  await root.must('sys/quotas/rate-limit/sample', { rate: 1_000_000 })
  await root.must('sys/config/auditing/request-headers/sample')
  await root.must('sys/config/ui/headers/sample', { values: ['x'] })
  nameOf['namespaces/*path'] = 'team'
  nameOf['plugins/catalog/:type/:name type'] = 'secret'
  nameOf['plugins/catalog/:type/:name name'] = 'kv'
  await root.must('sys/namespaces/team')
  const refused = await root.as(undefined).write('auth/sample/login', { role: 'sample', jwt: 'x' })
  nameOf['logins/:request_id'] = refused.headers['x-request-id'] ?? ''
}

async function addIdentities(): Promise<void> {
  const mount_accessor = (await root.read('sys/auth/sample')).body.data.accessor
  const made = async (path: string, body: object): Promise<string> =>
    String((await root.must(`identity/${path}`, body)).body.data.id)
  const entity = await made('entity', { name: 'sample' })
  const group = await made('group', { name: 'sample', type: 'external' })
  const alias = { name: 'sample', mount_accessor }
  nameOf['entity/id/:id'] = entity
  nameOf['group/id/:id'] = group
  nameOf['entity-alias/id/:id'] = await made('entity-alias', { ...alias, canonical_id: entity })
  nameOf['group-alias/id/:id'] = await made('group-alias', { ...alias, canonical_id: group })
}

function samplesOf(mount: string, router: Router): readonly Sample[] {
  return router.declarations
    .filter(({ access, pattern }) => access !== 'open' && capturesOf(pattern).length > 0)
    .map((declaration) => {
      const captures = Object.fromEntries(
        capturesOf(declaration.pattern).map(({ name }) => [
          name,
          nameOf[`${declaration.pattern} ${name}`] ??
            nameOf[declaration.pattern] ??
            sampleOf[name] ??
            'sample',
        ]),
      )
      const path = fillPattern(parsePattern(declaration.pattern), captures)
      return { mount, declaration, router, path }
    })
}

/** Other texts for one captured part: other case, blanks, slashes, another notation of a number. */
function spellingsOf(text: string): readonly string[] {
  return [
    text.toUpperCase(),
    text.slice(0, 1).toUpperCase() + text.slice(1),
    ` ${text}`,
    `${text} `,
    `${text}\u00a0`,
    `${text}/`,
    `${text}//`,
    `/${text}`,
    ...(/^\d+$/.test(text) ? [`0x${Number(text).toString(16)}`, `+${text}`, `0${text}`] : []),
  ].filter((spelling) => spelling !== text)
}

/** The other spellings of a sample's path, as they would be sent. */
function otherPaths({ declaration, path }: Sample): readonly string[] {
  const parts = path.split('/')
  return parsePattern(declaration.pattern).flatMap((segment, index) => {
    if (segment.kind === 'literal') return []
    return spellingsOf(parts[index] ?? '').map((spelling) =>
      parts.map((part, at) => (at === index ? spelling : part)).join('/'),
    )
  })
}

/** As the socket side hands it on: slashes collapsed. */
function collapsed(path: string): string {
  return path.replaceAll(/\/{2,}/g, '/')
}

function encoded(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

function call(client: ApiClient, operation: DeclaredOperation, path: string): Promise<ApiResult> {
  const hasBody = operation === 'write' || operation === 'patch'
  return client.call(methodOf[operation], encoded(path), hasBody ? {} : undefined)
}

function operationsOf({ declaration }: Sample): readonly DeclaredOperation[] {
  return (Object.keys(methodOf) as DeclaredOperation[]).filter(
    (operation) => declaration.operations[operation] !== undefined,
  )
}

/** True when the declaration says that both reach the same. */
function isSame({ mount, router, path }: Sample, other: string): boolean {
  return router.match(collapsed(mount + other).slice(mount.length))?.canonical === path
}

let policies = 0

function withRules(...rules: readonly string[]): Promise<ApiClient> {
  return root.tokenFor(`walk-${policies++}`, rules.join('\n'))
}

test('the walk has something to walk: all mounts, captures of several kinds', () => {
  const patterns = samples.map(({ mount, declaration }) => mount + declaration.pattern)
  assert.ok(patterns.includes('auth/sample/role/:name'))
  assert.ok(patterns.includes('auth/sample/issuers/:name'))
  assert.ok(patterns.includes('sys/policies/acl/*name'))
  assert.ok(patterns.includes('sys/mounts/*path/tune'))
  assert.ok(samples.length > 25, String(samples.length))
  const spelt = samples.flatMap((sample) =>
    otherPaths(sample).filter((other) => isSame(sample, other)),
  )
  assert.ok(spelt.length > 60, String(spelt.length))
})

test('a denied path is denied in every spelling, for every operation (SEC-ACL-16)', async () => {
  for (const sample of samples) {
    const canonical = sample.mount + sample.path
    const client = await withRules(allowAll, `path "${canonical}" { capabilities = ["deny"] }`)
    for (const operation of operationsOf(sample)) {
      assert.equal((await call(client, operation, canonical)).status, 403, canonical)
      for (const other of otherPaths(sample).filter((one) => isSame(sample, one))) {
        const { status } = await call(client, operation, sample.mount + other)
        // Some spellings are refused before anybody is asked.
        const isRefused = status === 403 || status === 400
        assert.ok(isRefused, `${operation} ${sample.mount}${other}: ${status}`)
      }
    }
  }
})

test('a narrower rule for a path holds in every spelling (SEC-ACL-16)', async () => {
  for (const sample of samples) {
    const canonical = sample.mount + sample.path
    const client = await withRules(allowAll, `path "${canonical}" { capabilities = ["sudo"] }`)
    for (const operation of operationsOf(sample)) {
      for (const other of otherPaths(sample).filter((one) => isSame(sample, one))) {
        const { status } = await call(client, operation, sample.mount + other)
        const isRefused = status === 403 || status === 400
        assert.ok(isRefused, `${operation} ${sample.mount}${other}: ${status}`)
      }
    }
  }
})

test('a rule that allows another spelling alone allows nothing (SEC-ACL-16)', async () => {
  for (const sample of samples) {
    for (const other of otherPaths(sample).filter((one) => isSame(sample, one))) {
      const sent = collapsed(sample.mount + other)
      if (sent === sample.mount + sample.path) continue
      const client = await withRules(allowAll.replace('"*"', JSON.stringify(sent)))
      for (const operation of operationsOf(sample)) {
        if (operation === 'list' || operation === 'scan') continue
        const { status } = await call(client, operation, sent)
        const isRefused = status === 403 || status === 400
        assert.ok(isRefused, `${operation} ${sent}: ${status}`)
      }
    }
  }
})

test('where root sees the same under two paths, the declaration knows it (SEC-ACL-16)', async () => {
  const unseen: string[] = []
  for (const sample of samples) {
    if (sample.declaration.operations.read === undefined) continue
    const canonical = sample.mount + sample.path
    const seen = await root.read(encoded(canonical))
    if (seen.status !== 200) {
      if (seen.status !== 405) unseen.push(sample.mount + sample.declaration.pattern)
      continue
    }
    for (const other of otherPaths(sample)) {
      const again = await root.read(encoded(sample.mount + other))
      if (again.status !== 200 || again.text.length === 0) continue
      const isEqual = JSON.stringify(again.body.data) === JSON.stringify(seen.body.data)
      assert.ok(
        !isEqual || isSame(sample, other),
        `${sample.mount}${other} reads what ${canonical} is, and policies do not know it`,
      )
    }
  }
  // A version 2 store knows its plain path only to say that it is none. Give a new path a sample above.
  assert.deepEqual(unseen, ['secret/*secret_path?'])
})

test('a role that may not be read, written or deleted stays so in capitals (SEC-ACL-03, SEC-ACL-16)', async () => {
  for (const path of ['auth/sample/role/sample', 'auth/sample/issuers/sample']) {
    const glob = path.replace(/sample$/, '*')
    const client = await withRules(
      allowAll.replace('"*"', `"${glob}"`),
      `path "${path}" { capabilities = ["deny"] }`,
    )
    const before = (await root.read(path)).text.replace(/"request_id":"[^"]*"/, '')
    for (const name of ['Sample', 'SAMPLE', 'sAmple']) {
      const other = path.replace(/sample$/, name)
      assert.equal((await client.read(other)).status, 403, other)
      assert.equal((await client.write(other, { bound_audiences: ['mallory'] })).status, 403)
      assert.equal((await client.remove(other)).status, 403)
    }
    assert.equal((await root.read(path)).text.replace(/"request_id":"[^"]*"/, ''), before)
    // Who may do it may do it in any spelling.
    const all = await withRules(allowAll)
    assert.equal((await all.read(path.replace(/sample$/, 'SAMPLE'))).status, 200)
  }
})
