/**
 * Every command by name, in the order of the help. The files below commands/ hold what they declare
 * and do.
 */

import type { Command, CommandEntry } from './command.ts'

// One function per file, so that a command loads its own file only.
const audit = () => import('./commands/audit.ts')
const auditVerify = () => import('./commands/audit-verify.ts')
const authHelp = () => import('./commands/auth-help.ts')
const completion = () => import('./commands/completion.ts')
const doctor = () => import('./commands/doctor.ts')
const planning = () => import('./commands/plan.ts')
const roleDiff = () => import('./commands/role-diff.ts')
const explain = () => import('./commands/explain.ts')
const identity = () => import('./commands/identity.ts')
const kv = () => import('./commands/kv.ts')
const kvMetadata = () => import('./commands/kv-metadata.ts')
const lease = () => import('./commands/lease.ts')
const link = () => import('./commands/link.ts')
const logical = () => import('./commands/logical.ts')
const login = () => import('./commands/login.ts')
const logins = () => import('./commands/logins.ts')
const mountMove = () => import('./commands/mount-move.ts')
const mounts = () => import('./commands/mounts.ts')
const namespace = () => import('./commands/namespace.ts')
const operator = () => import('./commands/operator.ts')
const operatorShares = () => import('./commands/operator-shares.ts')
const firstAdmin = () => import('./commands/first-admin.ts')
const operatorBackup = () => import('./commands/operator-backup.ts')
const pathHelp = () => import('./commands/path-help.ts')
const policy = () => import('./commands/policy.ts')
const policyFmt = () => import('./commands/policy-fmt.ts')
const print = () => import('./commands/print.ts')
const server = () => import('./commands/server.ts')
const session = () => import('./commands/session.ts')
const status = () => import('./commands/status.ts')
const token = () => import('./commands/token.ts')
const unwrap = () => import('./commands/unwrap.ts')
const version = () => import('./commands/version.ts')

/** `declared` is the command's name in that file. */
function entry<K extends string>(
  name: string,
  summary: string,
  file: () => Promise<Readonly<Record<NoInfer<K>, Command>>>,
  declared: K,
): CommandEntry {
  return { name, summary, load: async () => (await file())[declared] }
}

