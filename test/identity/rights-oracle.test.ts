/**
 * What policies a token has, against a plain model that follows every link by hand
 * (platform.md §5.7), over identities at random: groups in groups, external ones of two mounts,
 * tokens that keep their own groups and tokens that share those of their entity.
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as fc from '../harness/properties.ts'
import { startIdentity, type GroupMount, type IdentityServer, type LoggedIn } from './fixture.ts'

const groupCount = 6
const names = ['alpha', 'beta', 'gamma']

let identity: IdentityServer
let mounts: readonly GroupMount[]

before(async () => {
  identity = await startIdentity()
  mounts = [await identity.mount('j'), await identity.mount('k')]
  for (const mount of mounts) await mount.role('job', { identity_mode: 'token' })
})

after(() => identity.stop())

interface ModelGroup {
  readonly id: string
  /** Name and mount, of an external one. */
  readonly alias: readonly [name: string, mount: number] | undefined
  readonly policy: string
  members: readonly string[]
}

interface ModelToken {
  readonly login: LoggedIn
  readonly mount: number
  /** Kept with the token, in place of the entity's. */
  readonly own: readonly string[] | undefined
}

/** The world as a reader of the contract would keep it. */
class Model {
  readonly groups: ModelGroup[] = []
  entityPolicies: readonly string[] = []
  internal = new Set<string>()
  external = new Set<string>()
  readonly tokens: ModelToken[] = []

  reaches(from: string, to: string): boolean {
    if (from === to) return true
    const members = this.groups.find(({ id }) => id === from)?.members ?? []
    return members.some((member) => this.reaches(member, to))
  }

  known(mount: number, groups: readonly string[]): readonly string[] {
    return this.groups
      .filter(({ alias }) => alias?.[1] === mount && groups.includes(alias[0]))
      .map(({ id }) => id)
  }

  policiesOf({ own, mount }: ModelToken): readonly string[] {
    const external = own === undefined ? [...this.external] : this.known(mount, own)
    const direct = [...this.internal, ...external]
    const found = this.groups
      .filter(({ id }) => direct.some((group) => this.reaches(id, group)))
      .map(({ policy }) => policy)
    return [...new Set([...this.entityPolicies, ...found])].toSorted()
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('nest' as const), a: fc.nat(), b: fc.nat() }),
  fc.record({ kind: fc.constant('unnest' as const), a: fc.nat() }),
  fc.record({ kind: fc.constant('join' as const), a: fc.nat(), is: fc.boolean() }),
  fc.record({ kind: fc.constant('policies' as const), is: fc.boolean() }),
  fc.record({
    kind: fc.constant('login' as const),
    mount: fc.integer({ min: 0, max: 1 }),
    mode: fc.constantFrom('token' as const, 'entity' as const),
    groups: fc.subarray(names),
  }),
)

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

let worlds = 0

async function newWorld(): Promise<{ readonly model: Model; readonly subject: string }> {
  const model = new Model()
  const subject = `person-${worlds++}`
  for (let at = 0; at < groupCount; at++) {
    const policy = `p${worlds}-${at}`
    const isExternal = at < names.length
    const mount = at % 2
    const body = { policies: [policy], type: isExternal ? 'external' : 'internal' }
    const id = await identity.group(body)
    const name = names[at]
    if (isExternal && name !== undefined) {
      await identity.made('group-alias', {
        name: `${name}-${worlds}`,
        mount_accessor: mounts[mount]?.accessor,
        canonical_id: id,
      })
    }
    const alias = isExternal ? ([`${names[at]}-${worlds}`, mount] as const) : undefined
    model.groups.push({ id, alias, policy, members: [] })
  }
  const entity = await identity.entity()
  for (const mount of mounts) {
    const alias = { name: subject, mount_accessor: mount.accessor, canonical_id: entity }
    await identity.made('entity-alias', alias)
  }
  return { model, subject }
}

async function apply(model: Model, subject: string, one: Step): Promise<void> {
  switch (one.kind) {
    case 'nest':
    case 'unnest': {
      // Only internal groups have members.
      const group = model.groups[names.length + (one.a % (groupCount - names.length))]
      if (group === undefined) return
      const member = one.kind === 'nest' ? model.groups[one.b % groupCount] : undefined
      const members = member === undefined ? [] : [...new Set([...group.members, member.id])]
      const isCircle = member !== undefined && model.reaches(member.id, group.id)
      const answer = await identity.root.write(`identity/group/id/${group.id}`, {
        member_group_ids: members,
      })
      assert.equal(answer.status, isCircle ? 400 : 204, answer.text)
      if (!isCircle) group.members = members
      return
    }
    case 'join': {
      const group = model.groups[names.length + (one.a % (groupCount - names.length))]
      const entity = model.tokens[0]?.login.entity
      if (group === undefined || entity === undefined) return
      const body = { member_entity_ids: one.is ? [entity] : [] }
      await identity.root.must(`identity/group/id/${group.id}`, body)
      if (one.is) model.internal.add(group.id)
      else model.internal.delete(group.id)
      return
    }
    case 'policies': {
      const entity = model.tokens[0]?.login.entity
      if (entity === undefined) return
      model.entityPolicies = one.is ? ['own'] : []
      await identity.root.must(`identity/entity/id/${entity}`, { policies: model.entityPolicies })
      return
    }
    case 'login': {
      const groups = one.groups.map((name) => `${name}-${worlds}`)
      const role = one.mode === 'token' ? 'job' : 'r'
      const login = await mounts[one.mount]?.mustLogin(subject, groups, role)
      if (login === undefined) return
      const own = one.mode === 'token' ? groups : undefined
      if (own === undefined) {
        const others = [...model.external].filter(
          (id) => model.groups.find((group) => group.id === id)?.alias?.[1] !== one.mount,
        )
        model.external = new Set([...others, ...model.known(one.mount, groups)])
      }
      model.tokens.push({ login, mount: one.mount, own })
      assert.deepEqual(
        login.auth.identity_policies,
        model.policiesOf({ login, mount: one.mount, own }),
      )
      return
    }
  }
}

test('the policies of every token are those of a plain model, after any changes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const { model, subject } = await newWorld()
      for (const one of steps) await apply(model, subject, one)
      for (const token of model.tokens) {
        assert.deepEqual(await identity.added(token.login.client), model.policiesOf(token))
      }
    }),
    { numRuns: 25 },
  )
})
