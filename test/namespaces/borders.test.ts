/** What holds across the border of a namespace: the end of an entity, of a namespace's use. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, want403T, wantAlive, wantDead, type JwtMount } from '../platform/fixture.ts'

let server: TestServer
let root: ApiClient
const mounts = new Map<string, JwtMount>()

before(async () => {
  server = await startTestServer()
  root = server.root
  for (const place of ['', 'team', 'team/a']) {
    if (place !== '') await root.must(`sys/namespaces/${place}`)
    const mount = await enableJwt(server, { root: root.in(place === '' ? undefined : place) })
    await mount.mustRole('r', { token_policies: ['below'] })
    mounts.set(place, mount)
    await root.in(place === '' ? undefined : place).must('sys/policies/acl/below', {
      policy: '# all\npath "*" { capabilities = ["create", "read", "update", "sudo"] }',
    })
  }
})
after(() => server.stop())

for (const [home, below] of [
  ['', 'team'],
  ['', 'team/a'],
  ['team', 'team/a'],
] as const) {
  test(`SEC-ACL-09: what a login of "${home}" made in ${below} ends and comes back with its entity`, async () => {
    const mount = mounts.get(home)
    assert.ok(mount)
    const { auth } = (await mount.mustLogin('r', `maker-of-${below}`)).body
    const parent = root.in(home === '' ? undefined : home).as(auth.client_token)
    const inside = parent.in(below)
    const made = async (by: ApiClient, body: object = {}) =>
      by.as((await by.must('auth/token/create', body)).body.auth.client_token)
    const child = await made(inside, { policies: ['below'] })
    const batch = await made(inside, { policies: ['below'], type: 'batch' })
    const grandchild = await made(child)
    const family = [child, batch, grandchild]
    for (const token of family) await wantAlive(token)
    const entity = `identity/entity/id/${auth.entity_id}`
    const owner = root.in(home === '' ? undefined : home)
    await owner.must(entity, { disabled: true })
    for (const token of [parent, ...family]) await wantDead(token)
    want403T(await child.write('auth/token/create'))
    await owner.must(entity, { disabled: false })
    for (const token of [parent, ...family]) await wantAlive(token)
    assert.equal((await owner.remove(entity)).status, 204)
    for (const token of [parent, ...family]) await wantDead(token)
  })
}
