/** What the configuration reader accepts, refuses and warns of (platform.md §9.7; security-cases.md §17). */

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import * as fc from '../harness/properties.ts'
import type { ListenerOptions, TcpListenerOptions } from '../../src/http/listener-options.ts'
import {
  configProblemText,
  parseServerConfig,
  type ConfigFile,
  type ParsedServerConfig,
} from '../../src/server/config-file.ts'
import { openOutbound } from '../../src/server/config-outbound.ts'
import { loadServerConfig } from '../../src/server/config-load.ts'
import { parseServerFlags } from '../../src/server/server-flags.ts'

const storage = 'storage "inmem" {}\n'
const plain = 'listener "tcp" {\n  tls_disable = true\n}\n'

function parseFiles(files: readonly ConfigFile[], env: Record<string, string> = {}) {
  return parseServerConfig(files, env)
}

function accepted(text: string, env: Record<string, string> = {}): ParsedServerConfig {
  const parsed = parseFiles([{ name: 'server.hcl', text }], env)
  if (!parsed.ok) assert.fail(configProblemText(parsed.error))
  return parsed.value
}

function refused(text: string, env: Record<string, string> = {}): string {
  const parsed = parseFiles([{ name: 'server.hcl', text }], env)
  if (parsed.ok) assert.fail('the configuration was accepted')
  return configProblemText(parsed.error)
}

function listenerOf(block: string): { listener: ListenerOptions; warnings: readonly string[] } {
  const { config, warnings } = accepted(`${storage}listener ${block}`)
  const [listener] = config.listeners
  assert.ok(listener !== undefined)
  return { listener, warnings }
}

function tcpOf(settings: string): TcpListenerOptions {
  const { listener } = listenerOf(`"tcp" {\n${settings}\n}`)
  assert.ok(listener.kind === 'tcp')
  return listener
}

