/** Everything that can be judged without running the program: formatting, lint with types, types. One line per step. */

import './lib/node-version.mjs'
import { pathToFileURL } from 'node:url'
import { ensureInstalled } from './lib/prepare.mjs'
import { runTool, seconds } from './lib/run-program.mjs'

const steps = [
  {
    name: 'format',
    tool: 'prettier/bin/prettier.cjs',
    args: ['--check', '--log-level=warn', '--cache', '--cache-location=build/.prettier-cache', '.'],
    fix: 'npm run format',
  },
  { name: 'lint', tool: 'oxlint/bin/oxlint', args: ['--type-aware', '--quiet', '.'] },
  { name: 'types', tool: 'typescript/bin/tsc', args: ['-p', 'tsconfig.json', '--noEmit'] },
]

/** Gives the names of the steps that failed. `skip` names steps whose answer is known already. */
export async function check({ skip = [] } = {}) {
  const wanted = steps.filter(({ name }) => !skip.includes(name))
  const failed = await Promise.all(wanted.map(runStep))
  return failed.filter((name) => name !== undefined)
}

async function runStep({ name, tool, args, fix }) {
  const start = performance.now()
  const { code, output } = await runTool(tool, args)
  if (code === 0) {
    console.log(`✔ ${name} in ${seconds(start)}`)
    return undefined
  }
  const hint = fix === undefined ? '' : `; ${fix} repairs it`
  console.log(`${output.trimEnd()}\n✗ ${name} in ${seconds(start)}${hint}`)
  return name
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await ensureInstalled()
  if ((await check()).length > 0) process.exit(1)
}
