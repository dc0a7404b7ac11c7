/** Roles of the kubernetes method: whose service accounts may log in (platform.md §6.4). */

import type { BackendContext } from '../../framework/backend.ts'
import { listPath, NamedRecords } from '../../framework/named-records.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import { reply } from '../../framework/reply.ts'
import {
  mergeSettings,
  olderTokenFields,
  requireChoices,
  shownOlderNames,
  tokenTable,
} from '../../framework/token-settings.ts'
import { field, type Input } from '../../schema/field.ts'
import { choice, defineRecord, own, stored, type StoredOf } from '../../schema/record.ts'
import { recordCodec } from '../../storage/record-codec.ts'
import { globMatches, parseGlob } from '../../trust/glob.ts'
import { parseLabelSelector } from './label-selector.ts'

const roleNameCharsMax = 128

/** Names and namespaces of one role: each login is compared with all of them. */
const boundMax = 1000

const roleRecord = defineRecord({
  name: own<string>(''),
  version: own<number>(0),
  bound_service_account_names: stored(field.commaList({ help: 'Service accounts; * and globs.' })),
  bound_service_account_namespaces: stored(
    field.commaList({ help: 'Their namespaces; * and globs.' }),
  ),
  bound_service_account_namespace_selector: stored(
    field.string({ help: 'Label selector of namespaces, as JSON; besides those of the list.' }),
  ),
  audience: stored(field.string({ help: 'An audience that the token has to be for.' })),
  alias_name_source: choice(
    ['serviceaccount_uid', 'serviceaccount_name'],
    field.string({ help: 'serviceaccount_uid or serviceaccount_name (namespace/name).' }),
  ),
  ...tokenTable,
})

export type RoleRecord = StoredOf<typeof roleRecord.table>

export const roleNameField = field.lowerString({
  help: 'Name of the role; case means nothing.',
  charsMax: roleNameCharsMax,
})

const roleFields = { name: roleNameField, ...roleRecord.fields, ...olderTokenFields } as const

export class ClusterRoles extends NamedRecords<RoleRecord> {
  readonly #context: BackendContext

  constructor(context: BackendContext) {
    super(context.store, 'role/', recordCodec(roleRecord))
    this.#context = context
  }

  /** Creates or updates; gives warnings. Throws a 400 and has then changed nothing. */
  async write(name: string, input: Input<typeof roleFields>): Promise<readonly string[]> {
    const key = this.key(name)
    return this.#context.store.write(async (txn) => {
      const current = (await txn.get(key)) ?? { ...roleRecord.defaults, name }
      const draft = mergeSettings(current, input, (one) => roleRecord.merge(current, one))
      const role = requireChoices(roleRecord, draft)
      checkBounds(role)
      txn.put(key, { ...role, version: role.version + 1 })
      return warningsOf(role)
    })
  }

  async remove(name: string): Promise<void> {
    await this.#context.store.write((txn) => txn.delete(this.key(name).text))
  }
}

function checkBounds(role: RoleRecord): void {
  const {
    bound_service_account_names: names,
    bound_service_account_namespaces: namespaces,
    bound_service_account_namespace_selector: selector,
  } = role
  if (names.length === 0) throw invalid('"bound_service_account_names" can not be empty')
  if (namespaces.length === 0 && selector === '') {
    throw invalid(
      '"bound_service_account_namespaces" can not be empty if "bound_service_account_namespace_selector" is not set',
    )
  }
  for (const [name, list] of Object.entries({ names, namespaces })) {
    const field_name = `bound_service_account_${name}`
    if (list.length > 1 && list.includes('*')) {
      throw invalid(`can not mix "*" with values in "${field_name}"`)
    }
    if (list.length > boundMax) throw invalid(`"${field_name}" can have ${boundMax} values`)
  }
  if (selector === '') return
  const parsed = parseLabelSelector(selector)
  if (!parsed.ok) {
    throw invalid(`invalid "bound_service_account_namespace_selector": ${parsed.error}`)
  }
}

function warningsOf(role: RoleRecord): readonly string[] {
  const warnings: string[] = []
  const isAny = (list: readonly string[]) => list.length === 1 && list[0] === '*'
  if (isAny(role.bound_service_account_names) && isAny(role.bound_service_account_namespaces)) {
    warnings.push('every service account of the cluster may log in with this role')
  }
  if (role.audience === '') {
    warnings.push('without an audience the role takes tokens that were made for others')
  }
  return warnings
}

/** Whether one of the globs is about the name. */
export function isBound(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => globMatches(parseGlob(glob), name))
}

export function rolePaths(roles: ClusterRoles): readonly PathDeclaration[] {
  return [
    listPath({ pattern: 'role', summary: 'Names of all roles.', list: 'List roles.' }, (page) =>
      roles.names(page),
    ),
    definePath({
      pattern: 'role/:name',
      access: 'token',
      summary: 'One role: which service accounts may log in, and what they receive.',
      fields: roleFields,
      tellsUnknown: true,
      exists: ({ captures }) => roles.has(roleNameField.spell?.(captures['name'] ?? '') ?? ''),
      operations: {
        read: {
          summary: 'Read a role.',
          handler: async ({ input }) => {
            const role = await roles.load(input.name ?? '')
            if (role === undefined) return reply.none()
            return reply.data({ ...roleRecord.shown(role), ...shownOlderNames(role) })
          },
        },
        write: {
          summary: 'Create or update a role; what is not given stays.',
          handler: async ({ input }) => reply.none(await roles.write(input.name ?? '', input)),
        },
        delete: {
          summary: 'Delete a role.',
          handler: ({ input }) => reply.done(roles.remove(input.name ?? '')),
        },
      },
    }),
  ]
}
