/** sys/policies/acl and the older sys/policy (platform contract §2.4). */

import type { Core } from '../core/core.ts'
import { cleanPolicyName } from '../core/policies.ts'
import { reply } from '../framework/backend.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { field } from '../schema/field.ts'

export function policyPaths(core: Core): readonly PathDeclaration[] {
  const name = (data: { readonly [name: string]: unknown }) => String(data['name'])
  return [
    definePath({
      pattern: 'policies/acl',
      access: 'token',
      summary: 'Names of all policies.',
      fields: {},
      operations: {
        list: {
          summary: 'List policies.',
          handler: async () => reply.list(await core.policies.list()),
        },
      },
    }),
    definePath({
      pattern: 'policies/acl/*name',
      canonical: canonicalPolicyPath,
      access: 'token',
      summary: 'One policy.',
      fields: {
        policy: field.string({
          help: 'Text of the policy, HCL or JSON, or base64 of it.',
          required: true,
        }),
      },
      operations: {
        read: {
          summary: 'Read a policy as it was written.',
          handler: async ({ data }) => {
            const text = await core.policies.read(name(data))
            if (text === undefined) return reply.none()
            return reply.data({ name: cleanPolicyName(name(data)), policy: text })
          },
        },
        write: {
          summary: 'Create or replace a policy.',
          handler: async ({ data, input }) => {
            const warnings = await core.policies.write(name(data), input.policy ?? '')
            return warnings.length > 0 ? reply.none(warnings) : reply.none()
          },
        },
        delete: {
          summary: 'Delete a policy.',
          handler: async ({ data }) => {
            await core.policies.remove(name(data))
            return reply.none()
          },
        },
      },
    }),
    definePath({
      pattern: 'policy',
      access: 'token',
      summary: 'Names of all policies, in the older form.',
      duplicateData: true,
      fields: {},
      operations: {
        read: { summary: 'List policies.', handler: () => oldList(core) },
        list: { summary: 'List policies.', handler: () => oldList(core) },
      },
    }),
    definePath({
      pattern: 'policy/*name',
      canonical: canonicalPolicyPath,
      access: 'token',
      summary: 'One policy, in the older form.',
      duplicateData: true,
      fields: {
        policy: field.string({ help: 'Text of the policy.' }),
        rules: field.string({ help: 'Older name of policy.', deprecated: true }),
      },
      operations: {
        read: {
          summary: 'Read a policy as it was written.',
          handler: async ({ data }) => {
            const text = await core.policies.read(name(data))
            if (text === undefined) return reply.none()
            return reply.data({ name: cleanPolicyName(name(data)), rules: text })
          },
        },
        write: {
          summary: 'Create or replace a policy.',
          handler: async ({ data, input }) => {
            const usesRules = (input.policy ?? '') === '' && input.rules !== undefined
            const text = usesRules ? (input.rules ?? '') : (input.policy ?? '')
            const warnings = [...(await core.policies.write(name(data), text))]
            if (usesRules) warnings.push("'rules' is deprecated, please use 'policy' instead")
            return warnings.length > 0 ? reply.none(warnings) : reply.none()
          },
        },
        delete: {
          summary: 'Delete a policy.',
          handler: async ({ data }) => {
            await core.policies.remove(name(data))
            return reply.none()
          },
        },
      },
    }),
  ]
}

/** Names are kept trimmed and in lower case, so every other spelling reaches the same policy. */
function canonicalPolicyPath(path: string): string {
  const [, folder = '', name = ''] = /^(policies\/acl\/|policy\/)([\s\S]*)$/.exec(path) ?? []
  return folder + cleanPolicyName(name)
}

async function oldList(core: Core) {
  const names = await core.policies.list()
  return reply.data({ keys: names, policies: names })
}
