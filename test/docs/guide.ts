/** Runs the blocks of a guide as its reader would: in order, in one shell, with a home of its own. */

import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

/** The checkout, from wherever the built test lies in it. */
export const root = findRoot(import.meta.dirname)
const shellMsMax = 90_000

function findRoot(folder: string): string {
  const parent = dirname(folder)
  if (existsSync(join(folder, 'package.json')) || parent === folder) return folder
  return findRoot(parent)
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** Bodies of the fenced blocks whose info string is exactly `info`. */
export function blocksOf(markdown: string, info: string): readonly string[] {
  return [...markdown.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)]
    .filter(([, language]) => language === info)
    .map(([, , body = '']) => body)
}

export interface ShellResult {
  readonly code: number
  readonly output: string
}

/** A folder for one guide, with `vault` and `tokenstile` on the path. */
export class Reader {
  readonly folder = mkdtempSync(join(tmpdir(), 'tokenstile-guide-'))

  constructor() {
    mkdirSync(join(this.folder, 'bin'))
    for (const name of ['tokenstile', 'vault']) {
      symlinkSync(join(root, 'bin/tokenstile.js'), join(this.folder, 'bin', name))
    }
  }

  put(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text, { mode: 0o600 })
  }

  /** All blocks in one shell that ends at the first failure; the output of each apart. */
  async follow(
    blocks: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<ShellResult & { readonly outputs: readonly string[] }> {
    const script = blocks.map((block, at) => `printf "\\n--- ${at + 1}\\n"\n${block}`).join('\n')
    const result = await this.run(`set -eu\n${script}`, env)
    return { ...result, outputs: result.output.split(/^--- \d+\n/m).slice(1) }
  }

  run(script: string, env: Readonly<Record<string, string>> = {}): Promise<ShellResult> {
    const path = [join(this.folder, 'bin'), dirname(process.execPath), process.env['PATH']]
    const child = spawn('sh', ['-c', script], {
      cwd: this.folder,
      timeout: shellMsMax,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { HOME: this.folder, PATH: path.join(delimiter), ...env },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8')
      })
    }
    return new Promise((resolve) => {
      child.once('close', (code) => resolve({ code: code ?? -1, output }))
    })
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
