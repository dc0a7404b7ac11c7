/**
 * The key source of a mount as it is configured: wire fields in, one closed description out. Owns
 * the checks of jwt-oidc.md §1.3 and §5.6 that need no network (rows 2 to 8, the form of row 10,
 * rows 11 and 17); those that do are `KeySource.check`.
 */

import { parsePemCertificates, parsePemKey } from '../jose/pem-key.ts'
import type { VerificationKey } from '../jose/verification-key.ts'
import { isJsonArray, isJsonObject, member, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { parseOutboundUrl } from '../platform/outbound-url.ts'
import { field, type Field, type FieldOptions } from '../schema/field.ts'
import { choice, defineRecord, own, replacing, stored, type StoredOf } from '../schema/record.ts'
import { parseDiscoveryUrl, suffixRemovedWarning } from './discovery.ts'
import type { ProviderTrust } from './provider-calls.ts'

/** Names of OpenID Connect Core §9; the first stands for either way of sending the secret. */
const clientAuthMethods = [
  '',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
] as const

export type ClientAuthMethod = (typeof clientAuthMethods)[number]

/** Fields named as on the wire; a write replaces all of them. */
export const keySourceTable = replacing({
  oidc_discovery_url: stored(
    field.string({ help: 'Issuer whose discovery document names the keys.' }),
  ),
  oidc_discovery_ca_pem: stored(
    field.string({ help: 'CA certificates for calls to the provider.' }),
  ),
  oidc_client_id: stored(field.string({ help: 'Client id of browser sign-ins.' })),
  oidc_client_secret: stored(
    field.string({ help: 'Client secret of browser sign-ins.', secret: true }),
    { shown: 'never' },
  ),
  /** How the client proves itself at the token endpoint (jwt-oidc.md §4.10). */
  oidc_client_auth_method: choice(
    clientAuthMethods,
    field.string({
      help: 'client_secret_basic, client_secret_post, private_key_jwt or none (public client); empty tries the secret both ways.',
    }),
    { shown: 'unless_default' },
  ),
  jwks_url: stored(field.string({ help: 'Address of a JWK Set.' })),
  jwks_ca_pem: stored(field.string({ help: 'CA certificates for jwks_url.' })),
  jwks_pairs: stored(listOfAny({ help: 'List of {jwks_url, jwks_ca_pem}.' })),
  jwt_validation_pubkeys: stored(field.commaList({ help: 'Public keys in PEM.' })),
  bound_issuer: stored(field.string({ help: 'Required iss of a JWT login.' })),
  override_allowed_server_names: stored(
    field.commaList({ help: "Certificate names accepted instead of the URL's host." }),
  ),
  unsupported_critical_cert_extensions: stored(
    field.commaList({
      help: 'Kept for compatibility; a certificate with an unknown critical extension is refused.',
      withoutEffect: true,
    }),
  ),
  /** `provider_config.provider` is "kubernetes". */
  is_kubernetes: own<boolean>(false),
  /**
   * The discovery URL came with its well-known suffix and could not be verified, so the issuer may
   * still turn out to end with a slash.
   */
  discovery_slash_tolerant: own<boolean>(false),
})

export const keySourceRecord = defineRecord(keySourceTable)

export type KeySourceConfig = StoredOf<typeof keySourceTable>

/** A list; one object is a list of one, an empty object is none. */
function listOfAny(options: FieldOptions): Field<readonly JsonValue[]> {
  return { ...field.any(options), zero: [], parse: (value) => ok(listOf(value)) }
}

function listOf(value: JsonValue): readonly JsonValue[] {
  if (value === '') return []
  if (isJsonArray(value)) return value
  return isJsonObject(value) && Object.keys(value).length === 0 ? [] : [value]
}

export function needsClientSecret(method: ClientAuthMethod): boolean {
  return method !== 'private_key_jwt' && method !== 'none'
}

export interface KeyPair {
  readonly jwks_url: string
  readonly jwks_ca_pem: string
}

/** Exactly one source of keys. */
export type KeySourceSettings = ProviderTrust &
  (
    | { readonly kind: 'static'; readonly keys: readonly VerificationKey[] }
    | { readonly kind: 'jwks_url'; readonly url: string; readonly caPem: string }
    | { readonly kind: 'jwks_pairs'; readonly pairs: readonly KeyPair[] }
    | {
        readonly kind: 'discovery'
        readonly issuer: string
        readonly caPem: string
        readonly isSlashTolerant: boolean
      }
    | { readonly kind: 'kubernetes' }
  )

export interface CheckedKeySource {
  readonly settings: KeySourceSettings
  readonly warnings: readonly string[]
  /** What is to be stored instead of what was written. */
  readonly changes: KeySourceChanges
}

export interface KeySourceChanges {
  readonly oidc_discovery_url?: string
  readonly discovery_slash_tolerant?: boolean
}

const staticKeysMax = 1_000
const pairsMax = 100

const sourceNames =
  "'oidc_discovery_url', 'jwt_validation_pubkeys', 'jwks_url', 'jwks_pairs' or the provider 'kubernetes'"

/** The error is the text of the 400. */
export function validateKeySourceConfig(config: KeySourceConfig): Result<CheckedKeySource, string> {
  const problem = checkTogether(config)
  if (problem !== undefined) return err(problem)
  const trust: ProviderTrust = {
    acceptedServerNames: config.override_allowed_server_names,
    toleratedCriticalExtensions: config.unsupported_critical_cert_extensions,
  }
  const source = readSource(config, trust)
  if (!source.ok) return source
  const extension = trust.toleratedCriticalExtensions.find((text) => !isObjectIdentifier(text))
  if (extension !== undefined) {
    return err(
      `unsupported_critical_cert_extensions: ${JSON.stringify(extension.slice(0, 80))} is no dotted object identifier such as 2.5.29.36`,
    )
  }
  return source
}

/** Rows 2, 3, 5 to 8, and jwt-oidc.md §5.6: fields that exclude or need each other. */
function checkTogether(config: KeySourceConfig): string | undefined {
  const count = [
    config.oidc_discovery_url !== '',
    config.jwt_validation_pubkeys.length > 0,
    config.jwks_url !== '',
    config.jwks_pairs.length > 0,
    config.is_kubernetes,
  ].filter(Boolean).length
  if (count !== 1) return `exactly one of ${sourceNames} must be set; ${count} are`
  const clientProblem = checkClient(config)
  if (clientProblem !== undefined) return clientProblem
  if (config.oidc_discovery_url !== '') {
    const url = parseDiscoveryUrl(config.oidc_discovery_url)
    if (!url.ok) return url.error
  }
  if (config.oidc_client_id !== '' && config.oidc_discovery_url === '') {
    return "'oidc_discovery_url' must be set for OIDC"
  }
  if (config.is_kubernetes && (config.oidc_discovery_ca_pem !== '' || config.jwks_ca_pem !== '')) {
    return "the provider 'kubernetes' brings its own CA: 'oidc_discovery_ca_pem' and 'jwks_ca_pem' must be empty"
  }
  if (config.jwks_pairs.length > 0 && config.jwks_ca_pem !== '') {
    return "'jwks_ca_pem' cannot be used with 'jwks_pairs': the CA belongs inside the pair"
  }
  if (config.jwks_pairs.length > 0 && config.bound_issuer !== '') {
    return "'bound_issuer' cannot be used with 'jwks_pairs': bind the issuer in each role, for instance with bound_claims"
  }
  if (config.jwks_ca_pem !== '') {
    const certificates = parsePemCertificates(config.jwks_ca_pem)
    if (!certificates.ok) return `jwks_ca_pem could not be parsed: ${certificates.error.detail}`
  }
  return undefined
}

/** Row 3. */
function checkClient(config: KeySourceConfig): string | undefined {
  const { oidc_client_id: id, oidc_client_secret: secret, oidc_client_auth_method: method } = config
  if (needsClientSecret(method)) {
    if ((id === '') === (secret === '')) return undefined
    return "both 'oidc_client_id' and 'oidc_client_secret' must be set for OIDC"
  }
  if (id === '') return `'oidc_client_id' must be set for 'oidc_client_auth_method' ${method}`
  return secret === ''
    ? undefined
    : `'oidc_client_secret' has no place beside 'oidc_client_auth_method' ${method}`
}

function readSource(
  config: KeySourceConfig,
  trust: ProviderTrust,
): Result<CheckedKeySource, string> {
  if (config.jwt_validation_pubkeys.length > 0) return readStaticKeys(config, trust)
  if (config.jwks_url !== '') {
    const url = parseOutboundUrl(config.jwks_url)
    if (!url.ok) return err(`jwks_url: ${url.error}`)
    return plain({ ...trust, kind: 'jwks_url', url: config.jwks_url, caPem: config.jwks_ca_pem })
  }
  if (config.jwks_pairs.length > 0) return readPairs(config.jwks_pairs, trust)
  if (config.is_kubernetes) return plain({ ...trust, kind: 'kubernetes' })
  return readDiscovery(config, trust)
}

function readStaticKeys(
  config: KeySourceConfig,
  trust: ProviderTrust,
): Result<CheckedKeySource, string> {
  const texts = config.jwt_validation_pubkeys
  if (texts.length > staticKeysMax) {
    return err(`jwt_validation_pubkeys holds more than ${staticKeysMax} keys`)
  }
  const keys: VerificationKey[] = []
  for (const [index, text] of texts.entries()) {
    const key = parsePemKey(text)
    if (!key.ok) {
      return err(
        `error parsing public key ${index + 1} of jwt_validation_pubkeys: ${key.error.detail}`,
      )
    }
    keys.push(key.value)
  }
  return plain({ ...trust, kind: 'static', keys })
}

function readPairs(
  elements: readonly JsonValue[],
  trust: ProviderTrust,
): Result<CheckedKeySource, string> {
  if (elements.length > pairsMax) return err(`jwks_pairs holds more than ${pairsMax} pairs`)
  const pairs: KeyPair[] = []
  for (const [index, element] of elements.entries()) {
    const pair = readPair(element)
    if (!pair.ok) return err(`invalid jwks_pairs: element ${index + 1}: ${pair.error}`)
    pairs.push(pair.value)
  }
  return plain({ ...trust, kind: 'jwks_pairs', pairs })
}

function readPair(element: JsonValue): Result<KeyPair, string> {
  if (!isJsonObject(element)) return err('it is not an object with jwks_url and jwks_ca_pem')
  const url = member(element, 'jwks_url')
  const caPem = member(element, 'jwks_ca_pem') ?? ''
  if (typeof url !== 'string' || url === '') return err('its jwks_url is missing or not a string')
  if (typeof caPem !== 'string') return err('its jwks_ca_pem is not a string')
  const parsed = parseOutboundUrl(url)
  return parsed.ok ? ok({ jwks_url: url, jwks_ca_pem: caPem }) : err(`jwks_url: ${parsed.error}`)
}

function readDiscovery(
  config: KeySourceConfig,
  trust: ProviderTrust,
): Result<CheckedKeySource, string> {
  const url = parseDiscoveryUrl(config.oidc_discovery_url)
  if (!url.ok) return url
  const { base, isSuffixRemoved } = url.value
  const isSlashTolerant = isSuffixRemoved || config.discovery_slash_tolerant
  const caPem = config.oidc_discovery_ca_pem
  return ok({
    settings: { ...trust, kind: 'discovery', issuer: base, caPem, isSlashTolerant },
    warnings: isSuffixRemoved ? [suffixRemovedWarning] : [],
    changes: isSuffixRemoved ? { oidc_discovery_url: base, discovery_slash_tolerant: true } : {},
  })
}

function plain(settings: KeySourceSettings): Result<CheckedKeySource, string> {
  return ok({ settings, warnings: [], changes: {} })
}

/** ITU-T X.660: the first arc is 0, 1 or 2, the second below 40 under the first two. */
function isObjectIdentifier(text: string): boolean {
  return (
    text.length <= 200 &&
    /^(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9][0-9]*))(?:\.(?:0|[1-9][0-9]*))*$/.test(text)
  )
}
