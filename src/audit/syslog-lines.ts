/**
 * Records as messages of syslog (RFC 5424). Node has no datagrams of unix sockets, so that the
 * system's own `/dev/log` is reached by its network input: a stream frames each message by its
 * length (RFC 6587 §3.4.1), a datagram is one message.
 */

import type { RecordSink } from '../platform/record-sink.ts'

/** Severity "informational". */
const severity = 6

export interface SyslogNames {
  readonly facility: number
  readonly tag: string
  readonly isStream: boolean
}

export function syslogSink(
  inner: RecordSink,
  { facility, tag, isStream }: SyslogNames,
  nowText: () => string,
): RecordSink {
  const priority = facility * 8 + severity
  const frame = (line: string): string => {
    const record = line.endsWith('\n') ? line.slice(0, -1) : line
    const message = `<${priority}>1 ${nowText()} - ${tag} - - - ${record}`
    return isStream ? `${Buffer.byteLength(message)} ${message}` : message
  }
  return {
    write: (lines) => inner.write(lines.map(frame)),
    reopen: () => inner.reopen(),
    giveUp: () => inner.giveUp(),
    close: () => inner.close(),
  }
}
