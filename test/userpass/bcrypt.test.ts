/** Users who bring a bcrypt hash along (platform.md §6.2). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import bcrypt from 'bcryptjs'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

let server: TestServer
const users = 'auth/userpass/users'

before(async () => {
  server = await startTestServer()
  await server.root.must('sys/auth/userpass', {
    type: 'userpass',
    config: { user_lockout_config: { lockout_disable: true } },
  })
})
after(() => server.stop())

const login = async (name: string, password: string) =>
  (await server.client().write(`auth/userpass/login/${name}`, { password })).status

/** Of the test program of crypt_blowfish. */
const vectors: readonly [hash: string, password: string][] = [
  ['$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U'],
  ['$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK', 'U*U*'],
  ['$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a', 'U*U*U'],
]

test('a known hash of each of the three marks takes its password, and no other', async () => {
  for (const [place, [hash, password]] of vectors.entries()) {
    const mark = ['$2a$', '$2b$', '$2y$'][place] ?? ''
    const marked = hash.replace('$2a$', mark)
    await server.root.must(`${users}/vector`, { password_hash: marked })
    for (const wrong of [`${password}!`, 'u*u', '\0']) {
      assert.equal(await login('vector', wrong), 400, `${marked} ${wrong}`)
    }
    assert.equal(await login('vector', password), 200, marked)
    // By the hash that has taken its place.
    assert.equal(await login('vector', password), 200, marked)
    assert.equal(await login('vector', `${password}!`), 400, marked)
  }
})

test('what bcrypt does not look at makes no password right', async () => {
  const whole = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
  const hash = '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui'
  await server.root.must(`${users}/long`, { password_hash: hash })
  assert.equal(await login('long', `${whole}chars after 72 are ignored`), 400)
  assert.equal(await login('long', whole), 200)
  const empty = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy'
  await server.root.must(`${users}/long/password`, { password_hash: empty })
  for (const password of ['', '\0', `\0${whole}`, whole.repeat(2)]) {
    assert.equal(await login('long', password), 400)
  }
})

test('the first login puts a hash of ours in the place of it, and a new password ends it', async () => {
  const composed = 'caf\u00e9'
  const decomposed = 'cafe\u0301'
  const password_hash = await bcrypt.hash(composed, 4)
  await server.root.must(`${users}/first`, { password_hash })
  assert.equal(await login('first', decomposed), 400)
  assert.equal(await login('first', composed), 200)
  assert.equal(await login('first', decomposed), 200)
  await server.root.must(`${users}/first/password`, { password_hash: await bcrypt.hash('new', 4) })
  assert.equal(await login('first', composed), 400)
  const both = await Promise.all([login('first', 'new'), login('first', 'new')])
  assert.deepEqual(both, [200, 200])
})

test('the server answers others while a costly hash is compared', async () => {
  await server.root.must(`${users}/slow`, { password_hash: `$2b$13$${'a'.repeat(53)}` })
  let isOver = false
  const slow = login('slow', 'wrong').then((status) => {
    isOver = true
    return status
  })
  let answers = 0
  let longest = 0
  while (!isOver) {
    const start = performance.now()
    await server.client().read('sys/health')
    longest = Math.max(longest, performance.now() - start)
    answers++
  }
  assert.equal(await slow, 400)
  assert.ok(answers > 20 && longest < 400, `${answers} answers, one took ${longest} ms`)
})
