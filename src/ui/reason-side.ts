/** Who can put right what a reason names, so that nobody is sent to the wrong desk (design/ux.md §3.1: never strand). */

export type Side = 'you' | 'operator' | 'provider'

/** A reason that is not here is told apart by its status; a test holds the list against the table of reasons. */
const reasonsBySide: Readonly<Record<Side, string>> = {
  you: `role_missing role_unknown role_type_mismatch jwt_missing source_address_refused jwt_malformed not_a_jwt
    token_type_refused issuer_missing issuer_mismatch issuer_unknown audience_missing audience_mismatch expired
    token_replayed state_unknown state_used client_nonce_missing client_nonce_mismatch device_pending
    device_slow_down device_expired quota_exceeded signature_invalid`,
  operator: `config_missing key_source_invalid audience_unbound algorithm_refused subject_mismatch claim_mismatch
    claim_type rule_refused redirect_uri_missing redirect_uri_refused code_exchange_failed provider_failed
    entity_disabled policy_template_failed root_policy_refused storage_unavailable audit_unavailable`,
  provider: `keys_unreachable keys_stale key_unknown key_unusable jwt_too_large jwt_encrypted header_refused
    claim_ambiguous claims_malformed time_missing not_yet_valid issued_in_future time_malformed user_claim_missing
    user_claim_type user_claim_unsafe metadata_missing metadata_type groups_missing groups_type groups_truncated
    claim_missing code_missing id_token_missing nonce_mismatch authorized_party_mismatch userinfo_failed
    userinfo_subject_mismatch idp_denied idp_error`,
}

const sides: ReadonlyMap<string, Side> = new Map(
  (['you', 'operator', 'provider'] as const).flatMap((side) =>
    reasonsBySide[side].split(/\s+/).map((reason) => [reason, side] as const),
  ),
)

/** Undefined for a reason that is not known here. */
export function sideOf(reason: string): Side | undefined {
  return sides.get(reason)
}

export interface SideText {
  readonly name: string
  readonly text: string
  /** What the reason and the request id are good for. */
  readonly help: string
}

export const sideTexts: Readonly<Record<Side, SideText>> = {
  you: { name: 'Yours', text: 'You can put this right yourself.', help: '' },
  operator: {
    name: 'The operator of this server',
    text: 'Whoever runs this server has to act.',
    help: 'Send them the lines at the bottom of this card.',
  },
  provider: {
    name: 'The identity provider',
    text: 'Whoever runs the identity provider has to act.',
    help: 'The lines at the bottom of this card help them.',
  },
}
