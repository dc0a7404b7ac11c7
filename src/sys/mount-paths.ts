/** sys/mounts, sys/auth, sys/remount (platform.md §2.3). */

import { isBuiltInType } from '../core/bootstrap.ts'
import type { ConfigurationPort, MountPort, SettingsPort } from '../core/ports/system-ports.ts'
import { mountPathCharsMax } from '../core/mounts.ts'
import type { MountRecord } from '../core/records.ts'
import { shownUserLockout } from '../core/user-lockout.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { warningsOfIdleFields } from '../framework/input.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import type { JsonObject, JsonValue } from '../lib/json.ts'
import { field } from '../schema/field.ts'
import { pluginVersion } from './plugin-paths.ts'

const path = field.path({ help: 'Where it is mounted.', charsMax: mountPathCharsMax })

const enableFields = {
  path,
  type: field.string({
    help: 'Name of the method or engine, such as "jwt" or "kv".',
    required: true,
  }),
  description: field.string({ help: 'Text for people.' }),
  local: field.bool({
    help: 'Kept for compatibility; there is no replication.',
    withoutEffect: true,
  }),
  seal_wrap: field.bool({
    help: 'Kept for compatibility; everything is sealed.',
    withoutEffect: true,
  }),
  external_entropy_access: field.bool({ help: 'Kept for compatibility.', withoutEffect: true }),
  options: field.kvPairs({ help: 'Options of the engine, such as version=2.' }),
  plugin_name: field.string({ help: 'Kept for compatibility.', deprecated: true }),
  plugin_version: field.string({
    help: 'Kept for compatibility.',
    deprecated: true,
    withoutEffect: true,
  }),
  config: field.map({ help: 'Settings that tune can change later.' }),
} as const

const tuneFields = {
  path,
  description: field.string({ help: 'Text for people; may be empty.' }),
  options: field.kvPairs({ help: 'Options to change; an empty value removes one.' }),
  default_lease_ttl: field.any({ help: 'Default TTL; "system" inherits.' }),
  max_lease_ttl: field.any({ help: 'Maximum TTL; "system" inherits.' }),
  force_no_cache: field.any({ help: 'Kept for compatibility.', withoutEffect: true }),
  token_type: field.any({
    help: 'default-service, default-batch, service or batch; auth mounts only.',
  }),
  listing_visibility: field.any({ help: '"unauth" shows the mount without a token.' }),
  audit_non_hmac_request_keys: field.any({
    help: 'Members of requests whose values audit records show as they are.',
  }),
  audit_non_hmac_response_keys: field.any({
    help: 'Members of answers whose values audit records show as they are.',
  }),
  passthrough_request_headers: field.any({
    help: 'Kept for compatibility; no backend is given headers.',
    withoutEffect: true,
  }),
  allowed_response_headers: field.any({
    help: 'Kept for compatibility; no backend sets headers by it.',
    withoutEffect: true,
  }),
  user_lockout_config: field.any({
    help: 'lockout_threshold, lockout_duration, lockout_counter_reset_duration and lockout_disable, of methods that lock names out.',
  }),
  plugin_version: field.any({
    help: 'Kept for compatibility.',
    deprecated: true,
    withoutEffect: true,
  }),
  compat: field.any({ help: '"vault" restores the reference behaviour where ours is stricter.' }),
  explain_to_caller: field.any({
    help: 'What a refused login tells its caller: none, own_claims or full.',
  }),
  direct_bearer: field.any({
    help: 'Role by which a JWT is judged that stands in place of a token on any request; empty takes none. One mount of a namespace can have it.',
  }),
} as const

type MountPathPorts = MountPort & ConfigurationPort & SettingsPort