suite('whole files', () => {
  test('a small configuration gives every setting its default', () => {
    const { config, warnings } = accepted(storage + plain)
    assert.deepEqual(warnings, [])
    const { listeners, ...rest } = config
    assert.equal(listeners.length, 1)
    assert.deepEqual(rest, {
      storage: { kind: 'inmem' },
      seal: { kind: 'shamir' },
      outbound: openOutbound,
      audit: { declared: [], mayCreate: false, mayPrefix: false },
      apiAddress: '',
      clusterName: '',
      defaultLeaseTtlSeconds: 2_764_800,
      loginRecordsMax: 10_000,
      maxLeaseTtlSeconds: 2_764_800,
      logLevel: 'info',
      logFormat: 'standard',
      logFile: '',
      pidFile: '',
      workers: 1,
      ui: false,
    })
  })

  test('HCL and JSON say the same', () => {
    const hcl = accepted(`
      storage "lmdb" { path = "/var/lib/data" shared = true }
      listener "tcp" { address = "[::1]:8300" tls_disable = "true" max_request_size = 1024 }
      listener "unix" { address = "/run/x.sock" socket_mode = "0660" socket_user = "7" }
      default_lease_ttl = "1h"
      max_lease_ttl = 7200
      log_level = "WARN"
      log_format = "json"
      ui = true
    `)
    const json = accepted(
      JSON.stringify({
        storage: { lmdb: { path: '/var/lib/data', shared: 'true' } },
        listener: [
          { tcp: { address: '[::1]:8300', tls_disable: 1, max_request_size: '1024' } },
          { unix: { address: '/run/x.sock', socket_mode: '0660', socket_user: 7 } },
        ],
        default_lease_ttl: 3600,
        max_lease_ttl: '2h',
        log_level: 'warning',
        log_format: 'json',
        ui: 'true',
      }),
    )
    assert.deepEqual(json, hcl)
    assert.equal(hcl.config.defaultLeaseTtlSeconds, 3600)
    assert.equal(hcl.config.maxLeaseTtlSeconds, 7200)
    assert.equal(hcl.config.logLevel, 'warn')
    const [tcp, unix] = hcl.config.listeners
    assert.ok(tcp?.kind === 'tcp' && unix?.kind === 'unix')
    assert.deepEqual([tcp.host, tcp.port, tcp.requestBytesMax], ['::1', 8300, 1024])
    assert.deepEqual(
      [unix.path, unix.mode, unix.owner],
      ['/run/x.sock', 0o660, { uid: 7, gid: -1 }],
    )
  })

  test('listeners of several files add up and a later file overrides the rest', () => {
    const parsed = parseFiles([
      { name: 'a.hcl', text: `${storage}${plain}ui = true\ncluster_name = "first"` },
      { name: 'b.json', text: '{"listener":{"unix":{"address":"/s"}},"cluster_name":"second"}' },
    ])
    assert.ok(parsed.ok)
    const { config, warnings } = parsed.value
    assert.deepEqual(
      config.listeners.map(({ kind }) => kind),
      ['tcp', 'unix'],
    )
    assert.deepEqual([config.clusterName, config.ui, warnings], ['second', true, []])
  })

  test('settings without effect here are accepted, and each is named with its line (SEC-CFG-S4)', () => {
    const { warnings } = accepted(`${storage}${plain}
      disable_mlock = true
      cluster_addr = "https://10.0.0.1:8201"
      telemetry { prometheus_retention_time = "24h" }
      user_lockout "all" { lockout_threshold = 5 }
    `)
    assert.deepEqual(
      warnings,
      ['disable_mlock', 'cluster_addr', 'telemetry', 'user_lockout'].map(
        (name, at) => `server.hcl:${6 + at}:7: "${name}" has no effect in this version`,
      ),
    )
  })

  test('a setting that stands twice in one file is reported', () => {
    const { config, warnings } = accepted(`${storage}${plain}ui = true\nui = false\n`)
    assert.equal(config.ui, false)
    assert.match(warnings.join(), /server\.hcl:6:1: "ui" stands twice, also in line 5/)
  })

  test('a setting that is missing because it is mistyped is shown where it stands', () => {
    const listener = 'listener "tcp" {\n  tls_cert_fil = "a"\n  tls_key_file = "b"\n}\n'
    assert.match(
      refused(`${storage}${listener}`),
      /"tls_cert_file" is missing: .*; "tls_cert_fil" in line 3 is unknown$/,
    )
    assert.doesNotMatch(refused(`${storage}listener "tcp" {\n  tls_key_file = "b"\n}\n`), /unknown/)
  })

  test('errors name the file, the line and the column', () => {
    const broken = '{"storage": {"inmem": {}},\n  "ui": maybe}'
    assert.match(refused(broken), /^server\.hcl:2:\d+: /)
    assert.match(refused(`${storage}${plain}ui = "perhaps"`), /^server\.hcl:5:1: "ui" must be true/)
    assert.match(refused(`${storage}${plain}ui = `), /^server\.hcl:5:\d+: a value was expected/)
    assert.match(refused(plain), /"storage" is missing/)
    assert.match(refused(storage), /"listener" is missing/)
    assert.match(refused(`${storage}${storage}${plain}`), /^server\.hcl:2:1: a second "storage"/)
    assert.match(refused(`${storage}listener "udp" {}`), /^server\.hcl:2:1: a listener is/)
    assert.match(
      refused(`${storage}${plain}default_lease_ttl = "2h"\nmax_lease_ttl = "1h"`),
      /^server\.hcl:5:1: "default_lease_ttl" must not be above/,
    )
    assert.match(refused(`${storage}${plain}log_level = "loud"`), /must be one of trace, debug/)
    assert.match(refused(`${storage}${plain}api_addr = "10.0.0.1"`), /"api_addr" must be a URL/)
  })

  test('the public address may come from the environment', () => {
    const text = `${storage}${plain}api_addr = "https://file.example"`
    const { config } = accepted(text, { VAULT_API_ADDR: 'https://env.example' })
    assert.equal(config.apiAddress, 'https://env.example')
  })

  test('whatever text comes is answered, and never with an exception', () => {
    const word = fc.constantFrom(
      ...[
        'storage',
        'listener',
        '"tcp"',
        '"inmem"',
        '{',
        '}',
        '=',
        '[',
        ']',
        ',',
        '"x"',
        '1',
        'true',
      ],
      ...[
        'seal',
        '"static"',
        'tls_disable',
        'address',
        'ui',
        '\n',
        'custom_response_headers',
        '<<E\n',
      ],
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 24 }), (words) => {
        const parsed = parseFiles([{ name: 'f', text: words.join(' ') }])
        assert.equal(typeof parsed.ok, 'boolean')
      }),
      { numRuns: 2000 },
    )
  })
})

