/** The record by which a device that is being enabled shows that it works. */

import type { AuditEntry } from './entry.ts'

export function auditTestEntry(id: string, timeMs: number): AuditEntry {
  return {
    type: 'request',
    timeMs,
    auth: { isAllowed: true, grantedBy: [] },
    request: {
      id,
      operation: 'update',
      path: 'sys/audit/test',
      namespace: undefined,
      mount: undefined,
      token: undefined,
      tokenAccessor: '',
      data: undefined,
      remoteAddress: undefined,
      remotePort: undefined,
      wrapTtlSeconds: 0,
      header: () => undefined,
    },
  }
}
