/** sys/mounts, sys/auth, sys/remount (platform contract §2.3). */

import type { Core } from '../core/core.ts'
import type { MountRecord } from '../core/records.ts'
import { reply, type Reply } from '../framework/backend.ts'
import { definePath, withoutFinalSlash, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import type { JsonObject, JsonValue } from '../lib/json.ts'
import { trimEnds } from '../lib/trim.ts'
import { field } from '../schema/field.ts'

const enableFields = {
  type: field.string({
    help: 'Name of the method or engine, such as "jwt" or "kv".',
    required: true,
  }),
  description: field.string({ help: 'Text for people.' }),
  local: field.bool({ help: 'Kept for compatibility; there is no replication.' }),
  seal_wrap: field.bool({ help: 'Kept for compatibility; everything is sealed.' }),
  external_entropy_access: field.bool({ help: 'Kept for compatibility.' }),
  options: field.kvPairs({ help: 'Options of the engine, such as version=2.' }),
  plugin_name: field.string({ help: 'Kept for compatibility.', deprecated: true }),
  plugin_version: field.string({ help: 'Kept for compatibility.', deprecated: true }),
  config: field.map({ help: 'Settings that tune can change later.' }),
} as const

const tuneFields = {
  description: field.string({ help: 'Text for people; may be empty.' }),
  options: field.kvPairs({ help: 'Options to change; an empty value removes one.' }),
  default_lease_ttl: field.any({ help: 'Default TTL; "system" inherits.' }),
  max_lease_ttl: field.any({ help: 'Maximum TTL; "system" inherits.' }),
  force_no_cache: field.any({ help: 'Kept for compatibility.' }),
  token_type: field.any({
    help: 'default-service, default-batch, service or batch; auth mounts only.',
  }),
  listing_visibility: field.any({ help: '"unauth" shows the mount without a token.' }),
  audit_non_hmac_request_keys: field.any({
    help: 'Request fields that audit records show in clear.',
  }),
  audit_non_hmac_response_keys: field.any({
    help: 'Response fields that audit records show in clear.',
  }),
  passthrough_request_headers: field.any({ help: 'Request headers that reach the backend.' }),
  allowed_response_headers: field.any({ help: 'Response headers that reach the client.' }),
  user_lockout_config: field.any({ help: 'Lock-out of users after failed logins.' }),
  plugin_version: field.any({ help: 'Kept for compatibility.', deprecated: true }),
  compat: field.any({ help: '"vault" restores the reference behaviour where ours is stricter.' }),
  explain_to_caller: field.any({
    help: 'What a refused login tells its caller: none, own_claims or full.',
  }),
} as const

export function mountPaths(core: Core): readonly PathDeclaration[] {
  return [
    ...kindPaths(core, 'secret'),
    ...kindPaths(core, 'auth'),
    definePath({
      pattern: 'remount',
      access: 'sudo',
      summary: 'Moves a mount to another path.',
      duplicateData: true,
      fields: {
        from: field.string({
          help: 'Present path, with auth/ for an auth method.',
          required: true,
        }),
        to: field.string({ help: 'New path.', required: true }),
      },
      operations: {
        write: {
          summary: 'Move a mount.',
          handler: async ({ input }) => {
            const id = await core.mounts.move(input.from ?? '', input.to ?? '')
            return reply.data({ migration_id: id }, [
              "Mount move has been queued. Progress will be reported in Vault's server log, tagged with the returned migration_id",
            ])
          },
        },
      },
    }),
    definePath({
      pattern: 'remount/status/:id',
      access: 'token',
      summary: 'How a move went.',
      fields: {},
      operations: {
        read: {
          summary: 'Read the state of a move.',
          handler: async ({ path }) => {
            const id = path.slice('remount/status/'.length)
            const found = await core.mounts.moveStatus(id)
            if (found === undefined) return reply.none()
            return reply.data({
              migration_id: id,
              migration_info: {
                source_mount: found.from,
                target_mount: found.to,
                status: found.status,
              },
            })
          },
        },
      },
    }),
  ]
}

function kindPaths(core: Core, kind: 'auth' | 'secret'): readonly PathDeclaration[] {
  const base = kind === 'auth' ? 'auth' : 'mounts'
  const what = kind === 'auth' ? 'auth method' : 'secrets engine'
  const access = kind === 'auth' ? 'sudo' : 'token'
  return [
    definePath({
      pattern: base,
      access: 'token',
      summary: `Lists every ${what}.`,
      duplicateData: true,
      fields: {},
      operations: {
        read: {
          summary: `List every ${what}.`,
          handler: async () => reply.data(await listMounts(core, kind)),
        },
      },
    }),
    definePath({
      pattern: `${base}/*path/tune`,
      access,
      summary: `Settings of an ${what}.`,
      duplicateData: true,
      fields: tuneFields,
      operations: {
        read: {
          summary: 'Read effective settings.',
          handler: async ({ data }) => {
            const mount = await findTuned(core, kind, data)
            return reply.data(tuneObject(core, mount))
          },
        },
        write: {
          summary: 'Change settings; what is not given stays.',
          handler: async ({ input, data }): Promise<Reply> => {
            const mount = await findTuned(core, kind, data)
            const { description, options, ...settings } = input
            const config: Record<string, JsonValue> = {}
            for (const [name, value] of Object.entries(settings)) {
              if (name !== 'path' && value !== undefined) config[name] = value
            }
            const warnings = await core.mounts.tune(mount, { description, options, config })
            return warnings.length > 0 ? reply.none(warnings) : reply.none()
          },
        },
      },
    }),
    definePath({
      pattern: `${base}/*path`,
      canonical: withoutFinalSlash,
      access,
      summary: `One ${what}.`,
      duplicateData: true,
      fields: enableFields,
      operations: {
        read: {
          summary: `Read one ${what}.`,
          handler: async ({ data }) => {
            const path = String(data['path'])
            const mount = await core.mounts.find(kind, path)
            if (mount === undefined) {
              const shown = `${trimEnds(path, '/')}/`
              throw invalid(
                kind === 'auth'
                  ? `No auth engine at ${shown}`
                  : `No secret engine mount at ${shown}`,
              )
            }
            return reply.data(mountObject(mount))
          },
        },
        write: {
          summary: `Enable an ${what}.`,
          handler: async ({ input, data }) => {
            await core.mounts.enable({
              class: kind,
              path: String(data['path']),
              type: (input.type ?? '') || (input.plugin_name ?? ''),
              description: input.description ?? '',
              local: input.local ?? false,
              sealWrap: input.seal_wrap ?? false,
              externalEntropyAccess: input.external_entropy_access ?? false,
              options: input.options ?? {},
              config: input.config ?? {},
            })
            return reply.none()
          },
        },
        delete: {
          summary: `Disable an ${what}: revokes its tokens and deletes its data.`,
          handler: async ({ data }) => {
            await core.mounts.disable(kind, String(data['path']))
            return reply.none()
          },
        },
      },
    }),
  ]
}

async function findTuned(
  core: Core,
  kind: 'auth' | 'secret',
  data: JsonObject,
): Promise<MountRecord> {
  const path = String(data['path'])
  // Terraform and the CLI tune auth mounts through sys/mounts/auth/<path>/tune.
  const isAuth = kind === 'auth' || path.startsWith('auth/')
  const inner = kind === 'secret' && isAuth ? path.slice('auth/'.length) : path
  const mount = await core.mounts.find(isAuth ? 'auth' : 'secret', inner)
  if (mount === undefined) throw invalid(`no mount at ${path.slice(0, 256)}`)
  return mount
}

async function listMounts(core: Core, kind: 'auth' | 'secret'): Promise<JsonObject> {
  const { mounts } = await core.configuration()
  const list: Record<string, JsonValue> = {}
  for (const mount of mounts.mounts) {
    if (mount.class === kind && mount.tainted !== true) list[mount.path] = mountObject(mount)
  }
  return list
}

/** The mount object of lists and reads. */
export function mountObject(mount: MountRecord): JsonObject {
  const { config } = mount
  return {
    type: mount.type,
    description: mount.description,
    accessor: mount.accessor,
    local: mount.local,
    seal_wrap: mount.sealWrap,
    external_entropy_access: mount.externalEntropyAccess,
    options: mount.options,
    uuid: mount.uuid,
    plugin_version: '',
    running_plugin_version: 'v1.17.0+builtin.vault',
    running_sha256: '',
    deprecation_status: 'supported',
    config: {
      default_lease_ttl: config.defaultLeaseTtl,
      max_lease_ttl: config.maxLeaseTtl,
      force_no_cache: config.forceNoCache,
      ...(mount.class === 'auth' ? { token_type: config.tokenType ?? 'default-service' } : {}),
      ...listSettings(mount),
    },
  }
}

function tuneObject(core: Core, mount: MountRecord): JsonObject {
  const { config } = mount
  const { settings } = core
  return {
    description: mount.description,
    default_lease_ttl: config.defaultLeaseTtl || settings.defaultLeaseTtl,
    max_lease_ttl: config.maxLeaseTtl || settings.maxLeaseTtl,
    force_no_cache: config.forceNoCache,
    ...(mount.class === 'auth' ? { token_type: config.tokenType ?? 'default-service' } : {}),
    ...(mount.options === null ? {} : { options: mount.options }),
    ...listSettings(mount),
    ...(config.compat === undefined ? {} : { compat: config.compat }),
    ...(config.explainToCaller === undefined ? {} : { explain_to_caller: config.explainToCaller }),
  }
}

function listSettings(mount: MountRecord): JsonObject {
  const { config } = mount
  const set: Record<string, JsonValue> = {}
  const add = (name: string, value: JsonValue | undefined) => {
    if (value !== undefined) set[name] = value
  }
  add('audit_non_hmac_request_keys', config.auditNonHmacRequestKeys)
  add('audit_non_hmac_response_keys', config.auditNonHmacResponseKeys)
  add('passthrough_request_headers', config.passthroughRequestHeaders)
  add('allowed_response_headers', config.allowedResponseHeaders)
  add('listing_visibility', config.listingVisibility)
  add('user_lockout_config', config.userLockout)
  return set
}
