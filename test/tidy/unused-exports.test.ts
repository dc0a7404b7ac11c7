/** Nothing of the sources is exported for nobody. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createSourceFile } from './source-text.ts'
import { readSources, root } from './sources.ts'
import { findUnusedExports } from './unused-exports.ts'

function found(texts: Readonly<Record<string, string>>, entries: readonly string[] = []) {
  const files = Object.entries(texts).map(([path, text]) => createSourceFile(path, text))
  return findUnusedExports(files, new Set(entries))
}

/** Bundles are made of these, and loaded by their paths. */
function entryFiles(): ReadonlySet<string> {
  const script = readFileSync(join(root, 'scripts/build.mjs'), 'utf8')
  return new Set([...script.matchAll(/: '(src\/[\w./-]+\.ts)'/g)].map(({ 1: path = '' }) => path))
}

function scriptTexts(): string {
  const folder = join(root, 'scripts')
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.mjs'))
    .map((path) => readFileSync(join(folder, path), 'utf8'))
    .join('\n')
}

suite('exports', () => {
  test('the rule sees what is exported for its own file, and for nobody', () => {
    assert.deepEqual(
      found({
        'src/a/one.ts': `export const alone = 1\nexport function two() {}\nexport class Three {}`,
        'src/a/two.ts': `import { two as other } from './one.ts'`,
      }),
      [
        'src/a/one.ts:1: alone is used here alone: do not export it',
        'src/a/one.ts:3: Three is used here alone: do not export it',
      ],
    )
  })

  test('and none that another file takes, by name or whole, and none of an entry', () => {
    const one = `export const a = 1\nexport async function b() {}`
    assert.deepEqual(
      found({
        'src/a/one.ts': one,
        'src/a/two.ts': `import { type T, a } from './one.ts'`,
        'test/a.test.ts': `export { b } from '../src/a/one.ts'`,
      }),
      [],
    )
    assert.deepEqual(
      found({ 'src/a/one.ts': one, 'src/a/two.ts': `const c = await import('./one.ts')` }),
      [],
    )
    assert.deepEqual(found({ 'src/a/one.ts': one }, ['src/a/one.ts']), [])
  })

  test('every exported value of the sources is taken by another file', () => {
    const files = [...readSources('src'), ...readSources('test')]
    assert.deepEqual(findUnusedExports(files, entryFiles(), scriptTexts()), [])
  })
})
