/**
 * `npm run explain -- --last`: why a login was refused, against the server that `npm start` runs, as its operator.
 * `-- --server URL` names another one.
 */

import './lib/node-version.mjs'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ensureBuilt, ensureInstalled } from './lib/prepare.mjs'
import { root } from './lib/run-program.mjs'

await ensureInstalled()
await ensureBuilt()
const words = process.argv.slice(2)
const at = words.indexOf('--server')
const address = at === -1 ? 'http://127.0.0.1:8200' : words.splice(at, 2)[1]
const command = ['explain', `-address=${address}`, ...words]
// The root token of a server for trying is known to everybody.
const env = { VAULT_TOKEN: 'root', ...process.env }
const child = spawn(process.execPath, [join(root, 'bin', 'tokenstile.js'), ...command], {
  stdio: 'inherit',
  env,
})
child.on('exit', (code) => {
  process.exitCode = code ?? 1
})
