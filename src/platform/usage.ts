/** The door to what this process uses: CPU, memory, and how late its event loop is. */

import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface Usage {
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly heapUsedBytes: number
  readonly startedAtSeconds: number
  /** Since the last reading. */
  readonly loopLagSeconds: number
}

const resolutionMs = 20
let delays: ReturnType<typeof monitorEventLoopDelay> | undefined

/** The first reading begins to watch the event loop: who never asks pays nothing. */
export function readUsage(): Usage {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  const lagMs = delays === undefined ? 0 : delays.percentile(99) / 1e6 - resolutionMs
  if (delays === undefined) {
    delays = monitorEventLoopDelay({ resolution: resolutionMs })
    delays.enable()
  } else {
    delays.reset()
  }
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: rss,
    heapUsedBytes: heapUsed,
    startedAtSeconds: Date.now() / 1000 - process.uptime(),
    loopLagSeconds: Number.isFinite(lagMs) ? Math.max(0, lagMs) / 1000 : 0,
  }
}
