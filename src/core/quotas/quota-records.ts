/** Rate limit quotas as they are stored (platform.md §2.11). */

import { field } from '../../schema/field.ts'
import { defineRecord, own, stored, type StoredOf } from '../../schema/record.ts'

export const rateLimitRecord = defineRecord({
  name: own<string>(''),
  path: stored(
    field.string({
      help: 'A mount, a path, a path with "*" at its end, or a namespace; everything when empty.',
      charsMax: 1024,
    }),
  ),
  role: stored(field.string({ help: 'Only logins of that role at the mount.', charsMax: 256 })),
  rate: stored(field.float({ help: 'Requests in each interval, for each client address.' })),
  interval: stored(field.duration({ help: 'Length of the interval; 1 second by default.' }), {
    default: 1,
  }),
  block_interval: stored(
    field.duration({ help: 'How long a client is refused once it went beyond; 0 is not at all.' }),
  ),
  inheritable: stored(field.bool({ help: 'Of a namespace: it counts for those below too.' })),
})
export type RateLimit = StoredOf<typeof rateLimitRecord.table>

export const quotaConfigRecord = defineRecord({
  enable_rate_limit_audit_logging: stored(
    field.bool({ help: 'Kept for compatibility.', withoutEffect: true }),
  ),
  enable_rate_limit_response_headers: stored(
    field.bool({ help: 'Tell clients with each answer how much is left.' }),
  ),
  rate_limit_exempt_paths: stored(
    field.commaList({
      help: 'Paths that no quota limits; "*" at the end stands for all below.',
      charsMax: 16_384,
    }),
  ),
  absolute_rate_limit_exempt_paths: stored(
    field.commaList({ help: 'The same, of all namespaces.', charsMax: 16_384 }),
  ),
})
export type QuotaConfig = StoredOf<typeof quotaConfigRecord.table>
