/**
 * The package: packed, installed by npm into an empty prefix, and used as deploy/README.md says,
 * word by word. A small registry on this machine hands out what is installed in the checkout, so
 * that no network is asked.
 */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer as createHttpServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { freePort } from '../harness/free-port.ts'

const root = findRoot(import.meta.dirname)
const unpackedBytesMax = 12 * 1024 * 1024

function findRoot(folder: string): string {
  const parent = dirname(folder)
  return existsSync(join(folder, 'package.json')) || parent === folder ? folder : findRoot(parent)
}

interface PackedFile {
  readonly path: string
  readonly mode: number
}

interface Packed {
  readonly filename: string
  readonly unpackedSize: number
  readonly files: readonly PackedFile[]
}

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

describe('the package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-package-'))
  const prefix = join(folder, 'usr/local')
  let registry: Server
  let packed: Packed
  let port = 0

  before(async () => {
    registry = await startRegistry(folder)
    port = await freePort()
    const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
    const made = await run('npm', words, root)
    assert.equal(made.code, 0, made.err)
    const [first] = JSON.parse(made.out) as Packed[]
    assert.ok(first !== undefined)
    packed = first
    const registryUrl = `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`
    const installed = await run('npm', [
      ...['install', '-g', '--prefix', prefix, '--registry', registryUrl, '--ignore-scripts'],
      ...['--no-audit', '--no-fund', '--fetch-retries=0', '--cache', join(folder, 'cache')],
      join(folder, packed.filename),
    ])
    assert.equal(installed.code, 0, installed.err)
  })
  after(() => {
    registry.closeAllConnections()
    registry.close()
    rmSync(folder, { recursive: true, force: true })
  })

  function run(file: string, args: readonly string[], cwd = folder): Promise<Ran> {
    const path = [join(prefix, 'bin'), process.env['PATH'] ?? ''].join(delimiter)
    const child = spawn(file, args, {
      cwd,
      env: { PATH: path, HOME: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, out, err }))
    })
  }

  test('holds the program, man page, completions, unit and licences, and nothing for development (FIX-U7)', () => {
    const paths = packed.files.map(({ path }) => path)
    for (const path of [
      ...['bin/tokenstile.js', 'dist/cli.js', 'dist/server.js', 'man/tokenstile.1'],
      ...['completions/tokenstile.bash', 'deploy/systemd/tokenstile.service', 'deploy/README.md'],
      ...['LICENSE', 'NOTICE', 'README.md', 'CHANGELOG.md', 'package.json'],
    ]) {
      assert.ok(paths.includes(path), path)
    }
    const odd = paths.filter((path) => /^(?:src|test|scripts|build|docs)\/|\.map$|\.ts$/.test(path))
    assert.deepEqual(odd, [])
    assert.ok(packed.unpackedSize <= unpackedBytesMax, String(packed.unpackedSize))
  })

  test('is installed with its program, its man page and what it needs, and runs (FIX-U7)', async () => {
    const version = await run('tokenstile', ['version'])
    assert.match(version.out, /^tokenstile v\d+\.\d+\.\d+ /, version.err)
    assert.equal((await run('stile', ['-h'])).code, 0)
    assert.ok(existsSync(join(prefix, 'share/man/man1/tokenstile.1')))
    const modules = join(prefix, 'lib/node_modules/tokenstile/node_modules')
    const names = readdirSync(modules)
    assert.ok(names.includes('lmdb'))
    for (const name of ['typescript', 'prettier', 'playwright-core']) {
      assert.equal(names.includes(name), false, name)
    }
  })

  test('can be followed from deploy/README.md to an administrator without root (FIX-U6)', async () => {
    for (const path of ['etc/tokenstile', 'var/lib/tokenstile']) {
      mkdirSync(join(folder, path), { recursive: true, mode: 0o700 })
    }
    const text = readFileSync(join(root, 'deploy/README.md'), 'utf8')
    // Below this folder instead of the machine's own, and on a free port.
    const moved = (block: string) =>
      block
        .replaceAll('/etc/tokenstile', join(folder, 'etc/tokenstile'))
        .replaceAll('/var/lib/tokenstile', join(folder, 'var/lib/tokenstile'))
        .replaceAll('127.0.0.1:8200', `127.0.0.1:${port}`)
    const blocks = (kind: string) =>
      [...text.matchAll(/^```sh (\w+)\n(.*?)^```$/gms)]
        .filter(([, name]) => name === kind)
        .map(([, , body = '']) => moved(body))
    const [files = '', ...used] = blocks('test')
    const [start = ''] = blocks('start')
    const script = [
      `set -e\n${files}`,
      `${start.trim()} 2>log & server=$!`,
      'trap "kill $server" EXIT',
      `until grep -qs '"listening"' log; do kill -0 $server; sleep 0.1; done`,
      ...used.map((block) => `echo "--- block"\n${block}`),
    ].join('\n')
    writeFileSync(join(folder, 'walk.sh'), script)
    const walked = await run('bash', ['walk.sh'])
    const log = existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8') : ''
    assert.equal(walked.code, 0, walked.err + log)
    const [, first = '', admin = '', store = '', health = ''] = walked.out.split('--- block\n')
    assert.match(first, /^falsefalse\n?name +root\n/)
    assert.match(admin, /^name +token-first-admin\n(?:.*\n)*policies +admin, default\n/m)
    assert.match(store, /Enabled the kv-v2 secrets engine at: secret\//)
    assert.match(health, /^sealed +false$/m)
    assert.equal(walked.err, '')
  })

  test('the unit starts the installed program as a user of its own', () => {
    const unit = readFileSync(join(root, 'deploy/systemd/tokenstile.service'), 'utf8')
    assert.match(
      unit,
      /^ExecStart=\/usr\/local\/bin\/tokenstile server -config=\/etc\/tokenstile\//m,
    )
    assert.match(unit, /^User=tokenstile$/m)
    assert.match(unit, /^StateDirectory=tokenstile$/m)
    assert.match(unit, /^ProtectSystem=strict$/m)
  })
})

