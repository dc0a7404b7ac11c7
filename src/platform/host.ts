/** The door to facts about the machine: its name, system, processors and memory. */

import {
  arch,
  cpus,
  freemem,
  hostname,
  loadavg,
  platform,
  release,
  totalmem,
  uptime,
} from 'node:os'

export interface HostFacts {
  readonly hostname: string
  readonly os: string
  readonly kernelVersion: string
  readonly kernelArch: string
  readonly uptimeSeconds: number
  readonly load: readonly number[]
  readonly processors: readonly { readonly model: string; readonly mhz: number }[]
  readonly memoryTotalBytes: number
  readonly memoryFreeBytes: number
}

export function readHost(): HostFacts {
  return {
    hostname: hostname(),
    os: platform(),
    kernelVersion: release(),
    kernelArch: arch(),
    uptimeSeconds: Math.floor(uptime()),
    load: loadavg(),
    processors: cpus().map(({ model, speed }) => ({ model, mhz: speed })),
    memoryTotalBytes: totalmem(),
    memoryFreeBytes: freemem(),
  }
}
