/**
 * `auth …` and `secrets …`: list, enable, tune and disable mounts. Both do the same with other
 * paths and words, so each command is written once and made for both kinds. platform.md §2.3.
 */

import { numberMember, objectMember, objectOf, textMember } from '../../client/secret.ts'
import { goDuration } from '../../lib/duration.ts'
import { member, type JsonObject, type JsonValue } from '../../lib/json.ts'
import { mapInClientForm, mountForm } from '../client-forms.ts'
import type { Command } from '../command.ts'
import { cleanPath, parentPath, type CommandContext } from '../context.ts'
import { exitCodes } from '../failure.ts'
import { flag, type FlagSpec, type FlagValues } from '../flags.ts'
import { goText } from '../go-text.ts'
import { formatTable } from '../table.ts'

export interface MountKind {
  readonly group: 'auth' | 'secrets'
  /** `auth method` or `secrets engine`. */
  readonly noun: string
  /** Below `sys/`. */
  readonly area: 'auth' | 'mounts'
  /** Before the mount's path where all mounts share one address space. */
  readonly prefix: '' | 'auth/'
  readonly exampleType: string
}

export const authKind: MountKind = {
  group: 'auth',
  noun: 'auth method',
  area: 'auth',
  prefix: 'auth/',
  exampleType: 'jwt',
}

export const secretsKind: MountKind = {
  group: 'secrets',
  noun: 'secrets engine',
  area: 'mounts',
  prefix: '',
  exampleType: 'kv',
}

/** Settings that enabling and tuning share; the flag's name with underscores is the wire's. */
const configFlags: readonly FlagSpec[] = [
  flag.duration(
    'default-lease-ttl',
    "How long tokens and leases live by default; -1 is the system's own time.",
  ),
  flag.duration('max-lease-ttl', 'How long they can live at most.'),
  flag.text(
    'listing-visibility',
    'unauth: shown on the login page without a token. hidden: not shown.',
  ),
  flag.list(
    'audit-non-hmac-request-keys',
    'Request field whose value audit records show as it is. May be repeated.',
  ),
  flag.list('audit-non-hmac-response-keys', 'The same for responses. May be repeated.'),
  flag.list(
    'passthrough-request-headers',
    'Request header that is handed to the plugin. May be repeated.',
  ),
  flag.list(
    'allowed-response-headers',
    'Response header that the plugin may set. May be repeated.',
  ),
  flag.text(
    'token-type',
    'Type of the tokens it issues: default-service, default-batch, service or batch.',
  ),
  flag.text('plugin-version', 'Accepted for existing scripts.', { hidden: true }),
]

const optionFlag = flag.pairs('options', 'Option of the plugin. May be repeated.')
const descriptionFlag = flag.text('description', 'Words for people.')

function listMounts(kind: MountKind): Command {
  return {
    description: `Lists the mounted ${kind.noun}s.`,
    examples: [
      { title: 'List them', line: `${kind.group} list` },
      { title: 'With all settings', line: `${kind.group} list -detailed` },
    ],
    output: 'format',
    async run(context) {
      const mounts = await loadMounts(context, kind)
      return context.print.either(
        mountTable(kind, mounts, context.print.detailed),
        mapInClientForm(mounts, mountForm),
      )
    },
  }
}

/** The mounts of a kind by path. */
export async function loadMounts(context: CommandContext, kind: MountKind): Promise<JsonObject> {
  const secret = await context.fetch(
    'GET',
    `sys/${kind.area}`,
    `Error listing enabled ${kind.noun}s`,
  )
  return secret?.data ?? objectOf([])
}

/** One column of a table of mounts: its heading, and what stands in it. */
interface MountColumn {
  readonly heading: string
  readonly cell: (mount: JsonObject, path: string) => string
}

const pathColumn: MountColumn = { heading: 'Path', cell: (_, mountPath) => mountPath }

function textColumn(heading: string, name: string): MountColumn {
  return { heading, cell: (mount) => textMember(mount, name) }
}

function flagColumn(heading: string, name: string): MountColumn {
  return { heading, cell: (mount) => goText(member(mount, name) ?? false) }
}

function lifetimeColumn(heading: string, name: string): MountColumn {
  return {
    heading,
    cell: (mount) => {
      // These two hold no leases, so that the system's lifetime says nothing about them.
      if (['system', 'cubbyhole'].includes(textMember(mount, 'type'))) return ''
      const seconds = numberMember(configOf(mount), name)
      return seconds === 0 ? 'system' : String(seconds)
    },
  }
}

function configOf(mount: JsonObject): JsonObject {
  return objectMember(mount, 'config') ?? objectOf([])
}

function plainColumns(kind: MountKind): readonly MountColumn[] {
  return [
    pathColumn,
    textColumn('Type', 'type'),
    textColumn('Accessor', 'accessor'),
    textColumn('Description', 'description'),
    ...(kind.group === 'auth' ? [textColumn('Version', 'plugin_version')] : []),
  ]
}

