/**
 * The repository's rules about itself (CONTRIBUTING.md, "Style in fifteen lines"). Every rule is first tried on
 * examples of its own, so that it cannot go blind. A mistake that was made twice becomes a rule here.
 */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { citationRules } from './tidy/citation-rules.ts'
import { codeRules } from './tidy/code-rules.ts'
import { parseContract } from './tidy/contract-pages.ts'
import { committedTextRules, sourceFileRules } from './tidy/file-rules.ts'
import { importerOf, importRules } from './tidy/import-rules.ts'
import type { Rule } from './tidy/rule.ts'
import { createSourceFile, type SourceFile } from './tidy/source-text.ts'

const root = findRoot(dirname(fileURLToPath(import.meta.url)))
const textEndings =
  /\.(?:ts|tsx|mjs|js|json|md|hcl|yml|yaml|sh|css|html|svg|txt|toml)$|\/(?:[^./]+|\.[a-z]+rc|\.[a-z]*ignore)$/
const fileBytesMax = 4_000_000
const shownMax = 50

const committed = listFolder('').filter((path) => textEndings.test(`/${path}`))
const tree: ReadonlySet<string> = new Set(committed)
const files = committed.map(readSource)
const sources = files.filter(({ path }) => /^(?:src|test)\/.*\.ts$/.test(path))

function findRoot(folder: string): string {
  const isRoot = existsSync(join(folder, 'package-lock.json')) && existsSync(join(folder, 'src'))
  if (isRoot && !basename(folder).startsWith('build')) return folder
  assert.notEqual(dirname(folder), folder, 'no repository around this test')
  return findRoot(dirname(folder))
}

/** What git would list: all but the folders that .gitignore names. */
function listFolder(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (/^(?:node_modules|\.git|build.*|dist|coverage|\.tokenstile)$|\.log$/.test(entry.name)) {
      return []
    }
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return listFolder(path)
    return entry.isFile() ? [path] : []
  })
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8')
  assert.ok(text.length <= fileBytesMax, `${path} is too large for a text`)
  return path.endsWith('.ts') ? createSourceFile(path, text) : { path, text, code: text }
}

function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(root, path), 'utf8')) as Record<string, unknown>
}

function proves(rule: Rule): void {
  for (const { path, text } of rule.bad) {
    const found = rule.find(createSourceFile(path, text), tree)
    assert.ok(found.length > 0, `the rule does not see ${path}: ${text}`)
  }
  for (const { path, text } of rule.good) {
    assert.deepEqual(rule.find(createSourceFile(path, text), tree), [], `${path}: ${text}`)
  }
}

function holds(rule: Rule, judged: readonly SourceFile[]): void {
  const found = judged.flatMap((file) => rule.find(file, tree))
  const shown = found.slice(0, shownMax).join('\n  ')
  assert.ok(found.length === 0, `${found.length} × ${rule.title}\n  ${shown}`)
}

suite('sources', () => {
  for (const rule of [...importRules, ...codeRules, ...sourceFileRules]) {
    test(`the rule sees its own bad example: ${rule.title}`, () => proves(rule))
    test(rule.title, () => holds(rule, sources))
  }
})

suite('citations', () => {
  const pages = files.filter(({ path }) => path.startsWith('docs/contract/'))
  const contract = parseContract(new Map(pages.map(({ path, text }) => [basename(path), text])))
  const citing = files.filter(({ path }) => /^(?:src|test|scripts)\/.*\.(?:ts|mjs)$/.test(path))
  for (const rule of citationRules(contract)) {
    test(`the rule sees its own bad example: ${rule.title}`, () => proves(rule))
    test(rule.title, () => holds(rule, citing))
  }
})

suite('committed texts', () => {
  for (const rule of committedTextRules) {
    test(`the rule sees its own bad example: ${rule.title}`, () => proves(rule))
    test(rule.title, () => holds(rule, files))
  }
})

