/**
 * Advice about roles that are valid and still risky: on role writes and at `GET lint`
 * (explain.md §6).
 */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { cidrContains, parseCidr } from '../../lib/cidr.ts'
import { shortDuration } from '../../lib/duration.ts'
import type { JsonValue } from '../../lib/json.ts'
import type { Soon } from '../../lib/soon.ts'
import {
  isPublicIssuer,
  lintRole,
  strings,
  type Lint,
  type LintCode,
} from '../../trust/role-lint.ts'
import type { JwtConfigs, TrustRecord } from './config.ts'
import { issuerOfConfig } from './issuers.ts'
import type { RoleRecord } from './role-record.ts'

const rolesMax = 1_000
/** A job is over by then. */
const jobTokenTtlSecondsMax = 86_400

/** The stored roles of the mount. */
interface StoredRoles {
  names(page: { readonly limit: number }): Promise<readonly string[]>
  load(name: string): Soon<RoleRecord | undefined>
}

/**
 * Shown by `GET lint` only. A role bound by subject, network or claims alone is written with a
 * plain 204 (ROL-004, ROL-006 and ROL-007, which Terraform and hvac rely on), and each of them is
 * without an audience.
 */
const silentAtWrite: ReadonlySet<LintCode> = new Set(['audience_any'])

export type UnknownPolicies = NonNullable<BackendContext['unknownPolicies']>

/** Every issuer whose tokens may come to a role of the mount. */
export function issuersOf(trust: TrustRecord): readonly string[] {
  const named = trust.routes.map(({ issuer }) => issuer)
  return trust.config === undefined ? named : [issuerOfConfig(trust.config), ...named]
}

/**
 * Those that need a look at the store. A write says nothing of them: the tools that write both
 * write roles before policies (ROL-004).
 */
export async function lintPolicies(
  record: RoleRecord,
  unknownPolicies: UnknownPolicies | undefined,
): Promise<readonly Lint[]> {
  const named = [
    // Templates have no name before a login.
    ...(record.token_policies_template_claims ? [] : record.token_policies),
    ...Object.values(record.group_policies ?? {}).flatMap((given) => strings(given)),
  ]
  const unknown = (await unknownPolicies?.(named)) ?? []
  return unknown.map((name) => {
    const code = 'policy_unknown'
    const text = `[${code}] Nobody has written the policy ${JSON.stringify(name.slice(0, 256))}, so it allows nothing.`
    return { code, text }
  })
}

/** What of the mount the advice about its roles rests on. */
export interface LintFacts {
  readonly issuers: readonly string[]
  /** Of tokens whose role says nothing. */
  readonly ttlSeconds: number
}

export function lintRecord(record: RoleRecord, facts: LintFacts): readonly Lint[] {
  const { issuers } = facts
  const found = new Map<string, Lint>()
  const judged = issuers.length === 0 ? [undefined] : issuers
  for (const issuer of judged) {
    for (const lint of lintRole(record, issuer)) found.set(lint.text, lint)
  }
  const lifeSeconds = record.token_period || record.token_ttl || facts.ttlSeconds
  const ofJobs = record.role_type === 'jwt' ? issuers.find((issuer) => isPublicIssuer(issuer)) : ''
  if (ofJobs && lifeSeconds > jobTokenTtlSecondsMax) {
    const code = 'ttl_longer_than_token'
    const text = `[${code}] Tokens of ${JSON.stringify(ofJobs)} live for minutes; the one that this role gives lives for ${shortDuration(lifeSeconds)}.`
    found.set(text, { code, text })
  }
  for (const uri of record.allowed_redirect_uris ?? []) {
    if (isOpenRedirect(uri)) {
      const code = 'redirect_http_not_loopback'
      const text = `[${code}] The redirect URI ${JSON.stringify(uri.slice(0, 256))} sends the sign-in in clear to another machine.`
      found.set(text, { code, text })
    }
  }
  return [...found.values()]
}

/** Lints that a write answers as warnings. */
export function lintWarnings(record: RoleRecord, facts: LintFacts): readonly string[] {
  return lintRecord(record, facts)
    .filter(({ code }) => !silentAtWrite.has(code))
    .map(({ text }) => text)
}

const loopback = ['127.0.0.0/8', '::1/128'].flatMap((text) => parseCidr(text) ?? [])

function isOpenRedirect(uri: string): boolean {
  if (!URL.canParse(uri)) return false
  const { protocol, hostname } = new URL(uri)
  const address = hostname.replaceAll(/[[\]]/g, '')
  const isLoopback = hostname === 'localhost' || loopback.some((net) => cidrContains(net, address))
  return protocol === 'http:' && !isLoopback
}

export function lintPath(
  configs: JwtConfigs,
  roles: StoredRoles,
  { mount, unknownPolicies }: Pick<BackendContext, 'mount' | 'unknownPolicies'>,
): PathDeclaration {
  return definePath({
    pattern: 'lint',
    access: 'token',
    summary: 'Advice about every role of the mount.',
    fields: {},
    operations: {
      read: {
        summary: 'Judge every role of the mount.',
        handler: async () => {
          const facts = {
            issuers: issuersOf(await configs.loadTrust()),
            ttlSeconds: mount().defaultLeaseTtlSeconds,
          }
          const names = await roles.names({ limit: rolesMax + 1 })
          const found: JsonValue[] = []
          let count = 0
          for (const name of names.slice(0, rolesMax)) {
            const record = await roles.load(name)
            if (record === undefined) continue
            count++
            const lints = [
              ...lintRecord(record, facts),
              ...(await lintPolicies(record, unknownPolicies)),
            ]
            for (const { code, text } of lints) found.push({ role: name, code, text })
          }
          return reply.data({
            lints: found,
            roles_judged: count,
            truncated: names.length > rolesMax,
          })
        },
      },
    },
  })
}
