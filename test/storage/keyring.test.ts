/** The barrier's keys: terms, nonces, limits, and what does not open. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from '../harness/properties.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import {
  Keyring,
  openUnder,
  sealUnder,
  sealsPerTermMax,
  sealsUnsavedMax,
} from '../../src/storage/keyring.ts'
import { createMemoryStore } from '../harness/memory-store.ts'
import { RecordDamaged, StoreSealed } from '../../src/storage/store.ts'

const random = new SystemRandom()

test('any bytes under any key text come back, and text as well', () => {
  const keyring = Keyring.create(random, 0)
  fc.assert(
    fc.property(fc.string(), fc.uint8Array({ maxLength: 300 }), fc.string(), (key, bytes, text) => {
      assert.deepEqual(keyring.open(key, keyring.seal(key, Buffer.from(bytes))), Buffer.from(bytes))
      assert.equal(
        keyring.open(key, keyring.seal(key, text)).toString(),
        Buffer.from(text).toString(),
      )
    }),
  )
})

test('SEC-STO-03: bytes sealed for one key text open for no other, nor under another term', () => {
  const old = Keyring.create(random, 0)
  const sealed = old.seal('a', 'text')
  assert.throws(() => old.open('b', sealed), RecordDamaged)
  const keyring = old.withNewTerm(5)
  assert.equal(keyring.activeTerm, 2)
  assert.equal(keyring.installedAtMs, 5)
  assert.equal(keyring.open('a', sealed).toString(), 'text')
  const moved = Buffer.from(sealed)
  moved.writeUInt32BE(2, 1)
  assert.throws(() => keyring.open('a', moved), RecordDamaged)
  assert.throws(() => old.open('a', keyring.seal('a', 'text')), RecordDamaged)
  assert.throws(() => Keyring.create(random, 0).open('a', sealed), RecordDamaged)
})

test('SEC-STO-04: no nonce comes twice', () => {
  // Two million seals take too long for every run; a repetition in the pool logic would show in far fewer.
  const keyring = Keyring.create(random, 0)
  const nonces = new Set<string>()
  const count = 100_000
  for (let i = 0; i < count; i++) nonces.add(keyring.seal('k', '').toString('latin1', 5, 17))
  assert.equal(nonces.size, count)
})

test('SEC-STO-04: a term that has sealed its limit seals nothing more', () => {
  const keyring = Keyring.create(random, 0)
  keyring.setSavedSeals(sealsPerTermMax - 1)
  const last = keyring.seal('k', 'last')
  assert.throws(() => keyring.seal('k', 'one more'))
  assert.equal(keyring.open('k', last).toString(), 'last')
})

test('SEC-STO-04: the counts ask to be saved while there is plenty of room', () => {
  const keyring = Keyring.create(random, 0)
  let asked = 0
  keyring.onSealsDue(() => asked++)
  for (let i = 0; i < sealsUnsavedMax; i++) keyring.seal('k', '')
  assert.equal(asked, 1)
  assert.equal(keyring.takeUnsavedSeals(), sealsUnsavedMax)
  assert.equal(keyring.takeUnsavedSeals(), 0)
  assert.equal(keyring.encryptions, sealsUnsavedMax)
})

test('a keyring that was written and read again opens, derives and seals the same', () => {
  const keyring = Keyring.create(random, 7).withNewTerm(8)
  const again = Keyring.parse(random, keyring.serialise())
  assert.equal(again.activeTerm, 2)
  assert.equal(again.installedAtMs, 8)
  assert.equal(again.open('k', keyring.seal('k', 'x')).toString(), 'x')
  assert.equal(keyring.open('k', again.seal('k', 'x')).toString(), 'x')
  assert.deepEqual(again.subkey('tokens'), keyring.subkey('tokens'))
})

test('subkeys differ by purpose and keyring, and no rotation changes them', () => {
  const keyring = Keyring.create(random, 0)
  assert.equal(keyring.subkey('a').length, 32)
  assert.notDeepEqual(keyring.subkey('a'), keyring.subkey('b'))
  assert.notDeepEqual(keyring.subkey('a'), Keyring.create(random, 0).subkey('a'))
  assert.deepEqual(keyring.withNewTerm(1).subkey('a'), keyring.subkey('a'))
})

test('a destroyed keyring does nothing, and those made from it go on', () => {
  const keyring = Keyring.create(random, 0)
  const next = keyring.withNewTerm(1)
  const subkey = next.subkey('a')
  const sealed = keyring.seal('k', 'x')
  keyring.destroy()
  assert.throws(() => keyring.seal('k', 'x'), StoreSealed)
  assert.throws(() => keyring.open('k', sealed), StoreSealed)
  assert.equal(next.open('k', sealed).toString(), 'x')
  assert.deepEqual(next.subkey('a'), subkey)
  assert.equal(Keyring.parse(random, next.serialise()).open('k', sealed).toString(), 'x')
})

test('what one bare key sealed opens with it and its name alone', () => {
  const key = random.bytes(32)
  const sealed = sealUnder(key, random, 'name', Buffer.from('x'))
  assert.equal(openUnder(key, 'name', sealed).toString(), 'x')
  assert.throws(() => openUnder(key, 'other', sealed), RecordDamaged)
  assert.throws(() => openUnder(random.bytes(32), 'name', sealed), RecordDamaged)
  assert.throws(
    () => openUnder(key, 'name', Keyring.create(random, 0).seal('name', 'x')),
    RecordDamaged,
  )
})

test('a text leaves the store sealed for its purpose and comes back for no other', () => {
  const store = createMemoryStore(random, 0)
  const sealed = store.sealText('batch token', 'text')
  assert.equal(store.openText('batch token', sealed), 'text')
  assert.equal(store.openText('state', sealed), undefined)
  assert.equal(store.openText('batch token', Buffer.from('nonsense')), undefined)
  assert.equal(createMemoryStore(random, 0).openText('batch token', sealed), undefined)
  store.seal()
  assert.throws(() => store.openText('batch token', sealed), StoreSealed)
})
