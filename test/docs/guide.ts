/** A guide as its reader follows it: its headings, its blocks in their order, and a shell to run them in. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { isReason } from '../../src/trust/reasons.ts'
import { root } from '../harness/checkout.ts'

const shellMsMax = 90_000

/** A fenced block: the words behind the fence, and what is in it. */
export interface Block {
  readonly info: string
  readonly body: string
}

export function blocksIn(markdown: string): readonly Block[] {
  return [...markdown.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map(([, info = '', body = '']) => ({
    info,
    body,
  }))
}

/** Bodies of the fenced blocks whose info string is exactly `info`. */
export function blocksOf(markdown: string, info: string): readonly string[] {
  return blocksIn(markdown)
    .filter((block) => block.info === info)
    .map(({ body }) => body)
}

/** Texts below the headings of the second level, by heading, in their order. */
export function sectionsOf(markdown: string): ReadonlyMap<string, string> {
  const parts = markdown.split(/^## (.*)$/m).slice(1)
  const sections = new Map<string, string>()
  for (let at = 0; at < parts.length; at += 2) sections.set(parts[at] ?? '', parts[at + 1] ?? '')
  return sections
}

/** Reasons that the last section of a provider's guide explains. */
export function reasonsIn(text: string): readonly string[] {
  const section = sectionsOf(text).get('When it is refused') ?? ''
  return [...section.matchAll(/`([a-z_]+)`/g)].map(([, word = '']) => word).filter(isReason)
}

/** The shell lines of a CI system's YAML: all its literal blocks (`|`), without their margin. */
export function scriptsIn(yaml: string): readonly string[] {
  const lines = yaml.split('\n')
  const scripts: string[] = []
  for (const [at, line] of lines.entries()) {
    if (!/[:-] \|$/.test(line)) continue
    const margin = /^ */.exec(lines[at + 1] ?? '')?.[0] ?? ''
    const rest = lines.slice(at + 1)
    const end = rest.findIndex((one) => one !== '' && !one.startsWith(margin))
    const own = end === -1 ? rest : rest.slice(0, end)
    scripts.push(own.map((one) => one.slice(margin.length)).join('\n'))
  }
  return scripts
}

export interface Ran {
  readonly code: number
  /** Both streams, as a person sees them. */
  readonly output: string
}

/** A folder of its own as home and working folder, with this program on the path under the names that people call it by. */
export class ReaderFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'tokenstile-guide-'))

  constructor() {
    mkdirSync(join(this.path, 'bin'))
    for (const name of ['tokenstile', 'vault']) {
      symlinkSync(join(root, 'bin/tokenstile.js'), join(this.path, 'bin', name))
    }
  }

  at(name: string): string {
    return join(this.path, name)
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.at(name)), { recursive: true })
    writeFileSync(this.at(name), text)
  }

  /** A program that the guide counts on, as a shell script. */
  program(name: string, script: string): void {
    writeFileSync(join(this.path, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }

  run(
    script: string,
    env: Readonly<Record<string, string>>,
    onOutput: (all: string) => void = () => {},
  ): Promise<Ran> {
    const path = [join(this.path, 'bin'), dirname(process.execPath), process.env['PATH']]
    const child = spawn('sh', ['-c', script], {
      cwd: this.path,
      timeout: shellMsMax,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { HOME: this.path, PATH: path.join(delimiter), ...env },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8')
        onOutput(output)
      })
    }
    return new Promise((resolve) => {
      child.once('close', (code) => resolve({ code: code ?? -1, output }))
    })
  }

  /** All blocks in one shell that ends at the first failure; the output of each apart. */
  async follow(
    blocks: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<Ran & { readonly outputs: readonly string[] }> {
    const script = blocks.map((block, at) => `printf "\\n--- ${at + 1}\\n"\n${block}`).join('\n')
    const ran = await this.run(`set -eu\n${script}`, env)
    return { ...ran, outputs: ran.output.split(/^--- \d+\n/m).slice(1) }
  }

  /** Runs and wants exit code 0; gives the output. */
  async must(script: string, env: Readonly<Record<string, string>>): Promise<string> {
    const { code, output } = await this.run(`set -eu\n${script}`, env)
    assert.equal(code, 0, `${script}\n${output}`)
    return output
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
