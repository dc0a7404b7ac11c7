/**
 * A role as it is stored, written and shown (jwt-oidc.md §2.1, §2.9): one table. What of it decides
 * logins stands in `trust/role-rules.ts`, what all methods share in `framework/token-settings.ts`.
 */

import { identityTable } from '../../framework/identity-settings.ts'
import { shownOlderNames, tokenTable } from '../../framework/token-settings.ts'
import type { JsonObject } from '../../lib/json.ts'
import { field } from '../../schema/field.ts'
import {
  choice,
  defineRecord,
  own,
  stored,
  type DraftOf,
  type StoredOf,
} from '../../schema/record.ts'
import { recordCodec } from '../../storage/record-codec.ts'
import { claimRuleTable } from '../../trust/role-rules.ts'

/** Of a role's name, wherever one is given. */
export const roleNameCharsMax = 128

export const roleRecord = defineRecord({
  name: own<string>(''),
  version: own<number>(0),
  ...claimRuleTable,
  oidc_scopes: stored(field.commaList({ help: 'Scopes to ask the provider for.' }), {
    default: null,
  }),
  allowed_redirect_uris: stored(field.commaList({ help: 'Redirect URIs of browser sign-ins.' }), {
    default: null,
  }),
  callback_mode: choice(
    ['client', 'direct', 'device'],
    field.string({ help: 'client, direct or device.' }),
    { leftOut: 'reset' },
  ),
  poll_interval: stored(
    field.int({ help: 'Seconds between polls of a direct or device sign-in.' }),
    { shown: 'unless_default' },
  ),
  oidc_disable_confirmation: stored(field.bool({ help: 'No confirmation page in direct mode.' }), {
    leftOut: 'reset',
  }),
  oauth2_metadata: stored(field.commaList({ help: 'Provider tokens to keep in token metadata.' }), {
    default: null,
  }),
  verbose_oidc_logging: stored(field.bool({ help: 'Log claims of sign-ins at debug level.' })),
  max_age: stored(
    field.duration({ help: "OpenID Connect max_age: how fresh the provider's sign-in must be." }),
  ),
  ...tokenTable,
  ...identityTable,
})

export type RoleRecord = StoredOf<typeof roleRecord.table>

/** A role as a write makes it. */
export type RoleDraft = DraftOf<typeof roleRecord.table>

export const roleCodec = recordCodec(roleRecord)

/** The role as `GET role/:name` shows it. */
export function readShape(record: RoleRecord): JsonObject {
  return { ...roleRecord.shown(record), ...shownOlderNames(record) }
}
