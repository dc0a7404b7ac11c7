/** How long somebody else has to wait while a costly request is carried out (ruling R12). */

import { performance } from 'node:perf_hooks'
import type { ApiResult } from './api-client.ts'
import type { TestServer } from './test-server.ts'

/**
 * A single step of a faulty server took seconds, and a right one stays below 100 ms when the machine
 * has nothing else to do; client and server share a thread here.
 */
export const otherCallerMsMax = 600

export interface Costly {
  readonly result: ApiResult
  /**
   * The longest that a caller of `sys/health` waited meanwhile, without the time that other
   * programs took.
   */
  readonly otherCallerMs: number
}

/** Runs the costly request beside a caller who asks for the health again and again. */
export async function besideOtherCaller(
  server: TestServer,
  work: () => Promise<ApiResult>,
): Promise<Costly> {
  const other = server.client()
  let isOver = false
  let otherCallerMs = 0
  const started = other.read('sys/health')
  const asking = started.then(async () => {
    do {
      const before = { wallMs: performance.now(), cpu: process.cpuUsage() }
      await other.read('sys/health')
      const wallMs = performance.now() - before.wallMs
      const { system, user } = process.cpuUsage(before.cpu)
      otherCallerMs = Math.max(otherCallerMs, Math.min(wallMs, (user + system) / 1000))
    } while (!isOver)
  })
  await started
  const result = await work()
  isOver = true
  await asking
  return { result, otherCallerMs }
}
