/** What the writers and readers of identities share. */

import { invalid } from '../../framework/refusal.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Random } from '../../platform/random.ts'
import type { Store } from '../../storage/store.ts'
import type { CoreConfiguration } from '../configuration.ts'
import type { MountRecord } from '../records.ts'
import type { IdentityIndex } from './identity-index.ts'

export interface IdentityContext {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly index: IdentityIndex
  readonly configuration: () => Promise<CoreConfiguration>
}

/** The auth mount of that accessor: aliases of anything else would lead nowhere. */
export async function requireMount(
  { configuration }: IdentityContext,
  accessor: string,
): Promise<MountRecord> {
  const mount = (await configuration()).mounts.byAccessor(accessor)
  if (mount?.class !== 'auth') {
    throw invalid(`invalid mount accessor ${JSON.stringify(accessor.slice(0, 128))}`)
  }
  return mount
}
