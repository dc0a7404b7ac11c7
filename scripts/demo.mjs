/** `npm run demo:jwt`, `npm run demo:fail`: a workload's login against the server that `npm start` runs. */

import './lib/node-version.mjs'
import { ensureBuilt, ensureInstalled } from './lib/prepare.mjs'

await ensureInstalled()
await ensureBuilt()
const { runDemo } = await import('../dist/demo.js')
const [kind, ...args] = process.argv.slice(2)
process.exitCode = await runDemo(kind === 'fail' ? 'fail' : 'jwt', args, {
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
})
