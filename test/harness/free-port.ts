/** A port that is free on both families of addresses of this machine. */

import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below those that systems give to outgoing connections: one of a test beside this one would take
 * the port between the look and its use.
 */
const portMin = 10_240
const portEnd = 32_000
const triesMax = 100

export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries++) {
    const port = randomInt(portMin, portEnd)
    if (await isFree(port)) return port
  }
  throw new Error('no port was free')
}

async function isFree(port: number): Promise<boolean> {
  const holder = createServer()
  const isHeld = await new Promise<boolean>((resolve) => {
    holder.once('error', () => resolve(false))
    holder.listen(port, () => resolve(true))
  })
  if (!isHeld) return false
  await new Promise((resolve) => {
    holder.close(resolve)
  })
  return true
}
