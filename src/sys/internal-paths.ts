/**
 * sys/internal/*: what the CLI and web UIs ask about mounts and rights, and the OpenAPI document
 * (platform.md §2.8).
 */

import { builtInMounts } from '../core/bootstrap.ts'
import type { MountBelow } from '../core/namespaces/namespace-admin.ts'
import type { ConfigurationPort, NamespacePort } from '../core/ports/system-ports.ts'
import type { CallerFacts } from '../core/caller-facts.ts'
import { fullPath } from '../core/mount-table.ts'
import type { Acl } from '../core/policy/acl.ts'
import type { MountRecord } from '../core/records.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { corePaths, type CoreRequest } from '../framework/core-path.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { Refusal } from '../framework/refusal.ts'
import { BoundedCache } from '../lib/bounded-cache.ts'
import type { JsonObject, JsonValue } from '../lib/json.ts'
import { field } from '../schema/field.ts'
import { mountObject, shownOptions } from './mount-paths.ts'
import { ownRights } from './own-rights.ts'
import { openApiDocument, type OpenApiPorts } from './openapi.ts'

/** Documents of so many different views are kept; a view is the mounts that somebody sees. */
const documentsMax = 32

const defineSystemPath = corePaths<CallerFacts>()
type SystemRequest = CoreRequest<unknown, CallerFacts>

type InternalPorts = ConfigurationPort & NamespacePort & OpenApiPorts

export function internalPaths(ports: InternalPorts): readonly PathDeclaration[] {
  const documents = new BoundedCache<string, string>(documentsMax)
  const specification = (request: SystemRequest) => openApiReply(ports, documents, request)
  return [
    defineSystemPath({
      pattern: 'internal/ui/mounts',
      access: 'open',
      summary: 'Mounts the caller can see; without a token those tuned visible.',
      fields: {},
      operations: {
        read: {
          summary: 'List visible mounts.',
          handler: async (request) => reply.data(await visibleMounts(ports, request)),
        },
      },
    }),
    defineSystemPath({
      pattern: 'internal/ui/mounts/*path',
      access: 'open',
      summary: 'The mount that serves a path, if the caller may do anything there.',
      fields: { path: field.path({ help: 'Any path of the API.', charsMax: 8192 }) },
      operations: {
        read: {
          summary: 'Find the mount of a path.',
          handler: async (request) => {
            const { path = '' } = request.input
            const acl = await optionalAcl(request)
            const found = acl && (await mountOf(ports, path))
            if (found === undefined || acl?.hasAnyCapabilityUnder(found.path) !== true) {
              // The same answer for "not there" and "not yours", so that nothing can be guessed.
              const shown = `${path}/`
              throw new Refusal('token_refused', {
                text: `preflight capability check returned 403, please ensure client's policies grant access to path "${shown}"`,
              })
            }
            return reply.data({ ...mountObject(found.mount), path: found.path })
          },
        },
      },
    }),
    defineSystemPath({
      pattern: 'internal/ui/resultant-acl',
      access: 'open',
      summary: 'The rules that result from all policies of the caller.',
      fields: {},
      operations: {
        read: {
          summary: 'Read the resulting rules.',
          handler: async (request) => {
            const acl = await optionalAcl(request)
            if (acl === undefined) return noContent
            return reply.data(acl.resultant() as JsonObject)
          },
        },
      },
    }),
    defineSystemPath({
      pattern: 'internal/ui/whoami',
      access: 'open',
      summary: 'The groups of the caller, and why each of its policies is there.',
      fields: {},
      operations: {
        read: {
          summary: 'Read who the caller is.',
          handler: async ({ facts }) => {
            const shown = await facts.shown()
            if (shown === undefined) return noContent
            const { mounts } = await ports.configuration()
            return reply.data(ownRights(shown, mounts))
          },
        },
      },
    }),
    defineSystemPath({
      pattern: 'internal/specs/openapi',
      access: 'open',
      summary: 'This API as an OpenAPI 3 document.',
      fields: {},
      bare: true,
      operations: {
        read: { summary: 'Read the document.', handler: specification },
        write: { summary: 'Read the document.', handler: specification },
      },
    }),
    definePath({
      pattern: 'replication/status',
      access: 'open',
      summary: 'Replication, which there is none of; web UIs and scripts ask.',
      fields: {},
      operations: {
        read: {
          summary: 'Read the state.',
          handler: async () =>
            reply.data({
              mode: 'disabled',
              dr: { mode: 'disabled' },
              performance: { mode: 'disabled' },
            }),
        },
      },
    }),
  ]
}

/** For whoever shows no token. */
const noContent: Reply = { kind: 'raw', status: 204, contentType: 'application/json', body: '' }

/**
 * Every path of the mounts that the caller can see; those that every server has are no secret. The
 * document depends on these mounts alone and takes milliseconds to make, so it is kept.
 */
async function openApiReply(
  ports: InternalPorts,
  documents: BoundedCache<string, string>,
  request: SystemRequest,
): Promise<Reply> {
  const acl = await optionalAcl(request)
  const { mounts } = await ports.configuration()
  const shown = mounts.mounts.filter(
    (mount) =>
      mount.tainted !== true &&
      (builtInMounts.some(({ type }) => type === mount.type) || visible(mount, acl) !== undefined),
  )
  const view = shown.map((mount) => `${mount.type} ${fullPath(mount)}`).join('\n')
  const kept = documents.get(view)
  const body = kept ?? `${JSON.stringify(openApiDocument(ports, shown))}\n`
  if (kept === undefined) documents.set(view, body)
  return { kind: 'raw', status: 200, contentType: 'application/json', body }
}

/** The rules of whoever shows a token, if anybody does: these paths are open. */
async function optionalAcl({ facts }: SystemRequest): Promise<Acl | undefined> {
  return (await facts.shown())?.acl
}

/** Of this namespace, or of one below that the path leads into. */
async function mountOf(ports: InternalPorts, path: string): Promise<MountBelow | undefined> {
  const { mounts } = await ports.configuration()
  const own = mounts.find(path)
  return own === undefined ? ports.namespaces.mountBelow(path) : { mount: own, path: fullPath(own) }
}

async function visibleMounts(ports: InternalPorts, request: SystemRequest): Promise<JsonObject> {
  const { mounts } = await ports.configuration()
  const acl = await optionalAcl(request)
  const secret: Record<string, JsonValue> = {}
  const auth: Record<string, JsonValue> = {}
  for (const mount of mounts.mounts) {
    if (mount.tainted === true) continue
    const shown = visible(mount, acl)
    if (shown !== undefined) (mount.class === 'auth' ? auth : secret)[mount.path] = shown
  }
  return { secret, auth }
}

function visible(mount: MountRecord, acl: Acl | undefined): JsonObject | undefined {
  if (acl?.hasAnyCapabilityUnder(fullPath(mount)) === true) return mountObject(mount)
  if (mount.config.listingVisibility !== 'unauth') return undefined
  return { type: mount.type, description: mount.description, options: shownOptions(mount) }
}
