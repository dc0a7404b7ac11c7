/** The paths of roles: whole, their role id, and one for each of some fields (platform.md §6.3). */

import { listPath } from '../../framework/named-records.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { Refusal } from '../../framework/refusal.ts'
import { reply, type Reply } from '../../framework/reply.ts'
import { readShape, roleFields, roleNameField, roleRecord, type RoleInput } from './role-record.ts'
import type { AppRoles } from './roles.ts'
import type { SecretIds } from './secret-ids.ts'

export function rolePaths(roles: AppRoles, secrets: SecretIds): readonly PathDeclaration[] {
  return [
    listPath({ pattern: 'role', summary: 'Names of all roles.', list: 'List roles.' }, (page) =>
      roles.names(page),
    ),
    definePath({
      pattern: 'role/:role_name',
      access: 'token',
      summary: 'One role: what its logins need, and what they receive.',
      fields: { role_name: roleNameField, ...roleFields },
      tellsUnknown: true,
      exists: ({ captures }) => roles.has(roleNameField.spell?.(captures['role_name'] ?? '') ?? ''),
      operations: {
        read: {
          summary: 'Read a role.',
          handler: async ({ input }) =>
            reply.found(await roles.load(input.role_name ?? ''), readShape),
        },
        write: {
          summary: 'Create or update a role; what is not given stays.',
          handler: ({ input }) => reply.done(roles.write(input.role_name ?? '', input)),
        },
        delete: {
          summary: 'Delete a role and its secret ids.',
          handler: async ({ input }) => {
            const role = await roles.remove(input.role_name ?? '')
            if (role !== undefined) await secrets.removeOf(role)
            return reply.none()
          },
        },
      },
    }),
    roleIdPath(roles),
    ...fieldPaths(roles),
  ]
}

function roleIdPath(roles: AppRoles): PathDeclaration {
  return definePath({
    pattern: 'role/:role_name/role-id',
    access: 'token',
    summary: 'The role id, by which a login names the role.',
    fields: { role_name: roleNameField, role_id: roleFields.role_id },
    operations: {
      read: {
        summary: 'Read the role id.',
        handler: async ({ input }) =>
          reply.found(await roles.load(input.role_name ?? ''), ({ role_id }) => ({ role_id })),
      },
      write: {
        summary: 'Set a role id of your own.',
        handler: ({ input }) => change(roles, input.role_name ?? '', input),
      },
    },
  })
}

async function change(roles: AppRoles, name: string, input: RoleInput): Promise<Reply> {
  if (!(await roles.change(name, input))) throw new Refusal('path_unsupported')
  return reply.none()
}

/** The path of one field by itself, by its own name and an older one. */
function fieldPath(
  roles: AppRoles,
  name: keyof typeof roleRecord.fields,
  fields: Partial<typeof roleFields>,
  {
    segment = name.replaceAll('_', '-'),
    shownAs = name,
  }: { readonly segment?: string; readonly shownAs?: string } = {},
): PathDeclaration {
  return definePath({
    pattern: `role/:role_name/${segment}`,
    access: 'token',
    summary: `${segment} of a role by itself.`,
    fields: { ...fields, role_name: roleNameField },
    operations: {
      read: {
        summary: 'Read it.',
        handler: async ({ input }) =>
          reply.found(await roles.load(input.role_name ?? ''), (role) => ({
            [shownAs]: role[name],
          })),
      },
      write: {
        summary: 'Set it.',
        handler: ({ input }) => change(roles, input.role_name ?? '', input),
      },
      delete: {
        summary: 'Set it to its default.',
        handler: ({ input }) =>
          change(roles, input.role_name ?? '', { [name]: roleRecord.defaults[name] ?? [] }),
      },
    },
  })
}

function fieldPaths(roles: AppRoles): readonly PathDeclaration[] {
  const { token_policies, policies, token_period, period, bind_secret_id } = roleFields
  const { secret_id_num_uses, secret_id_ttl, secret_id_bound_cidrs } = roleFields
  const { bound_cidr_list } = roleFields
  const { token_bound_cidrs, token_num_uses, token_ttl, token_max_ttl } = roleFields
  return [
    fieldPath(roles, 'token_policies', { token_policies, policies }, { segment: 'policies' }),
    fieldPath(roles, 'secret_id_num_uses', { secret_id_num_uses }),
    fieldPath(roles, 'secret_id_ttl', { secret_id_ttl }),
    fieldPath(roles, 'secret_id_bound_cidrs', { secret_id_bound_cidrs }),
    fieldPath(
      roles,
      'secret_id_bound_cidrs',
      { bound_cidr_list },
      {
        segment: 'bound-cidr-list',
        shownAs: 'bound_cidr_list',
      },
    ),
    fieldPath(roles, 'token_bound_cidrs', { token_bound_cidrs }),
    fieldPath(roles, 'bind_secret_id', { bind_secret_id }),
    fieldPath(roles, 'token_period', { token_period, period }, { segment: 'period' }),
    fieldPath(roles, 'token_num_uses', { token_num_uses }),
    fieldPath(roles, 'token_ttl', { token_ttl }),
    fieldPath(roles, 'token_max_ttl', { token_max_ttl }),
    definePath({
      pattern: 'role/:role_name/local-secret-ids',
      access: 'token',
      summary: 'local-secret-ids of a role by itself; set when the role is created.',
      fields: { role_name: roleNameField },
      operations: {
        read: {
          summary: 'Read it.',
          handler: async ({ input }) =>
            reply.found(await roles.load(input.role_name ?? ''), ({ local_secret_ids }) => ({
              local_secret_ids,
            })),
        },
      },
    }),
  ]
}
