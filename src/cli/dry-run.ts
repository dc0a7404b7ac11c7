/** `-output-curl-string` and `-output-policy`: a request as text instead of as a request. */

import type { ApiRequest, WireRequest } from '../client/http-client.ts'
import { shellQuoted } from '../lib/shell-word.ts'

/** A curl command. The token is asked for when the command runs, so it lands in no history. */
export function curlText(wire: WireRequest, programName: string): string {
  const parts = ['curl']
  if (wire.method !== 'GET') parts.push('-X', wire.method)
  for (const [name, value] of wire.headers) {
    const shown =
      name === 'X-Vault-Token'
        ? `"X-Vault-Token: $(${programName} print token)"`
        : shellQuoted(`${name}: ${value}`)
    parts.push('-H', shown)
  }
  if (wire.body !== undefined) parts.push('-d', shellQuoted(wire.body))
  const url = wire.url.href
  parts.push(/^[A-Za-z0-9:/._~%-]+$/u.test(url) ? url : shellQuoted(url))
  return parts.join(' ')
}

export function policyText(request: ApiRequest): string {
  const path = request.path.replace(/["\\]/gu, '\\$&')
  const names = capabilities(request).map((name) => `"${name}"`)
  return `path "${path}" {\n  capabilities = [${names.join(', ')}]\n}`
}

function capabilities(request: ApiRequest): string[] {
  const sudo = needsSudo(request.path) ? ['sudo'] : []
  const lists = request.query?.some(([name, value]) => name === 'list' && value === 'true')
  if (request.method === 'GET' && lists === true) return ['list', ...sudo]
  return [...byMethod[request.method], ...sudo]
}

const byMethod: Readonly<Record<ApiRequest['method'], readonly string[]>> = {
  GET: ['read'],
  PUT: ['create', 'update'],
  POST: ['create', 'update'],
  PATCH: ['patch'],
  DELETE: ['delete'],
}

// platform.md §2: the root-protected paths.
const sudoPaths = [
  /^auth\/token\/(?:accessors|revoke-orphan)\/?$/u,
  /^sys\/(?:audit|auth|raw|rotate|config\/auditing|config\/ui\/headers|plugins\/catalog)\/.+/u,
  /^sys\/(?:audit|config\/cors|leases|raw|remount|rotate|seal|step-down)\/?$/u,
  /^sys\/(?:revoke-prefix|revoke-force|leases\/(?:lookup|revoke-prefix|revoke-force)|internal\/inspect)\/.+/u,
]

function needsSudo(path: string): boolean {
  return sudoPaths.some((pattern) => pattern.test(path))
}
