/** Somebody else who uses the server meanwhile: how long the longest of his requests had to wait. */

import { RawConnection, head } from '../http/running-server.ts'

/**
 * The longest wait in milliseconds of one who asks for the health again and again on a connection of his own while the
 * work runs, and the result of that. The work belongs into another process or is a few writes on a socket: what it costs in
 * this process counts as the server's.
 */
export async function longestWaitDuring<T>(
  port: number,
  work: () => Promise<T>,
): Promise<{ readonly waitMs: number; readonly result: T }> {
  const other = await RawConnection.open(port)
  const ask = async (): Promise<number> => {
    const start = performance.now()
    await other.ask(head('GET /v1/sys/health'))
    return performance.now() - start
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
