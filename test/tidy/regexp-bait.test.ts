/**
 * No regular expression of the sources can be made slow by a text (OWASP ASVS 1.3.12, CWE-1333).
 */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { Router } from '../../src/framework/router.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { baitCharacters, findSlowBait, findSlowText, type SlowExpression } from './regexp-bait.ts'
import { createSourceFile, lineOf, regExpsOf, type SourceFile } from './source-text.ts'

const root = findRoot(import.meta.dirname)
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => createSourceFile(`src/${path}`, readFileSync(join(root, 'src', path), 'utf8')))

function findRoot(folder: string): string {
  const isRoot = existsSync(join(folder, 'package-lock.json')) && existsSync(join(folder, 'src'))
  return isRoot ? folder : findRoot(dirname(folder))
}

function told(where: string, slow: SlowExpression | undefined): readonly string[] {
  if (slow === undefined) return []
  return [`${where} takes ${Math.round(slow.ms)} ms for ${slow.length} characters ${slow.bait}`]
}

function slowIn(file: SourceFile): readonly string[] {
  return regExpsOf(file).flatMap(({ at, flags, source }) => {
    const where = `${file.path}:${lineOf(file.text, at)}: /${source}/${flags}`
    return told(where, findSlowBait({ source, flags }))
  })
}

suite('regular expressions', () => {
  test('literals are found in code, and nowhere else', () => {
    const text = String.raw`const a = b / c / d // no /one+/
const e = [/x+$/gu, '/no/', ${'`${f.replace(/[/"]y/, "")} /no/`'}]
return /\/+/.test(g)`
    assert.deepEqual(
      regExpsOf(createSourceFile('src/x.ts', text)).map(({ flags, source }) => [source, flags]),
      [
        ['x+$', 'gu'],
        ['[/"]y', ''],
        [String.raw`\/+`, ''],
      ],
    )
  })

  for (const source of [
    String.raw`\/+$`,
    '=+$',
    String.raw`^\/+|\/+$`,
    String.raw`\s+$`,
    String.raw`^-?0[0-9]*[89][0-9]*$`,
    '^(?:a+)+$',
    '^(?:a|aa)+$',
    String.raw`eyJ[\w-]*\.[\w-]*!`,
  ]) {
    test(`the bait finds /${source}/`, () => {
      assert.ok(findSlowBait({ source, flags: '' }) !== undefined)
    })
  }

  for (const source of [
    String.raw`^\/+`,
    '^[a-z]+$',
    '[^/]+',
    '^(?:a+b)+$',
    String.raw`^(\w(?:[\w.-]*\w)?)\/(\w(?:[\w.-]*\w)?)x$`,
  ]) {
    test(`the bait finds nothing in /${source}/`, () => {
      assert.equal(findSlowBait({ source, flags: 'g' }), undefined)
    })
  }

  test(`every expression reads ${baitCharacters} characters of bait in 50 ms (SEC-SUP-04)`, () => {
    const count = sources.flatMap(regExpsOf).length
    assert.ok(count > 150, `only ${count} expressions were found`)
    const slow = sources.flatMap(slowIn)
    assert.equal(slow.length, 0, slow.join('\n'))
  })

  test('no other place makes expressions than the router, of patterns that are ours', () => {
    const places = sources.filter(({ code }) => /\bRegExp\s*\(/.test(code)).map(({ path }) => path)
    assert.deepEqual(places, ['src/framework/router.ts'])
  })
})

suite('paths of a server', () => {
  let server: TestServer
  before(async () => {
    server = await startTestServer()
    await server.root.write('sys/auth/jwt', { type: 'jwt' })
  })
  after(() => server.stop())

  test('every declared path is found or missed as fast (SEC-SUP-04)', async () => {
    const { core } = server.server
    const { mounts } = await core.configuration()
    const declarations = mounts.mounts.flatMap(
      (mount) => core.backends.of(mount).router.declarations,
    )
    assert.ok(declarations.length > 50)
    const slow = declarations.flatMap((declaration) => {
      const router = new Router([declaration])
      const found = findSlowText(declaration.pattern, (text) => void router.match(text))
      return told(declaration.pattern, found)
    })
    assert.equal(slow.length, 0, slow.join('\n'))
  })
})
