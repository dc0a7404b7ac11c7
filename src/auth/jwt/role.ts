/** Roles of the JWT/OIDC method: fields, write rules and read shape (jwt-oidc.md §2). */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import { checkIdentitySettings } from '../../framework/identity-settings.ts'
import { listPath, NamedRecords } from '../../framework/named-records.ts'
import { dryRunField, previewLogins, type Preview } from '../../framework/dry-run.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import { mergeSettings, olderTokenFields, requireChoices } from '../../framework/token-settings.ts'
import { shortDuration } from '../../lib/duration.ts'
import { field, type Input } from '../../schema/field.ts'
import type { Key, StoreTransaction, StoreView } from '../../storage/store.ts'
import { checkRoleRules } from '../../trust/role-checks.ts'
import { compileRole, type CompiledRole } from '../../trust/role-rules.ts'
import type { JwtConfigs, TrustRecord } from './config.ts'
import { issuersOf, lintWarnings, type LintFacts } from './lint.ts'
import {
  readShape,
  roleCodec,
  roleNameCharsMax,
  roleRecord,
  type RoleDraft,
  type RoleRecord,
} from './role-record.ts'

const roleFields = {
  name: field.lowerString({ help: 'Name of the role.', charsMax: roleNameCharsMax }),
  ...roleRecord.fields,
  ...olderTokenFields,
  dry_run: dryRunField,
} as const

/** A role as a write would leave it, beside what stands. */
export interface DraftedRole {
  readonly current: RoleRecord | undefined
  readonly next: RoleRecord
  readonly warnings: readonly string[]
}

const providerTokens = ['access_token', 'id_token', 'refresh_token']

export class JwtRoles extends NamedRecords<RoleRecord> {
  readonly #context: BackendContext
  readonly #configs: JwtConfigs
  /** A record object stays the same while its stored bytes do. */
  readonly #compiled = new WeakMap<RoleRecord, CompiledRole>()

  constructor(context: BackendContext, configs: JwtConfigs) {
    super(context.store, 'role/', roleCodec)
    this.#context = context
    this.#configs = configs
  }

  /** Another one after each write of any role: whoever knows all roles reads them again then. */
  async setRevision(view?: StoreView): Promise<string> {
    if (view === undefined) return this.#context.store.view((one) => this.setRevision(one))
    return (await view.get(this.#setKey())) ?? ''
  }

  #setKey(): Key<string> {
    return this.#context.store.configKey('role-set')
  }

  /** Put without a look at what was there, so that writers of two roles do not meet. */
  #markSet(txn: StoreTransaction): void {
    txn.put(this.#setKey(), this.#context.random.uuid())
  }

  /**
   * Last version of a deleted role: a new one of that name goes on counting, since tokens of the
   * old one know their number.
   */
  #lastVersionKey(name: string): Key<number> {
    return this.#context.store.key(`role-version/${name}`)
  }

  /** The role prepared for decisions. */
  compiled(record: RoleRecord): CompiledRole {
    const known = this.#compiled.get(record)
    if (known !== undefined) return known
    const role = compileRole(record.name, record.version, record)
    this.#compiled.set(record, role)
    return role
  }

  /** Creates or updates; gives warnings. Throws a 400 and has then changed nothing. */
  async write(name: string, input: Input<typeof roleFields>): Promise<readonly string[]> {
    return this.#context.store.write(async (txn) => {
      const { next, warnings } = await this.#written(name, input, txn)
      txn.put(this.key(name), next)
      this.#markSet(txn)
      return warnings
    })
  }

  /** What a write would make of the role; throws what it would throw. */
  draft(name: string, input: Input<typeof roleFields>): Promise<DraftedRole> {
    return this.#context.store.view((view) => this.#written(name, input, view))
  }

  async #written(
    name: string,
    input: Input<typeof roleFields>,
    view: StoreView,
  ): Promise<DraftedRole> {
    const trust = await this.#configs.loadTrust(view)
    const current = await view.get(this.key(name))
    const asked = parseRoleType(input.role_type)
    const merged = merge(current ?? { ...roleRecord.defaults, name }, input)
    const role_type = asked ?? inferRoleType(merged, this.#isForJwtsOnly(trust))
    const record = this.#checked({ ...merged, role_type })
    const last = current?.version ?? (await view.get(this.#lastVersionKey(name))) ?? 0
    return {
      current,
      // Every write counts: what was judged before it (a confirmed sign-in that waits for its poll)
      // is judged again.
      next: { ...record, version: last + 1 },
      warnings: [...this.#warnings(record), ...lintWarnings(record, this.#lintFacts(trust))],
    }
  }

  #lintFacts(trust: TrustRecord): LintFacts {
    const { defaultLeaseTtlSeconds } = this.#context.mount()
    return { issuers: issuersOf(trust), ttlSeconds: defaultLeaseTtlSeconds }
  }

  /** The mount knows issuers and has no browser flow. */
  #isForJwtsOnly({ config, routes }: TrustRecord): boolean {
    return config === undefined ? routes.length > 0 : this.#configs.kind(config) !== 'oidc'
  }

  /** The rest of jwt-oidc.md §2.4, in its order. */
  #checked(record: RoleDraft): RoleRecord {
    const { maxLeaseTtlSeconds } = this.#context.mount()
    if (record.token_period > maxLeaseTtlSeconds) {
      throw invalid(
        `'token_period' of ${shortDuration(record.token_period)} is greater than the mount's maximum lease TTL of ${shortDuration(maxLeaseTtlSeconds)}`,
      )
    }
    const { problems } = checkRoleRules(record)
    const refuse = (isThis: (field: string) => boolean) => {
      const problem = problems.find(({ field: name }) => isThis(name))
      if (problem !== undefined) throw invalid(problem.text)
    }
    refuse((name) => !lateProblems.has(name))
    checkProviderTokens(record)
    refuse((name) => name === 'user_claim')
    checkFlow(record)
    refuse((name) => name === 'bound_audiences')
    refuse(() => true)
    return requireChoices(roleRecord, record)
  }

  #warnings(record: RoleRecord): readonly string[] {
    const warnings = checkRoleRules(record).warnings.map((warning) => warning.text)
    const { maxLeaseTtlSeconds } = this.#context.mount()
    if (record.token_max_ttl > maxLeaseTtlSeconds) {
      warnings.push(
        "token_max_ttl is greater than the system or mount's maximum TTL value; issued tokens' max TTL value will be truncated",
      )
    }
    if (record.verbose_oidc_logging) {
      warnings.push(
        'verbose_oidc_logging has been enabled for this role. This is not recommended in production since sensitive information may be present in OIDC responses.',
      )
    }
    return warnings
  }

  async remove(name: string): Promise<void> {
    const key = this.key(name)
    await this.#context.store.write(async (txn) => {
      const current = await txn.get(key)
      if (current === undefined) return
      txn.put(this.#lastVersionKey(name), current.version)
      txn.delete(key.text)
      this.#markSet(txn)
    })
  }
}

