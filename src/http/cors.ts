/**
 * Cross-origin rules of the API (Fetch standard §3.2, platform.md §1.11). Off unless configured.
 */

import { Refusal } from '../framework/refusal.ts'

export interface CorsSettings {
  /** Exact origins; `*` lets every origin in. */
  readonly allowedOrigins: readonly string[]
  /** Request headers beside the standard ones. */
  readonly allowedHeaders: readonly string[]
  readonly allowCredentials?: boolean
}

const methods = ['DELETE', 'GET', 'OPTIONS', 'POST', 'PUT', 'LIST', 'SCAN']

const standardHeaders = [
  'Content-Type',
  'X-Requested-With',
  'X-Vault-AWS-IAM-Server-ID',
  'X-Vault-MFA',
  'X-Vault-No-Request-Forwarding',
  'X-Vault-Wrap-Format',
  'X-Vault-Wrap-TTL',
  'X-Vault-Policy-Override',
  'X-Vault-Token',
  'X-Vault-Namespace',
  'Authorization',
]

export interface CorsRequest {
  readonly method: string
  readonly origin: string
  readonly host: string | undefined
  /** Access-Control-Request-Method. */
  readonly requestedMethod: string | undefined
}

export interface CorsOutcome {
  readonly headers: Readonly<Record<string, string>>
  readonly isPreflight: boolean
}

/** Headers for the answer; throws a refusal for an origin that is not allowed. */
export function requireAllowedOrigin(settings: CorsSettings, request: CorsRequest): CorsOutcome {
  if (!isAllowedOrigin(settings, request.origin)) {
    // Our own pages send their origin with every write; they need no permission, and get no
    // headers.
    if (request.method !== 'OPTIONS' && isSameOrigin(request))
      return { headers: {}, isPreflight: false }
    throw new Refusal('origin_refused')
  }
  const headers: Record<string, string> = {
    'Access-Control-Allow-Origin': request.origin,
    Vary: 'Origin',
  }
  // Fetch standard §3.2.5: credentials and "every origin" together would open the API to every
  // page.
  if (settings.allowCredentials === true && settings.allowedOrigins.includes(request.origin)) {
    headers['Access-Control-Allow-Credentials'] = 'true'
  }
  if (request.method !== 'OPTIONS') return { headers, isPreflight: false }
  if (!methods.includes(request.requestedMethod ?? '')) throw new Refusal('verb_unsupported')
  headers['Access-Control-Allow-Methods'] = methods.join(', ')
  headers['Access-Control-Allow-Headers'] = [
    ...new Set([...settings.allowedHeaders, ...standardHeaders]),
  ].join(', ')
  headers['Access-Control-Max-Age'] = '300'
  return { headers, isPreflight: true }
}

function isAllowedOrigin(settings: CorsSettings, origin: string): boolean {
  // "null" is what every sandboxed frame and file sends: it names nobody.
  if (origin === 'null') return false
  return settings.allowedOrigins.includes(origin) || settings.allowedOrigins.includes('*')
}

function isSameOrigin(request: CorsRequest): boolean {
  return (
    request.host !== undefined &&
    (request.origin === `https://${request.host}` || request.origin === `http://${request.host}`)
  )
}
