/** A port that is free on both families of addresses of this machine. */

import { createServer, type AddressInfo } from 'node:net'

export async function freePort(): Promise<number> {
  const holder = createServer()
  await new Promise<void>((resolve) => {
    holder.listen(0, resolve)
  })
  const { port } = holder.address() as AddressInfo
  await new Promise((resolve) => {
    holder.close(resolve)
  })
  return port
}
