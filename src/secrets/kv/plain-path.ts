/** kv version 1 (platform.md §7.2): any path is a secret. */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import { after } from '../../lib/soon.ts'
import type { Input } from '../../schema/field.ts'
import type { StoreTransaction } from '../../storage/store.ts'
import { listFields, listFolder, parseListOptions } from './folder-list.ts'
import { plainKey, plainPrefix, plainSecret } from './plain-secret.ts'
import { pathFields, requireFolder, requirePath, requireWritablePath } from './secret-path.ts'
import { layoutKey, upgradeText } from './upgrade.ts'

const fields = { ...pathFields, ...listFields } as const

type Request = BackendRequest<Input<typeof fields>>

export function plainPath(context: BackendContext): PathDeclaration {
  const { store } = context

  /**
   * A write that began before the mount became version 2 must not leave a secret behind that nobody
   * moves.
   */
  async function requirePlainLayout(txn: StoreTransaction): Promise<void> {
    if ((await txn.get(layoutKey(store))) !== undefined) throw invalid(upgradeText)
  }

  return definePath({
    pattern: '*secret_path?',
    access: 'token',
    summary: 'A secret of a version 1 store: any path, any members.',
    fields,
    anyFields: true,
    exists: async ({ path }) => {
      const found = await store.view((view) => view.get(plainKey(store, path)))
      return found !== undefined
    },
    operations: {
      read: {
        summary: 'Read the secret.',
        handler: (request: Request) => {
          if (request.path === '') return reply.none()
          const path = requirePath(request.path)
          const found = store.look((view) => view.get(plainKey(store, path)))
          return after(found, (secret) => {
            if (secret === undefined) return reply.none()
            const leaseSeconds = secret.leaseSeconds ?? context.mount().defaultLeaseTtlSeconds
            return { kind: 'data', data: secret.body, leaseSeconds }
          })
        },
      },
      list: {
        summary: 'List the names in a folder.',
        handler: async (request: Request) => {
          const folder = requireFolder(request.path)
          const options = parseListOptions(request.input)
          return reply.list(await listFolder(store, context.clock, plainPrefix + folder, options))
        },
      },
      write: {
        summary: 'Replace the secret with the given members.',
        handler: async (request: Request) => {
          const path = requireWritablePath(request.path)
          const body = request.data
          if (Object.keys(body).length === 0) throw invalid('missing data fields')
          const secret = await plainSecret(body, context.clock)
          await store.write(async (txn) => {
            await requirePlainLayout(txn)
            txn.put(plainKey(store, path), secret)
          })
          return reply.none()
        },
      },
      delete: {
        summary: 'Delete the secret.',
        handler: async (request: Request) => {
          const path = requirePath(request.path)
          await store.write(async (txn) => {
            await requirePlainLayout(txn)
            txn.delete(plainKey(store, path).text)
          })
          return reply.none()
        },
      },
    },
  })
}