function detailedColumns(kind: MountKind): readonly MountColumn[] {
  return [
    pathColumn,
    textColumn('Plugin', 'type'),
    textColumn('Accessor', 'accessor'),
    lifetimeColumn('Default TTL', 'default_lease_ttl'),
    lifetimeColumn('Max TTL', 'max_lease_ttl'),
    kind.group === 'auth'
      ? { heading: 'Token Type', cell: (mount) => textMember(configOf(mount), 'token_type') }
      : {
          heading: 'Force No Cache',
          cell: (mount) => goText(member(configOf(mount), 'force_no_cache') ?? false),
        },
    {
      heading: 'Replication',
      cell: (mount) => (member(mount, 'local') === true ? 'local' : 'replicated'),
    },
    flagColumn('Seal Wrap', 'seal_wrap'),
    flagColumn('External Entropy Access', 'external_entropy_access'),
    {
      heading: 'Options',
      cell: (mount) => goText(objectMember(mount, 'options') ?? objectOf([])),
    },
    textColumn('Description', 'description'),
    textColumn('UUID', 'uuid'),
    textColumn('Version', 'plugin_version'),
    textColumn('Running Version', 'running_plugin_version'),
    textColumn('Running SHA256', 'running_sha256'),
    textColumn('Deprecation Status', 'deprecation_status'),
  ]
}

function mountTable(kind: MountKind, mounts: JsonObject, detailed: boolean): string {
  const columns = detailed ? detailedColumns(kind) : plainColumns(kind)
  const rows = Object.keys(mounts)
    .sort()
    .map((mountPath) => {
      const mount = objectMember(mounts, mountPath) ?? objectOf([])
      return columns.map((column) => column.cell(mount, mountPath))
    })
  return formatTable(
    columns.map((column) => column.heading),
    rows,
  )
}

function enableMount(kind: MountKind): Command {
  return {
    usage: '[options] TYPE',
    description: `Mounts the ${kind.noun} TYPE, at a path of that name unless -path is given.`,
    examples: [
      { title: 'At the default path', line: `${kind.group} enable ${kind.exampleType}` },
      { title: 'At another path', line: `${kind.group} enable -path=corp ${kind.exampleType}` },
    ],
    flags: [
      flag.text('path', 'Where to mount it. Default: its type.'),
      descriptionFlag,
      ...configFlags,
      optionFlag,
      ...(kind.group === 'secrets'
        ? [
            flag.int('version', 'Version of the kv store: 1 or 2.'),
            flag.bool('force-no-cache', 'Accepted for existing scripts.', { hidden: true }),
          ]
        : []),
      flag.bool('local', 'Only on this cluster.'),
      flag.bool('seal-wrap', 'Accepted for existing scripts.', { hidden: true }),
      flag.bool('external-entropy-access', 'Accepted for existing scripts.', { hidden: true }),
      flag.text('plugin-name', 'Accepted for existing scripts.', { hidden: true }),
    ],
    args: [1, 1],
    async run(context) {
      const { flags } = context
      const given = (context.args[0] ?? '').trim()
      const type = given === 'plugin' ? (flags.text('plugin-name') ?? given) : given
      const path = cleanPath(flags.text('path') ?? type)
      await context.perform(
        'POST',
        `sys/${kind.area}/${path}`,
        `Error enabling ${type} ${kind.noun}`,
        { body: enableBody(flags, type) },
      )
      return context.print.success(
        `Success! Enabled ${kind.group === 'auth' ? '' : 'the '}${type} ${kind.noun} at: ${parentPath(path)}`,
      )
    },
  }
}

function enableBody(flags: FlagValues, type: string): JsonObject {
  const config: [string, JsonValue][] = [
    // Always sent, as text: "0s" stands for the system's own.
    ['default_lease_ttl', goDuration(flags.seconds('default-lease-ttl') ?? 0)],
    ['max_lease_ttl', goDuration(flags.seconds('max-lease-ttl') ?? 0)],
    ['force_no_cache', flags.bool('force-no-cache')],
    ...configFields(flags).filter(([name]) => !name.endsWith('_lease_ttl')),
  ]
  return objectOf([
    ['type', type],
    ['description', flags.text('description') ?? ''],
    ['local', flags.bool('local')],
    ['seal_wrap', flags.bool('seal-wrap')],
    ['external_entropy_access', flags.bool('external-entropy-access')],
    ['config', objectOf(config)],
    ['options', optionFields(flags) ?? null],
  ])
}

