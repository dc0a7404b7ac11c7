/** Roles of the JWT/OIDC method: fields, write rules and read shape (JWT contract §2). */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import { shortDuration } from '../../lib/duration.ts'
import { field, type Input } from '../../schema/field.ts'
import { exactCodec, type Key, type StoreView } from '../../storage/store.ts'
import { checkRoleRules } from '../../trust/role-checks.ts'
import { compileRole, type CompiledRole } from '../../trust/role-rules.ts'
import type { JwtConfigs, TrustRecord } from './config.ts'
import { issuersOf, lintWarnings } from './lint.ts'
import { newRole, readShape, roleNameCharsMax, rulesOf, type RoleRecord } from './role-record.ts'
import { mergeTokenSettings, tokenFields } from './token-fields.ts'

const roleFields = {
  name: field.lowerString({ help: 'Name of the role.', charsMax: roleNameCharsMax }),
  role_type: field.string({ help: 'jwt or oidc.' }),
  user_claim: field.string({ help: 'Claim that names the user.', required: true }),
  user_claim_json_pointer: field.bool({ help: 'Read user_claim as a JSON pointer.' }),
  groups_claim: field.string({
    help: 'Claim that lists groups; a JSON pointer if it begins with "/".',
  }),
  groups_claim_required: field.bool({
    help: 'Refuse a token without groups_claim; true by default.',
  }),
  bound_audiences: field.commaList({
    help: 'Audiences of which one must be in aud.',
    emptyElements: 'drop',
  }),
  bound_subject: field.string({ help: 'Required sub.' }),
  bound_claims: field.textMap({ help: 'Claims with the values that they must have.' }),
  bound_claims_type: field.string({ help: 'string or glob.' }),
  claim_mappings: field.kvPairs({ help: 'Claims to copy into metadata: claim=key.' }),
  optional_claim_mappings: field.commaList({
    help: 'Mapped claims that may be absent, or "*".',
    emptyElements: 'drop',
  }),
  oidc_scopes: field.commaList({ help: 'Scopes to ask the provider for.', emptyElements: 'drop' }),
  allowed_redirect_uris: field.commaList({
    help: 'Redirect URIs of browser sign-ins.',
    emptyElements: 'drop',
  }),
  callback_mode: field.string({ help: 'client, direct or device.' }),
  poll_interval: field.int({ help: 'Seconds between polls of a direct or device sign-in.' }),
  oidc_disable_confirmation: field.bool({ help: 'No confirmation page in direct mode.' }),
  oauth2_metadata: field.commaList({
    help: 'Provider tokens to keep in token metadata.',
    emptyElements: 'drop',
  }),
  verbose_oidc_logging: field.bool({ help: 'Log claims of sign-ins at debug level.' }),
  max_age: field.duration({
    help: "OpenID Connect max_age: how fresh the provider's sign-in must be.",
  }),
  expiration_leeway: field.signedDuration({
    help: 'Window for a missing exp; 0 is 150 s, negative none.',
  }),
  not_before_leeway: field.signedDuration({
    help: 'Window for a missing nbf; 0 is 150 s, negative none.',
  }),
  clock_skew_leeway: field.signedDuration({
    help: 'Allowed clock difference; 0 is 60 s, negative none.',
  }),
  token_policies_template_claims: field.bool({
    help: 'Read token_policies as templates over claims.',
  }),
  alias_metadata: field.kvPairs({ help: 'Fixed metadata of the entity alias.' }),
  ...tokenFields,
} as const

const keptFields = [
  'user_claim',
  'user_claim_json_pointer',
  'groups_claim',
  'groups_claim_required',
  'bound_audiences',
  'bound_subject',
  'bound_claims',
  'claim_mappings',
  'optional_claim_mappings',
  'oidc_scopes',
  'allowed_redirect_uris',
  'poll_interval',
  'oauth2_metadata',
  'verbose_oidc_logging',
  'max_age',
  'expiration_leeway',
  'not_before_leeway',
  'clock_skew_leeway',
  'token_policies_template_claims',
  'alias_metadata',
] as const

