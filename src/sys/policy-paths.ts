/** sys/policies/acl and the older sys/policy (platform.md §2.4). */

import type {
  ClockPort,
  PolicyPort,
  RandomPort,
  RecordPort,
  RightsPort,
  TokenKeeper,
} from '../core/ports/system-ports.ts'
import { policyNameCharsMax } from '../core/policies.ts'
import { policyChanges, previewPolicy } from '../core/policy-preview.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { previewData, previewReply, sightOf, type PreviewSight } from '../framework/dry-run.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import type { JsonObject } from '../lib/json.ts'
import { field } from '../schema/field.ts'

/** Case and blanks at its ends mean nothing: every other spelling reaches the same policy. */
const name = field.foldedString({ help: 'Name of the policy.', charsMax: policyNameCharsMax })

const dry_run = field.bool({
  help: 'Write nothing: say what would change, and which live tokens may do more or less.',
})

type Ports = PolicyPort &
  RecordPort &
  RightsPort &
  ClockPort &
  RandomPort &
  Pick<TokenKeeper, 'tokenOperations'>

export function policyPaths(ports: Ports): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'policies/acl',
      access: 'token',
      summary: 'Names of all policies.',
      fields: {},
      operations: {
        list: {
          summary: 'List policies.',
          handler: async () => reply.list(await ports.policies.list()),
        },
      },
    }),
    definePath({
      pattern: 'policies/acl/*name',
      access: 'token',
      summary: 'One policy.',
      tellsUnknown: true,
      fields: {
        name,
        policy: field.string({
          help: 'Text of the policy, HCL or JSON, or base64 of it.',
          required: true,
        }),
        allow_slashes_in_identity_templates: field.bool({
          help: 'A value that fills a template may have slashes, and is then a path of several names; false where it is left out.',
        }),
        dry_run,
      },
      operations: {
        read: readPolicy(ports, 'policy'),
        write: {
          summary: 'Create or replace a policy.',
          handler: async ({ input, path, may }) => {
            const allowsSlashes = input.allow_slashes_in_identity_templates === true
            const written = { text: input.policy ?? '', allowsSlashes }
            if (input.dry_run === true) {
              return preview(ports, input.name ?? '', written, sightOf({ may }, accessors))
            }
            return reply.none(await writePolicy(ports, path, input.name, written))
          },
        },
        delete: deletePolicy(ports),
      },
    }),
    definePath({
      pattern: 'policy',
      access: 'token',
      summary: 'Names of all policies, in the older form.',
      duplicateData: true,
      fields: {},
      operations: {
        read: { summary: 'List policies.', handler: () => oldList(ports) },
        list: { summary: 'List policies.', handler: () => oldList(ports) },
      },
    }),
    definePath({
      pattern: 'policy/*name',
      access: 'token',
      summary: 'One policy, in the older form.',
      duplicateData: true,
      tellsUnknown: true,
      fields: {
        name,
        policy: field.string({ help: 'Text of the policy.' }),
        rules: field.string({ help: 'Older name of policy.', deprecated: true }),
        dry_run,
      },
      operations: {
        read: readPolicy(ports, 'rules'),
        write: {
          summary: 'Create or replace a policy.',
          handler: async ({ input, path, may }) => {
            const usesRules = (input.policy ?? '') === '' && input.rules !== undefined
            const text = usesRules ? (input.rules ?? '') : (input.policy ?? '')
            const written = { text, allowsSlashes: false }
            if (input.dry_run === true) {
              return preview(ports, input.name ?? '', written, sightOf({ may }, accessors))
            }
            const warnings = await writePolicy(ports, path, input.name, written)
            if (usesRules) warnings.push("'rules' is deprecated, please use 'policy' instead")
            return reply.none(warnings)
          },
        },
        delete: deletePolicy(ports),
      },
    }),
  ]
}

interface Named {
  readonly input: { readonly name?: string | undefined }
}

/** The older form of these paths calls the text `rules`. */
function readPolicy(ports: PolicyPort, member: 'policy' | 'rules') {
  return {
    summary: 'Read a policy as it was written.',
    handler: async ({ input: { name: policy = '' } }: Named) => {
      const found = await ports.policies.read(policy)
      if (found === undefined) return reply.none()
      const flags: JsonObject =
        found.allowSlashes === true ? { allow_slashes_in_identity_templates: true } : {}
      return reply.data({ name: policy, [member]: found.text, ...flags })
    },
  }
}

function deletePolicy(ports: PolicyPort) {
  return {
    summary: 'Delete a policy.',
    handler: ({ input: { name: policy = '' } }: Named) => reply.done(ports.policies.remove(policy)),
  }
}

interface WrittenText {
  readonly text: string
  readonly allowsSlashes: boolean
}

/** What ends a token by name is for those who may list such names. */
const accessors = { operation: 'list', path: 'auth/token/accessors/', sudo: true } as const

async function preview(
  ports: Ports,
  name: string,
  written: WrittenText,
  sight: PreviewSight,
): Promise<Reply> {
  const { text, ...options } = written
  return previewReply(async () => {
    const { current, next, warnings } = await ports.policies.draft(name, text, options)
    const found = await previewPolicy(ports, current, next)
    const changes = policyChanges(current, next)
    return previewData({ ...found, warnings, changes }, sight)
  })
}

/** Gives warnings; the caller hears when the name was not sent as it is kept. */
async function writePolicy(
  ports: PolicyPort,
  path: string,
  kept: string | undefined = '',
  { text, allowsSlashes }: WrittenText,
): Promise<string[]> {
  const warnings = [...(await ports.policies.write(kept, text, { allowsSlashes }))]
  if (!path.endsWith(`/${kept}`)) warnings.unshift(`policy name was converted to "${kept}"`)
  return warnings
}

async function oldList(ports: PolicyPort) {
  const names = await ports.policies.list()
  return reply.data({ keys: names, policies: names })
}
