/** Starts `server-child` and waits until it serves. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface RunningChild {
  readonly url: string
  /** From the start of the process to its first answer. */
  readonly readyMs: number
  kill(signal: 'SIGKILL' | 'SIGTERM'): void
  /** Resolves with exit code, or the signal's name, and what it said at last. */
  readonly ended: Promise<{ readonly how: number | string; readonly lastLine: string }>
}

const running = new Set<ChildProcess>()

/** Ends what a failed test has left. */
export function killChildren(): void {
  for (const child of running) child.kill('SIGKILL')
}

export async function startChild(folder: string, staticKey: string): Promise<RunningChild> {
  const file = fileURLToPath(new URL('./server-child.js', import.meta.url))
  const startedMs = performance.now()
  const child = spawn(process.execPath, [file, folder, staticKey], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  child.once('close', () => running.delete(child))
  let said = ''
  const ended = once(child, 'close').then(([code, signal]) => ({
    how: (code ?? signal) as number | string,
    lastLine: said.trimEnd().split('\n').at(-1) ?? '',
  }))
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString()
      const ready = /^ready (\S+)\n/.exec(said)
      if (ready?.[1] !== undefined) resolve(ready[1])
    })
    void ended.then(({ how }) => reject(new Error(`the server ended before it was ready: ${how}`)))
  })
  const health = await fetch(`${url}/v1/sys/health`)
  await health.arrayBuffer()
  return {
    url,
    readyMs: performance.now() - startedMs,
    kill: (signal) => void child.kill(signal),
    ended,
  }
}
