/**
 * Where each setting shows what it does: a test file and words that stand in it, or `idle` for one that is named as without
 * effect where it is given. The tables of the server itself say which settings there are; one without a row here fails.
 */

export type Proof = 'idle' | readonly [file: string, words: string]
export type Proofs = Readonly<Record<string, Proof>>

function rows(proof: Proof, ...names: readonly string[]): Proofs {
  return Object.fromEntries(names.map((name) => [name, proof]))
}

const effects = 'server/settings-effect.test.ts'
const ofTop = [effects, 'names, times of tokens, log, pid file and pages'] as const
const ofFolder = [effects, 'a folder belongs to one server'] as const
const ofSizes = [effects, 'sizes, headers and proxies of a listener'] as const
const ofTimes = [effects, 'every time limit of a listener'] as const
const ofTls = [effects, 'TLS is served with the versions'] as const
const ofLeaving = [effects, 'a seal that is to be left'] as const
const ofShareHolders = ['platform/share-holders.test.ts', 'a switch of the configuration'] as const
const ofMetrics = ['platform/metrics.test.ts', 'a listener may let everybody read them'] as const
const ofNetworks = 'server/outbound-networks.test.ts'

const ofAudit = 'server/audit-config.test.ts'

const serving: Proofs = {
  ...rows(
    ofSizes,
    'address',
    'max_request_size',
    'x_forwarded_for_authorized_addrs',
    'x_forwarded_for_hop_skips',
    'x_forwarded_for_reject_not_authorized',
    'x_forwarded_for_reject_not_present',
    'custom_response_headers',
  ),
  ...rows(
    ofShareHolders,
    'disable_unauthed_generate_root_endpoints',
    'disable_unauthed_rekey_endpoints',
  ),
  telemetry: ofMetrics,
  ...rows(
    ofTimes,
    'max_request_duration',
    'http_read_header_timeout',
    'http_read_timeout',
    'http_idle_timeout',
    'http_write_timeout',
  ),
}

/** By block of the configuration file. */
export const configProofs: Readonly<Record<string, Proofs>> = {
  top: {
    ...rows(ofTop, 'storage', 'listener', 'seal', 'api_addr', 'cluster_name', 'ui', 'pid_file'),
    ...rows(ofTop, 'default_lease_ttl', 'max_lease_ttl', 'log_level', 'log_format', 'log_file'),
    record_max: ['platform/login-records.test.ts', 'the ring keeps so many'],
    backend: [effects, 'the old word for storage'],
    outbound: [ofNetworks, 'a denied network is not called'],
    audit: [ofAudit, 'devices of the configuration file'],
    unsafe_allow_api_audit_creation: [ofAudit, 'unsafe_allow_api_audit_creation'],
    allow_audit_log_prefixing: [ofAudit, 'allow_audit_log_prefixing'],
    workers: ['server/workers.test.ts', 'auto is one worker for each processor'],
  },
  'storage inmem': {},
  'storage lmdb': { path: ofTop, shared: ofFolder },
  'seal shamir': { disabled: ofLeaving },
  'seal static': {
    disabled: ofLeaving,
    key_env: ofTop,
    ...rows(ofFolder, 'key_file', 'current_key'),
  },
  'listener tcp': {
    ...serving,
    tls_disable: ofSizes,
    ...rows(
      ofTls,
      'tls_cert_file',
      'tls_key_file',
      'tls_min_version',
      'tls_max_version',
      'tls_cipher_suites',
      'tls_client_ca_file',
      'tls_require_and_verify_client_cert',
      'tls_disable_client_certs',
    ),
  },
  'listener unix': { ...serving, ...rows(ofSizes, 'socket_mode', 'socket_user', 'socket_group') },
  audit: {
    ...rows([ofAudit, 'devices of the configuration file'], 'description', 'local', 'options'),
  },
  telemetry: {
    unauthenticated_metrics_access: ofMetrics,
  },
  outbound: {
    deny_networks: [ofNetworks, 'a denied network is not called'],
    allow_networks: [ofNetworks, 'nothing but the allowed networks is called'],
    proxy_address: [ofNetworks, 'the proxy of the block is used'],
    insecure_allow_link_local: [ofNetworks, 'the switch for link-local networks'],
  },
}

const process = 'cli-server/process.test.ts'
const ofChosen = [process, 'a chosen root token works, and -dev-no-store-token keeps none'] as const
const ofFlags = ['server/settings.test.ts', 'flags beat the file, and a wrong one'] as const

export const flagProofs: Proofs = {
  dev: [process, 'it prints what scripts look for'],
  ...rows(ofChosen, 'dev-root-token-id', 'dev-no-store-token'),
  ...rows(ofFlags, 'dev-listen-address', 'dev-kv-v1', 'config', 'log-level', 'log-format'),
  'log-file': ofFlags,
}

