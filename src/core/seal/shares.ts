/**
 * Shares of a key after Shamir. One share of one is the key itself, as in Vault; of several each is
 * one byte longer than the key, its last byte being the place of the share.
 */

import { timingSafeEqual } from 'node:crypto'
import { combine, split } from 'shamir-secret-sharing'
import { encryptShares, type PgpKey } from './pgp.ts'
import { SealProblem } from './seal-problem.ts'
import { decodeKey, isBase64, isHex } from './static-seal.ts'

export const sharesMax = 255

export interface ShareCounts {
  readonly shares: number
  readonly threshold: number
}

/** Of every key that is split. */
export const splitKeyBytes = 32

/** Longest text of a share that is looked at. */
const shareTextCharsMax = 1024

/** Encrypted, each to the key at its place, where there are people's keys. */
export async function splitKey(
  key: Buffer,
  counts: ShareCounts,
  people: readonly PgpKey[] = [],
): Promise<readonly Buffer[]> {
  const shares = await splitInClear(key, counts)
  if (people.length === 0) return shares
  const sealed = await encryptShares(shares, people)
  for (const share of shares) share.fill(0)
  return sealed
}

async function splitInClear(key: Buffer, { shares, threshold }: ShareCounts): Promise<Buffer[]> {
  if (shares === 1) return [Buffer.from(key)]
  // The library takes nothing but plain arrays, and a Buffer is a subclass.
  const plain = new Uint8Array(key)
  try {
    return (await split(plain, shares, threshold)).map((share) => Buffer.from(share))
  } finally {
    plain.fill(0)
  }
}

/** The key that these shares give, right or wrong; undefined when they cannot belong to one key. */
export async function combineShares(shares: readonly Buffer[]): Promise<Buffer | undefined> {
  const [only] = shares
  if (shares.length === 1 && only !== undefined) return Buffer.from(only)
  const plain = shares.map((share) => new Uint8Array(share))
  try {
    return Buffer.from(await combine(plain))
  } catch {
    // Two shares with one place.
    return undefined
  } finally {
    for (const share of plain) share.fill(0)
  }
}

/** Refuses what is the text of no share at all. Throws SealProblem. */
export function requireShareText(text: string): void {
  if (!isHex(text) && !isBase64(text)) {
    throw new SealProblem("'key' must be a valid hex or base64 string")
  }
}

/** The share, if it has the length that those of so many shares have. */
export function decodeShare(text: string, shares: number): Buffer | undefined {
  if (text.length > shareTextCharsMax) return undefined
  return decodeKey(text, shares === 1 ? splitKeyBytes : splitKeyBytes + 1)
}

/** In constant time. */
export function areSameKeys(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
