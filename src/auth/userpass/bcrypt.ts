/**
 * Hashes of bcrypt that people bring along from elsewhere. They are compared on a thread: the
 * library is JavaScript and a comparison is slow on purpose. What the algorithm would not look at,
 * behind 72 bytes or a NUL, is no password here.
 */

import { callInThread } from '../../platform/thread.ts'

const form = /^\$2[aby]\$(\d\d)\$[./0-9A-Za-z]{53}$/
const costMin = 4
/** Two seconds of a core, in which nobody else's password is looked at. */
const costMax = 14
const passwordBytesMax = 72

/** What is wrong with the text of a hash; undefined when nothing is. */
export function bcryptProblem(hash: string): string | undefined {
  const cost = form.exec(hash)?.[1]
  if (cost === undefined) return "expected a bcrypt hash that begins with '$2a$', '$2b$' or '$2y$'"
  return Number(cost) < costMin || Number(cost) > costMax
    ? `the cost of a bcrypt hash must be from ${costMin} to ${costMax}`
    : undefined
}

export async function matchesBcrypt(password: string, hash: string): Promise<boolean> {
  const isWhole = Buffer.byteLength(password) <= passwordBytesMax && !password.includes('\0')
  const given = [isWhole ? password : '', hash]
  // It takes its time also for what cannot be right.
  const isSame = await callInThread(import.meta.resolve('bcryptjs'), 'compareSync', given)
  return isWhole && isSame === true
}
