/**
 * Builds twice from the same sources: `build/` has one module per source with type checks (tests run there), `dist/` has
 * the bundles that are shipped. An entry whose source does not exist yet is left out with a note.
 */

import './lib/node-version.mjs'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureInstalled, listFiles, markBuilt, sourceState, stop } from './lib/prepare.mjs'
import { root, runTool, seconds } from './lib/run-program.mjs'

const entries = {
  cli: 'src/cli/main.ts',
  server: 'src/server/server-command.ts',
  // What each worker of a server runs; `server` looks for it beside itself.
  worker: 'src/server/worker.ts',
  decide: 'src/trust/decide.ts',
  embed: 'src/server/embed.ts',
  'practice-idp': 'src/practice-idp/practice-idp.ts',
  'try-out': 'src/server/try-out.ts',
  demo: 'src/cli/demo.ts',
  // `tokenstile version` loads this and nothing else.
  version: 'src/cli/commands/version.ts',
}
/** Of these each is one file: reading forty parts of a command costs more time than parsing all commands. */
const wholeEntries = ['cli']
/** Installed beside the program and never bundled: one is native, the others are only loaded where they are used. */
const external = ['bcryptjs', 'lmdb', 'openpgp', 'pg']

/**
 * Node's own modules are taken when a module first runs. An import of one would be loaded at the start whatever is asked for,
 * with all its getters: of node:crypto alone that is the whole of Web Cryptography.
 */
const lateBuiltIns = {
  name: 'late-built-ins',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'built-in' }))
    onLoad({ filter: /./, namespace: 'built-in' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
    }))
  },
}

/** Gives `usable` when there is something to run, and `ok` when there is nothing to complain about either. */
export async function build() {
  const start = performance.now()
  const state = sourceState()
  const [types, bundles] = await Promise.all([compile(), bundle()])
  const usable = types.code !== 1 && bundles
  const ok = usable && types.code === 0
  if (!ok) process.stderr.write(types.output)
  if (ok) markBuilt(state)
  console.log(`${ok ? '✔' : '✗'} build/ and dist/ in ${seconds(start)}`)
  return { ok, usable }
}

async function compile() {
  removeLeftovers()
  const path = 'typescript/bin/tsc'
  const info = ['--incremental', '--tsBuildInfoFile', 'build/.tsbuildinfo']
  return runTool(path, ['-p', 'tsconfig.json', ...info])
}

/** Output of sources that are gone: an old test would run on for ever. */
function removeLeftovers() {
  for (const path of [...listFiles('build/src'), ...listFiles('build/test')]) {
    const source = path.slice('build/'.length).replace(/\.js(\.map)?$/, '.ts')
    if (!existsSync(join(root, source))) rmSync(join(root, path))
  }
}

async function bundle() {
  // Resolved late: the first run installs it.
  const esbuild = createRequire(join(root, 'package.json'))('esbuild')
  const present = Object.entries(entries).filter(([name, source]) => {
    if (existsSync(join(root, source))) return true
    console.log(`· dist/${name}.js left out: there is no ${source} yet`)
    return false
  })
  try {
    const options = {
      absWorkingDir: root,
      outdir: 'dist',
      chunkNames: 'chunks/[name]-[hash]',
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      external,
      sourcemap: true,
      // Names stay readable because nothing is minified; esbuild's keepNames would wrap every closure at run time.
      minify: false,
      legalComments: 'none',
      logLevel: 'warning',
      write: false,
    }
    const isWhole = ([name]) => wholeEntries.includes(name)
    const [shared, whole] = await Promise.all(
      [present.filter((entry) => !isWhole(entry)), present.filter(isWhole)].map((chosen, at) =>
        esbuild.build({
          ...options,
          entryPoints: Object.fromEntries(chosen),
          ...(at === 0 ? { splitting: true } : { plugins: [lateBuiltIns] }),
        }),
      ),
    )
    const outputFiles = [...shared.outputFiles, ...whole.outputFiles]
    // Only now: a build that fails leaves the last good one in place.
    rmSync(join(root, 'dist'), { recursive: true, force: true })
    for (const { path, contents } of outputFiles) {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, contents)
    }
    return true
  } catch (problem) {
    // What is wrong with the sources, esbuild has printed itself.
    if (problem.errors === undefined) throw problem
    return false
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await ensureInstalled()
  const result = await build()
  if (!result.ok) stop('the build has errors, see above')
}
