/**
 * Which records change when a key takes the place of another: the keyring and the recovery key are
 * sealed under the root key, and that one under the key of a seal that opens itself. Pure; the
 * commit is the seal manager's.
 */

import type { Random } from '../../platform/random.ts'
import { openUnder, sealUnder } from '../../storage/keyring.ts'
import {
  configKey,
  keyringKey,
  recoveryKeyKey,
  rootKeyKey,
  shareBackupKey,
  withShareCounts,
  type ShareBackup,
} from './seal-records.ts'
import type { ShareCounts } from './shares.ts'
import type { SealType } from './static-seal.ts'

/** What takes the place of a key or of the shares; the rest stays. */
export interface FreshKeys {
  readonly rootKey?: Buffer
  readonly recoveryKey?: Buffer
  readonly counts?: ShareCounts
  /** Kept for whoever loses what was handed out, in the place of what was kept before. */
  readonly backup?: ShareBackup | undefined
}

export interface PresentKeys {
  readonly type: SealType
  readonly rootKey: Buffer
  /** All records of keys as they are stored. */
  readonly stored: ReadonlyMap<string, Buffer | undefined>
}

type Put = readonly [key: string, value: Uint8Array]

/** What was kept of shares that no longer count goes with them. */
export function staleKeyRecords({ counts, backup }: FreshKeys): readonly string[] {
  return counts !== undefined && backup === undefined ? [shareBackupKey] : []
}

export function replaceKeyRecords(
  { type, rootKey, stored }: PresentKeys,
  fresh: FreshKeys,
  random: Random,
): readonly Put[] {
  const next = fresh.rootKey ?? rootKey
  const resealed = (key: string, content?: Buffer): readonly Put[] => {
    const sealed = stored.get(key)
    const plain = content ?? (sealed === undefined ? undefined : openUnder(rootKey, key, sealed))
    return plain === undefined ? [] : [[key, sealUnder(next, random, key, plain)]]
  }
  const puts = [...resealed(keyringKey), ...resealed(recoveryKeyKey, fresh.recoveryKey)]
  if (type.type === 'static' && fresh.rootKey !== undefined) {
    puts.push([rootKeyKey, sealUnder(type.key, random, rootKeyKey, next)])
  }
  const config = stored.get(configKey)
  if (config !== undefined && fresh.counts !== undefined) {
    puts.push([configKey, withShareCounts(config, fresh.counts)])
  }
  if (fresh.backup !== undefined) {
    puts.push([shareBackupKey, Buffer.from(JSON.stringify(fresh.backup))])
  }
  return puts
}
