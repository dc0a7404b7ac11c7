/** `npm start`: installs and builds what is missing, then runs the dev server with its demo identity provider. */

import './lib/node-version.mjs'
import { ensureBuilt, ensureInstalled } from './lib/prepare.mjs'

await ensureInstalled()
await ensureBuilt()
const { runTryOut } = await import('../dist/try-out.js')
process.exitCode = await runTryOut(process.argv.slice(2), {
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
})
