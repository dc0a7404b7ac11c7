/** Logins that come with requests over several processes: what one of them has spent, none has. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { ApiClient } from '../harness/api-client.ts'
import { inlineLogin } from '../harness/inline-auth.ts'
import { initStatic, pairOf, staticSeal, WorkerFolder } from './worker-folder.ts'

const folder = new WorkerFolder()
after(() => folder.remove())

test('a secret id is spent once, and wrong passwords are counted, whichever worker hears them', async (t) => {
  const server = folder.start(t, 'inline', { more: staticSeal })
  const [a] = await pairOf(server)
  const root = new ApiClient(await server.url(), await initStatic(a))
  await root.must('sys/auth/approle', { type: 'approle' })
  await root.must('auth/approle/role/once', { secret_id_num_uses: 1 })
  const { role_id } = (await root.read('auth/approle/role/once/role-id')).body.data
  const { secret_id } = (await root.must('auth/approle/role/once/secret-id')).body.data
  const self = async (headers: Readonly<Record<string, string>>): Promise<number> => {
    const answer = root.as(undefined).call('GET', 'auth/token/lookup-self', undefined, { headers })
    return (await answer).status
  }
  const once = inlineLogin('auth/approle/login', { role_id, secret_id })
  const all = await Promise.all(Array.from({ length: 12 }, () => self(once)))
  assert.equal(all.filter((status) => status === 200).length, 1)

  const password = 'a password of all workers'
  await root.must('sys/auth/userpass', { type: 'userpass' })
  await root.must('auth/userpass/users/ann', { password })
  const asAnn = (given: string) => inlineLogin('auth/userpass/login/ann', { password: given })
  assert.equal(await self(asAnn(password)), 200)
  for (let i = 0; i < 5; i++) assert.equal(await self(asAnn('wrong')), 400)
  assert.deepEqual(
    await Promise.all(Array.from({ length: 4 }, () => self(asAnn(password)))),
    [403, 403, 403, 403],
  )
})
