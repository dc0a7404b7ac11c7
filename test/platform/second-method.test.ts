/**
 * A second auth method is one folder and one line: this one stands here whole, and takes what it
 * shares with others from the framework. It imports what a plugin may import, and nothing of `jwt`.
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BackendType } from '../../src/framework/backend.ts'
import { reply } from '../../src/framework/reply.ts'
import { listPath, NamedRecords } from '../../src/framework/named-records.ts'
import { definePath } from '../../src/framework/path.ts'
import { invalid } from '../../src/framework/refusal.ts'
import { grantedBy, loginRefusal, renewedBy } from '../../src/framework/role-login.ts'
import {
  mergeSettings,
  olderTokenFields,
  shownOlderNames,
  tokenTable,
} from '../../src/framework/token-settings.ts'
import { equalSecrets } from '../../src/lib/constant-time.ts'
import { field } from '../../src/schema/field.ts'
import { defineRecord, own, stored } from '../../src/schema/record.ts'
import { recordCodec } from '../../src/storage/record-codec.ts'
import { isSourceAllowed, parseSourceRule } from '../../src/trust/source-address.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

const nameField = field.name({ help: 'Name of the role.', charsMax: 64 })
const phraseField = field.string({ help: 'What opens it.', secret: true, charsMax: 256 })

const roleRecord = defineRecord({
  name: own<string>(''),
  version: own<number>(1),
  phrase: stored(phraseField, { shown: 'never' }),
  ...tokenTable,
})

const passphraseMethod: BackendType = {
  types: ['passphrase'],
  class: 'auth',
  create({ store, mount }) {
    const roles = new NamedRecords(store, 'role/', recordCodec(roleRecord))
    const rolePath = definePath({
      pattern: 'role/:name',
      access: 'token',
      summary: 'One role.',
      fields: { name: nameField, ...roleRecord.fields, ...olderTokenFields },
      operations: {
        read: {
          summary: 'Read a role.',
          handler: async ({ input }) => {
            const role = await roles.load(input.name ?? '')
            if (role === undefined) return reply.none()
            return reply.data({ ...roleRecord.shown(role), ...shownOlderNames(role) })
          },
        },
        write: {
          summary: 'Write a role.',
          handler: async ({ input }) => {
            const { name = '' } = input
            const key = roles.key(name)
            await store.write(async (txn) => {
              const current = (await txn.get(key)) ?? { ...roleRecord.defaults, name }
              const draft = mergeSettings(current, input, (one) => roleRecord.merge(current, one))
              const role = roleRecord.check(draft)
              if (!role.ok) throw invalid(`invalid '${role.error.field}'`)
              txn.put(key, role.value)
            })
            return reply.none()
          },
        },
      },
    })
    const loginPath = definePath({
      pattern: 'login/:name',
      access: 'open',
      summary: 'Trades a phrase for a token.',
      fields: { name: nameField, phrase: phraseField },
      operations: {
        write: {
          summary: 'Log in.',
          handler: async ({ input, clientAddress }) => {
            const role = await roles.load(input.name ?? '')
            if (role === undefined || !equalSecrets(role.phrase, input.phrase ?? '')) {
              throw invalid('invalid name or phrase')
            }
            const { token_bound_cidrs: cidrs, token_strictly_bind_ip: isStrict } = role
            if (!isSourceAllowed(parseSourceRule(cidrs, isStrict), clientAddress)) {
              const reason = 'source_address_refused'
              throw loginRefusal({ reason, text: '', sentence: undefined }, mount(), {})
            }
            return {
              kind: 'login',
              login: {
                ...grantedBy(role),
                alias: { name: role.name, metadata: {} },
                groups: [],
                metadata: { role: role.name },
                displayName: role.name,
                policies: role.token_policies,
                boundCidrs: cidrs,
                facts: {},
              },
            }
          },
        },
      },
    })
    return {
      paths: [
        listPath({ pattern: 'role', summary: 'All roles.', list: 'List roles.' }, (page) =>
          roles.names(page),
        ),
        rolePath,
        loginPath,
      ],
      renew: async ({ role }) => {
        const current = await roles.load(role.name)
        if (current === undefined) throw invalid('the role is gone')
        return renewedBy(current)
      },
    }
  },
}

let server: TestServer

before(async () => {
  server = await startTestServer({ plugins: [passphraseMethod] })
  await server.root.must('sys/auth/words', { type: 'passphrase' })
})
after(() => server.stop())

test('its roles are written, read and listed with the token settings of all methods', async () => {
  const { root } = server
  await root.must('auth/words/role/a', { phrase: 'open', ttl: '1m', policies: 'Team, ops' })
  const { data } = (await root.read('auth/words/role/a')).body
  assert.equal(data.phrase, undefined)
  assert.deepEqual([data.token_ttl, data.ttl, data.token_policies], [60, 60, ['ops', 'team']])
  const strange = await root.write('auth/words/role/b', { phrase: 'x', token_type: 'strange' })
  assert.equal(strange.status, 400)
  assert.match(strange.text, /invalid 'token_type' value/)
  assert.deepEqual((await root.list('auth/words/role')).body.data.keys, ['a'])
})

test('its logins become tokens with the terms of their role, and renew by the role of now', async () => {
  const { root } = server
  await root.must('auth/words/role/c', { phrase: 'open', token_ttl: '1m', token_policies: 'ops' })
  const made = await server.client().write('auth/words/login/c', { phrase: 'open' })
  assert.equal(made.status, 200, made.text)
  assert.deepEqual(made.body.auth.policies, ['default', 'ops'])
  assert.equal(made.body.auth.lease_duration, 60)
  await root.must('auth/words/role/c', { token_ttl: '3m' })
  const renewed = await server.client(made.body.auth.client_token).write('auth/token/renew-self')
  assert.equal(renewed.body.auth.lease_duration, 180)
  assert.equal((await server.client().write('auth/words/login/c', { phrase: 'shut' })).status, 400)
})

test('an address that the role does not take is refused as by any method', async () => {
  const bound = { phrase: 'open', token_bound_cidrs: '192.0.2.0/24' }
  await server.root.must('auth/words/role/d', bound)
  const refused = await server.client().write('auth/words/login/d', { phrase: 'open' })
  assert.equal(refused.status, 403)
  assert.equal(refused.headers['x-login-reason'], 'source_address_refused')
})

test('its paths are documented with the others', async () => {
  const { body } = await server.root.read('sys/internal/specs/openapi')
  assert.ok(body.paths['/auth/words/login/{name}'] !== undefined)
})