export function mountPaths(ports: MountPathPorts): readonly PathDeclaration[] {
  return [
    ...kindPaths(ports, 'secret'),
    ...kindPaths(ports, 'auth'),
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
            const id = await ports.mounts.move(input.from ?? '', input.to ?? '')
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
      fields: { id: field.string({ help: 'Id that the move was given.', charsMax: 64 }) },
      operations: {
        read: {
          summary: 'Read the state of a move.',
          handler: async ({ input }) => {
            const { id = '' } = input
            const found = await ports.mounts.moveStatus(id)
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

function kindPaths(ports: MountPathPorts, kind: 'auth' | 'secret'): readonly PathDeclaration[] {
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
          handler: async () => reply.data(await listMounts(ports, kind)),
        },
      },
    }),
    definePath({
      pattern: `${base}/*path/tune`,
      access,
      summary: `Settings of an ${what}.`,
      duplicateData: true,
      tellsUnknown: true,
      fields: tuneFields,
      operations: {
        read: {
          summary: 'Read effective settings.',
          handler: async ({ input }) => {
            const mount = await findTuned(ports, kind, input.path ?? '')
            return reply.data(tuneObject(ports, mount))
          },
        },
        write: {
          summary: 'Change settings; what is not given stays.',
          handler: async ({ input, data }): Promise<Reply> => {
            const { path: at = '', description, options, ...settings } = input
            const mount = await findTuned(ports, kind, at)
            const config: Record<string, JsonValue> = {}
            for (const [name, value] of Object.entries(settings)) {
              if (value !== undefined) config[name] = value
            }
            const idle = warningsOfIdleFields(tuneFields, data)
            const done = await ports.mounts.tune(mount, { description, options, config })
            return reply.none([...done, ...idle])
          },
        },
      },
    }),
    definePath({
      pattern: `${base}/*path`,
      access,
      summary: `One ${what}.`,
      duplicateData: true,
      tellsUnknown: true,
      fields: enableFields,
      operations: {
        read: {
          summary: `Read one ${what}.`,
          handler: async ({ input }) => {
            const at = input.path ?? ''
            const mount = await ports.mounts.find(kind, at)
            if (mount === undefined) {
              const shown = `${at}/`
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
            const made = await ports.mounts.enable({
              class: kind,
              path: input.path ?? '',
              type: (input.type ?? '') || (input.plugin_name ?? ''),
              description: input.description ?? '',
              local: input.local ?? false,
              sealWrap: input.seal_wrap ?? false,
              externalEntropyAccess: input.external_entropy_access ?? false,
              options: input.options ?? {},
              config: input.config ?? {},
            })
            return reply.none([
              ...warningsOfIdleFields(enableFields, data),
              ...warningsOfIdleFields(tuneFields, input.config ?? {}),
              ...ports.mounts.idleWarnings(made, input.config ?? {}),
            ])
          },
        },
        delete: {
          summary: `Disable an ${what}: revokes its tokens and deletes its data.`,
          handler: ({ input }) => reply.done(ports.mounts.disable(kind, input.path ?? '')),
        },
      },
    }),
  ]
}

async function findTuned(
  ports: MountPathPorts,
  kind: 'auth' | 'secret',
  path: string,
): Promise<MountRecord> {
  // Terraform and the CLI tune auth mounts through sys/mounts/auth/<path>/tune.
  const isAuth = kind === 'auth' || path.startsWith('auth/')
  const inner = kind === 'secret' && isAuth ? path.slice('auth/'.length) : path
  const mount = await ports.mounts.find(isAuth ? 'auth' : 'secret', inner)
  if (mount === undefined) throw invalid(`no mount at ${path.slice(0, 256)}`)
  return mount
}

async function listMounts(ports: MountPathPorts, kind: 'auth' | 'secret'): Promise<JsonObject> {
  const { mounts } = await ports.configuration()
  const list: Record<string, JsonValue> = {}
  for (const mount of mounts.mounts) {
    if (mount.class === kind && mount.tainted !== true) list[mount.path] = mountObject(mount)
  }
  return list
}

/** Options of a mount as they are read: an object, but null on the mounts that are always there. */
export function shownOptions(mount: MountRecord): JsonObject | null {
  return mount.options ?? (isBuiltInType(mount.type) ? null : {})
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
    options: shownOptions(mount),
    uuid: mount.uuid,
    plugin_version: '',
    running_plugin_version: pluginVersion(mount.type),
    running_sha256: '',
    ...(isBuiltInType(mount.type) ? {} : { deprecation_status: 'supported' }),
    config: {
      default_lease_ttl: config.defaultLeaseTtl,
      max_lease_ttl: config.maxLeaseTtl,
      force_no_cache: config.forceNoCache,
      ...(mount.class === 'auth' ? { token_type: config.tokenType ?? 'default-service' } : {}),
      ...listSettings(mount),
    },
  }
}

function tuneObject(ports: MountPathPorts, mount: MountRecord): JsonObject {
  const { config } = mount
  const { settings } = ports
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
    ...(config.directBearer === undefined ? {} : { direct_bearer: config.directBearer }),
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
  add('user_lockout_config', shownUserLockout(config.userLockout))
  return set
}
