/** A server that is killed while it removes a namespace: the removal goes on at its next start. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { ProgramFolder } from '../harness/program-folder.ts'

const program = new ProgramFolder()

after(() => program.stop())

test('a removal that a kill cuts short is finished by the next start (NSP-16)', async () => {
  const first = await program.start()
  const root = await program.init(first.client)
  await root.must('sys/namespaces/large')
  await root.must('sys/namespaces/beside')
  for (const place of ['large', 'beside']) {
    const inside = root.in(place)
    await inside.must('sys/mounts/kv', { type: 'kv' })
    const writers = Array.from({ length: 8 }, async (_, at) => {
      for (let count = 0; count < 150; count++) await inside.must(`kv/${at}-${count}`, { place })
    })
    await Promise.all(writers)
  }
  assert.equal((await root.remove('sys/namespaces/large')).status, 202)
  await program.end(first.process, 'SIGKILL')

  const second = await program.start()
  const again = second.client.as(root.token)
  assert.equal((await again.in('large').read('kv/0-0')).status, 404)
  for (let tries = 0; (await again.read('sys/namespaces/large')).status !== 404; tries++) {
    assert.ok(tries < 1000, 'it is never removed')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.equal((await again.in('beside').list('kv')).body.data.keys.length, 1200)
  await again.must('sys/namespaces/large')
  await again.in('large').must('sys/mounts/kv', { type: 'kv' })
  assert.equal((await again.in('large').list('kv')).status, 404)
  assert.equal((await again.read('sys/storage/check')).body.data.problem_count, 0)
  await program.end(second.process, 'SIGTERM')
})
