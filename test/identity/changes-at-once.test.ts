/**
 * Merges, moves, deletions and logins at the same time: each is whole or did not happen, and what
 * the store says twice it says alike.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../harness/seeded-random.ts'
import { checkStore } from '../reliability/store-check.ts'
import { startIdentity } from './fixture.ts'

test('identities that everybody changes at once stay whole', async () => {
  const identity = await startIdentity()
  const [jwt, other] = [await identity.mount('jwt'), await identity.mount('k')]
  const external = ['a', 'b'].map((name) => ({ name, mount: jwt }))
  for (const { name, mount } of external) await identity.external(mount, name, [`p${name}`])
  const group = await identity.group({ policies: ['pi'] })
  const random = new SeededRandom('changes')
  const pick = <T>(from: readonly T[]): T | undefined =>
    from[random.bytes(1).readUInt8() % from.length]
  const subjects = ['s0', 's1', 's2', 's3', 's4', 's5']
  const entities = new Set<string>()

  const steps: readonly (() => Promise<number>)[] = [
    async () => {
      const groups = external.map(({ name }) => name).slice(0, random.bytes(1).readUInt8() % 3)
      const { status, body } = await (pick([jwt, other]) ?? jwt).login(pick(subjects) ?? '', groups)
      if (status === 200) entities.add(body.auth.entity_id)
      return status
    },
    async () => {
      const [to, from] = [pick([...entities]), pick([...entities])]
      const body = { to_entity_id: to ?? '', from_entity_ids: from ?? '' }
      return (await identity.root.write('identity/entity/merge', body)).status
    },
    async () => {
      const body = {
        name: pick(subjects),
        mount_accessor: jwt.accessor,
        canonical_id: pick([...entities]),
      }
      return (await identity.root.write('identity/entity-alias', body)).status
    },
    async () => {
      const members = [...entities].filter(() => random.bytes(1).readUInt8() % 2 === 0)
      const body = { member_entity_ids: members }
      return (await identity.root.write(`identity/group/id/${group}`, body)).status
    },
    async () => {
      const body = { entity_ids: pick([...entities]) ?? 'nobody' }
      return (await identity.root.write('identity/entity/batch-delete', body)).status
    },
  ]
  for (let round = 0; round < 12; round++) {
    const rounds = Array.from({ length: 4 }, () => steps).flat()
    for (const status of await Promise.all(rounds.map((step) => step()))) {
      assert.ok([200, 204, 400].includes(status), String(status))
    }
  }
  const { problems } = await checkStore(identity.server.server.core.store)
  // A token outlives its entity, and does nothing then.
  assert.deepEqual(
    problems.filter((problem) => problem !== 'a token without its entity'),
    [],
  )
  await identity.stop()
})