export const commandTable: readonly CommandEntry[] = [
  entry('read', 'Read the data at a path', logical, 'read'),
  entry('write', 'Write data to a path', logical, 'write'),
  entry('patch', 'Change some fields of what is at a path', logical, 'patch'),
  entry('delete', 'Delete what is at a path', logical, 'remove'),
  entry('list', 'List the names below a path', logical, 'list'),
  entry('login', 'Log in and keep the token', login, 'login'),
  entry('whoami', 'Show whose token is in use', session, 'whoami'),
  entry('logout', 'Revoke the kept token and forget it', session, 'logout'),
  entry('doctor', 'Say what is wrong with a login mount, and what mends it', doctor, 'doctor'),
  entry('explain', 'Show why a login would be accepted or refused', explain, 'explain'),
  entry(
    'role diff',
    'Show who would gain and who would lose by a change of a role',
    roleDiff,
    'roleDiff',
  ),
  entry(
    'plan',
    'Show what writing the roles and policies of a directory would change',
    planning,
    'plan',
  ),
  entry('apply', 'Write the roles and policies of a directory', planning, 'apply'),
  entry('export', 'Write roles and policies as files of a directory', planning, 'exportFiles'),
  entry('logins tail', 'Show the last logins', logins, 'tail'),
  entry('logins show', 'Show one login by its request id', logins, 'show'),
  entry('logins summary', 'Count logins by mount, role and reason', logins, 'summary'),
  entry('status', 'Show whether the server is sealed', status, 'status'),
  entry('unwrap', 'Take the answer out of a wrapping token', unwrap, 'unwrap'),
  entry('server', 'Run a server', server, 'server'),
  entry('version', 'Print the version', version, 'version'),
  entry('path-help', 'Show what the server says about a path', pathHelp, 'pathHelp'),
  entry('completion', 'Make a shell complete commands and flags', completion, 'completion'),
  entry('link', 'Put this program under the name vault or bao', link, 'link'),
  entry('print token', 'Print the token in use', print, 'printToken'),
  entry('token create', 'Make a token', token, 'create'),
  entry('token lookup', 'Show what is known about a token', token, 'lookup'),
  entry('token renew', 'Extend the life of a token', token, 'renew'),
  entry('token revoke', 'End a token and its children', token, 'revoke'),
  entry('token capabilities', 'Show what a token may do with a path', token, 'capabilities'),
  entry('auth list', 'List auth methods', mounts, 'authList'),
  entry('auth enable', 'Mount an auth method', mounts, 'authEnable'),
  entry('auth disable', 'Remove an auth method', mounts, 'authDisable'),
  entry('auth tune', 'Change settings of an auth method', mounts, 'authTune'),
  entry('auth move', 'Move an auth method to another path', mountMove, 'authMove'),
  entry('auth help', 'Show how to log in with a method', authHelp, 'authHelp'),
  entry('secrets list', 'List secrets engines', mounts, 'secretsList'),
  entry('secrets enable', 'Mount a secrets engine', mounts, 'secretsEnable'),
  entry('secrets disable', 'Remove a secrets engine', mounts, 'secretsDisable'),
  entry('secrets tune', 'Change settings of a secrets engine', mounts, 'secretsTune'),
  entry('secrets move', 'Move a secrets engine to another path', mountMove, 'secretsMove'),
  entry('policy list', 'List policies', policy, 'policyList'),
  entry('policy read', 'Print a policy', policy, 'policyRead'),
  entry('policy write', 'Write a policy', policy, 'policyWrite'),
  entry('policy delete', 'Delete a policy', policy, 'policyDelete'),
  entry('policy fmt', 'Lay out a policy in a file', policyFmt, 'policyFmt'),
  entry('kv get', 'Print a secret', kv, 'kvGet'),
  entry('kv put', 'Write a secret', kv, 'kvPut'),
  entry('kv patch', 'Change some fields of a secret', kv, 'kvPatch'),
  entry('kv delete', 'Delete versions of a secret', kv, 'kvDelete'),
  entry('kv undelete', 'Bring deleted versions back', kv, 'kvUndelete'),
  entry('kv destroy', 'Remove versions for good', kv, 'kvDestroy'),
  entry('kv list', 'List secrets', kv, 'kvList'),
  entry('kv rollback', 'Go back to an older version', kv, 'kvRollback'),
  entry('kv enable-versioning', 'Turn a version 1 store into version 2', kv, 'kvEnableVersioning'),
  entry('kv metadata get', 'Print the metadata of a secret', kvMetadata, 'metadataGet'),
  entry('kv metadata put', 'Set the metadata of a secret', kvMetadata, 'metadataPut'),
  entry('kv metadata patch', 'Change single settings of the metadata', kvMetadata, 'metadataPatch'),
  entry(
    'kv metadata delete',
    'Delete a secret with all its versions',
    kvMetadata,
    'metadataDelete',
  ),
  entry('identity entity', 'Show who is known to the server', identity, 'identityEntity'),
  entry('identity group', 'Show groups and who is in them', identity, 'identityGroup'),
  entry('lease lookup', 'Show what is known about a lease', lease, 'leaseLookup'),
  entry('lease renew', 'Extend a lease', lease, 'leaseRenew'),
  entry('lease revoke', 'End leases', lease, 'leaseRevoke'),
  entry('namespace list', 'List namespaces', namespace, 'namespaceList'),
  entry('namespace scan', 'List all namespaces below', namespace, 'namespaceScan'),
  entry('namespace create', 'Make a namespace', namespace, 'namespaceCreate'),
  entry('namespace lookup', 'Show what is known about a namespace', namespace, 'namespaceLookup'),
  entry('namespace patch', 'Change the metadata of a namespace', namespace, 'namespacePatch'),
  entry('namespace delete', 'Delete a namespace', namespace, 'namespaceDelete'),
  entry('namespace lock', 'Close a namespace', namespace, 'namespaceLock'),
  entry('namespace unlock', 'Open a locked namespace', namespace, 'namespaceUnlock'),
  entry('audit list', 'List audit devices', audit, 'auditList'),
  entry('audit enable', 'Enable an audit device', audit, 'auditEnable'),
  entry('audit disable', 'Disable an audit device', audit, 'auditDisable'),
  entry('audit hash', 'Hash a value as the records of a device do', audit, 'auditHash'),
  entry('audit verify', 'Check a file of audit records', auditVerify, 'auditVerify'),
  entry('operator init', 'Initialise a new server', operator, 'init'),
  entry(
    'operator first-admin',
    'Make the first administrator, and revoke the root token',
    firstAdmin,
    'firstAdmin',
  ),
  entry('operator unseal', 'Give the server an unseal key', operator, 'unseal'),
  entry('operator seal', 'Seal the server', operator, 'seal'),
  entry('operator key-status', 'Show which encryption key is in use', operator, 'keyStatus'),
  entry('operator rotate', 'Make a new encryption key', operator, 'rotate'),
  entry(
    'operator generate-root',
    'Make another root token with unseal keys',
    operatorShares,
    'generateRoot',
  ),
  entry('operator rekey', 'Make other unseal keys', operatorShares, 'rekey'),
  entry(
    'operator backup',
    'Take a backup of the store while it is served',
    operatorBackup,
    'backup',
  ),
  entry('operator restore', 'Make a data folder from a backup', operatorBackup, 'restore'),
  entry('operator check', 'Say whether the store is whole', operatorBackup, 'check'),
  entry('operator step-down', 'Let another server of the cluster be active', operator, 'stepDown'),
]
