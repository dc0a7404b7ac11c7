/**
 * Entities of version 0.1 have no rows for their names and for the ids of their aliases. They are
 * made once, at the first start of a version that knows them.
 */

import type { Store } from '../../storage/store.ts'
import { keys } from '../keys.ts'
import { aliasesOf, changed } from './entity-rows.ts'
import { listSegments, type IdentityIndex } from './identity-index.ts'

const entitiesOfStep = 500

/** Safe to be stopped at any moment and begun again. */
export async function indexOlderEntities(store: Store, index: IdentityIndex): Promise<void> {
  if ((await store.view((view) => view.get(keys.identityRows()))) !== undefined) return
  let after = ''
  for (;;) {
    const page = { after, limit: entitiesOfStep }
    const ids = await store.view((view) => listSegments(view, keys.entityPrefix, page))
    const last = ids.at(-1)
    if (last === undefined) break
    await store.write(async (txn) => {
      for (const id of ids) {
        const entity = await txn.get(keys.entity(id))
        if (entity === undefined) continue
        const row = index.entityName(entity.name)
        // Eight digits of chance: two of many may have the same, and one of them gets more.
        const isTaken = ((await txn.get(row))?.id ?? id) !== id
        const name = isTaken ? `${entity.name}_${id}` : entity.name
        if (isTaken) txn.put(keys.entity(id), changed({ ...entity, name }))
        txn.put(index.entityName(name), { id })
        for (const { alias, hash } of await aliasesOf(txn, entity)) {
          txn.put(keys.aliasId(alias.id), { accessor: alias.accessor, hash })
        }
      }
    })
    after = last
  }
  await store.write((txn) => txn.put(keys.identityRows(), { since: '0.2' }))
}
