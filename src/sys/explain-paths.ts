/**
 * sys/explain/: the table of reasons as data (explain.md §1), and why a login would be accepted or
 * refused (explain.md §3).
 */

import type { CallerFacts } from '../core/caller-facts.ts'
import type { DecisionRecord } from '../core/decision-records.ts'
import type { PreviewedLogin } from '../core/login.ts'
import type {
  BackendPort,
  ConfigurationPort,
  LoginPreviewPort,
  RecordedLoginsPort,
} from '../core/ports/system-ports.ts'
import type { MountRecord } from '../core/records.ts'
import { corePaths, type CoreRequest } from '../framework/core-path.ts'
import type {
  ExplainAsked,
  ExplainedLogin,
  LoginExplainer,
  PresentedLogin,
  RoleVerdict,
} from '../framework/explain.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid, Refusal } from '../framework/refusal.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { BoundedCache } from '../lib/bounded-cache.ts'
import { parseCidr } from '../lib/cidr.ts'
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from '../lib/json.ts'
import { nearestName } from '../lib/nearest-name.ts'
import { rfc3339 } from '../lib/time.ts'
import { field, type Input } from '../schema/field.ts'
import { authMountPath, shownRecord } from './login-record-paths.ts'
import { refuseAfterwards, type Explanation } from '../trust/decide.ts'
import { fixesOf } from '../trust/fixes.ts'
import { claimsByReference } from '../trust/pointer.ts'
import { reasons } from '../trust/reasons.ts'
import { lints } from '../trust/role-lint.ts'

const fields = {
  mount: field.string({
    help: 'The mount of the login; the only one that can be explained when absent.',
    charsMax: 512,
  }),
  role: field.lowerString({
    help: "The role; the mount's default_role when absent.",
    charsMax: 512,
  }),
  all_roles: field.bool({ help: 'Judge every role of the mount.' }),
  jwt: field.string({ help: 'The JWT.', secret: true, charsMax: 524_288 }),
  claims: field.any({ help: 'Claims without a token, as an object or its JSON text.' }),
  id: field.string({ help: 'A kept decision record, by its request id.', charsMax: 64 }),
  kind: field.string({ help: 'jwt or oidc; that of the role when absent.', charsMax: 8 }),
  at: field.time({ help: 'Judge as of then.' }),
  source_address: field.string({ help: 'Judge as if called from there.', charsMax: 64 }),
} as const

type Request = CoreRequest<Input<typeof fields>, CallerFacts>
type Ports = BackendPort & ConfigurationPort & LoginPreviewPort & RecordedLoginsPort

const claimsLimits = {
  depthMax: 64,
  entriesMax: 20_000,
  stringLengthMax: 1_048_576,
  duplicates: 'refuse',
  loneSurrogates: 'refuse',
} as const
const rolesMax = 1000
/** A minute and asker. */
const questionsMax = 30
const minuteMs = 60_000
const askersMax = 1024

export function explainPaths(ports: Ports): readonly PathDeclaration[] {
  const questions = new Questions()
  return [
    definePath({
      pattern: 'explain/reasons',
      access: 'open',
      summary: 'Why a login can be refused, and what to do about it.',
      fields: {},
      operations: {
        read: {
          summary: 'Read all reasons.',
          handler: async () => reply.data({ reasons: { ...reasons }, lints: { ...lints } }),
        },
      },
    }),
    corePaths<CallerFacts>()({
      pattern: 'explain/login',
      access: 'token',
      summary: 'Why a login would be accepted or refused, check by check; nothing is minted.',
      fields,
      operations: {
        write: {
          summary: 'Explain a login.',
          handler: async (request) => {
            questions.require(request)
            return explain(ports, request)
          },
        },
      },
    }),
  ]
}

/** How often one asker has asked in this minute. */
class Questions {
  readonly #askers = new BoundedCache<string, { sinceMs: number; count: number }>(askersMax)