/** The settings that were given, by their names on the wire. */
function configFields(flags: FlagValues): [string, JsonValue][] {
  return configFlags
    .filter((flag) => flags.isSet(flag.name))
    .map((flag): [string, JsonValue] => {
      const name = flag.name.replaceAll('-', '_')
      if (flag.kind === 'list') return [name, [...flags.list(flag.name)]]
      if (flag.kind === 'duration') return [name, lifetimeText(flags.seconds(flag.name) ?? 0)]
      return [name, flags.text(flag.name) ?? '']
    })
}

/** As the API takes it; a negative time is the existing clients' word for the system's own. */
function lifetimeText(seconds: number): string {
  return seconds < 0 ? 'system' : goDuration(seconds)
}

function optionFields(flags: FlagValues): JsonObject | undefined {
  const version = flags.int('version')
  const fields = [...flags.pairs('options')]
  if (version !== undefined) fields.push(['version', String(version)])
  return fields.length === 0 ? undefined : objectOf(fields)
}

function tuneMount(kind: MountKind): Command {
  return {
    usage: '[options] PATH',
    description: `Changes settings of the ${kind.noun} at PATH. Only what is given changes.`,
    examples: [
      {
        title: 'A longer default lifetime',
        line: `${kind.group} tune -default-lease-ttl=24h ${kind.exampleType}`,
      },
      {
        title: 'Another description',
        line: `${kind.group} tune -description="for CI" ${kind.exampleType}`,
      },
    ],
    flags: [
      descriptionFlag,
      ...configFlags,
      optionFlag,
      ...(kind.group === 'secrets'
        ? [flag.int('version', 'Version of the kv store; it can go from 1 to 2.')]
        : [
            flag.int('user-lockout-threshold', 'Failed logins until a user is locked out.'),
            flag.duration('user-lockout-duration', 'How long the lock stays.'),
            flag.duration(
              'user-lockout-counter-reset-duration',
              'After how long without failures the count starts again.',
            ),
            flag.bool('user-lockout-disable', 'No lockout at all.'),
          ]),
    ],
    args: [1, 1],
    async run(context) {
      const path = parentPath(context.path(0))
      await sendTune(context, kind, path, objectOf(tuneFields(context.flags)))
      return exitCodes.ok
    },
  }
}

/** Sends settings of a mount; shared with `kv enable-versioning`. */
export async function sendTune(
  context: CommandContext,
  kind: MountKind,
  path: string,
  body: JsonObject,
): Promise<void> {
  await context.perform(
    'POST',
    `sys/mounts/${kind.prefix}${cleanPath(path)}/tune`,
    `Error tuning ${kind.noun} ${path}`,
    { body },
  )
  context.print.success(`Success! Tuned the ${kind.noun} at: ${parentPath(path)}`)
}

function tuneFields(flags: FlagValues): [string, JsonValue][] {
  const fields = configFields(flags)
  if (flags.isSet('description')) fields.push(['description', flags.text('description') ?? ''])
  const options = optionFields(flags)
  if (options !== undefined) fields.push(['options', options])
  const lockout = lockoutFields(flags)
  if (lockout.length > 0) fields.push(['user_lockout_config', objectOf(lockout)])
  return fields
}

function lockoutFields(flags: FlagValues): [string, JsonValue][] {
  const fields: [string, JsonValue][] = []
  const threshold = flags.text('user-lockout-threshold')
  if (threshold !== undefined) fields.push(['lockout_threshold', threshold])
  for (const name of ['duration', 'counter-reset-duration']) {
    const seconds = flags.seconds(`user-lockout-${name}`)
    if (seconds !== undefined)
      fields.push([`lockout_${name.replaceAll('-', '_')}`, goDuration(seconds)])
  }
  const disable = flags.optionalBool('user-lockout-disable')
  if (disable !== undefined) fields.push(['lockout_disable', disable])
  return fields
}

function disableMount(kind: MountKind): Command {
  const revoked = kind.group === 'auth' ? ' Every token that it issued is revoked.' : ''
  return {
    usage: '[options] PATH',
    description: `Disables the ${kind.noun} at PATH and deletes what it stored.${revoked} Nothing there is no error.`,
    examples: [
      { title: 'The one at the default path', line: `${kind.group} disable ${kind.exampleType}` },
      { title: 'Another one', line: `${kind.group} disable corp` },
    ],
    args: [1, 1],
    async run(context) {
      const path = parentPath(context.path(0))
      await context.send(
        'DELETE',
        `sys/${kind.area}/${cleanPath(path)}`,
        `Error disabling ${kind.noun} at ${path}`,
      )
      return context.print.success(`Success! Disabled the ${kind.noun} (if it existed) at: ${path}`)
    },
  }
}

export const authList = listMounts(authKind)
export const authEnable = enableMount(authKind)
export const authDisable = disableMount(authKind)
export const authTune = tuneMount(authKind)
export const secretsList = listMounts(secretsKind)
export const secretsEnable = enableMount(secretsKind)
export const secretsDisable = disableMount(secretsKind)
export const secretsTune = tuneMount(secretsKind)
