/**
 * The cubbyhole: secrets of one token that nobody else reaches and that go with it
 * (platform.md §7.1). The core deletes what stands below a token's id when the token ends.
 */

import type { BackendType } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import { definePath } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import { requireSecretPath, secretPathBytesMax } from '../../framework/secret-path.ts'
import { JsonText } from '../../lib/json.ts'
import { encodeJsonInTurns } from '../../lib/json-in-turns.ts'
import { field, type Input } from '../../schema/field.ts'
import { textCodec } from '../../storage/store.ts'
import { childNames } from './child-names.ts'

const fields = {
  cubbyhole_path: field.string({
    help: "Path of the secret inside the token's cubbyhole.",
    charsMax: secretPathBytesMax,
  }),
} as const

type Request = BackendRequest<Input<typeof fields>>

const deprecation =
  "Reading from 'cubbyhole/response' is deprecated. Please use sys/wrapping/unwrap to unwrap responses, as it provides " +
  'additional security checks and other benefits.'

export const cubbyholeBackend: BackendType = {
  types: ['cubbyhole'],
  class: 'secret',
  create({ clock, store }) {
    const keyOf = (request: Request) => {
      const path = requirePath(request.path)
      return store.key(`${requireOwner(request)}/${path}`, textCodec)
    }
    return {
      paths: [
        definePath({
          pattern: '*cubbyhole_path?',
          access: 'token',
          summary: 'A secret of the calling token: any path, any members.',
          fields,
          anyFields: true,
          exists: async ({ caller, path }) => {
            const owner = caller?.tokenId ?? ''
            if (owner === '') return false
            const key = store.key(`${owner}/${path}`, textCodec)
            return (await store.view((view) => view.get(key))) !== undefined
          },
          operations: {
            read: {
              summary: 'Read the secret.',
              handler: async (request) => {
                const key = keyOf(request)
                const body = await store.view((view) => view.get(key))
                if (body === undefined) return reply.none()
                return reply.data(new JsonText(body), warningsOf(request))
              },
            },
            list: {
              summary: 'List the names in a folder.',
              handler: async (request) => {
                const owner = requireOwner(request)
                const isFolder = request.path === '' || request.path.endsWith('/')
                const folder = isFolder ? request.path : `${request.path}/`
                if (folder !== '') requirePath(folder)
                return reply.list(await childNames(store, `${owner}/${folder}`))
              },
            },
            write: {
              summary: 'Replace the secret with the given members.',
              handler: async (request) => {
                const key = keyOf(request)
                if (request.path.endsWith('/')) {
                  throw invalid("cannot write to a path ending in '/'")
                }
                const body = request.data
                if (Object.keys(body).length === 0) throw invalid('missing data fields')
                const text = await encodeJsonInTurns(body, clock)
                return reply.done(store.write((txn) => txn.put(key, text)))
              },
            },
            delete: {
              summary: 'Delete the secret.',
              handler: async (request) => {
                const key = keyOf(request)
                return reply.done(store.write((txn) => txn.delete(key.text)))
              },
            },
          },
        }),
      ],
    }
  },
}

/** The name of the caller's cubbyhole. */
function requireOwner(request: Request): string {
  const { caller } = request
  if (caller === undefined || caller.type !== 'service' || caller.tokenId === '') {
    throw invalid("cubbyhole operations are only supported by 'service' type tokens")
  }
  return caller.tokenId
}

function requirePath(path: string): string {
  if (path === '') throw invalid('missing path')
  requireSecretPath(path)
  return path
}

/** Old clients unwrap by reading the response with the wrapping token itself. */
function warningsOf(request: Request): readonly string[] | undefined {
  const policies = request.caller?.policies ?? []
  const isWrapping = policies.length === 1 && policies[0] === 'response-wrapping'
  return isWrapping && request.path === 'response' ? [deprecation] : undefined
}
