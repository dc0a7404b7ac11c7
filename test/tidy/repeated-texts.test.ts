/** Duplicates of a text: no sentence of the sources is written twice. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { findRepeatedTexts } from './repeated-texts.ts'
import { createSourceFile } from './source-text.ts'
import { readSources } from './sources.ts'

const sentence = 'the server has refused this login and says here what can be done about it'

function found(texts: Readonly<Record<string, string>>): readonly string[] {
  return findRepeatedTexts(
    Object.entries(texts).map(([path, text]) => createSourceFile(path, text)),
  )
}

suite('duplicates of a text', () => {
  test('the rule sees one sentence in two files, in two quotes, and twice in one file', () => {
    assert.deepEqual(
      found({ 'src/a.ts': `const a = '${sentence}'`, 'src/b.ts': `\nconst b = "${sentence}"` }),
      [`src/a.ts:1, src/b.ts:2: write it once and name it: ${sentence}`],
    )
    assert.equal(
      found({ 'src/a.ts': `const a = \`${sentence}\`\nconst b = '${sentence}'` }).length,
      1,
    )
  })

  test('and neither a short text, nor a long name, nor what a comment repeats', () => {
    const long = 'https://example.com/a/path/that/is/long/enough/to/count/as/one'
    for (const text of ['Create or update a role.', long]) {
      assert.deepEqual(found({ 'src/a.ts': `f('${text}')`, 'src/b.ts': `f('${text}')` }), [])
    }
    assert.deepEqual(found({ 'src/a.ts': `// '${sentence}'\nf('${sentence}')` }), [])
  })

  test('a sentence of the sources stands once', () => {
    assert.deepEqual(findRepeatedTexts(readSources('src')), [])
  })
})
