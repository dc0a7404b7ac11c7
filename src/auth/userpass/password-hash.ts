/**
 * Passwords as they are kept: scrypt (RFC 7914) with its parameters beside the hash, so that
 * stronger ones can come without anybody setting a password again; or a bcrypt hash from elsewhere,
 * until its owner comes. The work is done off the event loop.
 */

import { scrypt, timingSafeEqual } from 'node:crypto'
import type { Random } from '../../platform/random.ts'
import { defineRecord, own, type StoredOf } from '../../schema/record.ts'
import { matchesBcrypt } from './bcrypt.ts'

export const passwordRecord = defineRecord({
  kind: own<'scrypt' | 'bcrypt'>('scrypt'),
  cost: own<number>(0),
  blockSize: own<number>(0),
  parallelization: own<number>(0),
  salt: own<string>(''),
  /** Of bcrypt the whole text, which has its cost and salt in it. */
  hash: own<string>(''),
})

export type PasswordRecord = StoredOf<typeof passwordRecord.table>

type Parameters = Omit<PasswordRecord, 'hash'>

/** One of the sets that OWASP gives as equally strong, and the one that takes little memory. */
const today = { kind: 'scrypt', cost: 16_384, blockSize: 8, parallelization: 5 } as const
const saltBytes = 16
const hashBytes = 32
/** Twice what the set above needs; a record that asks for more was not written here. */
const memoryBytesMax = 32 * 1024 * 1024

export async function hashPassword(password: string, random: Random): Promise<PasswordRecord> {
  const salt = random.bytes(saltBytes).toString('base64url')
  const parameters = { ...today, salt }
  const hash = await derive(password, parameters)
  return { ...parameters, hash: hash.toString('base64url') }
}

/** A hash that `bcryptProblem` found nothing wrong with. */
export function bcryptPassword(hash: string): PasswordRecord {
  return { ...passwordRecord.defaults, kind: 'bcrypt', hash }
}

export async function verifyPassword(password: string, kept: PasswordRecord): Promise<boolean> {
  if (kept.kind === 'bcrypt') return matchesBcrypt(password, kept.hash)
  const found = await derive(password, kept)
  const wanted = Buffer.from(kept.hash, 'base64url')
  return wanted.length === found.length && timingSafeEqual(wanted, found)
}

/** For a name that nobody has: costs what a person's costs, and no password fits it. */
export function nobodysPassword(random: Random): PasswordRecord {
  return {
    ...today,
    salt: random.bytes(saltBytes).toString('base64url'),
    hash: random.bytes(hashBytes).toString('base64url'),
  }
}

function derive(password: string, { cost, blockSize, parallelization, salt }: Parameters) {
  // One spelling of what a keyboard may send in several (RFC 8265 §4.2).
  const text = password.normalize('NFC')
  const options = { N: cost, r: blockSize, p: parallelization, maxmem: memoryBytesMax }
  return new Promise<Buffer>((resolve, reject) => {
    scrypt(text, salt, hashBytes, options, (problem, key) => {
      if (problem === null) resolve(key)
      else reject(problem)
    })
  })
}
