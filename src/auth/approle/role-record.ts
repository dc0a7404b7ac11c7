/** A role as it is stored, written and shown (platform.md §6.3). */

import { olderTokenFields, shownOlderNames, tokenTable } from '../../framework/token-settings.ts'
import type { JsonObject } from '../../lib/json.ts'
import { field, type Input } from '../../schema/field.ts'
import { defineRecord, own, stored, type StoredOf } from '../../schema/record.ts'
import { recordCodec } from '../../storage/record-codec.ts'

const roleNameCharsMax = 128
export const roleIdCharsMax = 512

export const roleRecord = defineRecord({
  name: own<string>(''),
  version: own<number>(0),
  /** Of this role alone: a later one of its name has none of its secret ids. */
  uid: own<string>(''),
  role_id: own<string>(''),
  bind_secret_id: stored(field.bool({ help: 'A login needs a secret id.' }), { default: true }),
  secret_id_bound_cidrs: stored(field.commaList({ help: 'Networks that logins may come from.' }), {
    default: null,
  }),
  secret_id_num_uses: stored(
    field.int({ help: 'Logins that a secret id is good for; 0 is no limit.' }),
  ),
  secret_id_ttl: stored(field.duration({ help: 'How long a secret id lives; 0 is for ever.' })),
  local_secret_ids: stored(
    field.bool({ help: 'Kept for compatibility; set when the role is created.' }),
  ),
  ...tokenTable,
})

export type RoleRecord = StoredOf<typeof roleRecord.table>

export const roleCodec = recordCodec(roleRecord)

export const roleNameField = field.lowerString({
  help: 'Name of the role; case means nothing.',
  charsMax: roleNameCharsMax,
})

export const roleFields = {
  ...roleRecord.fields,
  ...olderTokenFields,
  bound_cidr_list: field.commaList({
    help: 'Older name of secret_id_bound_cidrs.',
    deprecated: true,
  }),
  role_id: field.string({
    help: 'Its id; a random one when none is given.',
    charsMax: roleIdCharsMax,
  }),
} as const

export type RoleInput = Partial<Input<typeof roleFields>>

/** The role as `GET role/:name` shows it. */
export function readShape(role: RoleRecord): JsonObject {
  return { ...roleRecord.shown(role), ...shownOlderNames(role) }
}
