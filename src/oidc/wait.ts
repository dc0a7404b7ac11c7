/** Waiting for something no longer than a given time. */

import type { Clock } from '../platform/clock.ts'

/** Resolves when the work is done, well or not, or when the time is over. */
export async function waitAtMost(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  let cancel = (): void => {}
  const timeout = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve)
  })
  const done = work.then(
    () => {},
    () => {},
  )
  await Promise.race([done, timeout])
  cancel()
}