suite('storage and seal', () => {
  test('the formats of other servers are refused with the way out', () => {
    for (const name of ['file', 'raft']) {
      const line = refused(`storage "${name}" { path = "/x" }\n${plain}`)
      assert.match(line, /^server\.hcl:1:1: .*use "lmdb".*docs\/migrating-storage\.md/)
    }
    assert.match(refused(`backend "postgresql" {}\n${plain}`), /not in this version/)
    assert.match(refused(`storage "etcd" {}\n${plain}`), /unknown; use "lmdb"/)
    assert.match(refused(`storage "lmdb" {}\n${plain}`), /"path" is missing/)
  })

  test('the old word backend is understood', () => {
    const { config } = accepted(`backend "lmdb" { path = "d" }\n${plain}`)
    assert.deepEqual(config.storage, { kind: 'lmdb', path: 'd', shared: false })
  })

  test('a static seal takes its key from a file or a variable and from nowhere else', () => {
    const seal = (settings: string) => `${storage}${plain}seal "static" { ${settings} }`
    const keyOf = (settings: string, env: Record<string, string> = {}) => {
      const { config } = accepted(seal(settings), env)
      assert.ok(config.seal.kind === 'static')
      return config.seal
    }
    const variable = { SEAL: 'k' }
    assert.deepEqual(keyOf('key_file = "/k"').key, { from: 'file', file: '/k' })
    assert.deepEqual(keyOf('key_env = "SEAL"', variable).key, { from: 'environment', name: 'SEAL' })
    const bao = keyOf('current_key_id = "one" current_key = "env://SEAL"', variable)
    assert.deepEqual(bao, {
      kind: 'static',
      key: { from: 'environment', name: 'SEAL' },
    })
    assert.match(refused(seal('')), /"key_file" is missing/)
    assert.match(refused(seal('key_file = "/k" key_env = "SEAL"'), variable), /exclude each other/)
    assert.match(refused(seal('key_env = "SEAL"')), /"key_env" names a variable that is not set/)
    assert.match(
      refused(seal('key_file = "/k" previous_key = "env://SEAL"')),
      /not in this version/,
    )
    assert.match(refused(`${storage}${plain}seal "awskms" {}`), /"shamir" or "static"/)
  })
})

