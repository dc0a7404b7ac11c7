/** The paths of roles: whole, their role id, and one for each of some fields (platform.md §6.3). */

import { listPath } from '../../framework/named-records.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { Refusal } from '../../framework/refusal.ts'
import { reply, type Reply } from '../../framework/reply.ts'
import type { JsonObject } from '../../lib/json.ts'
import type { FieldTable, Input } from '../../schema/field.ts'
import {
  readShape,
  roleFields,
  roleNameField,
  roleRecord,
  type RoleInput,
  type RoleRecord,
} from './role-record.ts'
import type { AppRoles } from './roles.ts'
import type { SecretIds } from './secret-ids.ts'

const { defaults } = roleRecord

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
      exists: async ({ captures }) => {
        const name = roleNameField.spell?.(captures['role_name'] ?? '') ?? ''
        return (await roles.load(name)) !== undefined
      },
      operations: {
        read: {
          summary: 'Read a role.',
          handler: async ({ input }) => {
            const role = await roles.load(input.role_name ?? '')
            return role === undefined ? reply.none() : reply.data(readShape(role))
          },
        },
        write: {
          summary: 'Create or update a role; what is not given stays.',
          handler: async ({ input }) => {
            await roles.write(input.role_name ?? '', input)
            return reply.none()
          },
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
        handler: async ({ input }) => {
          const role = await roles.load(input.role_name ?? '')
          return role === undefined ? reply.none() : reply.data({ role_id: role.role_id })
        },
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

interface FieldView<F extends FieldTable> {
  /** The last part of the path. */
  readonly segment: string
  readonly fields: F
  readonly show: (role: RoleRecord) => JsonObject
  /** As a request for the whole role would give it. */
  readonly inputOf: (input: Input<F>) => RoleInput
  /** What a delete sets. */
  readonly initial: RoleInput
}

function fieldPaths(roles: AppRoles): readonly PathDeclaration[] {
  const view = <const F extends FieldTable>({ segment, fields, ...of }: FieldView<F>) => {
    const path = { pattern: `role/:role_name/${segment}`, access: 'token' } as const
    const nameOf = ({ role_name }: { readonly role_name?: unknown }) => String(role_name ?? '')
    return definePath({
      ...path,
      summary: `${segment} of a role by itself.`,
      fields: { ...fields, role_name: roleNameField },
      operations: {
        read: {
          summary: 'Read it.',
          handler: async ({ input }) => {
            const role = await roles.load(nameOf(input))
            return role === undefined ? reply.none() : reply.data(of.show(role))
          },
        },
        write: {
          summary: 'Set it.',
          handler: ({ input }) => change(roles, nameOf(input), of.inputOf(input)),
        },
        delete: {
          summary: 'Set it to its default.',
          handler: ({ input }) => change(roles, nameOf(input), of.initial),
        },
      },
    })
  }
  const {
    token_policies,
    policies,
    secret_id_num_uses,
    secret_id_ttl,
    secret_id_bound_cidrs,
    bound_cidr_list,
    token_bound_cidrs,
    bind_secret_id,
    token_period,
    period,
    token_num_uses,
    token_ttl,
    token_max_ttl,
  } = roleFields
  return [
    view({
      segment: 'policies',
      fields: { token_policies, policies },
      show: (role) => ({ token_policies: role.token_policies }),
      inputOf: (input) => input,
      initial: { token_policies: [] },
    }),
    view({
      segment: 'secret-id-num-uses',
      fields: { secret_id_num_uses },
      show: (role) => ({ secret_id_num_uses: role.secret_id_num_uses }),
      inputOf: (input) => input,
      initial: { secret_id_num_uses: defaults.secret_id_num_uses },
    }),
    view({
      segment: 'secret-id-ttl',
      fields: { secret_id_ttl },
      show: (role) => ({ secret_id_ttl: role.secret_id_ttl }),
      inputOf: (input) => input,
      initial: { secret_id_ttl: defaults.secret_id_ttl },
    }),
    view({
      segment: 'secret-id-bound-cidrs',
      fields: { secret_id_bound_cidrs },
      show: (role) => ({ secret_id_bound_cidrs: role.secret_id_bound_cidrs }),
      inputOf: (input) => input,
      initial: { secret_id_bound_cidrs: [] },
    }),
    // Vault compatibility: the older name has a path of its own too.
    view({
      segment: 'bound-cidr-list',
      fields: { bound_cidr_list },
      show: (role) => ({ bound_cidr_list: role.secret_id_bound_cidrs }),
      inputOf: (input) => input,
      initial: { secret_id_bound_cidrs: [] },
    }),
    view({
      segment: 'token-bound-cidrs',
      fields: { token_bound_cidrs },
      show: (role) => ({ token_bound_cidrs: role.token_bound_cidrs }),
      inputOf: (input) => input,
      initial: { token_bound_cidrs: [] },
    }),
    view({
      segment: 'bind-secret-id',
      fields: { bind_secret_id },
      show: (role) => ({ bind_secret_id: role.bind_secret_id }),
      inputOf: (input) => input,
      initial: { bind_secret_id: defaults.bind_secret_id },
    }),
    view({
      segment: 'period',
      fields: { token_period, period },
      show: (role) => ({ token_period: role.token_period }),
      inputOf: (input) => input,
      initial: { token_period: defaults.token_period },
    }),
    view({
      segment: 'token-num-uses',
      fields: { token_num_uses },
      show: (role) => ({ token_num_uses: role.token_num_uses }),
      inputOf: (input) => input,
      initial: { token_num_uses: defaults.token_num_uses },
    }),
    view({
      segment: 'token-ttl',
      fields: { token_ttl },
      show: (role) => ({ token_ttl: role.token_ttl }),
      inputOf: (input) => input,
      initial: { token_ttl: defaults.token_ttl },
    }),
    view({
      segment: 'token-max-ttl',
      fields: { token_max_ttl },
      show: (role) => ({ token_max_ttl: role.token_max_ttl }),
      inputOf: (input) => input,
      initial: { token_max_ttl: defaults.token_max_ttl },
    }),
    definePath({
      pattern: 'role/:role_name/local-secret-ids',
      access: 'token',
      summary: 'local-secret-ids of a role by itself; set when the role is created.',
      fields: { role_name: roleNameField },
      operations: {
        read: {
          summary: 'Read it.',
          handler: async ({ input }) => {
            const role = await roles.load(input.role_name ?? '')
            if (role === undefined) return reply.none()
            return reply.data({ local_secret_ids: role.local_secret_ids })
          },
        },
      },
    }),
  ]
}
