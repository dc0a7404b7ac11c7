/**
 * A token role (platform.md §3.5): what `auth/token/create/<role>` makes, whoever asks. One table,
 * for the token method that writes and shows it and for the core that makes tokens by it.
 */

import { field } from '../schema/field.ts'
import { choice, defineRecord, own, stored, type StoredOf } from '../schema/record.ts'

/** Older names of three fields; a read shows those under which a value was written. */
export const olderRoleNames = [
  ['period', 'token_period'],
  ['explicit_max_ttl', 'token_explicit_max_ttl'],
  ['bound_cidrs', 'token_bound_cidrs'],
] as const

export type OlderRoleName = (typeof olderRoleNames)[number][0]

const noOlderNames: readonly OlderRoleName[] = []

/** Of all names or patterns of one list together: each creation goes through them. */
const listCharsMax = 16_384

const names = (help: string) => stored(field.commaList({ help, charsMax: listCharsMax }))

export const tokenRoleRecord = defineRecord({
  name: own<string>(''),
  allowed_policies: names('Policies that its tokens may have; all of them when none is asked for.'),
  allowed_policies_glob: names('The same with "*" at the start or the end.'),
  disallowed_policies: names('Policies that its tokens may not have.'),
  disallowed_policies_glob: names('The same with "*" at the start or the end.'),
  orphan: stored(field.bool({ help: 'Its tokens have no parent.' })),
  renewable: stored(field.bool({ help: 'Its tokens can be renewed; true by default.' }), {
    default: true,
  }),
  path_suffix: stored(
    field.string({ help: 'Added to the path of its tokens, for revocation.', charsMax: 256 }),
  ),
  token_period: stored(field.duration({ help: 'Renewal period without an end.' })),
  token_explicit_max_ttl: stored(field.duration({ help: 'Hard limit of their life.' })),
  token_bound_cidrs: stored(
    field.commaList({
      help: 'Addresses or networks that may use its tokens.',
      charsMax: listCharsMax,
    }),
    { shown: 'never' },
  ),
  token_no_default_policy: stored(field.bool({ help: 'Leave the default policy out.' })),
  token_num_uses: stored(field.int({ help: 'Requests a token may make; 0 is no limit.' }), {
    shown: 'unless_default',
  }),
  token_type: choice(
    ['default-service', 'service', 'batch', 'default-batch'],
    field.string({ help: 'service, batch, default-service or default-batch.' }),
  ),
  allowed_entity_aliases: names('Aliases that entity_alias may name; "*" at an end is a glob.'),
  older_names: own(noOlderNames),
})

export type TokenRole = StoredOf<typeof tokenRoleRecord.table>

/**
 * Whether a pattern of a role means the text: `*` at an end stands for anything, elsewhere for
 * itself.
 */
export function isMeantBy(pattern: string, text: string): boolean {
  if (pattern === '*') return true
  const isOpenBefore = pattern.startsWith('*')
  const isOpenBehind = pattern.endsWith('*')
  const core = pattern.slice(isOpenBefore ? 1 : 0, isOpenBehind ? -1 : undefined)
  if (isOpenBefore) return isOpenBehind ? text.includes(core) : text.endsWith(core)
  return isOpenBehind ? text.startsWith(core) : text === core
}