const config = 'jwt/config.test.ts'
const network = 'jwt/config-network.test.ts'
const ofFlow = ['jwt/oidc-start.test.ts', 'OID-015, OID-016, OID-017'] as const
const ofIssuer = ['jwt/issuers.test.ts', 'each token goes to the issuer it names'] as const
const ofReplacing = ['jwt/issuers.test.ts', 'list, read, replace, delete'] as const
const ofLeeways = ['jwt/times.test.ts', 'with leeways'] as const
const ofOwnFields = 'jwt/field-effects.test.ts'
const ofIdentity = 'identity/identity-mode.test.ts'
const ofTune = ['platform/mounts.test.ts', 'TTLs of a mount'] as const
const ofVersions = [
  'kv/version-2-data.test.ts',
  'KVS-24: the larger number of versions wins',
] as const

const ofRole: Proofs = {
  dry_run: ['jwt/preview.test.ts', 'who would gain, who would lose'],
  name: ['jwt/roles.test.ts', 'the read shape is exact'],
  role_type: ['jwt/login-refusals.test.ts', 'LOG-004: an oidc role'],
  user_claim: ['jwt/login.test.ts', 'LOG-043: the scenario of a CI action'],
  user_claim_json_pointer: ['jwt/oidc-callback.test.ts', 'user_claim_json_pointer: true'],
  groups_claim: ['jwt/login.test.ts', 'LOG-021: a pointer with escaped slashes'],
  groups_claim_required: ['jwt/login.test.ts', 'groups_claim_required'],
  bound_audiences: ['jwt/login.test.ts', 'LOG-044, CLM-039: an audience bound twice'],
  bound_subject: ['jwt/oidc-callback.test.ts', 'CBK-007, CBK-023 bound claims and subject'],
  bound_claims: ['jwt/oidc-callback.test.ts', 'CBK-007, CBK-023 bound claims and subject'],
  bound_claims_type: ['jwt/claims.test.ts', 'bound_claims_type'],
  claim_mappings: ['jwt/login.test.ts', 'CLM-040: a mapped audience'],
  optional_claim_mappings: ['jwt/login.test.ts', 'absent refuses, unless it may be'],
  oidc_scopes: ['jwt/oidc-start.test.ts', 'OID-014 openid is asked for once'],
  allowed_redirect_uris: ['jwt/oidc-start.test.ts', 'OID-003, OID-006, OID-009'],
  callback_mode: ['jwt/oidc-start.test.ts', 'OID-010, OID-011, OID-012 direct mode'],
  poll_interval: ['jwt/oidc-device.test.ts', 'CBK-053 the interval is that of the role'],
  oidc_disable_confirmation: ['jwt/oidc-direct.test.ts', 'without confirmation one visit'],
  oauth2_metadata: [ofOwnFields, 'oauth2_metadata keeps the named tokens'],
  verbose_oidc_logging: ['jwt/oidc-bad-provider.test.ts', 'verbose_oidc_logging'],
  max_age: ['jwt/oidc-client-auth.test.ts', 'ROL-044 max_age'],
  ...rows(ofLeeways, 'expiration_leeway', 'not_before_leeway', 'clock_skew_leeway'),
  token_policies_template_claims: ['jwt/login.test.ts', 'token_policies_template_claims'],
  alias_metadata: ['jwt/login.test.ts', 'alias metadata gives way to claims and role'],
  identity_mode: [ofIdentity, 'identity_mode=token'],
  entity_mode: [ofIdentity, 'entity_mode=existing_only'],
  group_policies: [ofIdentity, 'group_policies'],
  token_ttl: ['jwt/renewal.test.ts', 'LOG-034: a changed lifetime counts'],
  token_max_ttl: [ofOwnFields, 'token_max_ttl ends renewals'],
  token_explicit_max_ttl: [ofOwnFields, 'token_explicit_max_ttl the token'],
  token_period: ['jwt/renewal.test.ts', 'a role that became periodic'],
  token_policies: ['jwt/login.test.ts', 'LOG-017: three policies, sorted'],
  token_no_default_policy: ['jwt/login.test.ts', 'no default policy, explicit maximum'],
  token_num_uses: ['jwt/login.test.ts', 'num_uses'],
  token_bound_cidrs: ['jwt/oidc-callback.test.ts', 'CBK-003 the address of the caller'],
  token_type: ['jwt/login.test.ts', 'LOG-038: a batch token has no accessor'],
  token_strictly_bind_ip: ['jwt/login.test.ts', "LOG-041: a token bound to its login's address"],
  ...rows(['jwt/login.test.ts', 'LOG-001: from'], 'policies', 'ttl', 'max_ttl', 'period'),
  num_uses: ['jwt/login.test.ts', 'LOG-001: from'],
  bound_cidrs: ['jwt/login.test.ts', 'LOG-002, LOG-003: bound networks'],
}

const onEnable: Proofs = {
  type: ['platform/mounts.test.ts', 'kv-v2 is a kv with options'],
  plugin_name: [ofOwnFields, 'plugin_name is the older word'],
  description: ['platform/internal.test.ts', 'only mounts that were made visible are named'],
  options: ['platform/mounts.test.ts', 'kv-v2 is a kv with options'],
  config: ['platform/internal.test.ts', 'only mounts that were made visible are named'],
  ...rows('idle', 'local', 'seal_wrap', 'external_entropy_access', 'plugin_version'),
}

