/**
 * The discovery document of an identity provider (OpenID Connect Discovery 1.0; jwt-oidc.md §1.3).
 * Owns the form of its address and the comparison of the issuer; when it is fetched and kept is
 * decided in `discovered-keys.ts`.
 */

import { isJsonObject, member, parseJson, type JsonLimits, type JsonObject } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { parseOutboundUrl } from '../platform/outbound-url.ts'

export interface DiscoveryUrl {
  /** What is stored: the issuer identifier. */
  readonly base: string
  /** The pasted value was the address of the document; its end was taken off. */
  readonly isSuffixRemoved: boolean
}

export interface DiscoveryDocument {
  readonly issuer: string
  readonly jwksUri: string | undefined
  /** Everything the provider says about itself. */
  readonly members: JsonObject
}

export interface DiscoveryProblem {
  readonly reason: 'document_malformed' | 'issuer_mismatch'
  readonly detail: string
}

/**
 * Which issuer the document must name; nothing for a Kubernetes API server, which is known by its
 * address and CA.
 */
export type ExpectedIssuer =
  | { readonly kind: 'exact'; readonly issuer: string }
  | { readonly kind: 'slash_tolerant'; readonly issuer: string }
  | { readonly kind: 'any' }

export const suffixRemovedWarning =
  'oidc_discovery_url is the issuer: "/.well-known/openid-configuration" was removed from its end'

const wellKnown = '/.well-known/openid-configuration'
const issuerLengthMax = 2048

const documentLimits: JsonLimits = {
  depthMax: 64,
  stringLengthMax: 65_536,
  entriesMax: 2_000,
  duplicates: 'refuse',
  loneSurrogates: 'refuse',
}

export function parseDiscoveryUrl(value: string): Result<DiscoveryUrl, string> {
  const isSuffixRemoved = /\/\.well-known\/openid-configuration\/?$/.test(value)
  const base = isSuffixRemoved ? value.slice(0, value.lastIndexOf(wellKnown)) : value
  if (base.includes('.well-known')) {
    return err(
      `oidc_discovery_url is the issuer; it contains ".well-known" elsewhere than in "${wellKnown}" at its end`,
    )
  }
  const url = parseOutboundUrl(base)
  if (!url.ok) return err(`oidc_discovery_url: ${url.error}`)
  // OpenID Connect Discovery 1.0 §3: an issuer has neither.
  if (/[?#]/.test(base)) return err('oidc_discovery_url: an issuer has no query and no fragment')
  return ok({ base, isSuffixRemoved })
}

/**
 * The document's address: one final slash of the issuer is dropped
 * (OpenID Connect Discovery 1.0 §4.1).
 */
export function discoveryDocumentUrl(base: string): string {
  return `${base.replace(/\/$/, '')}${wellKnown}`
}

export function parseDiscoveryDocument(
  text: string,
  expected: ExpectedIssuer,
): Result<DiscoveryDocument, DiscoveryProblem> {
  const json = parseJson(text, documentLimits)
  if (!json.ok) return malformed(`it is no acceptable JSON: ${json.error.detail}`)
  if (!isJsonObject(json.value)) return malformed('it is not a JSON object')
  const issuer = member(json.value, 'issuer')
  const jwksUri = member(json.value, 'jwks_uri')
  if (typeof issuer !== 'string' || issuer === '' || issuer.length > issuerLengthMax) {
    return malformed('it names no issuer')
  }
  if (jwksUri !== undefined && typeof jwksUri !== 'string') {
    return malformed('its jwks_uri is not a string')
  }
  if (!matchesIssuer(issuer, expected)) {
    const want = expected.kind === 'any' ? '' : expected.issuer
    return err({
      reason: 'issuer_mismatch',
      detail: `issuer did not match: expected ${JSON.stringify(want)}, got ${JSON.stringify(issuer)}${slashHint(want, issuer)}`,
    })
  }
  return ok({ issuer, jwksUri, members: json.value })
}

/**
 * Where the keys are; an https issuer cannot send the server to keys that anybody on the way may
 * change.
 */
export function checkJwksUri(
  document: DiscoveryDocument,
  documentUrl: string,
): Result<string, string> {
  const { jwksUri } = document
  if (jwksUri === undefined) return err('the discovery document has no jwks_uri')
  const url = parseOutboundUrl(jwksUri)
  if (!url.ok) return err(`the jwks_uri of the discovery document: ${url.error}`)
  if (documentUrl.startsWith('https:') && url.value.protocol !== 'https:') {
    return err('the jwks_uri of the discovery document leads from https to http')
  }
  return ok(jwksUri)
}

function matchesIssuer(issuer: string, expected: ExpectedIssuer): boolean {
  switch (expected.kind) {
    case 'any':
      return true
    case 'exact':
      return issuer === expected.issuer
    case 'slash_tolerant':
      return issuer === expected.issuer || issuer === `${expected.issuer}/`
  }
}

function slashHint(want: string, got: string): string {
  return want === `${got}/` || got === `${want}/` ? ' (they differ by the final slash)' : ''
}

function malformed(detail: string): Result<never, DiscoveryProblem> {
  return err({ reason: 'document_malformed', detail: `the discovery document: ${detail}` })
}
