/**
 * Shares of a key after Shamir. One share of one is the key itself, as in Vault; of several each is
 * one byte longer than the key, its last byte being the place of the share.
 */

import { combine, split } from 'shamir-secret-sharing'

export const sharesMax = 255

export async function splitKey(key: Buffer, shares: number, threshold: number): Promise<Buffer[]> {
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

export function shareBytes(keyBytes: number, shares: number): number {
  return shares === 1 ? keyBytes : keyBytes + 1
}
