/** Runs the commands of a guide: those of its blocks marked `sh test`, in one shell. */

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

export const projectFolder = findRoot(import.meta.dirname)
const shellMsMax = 90_000

function findRoot(folder: string): string {
  const parent = dirname(folder)
  if (existsSync(join(folder, 'package.json')) || parent === folder) return folder
  return findRoot(parent)
}

/** The commands of a guide, block by block. */
export function guideBlocks(page: string): readonly string[] {
  const text = readFileSync(join(projectFolder, page), 'utf8')
  return [...text.matchAll(/^```sh test\n(.*?)^```$/gms)].map(([, body = '']) => body)
}

/** Its exit code, and what it wrote to either stream; `bin` of the folder is in its path. */
export function runShell(folder: string, script: string, env: Readonly<Record<string, string>>) {
  const path = [join(folder, 'bin'), dirname(process.execPath), process.env['PATH']]
  const child = spawn('sh', ['-c', script], {
    cwd: folder,
    timeout: shellMsMax,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { HOME: folder, PATH: path.join(delimiter), ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8')
    })
  }
  return new Promise<{ readonly code: number; readonly output: string }>((resolve) => {
    child.once('close', (code) => resolve({ code: code ?? -1, output }))
  })
}
