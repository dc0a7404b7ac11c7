/** `npm run bench`: see scripts/bench/main.mjs. */

import './lib/node-version.mjs'
import { ensureBuilt, ensureInstalled } from './lib/prepare.mjs'

await ensureInstalled()
await ensureBuilt()
await import(process.argv.includes('--cli') ? './bench/cli.mjs' : './bench/main.mjs')
