/** The real executable as a process of its own: a home folder, links called `vault` and `bao`, and what it says. */

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { root } from '../harness/checkout.ts'

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  /** The name it is called by; `tokenstile` is the file itself. */
  readonly name?: 'tokenstile' | 'vault' | 'bao'
}

const runMsMax = 30_000

/** A computer of our own as far as the program sees: nothing of this one's home or variables. */
export class Computer {
  readonly folder = mkdtempSync(join(tmpdir(), 'tokenstile-program-'))
  readonly home = join(this.folder, 'home')
  readonly #bin = join(this.folder, 'bin')
  readonly #started: Program[] = []

  constructor() {
    assert.ok(
      existsSync(join(root, 'dist/cli.js')),
      'dist/ is missing: run "npm run build" (npm test does it)',
    )
    mkdirSync(this.home)
    mkdirSync(this.#bin)
    symlinkSync(process.execPath, join(this.#bin, 'node'))
    for (const name of ['vault', 'bao']) {
      symlinkSync(join(root, 'bin/tokenstile.js'), join(this.#bin, name))
    }
  }

  /** The executable's file. */
  get program(): string {
    return join(root, 'bin/tokenstile.js')
  }

  get env(): Readonly<Record<string, string>> {
    const path = [this.#bin, process.env['PATH'] ?? ''].join(delimiter)
    return { PATH: path, HOME: this.home }
  }

  /** Starts the program and leaves it running. */
  start(words: readonly string[], options: ProgramOptions = {}): Program {
    const { name = 'tokenstile' } = options
    const path = name === 'tokenstile' ? join(root, 'bin/tokenstile.js') : join(this.#bin, name)
    return this.#spawn(process.execPath, [path, ...words], options)
  }

  /** Runs the program to its end. */
  run(words: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
    return this.start(words, { name: 'vault', ...options }).ended
  }

  /** Runs lines of a shell to their end, as somebody types or pastes them. */
  shell(script: string, options: ProgramOptions = {}): Promise<Ended> {
    return this.#spawn('bash', ['-c', script], options).ended
  }

  /** A server in memory; its address and what it printed first. */
  async startDev(words: readonly string[] = []): Promise<Program & { readonly url: string }> {
    const program = this.start(['server', '-dev', '-dev-listen-address=127.0.0.1:0', ...words])
    const [, url = ''] = await program.until(/\$ export VAULT_ADDR='(http:[^']+)'/)
    await program.until(/should NOT be used in production/)
    return Object.assign(program, { url })
  }

  async remove(): Promise<void> {
    await Promise.all(this.#started.map((program) => program.stop('SIGKILL')))
    rmSync(this.folder, { recursive: true, force: true })
  }

  #spawn(file: string, args: readonly string[], options: ProgramOptions): Program {
    const child = spawn(file, args, {
      cwd: this.folder,
      env: { ...this.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const program = new Program(child)
    this.#started.push(program)
    // It may end before it has read all of that.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.stdin ?? '')
    return program
  }
}

export class Program {
  readonly ended: Promise<Ended>
  out = ''
  err = ''
  readonly #child: ChildProcess
  #hasEnded = false
  #heard: () => void = () => undefined

  constructor(child: ChildProcess) {
    this.#child = child
    child.stdout?.on('data', (chunk: Buffer) => {
      this.out += chunk.toString('utf8')
      this.#heard()
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      this.err += chunk.toString('utf8')
      this.#heard()
    })
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) => {
        this.#hasEnded = true
        resolve({ code, out: this.out, err: this.err })
        this.#heard()
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Waits until stdout or stderr has the text; fails when the program ends without it, or takes too long. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const late = AbortSignal.timeout(runMsMax)
    for (;;) {
      const match = pattern.exec(this.out) ?? pattern.exec(this.err)
      if (match !== null) return match
      const state = late.aborted ? 'too late' : 'ended'
      assert.ok(!this.#hasEnded && !late.aborted, `${state}: ${this.out}${this.err}`)
      await new Promise<void>((resolve) => {
        this.#heard = resolve
        late.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    if (!this.#hasEnded) this.signal(name)
    return this.ended
  }
}
