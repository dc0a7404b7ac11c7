/**
 * Every command by name, in the order of the help. The files below commands/ hold what they declare
 * and do.
 */

import type { CommandEntry } from './command.ts'

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

export const commandTable: readonly CommandEntry[] = [
  { name: 'read', summary: 'Read the data at a path', load: async () => (await logical()).read },
  { name: 'write', summary: 'Write data to a path', load: async () => (await logical()).write },
  {
    name: 'patch',
    summary: 'Change some fields of what is at a path',
    load: async () => (await logical()).patch,
  },
  {
    name: 'delete',
    summary: 'Delete what is at a path',
    load: async () => (await logical()).remove,
  },
  {
    name: 'list',
    summary: 'List the names below a path',
    load: async () => (await logical()).list,
  },
  { name: 'login', summary: 'Log in and keep the token', load: async () => (await login()).login },
  {
    name: 'whoami',
    summary: 'Show whose token is in use',
    load: async () => (await session()).whoami,
  },
  {
    name: 'logout',
    summary: 'Revoke the kept token and forget it',
    load: async () => (await session()).logout,
  },
  {
    name: 'doctor',
    summary: 'Say what is wrong with a login mount, and what mends it',
    load: async () => (await doctor()).doctor,
  },
  {
    name: 'explain',
    summary: 'Show why a login would be accepted or refused',
    load: async () => (await explain()).explain,
  },
  {
    name: 'role diff',
    summary: 'Show who would gain and who would lose by a change of a role',
    load: async () => (await roleDiff()).roleDiff,
  },
  {
    name: 'plan',
    summary: 'Show what writing the roles and policies of a directory would change',
    load: async () => (await planning()).plan,
  },
  {
    name: 'apply',
    summary: 'Write the roles and policies of a directory',
    load: async () => (await planning()).apply,
  },
  {
    name: 'export',
    summary: 'Write roles and policies as files of a directory',
    load: async () => (await planning()).exportFiles,
  },
  {
    name: 'logins tail',
    summary: 'Show the last logins',
    load: async () => (await logins()).tail,
  },
  {
    name: 'logins show',
    summary: 'Show one login by its request id',
    load: async () => (await logins()).show,
  },
  {
    name: 'logins summary',
    summary: 'Count logins by mount, role and reason',
    load: async () => (await logins()).summary,
  },
  {
    name: 'status',
    summary: 'Show whether the server is sealed',
    load: async () => (await status()).status,
  },
  {
    name: 'unwrap',
    summary: 'Take the answer out of a wrapping token',
    load: async () => (await unwrap()).unwrap,
  },
  { name: 'server', summary: 'Run a server', load: async () => (await server()).server },
  { name: 'version', summary: 'Print the version', load: async () => (await version()).version },
  {
    name: 'path-help',
    summary: 'Show what the server says about a path',
    load: async () => (await pathHelp()).pathHelp,
  },
  {
    name: 'completion',
    summary: 'Make a shell complete commands and flags',
    load: async () => (await completion()).completion,
  },
  {
    name: 'link',
    summary: 'Put this program under the name vault or bao',
    load: async () => (await link()).link,
  },
  {
    name: 'print token',
    summary: 'Print the token in use',
    load: async () => (await print()).printToken,
  },
  { name: 'token create', summary: 'Make a token', load: async () => (await token()).create },
  {
    name: 'token lookup',
    summary: 'Show what is known about a token',
    load: async () => (await token()).lookup,
  },
  {
    name: 'token renew',
    summary: 'Extend the life of a token',
    load: async () => (await token()).renew,
  },
  {
    name: 'token revoke',
    summary: 'End a token and its children',
    load: async () => (await token()).revoke,
  },
  {
    name: 'token capabilities',
    summary: 'Show what a token may do with a path',
    load: async () => (await token()).capabilities,
  },
  {
    name: 'auth list',
    summary: 'List auth methods',
    load: async () => {
      const m = await mounts()
      return m.listMounts(m.authKind)
    },
  },
  {
    name: 'auth enable',
    summary: 'Mount an auth method',
    load: async () => {
      const m = await mounts()
      return m.enableMount(m.authKind)
    },
  },
  {
    name: 'auth disable',
    summary: 'Remove an auth method',
    load: async () => {
      const m = await mounts()
      return m.disableMount(m.authKind)
    },
  },
  {
    name: 'auth tune',
    summary: 'Change settings of an auth method',
    load: async () => {
      const m = await mounts()
      return m.tuneMount(m.authKind)
    },
  },
  {
    name: 'auth move',
    summary: 'Move an auth method to another path',
    load: async () => {
      return (await mountMove()).moveMount((await mounts()).authKind)
    },
  },
  {
    name: 'auth help',
    summary: 'Show how to log in with a method',
    load: async () => (await authHelp()).authHelp,
  },
  {
    name: 'secrets list',
    summary: 'List secrets engines',
    load: async () => {
      const m = await mounts()
      return m.listMounts(m.secretsKind)
    },
  },
  {
    name: 'secrets enable',
    summary: 'Mount a secrets engine',
    load: async () => {
      const m = await mounts()
      return m.enableMount(m.secretsKind)
    },
  },
  {
    name: 'secrets disable',
    summary: 'Remove a secrets engine',
    load: async () => {
      const m = await mounts()
      return m.disableMount(m.secretsKind)
    },
  },
  {
    name: 'secrets tune',
    summary: 'Change settings of a secrets engine',
    load: async () => {
      const m = await mounts()
      return m.tuneMount(m.secretsKind)
    },
  },
  {
    name: 'secrets move',
    summary: 'Move a secrets engine to another path',
    load: async () => {
      return (await mountMove()).moveMount((await mounts()).secretsKind)
    },
  },
  { name: 'policy list', summary: 'List policies', load: async () => (await policy()).policyList },
  { name: 'policy read', summary: 'Print a policy', load: async () => (await policy()).policyRead },
  {
    name: 'policy write',
    summary: 'Write a policy',
    load: async () => (await policy()).policyWrite,
  },
  {
    name: 'policy delete',
    summary: 'Delete a policy',
    load: async () => (await policy()).policyDelete,
  },
  {
    name: 'policy fmt',
    summary: 'Lay out a policy in a file',
    load: async () => (await policyFmt()).policyFmt,
  },
  { name: 'kv get', summary: 'Print a secret', load: async () => (await kv()).kvGet },
  { name: 'kv put', summary: 'Write a secret', load: async () => (await kv()).kvPut },
  {
    name: 'kv patch',
    summary: 'Change some fields of a secret',
    load: async () => (await kv()).kvPatch,
  },
  {
    name: 'kv delete',
    summary: 'Delete versions of a secret',
    load: async () => (await kv()).kvDelete,
  },
  {
    name: 'kv undelete',
    summary: 'Bring deleted versions back',
    load: async () => (await kv()).kvUndelete,
  },
  {
    name: 'kv destroy',
    summary: 'Remove versions for good',
    load: async () => (await kv()).kvDestroy,
  },
  { name: 'kv list', summary: 'List secrets', load: async () => (await kv()).kvList },
  {
    name: 'kv rollback',
    summary: 'Go back to an older version',
    load: async () => (await kv()).kvRollback,
  },
  {
    name: 'kv enable-versioning',
    summary: 'Turn a version 1 store into version 2',
    load: async () => (await kv()).kvEnableVersioning,
  },
  {
    name: 'kv metadata get',
    summary: 'Print the metadata of a secret',
    load: async () => (await kvMetadata()).metadataGet,
  },
  {
    name: 'kv metadata put',
    summary: 'Set the metadata of a secret',
    load: async () => (await kvMetadata()).metadataPut,
  },
  {
    name: 'kv metadata patch',
    summary: 'Change single settings of the metadata',
    load: async () => (await kvMetadata()).metadataPatch,
  },
  {
    name: 'kv metadata delete',
    summary: 'Delete a secret with all its versions',
    load: async () => (await kvMetadata()).metadataDelete,
  },
  {
    name: 'identity entity',
    summary: 'Show who is known to the server',
    load: async () => (await identity()).identityEntity,
  },
  {
    name: 'identity group',
    summary: 'Show groups and who is in them',
    load: async () => (await identity()).identityGroup,
  },
  {
    name: 'lease lookup',
    summary: 'Show what is known about a lease',
    load: async () => (await lease()).leaseLookup,
  },
  { name: 'lease renew', summary: 'Extend a lease', load: async () => (await lease()).leaseRenew },
  { name: 'lease revoke', summary: 'End leases', load: async () => (await lease()).leaseRevoke },
  {
    name: 'namespace list',
    summary: 'List namespaces',
    load: async () => (await namespace()).namespaceList,
  },
  {
    name: 'namespace scan',
    summary: 'List all namespaces below',
    load: async () => (await namespace()).namespaceScan,
  },
  {
    name: 'namespace create',
    summary: 'Make a namespace',
    load: async () => (await namespace()).namespaceCreate,
  },
  {
    name: 'namespace lookup',
    summary: 'Show what is known about a namespace',
    load: async () => (await namespace()).namespaceLookup,
  },
  {
    name: 'namespace patch',
    summary: 'Change the metadata of a namespace',
    load: async () => (await namespace()).namespacePatch,
  },
  {
    name: 'namespace delete',
    summary: 'Delete a namespace',
    load: async () => (await namespace()).namespaceDelete,
  },
  {
    name: 'namespace lock',
    summary: 'Close a namespace',
    load: async () => (await namespace()).namespaceLock,
  },
  {
    name: 'namespace unlock',
    summary: 'Open a locked namespace',
    load: async () => (await namespace()).namespaceUnlock,
  },
  {
    name: 'audit list',
    summary: 'List audit devices',
    load: async () => (await audit()).auditList,
  },
  {
    name: 'audit enable',
    summary: 'Enable an audit device',
    load: async () => (await audit()).auditEnable,
  },
  {
    name: 'audit disable',
    summary: 'Disable an audit device',
    load: async () => (await audit()).auditDisable,
  },
  {
    name: 'audit hash',
    summary: 'Hash a value as the records of a device do',
    load: async () => (await audit()).auditHash,
  },
  {
    name: 'audit verify',
    summary: 'Check a file of audit records',
    load: async () => (await auditVerify()).auditVerify,
  },
  {
    name: 'operator init',
    summary: 'Initialise a new server',
    load: async () => (await operator()).init,
  },
  {
    name: 'operator first-admin',
    summary: 'Make the first administrator, and revoke the root token',
    load: async () => (await firstAdmin()).firstAdmin,
  },
  {
    name: 'operator unseal',
    summary: 'Give the server an unseal key',
    load: async () => (await operator()).unseal,
  },
  { name: 'operator seal', summary: 'Seal the server', load: async () => (await operator()).seal },
  {
    name: 'operator key-status',
    summary: 'Show which encryption key is in use',
    load: async () => (await operator()).keyStatus,
  },
  {
    name: 'operator rotate',
    summary: 'Make a new encryption key',
    load: async () => (await operator()).rotate,
  },
  {
    name: 'operator generate-root',
    summary: 'Make another root token with unseal keys',
    load: async () => (await operatorShares()).generateRoot,
  },
  {
    name: 'operator rekey',
    summary: 'Make other unseal keys',
    load: async () => (await operatorShares()).rekey,
  },
  {
    name: 'operator backup',
    summary: 'Take a backup of the store while it is served',
    load: async () => (await operatorBackup()).backup,
  },
  {
    name: 'operator restore',
    summary: 'Make a data folder from a backup',
    load: async () => (await operatorBackup()).restore,
  },
  {
    name: 'operator check',
    summary: 'Say whether the store is whole',
    load: async () => (await operatorBackup()).check,
  },
  {
    name: 'operator step-down',
    summary: 'Let another server of the cluster be active',
    load: async () => (await operator()).stepDown,
  },
]
