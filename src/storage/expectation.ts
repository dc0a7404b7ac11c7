/**
 * Whether what a change rests on still holds; used by the engines that check it in this process.
 */

import type { Expectation, KeyRange } from './store.ts'

export interface SynchronousReader {
  get(key: string): Uint8Array | undefined
  keys(range: KeyRange): Iterable<string>
}

export function checkExpectation(reader: SynchronousReader, expectation: Expectation): boolean {
  if (expectation.kind === 'present') return reader.get(expectation.key) !== undefined
  if (expectation.kind === 'value') {
    return isSameValue(reader.get(expectation.key), expectation.value)
  }
  let at = 0
  for (const key of reader.keys(expectation.range)) {
    if (expectation.keys[at++] !== key) return false
  }
  return at === expectation.keys.length
}

function isSameValue(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.length === b.length && Buffer.compare(a, b) === 0
}
