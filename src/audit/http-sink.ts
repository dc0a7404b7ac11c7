/**
 * Records that are posted to a web server, a batch with one record on each line at a time. Anything
 * but a 2xx means that they were not taken (OpenBao's `http` device).
 */

import type { Outbound } from '../platform/outbound.ts'
import { discardSink, type RecordSink } from '../platform/record-sink.ts'

/** Nothing in the answer is looked at. */
const answerBytesMax = 65_536

export interface HttpTarget {
  readonly uri: string
  readonly headers: Readonly<Record<string, string>>
}

class NotTaken extends Error {
  readonly code: string

  constructor(status: number) {
    super(`the server answered ${status}`)
    this.code = `HTTP_${status}`
  }
}

export function httpSink(
  outbound: Outbound,
  { uri, headers }: HttpTarget,
  timeoutMs: number,
): RecordSink {
  return {
    ...discardSink,
    write: async (lines) => {
      const { status } = await outbound.send({
        method: 'POST',
        url: uri,
        headers: { 'Content-Type': 'application/x-ndjson', ...headers },
        body: lines.join(''),
        caPem: '',
        acceptedServerNames: [],
        toleratedCriticalExtensions: [],
        timeoutMs,
        bodyBytesMax: answerBytesMax,
      })
      if (status < 200 || status > 299) throw new NotTaken(status)
    },
  }
}
