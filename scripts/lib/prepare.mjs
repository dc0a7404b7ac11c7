/**
 * Makes a checkout usable: installs what the lock file names and builds what the sources say, each only when needed.
 * Every script calls it, so any of them can be the first command after a clone. Uses nothing but Node itself.
 */

import './node-version.mjs'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { root, runProgram, seconds } from './run-program.mjs'

const installStamp = join(root, 'node_modules', '.tokenstile-install')
const buildStamp = join(root, 'build', '.stamp')
/** Packages with an install script. Their binaries come as packages of their own, so it may stay unrun. */
const nativePackages = ['esbuild', 'lmdb']

/** Installs with `npm ci` when nothing is installed or the lock file has changed since. Ends the program on failure. */
export async function ensureInstalled() {
  const wanted = installState()
  if (readText(installStamp) === wanted) return
  if (!isInstalledByHand()) await install()
  await ensureNative()
  writeFileSync(installStamp, wanted)
}

/** Builds when a source differs from the last build. Ends the program when that leaves nothing to run. */
export async function ensureBuilt() {
  if (readText(buildStamp) === sourceState()) return
  const { build } = await import('../build.mjs')
  const result = await build()
  if (!result.usable) stop('the build failed, see above')
  if (!result.ok)
    console.error('! the build has type errors, see above; going on with what there is')
}

/** Says that build/ and dist/ belong to the sources as they are (were, when `state` was read). */
export function markBuilt(state) {
  mkdirSync(join(root, 'build'), { recursive: true })
  writeFileSync(buildStamp, state)
}

/** Changes whenever a build could come out differently. By content: a checkout renews every time stamp. */
export function sourceState() {
  const hash = createHash('sha256')
  const single = ['package.json', 'package-lock.json', 'tsconfig.json', 'scripts/build.mjs']
  for (const path of [...single, ...listFiles('src'), ...listFiles('test')]) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0')
  }
  return hash.digest('hex')
}

/** Paths below a folder of the checkout, sorted; empty when there is no such folder. */
export function listFiles(folder) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`
      return entry.isDirectory() ? listFiles(path) : entry.isFile() ? [path] : []
    })
    .sort()
}

export function stop(message) {
  console.error(`✗ ${message}`)
  process.exit(1)
}

function installState() {
  const lock = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')))
  // A folder carried to another machine, or to a Node with another binary interface, is worth nothing there.
  return [lock.digest('hex'), process.platform, process.arch, process.versions.modules].join(' ')
}

/** Whether somebody has run npm already: npm leaves a list of what it put there. */
function isInstalledByHand() {
  if (existsSync(installStamp)) return false
  const present = readText(join(root, 'node_modules', '.package-lock.json'))
  if (present === undefined) return false
  const have = JSON.parse(present).packages
  const want = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(want).every(
    ([path, entry]) =>
      path === '' || entry.optional === true || have[path]?.version === entry.version,
  )
}

async function install() {
  const start = performance.now()
  console.log('· installing dependencies: npm ci')
  // Development packages are needed whatever NODE_ENV says: the build is one of them.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund']
  const result = await runNpm(args)
  if (result.code !== 0) {
    process.stderr.write(result.output)
    stop(
      result.code === 127
        ? 'npm was not found. It comes with Node: https://nodejs.org'
        : 'npm ci failed, see above. It needs the package registry that npm is configured for',
    )
  }
  console.log(`✔ dependencies installed in ${seconds(start)}`)
}

/** Where npm was told not to run install scripts, the two native packages are tried and, if need be, finished here. */
async function ensureNative() {
  for (const name of nativePackages) {
    if (await works(name)) continue
    console.log(`· ${name} does not load yet, running its install step`)
    const step = join(root, 'node_modules', name, 'install.js')
    if (existsSync(step)) await runProgram(process.execPath, [step])
    else await runNpm(['rebuild', name, '--ignore-scripts=false'])
    if (!(await works(name))) {
      stop(`${name} has no binary for ${process.platform}-${process.arch} on this machine`)
    }
  }
}

async function works(name) {
  const trial =
    name === 'esbuild' ? `require('esbuild').transformSync('let a = 1')` : `require('${name}')`
  return (await runProgram(process.execPath, ['-e', trial])).code === 0
}

export function runNpm(args) {
  const path = process.env.npm_execpath
  if (path !== undefined && basename(path).startsWith('npm-cli')) {
    return runProgram(process.execPath, [path, ...args])
  }
  return runProgram(process.platform === 'win32' ? 'npm.cmd' : 'npm', args)
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
