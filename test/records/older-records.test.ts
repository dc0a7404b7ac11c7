/**
 * Records that an earlier version has stored. The files under `test/fixtures/records/` were written
 * by that version; `answers.json` has what it answered to reads of them.
 */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { trustRecord, configRecord } from '../../src/auth/jwt/config.ts'
import { issuerRecord } from '../../src/auth/jwt/issuers.ts'
import { roleRecord } from '../../src/auth/jwt/role-record.ts'
import { keys } from '../../src/core/keys.ts'
import {
  aliasRecord,
  entityRecord,
  loginFacts,
  mountConfig,
  mountRecord,
  policyRecord,
  tokenRecord,
} from '../../src/core/records.ts'
import {
  encodeJson,
  isJsonArray,
  isJsonObject,
  parseJson,
  requestJsonLimits,
  type JsonObject,
  type JsonValue,
} from '../../src/lib/json.ts'
import { SeededRandom } from '../harness/seeded-random.ts'
import type { RecordDefinition, RecordFormat, RecordTable } from '../../src/schema/record.ts'
import { createMemoryStore } from '../harness/memory-store.ts'
import { plainRecordCodec, recordCodec } from '../../src/storage/record-codec.ts'
import { textKey } from '../../src/storage/store.ts'
import * as fc from '../harness/properties.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

const folder = join(import.meta.dirname, '../../../test/fixtures/records')

function fixture(format: RecordFormat, name: string): JsonObject {
  const text = readFileSync(join(folder, format, `${name}.json`), 'utf8')
  const parsed = parseJson(text, requestJsonLimits)
  assert.ok(parsed.ok && isJsonObject(parsed.value), name)
  return parsed.value
}

function at(object: JsonObject, ...names: readonly string[]): JsonObject {
  let found: JsonValue = object
  for (const name of names) found = (isJsonObject(found) ? found[name] : undefined) ?? null
  assert.ok(isJsonObject(found), names.join('.'))
  return found
}

interface Kind {
  readonly definition: RecordDefinition<RecordTable>
  /** What that version has stored of this kind. */
  readonly stored: readonly JsonObject[]
}

function kindsOf(format: RecordFormat): Readonly<Record<string, Kind>> {
  const read = (...names: readonly string[]) => names.map((name) => fixture(format, name))
  const mounts = read('mount', 'mount-oidc')
  const trusts = read('config', 'config-provider')
  const tokens = read('token', 'token-root')
  return {
    role: { definition: roleRecord, stored: read('role', 'role-plain', 'role-web') },
    trust: { definition: trustRecord, stored: trusts },
    config: { definition: configRecord, stored: trusts.map((one) => at(one, 'config')) },
    issuer: { definition: issuerRecord, stored: read('issuer') },
    mount: { definition: mountRecord, stored: mounts },
    mountConfig: { definition: mountConfig, stored: mounts.map((one) => at(one, 'config')) },
    policy: { definition: policyRecord, stored: read('policy') },
    token: { definition: tokenRecord, stored: tokens },
    loginFacts: { definition: loginFacts, stored: [at(fixture(format, 'token'), 'login')] },
    entity: { definition: entityRecord, stored: read('entity') },
    alias: { definition: aliasRecord, stored: read('alias') },
  }
}

const formats: readonly RecordFormat[] = ['0.1']

test('there are files of each format that the tests know', () => {
  assert.deepEqual(readdirSync(folder).toSorted(), formats)
})

for (const format of formats) {
  for (const [name, { definition, stored }] of Object.entries(kindsOf(format))) {
    test(`a ${name} of ${format} is read with every member, and those it had as they were`, () => {
      for (const record of stored) {
        const read = definition.upgrade(record)
        for (const [member, value] of Object.entries(record)) {
          // A record in a record is a kind of its own.
          if (!isJsonObject(value)) {
            assert.equal(JSON.stringify(read[member]), JSON.stringify(value), member)
          }
        }
        for (const [member, { default: initial }] of Object.entries(definition.table)) {
          if (initial !== undefined) assert.notEqual(read[member], undefined, member)
        }
      }
    })

    test(`a ${name} says of no field that it is older than its files of ${format}`, () => {
      // What is not there may not be declared as of that version: older records lack it.
      const known = new Set(stored.flatMap((record) => Object.keys(record)))
      const missing = Object.entries(definition.table)
        .filter(([, { since, default: initial }]) => since === format && initial !== undefined)
        .map(([member]) => member)
        .filter((member) => !known.has(member))
      // Written by that version only for a public client and for a provider with a slash.
      const seldom =
        name === 'issuer' ? ['oidc_client_auth_method', 'discovery_slash_tolerant'] : []
      assert.deepEqual(missing, seldom)
    })
  }
}

