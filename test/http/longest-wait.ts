/** Somebody else who uses the server meanwhile: how long the longest of his requests had to wait. */

import { RawConnection, head } from './running-server.ts'

/**
 * The longest wait in milliseconds of one who asks for the health again and again on a connection of his own while the
 * work runs, and the result of that. Time that other programs took is left out: what counts is no more than what this
 * process used. The work should be little more than writes on a socket, for it is in this process as well.
 */
export async function longestWaitDuring<T>(
  port: number,
  work: () => Promise<T>,
): Promise<{ readonly waitMs: number; readonly result: T }> {
  const other = await RawConnection.open(port)
  const ask = async (): Promise<number> => {
    const before = process.cpuUsage()
    const start = performance.now()
    await other.ask(head('GET /v1/sys/health'))
    const wallMs = performance.now() - start
    const { system, user } = process.cpuUsage(before)
    return Math.min(wallMs, (system + user) / 1000)
  }
  for (let warm = 0; warm < 20; warm++) await ask()
  let isOver = false
  const done = work().finally(() => (isOver = true))
  let waitMs = 0
  while (!isOver) waitMs = Math.max(waitMs, await ask())
  const result = await done
  other.close()
  return { waitMs, result }
}
