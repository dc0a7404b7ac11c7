/** Looks through a store and names every token, index row and identity that does not agree with the others. */

import { keys, lastSegment } from '../../src/core/keys.ts'
import type { AliasRecord, EntityRecord, MountRecord } from '../../src/core/records.ts'
import { createStaticSeal } from '../../src/core/seal/static-seal.ts'
import { SealManager } from '../../src/core/seal/seal-manager.ts'
import { revokedAtSeconds } from '../../src/core/tokens.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { SilentLogger } from '../../src/platform/logger.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { openLmdbEngine } from '../../src/storage/lmdb/lmdb-engine.ts'
import { SealedStore } from '../../src/storage/sealed-store.ts'
import { prefixRange, recordKey, type Store, type StoreView } from '../../src/storage/store.ts'

export interface StoreReport {
  readonly tokens: number
  readonly problems: readonly string[]
}

/** Opens the folder of a stopped server without its core, so that no sweep repairs what is to be seen. */
export async function checkFolder(path: string, staticKey: string): Promise<StoreReport> {
  const [random, logger, clock] = [new SystemRandom(), new SilentLogger(), new SystemClock()]
  const engine = await openLmdbEngine({
    path,
    shared: false,
    processId: process.pid,
    random,
    logger,
  })
  const store = new SealedStore({
    engine,
    cacheEntriesMax: 1000,
    onFatal: (error) => {
      throw error
    },
  })
  try {
    const type = createStaticSeal(staticKey)
    await new SealManager({ engine, store, type, clock, random, logger }).autoUnseal()
    return await checkStore(store)
  } finally {
    store.seal()
    await engine.close()
  }
}

export function checkStore(store: Store): Promise<StoreReport> {
  return store.view(async (view) => {
    const problems: string[] = []
    const tokens = new Set(await idsBelow(view, keys.tokenPrefix))
    for (const id of tokens) problems.push(...(await tokenProblems(view, id, tokens)))
    problems.push(...(await rowProblems(view, tokens)))
    problems.push(...(await identityProblems(view)))
    problems.push(...(await cubbyholeProblems(view, tokens)))
    return { tokens: tokens.size, problems }
  })
}

async function idsBelow(view: StoreView, prefix: string): Promise<string[]> {
  return (await keysBelow(view, prefix)).map(lastSegment)
}

async function keysBelow(view: StoreView, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const key of view.keys(prefixRange(prefix))) found.push(key)
  return found
}

async function exists(view: StoreView, key: string): Promise<boolean> {
  for await (const found of view.keys(prefixRange(key, { limit: 1 }))) return found === key
  return false
}

async function tokenProblems(
  view: StoreView,
  id: string,
  tokens: ReadonlySet<string>,
): Promise<readonly string[]> {
  const record = await view.get(keys.token(id))
  if (record === undefined) return ['a token without a record']
  const problems: string[] = []
  if (record.expires !== 0 && !(await exists(view, keys.expiry(record.expires, id)))) {
    problems.push(`${record.path}: a token that expires at ${record.expires} has no row for it`)
  }
  if (record.parent !== undefined) {
    // What ended with its parent waits for the sweep and needs the parent no more.
    const isEnded = record.expires === revokedAtSeconds
    if (!isEnded && !tokens.has(record.parent)) problems.push('a child without its parent')
    if (!isEnded && !(await exists(view, keys.child(record.parent, id)))) {
      problems.push('a child without its row')
    }
  }
  if (record.custom === true) {
    const named = await view.get(keys.customToken(record.h))
    if (named?.id !== id) problems.push('a chosen text without its row')
  }
  if (record.entity !== '' && (await view.get(keys.entity(record.entity))) === undefined) {
    problems.push('a token without its entity')
  }
  return problems
}

