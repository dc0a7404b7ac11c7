/** Token roles: written, read, listed, deleted at auth/token/roles (platform.md §3.5). */

import type { BackendContext, RenewRequest, RenewTerms } from '../../framework/backend.ts'
import { listPath, NamedRecords } from '../../framework/named-records.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid, Refusal } from '../../framework/refusal.ts'
import { reply } from '../../framework/reply.ts'
import { olderRoleNames, tokenRoleRecord, type TokenRole } from '../../framework/token-role.ts'
import { requireNetworks } from '../../framework/token-settings.ts'
import type { JsonObject } from '../../lib/json.ts'
import { field, foldText, type Input } from '../../schema/field.ts'
import type { DraftOf } from '../../schema/record.ts'
import { recordCodec } from '../../storage/record-codec.ts'

export const tokenRoleNameField = field.name({ help: 'Name of the role.', charsMax: 128 })

const roleFields = {
  role_name: tokenRoleNameField,
  ...tokenRoleRecord.fields,
  period: field.duration({ help: 'Older name of token_period.', deprecated: true }),
  explicit_max_ttl: field.duration({
    help: 'Older name of token_explicit_max_ttl.',
    deprecated: true,
  }),
  bound_cidrs: field.commaList({
    help: 'Older name of token_bound_cidrs.',
    deprecated: true,
    charsMax: tokenRoleRecord.fields.token_bound_cidrs.charsMax ?? 0,
  }),
} as const

type RoleInput = Input<typeof roleFields>
type RoleDraft = DraftOf<typeof tokenRoleRecord.table>

export class TokenRoles extends NamedRecords<TokenRole> {
  readonly #context: BackendContext

  constructor(context: BackendContext) {
    super(context.store, 'role/', recordCodec(tokenRoleRecord))
    this.#context = context
  }

  /** The role that a token is to be made by. */
  async require(name: string): Promise<TokenRole> {
    const role = await this.load(name)
    if (role === undefined) throw invalid(`unknown role ${name}`)
    return role
  }

  /** Creates or updates; gives warnings. Throws a 400 and has then changed nothing. */
  async write(name: string, input: RoleInput): Promise<readonly string[]> {
    return this.#context.store.write(async (txn) => {
      const key = this.key(name)
      const current = (await txn.get(key)) ?? { ...tokenRoleRecord.defaults, name }
      const { renamed, warnings } = renameOlder(input)
      const merged = tokenRoleRecord.merge(current, renamed)
      const older_names = olderNamesAfter(current, input)
      txn.put(key, checked({ ...folded(merged), older_names }, input))
      return warnings
    })
  }

  async remove(name: string): Promise<void> {
    const { text } = this.key(name)
    await this.#context.store.write((txn) => txn.delete(text))
  }

  /** The role as it is now; what the creation asked for counts beside it (platform.md §3.8). */
  async renew({ role: { name } }: RenewRequest): Promise<RenewTerms> {
    const role = await this.load(name)
    if (role === undefined) {
      const text = `original token role ${JSON.stringify(name)} could not be found, not renewing`
      throw new Refusal('internal', { text })
    }
    return {
      ttlSeconds: 0,
      maxTtlSeconds: 0,
      periodSeconds: role.token_period,
      explicitMaxTtlSeconds: role.token_explicit_max_ttl,
    }
  }
}

export function tokenRolePaths(roles: TokenRoles): readonly PathDeclaration[] {
  return [
    listPath(
      { pattern: 'roles', summary: 'Names of all token roles.', list: 'List roles.' },
      (page) => roles.names(page),
    ),
    definePath({
      pattern: 'roles/:role_name',
      access: 'token',
      summary: 'One token role: which tokens are made by it.',
      fields: roleFields,
      tellsUnknown: true,
      exists: ({ captures }) => roles.has(captures['role_name'] ?? ''),
      operations: {
        read: {
          summary: 'Read a role.',
          handler: async ({ input }) =>
            reply.found(await roles.load(input.role_name ?? ''), readShape),
        },
        write: {
          summary: 'Create or update a role; what is not given stays.',
          handler: async ({ input }) => reply.none(await roles.write(input.role_name ?? '', input)),
        },
        delete: {
          summary: 'Delete a role; its tokens live on and cannot be renewed.',
          handler: ({ input }) => reply.done(roles.remove(input.role_name ?? '')),
        },
      },
    }),
  ]
}

