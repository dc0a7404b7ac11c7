/** A role as it is stored, the part of it that decides logins, and how a read shows it (JWT contract §2.1, §2.9). */

import type { JsonObject, JsonValue } from '../../lib/json.ts'
import type { RoleRules } from '../../trust/role-rules.ts'
import { defaultTokenSettings, shownOlderNames, type TokenSettings } from './token-fields.ts'

/** Of a role's name, wherever one is given. */
export const roleNameCharsMax = 128

export interface RoleRecord extends TokenSettings {
  readonly name: string
  readonly version: number
  readonly role_type: 'jwt' | 'oidc'
  readonly user_claim: string
  readonly user_claim_json_pointer: boolean
  readonly groups_claim: string
  readonly groups_claim_required: boolean
  readonly bound_audiences: readonly string[] | null
  readonly bound_subject: string
  readonly bound_claims: JsonObject | null
  readonly bound_claims_type: 'string' | 'glob'
  readonly claim_mappings: Readonly<Record<string, string>> | null
  readonly optional_claim_mappings: readonly string[] | null
  readonly oidc_scopes: readonly string[] | null
  readonly allowed_redirect_uris: readonly string[] | null
  readonly callback_mode: 'client' | 'direct' | 'device'
  readonly poll_interval: number
  readonly oidc_disable_confirmation: boolean
  readonly oauth2_metadata: readonly string[] | null
  readonly verbose_oidc_logging: boolean
  readonly max_age: number
  readonly expiration_leeway: number
  readonly not_before_leeway: number
  readonly clock_skew_leeway: number
  readonly token_policies_template_claims: boolean
  readonly alias_metadata: Readonly<Record<string, string>>
}

/** A role on which nothing was set yet. */
export const newRole: Omit<RoleRecord, 'name' | 'version'> = {
  ...defaultTokenSettings,
  role_type: 'oidc',
  user_claim: '',
  user_claim_json_pointer: false,
  groups_claim: '',
  groups_claim_required: true,
  bound_audiences: null,
  bound_subject: '',
  bound_claims: null,
  bound_claims_type: 'string',
  claim_mappings: null,
  optional_claim_mappings: null,
  oidc_scopes: null,
  allowed_redirect_uris: null,
  callback_mode: 'client',
  poll_interval: 0,
  oidc_disable_confirmation: false,
  oauth2_metadata: null,
  verbose_oidc_logging: false,
  max_age: 0,
  expiration_leeway: 0,
  not_before_leeway: 0,
  clock_skew_leeway: 0,
  token_policies_template_claims: false,
  alias_metadata: {},
}

/** The part that decides logins. */
export function rulesOf(record: RoleRecord): RoleRules {
  return {
    ...record,
    bound_audiences: record.bound_audiences ?? [],
    optional_claim_mappings: record.optional_claim_mappings ?? [],
  }
}

/** The role as `GET role/:name` shows it. */
export function readShape(record: RoleRecord): JsonObject {
  const { name: _, version: __, older_names: ___, ...shown } = record
  const optional: Record<string, JsonValue> = {}
  const { poll_interval, optional_claim_mappings, groups_claim_required, ...always } = shown
  if (poll_interval !== 0) optional['poll_interval'] = poll_interval
  if (optional_claim_mappings !== null)
    optional['optional_claim_mappings'] = optional_claim_mappings
  if (!groups_claim_required) optional['groups_claim_required'] = false
  return { ...always, ...optional, ...shownOlderNames(record) }
}
