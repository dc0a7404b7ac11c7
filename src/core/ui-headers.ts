/** Headers that pages get besides their own (`sys/config/ui/headers`), and which there may be. */

import type { UiHeadersRecord } from './records.ts'

export const uiHeadersMax = 64

/** They frame the message, or are the server's own to give. */
const reserved: ReadonlySet<string> = new Set([
  'content-length',
  'content-type',
  'transfer-encoding',
  'connection',
  'cache-control',
  'set-cookie',
])

/** What is wrong with a header, or undefined. RFC 9110 §5.6.2 and §5.5. */
export function findUiHeaderProblem(name: string, values: readonly string[]): string | undefined {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(name)) return 'that is no name of a header'
  const folded = name.toLowerCase()
  if (folded.startsWith('x-vault-')) return 'X-Vault headers cannot be set'
  if (reserved.has(folded)) return `the header ${folded} is the server's own`
  if (values.length === 0) return "'values' must be given"
  return values.every((value) => /^[\t\x20-\x7e]*$/.test(value))
    ? undefined
    : "'values' has a character that no header may have"
}

/** As they are sent; undefined when there are none. */
export function sentUiHeaders({
  headers,
}: UiHeadersRecord): Readonly<Record<string, string>> | undefined {
  if (headers.length === 0) return undefined
  return Object.fromEntries(headers.map(({ name, values }) => [name, values.join(', ')]))
}