/** Hands out the packages of the checkout's node_modules, each in the one version that is there. */
async function startRegistry(folder: string): Promise<Server> {
  const server = createHttpServer((incoming, outgoing) => {
    const name = decodeURIComponent((incoming.url ?? '').slice(1))
    const isTarball = name.endsWith('.tgz')
    const at = join(root, 'node_modules', isTarball ? name.slice(0, -'.tgz'.length) : name)
    if (!/^[@a-z0-9._/-]+$/.test(name) || !existsSync(join(at, 'package.json'))) {
      outgoing.writeHead(404, { 'content-type': 'application/json' })
      outgoing.end('{}')
      return
    }
    const tarball = pack(folder, at)
    if (isTarball) {
      outgoing.end(tarball)
      return
    }
    const facts = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as {
      readonly version: string
    }
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    const dist = { tarball: `http://${incoming.headers.host}/${name}.tgz`, integrity }
    outgoing.setHeader('content-type', 'application/json')
    outgoing.end(
      JSON.stringify({
        name,
        'dist-tags': { latest: facts.version },
        versions: { [facts.version]: { ...facts, dist } },
      }),
    )
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return server
}

const tarballs = new Map<string, Buffer>()

function pack(folder: string, at: string): Buffer {
  const known = tarballs.get(at)
  if (known !== undefined) return known
  const file = join(folder, `packed-${tarballs.size}.tgz`)
  const words = [
    'czf',
    file,
    '--exclude=./node_modules',
    '--transform=s,^\\.,package,',
    '-C',
    at,
    '.',
  ]
  assert.equal(spawnSync('tar', words).status, 0)
  const tarball = readFileSync(file)
  tarballs.set(at, tarball)
  return tarball
}