/** Puts the files into a running server, as if it had been that version until now. */
async function adopt(server: TestServer): Promise<void> {
  const named = fixture('0.1', 'mount')
  const provider = fixture('0.1', 'mount-oidc')
  const prefix = keys.mountConfigPrefix(String(named['uuid']))
  const providerPrefix = keys.mountConfigPrefix(String(provider['uuid']))
  const put = (key: string, name: string): readonly [string, string] => [
    key,
    encodeJson(fixture('0.1', name)),
  ]
  const records = [
    put(keys.mount(String(named['uuid'])).text, 'mount'),
    put(keys.mount(String(provider['uuid'])).text, 'mount-oidc'),
    put(keys.policy('p').text, 'policy'),
    put(`${prefix}config`, 'config'),
    put(`${prefix}issuers/other`, 'issuer'),
    put(`${prefix}role/r`, 'role'),
    put(`${prefix}role/plain`, 'role-plain'),
    put(`${providerPrefix}config`, 'config-provider'),
    put(`${providerPrefix}role/web`, 'role-web'),
    put(keys.entity(String(fixture('0.1', 'entity')['id'])).text, 'entity'),
  ]
  await server.server.core.store.write((txn) => {
    for (const [key, text] of records) txn.put(textKey(key), text)
  })
}

test('reads of what version 0.1 has stored answer as that version did', async () => {
  const server = await startTestServer()
  await adopt(server)
  for (const [path, data] of Object.entries(fixture('0.1', 'answers'))) {
    const answer = await server.root.call('GET', `auth/m/${path}`)
    assert.deepEqual(answer.body.data, JSON.parse(encodeJson(data)), path)
  }
  await server.stop()
})

test('an update of a role of version 0.1 keeps what it leaves out', async () => {
  const server = await startTestServer()
  await adopt(server)
  const before = (await server.root.call('GET', 'auth/m/role/r')).body.data
  await server.root.must('auth/m/role/r', {
    role_type: 'jwt',
    token_ttl: 4,
    callback_mode: 'direct',
  })
  const after = (await server.root.call('GET', 'auth/m/role/r')).body.data
  const { ttl: _, ...rest } = before
  assert.deepEqual(after, { ...rest, token_ttl: 4, oidc_disable_confirmation: false })
  await server.stop()
})

/** A value of the same type, other than the one that stands in the file. */
function alike(value: JsonValue): fc.Arbitrary<JsonValue> {
  if (typeof value === 'string') return fc.string({ unit: 'grapheme' })
  if (typeof value === 'number') return fc.integer()
  if (typeof value === 'boolean') return fc.boolean()
  if (isJsonArray(value)) return fc.array(fc.string(), { maxLength: 4 })
  if (isJsonObject(value)) return fc.dictionary(fc.string(), fc.string(), { maxKeys: 4 })
  return fc.constantFrom(null)
}

test('any record that version 0.1 could write comes back through the store as it was', async () => {
  const store = createMemoryStore(new SeededRandom('older'), 0)
  const kinds = Object.entries(kindsOf('0.1')).flatMap(([name, { definition, stored }]) =>
    stored.map((file) => ({ name, definition, file })),
  )
  const codecs = new Map(
    kinds.flatMap(({ definition }) => [
      [definition, [recordCodec(definition), plainRecordCodec(definition)]] as const,
    ]),
  )
  const written = fc.constantFrom(...kinds).chain(({ definition, file }) => {
    const { table } = definition
    // A record in a record is a kind of its own; a choice was checked by that version too.
    const members = Object.entries(file)
      .filter(([name]) => table[name]?.part === undefined)
      .map(([name, value]) => {
        const isChoice = table[name]?.choices !== undefined
        return [name, isChoice ? fc.constant(value) : alike(value)] as const
      })
    return fc.record({
      definition: fc.constant(definition),
      record: fc.record(Object.fromEntries(members)),
      gone: fc.subarray(Object.keys(file)),
    })
  })
  await fc.assert(
    fc.asyncProperty(written, async ({ definition, record, gone }) => {
      for (const name of gone) delete record[name]
      await store.write((txn) => txn.put(textKey('c/r'), encodeJson(record)))
      for (const codec of codecs.get(definition) ?? []) {
        const read = await store.view((view) => view.get({ text: 'c/r', codec }))
        const expected = { ...definition.defaults, ...record }
        assert.equal(encodeSorted(read), encodeSorted(expected))
      }
    }),
    { numRuns: 300 },
  )
})

function encodeSorted(record: object | undefined): string {
  return JSON.stringify(Object.entries(record ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
