/**
 * What a discovery document says about the endpoints of a provider
 * (OpenID Connect Discovery 1.0 §3, RFC 8414 §2). An endpoint counts only when the server may call
 * it; an https issuer cannot send anybody on to plain http.
 */

import { isJsonArray, member, type JsonObject } from '../lib/json.ts'
import { isPlainWebAddress } from '../lib/web-address.ts'
import { parseOutboundUrl } from '../platform/outbound-url.ts'
import type { DiscoveryDocument } from './discovery.ts'

export interface ProviderMetadata {
  readonly issuer: string
  readonly authorizationEndpoint: string | undefined
  readonly tokenEndpoint: string | undefined
  readonly userinfoEndpoint: string | undefined
  readonly deviceAuthorizationEndpoint: string | undefined
  readonly pushedRequestEndpoint: string | undefined
  /** RFC 9126 §5: a browser may bring nothing but the name of what was pushed. */
  readonly requiresPushedRequests: boolean
  /** Undefined when the document does not list them. */
  readonly tokenEndpointAuthMethods: readonly string[] | undefined
  /** RFC 9207 §3: each answer of the authorization endpoint carries `iss`. */
  readonly sendsIssuer: boolean
}

export function readProviderMetadata(document: DiscoveryDocument): ProviderMetadata {
  const { issuer, members } = document
  const endpoint = (name: string) => endpointOf(members, name, issuer)
  return {
    issuer,
    authorizationEndpoint: openableEndpoint(endpoint('authorization_endpoint')),
    tokenEndpoint: endpoint('token_endpoint'),
    userinfoEndpoint: endpoint('userinfo_endpoint'),
    deviceAuthorizationEndpoint: endpoint('device_authorization_endpoint'),
    pushedRequestEndpoint: endpoint('pushed_authorization_request_endpoint'),
    requiresPushedRequests: member(members, 'require_pushed_authorization_requests') === true,
    tokenEndpointAuthMethods: namesOf(members, 'token_endpoint_auth_methods_supported'),
    sendsIssuer: member(members, 'authorization_response_iss_parameter_supported') === true,
  }
}

/** People are sent to it, by way of a link, a launcher or a terminal. */
function openableEndpoint(address: string | undefined): string | undefined {
  return address !== undefined && isPlainWebAddress(address) ? address : undefined
}

function endpointOf(members: JsonObject, name: string, issuer: string): string | undefined {
  const value = member(members, name)
  if (typeof value !== 'string') return undefined
  const url = parseOutboundUrl(value)
  if (!url.ok || value.includes('#')) return undefined
  if (issuer.startsWith('https:') && url.value.protocol !== 'https:') return undefined
  return value
}

function namesOf(members: JsonObject, name: string): readonly string[] | undefined {
  const value = member(members, name)
  if (value === undefined || !isJsonArray(value)) return undefined
  return value.filter((one) => typeof one === 'string')
}