  require({ facts, nowMs }: Request): void {
    const asker = facts.asker()
    const known = this.#askers.get(asker)
    const isNew = known === undefined || Math.abs(nowMs - known.sinceMs) >= minuteMs
    const window = isNew ? { sinceMs: nowMs, count: 0 } : known
    if (isNew) this.#askers.set(asker, window)
    window.count++
    if (window.count <= questionsMax) return
    const seconds = Math.ceil((window.sinceMs + minuteMs - nowMs) / 1000)
    throw new Refusal('rate_limited', {
      text: `a token may ask for ${questionsMax} explanations a minute; ask again in ${seconds} s`,
      headers: { 'Retry-After': String(seconds) },
    })
  }
}

async function explain(ports: Ports, request: Request): Promise<Reply> {
  const { input } = request
  const given = presentedBy(input)
  const record = typeof given === 'string' ? await recorded(ports, given) : undefined
  const presented = typeof given === 'string' ? claimsOfRecord(record) : given
  const named = input.mount ?? record?.mount ?? ''
  const { mount, explainer } = await explainable(ports, named)
  const atMs = input.at ?? record?.timeMs ?? request.nowMs
  const asked: ExplainAsked = {
    role: input.role ?? record?.role ?? '',
    presented,
    kind: kindOf(input.kind ?? record?.kind ?? ''),
    clientAddress: addressOf(input.source_address) ?? record?.source ?? request.clientAddress,
    nowMs: atMs,
    requestId: request.requestId,
  }
  const explained = await explainer.explain(asked)
  const preview =
    explained.login === undefined ? undefined : await ports.logins.preview(explained.login, mount)
  const explanation = afterwards(explained.explanation, preview, asked.requestId)
  const all = input.all_roles === true ? await explainer.explainRoles(asked, rolesMax) : undefined
  const near =
    explanation.failure?.reason === 'role_unknown' && mayListRoles(request, mount)
      ? nearestName(explained.role, await explainer.roleNames(rolesMax))
      : undefined
  const data = {
    ...verdictOf(explanation, near),
    mount: mount.path,
    mount_accessor: mount.accessor,
    role: explained.role,
    role_version: explained.roleVersion,
    issuer: explained.issuer ?? null,
    key_id: explained.keyId ?? null,
    at: rfc3339(atMs),
    checks: explanation.checks.map((check) => ({ ...check })),
    also_fails: [...explanation.also_fails],
    outcome: preview === undefined ? null : outcomeOf(explained, preview),
    ...(record === undefined ? {} : { record: shownRecord(record) }),
    ...(all === undefined
      ? {}
      : {
          truncated: all.truncated,
          roles: await Promise.all(all.roles.map((one) => shownVerdict(ports, one, mount))),
        }),
  }
  return record?.claimsListed === true ? reply.data(data, [notAllKept]) : reply.data(data)
}

const notAllKept =
  "the mount's record_claims named the claims that were kept of this login: a check of another one takes it as absent, and data.record says how it was decided"

function verdictOf({ failure }: Explanation, nearRole: string | undefined): JsonObject {
  if (failure === undefined) return { decision: 'accept', reason: null, sentence: null, fix: [] }
  const meant = nearRole === undefined ? [] : [didYouMean(nearRole)]
  return {
    decision: 'refuse',
    reason: failure.reason,
    sentence: failure.sentence ?? null,
    fix: [...meant, ...fixesOf(failure)],
  }
}

function didYouMean(role: string): JsonObject {
  return { side: 'token', text: `Did you mean the role ${JSON.stringify(role)}?` }
}

/** Names of roles are for those who may list them. */
function mayListRoles({ facts }: Request, { path }: MountRecord): boolean {
  const asked = { operation: 'list', wrapTtlSeconds: 0, sudoRequired: false } as const
  return facts.caller?.acl.decide({ ...asked, path: `auth/${path}role/` }).allowed === true
}

/** Of one role among all, with what comes after a login's own checks. */
async function shownVerdict(
  { logins }: Ports,
  { role, reason, login }: RoleVerdict,
  mount: MountRecord,
): Promise<JsonObject> {
  const preview =
    reason !== undefined || login === undefined ? undefined : await logins.preview(login, mount)
  const why = reason ?? preview?.refused?.reason
  return { role, decision: why === undefined ? 'accept' : 'refuse', reason: why ?? null }
}