/** Problems that the contract lists after `oauth2_metadata`. */
const lateProblems: ReadonlySet<string> = new Set([
  'user_claim',
  'bound_audiences',
  'token_policies',
])

/** Undefined when the request leaves the type open. */
function parseRoleType(asked: string | undefined): 'jwt' | 'oidc' | undefined {
  if (asked === undefined || asked === '') return undefined
  if (asked === 'jwt' || asked === 'oidc') return asked
  throw invalid(`invalid 'role_type': ${JSON.stringify(asked.slice(0, 64))}; use jwt or oidc`)
}

/**
 * jwt-oidc.md §2.3: a role without redirect URIs on a mount without a browser flow can only be for
 * JWTs.
 */
function inferRoleType(merged: RoleDraft, isForJwtsOnly: boolean): 'jwt' | 'oidc' {
  const hasRedirects = (merged.allowed_redirect_uris ?? []).length > 0
  // Device sign-ins need none, and asking for them says what the role is for.
  if (hasRedirects || merged.callback_mode === 'device') return 'oidc'
  return isForJwtsOnly ? 'jwt' : 'oidc'
}

function checkProviderTokens(record: RoleDraft): void {
  for (const name of record.oauth2_metadata ?? []) {
    if (!providerTokens.includes(name)) {
      throw invalid(
        `invalid 'oauth2_metadata': ${JSON.stringify(name.slice(0, 64))}; use ${providerTokens.join(', ')}`,
      )
    }
  }
}

/** What only browser sign-ins use. */
function checkFlow(record: RoleDraft): void {
  requireChoices(roleRecord, record)
  if (record.poll_interval < 0) throw invalid("'poll_interval' cannot be negative")
  const hasRedirects = (record.allowed_redirect_uris ?? []).length > 0
  if (record.role_type === 'oidc' && !hasRedirects && record.callback_mode !== 'device') {
    throw invalid("'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified.")
  }
}

function merge(current: RoleRecord, input: Input<typeof roleFields>): RoleDraft {
  const merged = mergeSettings(current, input, (one) => roleRecord.merge(current, one))
  return checkIdentitySettings(merged)
}

export function rolePaths(
  roles: JwtRoles,
  preview: Preview<DraftedRole>,
): readonly PathDeclaration[] {
  return [
    listPath({ pattern: 'role', summary: 'Names of all roles.', list: 'List roles.' }, (page) =>
      roles.names(page),
    ),
    definePath({
      pattern: 'role/:name',
      access: 'token',
      summary: 'One role: which tokens may log in, and what they receive.',
      fields: roleFields,
      tellsUnknown: true,
      exists: ({ captures }) => roles.has(captures['name'] ?? ''),
      operations: {
        read: {
          summary: 'Read a role.',
          handler: async ({ input }) => reply.found(await roles.load(input.name ?? ''), readShape),
        },
        write: {
          summary:
            'Create or update a role; what is not given stays, but for four fields that reset.',
          handler: async ({ input, may }) => {
            const name = input.name ?? ''
            if (input.dry_run === true) {
              return previewLogins(preview, { may }, () => roles.draft(name, input))
            }
            return reply.none(await roles.write(name, input))
          },
        },
        delete: {
          summary: 'Delete a role.',
          handler: ({ input }) => reply.done(roles.remove(input.name ?? '')),
        },
      },
    }),
  ]
}
