/** Starts `writer` as a process of its own and listens to what it says. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface Child {
  readonly process: ChildProcess
  /** All lines so far; complete once `ended` has resolved. */
  readonly lines: readonly string[]
  readonly ready: Promise<void>
  readonly ended: Promise<void>
}

export function startWriter(...words: readonly (string | number)[]): Child {
  const file = fileURLToPath(new URL('./writer.js', import.meta.url))
  const child = spawn(process.execPath, [file, ...words.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  let rest = ''
  const ended = once(child, 'close').then(() => {})
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (bytes: Buffer) => {
      const parts = (rest + bytes.toString()).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts)
      if (lines[0] === 'ready') resolve()
    })
    void ended.then(() => reject(new Error('the writer ended before it was ready')))
  })
  // Not every test waits for it.
  ready.catch(() => {})
  return { process: child, lines, ready, ended }
}
