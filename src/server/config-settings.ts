/**
 * Every setting that a configuration file may have, block by block, with what becomes of it. The
 * reader refuses to ask for a setting that is not here, and to pass over one that is said to be
 * used; whatever has no effect is named at the start by file and line. A test wants a proof for
 * each row (SEC-CFG-S4).
 */

/** `refused` stops the start: leaving it out would be worse than not starting. */
export type SettingEffect = 'used' | 'refused' | 'without_effect'

export type SettingTable = Readonly<Record<string, SettingEffect>>

function rows<Effect extends SettingEffect>(effect: Effect, ...names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, effect]))
}

const serving: SettingTable = {
  ...rows(
    'used',
    'address',
    'max_request_size',
    'max_request_duration',
    'http_read_header_timeout',
    'http_read_timeout',
    'http_idle_timeout',
    'http_write_timeout',
    'x_forwarded_for_authorized_addrs',
    'x_forwarded_for_hop_skips',
    'x_forwarded_for_reject_not_authorized',
    'x_forwarded_for_reject_not_present',
    'custom_response_headers',
    'telemetry',
    'disable_unauthed_generate_root_endpoints',
    'disable_unauthed_rekey_endpoints',
  ),
  ...rows(
    'without_effect',
    'cluster_address',
    'chroot_namespace',
    'redact_addresses',
    'redact_version',
    'redact_cluster_name',
    'role',
    'agent_api',
    'profiling',
  ),
}

export const configSettings = {
  top: {
    ...rows('used', 'storage', 'backend', 'listener', 'seal', 'outbound', 'api_addr'),
    ...rows('used', 'cluster_name', 'default_lease_ttl', 'max_lease_ttl', 'ui'),
    ...rows('used', 'log_level', 'log_format', 'log_file', 'pid_file', 'record_max'),
    ...rows('used', 'audit', 'unsafe_allow_api_audit_creation', 'allow_audit_log_prefixing'),
    workers: 'used',
    ...rows(
      'without_effect',
      'cluster_addr',
      'disable_clustering',
      'disable_mlock',
      'disable_cache',
      'cache_size',
      'plugin_directory',
      'plugin_file_uid',
      'plugin_file_permissions',
      'enable_response_header_hostname',
      'enable_response_header_raft_node_id',
      'disable_printable_check',
      'disable_performance_standby',
      'disable_sealwrap',
      'disable_indexing',
      'disable_sentinel_trace',
      'telemetry',
      'raw_storage_endpoint',
      'introspection_endpoint',
      'user_lockout',
      'log_rotate_bytes',
      'log_rotate_duration',
      'log_rotate_max_files',
      'log_requests_level',
      'ha_storage',
      'ha_backend',
      'service_registration',
      'initialize',
      'plugin',
    ),
  },
  'storage inmem': {},
  'storage lmdb': { path: 'used', shared: 'used', map_size: 'without_effect' },
  'seal shamir': { disabled: 'used' },
  'seal static': {
    ...rows('used', 'disabled', 'key_file', 'key_env', 'current_key'),
    current_key_id: 'without_effect',
    // Ignoring it would leave what the earlier key sealed closed for ever.
    ...rows('refused', 'previous_key', 'previous_key_id'),
  },
  'listener tcp': {
    ...serving,
    ...rows(
      'used',
      'tls_disable',
      'tls_cert_file',
      'tls_key_file',
      'tls_min_version',
      'tls_max_version',
      'tls_cipher_suites',
      'tls_client_ca_file',
      'tls_require_and_verify_client_cert',
      'tls_disable_client_certs',
    ),
    // The server's own order always counts.
    tls_prefer_server_cipher_suites: 'without_effect',
    // Everybody would be taken for the proxy.
    proxy_protocol_behavior: 'refused',
    proxy_protocol_authorized_addrs: 'without_effect',
  },
  'listener unix': {
    ...serving,
    ...rows('used', 'socket_mode', 'socket_user', 'socket_group'),
    ...rows('without_effect', 'tls_disable', 'tls_cert_file', 'tls_key_file'),
  },
  audit: rows('used', 'description', 'local', 'options'),
  /** The block inside a listener; the one at the top has no effect. */
  telemetry: {
    unauthenticated_metrics_access: 'used',
    metrics_path: 'without_effect',
    // Whoever asks for less than is served would not be served less.
    ...rows('refused', 'disallow_metrics', 'metrics_only'),
  },
  outbound: rows(
    'used',
    'deny_networks',
    'allow_networks',
    'proxy_address',
    'insecure_allow_link_local',
  ),
} as const satisfies Readonly<Record<string, SettingTable>>

/** The table of a block by name and label; undefined for a kind that this server does not have. */
export function settingsOf(name: string, label: string): SettingTable | undefined {
  const tables: Readonly<Record<string, SettingTable>> = configSettings
  // Devices of every type have the same members; their options are another file's.
  if (name === 'audit') return configSettings.audit
  // Vault compatibility: `backend` is the old word.
  const title = `${name === 'backend' ? 'storage' : name} ${label}`
  return Object.hasOwn(tables, title) ? tables[title] : undefined
}
