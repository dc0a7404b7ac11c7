/** `npm run login`: a person's sign-in against the server that `npm start` runs. `-- --server URL` names another one. */

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
const command = ['login', '-method=oidc', `-address=${address}`, ...words]
if (!words.some((word) => word.startsWith('role='))) command.push('role=people')
const child = spawn(process.execPath, [join(root, 'bin', 'tokenstile.js'), ...command], {
  stdio: 'inherit',
})
// Ctrl-C reaches the child as well; it ends the sign-in and then itself.
process.on('SIGINT', () => {})
child.on('exit', (code) => {
  process.exitCode = code ?? 1
})
