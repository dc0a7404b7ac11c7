/** sys/quotas: how many requests a client may make (platform.md §2.11). */

import { keys } from '../core/keys.ts'
import type { ConfigurationPort, RecordPort } from '../core/ports/system-ports.ts'
import { namespaceOfQuota, readRateLimits } from '../core/quotas/quotas.ts'
import { quotaConfigRecord, rateLimitRecord, type RateLimit } from '../core/quotas/quota-records.ts'
import { scopeOf } from '../core/quotas/rate-limit.ts'
import { warningsOfIdleFields } from '../framework/input.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import { reply } from '../framework/reply.ts'
import { trimEnds } from '../lib/trim.ts'
import { field } from '../schema/field.ts'
import type { WireInput } from '../schema/record.ts'

type QuotaPorts = RecordPort & ConfigurationPort

/** Each request goes through those with "*". */
const quotasMax = 1000
const rateMax = 1e9

const rateLimitFields = {
  name: field.name({ help: 'Name of the quota.', charsMax: 128 }),
  ...rateLimitRecord.fields,
  type: field.string({ help: 'rate-limit.', charsMax: 64 }),
} as const

export function quotaPaths(ports: QuotaPorts): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'quotas/config',
      access: 'token',
      summary: 'What all quotas have in common.',
      fields: quotaConfigRecord.fields,
      operations: {
        read: {
          summary: 'Read it.',
          handler: async () => {
            const stored = await ports.store.view((view) => view.get(keys.quotaConfig()))
            return reply.data(quotaConfigRecord.shown(stored ?? quotaConfigRecord.defaults))
          },
        },
        write: {
          summary: 'Set it; what is not given stays.',
          handler: async ({ input, data }) => {
            await ports.store.write(async (txn) => {
              const key = keys.quotaConfig()
              const current = (await txn.get(key)) ?? quotaConfigRecord.defaults
              txn.put(key, quotaConfigRecord.merge(current, input))
            })
            await ports.configuration()
            return reply.none(warningsOfIdleFields(quotaConfigRecord.fields, data))
          },
        },
      },
    }),
    definePath({
      pattern: 'quotas/rate-limit',
      access: 'token',
      summary: 'Names of all rate limit quotas.',
      fields: {},
      operations: {
        list: {
          summary: 'List quotas.',
          handler: async () =>
            reply.list((await ports.store.view(readRateLimits)).map(({ name }) => name)),
        },
      },
    }),
    definePath({
      pattern: 'quotas/rate-limit/:name',
      access: 'token',
      summary: 'How many requests a client address may make of a path, a mount or a role.',
      fields: rateLimitFields,
      tellsUnknown: true,
      operations: {
        read: {
          summary: 'Read a quota.',
          handler: async ({ input }) => {
            const key = keys.rateLimit(input.name ?? '')
            return reply.found(await ports.store.view((view) => view.get(key)), readShape)
          },
        },
        write: {
          summary: 'Create or update a quota; what is not given stays.',
          handler: async ({ input }) => {
            if (!['', 'rate-limit'].includes(input.type ?? '')) {
              throw invalid("'type' must be rate-limit")
            }
            return reply.done(write(ports, input.name ?? '', input))
          },
        },
        delete: {
          summary: 'Delete a quota.',
          handler: async ({ input }) => {
            const { text } = keys.rateLimit(input.name ?? '')
            await ports.store.write((txn) => txn.delete(text))
            return reply.done(ports.configuration())
          },
        },
      },
    }),
  ]
}

async function write(
  ports: QuotaPorts,
  name: string,
  input: WireInput<typeof rateLimitRecord.table>,
): Promise<void> {
  const { mounts } = await ports.configuration()
  await ports.store.write(async (txn) => {
    const key = keys.rateLimit(name)
    const current = (await txn.get(key)) ?? { ...rateLimitRecord.defaults, name }
    const merged = rateLimitRecord.merge(current, input)
    const limit = { ...merged, interval: merged.interval || 1 }
    if (!(limit.rate > 0) || limit.rate > rateMax) {
      throw invalid("'rate' must be greater than 0 and at most 1e9")
    }
    const scope = scopeOf(limit.path, mounts, await namespaceOfQuota(limit.path, txn))
    if (scope === undefined) throw invalid("'path' is below no mount and in no namespace")
    if (limit.role !== '' && !(scope.kind === 'mount' && scope.isAuth)) {
      throw invalid("'role' needs a 'path' that is the mount of an auth method of the root")
    }
    const others = (await readRateLimits(txn)).filter((other) => other.name !== name)
    if (others.length >= quotasMax) throw invalid(`there are ${quotasMax} quotas already`)
    const same = others.find(
      (other) =>
        trimEnds(other.path, '/') === trimEnds(limit.path, '/') && other.role === limit.role,
    )
    if (same !== undefined) {
      throw invalid(`quota rule with similar properties exists under the name "${same.name}"`)
    }
    txn.put(key, limit)
  })
  // The next request is counted by it, on this node.
  await ports.configuration()
}

function readShape(limit: RateLimit) {
  return { type: 'rate-limit', name: limit.name, ...rateLimitRecord.shown(limit) }
}
