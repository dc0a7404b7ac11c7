/** No file of the sources imports, over however many others, itself: not even for a type. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { importCircles, importGraph } from './import-graph.ts'
import { createSourceFile } from './source-text.ts'
import { readSources } from './sources.ts'

function circlesOf(texts: Readonly<Record<string, string>>): readonly (readonly string[])[] {
  const files = Object.entries(texts).map(([path, text]) => createSourceFile(path, text))
  return importCircles(importGraph(files))
}

suite('imports', () => {
  test('the rule sees circles of values, of types, and over several files', () => {
    assert.deepEqual(
      circlesOf({
        'src/a/one.ts': `import { b } from './two.ts'`,
        'src/a/two.ts': `import type { A } from './one.ts'`,
      }),
      [['src/a/one.ts', 'src/a/two.ts']],
    )
    assert.deepEqual(
      circlesOf({
        'src/a/lead.ts': `import { a } from './one.ts'`,
        'src/a/one.ts': `export { b } from '../b/two.ts'`,
        'src/b/two.ts': `const c = await import('./three.ts')`,
        'src/b/three.ts': `import type { A } from '../a/one.ts'`,
      }),
      [['src/a/one.ts', 'src/b/two.ts', 'src/b/three.ts']],
    )
  })

  test('and none where two ways lead to one file, or a text only looks like an import', () => {
    assert.deepEqual(
      circlesOf({
        'src/a/top.ts': `import { a } from './one.ts'\nimport { b } from './two.ts'`,
        'src/a/one.ts': `import { c } from './three.ts'`,
        'src/a/two.ts': `import { c } from './three.ts'`,
        'src/a/three.ts': `// import { a } from './top.ts'`,
      }),
      [],
    )
  })

  test('no file of the sources leads back to itself', () => {
    const circles = importCircles(importGraph(readSources('src')))
    assert.deepEqual(
      circles.map((circle) => circle.join(' → ')),
      [],
    )
  })
})