/** Rows that point to nothing, or to something else. */
async function rowProblems(
  view: StoreView,
  tokens: ReadonlySet<string>,
): Promise<readonly string[]> {
  const problems: string[] = []
  for (const key of await keysBelow(view, keys.expiryPrefix)) {
    const id = lastSegment(key)
    const record = await view.get(keys.token(id))
    if (record === undefined) problems.push('a row of expiry without its token')
    else if (keys.expiry(record.expires, id) !== key) problems.push('a row of another expiry')
  }
  const [childrenPrefix] = keys.childPrefix('\0').split('\0')
  for (const key of await keysBelow(view, childrenPrefix ?? '')) {
    const child = lastSegment(key)
    const record = tokens.has(child) ? await view.get(keys.token(child)) : undefined
    if (record === undefined) problems.push('a row of a child without its token')
    else if (record.parent === undefined || keys.child(record.parent, child) !== key) {
      problems.push('a row of a child of another parent')
    }
  }
  const [customPrefix] = keys.customToken('\0').text.split('\0')
  for (const key of await keysBelow(view, customPrefix ?? '')) {
    const { id } = (await view.get(recordKey<{ id: string }>(key))) ?? { id: '' }
    if (!tokens.has(id)) problems.push('a chosen text without its token')
  }
  return problems
}

async function identityProblems(view: StoreView): Promise<readonly string[]> {
  const problems: string[] = []
  const [entityPrefix] = keys.entity('\0').text.split('\0')
  const [aliasPrefix] = keys.alias('\0', '').text.split('\0')
  for (const key of await keysBelow(view, entityPrefix ?? '')) {
    const entity = await view.get(recordKey<EntityRecord>(key))
    for (const { accessor, hash } of entity?.aliases ?? []) {
      const alias = await view.get(keys.alias(accessor, hash))
      if (alias?.entity !== entity?.id) problems.push('an entity without its alias')
    }
  }
  for (const key of await keysBelow(view, aliasPrefix ?? '')) {
    const alias = await view.get(recordKey<AliasRecord>(key))
    const entity = alias && (await view.get(keys.entity(alias.entity)))
    const hash = lastSegment(key)
    if (!entity?.aliases.some((one) => one.hash === hash)) {
      problems.push('an alias without its entity')
    }
    const place = alias && (await view.get(keys.aliasId(alias.id)))
    if (place?.hash !== hash) problems.push('an alias without the row of its id')
  }
  return [...problems, ...(await membershipProblems(view))]
}

/** Names of entities, and who is in which group, told twice and alike. */
async function membershipProblems(view: StoreView): Promise<readonly string[]> {
  const problems: string[] = []
  const ids = await idsBelow(view, keys.entityPrefix)
  const rows = await keysBelow(view, keys.entityNamePrefix)
  if (rows.length !== ids.length) problems.push(`${rows.length} names of ${ids.length} entities`)
  for (const key of rows) {
    const row = await view.get(keys.entityName(lastSegment(key)))
    if (row === undefined || !ids.includes(row.id)) problems.push('a name without its entity')
  }
  for (const id of ids) {
    const entity = await view.get(keys.entity(id))
    for (const group of entity?.groups ?? []) {
      if ((await view.get(keys.group(group))) === undefined) continue
      if (!(await exists(view, keys.member(group, id)))) problems.push('a member without its row')
    }
  }
  const [members = ''] = keys.memberPrefix('\0').split('\0')
  for (const key of await keysBelow(view, members)) {
    const [group = '', member = ''] = key.slice(members.length).split('/')
    if ((await view.get(keys.group(group))) === undefined) continue
    const entity = await view.get(keys.entity(member))
    if (entity?.groups.includes(group) !== true) problems.push('a row of a member that is none')
  }
  return problems
}

async function cubbyholeProblems(
  view: StoreView,
  tokens: ReadonlySet<string>,
): Promise<readonly string[]> {
  const problems: string[] = []
  for (const key of await keysBelow(view, keys.mountPrefix)) {
    const mount = await view.get(recordKey<MountRecord>(key))
    if (mount?.type !== 'cubbyhole') continue
    const prefix = keys.mountDataPrefix(mount.uuid)
    for (const entry of await keysBelow(view, prefix)) {
      const owner = entry.slice(prefix.length).split('/')[0] ?? ''
      if (!tokens.has(owner)) problems.push('a cubbyhole without its token')
    }
  }
  return problems
}