interface LockedPackage {
  readonly resolved?: string
  readonly integrity?: string
  /** Old packages give a list of objects. */
  readonly license?: string | readonly { readonly type: string }[]
  readonly hasInstallScript?: boolean
}

function licencesOf({ license }: LockedPackage): readonly string[] {
  if (license === undefined) return ['unknown']
  return typeof license === 'string' ? [license] : license.map(({ type }) => type)
}

function findInexact(versions: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(versions)
    .filter(([, version]) => !/^[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?$/.test(String(version)))
    .map(([name, version]) => `${name} ${String(version)}`)
}

/** Never bundled, and installed as they are (NOTICE). */
const besideTheProgram: Readonly<Record<string, string>> = { openpgp: 'LGPL-3.0+' }

/** Complaints about a lock file; `scripts` are the packages that may run a program when installed. */
function judgeLock(
  packages: Readonly<Record<string, LockedPackage>>,
  scripts: readonly string[],
): readonly string[] {
  const licences =
    /^(?:MIT|MIT-0|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|Python-2\.0|CC0-1\.0|Unlicense|MPL-2\.0)$/
  // Under `(A AND B)` both hold.
  const isKnown = (licence: string): boolean =>
    licence
      .replaceAll(/[()]/g, '')
      .split(' AND ')
      .every((one) => licences.test(one))
  return Object.entries(packages).flatMap(([path, entry]) => {
    if (path === '') return []
    const name = path.split('node_modules/').at(-1) ?? path
    return [
      ...(entry.resolved === undefined ? [] : [`${path}: names where it came from`]),
      ...(entry.integrity === undefined ? [`${path}: has no integrity`] : []),
      ...(licencesOf(entry).some((one) => isKnown(one) || besideTheProgram[name] === one)
        ? []
        : [`${path}: licence ${licencesOf(entry).join()}`]),
      ...(entry.hasInstallScript === true && !scripts.includes(name)
        ? [`${path}: runs a script when installed`]
        : []),
    ]
  })
}

suite('dependencies', () => {
  const manifest = readJson('package.json')
  const section = (name: string) => (manifest[name] ?? {}) as Record<string, unknown>

  test('every version is exact', () => {
    assert.deepEqual(findInexact({ a: '^1.0.0', b: '1.2', c: 'latest', d: '1.2.3' }), [
      'a ^1.0.0',
      'b 1.2',
      'c latest',
    ])
    for (const name of ['dependencies', 'devDependencies', 'optionalDependencies', 'overrides']) {
      assert.deepEqual(findInexact(section(name)), [], name)
    }
  })

  test('every runtime dependency has the one folder that imports it', () => {
    assert.equal(importerOf('left-pad'), undefined)
    const homeless = Object.keys(section('dependencies')).filter((name) => !importerOf(name))
    assert.deepEqual(homeless, [])
  })

  test('SEC-SUP-01: the lock file names no registry, has integrity for all, and licences and install scripts are known', () => {
    const scripts = ['lmdb', 'msgpackr-extract', 'esbuild']
    const sound = { integrity: 'sha512-x', license: 'MIT' }
    const bad: Record<string, LockedPackage> = {
      'node_modules/a': { ...sound, resolved: 'https://somewhere' },
      'node_modules/b': { license: 'MIT' },
      'node_modules/c': { ...sound, license: '(MIT AND AGPL-3.0)' },
      'node_modules/e': { ...sound, license: 'LGPL-3.0+' },
      'node_modules/a/node_modules/d': { ...sound, hasInstallScript: true },
    }
    assert.equal(judgeLock(bad, scripts).length, 5)
    assert.deepEqual(
      judgeLock({ '': {}, 'node_modules/lmdb': { ...sound, hasInstallScript: true } }, scripts),
      [],
    )
    const lock = readJson('package-lock.json')
    assert.deepEqual(judgeLock(lock['packages'] as Record<string, LockedPackage>, scripts), [])
    // npm runs no other script where it knows this list.
    assert.deepEqual(Object.keys(section('allowScripts')).toSorted(), scripts.toSorted())
  })
})
