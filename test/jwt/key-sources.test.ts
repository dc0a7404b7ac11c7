/** Live key sources of a mount: what a write has checked is what logins use, read only once. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeySources } from '../../src/auth/jwt/key-sources.ts'
import type { BackendContext } from '../../src/framework/backend.ts'
import { keySourceRecord } from '../../src/oidc/key-source-config.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { PluginHarness } from '../harness/plugin-harness.ts'

const key = makeJwtMaker('k1')
const config = { ...keySourceRecord.defaults, jwt_validation_pubkeys: [key.pem] }

function createSources(): KeySources {
  const seen: BackendContext[] = []
  const harness = new PluginHarness({
    types: ['keys'],
    class: 'auth',
    create(context) {
      seen.push(context)
      return { paths: [] }
    },
  })
  const [context] = seen
  assert.ok(context !== undefined && harness.backend.paths.length === 0)
  return new KeySources(context)
}

test('a login after a write is given the source that the write has checked', async () => {
  const sources = createSources()
  const { keys, settings, problem } = await sources.check('default', 'r1', config)
  assert.equal(problem, undefined)
  const adopted = sources.adopt('default', 'r1', settings)
  assert.equal(sources.of('default', { ...keys, revision: 'r1' }), adopted)
  // Were it read once more, this text would be refused: it is no key.
  const unreadable = { ...keys, jwt_validation_pubkeys: ['no key'], revision: 'r1' }
  assert.equal(sources.of('default', unreadable), adopted)
  sources.close()
})

test('after a restart, or on another node, the stored record is read once', () => {
  const sources = createSources()
  const record = { ...config, revision: 'r2' }
  const first = sources.of('default', record)
  assert.equal(sources.of('default', { ...record }), first)
  assert.notEqual(sources.of('default', { ...record, revision: 'r3' }), first)
  sources.close()
})
