/**
 * The documents keep their word: every "sh test" block of the README runs, in order and in one shell, against the server
 * that `npm start` starts; every link between the documents leads somewhere; every place that ARCHITECTURE.md names exists.
 */

import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { readText, root } from '../harness/checkout.ts'
import { blocksOf, ReaderFolder } from './guide.ts'

const startMsMax = 20_000
const missingCurl = spawnSync('curl', ['--version']).error !== undefined

describe('the README', () => {
  const reader = new ReaderFolder()
  let program: ChildProcessByStdio<null, Readable, null> | undefined
  let address = ''
  let issuer = ''

  before(async () => {
    const started = await startTryOut()
    address = started.address
    issuer = started.issuer
  })

  after(async () => {
    if (program !== undefined && program.exitCode === null) {
      const ended = new Promise((resolve) => program?.once('exit', resolve))
      program.kill('SIGTERM')
      await ended
    }
    reader.remove()
  })

  /** What `npm start` runs, on free ports, told as one JSON object. */
  async function startTryOut(): Promise<{ readonly address: string; readonly issuer: string }> {
    const entry = JSON.stringify(`file://${join(root, 'dist/try-out.js')}`)
    const script = `
      const { runTryOut } = await import(${entry})
      const write = (text) => process.stdout.write(text)
      const words = ['--port', '0', '--idp-port', '0', '--memory', '-o', 'json']
      process.exitCode = await runTryOut(words, { write, writeError: write })`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: reader.path,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    program = child
    const line = await new Promise<string>((resolve, reject) => {
      let text = ''
      const timer = setTimeout(() => reject(new Error(`no answer: ${text}`)), startMsMax)
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8')
        if (text.includes('\n')) {
          clearTimeout(timer)
          resolve(text)
        }
      })
      child.once('exit', (code) => reject(new Error(`ended with ${code}: ${text}`)))
    })
    assert.match(line, /^\{/, line)
    const facts = JSON.parse(line) as Readonly<Record<string, string>>
    const [found = ''] = /^http:\S+/.exec(facts['demo IdP'] ?? '') ?? []
    return { address: facts['address'] ?? '', issuer: found }
  }

  test(
    'does what it says: each of its commands succeeds',
    { skip: missingCurl ? 'curl is not installed' : false },
    async () => {
      const blocks = blocksOf(readText('README.md'), 'sh test')
      assert.ok(blocks.length >= 8, `only ${blocks.length} blocks`)
      const { code, output } = await reader.follow(blocks, { VAULT_ADDR: address, IDP: issuer })
      assert.equal(code, 0, output)
      assert.match(output, /hello from tokenstile/)
      assert.match(output, /X-Login-Reason: jwt_malformed/i)
      assert.doesNotMatch(output, /permission denied/)
    },
  )
})

function markdownFiles(): readonly string[] {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  const top = readdirSync(root).filter((name) => name.endsWith('.md'))
  return [
    'deploy/README.md',
    ...top,
    ...docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
  ]
}

/** Targets of links that stay in the repository, without those in fenced blocks. */
function linksOf(markdown: string): readonly string[] {
  const prose = markdown.replaceAll(/^```.*?^```$/gms, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
}

test('the README says how long the first start takes and how much disk (FIX-U18)', () => {
  const firstScreen = readText('README.md').split('\n').slice(0, 60).join('\n')
  assert.match(firstScreen, /The first time takes about a minute and \d+ MB of disk/)
})

/** What a heading is called in an address, as GitHub makes it; pages may name places of their own. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const prose = markdown.replaceAll(/^```.*?^```$/gms, '')
  const named = [...prose.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, name = '']) => name)
  const headings = [...prose.matchAll(/^#{1,6} (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
  return new Set([...named, ...headings])
}

function isBroken(file: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const page = path === '' ? file : join(dirname(file), path)
  if (!existsSync(join(root, page))) return true
  return anchor !== undefined && page.endsWith('.md') && !anchorsOf(readText(page)).has(anchor)
}

test('every link between the documents leads to a file, and to a heading of it', () => {
  const files = markdownFiles()
  assert.ok(files.includes('README.md') && files.includes('ARCHITECTURE.md'))
  const broken = files.flatMap((file) =>
    linksOf(readText(file))
      .filter((target) => isBroken(file, target))
      .map((target) => `${file}: ${target}`),
  )
  assert.deepEqual(broken, [])
})

test('the index of the documents leads to all of them', () => {
  const targets = linksOf(readText('docs/README.md')).map((target) => join('docs', target))
  const pages = markdownFiles().filter((file) => /^docs\/(?!README|contract\/.*)/.test(file))
  assert.ok(pages.length > 25)
  assert.deepEqual(
    pages.filter((page) => !targets.includes(page)),
    [],
  )
})

test('every file and folder that the architecture names exists', () => {
  const text = readText('ARCHITECTURE.md').replaceAll(/^```.*?^```$/gms, '')
  const places = [...text.matchAll(/`((?:src|test|scripts|docs|bin)\/[^`\s]*)`/g)]
    .map(([, place = '']) => place)
    // `src/auth/<method>/` stands for any of them.
    .filter((place) => !/[<*{]/.test(place))
  assert.ok(places.length > 50, `only ${places.length} places`)
  assert.deepEqual(
    places.filter((place) => !existsSync(join(root, place))),
    [],
  )
})

test('every folder of the sources and of the tests is on the map', () => {
  const text = readText('ARCHITECTURE.md')
  const folders = ['src', 'test'].flatMap((top) =>
    readdirSync(join(root, top), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${top}/${entry.name}/`),
  )
  assert.deepEqual(
    folders.filter((folder) => !text.includes(folder)),
    [],
  )
})

test('no document names a file of one machine', () => {
  // An address such as sys/rotate/root/init is no file.
  const machinePath = /(?<![\w*])\/(?:root|home|tmp|work)\//
  const files = markdownFiles().filter((file) => machinePath.test(readText(file)))
  assert.deepEqual(files, [])
})