suite('listeners', () => {
  const files = 'tls_cert_file = "c"\ntls_key_file = "k"\n'

  test('CLI-60: a listener with neither TLS files nor tls_disable is a configuration error', () => {
    const bare = refused(`${storage}listener "tcp" {}`)
    assert.match(bare, /^server\.hcl:2:1: .*tls_cert_file and tls_key_file; tls_disable = true/)
    const half = refused(`${storage}listener "tcp" { tls_cert_file = "c" }`)
    assert.match(half, /"tls_key_file" is missing/)
    assert.match(refused(`${storage}listener "tcp" { tls_disable = false }`), /is missing: TLS/)
  })

  test('SEC-CFG-S2: plain HTTP for other machines needs the explicit switch, and is warned of', () => {
    for (const address of ['0.0.0.0:8200', ':8200', '10.1.2.3:8200', 'vault.example:8200']) {
      assert.match(
        refused(`${storage}listener "tcp" { address = "${address}" }`),
        /tls_disable = true serves plain HTTP/,
      )
      const { warnings } = listenerOf(`"tcp" { address = "${address}" tls_disable = true }`)
      assert.match(warnings.join(), /plain HTTP to other machines/)
    }
    for (const address of ['127.0.0.1:8200', '[::1]:8200', 'localhost:8200', '127.9.9.9:1']) {
      const { warnings } = listenerOf(`"tcp" { address = "${address}" tls_disable = true }`)
      assert.deepEqual(warnings, [])
    }
  })

  test('TLS settings are read, and contradictions among them refused', () => {
    const { tls } = tcpOf(
      `${files}tls_min_version = "tls13"\ntls_client_ca_file = "ca"\ntls_require_and_verify_client_cert = true`,
    )
    assert.deepEqual(tls, {
      pem: { kind: 'files', certificateFile: 'c', keyFile: 'k' },
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      cipherSuites: [],
      clientCa: { kind: 'file', file: 'ca' },
      requireClientCertificate: true,
      places: {
        tls_cert_file: 'server.hcl:3:1',
        tls_key_file: 'server.hcl:4:1',
        tls_client_ca_file: 'server.hcl:6:1',
      },
    })
    const wrong = (settings: string) => refused(`${storage}listener "tcp" {\n${settings}\n}`)
    assert.match(wrong(`${files}tls_min_version = "tls10"`), /must be tls12 or tls13/)
    assert.match(wrong(`${files}tls_min_version = "tls13"\ntls_max_version = "tls12"`), /above/)
    assert.match(wrong(`${files}tls_cipher_suites = "TLS_RSA_WITH_RC4_128_SHA"`), /does not offer/)
    assert.match(wrong(`${files}tls_require_and_verify_client_cert = true`), /tls_client_ca_file/)
    assert.match(
      wrong('tls_disable = true\ntls_require_and_verify_client_cert = true'),
      /needs TLS/,
    )
  })

  test('authorities of client certificates that nobody is asked for are warned of', () => {
    const { warnings } = listenerOf(`"tcp" {\n${files}tls_client_ca_file = "ca"\n}`)
    assert.match(warnings.join(), /"tls_client_ca_file" has no effect without tls_require_and/)
    const asked = `${files}tls_client_ca_file = "ca"\ntls_require_and_verify_client_cert = true`
    assert.deepEqual(listenerOf(`"tcp" {\n${asked}\n}`).warnings, [])
  })

  test('bounds keep their defaults at 0 where they cannot be switched off', () => {
    const listener = tcpOf(
      'tls_disable = true\nmax_request_size = -1\nmax_request_duration = 0\nhttp_read_timeout = "0s"\nhttp_idle_timeout = "0s"\nhttp_read_header_timeout = "5s"',
    )
    assert.equal(listener.requestBytesMax, -1)
    assert.equal(listener.requestDurationMsMax, 90_000)
    assert.deepEqual(listener.timeouts, {
      headersMs: 5000,
      readMs: 30_000,
      idleMs: 0,
      writeMs: 90_000,
    })
  })

  test('X-Forwarded-For needs a list of proxies and rejects by default', () => {
    assert.equal(tcpOf('tls_disable = true').forwardedFor, undefined)
    const { forwardedFor } = tcpOf(
      'tls_disable = true\nx_forwarded_for_authorized_addrs = "10.0.0.0/8, 192.0.2.1"\nx_forwarded_for_hop_skips = 1',
    )
    assert.equal(forwardedFor?.authorized.length, 2)
    assert.equal(forwardedFor?.hopSkips, 1)
    assert.deepEqual(
      [forwardedFor?.rejectNotAuthorized, forwardedFor?.rejectNotPresent],
      [true, true],
    )
    const wrong = 'tls_disable = true\nx_forwarded_for_authorized_addrs = ["10.1"]'
    assert.match(refused(`${storage}listener "tcp" {\n${wrong}\n}`), /no address or network/)
  })

  test('response headers are read by status class and checked for what a header may be', () => {
    const headers = (text: string) => `tls_disable = true\ncustom_response_headers {\n${text}\n}`
    const { customResponseHeaders } = tcpOf(
      headers('"default" = { "X-A" = ["one", "two"] }\n"404" = { "X-B" = "b, c" }'),
    )
    assert.deepEqual(customResponseHeaders, {
      default: { 'X-A': 'one; two' },
      404: { 'X-B': 'b, c' },
    })
    const wrong = (text: string) => refused(`${storage}listener "tcp" {\n${headers(text)}\n}`)
    assert.match(wrong('"teapot" = { "X-A" = "a" }'), /must be default, a class/)
    assert.match(wrong('"default" = { "X-A" = "a\\r\\nX-B: b" }'), /no header may have/)
    assert.match(wrong('"default" = { "X-Vault-Token" = "a" }'), /set by the server itself/)
  })

  test('the proxy protocol is refused rather than left out', () => {
    assert.match(
      refused(`${storage}listener "tcp" { proxy_protocol_behavior = "use_always" }`),
      /not in this version/,
    )
  })
})

