/** Counts requests against the quotas in force, before anything else is made of them. */

import type { ApiRequest } from '../../framework/api.ts'
import type { Backend } from '../../framework/backend.ts'
import { Refusal } from '../../framework/refusal.ts'
import { customerOf } from '../../lib/cidr.ts'
import type { Clock } from '../../platform/clock.ts'
import { prefixRange, type StoreView } from '../../storage/store.ts'
import { after, type Soon } from '../../lib/soon.ts'
import { trimEnd, trimEnds } from '../../lib/trim.ts'
import { keys, lastSegment } from '../keys.ts'
import { fullPath, type MountTable } from '../mount-table.ts'
import type { MountRecord } from '../records.ts'
import { RateBuckets, type Taken } from './rate-buckets.ts'
import { quotaConfigRecord, type RateLimit } from './quota-records.ts'
import { QuotaRules } from './rate-limit.ts'

type Headers = Readonly<Record<string, string>>

export class Quotas {
  readonly #clock: Clock
  readonly #buckets: RateBuckets
  readonly #backendOf: BackendOf

  constructor(clock: Clock, backendOf: BackendOf, processes = 1) {
    this.#clock = clock
    this.#backendOf = backendOf
    this.#buckets = new RateBuckets(processes)
  }

  /** Gives what the client is told of its quota; throws a 429 when nothing is left of it. */
  take(request: Counted, rules: QuotaRules, namespace = ''): Soon<Headers | undefined> {
    const role = (mount: MountRecord): Soon<string> => this.#roleOf(request, mount)
    return after(rules.find({ path: request.path, namespace, role }), (limit) =>
      limit === undefined ? undefined : this.#takeFrom(limit, request, rules),
    )
  }

  /** What a login names, as the mount reads it; else only text can be a role. */
  #roleOf({ path, data }: Counted, mount: MountRecord): Soon<string> {
    const backend = this.#backendOf(mount)
    if (backend.roleOfLogin !== undefined) {
      return backend.roleOfLogin(trimEnd(path.slice(fullPath(mount).length), '/'), data)
    }
    const { role } = data
    return typeof role === 'string' ? role : ''
  }

  #takeFrom(limit: RateLimit, request: Counted, rules: QuotaRules): Headers | undefined {
    const { path, clientAddress } = request
    const taken = this.#buckets.take(limit, customerOf(clientAddress), this.#clock.monotonicMs())
    const isTold = rules.config.enable_rate_limit_response_headers
    if (taken.isAllowed) return isTold ? headersOf(taken) : undefined
    throw new Refusal('rate_limited', {
      text: `request path ${JSON.stringify(path.slice(0, 512))}: rate limit quota exceeded`,
      headers: {
        'Retry-After': String(taken.waitSeconds),
        ...(isTold ? headersOf(taken) : {}),
      },
    })
  }
}

function headersOf({ limit, remaining, waitSeconds }: Taken): Headers {
  return {
    'X-Ratelimit-Limit': String(limit),
    'X-Ratelimit-Remaining': String(remaining),
    'X-Ratelimit-Reset': String(waitSeconds),
  }
}

type BackendOf = (mount: MountRecord) => Pick<Backend, 'roleOfLogin'>

type Counted = Pick<ApiRequest, 'path' | 'clientAddress' | 'data'>

export async function readQuotaRules(view: StoreView, mounts: MountTable): Promise<QuotaRules> {
  const config = (await view.get(keys.quotaConfig())) ?? quotaConfigRecord.defaults
  const limits = await readRateLimits(view)
  const placed = limits.map(async (limit) => ({
    limit,
    namespace: await namespaceOfQuota(limit.path, view),
  }))
  return new QuotaRules(await Promise.all(placed), config, mounts)
}

/** The namespace that a path of a quota leads into; undefined for the root. */
export async function namespaceOfQuota(
  given: string,
  view: StoreView,
): Promise<string | undefined> {
  const path = `${trimEnds(given, '/')}/`
  let found: string | undefined
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const namespace = path.slice(0, at + 1)
    if ((await view.get(keys.namespacePath(namespace))) === undefined) break
    found = namespace
  }
  return found
}

export async function readRateLimits(view: StoreView): Promise<readonly RateLimit[]> {
  const limits: RateLimit[] = []
  for await (const key of view.keys(prefixRange(keys.rateLimitPrefix))) {
    const limit = await view.get(keys.rateLimit(lastSegment(key)))
    if (limit !== undefined) limits.push(limit)
  }
  return limits
}
