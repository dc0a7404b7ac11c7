/** sys/logins: what was decided about each login (explain.md §4). */

import type { CallerFacts } from '../core/caller-facts.ts'
import type { DecisionRecord } from '../core/decision-records.ts'
import type { FeedItem } from '../core/login-feed.ts'
import type { AclRequest } from '../core/policy/acl.ts'
import type { RecordedLoginsPort } from '../core/ports/system-ports.ts'
import { corePaths } from '../framework/core-path.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid, Refusal } from '../framework/refusal.ts'
import { reply } from '../framework/reply.ts'
import { encodeJson, type JsonObject } from '../lib/json.ts'
import { rfc3339 } from '../lib/time.ts'
import { field } from '../schema/field.ts'

const pageUsual = 100
const pageMost = 1000

const streamFilters = {
  mount: field.string({ help: 'Logins at this mount.', charsMax: 512 }),
  role: field.lowerString({ help: 'Logins with this role.', charsMax: 512 }),
  decision: field.string({ help: 'accepted, refused or broken_off.', charsMax: 16 }),
  reason: field.string({ help: 'Logins refused for this reason.', charsMax: 64 }),
} as const

const filters = {
  ...streamFilters,
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
    corePaths<CallerFacts>()({
      pattern: 'logins/stream',
      access: 'token',
      summary: 'Logins as they are decided, as text/event-stream.',
      fields: streamFilters,
      operations: {
        read: {
          summary: 'Watch them until the token ends.',
          handler: async ({ input, facts, fullPath }) => {
            const mount = input.mount === undefined ? undefined : authMountPath(input.mount)
            const items = ports.loginFeed.open({ ...input, mount }, async () => {
              const caller = await facts.shown().catch(() => undefined)
              return caller?.acl.decide(readOf(fullPath)).allowed === true
            })
            if (items === undefined) {
              throw new Refusal('rate_limited', {
                text: 'too many watch the logins already; try again when one of them has gone',
              })
            }
            return { kind: 'stream', contentType: 'text/event-stream', chunks: events(items) }
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
            const dropped = await ports.records.droppedCount()
            return reply.data({ counts: countsOf(found), total: found.length, dropped })
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
          handler: async ({ input }) =>
            reply.found(await ports.records.find(input.request_id ?? ''), shownRecord),
        },
      },
    }),
  ]
}

function readOf(path: string): AclRequest {
  return { path, operation: 'read', data: {}, wrapTtlSeconds: 0, sudoRequired: false }
}

/** Written once for all who watch. */
const written = new WeakMap<DecisionRecord, Uint8Array>()
const alive = Buffer.from(': alive\n\n')

/** The form of server-sent events, as the HTML standard has it. */
async function* events(items: AsyncIterable<FeedItem>): AsyncGenerator<Uint8Array> {
  for await (const item of items) {
    if (item.kind === 'login') yield eventOf(item.record)
    else if (item.kind === 'alive') yield alive
    else yield Buffer.from(`event: end\ndata: ${encodeJson({ why: item.why })}\n\n`)
  }
}

function eventOf(record: DecisionRecord): Uint8Array {
  const known = written.get(record)
  if (known !== undefined) return known
  const text = `event: login\nid: ${record.id}\ndata: ${encodeJson(shownRecord(record))}\n\n`
  const bytes = Buffer.from(text)
  written.set(record, bytes)
  return bytes
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
    duration_ms: durationsOf(record),
  }
}

/** Null for what was not measured, or is not known yet. */
function durationsOf(record: DecisionRecord): JsonObject {
  const { verifyMs, keysMs, decideMs, commitMs } = record
  return {
    verify: verifyMs ?? null,
    keys: keysMs ?? null,
    decide: decideMs ?? null,
    commit: commitMs ?? null,
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
