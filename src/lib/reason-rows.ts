/**
 * Every way a login can be refused: one closed union and one table (explain.md §1).
 *
 * A code is never renamed; a retired one stays here, marked so. Documentation, pages,
 * `sys/explain/reasons`, the header `X-Login-Reason`, records and metrics all read this table. What
 * the wire says in `errors[0]` is not here: that is the compatible text of the check that failed.
 */

/** Who can put right what a reason names, so that nobody is sent to the wrong desk. */
export type Side = 'you' | 'operator' | 'provider'

export interface ReasonRow {
  readonly side: Side
  /** In a browser sign-in, where nobody there has chosen the token; `side` when absent. */
  readonly signInSide?: Side
  /** At most 60 characters. */
  readonly title: string
  readonly text: string
  readonly fix: string
  /** `usualStatus` when absent. */
  readonly status?: 400 | 403 | 429 | 500 | 503
}

export const usualStatus = 400

export const reasonRows = {
  config_missing: {
    side: 'operator',
    title: 'The login method is not configured',
    text: 'The mount exists, but nobody has told it which keys or which identity provider to trust.',
    fix: 'Have the operator write the config of this mount: a JWKS URL, a discovery URL or public keys.',
  },
  role_missing: {
    side: 'you',
    signInSide: 'operator',
    title: 'No role was named',
    text: 'The request names no role and the mount has no default role.',
    fix: 'Send the field role, or have the operator set default_role in the config of the mount.',
  },
  role_unmatched: {
    side: 'operator',
    title: 'No role accepts this token',
    text: 'The request names no role, and none of the roles of the mount accepts the token as it is.',
    fix: 'Name the role to hear why it refuses; or have the operator look at the roles of the mount.',
  },
  role_ambiguous: {
    side: 'operator',
    title: 'More than one role accepts this token',
    text: 'The request names no role, and the roles that accept the token cannot be used together.',
    fix: 'Name the role; or have the operator narrow the roles, or join them with role_selection=union.',
  },
  role_unknown: {
    side: 'you',
    signInSide: 'operator',
    title: 'There is no such role',
    text: 'The mount has no role of the requested name.',
    fix: 'Check the spelling and the mount path, or have the operator create the role.',
  },
  role_type_mismatch: {
    side: 'you',
    signInSide: 'operator',
    title: 'The role is for another kind of login',
    text: 'A role serves either logins with a JWT or sign-ins through the browser, not both.',
    fix: 'Use a role of the fitting role_type, or sign in the way the role asks for.',
  },
  jwt_missing: {
    side: 'you',
    title: 'No token was sent',
    text: 'The field jwt is absent or empty.',
    fix: 'Send the token in the field jwt; check that the variable or file it comes from is not empty.',
  },
  source_address_refused: {
    side: 'you',
    title: 'The address of the caller is not allowed',
    text: 'The role accepts logins from certain networks only, and the caller is outside them or unknown.',
    fix: 'Log in from an allowed network, or have the operator change token_bound_cidrs of the role.',
    status: 403,
  },
  key_source_invalid: {
    side: 'operator',
    title: 'The source of the signing keys is not usable',
    text: 'The server could not build the verifier from the configuration of the mount.',
    fix: 'Have the operator check the discovery URL, CA certificate or keys in the config of the mount.',
  },
  keys_unreachable: {
    side: 'provider',
    title: 'The signing keys could not be fetched',
    text: 'The key set of the issuer did not answer, and no earlier copy of it can be used.',
    fix: 'Have the operator check that the server reaches the JWKS or discovery URL; then try again.',
  },
  keys_stale: {
    side: 'provider',
    title: 'The known signing keys are too old',
    text: 'The key set of the issuer has not answered for a day, and its last copy serves no longer.',
    fix: 'Have the operator restore the connection from the server to the identity provider; then try again.',
  },
  key_unknown: {
    side: 'provider',
    title: 'The token names a key nobody publishes',
    text: 'The kid in the header of the token is not in the current key set of the issuer.',
    fix: 'Check that the token comes from the issuer this mount trusts and is not older than its last key rotation.',
  },
  key_unusable: {
    side: 'provider',
    title: 'The named key cannot verify this token',
    text: 'The key exists, but its type, size or use does not fit the algorithm of the token.',
    fix: 'Have the issuer publish a signing key that fits the algorithm it uses.',
  },
  jwt_malformed: {
    side: 'you',
    signInSide: 'provider',
    title: 'The token is damaged',
    text: 'The token is not three canonical base64url parts holding proper JSON.',
    fix: 'Send the token exactly as issued: no quotes, no line breaks, nothing cut off.',
  },
  jwt_too_large: {
    side: 'provider',
    title: 'The token is too large',
    text: 'The token is longer than the server reads.',
    fix: 'Have the issuer put fewer claims or groups into the token.',
  },
  jwt_encrypted: {
    side: 'provider',
    title: 'The token is encrypted',
    text: 'This is an encrypted token (JWE). The server accepts signed tokens only.',
    fix: 'Have the issuer hand out signed tokens for this server.',
  },
  not_a_jwt: {
    side: 'you',
    signInSide: 'provider',
    title: 'This is not a JWT',
    text: 'What was sent looks like another kind of credential.',
    fix: 'Send the ID token or workload token of the issuer, not an access token, API key or server token.',
  },
  header_refused: {
    side: 'provider',
    title: 'The header of the token is not acceptable',
    text: 'The header carries a member that changes how the token must be read, or one of the wrong type.',
    fix: 'Have the issuer leave out crit and b64 and send kid and typ as plain strings.',
  },
  algorithm_refused: {
    side: 'operator',
    title: 'The signing algorithm is not allowed',
    text: 'The token is unsigned or signed with an algorithm that this mount does not accept.',
    fix: 'Have the issuer use an allowed algorithm, or have the operator add it to jwt_supported_algs.',
  },
  signature_invalid: {
    side: 'you',
    signInSide: 'provider',
    title: 'The signature is wrong',
    text: 'No trusted key verifies the signature of the token.',
    fix: 'Check that the token comes from the issuer this mount trusts and was not altered on the way.',
  },
  claim_ambiguous: {
    side: 'provider',
    title: 'A claim name looks like a registered one',
    text: 'A claim is spelled almost like iss, sub, aud, exp, nbf, iat or jti, which could mislead a reader.',
    fix: 'Have the issuer rename that claim or use the exact registered spelling.',
  },
  claims_malformed: {
    side: 'provider',
    title: 'A registered claim has the wrong type',
    text: 'The claims are not a JSON object, or iss, sub, jti or aud is not of the type the standard asks for.',
    fix: 'Have the issuer send iss, sub and jti as strings and aud as a string or a list of strings.',
  },
  token_type_refused: {
    side: 'you',
    signInSide: 'provider',
    title: 'The token is made for something else',
    text: 'Logout tokens, security events and proof-of-possession tokens are not logins.',
    fix: 'Send an ID token or workload token.',
  },
  issuer_missing: {
    side: 'you',
    signInSide: 'provider',
    title: 'The token names no issuer',
    text: 'The mount expects a certain issuer and the token has no iss claim.',
    fix: 'Use a token that carries iss, or have the issuer add it.',
  },
  issuer_mismatch: {
    side: 'you',
    signInSide: 'operator',
    title: 'The token comes from another issuer',
    text: 'The iss claim is not exactly the issuer this mount trusts. A trailing slash or another case counts.',
    fix: 'Log in at the mount of that issuer, or have the operator correct bound_issuer.',
  },
  issuer_unknown: {
    side: 'you',
    signInSide: 'operator',
    title: 'No trusted issuer has this name',
    text: 'The mount trusts several issuers and the token is from none of them.',
    fix: 'Log in at the mount of that issuer, or have the operator add the issuer.',
  },
  subject_mismatch: {
    side: 'operator',
    title: 'The role is bound to another subject',
    text: 'The sub claim is not exactly the subject the role is bound to.',
    fix: 'Use the role made for this subject, or have the operator change bound_subject.',
  },
  audience_missing: {
    side: 'you',
    signInSide: 'provider',
    title: 'The token names no audience',
    text: 'The server expects a token made for it, and the token has no aud claim.',
    fix: 'Ask the issuer for a token with the audience this server names.',
  },
  audience_mismatch: {
    side: 'you',
    signInSide: 'operator',
    title: 'The token is meant for somebody else',
    text: 'No audience of the token is one that the role or the mount expects. Comparison is exact.',
    fix: 'Ask the issuer for a token with the audience this server names, or have the operator change bound_audiences.',
  },
  audience_unbound: {
    side: 'operator',
    title: 'The token has an audience and the role none',
    text: 'A role without bound audiences must not accept a token that was made for somebody in particular.',
    fix: 'Have the operator set bound_audiences of the role to the audience of the token.',
  },
  time_missing: {
    side: 'provider',
    title: 'The token carries no date',
    text: 'None of iat, nbf and exp is present, so the token would be valid for ever.',
    fix: 'Have the issuer add exp, and best iat too.',
  },
  not_yet_valid: {
    side: 'provider',
    title: 'The token is not valid yet',
    text: 'The time from which the token counts lies in the future. With only exp present, that time is worked out from exp.',
    fix: 'Compare the clocks of issuer and server; for tokens with only exp, raise not_before_leeway of the role.',
  },
  expired: {
    side: 'you',
    signInSide: 'provider',
    title: 'The token has expired',
    text: 'The end of the lifetime of the token is past, allowing for clock differences.',
    fix: 'Get a fresh token right before the login; compare the clocks of issuer and server.',
  },
  issued_in_future: {
    side: 'provider',
    title: 'The token was issued in the future',
    text: 'The iat claim lies ahead of the clock of the server by more than the allowed difference.',
    fix: 'Compare the clocks of issuer and server, or raise clock_skew_leeway of the role.',
  },
  time_malformed: {
    side: 'provider',
    title: 'A date in the token is not a date',
    text: 'iat, nbf and exp are numbers of seconds after 1970 and before the year 10000.',
    fix: 'Have the issuer send dates as plain numbers, and leave out dates it does not know.',
  },
  token_replayed: {
    side: 'you',
    signInSide: 'provider',
    title: 'The token was used before',
    text: 'This role accepts each token once only.',
    fix: 'Get a fresh token for every login.',
  },
  user_claim_missing: {
    side: 'provider',
    title: 'The claim that names the user is absent',
    text: 'The role takes the name of the caller from a claim that the token does not carry.',
    fix: 'Have the issuer add that claim, or have the operator choose another user_claim.',
  },
  user_claim_type: {
    side: 'provider',
    title: 'The claim that names the user is no string',
    text: 'A name must be a string; numbers, lists and objects are not turned into one.',
    fix: 'Have the operator choose a user_claim that is a string.',
  },
  user_claim_unsafe: {
    side: 'provider',
    title: 'The name of the user cannot be used',
    text: 'The claim that names the user is empty or contains a NUL character.',
    fix: 'Have the issuer fill the claim properly, or have the operator choose another user_claim.',
  },
  metadata_missing: {
    side: 'provider',
    title: 'A mapped claim is absent',
    text: 'The role copies this claim into the metadata of the token and does not say that it may be absent.',
    fix: 'Have the issuer add the claim, or have the operator list it in optional_claim_mappings.',
  },
  metadata_type: {
    side: 'provider',
    title: 'A mapped claim is no usable string',
    text: 'Metadata are strings without NUL characters; numbers, lists and objects are not turned into them.',
    fix: 'Have the operator map a claim that is a string.',
  },
  groups_missing: {
    side: 'provider',
    title: 'The groups claim is absent',
    text: 'The role takes groups from a claim that the token does not carry.',
    fix: 'Have the issuer add the groups claim, or have the operator set groups_claim_required=false.',
  },
  groups_type: {
    side: 'provider',
    title: 'The groups claim is no list of strings',
    text: 'Groups are one string or a list of strings without NUL characters.',
    fix: 'Have the issuer send group names as strings, or have the operator correct groups_claim.',
  },
  groups_truncated: {
    side: 'provider',
    title: 'The issuer left the groups out',
    text: 'The person has more groups than fit into a token, and the issuer put a pointer in their place.',
    fix: 'Have the issuer send only the groups assigned to the application, or configure the provider of the mount.',
  },
  claim_missing: {
    side: 'provider',
    title: 'A bound claim is absent',
    text: 'The role is bound to a claim that the token does not carry.',
    fix: 'Check that the token is of the expected kind, or have the operator change bound_claims.',
  },
  claim_mismatch: {
    side: 'operator',
    title: 'A bound claim has another value',
    text: 'The claim is there, but no value of it is one the role accepts. Type and case count.',
    fix: 'Use the role made for this caller, or have the operator change bound_claims.',
  },
  claim_type: {
    side: 'operator',
    title: 'A bound claim cannot be compared',
    text: 'The claim or the value the role expects is of a type that never matches, such as an object.',
    fix: 'Have the operator bind a member of the object by pointer, like /org/name, and use strings with globs.',
  },
  claim_too_large: {
    side: 'operator',
    title: 'A bound claim is too large to be compared',
    text: 'The values of the claim and the patterns of the role are together more than one login may look at.',
    fix: 'Have the issuer send fewer groups, or have the operator bind whole values or use fewer patterns.',
  },
  rule_refused: {
    side: 'operator',
    title: 'The rule of the role refuses this login',
    text: 'The expression of the role answered no, or could not be evaluated for these claims.',
    fix: 'Use the role made for this caller, or have the operator check the expression.',
  },
  state_unknown: {
    side: 'you',
    title: 'The sign-in is unknown or took too long',
    text: 'The server has no open sign-in with this state. It may have expired.',
    fix: 'Start the sign-in again and finish it within a few minutes.',
  },
  state_used: {
    side: 'you',
    title: 'The sign-in was already finished',
    text: 'A sign-in can be finished once only; this one was.',
    fix: 'Start the sign-in again.',
  },
  client_nonce_missing: {
    side: 'you',
    title: 'The client sent no nonce',
    text: 'The sign-in was started with a client_nonce and must be finished with the same one.',
    fix: 'Finish the sign-in with the client that started it.',
  },
  client_nonce_mismatch: {
    side: 'you',
    title: 'Another client started this sign-in',
    text: 'The client_nonce is not the one the sign-in was started with.',
    fix: 'Finish the sign-in with the client that started it, or start again.',
  },
  redirect_uri_missing: {
    side: 'operator',
    title: 'No redirect URI was sent',
    text: 'A sign-in through the browser needs the address to come back to.',
    fix: 'Send the field redirect_uri.',
  },
  redirect_uri_refused: {
    side: 'operator',
    title: 'The redirect URI is not allowed',
    text: 'The role lists the addresses a sign-in may come back to, and this one is not among them.',
    fix: 'Have the operator add the exact address to allowed_redirect_uris of the role.',
  },
  code_missing: {
    side: 'provider',
    title: 'The identity provider sent no code',
    text: 'The answer of the identity provider carries neither a code nor an ID token.',
    fix: 'Start the sign-in again; have the operator check the response types of the client at the provider.',
  },
  code_exchange_failed: {
    side: 'operator',
    title: 'The code could not be exchanged',
    text: 'The identity provider refused to hand out tokens for the code.',
    fix: 'Have the operator check client id, client secret and redirect URIs at the provider.',
  },
  id_token_missing: {
    side: 'provider',
    title: 'The identity provider sent no ID token',
    text: 'The token answer of the identity provider carries no id_token.',
    fix: 'Have the operator check that the scope openid is granted to the client.',
  },
  nonce_mismatch: {
    side: 'provider',
    title: 'The ID token is not for this sign-in',
    text: 'The nonce of the ID token is not the one this sign-in was started with.',
    fix: 'Start the sign-in again.',
  },
  authorized_party_mismatch: {
    side: 'provider',
    title: 'The ID token was made for another client',
    text: 'The azp claim names another client than the one of this mount.',
    fix: 'Have the operator check the client id in the config of the mount.',
  },
  userinfo_failed: {
    side: 'provider',
    title: 'User information could not be fetched',
    text: 'The user-info endpoint of the identity provider failed or answered something unusable.',
    fix: 'Have the operator check the identity provider; then try again.',
  },
  userinfo_subject_mismatch: {
    side: 'provider',
    title: 'The user information is about somebody else',
    text: 'The sub of the user-info answer is not the sub of the ID token.',
    fix: 'Have the operator check the identity provider; this must never happen.',
  },
  idp_denied: {
    side: 'provider',
    title: 'The identity provider denied access',
    text: 'The person or the identity provider said no.',
    fix: 'Sign in with an account that is assigned to the application.',
  },
  idp_error: {
    side: 'provider',
    title: 'The identity provider reported an error',
    text: 'The identity provider sent the browser back with an error instead of a code.',
    fix: 'Try again; have the operator look the error up in the log of the identity provider.',
  },
  provider_failed: {
    side: 'operator',
    title: 'The provider lookup failed',
    text: 'The additional lookup of users or groups at the identity provider failed.',
    fix: 'Have the operator check provider_config and the permissions of its credentials.',
  },
  device_pending: {
    side: 'you',
    title: 'The sign-in is not finished yet',
    text: 'The person has not confirmed the sign-in on the other device.',
    fix: 'Keep polling at the given interval.',
  },
  device_slow_down: {
    side: 'you',
    title: 'The client polls too often',
    text: 'The identity provider asks for longer pauses between polls.',
    fix: 'Wait longer between polls.',
  },
  device_expired: {
    side: 'you',
    title: 'The device code has expired',
    text: 'The sign-in was not confirmed in time.',
    fix: 'Start the sign-in again.',
  },
  credentials_missing: {
    side: 'you',
    title: 'A part of the credentials is missing',
    text: 'This method asks for a name and a secret, and one of them is absent or empty.',
    fix: 'Send password to userpass, role_id and secret_id to approle; check that the variables are not empty.',
  },
  credentials_refused: {
    side: 'you',
    title: 'Name and secret do not belong together',
    text: 'There is nobody of that name, or the secret is wrong, used up or expired. Which of it is not told.',
    fix: 'Check both for typing mistakes, or have the operator set a new password or make a new secret id.',
  },
  locked_out: {
    side: 'you',
    title: 'Too many wrong attempts',
    text: 'After several wrong attempts in a row a name is locked for a while, also for the right secret.',
    fix: 'Wait a quarter of an hour, or have the operator unlock the name with sys/locked-users.',
    status: 403,
  },
  service_account_refused: {
    side: 'operator',
    title: 'The service account is not one of the role',
    text: 'The role names the service accounts that may log in, and this one is not among them.',
    fix: 'Run the pod under an account of the role, or have the operator change bound_service_account_names.',
    status: 403,
  },
  namespace_refused: {
    side: 'operator',
    title: 'The namespace is not one of the role',
    text: 'The role names the namespaces, or the labels of namespaces, that its service accounts come from.',
    fix: 'Run the pod in a namespace of the role, or have the operator change bound_service_account_namespaces.',
    status: 403,
  },
  token_review_refused: {
    side: 'you',
    title: 'The cluster does not accept the token',
    text: 'The API server of the cluster was asked, and the token is not alive, is for another audience or is of somebody else.',
    fix: 'Read the token anew from the file the cluster writes, right before the login.',
    status: 403,
  },
  token_review_failed: {
    side: 'operator',
    title: 'The cluster could not be asked',
    text: 'The API server did not answer in time, or did not let this server review tokens.',
    fix: 'Have the operator check kubernetes_host, its CA, and that the reviewer has the role system:auth-delegator.',
    status: 403,
  },
  entity_disabled: {
    side: 'operator',
    title: 'The identity is disabled',
    text: 'The operator has disabled the identity this login belongs to.',
    fix: 'Have the operator enable the entity again.',
    status: 403,
  },
  entity_unknown: {
    side: 'operator',
    title: 'Nobody is known here by that identity',
    text: 'The role lets in those who are known already, and this login is the first of its identity.',
    fix: 'Have the operator write an entity alias of that name for the mount, or take entity_mode=existing_only off the role.',
  },
  policy_template_failed: {
    side: 'operator',
    title: 'A policy template could not be filled in',
    text: 'A policy name of the role is a template that needs something the token does not carry.',
    fix: 'Have the issuer add the claim, or have the operator guard it with if in the template.',
  },
  root_policy_refused: {
    side: 'operator',
    title: 'A login can never give root',
    text: 'The policies of the role contain root, directly or after filling in a template.',
    fix: 'Have the operator take root out of token_policies of the role.',
  },
  quota_exceeded: {
    side: 'you',
    title: 'Too many requests',
    text: 'A rate limit for this mount or role is used up.',
    fix: 'Wait for the time the Retry-After header names, then try again.',
    status: 429,
  },
  storage_unavailable: {
    side: 'operator',
    title: 'The server cannot store the token now',
    text: 'The store behind the server did not take the write, so no token was given out.',
    fix: 'Try again shortly; have the operator check the storage.',
    status: 503,
  },
  audit_unavailable: {
    side: 'operator',
    title: 'The server cannot write its audit log now',
    text: 'A login counts only when it is audited, and no audit device took the record.',
    fix: 'Have the operator check the audit devices, above all free disk space.',
    status: 500,
  },
} as const satisfies Readonly<Record<string, ReasonRow>>

export type Reason = keyof typeof reasonRows

export function isReason(text: string): text is Reason {
  return Object.hasOwn(reasonRows, text)
}