suite('what is warned of', () => {
  test('CLI-61: an unknown key is a warning with the nearest name and the configuration counts', () => {
    const { config, warnings } = accepted(
      `${storage}listener "tcp" {\n  tls_disable = true\n  adress = "127.0.0.1:1"\n}\nclustername = "x"\nzzzzzzzz = 1\n`,
    )
    assert.equal(config.listeners.length, 1)
    assert.deepEqual(warnings, [
      'server.hcl:4:3: listener: "adress" is unknown and ignored; did you mean "address"?',
      'server.hcl:6:1: "clustername" is unknown and ignored; did you mean "cluster_name"?',
      'server.hcl:7:1: "zzzzzzzz" is unknown and ignored',
    ])
  })

  test('SEC-CFG-S1: a file with secrets that others can read is warned of, and nothing in it is echoed', () => {
    const canary = 'canary-8f1c'
    const secrets = [
      `connection_url = "postgres://u:${canary}@db/x"`,
      `unknown_token = "${canary}"`,
      `telemetry { circonus_api_token = "${canary}" }`,
      `anything = "postgres://u:${canary}@db/x"`,
      `pem = "-----BEGIN EC PRIVATE KEY-----${canary}"`,
    ]
    for (const secret of secrets) {
      const file = { name: 'server.hcl', text: `${storage}${plain}${secret}\n` }
      const open = parseFiles([{ ...file, readableByOthers: true }])
      assert.ok(open.ok)
      const lines = open.value.warnings.join('\n')
      assert.match(lines, /server\.hcl:5:\d+: holds a secret, and other accounts/)
      assert.ok(!lines.includes(canary), lines)
      const closed = parseFiles([{ ...file, readableByOthers: false }])
      assert.ok(closed.ok && !closed.value.warnings.join().includes('holds a secret'))
    }
    const clean = `${storage}${plain}seal "static" { key_file = "/k" }\n`
    const parsed = parseFiles([{ name: 'f', text: clean, readableByOthers: true }])
    assert.ok(parsed.ok && parsed.value.warnings.length === 0)
  })

  test('SEC-CFG-S1: no error repeats the value it is about', () => {
    const canary = 'canary-8f1c'
    const wrong = [
      `storage "inmem" {}\nlistener "tcp" { address = "${canary}" }`,
      `storage "${canary}" {}\n${plain}`,
      `${storage}${plain}ui = "${canary}"`,
      `${storage}${plain}default_lease_ttl = "${canary}"`,
      `${storage}${plain}log_level = "${canary}"`,
      `${storage}${plain}api_addr = "${canary}"`,
      `${storage}${plain}seal "static" { current_key = "${canary}" }`,
      `${storage}${plain}seal "static" { key_env = "${canary}" }`,
      `${storage}${plain}ui = "${canary}`,
      `${storage}${plain}x = ${canary}`,
    ]
    for (const text of wrong) assert.ok(!refused(text).includes(canary), refused(text))
  })
})

suite('files and folders', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-config-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  function load(...paths: readonly string[]) {
    const words = paths.map((path) => `-config=${join(folder, path)}`)
    const flags = parseServerFlags(words, {})
    assert.ok(flags.ok)
    return loadServerConfig(flags.value, { env: {} })
  }

  test('a folder counts by its .hcl and .json files in the order of their names', () => {
    mkdirSync(join(folder, 'd'))
    writeFileSync(join(folder, 'd', '20.json'), '{"cluster_name":"second"}')
    writeFileSync(join(folder, 'd', '10.hcl'), `${storage}${plain}cluster_name = "first"`)
    writeFileSync(join(folder, 'd', 'notes.txt'), 'not = a { configuration')
    const loaded = load('d')
    assert.ok(loaded.ok, loaded.ok ? '' : loaded.error)
    assert.equal(loaded.value?.config.clusterName, 'second')
  })

  test('what cannot be read is named, and so is the place of an error', () => {
    mkdirSync(join(folder, 'empty'))
    const absent = load('nowhere.hcl')
    assert.match(absent.ok ? '' : absent.error, /there is no file .*nowhere\.hcl$/)
    const empty = load('empty')
    assert.match(empty.ok ? '' : empty.error, /empty holds no \.hcl or \.json file$/)
    writeFileSync(join(folder, 'bad.hcl'), `${storage}listener "tcp" {}`)
    const bad = load('bad.hcl')
    assert.match(bad.ok ? '' : bad.error, /bad\.hcl:2:1: listener: "tls_cert_file" is missing/)
  })

  test('SEC-CFG-S1: the mode of configuration and key file is looked at', () => {
    const keyFile = join(folder, 'key')
    writeFileSync(keyFile, Buffer.alloc(32, 7))
    const text = `${storage}${plain}seal "static" { key_file = "${keyFile}" }\nsome_secret = "s"\n`
    writeFileSync(join(folder, 'modes.hcl'), text)
    for (const [mode, count] of [
      [0o644, 2],
      [0o600, 0],
    ] as const) {
      chmodSync(keyFile, mode)
      chmodSync(join(folder, 'modes.hcl'), mode)
      const loaded = load('modes.hcl')
      assert.ok(loaded.ok && loaded.value !== undefined)
      const about = loaded.value.warnings.filter((line) => line.includes('other accounts'))
      assert.equal(about.length, count, about.join('\n'))
      assert.deepEqual(loaded.value.sealKey, Buffer.alloc(32, 7))
    }
  })
})
