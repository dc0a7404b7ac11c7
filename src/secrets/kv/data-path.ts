/**
 * `data/`: reading, writing, patching and soft-deleting the newest version of a secret
 * (platform.md §7.3).
 */

import type { BackendContext } from '../../framework/backend.ts'
import { reply, type Reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid, Refusal } from '../../framework/refusal.ts'
import { encodeJson, isJsonObject, JsonText, member, type JsonObject } from '../../lib/json.ts'
import { encodeJsonInTurns } from '../../lib/json-in-turns.ts'
import { after, type Soon } from '../../lib/soon.ts'
import { field, type Input } from '../../schema/field.ts'
import type { StoreTransaction } from '../../storage/store.ts'
import {
  addVersion,
  changeVersions,
  currentVersion,
  defaultConfig,
  deleteVersion,
  findVersion,
  isReadable,
  newKeyMetadata,
  versionAnswer,
  type KeyMetadata,
  type KvConfig,
} from './key-metadata.ts'
import { mergePatch } from './merge-patch.ts'
import { pathField, pathFields, requirePath, requireWritablePath } from './secret-path.ts'
import { configKey, metadataKey, parseVersion, versionKey } from './versioned-keys.ts'

/** Patches could make a secret grow without end. */
const secretCharactersMax = 33_554_432

const fields = {
  ...pathFields,
  version: field.int({ help: 'Which version to read; 0 or absent is the newest.' }),
  data: field.map({ help: 'The members of the secret.', secret: true }),
  options: field.map({
    help: 'May hold `cas`: the number that the newest version must have; 0 when the secret must be new.',
  }),
} as const

const casField = field.int({ help: 'Number of the newest version.' })

type Request = BackendRequest<Input<typeof fields>>

/** One version of a secret, or what is known of one that is gone. */
export interface ReadVersion {
  readonly metadata: JsonObject
  /** Undefined when the version is deleted or destroyed. */
  readonly body: string | undefined
}

export function dataPath(context: BackendContext): PathDeclaration {
  const { store } = context

  async function write(request: Request): Promise<Reply> {
    const path = requireWritablePath(request.input.secret_path ?? '')
    const text = await encodeJsonInTurns(requireData(request), context.clock)
    const cas = casOf(request)
    return store.write(async (txn) => {
      const { config, metadata } = await readKey(context, txn, path)
      requireCas(cas, metadata, config)
      return putVersion(txn, path, metadata ?? newKeyMetadata(request.nowMs), config, text, request)
    })
  }

  async function patch(request: Request): Promise<Reply> {
    const path = requireWritablePath(request.input.secret_path ?? '')
    const changes = requireData(request)
    const cas = casOf(request)
    return store.write(async (txn) => {
      const { config, metadata } = await readKey(context, txn, path)
      const current = metadata === undefined ? undefined : findVersion(metadata, 0)
      if (metadata === undefined || current === undefined) throw new Refusal('not_found')
      if (!isReadable(current.facts, request.nowMs)) throw new Refusal('not_found')
      requireCas(cas, metadata, config)
      const body = await txn.get(versionKey(store, path, current.number))
      if (body === undefined) throw new Refusal('not_found')
      const merged = mergePatch(await parseVersion(body, context.clock), changes)
      const text = await encodeJsonInTurns(merged, context.clock)
      if (text.length > secretCharactersMax) throw invalid('the secret would become too large')
      return putVersion(txn, path, metadata, config, text, request)
    })
  }

  function putVersion(
    txn: StoreTransaction,
    path: string,
    before: KeyMetadata,
    config: KvConfig,
    text: string,
    request: Request,
  ): Reply {
    const { metadata, number, dropped } = addVersion(before, config, request.nowMs)
    txn.put(metadataKey(store, path), metadata)
    txn.put(versionKey(store, path, number), text)
    for (const old of dropped) txn.delete(versionKey(store, path, old).text)
    const added = findVersion(metadata, number)
    if (added === undefined) throw new Error('a new version is not among those that are kept')
    return reply.data(versionAnswer(metadata, number, added.facts))
  }

  return definePath({
    pattern: 'data/*secret_path',
    access: 'token',
    summary: 'A secret of a version 2 store.',
    fields,
    exists: async ({ captures }) => keyExists(context, captures[pathField]),
    operations: {
      read: {
        summary: 'Read the newest version, or the one that is named.',
        handler: (request: Request) =>
          after(readVersion(context, request), (found) => {
            if (found === undefined) return reply.none()
            const text = `{"data":${found.body ?? 'null'},"metadata":${encodeJson(found.metadata)}}`
            const data = new JsonText(text)
            // Clients read the metadata of a version that is gone from the body of a 404.
            return found.body === undefined
              ? { kind: 'data', status: 404, data }
              : { kind: 'data', data }
          }),
      },
      write: { summary: 'Write a new version.', handler: write },
      patch: { summary: 'Write a new version with some members changed.', handler: patch },
      delete: {
        summary: 'Delete the newest version; it can be brought back.',
        handler: async (request: Request) => {
          const path = requirePath(request.input.secret_path ?? '')
          await store.write(async (txn) => {
            const metadata = await txn.get(metadataKey(store, path))
            if (metadata === undefined) return
            const { nowMs } = request
            const changed = changeVersions(metadata, [currentVersion(metadata)], {
              nowMs,
              change: (facts) => deleteVersion(facts, nowMs),
            })
            if (changed !== metadata) txn.put(metadataKey(store, path), changed)
          })
          return reply.none()
        },
      },
    },
  })
}

