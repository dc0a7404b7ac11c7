/** The kv commands of the stock command lines over both versions (platform.md §9.5). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { GoApi, refusalOf } from './go-api.ts'
import { StockKv, type KvPath } from './stock-kv.ts'

let server: TestServer
let api: GoApi
let kv: StockKv

before(async () => {
  server = await startTestServer()
  api = new GoApi(server.url, server.rootToken)
  kv = new StockKv(api)
  for (const [path, version] of [
    ['kv1', '1'],
    ['plain', undefined],
    ['team/kv2', '2'],
  ] as const) {
    await api.post(`sys/mounts/${path}`, {
      type: 'kv',
      description: '',
      config: {
        options: null,
        default_lease_ttl: '0s',
        max_lease_ttl: '0s',
        force_no_cache: false,
      },
      local: false,
      seal_wrap: false,
      external_entropy_access: false,
      options: version === undefined ? null : { version },
    })
  }
})

after(async () => {
  api.close()
  await server.stop()
})

for (const [mount, how] of [
  ['secret', 'a path that begins with the mount'],
  ['secret', 'the mount as a flag'],
  ['team/kv2', 'a path that begins with the mount'],
  ['team/kv2', 'the mount as a flag'],
] as const) {
  const isFlag = how === 'the mount as a flag'
  const key = isFlag ? 'flag/app' : 'path/app'
  const at = (path: string): KvPath => (isFlag ? { mount, path } : { path: `${mount}/${path}` })

  describe(`version 2 at ${mount}, ${how}`, () => {
    test('put, get and patch (CLT-37)', async () => {
      assert.equal((await kv.put(at(key), { x: '1' }, 0)).version, 1)
      assert.equal((await kv.put(at(key), { x: '2' })).version, 2)
      const stale = await refusalOf(kv.put(at(key), { x: '3' }, 1))
      assert.deepEqual(stale.errors, ['check-and-set parameter did not match the current version'])
      const read = await kv.get(at(key))
      assert.deepEqual(read.data, { x: '2' })
      assert.deepEqual(
        [read.metadata.version, read.metadata.destroyed, read.metadata.custom_metadata],
        [2, false, null],
      )
      assert.deepEqual((await kv.get(at(key), 1)).data, { x: '1' })
      assert.equal(await kv.get(at('none')), undefined)
      assert.equal((await kv.patch(at(key), { y: '3' })).version, 3)
      assert.equal((await kv.patch(at(key), { z: '4' }, 'rw')).version, 4)
      assert.equal((await kv.patch(at(key), { x: null }, 'patch')).version, 5)
      assert.deepEqual((await kv.get(at(key))).data, { y: '3', z: '4' })
      assert.equal((await refusalOf(kv.patch(at('none'), { y: '3' }))).status, 404)
    })

    test('delete, undelete, destroy and rollback (CLT-37)', async () => {
      await kv.delete(at(key))
      const deleted = await kv.get(at(key))
      assert.equal(deleted.data, null)
      assert.notEqual(deleted.metadata.deletion_time, '')
      await kv.change('undelete', at(key), [5])
      assert.deepEqual((await kv.get(at(key))).data, { y: '3', z: '4' })
      await kv.delete(at(key), [1, 2])
      assert.equal((await kv.get(at(key), 2)).data, null)
      await kv.change('undelete', at(key), [2])
      assert.equal((await kv.rollback(at(key), 2)).version, 6)
      assert.deepEqual((await kv.get(at(key))).data, { x: '2' })
      await kv.change('destroy', at(key), [1, 3])
      assert.equal((await kv.get(at(key), 3)).metadata.destroyed, true)
    })

    test('metadata put, patch, get and delete, and list (CLT-37)', async () => {
      await kv.putMetadata(at('blank'), {})
      assert.deepEqual((await kv.metadata(at('blank'))).versions, {})
      await kv.putMetadata(at(key), {
        max_versions: 9,
        delete_version_after: '3h25m19s',
        cas_required: true,
        custom_metadata: { owner: 'me', other: '1' },
      })
      await kv.patchMetadata(at(key), {}, { max_versions: 8 })
      await kv.patchMetadata(at(key), { other: null, more: '2' })
      const read = await kv.metadata(at(key))
      assert.deepEqual(
        [read.max_versions, read.cas_required, read.delete_version_after, read.custom_metadata],
        [8, true, '3h25m19s', { owner: 'me', more: '2' }],
      )
      assert.deepEqual(Object.keys(read.versions), ['1', '2', '3', '4', '5', '6'])
      const folder = key.replace('/app', '')
      const page = { after: '', limit: '-1' }
      for (const query of [undefined, page]) {
        assert.deepEqual(await kv.list(at(folder), query), ['app'])
        assert.equal(await kv.list(at('none'), query), undefined)
      }
      assert.ok((await kv.list(isFlag ? at('') : { path: mount })).includes(`${folder}/`))
      await kv.deleteMetadata(at(key))
      await kv.deleteMetadata(at('blank'))
      assert.equal(await kv.get(at(key)), undefined)
      assert.equal(await kv.list(at(folder)), undefined)
    })
  })
}

for (const mount of ['kv1', 'plain']) {
  test(`version 1 at ${mount}: put, get, list and delete; the rest is refused before a request (CLT-37)`, async () => {
    for (const where of [{ path: `${mount}/dir/app` }, { mount, path: 'dir/app' }]) {
      assert.equal(await kv.put(where, { x: '1' }), undefined)
      assert.deepEqual(await kv.get(where), { x: '1' })
      assert.deepEqual(await kv.list({ ...where, path: where.path.replace('/app', '') }), ['app'])
      for (const call of [kv.patch(where, {}), kv.rollback(where, 1), kv.metadata(where)]) {
        await assert.rejects(call, /not a mount of version 2/)
      }
      await kv.delete(where)
      assert.equal(await kv.get(where), undefined)
    }
  })
}

test('a token with rights on the data alone finds its mount, patches without the right to, and is told where it has none (CLT-37)', async () => {
  const policy = 'path "secret/data/limited" { capabilities = ["create", "read", "update"] }'
  await api.write('sys/policies/acl/limited', { policy })
  const body = { policies: ['limited'], display_name: '', num_uses: 0 }
  const { auth } = await api.post('auth/token/create', body)
  const limited = new StockKv(api.as(auth.client_token))
  const where = { mount: 'secret', path: 'limited' }
  assert.equal((await limited.put(where, { x: '1' })).version, 1)
  assert.equal((await refusalOf(limited.patch(where, { y: '2' }, 'patch'))).status, 403)
  assert.equal((await limited.patch(where, { y: '2' })).version, 2)
  assert.deepEqual((await limited.get({ path: 'secret/limited' })).data, { x: '1', y: '2' })
  assert.equal((await refusalOf(limited.get({ path: 'secret/other' }))).status, 403)
  const blind = await refusalOf(limited.get({ path: 'kv1/a' }))
  assert.equal(blind.status, 403)
  assert.match(blind.errors[0] ?? '', /^preflight capability check returned 403/)
})

test('with -namespace, and with the namespace in the path (CLT-37)', async () => {
  await api.write('sys/namespaces/ns', {})
  const inside = new GoApi(server.url, server.rootToken, { namespace: 'ns' })
  await inside.post('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  const within = new StockKv(inside)
  await within.put({ mount: 'secret', path: 'app' }, { x: '1' })
  assert.deepEqual((await within.get({ path: 'secret/app' })).data, { x: '1' })
  assert.deepEqual((await kv.get({ path: 'ns/secret/app' })).data, { x: '1' })
  assert.deepEqual((await kv.get({ mount: 'ns/secret', path: 'app' })).data, { x: '1' })
  await inside.write('sys/namespaces/deeper', {})
  const deeper = new GoApi(server.url, server.rootToken, { namespace: 'ns/deeper' })
  await deeper.post('sys/mounts/kv', { type: 'kv', options: { version: '2' } })
  for (const [who, begin] of [
    [within, 'deeper'],
    [kv, 'ns/deeper'],
  ] as const) {
    await who.put({ mount: `${begin}/kv`, path: 'app' }, { x: begin })
    assert.deepEqual((await who.get({ path: `${begin}/kv/app` })).data, { x: begin })
  }
  for (const one of [inside, deeper]) one.close()
})

test('nobody learns of a mount in a namespace below without a right to it, nor of one in a locked one (CLT-37)', async () => {
  await api.write('sys/namespaces/shut', {})
  const inside = new GoApi(server.url, server.rootToken, { namespace: 'shut' })
  await inside.post('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  const where = { path: 'shut/secret/app' }
  const asFrom = async (policy: string): Promise<StockKv> => {
    await api.write('sys/policies/acl/shut', { policy })
    const { auth } = await api.post('auth/token/create', { policies: ['shut'] })
    return new StockKv(api.as(auth.client_token))
  }
  const none = await asFrom('path "secret/*" { capabilities = ["read"] }')
  const there = await refusalOf(none.place(where))
  const nowhere = await refusalOf(none.place({ path: 'shut/nothing/app' }))
  const unknown = await refusalOf(none.place({ path: 'unknown/nothing/app' }))
  for (const one of [there, nowhere, unknown]) assert.equal(one.status, 403)
  assert.equal(there.errors[0]?.replace('secret', 'nothing'), nowhere.errors[0])
  const stranger = new StockKv(api.as('hvs.nobody'))
  assert.equal((await refusalOf(stranger.place(where))).status, 403)
  const some = await asFrom('path "shut/secret/data/app" { capabilities = ["create", "read"] }')
  assert.equal((await some.put(where, { x: '1' })).version, 1)
  const { data } = await api.write('sys/namespaces/api-lock/lock/shut', {})
  assert.equal((await refusalOf(kv.place(where))).status, 403)
  await api.write('sys/namespaces/api-lock/unlock/shut', { unlock_key: data.unlock_key })
  assert.equal((await kv.place(where)).mountPath, 'shut/secret/')
  inside.close()
})

test('a wrap TTL reaches the secret and not the question for the mount (CLT-37)', async () => {
  await kv.put({ path: 'secret/wrapped' }, { x: '1' })
  const { mountPath } = await kv.place({ path: 'secret/wrapped' })
  const { wrap_info } = await api.wrapping('60s').read(`${mountPath}data/wrapped`)
  assert.deepEqual((await api.unwrap(wrap_info.token)).data.data, { x: '1' })
})
