/**
 * The records that exist before and outside the barrier. They lie in the engine as they are: the
 * keyring is sealed under the root key, the root key under the static key, the rest is public.
 */

import {
  RecordDamaged,
  viewOf,
  type Change,
  type Engine,
  type Expectation,
} from '../../storage/store.ts'

/** No record of the sealed store may have a key below this prefix. */
export const sealRecordPrefix = 'seal/'
export const configKey = `${sealRecordPrefix}config`
export const keyringKey = `${sealRecordPrefix}keyring`
export const rootKeyKey = `${sealRecordPrefix}root-key`
export const recoveryKeyKey = `${sealRecordPrefix}recovery-key`
export const shareBackupKey = `${sealRecordPrefix}share-backup`
const encryptionsKey = `${sealRecordPrefix}encryptions`

const configFormat = 1
const attemptsMax = 64

export interface SealConfig {
  readonly format: number
  readonly type: 'shamir' | 'static'
  /** Unseal keys for `shamir`, recovery keys for `static`. */
  readonly shares: number
  readonly threshold: number
  readonly clusterName: string
  readonly clusterId: string
}

export function createConfig(config: Omit<SealConfig, 'format'>): Buffer {
  return Buffer.from(JSON.stringify({ format: configFormat, ...config }))
}

/** The same with other shares. */
export function withShareCounts(
  config: Buffer,
  { shares, threshold }: Pick<SealConfig, 'shares' | 'threshold'>,
): Buffer {
  return createConfig({ ...parseConfig(config), shares, threshold })
}

/** All records of keys as they are stored, from one moment; undefined where there is none. */
export async function loadSealRecords(
  engine: Engine,
): Promise<ReadonlyMap<string, Buffer | undefined>> {
  return viewOf(engine, async (view) => {
    const records = new Map<string, Buffer | undefined>()
    for (const key of [configKey, keyringKey, rootKeyKey, recoveryKeyKey]) {
      const [bytes] = await view.getMany([key])
      records.set(key, bytes === undefined ? undefined : Buffer.from(bytes))
    }
    return records
  })
}

async function loadRecord(engine: Engine, key: string): Promise<Buffer | undefined> {
  return viewOf(engine, async (view) => {
    const [bytes] = await view.getMany([key])
    return bytes === undefined ? undefined : Buffer.from(bytes)
  })
}

export async function requireRecord(engine: Engine, key: string): Promise<Buffer> {
  const bytes = await loadRecord(engine, key)
  if (bytes === undefined) throw new Error(`the store has lost its record ${key}`)
  return bytes
}

export async function loadConfig(engine: Engine): Promise<SealConfig | undefined> {
  const bytes = await loadRecord(engine, configKey)
  return bytes === undefined ? undefined : parseConfig(bytes)
}

function parseConfig(bytes: Buffer): SealConfig {
  const config = parsePlain(configKey, bytes) as SealConfig
  if (config.format !== configFormat) {
    throw new Error('the store was initialised by another version and cannot be read by this one')
  }
  return config
}

/** Shares of the last rekey, if it asked for it, encrypted to people: nothing in it is secret. */
export interface ShareBackup {
  readonly nonce: string
  /** By fingerprint, in hex. */
  readonly keys: Readonly<Record<string, readonly string[]>>
}

export async function loadShareBackup(engine: Engine): Promise<ShareBackup | undefined> {
  const bytes = await loadRecord(engine, shareBackupKey)
  return bytes === undefined ? undefined : (parsePlain(shareBackupKey, bytes) as ShareBackup)
}

/** Adds to the number of records sealed under a term, over all processes; gives the sum. */
export async function addEncryptions(engine: Engine, term: number, count: number): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const before = await loadRecord(engine, encryptionsKey)
    const stored = before === undefined ? undefined : parseEncryptions(before)
    // Counts of older terms do not matter: nothing is sealed under them any more.
    if (stored !== undefined && stored.term > term) return count
    const sum = (stored?.term === term ? stored.count : 0) + count
    if (count === 0) return sum
    const after = Buffer.from(JSON.stringify({ term, count: sum }))
    const expects: Expectation[] = [{ kind: 'value', key: encryptionsKey, value: before }]
    if (await commitOne(engine, { expects, puts: [[encryptionsKey, after]], deletes: [] })) {
      return sum
    }
  }
  throw new Error('the encryption count could not be saved')
}

export async function commitOne(engine: Engine, change: Change): Promise<boolean> {
  const [outcome] = await engine.commit([change])
  return outcome === 'committed'
}

function parseEncryptions(bytes: Buffer): { term: number; count: number } {
  return parsePlain(encryptionsKey, bytes) as { term: number; count: number }
}

function parsePlain(key: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    throw new RecordDamaged(key)
  }
}
