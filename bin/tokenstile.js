#!/usr/bin/env node
/**
 * The one executable. It answers to `tokenstile`, `stile`, `vault` and `bao`, hands the real process to the command line in
 * dist/, and loads the server only for `server`. `version` is asked for by scripts, often, and loads next to nothing.
 */

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import module from 'node:module'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'

const versionWords = ['version', '-v', '-version', '--version']
const programNames = ['tokenstile', 'stile', 'vault', 'bao']
const words = process.argv.slice(2)

// `tokenstile … | head` closes the pipe; that is no fault of ours.
process.stdout.on('error', () => end(0))
process.stderr.on('error', () => end(0))

if (!existsSync(new URL('../dist/cli.js', import.meta.url))) {
  process.stderr.write('tokenstile is not built yet: run "npm run build" in its folder\n')
  process.exitCode = 1
} else if (words.length === 1 && versionWords.includes(words[0])) {
  const { version } = await import('../dist/version.js')
  const line = (text) => process.stdout.write(`${text}\n`)
  await version.run({ programName: programName(), print: { either: line } })
} else {
  useCompileCache()
  const { runCli } = await import('../dist/cli.js')
  const { stdin, stdout, stderr, env } = process
  const code = await runCli({
    argv: words,
    programName: programName(),
    programPath: fileURLToPath(import.meta.url),
    env,
    stdin,
    stdout,
    stderr,
    onInterrupt: (work) => {
      process.on('SIGINT', work)
      return () => process.off('SIGINT', work)
    },
    runServer: async (args) => {
      const { runServer } = await import('../dist/server.js')
      return runServer(args, { stdout, stderr })
    },
    restoreStore: async (request) => {
      const { restoreStore } = await import('../dist/server.js')
      return restoreStore(request)
    },
  })
  end(code)
}

function programName() {
  const name = basename(process.argv[1] ?? '').replace(/\.(?:js|cmd|exe)$/i, '')
  return programNames.includes(name) ? name : 'tokenstile'
}

/**
 * Node's default place is the shared temporary folder, where another account could leave code for us to run; ours is below
 * the home folder. NODE_COMPILE_CACHE and NODE_DISABLE_COMPILE_CACHE keep their meaning. Node 20 has no such cache.
 */
function useCompileCache() {
  if (module.enableCompileCache === undefined || process.env.NODE_COMPILE_CACHE) return
  try {
    const home = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
    module.enableCompileCache(join(home, 'tokenstile'))
  } catch {
    // A user without a home, as in many containers: the program only starts a little slower.
  }
}

/** A socket kept alive must not delay the end, and what was written must reach its reader first. */
function end(code) {
  process.exitCode = code
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
}