/** The version that a read asks for: its key's record and its own, from one snapshot. */
export function readVersion(
  context: BackendContext,
  request: BackendRequest<{
    readonly secret_path: string | undefined
    readonly version: number | undefined
  }>,
): Soon<ReadVersion | undefined> {
  const { store } = context
  const path = requirePath(request.input.secret_path ?? '')
  return store.look((view) =>
    after(view.get(metadataKey(store, path)), (metadata) => {
      const found = metadata && findVersion(metadata, request.input.version ?? 0)
      if (metadata === undefined || found === undefined) return undefined
      const { number, facts } = found
      const body = isReadable(facts, request.nowMs)
        ? view.get(versionKey(store, path, number))
        : undefined
      return after(body, (text) => ({
        metadata: versionAnswer(metadata, number, facts),
        body: text,
      }))
    }),
  )
}

/** Whether the key is known, with or without versions. */
export async function keyExists(
  context: BackendContext,
  path: string | undefined,
): Promise<boolean> {
  if (path === undefined) return false
  const found = await context.store.view((view) => view.get(metadataKey(context.store, path)))
  return found !== undefined
}

export async function readKey(
  context: BackendContext,
  txn: StoreTransaction,
  path: string,
): Promise<{ readonly config: KvConfig; readonly metadata: KeyMetadata | undefined }> {
  const { store } = context
  const [config, metadata] = await txn.getMany([configKey(store), metadataKey(store, path)])
  return {
    config: (config as KvConfig | undefined) ?? defaultConfig,
    metadata: metadata as KeyMetadata | undefined,
  }
}

function requireData(request: Request): JsonObject {
  // An explicit null is no data either, though the field's zero value is an empty object.
  if (!isJsonObject(member(request.data, 'data'))) throw invalid('no data provided')
  return request.input.data ?? {}
}

function casOf(request: Request): number | undefined {
  const given = member(request.input.options ?? {}, 'cas')
  if (given === undefined || given === null) return undefined
  const cas = casField.parse(given)
  if (!cas.ok) throw invalid('error parsing check-and-set parameter')
  return cas.value
}

function requireCas(
  cas: number | undefined,
  metadata: KeyMetadata | undefined,
  config: KvConfig,
): void {
  if (cas === undefined) {
    if (config.casRequired || metadata?.casRequired === true) {
      throw invalid('check-and-set parameter required for this call')
    }
    return
  }
  // The counter stays after a deletion, so 0 succeeds only for what was never written.
  const current = metadata === undefined ? 0 : currentVersion(metadata)
  if (cas !== current) {
    throw invalid('check-and-set parameter did not match the current version')
  }
}
