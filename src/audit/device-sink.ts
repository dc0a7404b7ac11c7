/** Opens what a device writes to; nothing is connected or made before the first record. */

import { rfc3339Nano } from '../lib/time.ts'
import type { Clock } from '../platform/clock.ts'
import type { Outbound } from '../platform/outbound.ts'
import { RecordFile } from '../platform/record-file.ts'
import { discardSink, standardOutputSink, type RecordSink } from '../platform/record-sink.ts'
import { openRecordSocket } from '../platform/record-socket.ts'
import type { DeviceOptions } from './device-options.ts'
import { httpSink } from './http-sink.ts'
import { syslogSink } from './syslog-lines.ts'

export interface SinkDoors {
  readonly clock: Clock
  readonly outbound: Outbound
}

export function openDeviceSink(
  { target, waitMsMax }: Pick<DeviceOptions, 'target' | 'waitMsMax'>,
  { clock, outbound }: SinkDoors,
): RecordSink {
  switch (target.kind) {
    case 'file':
      return new RecordFile(target.path, target.mode)
    case 'stdout':
      return standardOutputSink
    case 'discard':
      return discardSink
    case 'socket':
      return openRecordSocket(target.place)
    case 'syslog':
      return syslogSink(
        openRecordSocket(target.place),
        { ...target, isStream: target.place.type !== 'udp' },
        () => rfc3339Nano(clock.nowMs()).replace('000Z', 'Z'),
      )
    case 'http':
      return httpSink(outbound, target, waitMsMax)
  }
}
