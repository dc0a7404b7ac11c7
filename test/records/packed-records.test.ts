/**
 * Records without the names of their members. What was packed once has to be read for ever, so the
 * places of every table that is packed are held fast here, with a record as it lies in the store.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keys } from '../../src/core/keys.ts'
import { loginFacts, tokenRecord, type TokenRecord } from '../../src/core/records.ts'
import { PackedRecord } from '../../src/schema/packed-record.ts'
import { defineRecord, optional, own, optionalPart } from '../../src/schema/record.ts'
import * as fc from '../harness/properties.ts'
import { startTestServer } from '../harness/test-server.ts'

/** A new member goes to the end of these lists; nothing else in them ever changes. */
const places = {
  token: [
    ...['h', 'custom', 'policies', 'path', 'mount', 'meta', 'name', 'uses', 'created', 'ttl'],
    ...['lastTtl', 'expires', 'explicitMax', 'period', 'renewable', 'leaseless', 'renewed'],
    ...['entity', 'parent', 'orphan', 'cidrs', 'role', 'login', 'external', 'parentNamespace'],
  ],
  login: ['role', 'kind', 'version', 'alias', 'groups', 'facts'],
}

const { codec } = keys.token('')

const token: TokenRecord = {
  h: 'hash',
  policies: ['default', 'reader'],
  path: 'auth/jwt/login',
  mount: 'a mount',
  meta: { role: 'r' },
  name: 'jwt-u',
  uses: 0,
  created: 1764322222.125,
  ttl: 3600,
  expires: 1764325822.125,
  explicitMax: 0,
  period: 0,
  renewable: true,
  entity: 'an entity',
  orphan: true,
  login: { role: 'r', kind: 'native', version: 2, alias: 'u', groups: [], facts: { sub: 'u' } },
}

function loginOf({ login }: TokenRecord): NonNullable<TokenRecord['login']> {
  assert.ok(login)
  return login
}

const stored =
  '[4868989,"hash",["default","reader"],"auth/jwt/login","a mount",{"role":"r"},"jwt-u",' +
  '1764322222.125,3600,1764325822.125,true,"an entity",true,[47,"r","native",2,"u",{"sub":"u"}]]'

test('the members of a packed table keep their places', () => {
  assert.deepEqual(Object.keys(tokenRecord.table).slice(0, places.token.length), places.token)
  assert.deepEqual(Object.keys(loginFacts.table).slice(0, places.login.length), places.login)
})

test('a token is stored without names and defaults, and is read as it was', () => {
  assert.equal(codec.encode(token), stored)
  assert.deepEqual(codec.decode(stored), token)
})

test('a long name that stands in a token several times is stored once', () => {
  const alias = 'repo:acme/app:ref:refs/heads/main'
  const login = { ...loginOf(token), alias, facts: { sub: alias } }
  const named: TokenRecord = { ...token, name: `jwt-${alias}`, login }
  const text = codec.encode(named)
  assert.equal(text.split(alias).length, 2, text)
  assert.deepEqual(codec.decode(text), named)
})

test('a token with any name comes back as it was, whatever else has that name in it', () => {
  const part = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom('\u007f', '"', '\\', '\n', '$&', '$1', 'default', 'aaaaaaaa', '[1]', '\ud800'),
  )
  const text = fc.array(part, { maxLength: 4 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, text, (alias, other) => {
      const login = { ...loginOf(token), alias, facts: { sub: alias, [other]: alias } }
      const one: TokenRecord = {
        ...token,
        name: other + alias + alias,
        meta: { [alias]: other },
        login,
      }
      assert.deepEqual(codec.decode(codec.encode(one)), one)
    }),
  )
})

test('a token that version 0.1 has stored in full is read as before', () => {
  assert.deepEqual(codec.decode(JSON.stringify(token)), token)
})

test('a batch token that version 0.1 has made is taken as before', async () => {
  const server = await startTestServer()
  const made = await server.root.must('auth/token/create', { type: 'batch', policies: ['p'] })
  const text = String(made.body.auth.client_token)
  const { store } = server.server.core
  const now = store.openText('batch token', Buffer.from(text.slice('hvb.'.length), 'base64url'))
  assert.ok(now !== undefined)
  const { h: _, ...record } = codec.decode(now)
  const before = JSON.stringify({ v: 1, record })
  const older = `hvb.${store.sealText('batch token', before).toString('base64url')}`
  assert.ok(text.length < older.length, `${text.length} and ${older.length} characters`)
  const shown = async (token: string): Promise<object> => {
    const answer = await server.client(token).call('GET', 'auth/token/lookup-self')
    assert.equal(answer.status, 200)
    return { ...answer.body.data, id: '', ttl: 0 }
  }
  assert.deepEqual(await shown(older), await shown(text))
  await server.stop()
})

test('a member that was added to a table has its default in what was packed before', () => {
  const before = new PackedRecord(defineRecord({ name: own<string>(''), count: own<number>(0) }))
  const now = new PackedRecord(
    defineRecord({
      name: own<string>(''),
      count: own<number>(0),
      limit: own<number>(300),
      note: optional<string>(),
    }),
  )
  const text = JSON.stringify(before.pack({ name: 'a', count: 2 }))
  assert.deepEqual(now.unpack(JSON.parse(text)), { name: 'a', count: 2, limit: 300 })
})

test('what is no packed record is not taken for one', () => {
  for (const text of ['[]', '["h"]', '{}', '"h"', '[null]']) {
    assert.throws(() => new PackedRecord(tokenRecord).unpack(JSON.parse(text)), TypeError, text)
  }
})

const inner = defineRecord({ text: own<string>(''), list: own<readonly string[]>([]) })
const outer = defineRecord({
  text: own<string>('x'),
  count: own<number>(7),
  is: own<boolean>(false),
  none: own<string | null>(null),
  list: own<readonly string[]>([]),
  map: own<Readonly<Record<string, string>>>({}),
  maybe: optional<string>(),
  deep: optionalPart(inner),
})

test('any record comes back as it was packed', () => {
  const text = fc.string({ unit: 'grapheme' })
  const list = fc.array(text, { maxLength: 3 })
  const record = fc.record(
    {
      text: fc.oneof(text, fc.constant('x')),
      count: fc.oneof(fc.integer(), fc.constantFrom(0, 7)),
      is: fc.boolean(),
      none: fc.oneof(text, fc.constant(null)),
      list,
      map: fc.dictionary(text, text, { maxKeys: 3 }),
      maybe: text,
      deep: fc.record({ text, list }),
    },
    { requiredKeys: ['text', 'count', 'is', 'none', 'list', 'map'] },
  )
  const packed = new PackedRecord(outer)
  fc.assert(
    fc.property(record, (one) => {
      const text = JSON.stringify(packed.pack(one))
      assert.equal(JSON.stringify(packed.unpack(JSON.parse(text))), inOrder(one))
    }),
  )
})

/** Members in the order of the table, whichever order the record had. */
function inOrder(record: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(outer.table).filter((name) => name in record)
  return JSON.stringify(Object.fromEntries(names.map((name) => [name, record[name]])))
}