const onTune: Proofs = {
  direct_bearer: ['jwt/direct-bearer.test.ts', 'a good one may what the role grants'],
  description: ['platform/mounts.test.ts', 'SYS-45: an empty description'],
  options: ['platform/robustness.test.ts', 'two tunes at once'],
  ...rows(ofTune, 'default_lease_ttl', 'max_lease_ttl'),
  token_type: ['platform/mounts.test.ts', "token_type: 'nonsense'"],
  listing_visibility: ['platform/internal.test.ts', "listing_visibility: 'hidden'"],
  compat: ['jwt/login.test.ts', 'with compat=vault a missing groups claim'],
  explain_to_caller: ['jwt/login-refusals.test.ts', 'explain_to_caller'],
  ...rows('idle', 'force_no_cache', 'plugin_version', 'passthrough_request_headers'),
  audit_non_hmac_request_keys: ['audit/records.test.ts', 'members that the mount names'],
  audit_non_hmac_response_keys: ['audit/records.test.ts', 'members that the mount names'],
  ...rows('idle', 'allowed_response_headers'),
  user_lockout_config: ['userpass/login.test.ts', "lockout_threshold: '2'"],
}

/** By path, as the server's own OpenAPI document has it. */
export const fieldProofs: Readonly<Record<string, Proofs>> = {
  '/auth/jwt/config': {
    dry_run: ['jwt/preview.test.ts', 'a configuration is previewed for the logins of all roles'],
    oidc_discovery_url: [network, 'CFG-013, SEC-NET-01: the issuer is compared exactly'],
    oidc_discovery_ca_pem: [network, 'CFG-019: with the right CA'],
    oidc_client_id: ['jwt/oidc-client-auth.test.ts', 'ends the browser flow'],
    oidc_client_secret: ['jwt/oidc-client-auth.test.ts', 'ends the browser flow'],
    oidc_client_auth_method: ['jwt/oidc-client-auth.test.ts', 'the secret goes the way'],
    ...rows(ofFlow, 'oidc_response_mode', 'oidc_response_types'),
    jwks_url: [network, 'CFG-023: an address with the right CA'],
    jwks_ca_pem: [network, 'CFG-023: an address with the right CA'],
    jwks_pairs: ['jwt/keys.test.ts', 'KEY-031, KEY-032: one pair that is down'],
    jwt_validation_pubkeys: [config, 'CFG-061: a failed write leaves the old configuration'],
    jwt_supported_algs: [config, 'jwt_supported_algs'],
    bound_issuer: ['jwt/login.test.ts', 'only bound_issuer counts'],
    default_role: [
      'jwt/login.test.ts',
      'LOG-006, LOG-007, AUT-32, AUT-33: no role, and the default role',
    ],
    provider_config: [config, 'provider_config'],
    record_claims: [
      'jwt/preview.test.ts',
      'with record_claims the named claims alone are kept, and a preview judges by no other',
    ],
    role_selection: [
      'jwt/role-selection.test.ts',
      'the one role that fits is the role of the login',
    ],
    namespace_in_state: ['jwt/oidc-start.test.ts', 'namespace_in_state='],
    override_allowed_server_names: [ofOwnFields, 'takes a certificate of another name'],
    skip_jwks_validation: [network, 'CFG-027: a dead address is stored'],
    unsupported_critical_cert_extensions: 'idle',
    token_audiences: ['jwt/claims.test.ts', 'AUD-012, AUD-013: audiences of the mount'],
  },
  '/auth/jwt/issuers/{name}': {
    ...rows(ofIssuer, 'name', 'issuer', 'jwt_validation_pubkeys'),
    ...rows(ofReplacing, 'oidc_discovery_ca_pem', 'jwks_ca_pem'),
    oidc_discovery_url: ['jwt/issuers.test.ts', 'oidc_discovery_url'],
    jwks_url: ['jwt/issuers.test.ts', 'jwks_url'],
    audiences: ['jwt/issuers.test.ts', 'its audiences hold beside those of the role'],
    jwt_supported_algs: ['jwt/issuers.test.ts', 'its algorithms hold for its tokens alone'],
    dry_run: [
      'jwt/preview.test.ts',
      'a write of an issuer is previewed: whose tokens would go another way, and what cannot be judged',
    ],
  },
  '/auth/jwt/role/{name}': {
    ...ofRole,
    dry_run: ['jwt/preview.test.ts', 'who would gain, who would lose'],
  },
  '/secret/config': {
    max_versions: ofVersions,
    cas_required: ['kv/version-2-data.test.ts', 'KVS-11: the mount can ask for check-and-set'],
    delete_version_after: ['kv/version-2-data.test.ts', 'the mount can switch it off'],
  },
  '/sys/auth/{path}': onEnable,
  '/sys/mounts/{path}': onEnable,
  '/sys/auth/{path}/tune': onTune,
  '/sys/mounts/{path}/tune': onTune,
}
