/** The headers of a login that comes with a request, as clients of OpenBao write them. */

import { keepSecrets } from './canary-folder.ts'

export type InlineHeaders = Readonly<Record<string, string>>

/** One parameter: the base64url of its key and its value. */
export function inlineParameter(key: string, value: unknown): string {
  return Buffer.from(JSON.stringify({ key, value })).toString('base64url')
}

export function inlineLogin(
  path: string,
  parameters: Readonly<Record<string, unknown>> = {},
  more: InlineHeaders = {},
): InlineHeaders {
  keepSecrets(parameters)
  const headers = Object.entries(parameters).map(([key, value], at) => [
    `X-Vault-Inline-Auth-Parameter-${at}`,
    inlineParameter(key, value),
  ])
  return { 'X-Vault-Inline-Auth-Path': path, ...Object.fromEntries(headers), ...more }
}