/** A refusal by what comes after a login's own checks. */
function afterwards(
  explanation: Explanation,
  preview: PreviewedLogin | undefined,
  requestId: string,
): Explanation {
  if (explanation.failure !== undefined || preview?.refused === undefined) return explanation
  return refuseAfterwards(explanation, preview.refused, 'full', requestId)
}

function outcomeOf({ login }: ExplainedLogin, preview: PreviewedLogin): JsonObject {
  return {
    display_name: preview.displayName,
    alias_name: login?.alias?.name ?? '',
    entity:
      preview.entity === undefined
        ? null
        : { id: preview.entity.id, would_create: preview.entity.wouldCreate },
    metadata: { ...login?.metadata },
    groups: [...(login?.groups ?? [])],
    token_policies: [...preview.tokenPolicies],
    identity_policies: [...preview.identityPolicies],
    policies: [...preview.policies],
    token_type: preview.tokenType,
    ttl: preview.ttlSeconds,
    explicit_max_ttl: preview.explicitMaxTtlSeconds,
    period: preview.periodSeconds,
    num_uses: preview.numUses,
    bound_cidrs: [...(login?.boundCidrs ?? [])],
  }
}

// ---------------------------------------------------------------- what is asked

/** What is to be judged, or the id of a record. */
function presentedBy(input: Request['input']): PresentedLogin | string {
  const { jwt = '', claims, id = '' } = input
  const given = [jwt !== '', claims !== undefined && claims !== null, id !== '']
  if (given.filter(Boolean).length !== 1) {
    throw invalid('exactly one of "jwt", "claims" and "id" says what is to be explained')
  }
  if (id !== '') return id
  if (jwt !== '') return { kind: 'jwt', jwt }
  return { kind: 'claims', claims: claimsOf(claims ?? null) }
}

async function recorded(ports: Ports, id: string): Promise<DecisionRecord> {
  const record = await ports.records.find(id)
  if (record !== undefined) return record
  throw invalid(`there is no decision record with the id ${JSON.stringify(id)}`)
}

/** Those that were kept: what the role did not look at is not among them. */
function claimsOfRecord(record: DecisionRecord | undefined): PresentedLogin {
  return { kind: 'claims', claims: claimsByReference(record?.claims ?? {}) }
}

function claimsOf(given: JsonValue): JsonObject {
  if (isJsonObject(given)) return given
  if (typeof given !== 'string') throw invalid('"claims" is an object or its JSON text')
  const parsed = parseJson(given, claimsLimits)
  if (!parsed.ok) throw invalid(`"claims" is no JSON text: ${parsed.error.detail}`)
  if (!isJsonObject(parsed.value)) throw invalid('"claims" is an object or its JSON text')
  return parsed.value
}

function kindOf(text: string): ExplainAsked['kind'] {
  if (text === '') return undefined
  if (text === 'jwt' || text === 'oidc') return text
  throw invalid(`"kind" is jwt or oidc, and not ${JSON.stringify(text)}`)
}

function addressOf(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined
  if (text.includes('/') || parseCidr(text) === undefined) {
    throw invalid(`"source_address" is no IP address: ${JSON.stringify(text)}`)
  }
  return text
}

/** The mount that was named in any of its spellings, or the only one there is. */
async function explainable(
  ports: Ports,
  named: string,
): Promise<{ readonly mount: MountRecord; readonly explainer: LoginExplainer }> {
  const { mounts } = await ports.configuration()
  const known = mounts.mounts.flatMap((mount) => {
    if (mount.class !== 'auth' || mount.tainted === true) return []
    const { explainer } = ports.backends.of(mount).backend
    return explainer === undefined ? [] : [{ mount, explainer }]
  })
  const paths = known.map(({ mount }) => mount.path)
  if (named === '') {
    const [only, ...others] = known
    if (only !== undefined && others.length === 0) return only
    throw invalid(
      only === undefined
        ? 'there is no mount whose logins can be explained'
        : `"mount" has to say which of these: ${paths.join(', ')}`,
    )
  }
  const path = authMountPath(named)
  const found = known.find(({ mount }) => mount.path === path)
  if (found !== undefined) return found
  throw invalid(
    `no mount ${JSON.stringify(named)} whose logins can be explained; there are: ${paths.join(', ')}`,
  )
}