/** Zero where nothing was set, as in the references; networks only when there are some. */
function readShape(role: TokenRole): JsonObject {
  const isOlder = (name: TokenRole['older_names'][number]) => role.older_names.includes(name)
  const networks = role.token_bound_cidrs
  return {
    name: role.name,
    ...tokenRoleRecord.shown(role),
    period: isOlder('period') ? role.token_period : 0,
    explicit_max_ttl: isOlder('explicit_max_ttl') ? role.token_explicit_max_ttl : 0,
    ...(networks.length > 0 ? { token_bound_cidrs: networks } : {}),
    ...(networks.length > 0 && isOlder('bound_cidrs') ? { bound_cidrs: networks } : {}),
  }
}

/** The request without older names; of two names the newer one counts. */
function renameOlder(input: RoleInput): {
  readonly renamed: RoleInput
  readonly warnings: readonly string[]
} {
  const warnings = olderRoleNames.flatMap(([older, newer]) =>
    input[older] !== undefined && input[newer] !== undefined
      ? [`Both '${newer}' and deprecated '${older}' value supplied, ignoring the deprecated value`]
      : [],
  )
  const renamed = {
    ...input,
    token_period: input.token_period ?? input.period,
    token_explicit_max_ttl: input.token_explicit_max_ttl ?? input.explicit_max_ttl,
    token_bound_cidrs: input.token_bound_cidrs ?? input.bound_cidrs,
  }
  return { renamed, warnings }
}

function olderNamesAfter({ older_names }: TokenRole, input: RoleInput): TokenRole['older_names'] {
  const names = new Set(older_names)
  for (const [older, newer] of olderRoleNames) {
    if (input[newer] !== undefined) names.delete(older)
    else if (input[older] !== undefined) names.add(older)
  }
  return [...names]
}

/** Names of policies and aliases are compared in lower case, so they are kept in it. */
function folded(draft: RoleDraft): RoleDraft {
  return {
    ...draft,
    allowed_policies: foldedNames(draft.allowed_policies),
    allowed_policies_glob: foldedNames(draft.allowed_policies_glob),
    disallowed_policies: foldedNames(draft.disallowed_policies),
    disallowed_policies_glob: foldedNames(draft.disallowed_policies_glob),
    allowed_entity_aliases: foldedNames(draft.allowed_entity_aliases),
  }
}

function foldedNames(names: readonly string[]): readonly string[] {
  return [...new Set(names.map(foldText).filter((name) => name !== ''))].toSorted()
}

function checked(draft: RoleDraft, { token_type: asked }: RoleInput): TokenRole {
  // Unlike the roles of other methods, none of these has a type by default.
  if (asked === '') throw invalid(`invalid 'token_type' value ""`)
  const role = tokenRoleRecord.check(draft)
  if (!role.ok) {
    const { field: name, value } = role.error
    throw invalid(`invalid '${name}' value ${JSON.stringify(value.slice(0, 64))}`)
  }
  checkSuffix(role.value.path_suffix)
  if (role.value.token_num_uses < 0) throw invalid("'token_num_uses' cannot be negative")
  requireNetworks('token_bound_cidrs', role.value.token_bound_cidrs)
  if (role.value.token_type === 'batch') checkBatch(role.value)
  return role.value
}

/** It becomes a part of the paths by which leases are found and revoked. */
function checkSuffix(suffix: string): void {
  if (suffix === '') return
  const isSound = suffix.split('/').every((part) => /^\w(?:[\w.-]*\w)?$/.test(part))
  if (!isSound || suffix.includes('..')) {
    throw invalid(
      "given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w and must not have '..'",
    )
  }
}

function checkBatch(role: TokenRole): void {
  const refuse = (what: string): never => {
    throw invalid(`'token_type' cannot be 'batch' when role is set to generate ${what}`)
  }
  if (!role.orphan) refuse('non-orphan tokens')
  if (role.token_period !== 0) refuse('periodic tokens')
  if (role.renewable) refuse('renewable tokens')
  if (role.token_explicit_max_ttl !== 0) refuse('tokens with an explicit max TTL')
  if (role.token_num_uses !== 0) refuse('tokens with limited use count')
}
