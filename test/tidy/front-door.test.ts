/** The front-door rule over all tests, and that it catches its own bad cases. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { findWithoutDoor, type WithoutDoor } from './front-door.ts'
import { createSourceFile } from './source-text.ts'
import { readSources } from './sources.ts'

const withoutDoor: WithoutDoor = {
  'SEC-STO-08':
    'no request makes a disk fail its sync; an engine that fails stands below the commit',
  'SEC-SUP-01': 'the lock file is read where the server is built',
}

function found(files: Readonly<Record<string, string>>, exceptions: WithoutDoor = {}) {
  return findWithoutDoor(
    Object.entries(files).map(([path, text]) => createSourceFile(path, text)),
    exceptions,
  )
}

suite('front door', () => {
  const door = 'test/harness/test-server.ts'
  const title = `test('it is refused (SEC-TOK-01)', () => {})\n`
  const use = (path: string) => `import { a } from '${path}'\n`

  test('a test that reaches no server is seen, whatever it says and imports', () => {
    const texts = [
      title,
      use('../../src/jose/verify.ts') + title,
      // A type is no server, and neither is a comment about one.
      `import type { TestServer } from '../harness/test-server.ts'\n${title}`,
      `// import { a } from '../harness/test-server.ts'\n${title}`,
      // The id stands in a table that the test walks.
      `${use('./rows.ts')}for (const row of rows) test(row, () => {})`,
    ]
    for (const text of texts) {
      const files = {
        'test/a/x.test.ts': text,
        'test/a/rows.ts': `const rows = ['SEC-TOK-01']`,
        [door]: '',
      }
      assert.equal(found(files).length, 1, text)
    }
  })

  test('an id that only a comment of the front-door test names is seen', () => {
    const files = {
      'test/a/x.test.ts': title,
      'test/a/y.test.ts': `/** The server's side of SEC-TOK-01. */\n${use('../harness/test-server.ts')}`,
      [door]: '',
    }
    assert.equal(found(files).length, 1)
  })

  test('a test at a door, itself or through a fixture, is enough beside others', () => {
    const atDoor = {
      'test/a/y.test.ts': use('./fixture.ts') + title,
      'test/a/fixture.ts': use('../harness/test-server.ts'),
      [door]: '',
    }
    assert.deepEqual(found({ 'test/a/x.test.ts': title, ...atDoor }), [])
    assert.deepEqual(
      found({ 'test/a/y.test.ts': use('../cli/cli-run.ts') + title, 'test/cli/cli-run.ts': '' }),
      [],
    )
  })

  test('an exception holds for an id that is proven behind the door, and for no other', () => {
    const reason = { 'SEC-TOK-01': 'nobody can ask for it' }
    assert.deepEqual(found({ 'test/a/x.test.ts': title }, reason), [])
    assert.equal(found({}, reason).length, 1)
    assert.equal(
      found({ 'test/a/y.test.ts': use('../harness/test-server.ts') + title, [door]: '' }, reason)
        .length,
      1,
    )
  })

  test('each security id that a test names is proven through a socket or the command line', () => {
    const complaints = findWithoutDoor(readSources('test'), withoutDoor)
    assert.equal(complaints.length, 0, complaints.join('\n'))
  })
})
