/** The paths of secret ids: make, list, look up, destroy, tidy (platform.md §6.3). */

import type { BackendContext } from '../../framework/backend.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid, Refusal } from '../../framework/refusal.ts'
import { reply, type Reply } from '../../framework/reply.ts'
import type { JsonObject } from '../../lib/json.ts'
import { rfc3339Nano } from '../../lib/time.ts'
import { field, type Input } from '../../schema/field.ts'
import type { StoreView } from '../../storage/store.ts'
import { roleNameField, type RoleRecord } from './role-record.ts'
import type { AppRoles } from './roles.ts'
import type { SecretIds, SecretRecord } from './secret-ids.ts'
import { parseTerms, termFields } from './secret-terms.ts'

const secretIdCharsMax = 4096
const accessorCharsMax = 128

export const secretIdField = field.string({
  help: 'The secret id.',
  secret: true,
  charsMax: secretIdCharsMax,
})
const accessorField = field.string({
  help: 'Accessor of a secret id.',
  charsMax: accessorCharsMax,
})
const role_name = roleNameField

type NameInput = Readonly<Record<'role_name', string | undefined>>

/** How a request names a secret id of its role. */
type Find = (role: RoleRecord, view: StoreView) => Promise<SecretRecord | undefined>

export function secretIdPaths(
  context: BackendContext,
  roles: AppRoles,
  secrets: SecretIds,
): readonly PathDeclaration[] {
  const { store } = context

  async function requireRole({ role_name: name = '' }: NameInput): Promise<RoleRecord> {
    const role = await roles.load(name)
    if (role === undefined) throw invalid(`role ${JSON.stringify(name)} does not exist`)
    return role
  }

  async function create(
    input: NameInput & Input<typeof termFields>,
    secretId: string,
  ): Promise<Reply> {
    const role = await requireRole(input)
    const { maxLeaseTtlSeconds } = context.mount()
    const terms = parseTerms(role, input, maxLeaseTtlSeconds)
    const made = await secrets.create(role.name, secretId, terms)
    const data = {
      secret_id: secretId,
      secret_id_accessor: made.accessor,
      secret_id_ttl: made.ttlSeconds,
      secret_id_num_uses: made.numUses,
    }
    const isCut = (input.ttl ?? role.secret_id_ttl) > maxLeaseTtlSeconds
    const warnings = isCut ? ["the TTL is above the mount's maximum and was cut to it"] : []
    return { kind: 'data', data, warnings, wrappedAccessor: made.accessor }
  }

  async function lookUp(input: NameInput, find: Find): Promise<JsonObject | undefined> {
    const role = await requireRole(input)
    const secret = await store.view((view) => find(role, view))
    return secret === undefined ? undefined : shown(secret)
  }

  async function destroy(input: NameInput, find: Find): Promise<boolean> {
    const role = await requireRole(input)
    return secrets.destroy((txn) => find(role, txn))
  }

  const bySecretId =
    ({ secret_id = '' }: { readonly secret_id?: string | undefined }): Find =>
    (role, view) => {
      if (secret_id === '') throw invalid('missing secret_id')
      return secrets.find(role, secrets.hash(secret_id), view)
    }

  const byAccessor =
    ({ secret_id_accessor = '' }: { readonly secret_id_accessor?: string | undefined }): Find =>
    (role, view) => {
      if (secret_id_accessor === '') throw invalid('missing secret_id_accessor')
      return secrets.findByAccessor(role, secret_id_accessor, view)
    }

  return [
    definePath({
      pattern: 'role/:role_name/secret-id',
      access: 'token',
      summary: 'Makes secret ids, and lists their accessors.',
      fields: {
        role_name,
        ...termFields,
        after: field.string({ help: 'Start after this accessor.', charsMax: accessorCharsMax }),
        limit: field.int({ help: 'At most so many; 0 is all.' }),
      },
      operations: {
        write: {
          summary: 'Make a secret id.',
          handler: ({ input }) => create(input, context.random.uuid()),
        },
        list: {
          summary: 'List accessors.',
          handler: async ({ input }) => {
            const role = await roles.load(input.role_name ?? '')
            return role === undefined
              ? reply.none()
              : reply.list(await secrets.accessors(role, input))
          },
        },
      },
    }),
    definePath({
      pattern: 'role/:role_name/custom-secret-id',
      access: 'token',
      summary: 'A secret id of your own choice.',
      fields: { role_name, ...termFields, secret_id: secretIdField },
      operations: {
        write: {
          summary: 'Store a secret id.',
          handler: ({ input }) => {
            const { secret_id = '' } = input
            if (secret_id === '') throw invalid('missing secret_id')
            return create(input, secret_id)
          },
        },
      },
    }),
    definePath({
      pattern: 'role/:role_name/secret-id/lookup',
      access: 'token',
      summary: 'What a secret id is good for.',
      fields: { role_name, secret_id: secretIdField },
      operations: {
        write: {
          summary: 'Look it up; an unknown one answers nothing.',
          handler: async ({ input }) =>
            reply.found(await lookUp(input, bySecretId(input)), (data) => data),
        },
      },
    }),
    definePath({
      pattern: 'role/:role_name/secret-id/destroy',
      access: 'token',
      summary: 'Ends a secret id.',
      fields: { role_name, secret_id: secretIdField },
      operations: destroyBoth<
        Input<{ role_name: typeof role_name; secret_id: typeof secretIdField }>
      >(async (input) => {
        await destroy(input, bySecretId(input))
      }),
    }),
    definePath({
      pattern: 'role/:role_name/secret-id-accessor/lookup',
      access: 'token',
      summary: 'What the secret id of an accessor is good for.',
      fields: { role_name, secret_id_accessor: accessorField },
      operations: {
        write: {
          summary: 'Look it up.',
          handler: async ({ input }) => {
            const found = await lookUp(input, byAccessor(input))
            if (found === undefined) throw unknownAccessor()
            return reply.data(found)
          },
        },
      },
    }),
    definePath({
      pattern: 'role/:role_name/secret-id-accessor/destroy',
      access: 'token',
      summary: 'Ends the secret id of an accessor.',
      fields: { role_name, secret_id_accessor: accessorField },
      operations: destroyBoth<
        Input<{ role_name: typeof role_name; secret_id_accessor: typeof accessorField }>
      >(async (input) => {
        if (!(await destroy(input, byAccessor(input)))) throw unknownAccessor()
      }),
    }),
    definePath({
      pattern: 'tidy/secret-id',
      access: 'token',
      summary: 'Removes secret ids that have expired or have lost their role.',
      fields: {},
      operations: {
        write: {
          summary: 'Start in the background.',
          handler: async () =>
            reply.accepted(
              secrets.tidy()
                ? 'Tidy operation successfully started.'
                : 'Tidy operation already in progress.',
            ),
        },
      },
    }),
  ]
}

/** Clients send either verb. */
function destroyBoth<I>(work: (input: I) => Promise<void>) {
  const operation = {
    summary: 'Destroy it.',
    handler: async ({ input }: { readonly input: I }): Promise<Reply> => {
      return reply.done(work(input))
    },
  }
  return { write: operation, delete: operation }
}

function unknownAccessor(): Refusal {
  return new Refusal('not_found', {
    text: 'failed to find accessor entry for this secret_id_accessor',
  })
}

function shown(secret: SecretRecord): JsonObject {
  return {
    secret_id_accessor: secret.accessor,
    secret_id_num_uses: secret.numUses,
    secret_id_ttl: secret.ttlSeconds,
    creation_time: rfc3339Nano(secret.createdAtMs),
    expiration_time:
      secret.expiresAtMs === 0 ? '0001-01-01T00:00:00Z' : rfc3339Nano(secret.expiresAtMs),
    last_updated_time: rfc3339Nano(secret.updatedAtMs),
    metadata: secret.metadata,
    cidr_list: secret.cidrs,
    token_bound_cidrs: secret.tokenCidrs,
  }
}
