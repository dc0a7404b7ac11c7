/** sys/logins: what was decided about each login (explain.md §4). */

import type { DecisionRecord } from '../core/decision-records.ts'
import type { RecordedLoginsPort } from '../core/ports/system-ports.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import { reply } from '../framework/reply.ts'
import type { JsonObject } from '../lib/json.ts'
import { rfc3339 } from '../lib/time.ts'
import { field } from '../schema/field.ts'

const pageUsual = 100
const pageMost = 1000

const filters = {
  mount: field.string({ help: 'Logins at this mount.', charsMax: 512 }),
  role: field.lowerString({ help: 'Logins with this role.', charsMax: 512 }),
  decision: field.string({ help: 'accepted, refused or broken_off.', charsMax: 16 }),
  reason: field.string({ help: 'Logins refused for this reason.', charsMax: 64 }),
  after: field.string({ help: 'Go on behind this request id.', charsMax: 64 }),
  limit: field.int({ help: 'At most so many; 100 when absent, 1,000 at most.' }),
} as const

export function loginRecordPaths(ports: RecordedLoginsPort): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'logins',
      access: 'token',
      summary: 'The logins that were decided, newest first.',
      fields: filters,
      operations: {
        read: {
          summary: 'Read them, with filters.',
          handler: async ({ input }) => {
            const limit = pageOf(input.limit)
            const mount = input.mount === undefined ? undefined : authMountPath(input.mount)
            const found = await ports.records.list({ ...input, mount, limit })
            const next = found.length < limit ? null : (found.at(-1)?.id ?? null)
            return reply.data({ logins: found.map(shownRecord), next })
          },
        },
        list: {
          summary: 'List their request ids.',
          handler: async ({ input }) => {
            const found = await ports.records.list({
              after: input.after,
              limit: pageOf(input.limit),
            })
            return reply.list(found.map(({ id }) => id))
          },
        },
      },
    }),
    definePath({
      pattern: 'logins/summary',
      access: 'token',
      summary: 'How many logins were decided how, by mount, role, decision and reason.',
      fields: { since: field.time({ help: 'Only what is not older.' }) },
      operations: {
        read: {
          summary: 'Read the counts.',
          handler: async ({ input }) => {
            const found = await ports.records.list({ sinceMs: input.since, limit: Infinity })
            return reply.data({ counts: countsOf(found), total: found.length })
          },
        },
      },
    }),
    definePath({
      pattern: 'logins/:request_id',
      access: 'token',
      summary: 'One login, by the request id of its answer.',
      fields: { request_id: field.string({ help: 'The request id.', charsMax: 64 }) },
      operations: {
        read: {
          summary: 'Read it.',
          handler: async ({ input }) => {
            const record = await ports.records.find(input.request_id ?? '')
            return record === undefined ? reply.none() : reply.data(shownRecord(record))
          },
        },
      },
    }),
  ]
}

export function shownRecord(record: DecisionRecord): JsonObject {
  const { timeMs, reason, role, roleVersion, kind, check, claim, issuer, keyId } = record
  return {
    request_id: record.id,
    time: rfc3339(timeMs),
    mount: record.mount,
    kind: kind ?? null,
    role: role ?? '',
    role_version: roleVersion ?? 0,
    decision: record.decision,
    reason: reason ?? null,
    check: check ?? null,
    claim: claim ?? null,
    issuer: issuer ?? null,
    key_id: keyId ?? null,
    source_address: record.source ?? null,
    display_name: record.displayName ?? null,
    entity_id: record.entityId ?? null,
    accessor: record.accessor ?? null,
    claims: record.claims ?? null,
  }
}

function countsOf(found: readonly DecisionRecord[]): readonly JsonObject[] {
  const counts = new Map<string, { readonly newest: DecisionRecord; count: number }>()
  for (const record of found) {
    const { mount, role, decision, reason } = record
    const group = JSON.stringify([mount, role, decision, reason])
    const known = counts.get(group)
    if (known === undefined) counts.set(group, { newest: record, count: 1 })
    else known.count++
  }
  return [...counts.values()].map(({ newest, count }) => ({
    mount: newest.mount,
    role: newest.role ?? '',
    decision: newest.decision,
    reason: newest.reason ?? null,
    count,
    newest: newest.id,
  }))
}

function pageOf(asked: number | undefined): number {
  const limit = asked ?? pageUsual
  if (limit < 1 || limit > pageMost) throw invalid(`"limit" is between 1 and ${pageMost}`)
  return limit
}

/** The path of an auth mount as records have it (`jwt/`), whichever of its spellings is given. */
export function authMountPath(text: string): string {
  return `${text.replace(/^auth\//, '').replace(/\/$/, '')}/`
}
