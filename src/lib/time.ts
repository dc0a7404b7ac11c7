/** Times as texts: RFC 3339 in UTC. */

import { BoundedCache } from './bounded-cache.ts'

const textsMax = 4096
/** The same few seconds are asked for again and again, and making a text of one is dear. */
const texts = new BoundedCache<number, string>(textsMax)
const nanoTexts = new BoundedCache<number, string>(textsMax)

/** Whole seconds when there are no milliseconds: `2026-01-02T03:04:05Z`. */
export function rfc3339(ms: number): string {
  const known = texts.get(ms)
  if (known !== undefined) return known
  const text = new Date(ms).toISOString().replace('.000Z', 'Z')
  texts.set(ms, text)
  return text
}

/** With nine digits of a second, as Go prints them: `2026-01-02T03:04:05.678000000Z`. */
export function rfc3339Nano(ms: number): string {
  const known = nanoTexts.get(ms)
  if (known !== undefined) return known
  const text = new Date(ms).toISOString().replace('Z', '000000Z')
  nanoTexts.set(ms, text)
  return text
}