const providerTokens = ['access_token', 'id_token', 'refresh_token']

export class JwtRoles {
  readonly #context: BackendContext
  readonly #configs: JwtConfigs
  /** A record object stays the same while its stored bytes do. */
  readonly #compiled = new WeakMap<RoleRecord, CompiledRole>()

  constructor(context: BackendContext, configs: JwtConfigs) {
    this.#context = context
    this.#configs = configs
  }

  #key(name: string): Key<RoleRecord> {
    return this.#context.store.configKey(`role/${name}`, exactCodec<RoleRecord>())
  }

  async load(name: string, view?: StoreView): Promise<RoleRecord | undefined> {
    const key = this.#key(name)
    return view === undefined ? this.#context.store.view((one) => one.get(key)) : view.get(key)
  }

  /** Last version of a deleted role: a new one of that name goes on counting, since tokens of the old one know their number. */
  #lastVersionKey(name: string): Key<number> {
    return this.#context.store.key(`role-version/${name}`)
  }

  /** The role prepared for decisions. */
  compiled(record: RoleRecord): CompiledRole {
    const known = this.#compiled.get(record)
    if (known !== undefined) return known
    const role = compileRole(record.name, record.version, rulesOf(record))
    this.#compiled.set(record, role)
    return role
  }

  /** Creates or updates; gives warnings. Throws a 400 and has then changed nothing. */
  async write(name: string, input: Input<typeof roleFields>): Promise<readonly string[]> {
    return this.#context.store.write(async (txn) => {
      const trust = await this.#configs.loadTrust(txn)
      const key = this.#key(name)
      const current = await txn.get(key)
      const asked = parseRoleType(input.role_type)
      const merged = merge(current ?? { ...newRole, name, version: 0 }, input)
      const role_type = asked ?? inferRoleType(merged, this.#isForJwtsOnly(trust))
      const record = this.#checked({ ...merged, role_type }, input)
      const last = current?.version ?? (await txn.get(this.#lastVersionKey(name))) ?? 0
      txn.put(key, { ...record, name, version: last + 1 })
      return [...this.#warnings(record), ...lintWarnings(record, issuersOf(trust))]
    })
  }

  /** The mount knows issuers and has no browser flow. */
  #isForJwtsOnly({ config, routes }: TrustRecord): boolean {
    return config === undefined ? routes.length > 0 : this.#configs.kind(config) !== 'oidc'
  }

  /** The rest of JWT contract §2.4, in its order. */
  #checked(record: RoleRecord, input: Input<typeof roleFields>): RoleRecord {
    const { maxLeaseTtlSeconds } = this.#context.mount()
    if (record.token_period > maxLeaseTtlSeconds) {
      throw invalid(
        `'token_period' of ${shortDuration(record.token_period)} is greater than the mount's maximum lease TTL of ${shortDuration(maxLeaseTtlSeconds)}`,
      )
    }
    const { problems } = checkRoleRules(rulesOf(record))
    const refuse = (isThis: (field: string) => boolean) => {
      const problem = problems.find(({ field: name }) => isThis(name))
      if (problem !== undefined) throw invalid(problem.text)
    }
    refuse((name) => !lateProblems.has(name))
    checkProviderTokens(record)
    refuse((name) => name === 'user_claim')
    checkFlow(record, input.callback_mode)
    refuse((name) => name === 'bound_audiences')
    refuse(() => true)
    return record
  }

  #warnings(record: RoleRecord): readonly string[] {
    const warnings = checkRoleRules(rulesOf(record)).warnings.map((warning) => warning.text)
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
    const key = this.#key(name)
    await this.#context.store.write(async (txn) => {
      const current = await txn.get(key)
      if (current === undefined) return
      txn.put(this.#lastVersionKey(name), current.version)
      txn.delete(key.text)
    })
  }

  async list(after: string | undefined, limit: number | undefined): Promise<readonly string[]> {
    return this.#context.store.view(async (view) => {
      const options = {
        ...(after === undefined || after === '' ? {} : { after }),
        ...(limit === undefined || limit <= 0 ? {} : { limit }),
      }
      const names: string[] = []
      for await (const key of view.keys(this.#context.store.configRange('role/', options))) {
        names.push(this.#context.store.pathOf(key).slice('role/'.length))
      }
      return names
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

/** JWT contract §2.3: a role without redirect URIs on a mount without a browser flow can only be for JWTs. */
function inferRoleType(merged: RoleRecord, isForJwtsOnly: boolean): 'jwt' | 'oidc' {
  const hasRedirects = (merged.allowed_redirect_uris ?? []).length > 0
  // Device sign-ins need none, and asking for them says what the role is for.
  if (hasRedirects || merged.callback_mode === 'device') return 'oidc'
  return isForJwtsOnly ? 'jwt' : 'oidc'
}

function checkProviderTokens(record: RoleRecord): void {
  for (const name of record.oauth2_metadata ?? []) {
    if (!providerTokens.includes(name)) {
      throw invalid(
        `invalid 'oauth2_metadata': ${JSON.stringify(name.slice(0, 64))}; use ${providerTokens.join(', ')}`,
      )
    }
  }
}

/** What only browser sign-ins use. */
function checkFlow(record: RoleRecord, askedMode: string | undefined): void {
  const mode = askedMode ?? ''
  if (mode !== '' && mode !== 'client' && mode !== 'direct' && mode !== 'device') {
    throw invalid(
      `invalid 'callback_mode': ${JSON.stringify(mode.slice(0, 64))}; use client, direct or device`,
    )
  }
  if (record.poll_interval < 0) throw invalid("'poll_interval' cannot be negative")
  const hasRedirects = (record.allowed_redirect_uris ?? []).length > 0
  if (record.role_type === 'oidc' && !hasRedirects && record.callback_mode !== 'device') {
    throw invalid("'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified.")
  }
}

function merge(current: RoleRecord, input: Input<typeof roleFields>): RoleRecord {
  const merged: Record<string, unknown> = { ...current, ...mergeTokenSettings(current, input) }
  for (const name of keptFields) {
    if (input[name] !== undefined) merged[name] = input[name]
  }
  // These four go back to their default when a write leaves them out, as in both references.
  merged['bound_claims_type'] = (input.bound_claims_type ?? '') || 'string'
  merged['callback_mode'] = (input.callback_mode ?? '') || 'client'
  merged['oidc_disable_confirmation'] = input.oidc_disable_confirmation ?? false
  return merged as unknown as RoleRecord
}

export function rolePaths(roles: JwtRoles): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'role',
      access: 'token',
      summary: 'Names of all roles.',
      fields: {
        after: field.string({ help: 'Start after this name.' }),
        limit: field.int({ help: 'At most so many; 0 is all.' }),
      },
      operations: {
        list: {
          summary: 'List roles.',
          handler: async ({ input }) => reply.list(await roles.list(input.after, input.limit)),
        },
      },
    }),
    definePath({
      pattern: 'role/:name',
      access: 'token',
      summary: 'One role: which tokens may log in, and what they receive.',
      fields: roleFields,
      tellsUnknown: true,
      exists: async ({ captures }) => (await roles.load(captures['name'] ?? '')) !== undefined,
      operations: {
        read: {
          summary: 'Read a role.',
          handler: async ({ input }) => {
            const record = await roles.load(input.name ?? '')
            return record === undefined ? reply.none() : reply.data(readShape(record))
          },
        },
        write: {
          summary:
            'Create or update a role; what is not given stays, but for four fields that reset.',
          handler: async ({ input }) => {
            const warnings = await roles.write(input.name ?? '', input)
            return warnings.length > 0 ? reply.none(warnings) : reply.none()
          },
        },
        delete: {
          summary: 'Delete a role.',
          handler: async ({ input }) => {
            await roles.remove(input.name ?? '')
            return reply.none()
          },
        },
      },
    }),
  ]
}
