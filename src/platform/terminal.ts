/**
 * The door to the terminal of a command line program: hidden prompts, other programs, deadlines.
 */

import { spawn } from 'node:child_process'
import { delayMsMax, SystemClock } from './clock.ts'

export interface TerminalInput extends AsyncIterable<Buffer | string> {
  readonly isTTY?: boolean
  setRawMode?(raw: boolean): unknown
  /** A process that has read from its terminal ends only when this was called. */
  unref?(): unknown
}

export interface TerminalOutput {
  readonly isTTY?: boolean
  write(text: string): unknown
}

const inputBytesMax = 64 * 1024 * 1024
const programOutputBytesMax = 1024 * 1024

/** Everything that comes from a stream until it ends. */
export async function readAllInput(input: TerminalInput): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of input) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    size += bytes.length
    if (size > inputBytesMax)
      throw new Error(`standard input is larger than ${inputBytesMax} bytes`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * Asks for a line without showing it. Undefined when nobody can be asked: input that is no terminal
 * is never waited for, so a script cannot hang here.
 */
export async function askHidden(
  input: TerminalInput,
  output: TerminalOutput,
  question: string,
): Promise<string | undefined> {
  if (input.isTTY !== true || input.setRawMode === undefined) return undefined
  output.write(question)
  input.setRawMode(true)
  try {
    return await readKeys(input)
  } finally {
    input.setRawMode(false)
    input.unref?.()
    output.write('\n')
  }
}

async function readKeys(input: TerminalInput): Promise<string | undefined> {
  let line = ''
  for await (const chunk of input) {
    for (const key of chunk.toString('utf8')) {
      if (key === '\r' || key === '\n') return line
      // Ctrl-C and Ctrl-D leave without an answer.
      if (key === '\u0003' || key === '\u0004') return undefined
      line = key === '\u007f' || key === '\b' ? line.slice(0, -1) : line + key
      if (line.length > inputBytesMax) return undefined
    }
  }
  return undefined
}

/** The lines that somebody enters, one at a time; a terminal shows them itself. */
export class EnteredLines {
  readonly #input: TerminalInput
  #chunks: AsyncIterator<Buffer | string> | undefined
  #rest = ''

  constructor(input: TerminalInput) {
    this.#input = input
  }

  /** The next line without its end; undefined when the input is over. */
  async next(): Promise<string | undefined> {
    this.#chunks ??= this.#input[Symbol.asyncIterator]()
    for (;;) {
      const end = this.#rest.indexOf('\n')
      if (end >= 0) {
        const line = this.#rest.slice(0, end)
        this.#rest = this.#rest.slice(end + 1)
        return line.endsWith('\r') ? line.slice(0, -1) : line
      }
      const chunk = await this.#chunks.next()
      if (chunk.done === true || this.#rest.length > inputBytesMax) return undefined
      this.#rest += chunk.value.toString('utf8')
    }
  }

  /** Nothing waits for the input any longer. */
  end(): void {
    this.#input.unref?.()
  }
}

export interface ProgramRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramInput {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: string
}

/** Runs a program without a shell, so an argument stays one argument. */
export function runProgram(path: string, input: ProgramInput): Promise<ProgramRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, [...input.args], { env: input.env, stdio: 'pipe', shell: false })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < programOutputBytesMax) stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < programOutputBytesMax) stderr += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ exitCode: code ?? 1, stdout, stderr }))
    // A program that does not read its input closes the pipe; that is its right.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input.stdin)
  })
}

/** A signal that fires after that time; it does not keep the process alive. */
export function deadline(afterMs: number): AbortSignal {
  return AbortSignal.timeout(Math.min(afterMs, delayMsMax))
}

/** Waits that long, but no longer than a timer can. */
export function pause(forMs: number): Promise<void> {
  return new SystemClock().sleep(forMs)
}
