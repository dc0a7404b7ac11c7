/**
 * `npm run test:node -- 24`: the tests that can tell versions of Node apart, run by another one: HTTP framing, and all parts
 * that need neither a browser nor the command line. The version comes from the package registry and is kept below `build/`.
 */

import './lib/node-version.mjs'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt, ensureInstalled, listFiles, runNpm, stop } from './lib/prepare.mjs'
import { root, runProgram, seconds } from './lib/run-program.mjs'

const folders = 'http jose jwt kv oidc platform policy practice-idp seal storage trust'.split(' ')
const fileMsMax = 5 * 60_000

const majors = process.argv.slice(2)
if (majors.length === 0 || majors.some((major) => !/^\d{2}$/.test(major))) {
  stop('which Node? For example: npm run test:node -- 22 24 26')
}
await ensureInstalled()
await ensureBuilt()
const files = folders.flatMap((folder) =>
  listFiles(`build/test/${folder}`).filter((path) => path.endsWith('.test.js')),
)
const failed = []
for (const major of majors) {
  const start = performance.now()
  const node = await installNode(major)
  const limits = ['--test-concurrency=2', `--test-timeout=${fileMsMax}`]
  const args = ['--test', '--test-reporter=dot', ...limits, ...files]
  const { code } = await runProgram(node, args, { show: true })
  console.log(`${code === 0 ? '✔' : '✗'} Node ${major}: ${files.length} files in ${seconds(start)}`)
  if (code !== 0) failed.push(major)
}
if (failed.length > 0) stop(`tests fail with Node ${failed.join(', ')}`)

/** The path of that Node's program. The package is the one for this machine: the general one has an install script. */
async function installNode(major) {
  const system = process.platform === 'win32' ? 'win' : process.platform
  const name = `node-${system}-${process.arch}`
  const folder = join('build', 'node', major)
  const program = process.platform === 'win32' ? 'node.exe' : 'node'
  const node = join(root, folder, 'node_modules', name, 'bin', program)
  if (existsSync(node)) return node
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', folder]
  const { code, output } = await runNpm([...args, `${name}@${major}`])
  if (code !== 0 || !existsSync(node)) {
    process.stderr.write(output)
    stop(`Node ${major} could not be installed from the package registry, see above`)
  }
  return node
}
