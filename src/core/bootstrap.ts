/**
 * What must exist before the first request: the mounts that are always there, the default policy.
 */

import type { Clock } from '../platform/clock.ts'
import type { Random } from '../platform/random.ts'
import type { StoreTransaction } from '../storage/store.ts'
import { keys } from './keys.ts'
import { readMounts } from './mount-table.ts'
import { defaultPolicyText } from './policy/default-policy.ts'
import type { MountRecord } from './records.ts'
import type { TokenIds } from './token-id.ts'

/** Mounts that no request makes, moves or removes. */
export const builtInMounts = [
  {
    class: 'secret',
    path: 'sys/',
    type: 'system',
    description: 'system endpoints used for control, policy and debugging',
  },
  {
    class: 'secret',
    path: 'cubbyhole/',
    type: 'cubbyhole',
    description: 'per-token private secret storage',
  },
  { class: 'secret', path: 'identity/', type: 'identity', description: 'identity store' },
  { class: 'auth', path: 'token/', type: 'token', description: 'token based credentials' },
] as const

/** Whether mounts of this type are on every server and cannot be made. */
export function isBuiltInType(type: string): boolean {
  return builtInMounts.some((built) => built.type === type)
}

export interface BootstrapDoors {
  readonly random: Random
  readonly clock: Clock
}

/** Puts what is missing; puts nothing when all is there. */
export async function bootstrap(txn: StoreTransaction, doors: BootstrapDoors): Promise<void> {
  const mounts = await readMounts(txn)
  for (const built of builtInMounts) {
    const path = built.class === 'auth' ? `auth/${built.path}` : built.path
    if (mounts.byPath(path) !== undefined) continue
    const mount = builtInMount(built, doors.random)
    txn.put(keys.mount(mount.uuid), mount)
  }
  if ((await txn.get(keys.policy('default'))) === undefined) {
    txn.put(keys.policy('default'), {
      name: 'default',
      text: defaultPolicyText,
      modifiedAt: doors.clock.nowMs(),
    })
  }
}

/** The root token of initialisation or root generation. Never expires and has no lease. */
export async function createInitialRoot(
  txn: StoreTransaction,
  ids: TokenIds,
  nowMs: number,
): Promise<string> {
  const mount = (await readMounts(txn)).byPath('auth/token/')
  if (mount === undefined) throw new Error('the token mount is missing')
  const id = ids.next(nowMs)
  const { text, hash } = ids.issue(id)
  txn.put(keys.token(id), {
    h: hash,
    policies: ['root'],
    path: 'auth/token/root',
    mount: mount.uuid,
    meta: null,
    name: 'root',
    uses: 0,
    created: Math.floor(nowMs / 1000),
    ttl: 0,
    expires: 0,
    explicitMax: 0,
    period: 0,
    renewable: false,
    leaseless: true,
    entity: '',
    orphan: true,
  })
  return text
}

function builtInMount(built: (typeof builtInMounts)[number], random: Random): MountRecord {
  return {
    uuid: random.uuid(),
    accessor: `${built.class === 'auth' ? 'auth_' : ''}${built.type}_${random.bytes(4).toString('hex')}`,
    path: built.path,
    class: built.class,
    type: built.type,
    description: built.description,
    local: built.type === 'cubbyhole',
    sealWrap: false,
    externalEntropyAccess: false,
    options: null,
    config: {
      defaultLeaseTtl: 0,
      maxLeaseTtl: 0,
      forceNoCache: false,
      ...(built.type === 'token' ? { tokenType: 'default-service' } : {}),
    },
  }
}
