/**
 * What is known of providers, and of values that nearly fit: one row for each mistake that people
 * make with tokens, with what it is told by and what mends it (explain.md §2, §3). The form of a
 * token that cannot be read is `jose/jwt-look.ts`.
 *
 * A row of kind `token` sees what the caller's own token says and nothing else, so that a refused
 * caller may hear it; a row of kind `expectation` also sees what the role expects, and is for those
 * who may read roles. A new one is one row here, and its case in the test.
 */

import {
  encodeJson,
  isJsonArray,
  isJsonObject,
  member,
  type JsonObject,
  type JsonValue,
} from '../lib/json.ts'
import { isScalar, listOfValues, matchKey } from './claim-values.ts'
import { parseDecimal } from './decimal.ts'
import type { Reason } from './reasons.ts'
import { quote } from './shown-value.ts'

/** What failed, as the caller's own token shows it. */
export interface OwnFailure {
  readonly reason: Reason
  readonly claim?: string
  readonly got?: JsonValue
}

export interface Mistake {
  readonly id: string
  readonly note: string
  readonly fix: string
  /** Where it is mended. */
  readonly side: 'token' | 'role' | 'provider'
}

interface Seen extends OwnFailure {
  readonly claims: JsonObject
  readonly iss: string
  /** Texts of the value that was refused. */
  readonly texts: readonly string[]
}

interface SeenWithExpectation extends Seen {
  /** Values of the expectation that a claim can be equal to, and patterns for texts. */
  readonly wanted: readonly JsonValue[]
}

interface Row<S> {
  readonly id: string
  readonly reasons: readonly Reason[]
  readonly side: Mistake['side']
  readonly matches: (seen: S) => boolean
  readonly note: string | ((seen: S) => string)
  readonly fix: string
}

/** Values of a token that are compared with those of a role, at most so many of each. */
const comparedMax = 16
/** Longer texts are not the slip of a finger. */
const comparedLengthMax = 512
/** Names of claims that are looked at for a similar one. */
const namesMax = 256

/** What mends two mistakes alike. */
const bindOtherVersion =
  'Have the operator bind the audience of the version that the app registration hands out.'
const askTrustedServer =
  'Ask the authorization server that this mount trusts, or have the operator trust this one.'
const writeAsIs =
  'If this value is the one that is meant, have the operator write it exactly as the token has it.'

const audienceReasons = ['audience_mismatch', 'audience_unbound'] as const
const issuerReasons = ['issuer_mismatch', 'issuer_unknown'] as const
const subjectReasons = ['subject_mismatch', 'claim_mismatch'] as const
const missingReasons = [
  'user_claim_missing',
  'metadata_missing',
  'groups_missing',
  'claim_missing',
] as const
const comparedReasons = [
  'claim_mismatch',
  'subject_mismatch',
  'issuer_mismatch',
  'audience_mismatch',
] as const

const githubRows: readonly Row<Seen>[] = [
  {
    id: 'github_default_audience',
    reasons: audienceReasons,
    side: 'token',
    matches: ({ iss, claims, texts }) =>
      isGithub(iss, claims) && texts.some((text) => /^https:\/\/[^/]+\/[^/]+$/.test(text)),
    note: "GitHub's default audience is the URL of the owner of the repository.",
    fix: "Have the workflow ask for the audience of this server: core.getIDToken('AUDIENCE'), or jwtGithubAudience: AUDIENCE of vault-action.",
  },
  {
    id: 'github_immutable_subject',
    reasons: subjectReasons,
    side: 'role',
    matches: ({ iss, claim, claims, texts }) =>
      isGithub(iss, claims) && claim === 'sub' && texts.some(isImmutableSubject),
    note: "The subject has the numbers of owner and repository in it: GitHub's immutable format.",
    fix: 'Have the operator bind repository_id and ref, or write the subject in this format: repo:OWNER@ID/NAME@ID:…',
  },
]

const entraRows: readonly Row<Seen>[] = [
  {
    id: 'entra_v1_issuer',
    reasons: issuerReasons,
    side: 'provider',
    matches: ({ iss, claims }) =>
      iss.startsWith('https://sts.windows.net/') || (isEntra(iss) && claims['ver'] === '1.0'),
    note: 'This is a token of version 1 of Entra ID, whose issuer is https://sts.windows.net/TENANT/ with a slash at its end; version 2 has https://login.microsoftonline.com/TENANT/v2.0.',
    fix: 'Set "requestedAccessTokenVersion": 2 in the manifest of the app registration, or have the operator trust the issuer of version 1.',
  },
  {
    id: 'entra_v2_issuer',
    reasons: issuerReasons,
    side: 'role',
    matches: ({ iss }) => /^https:\/\/login\.microsoftonline\.(?:com|us)\/[^/]+\/v2\.0$/.test(iss),
    note: 'This is a token of version 2 of Entra ID: its issuer names the tenant by its id and ends in /v2.0, also where the address had common or a domain.',
    fix: 'Have the operator write the issuer as the discovery document of that tenant gives it.',
  },
  {
    id: 'entra_graph_audience',
    reasons: audienceReasons,
    side: 'token',
    matches: ({ texts }) =>
      texts.some(
        (text) =>
          text === '00000003-0000-0000-c000-000000000000' ||
          text.replace(/\/$/, '') === 'https://graph.microsoft.com',
      ),
    note: 'The token is made for Microsoft Graph, not for this server.',
    fix: "Ask Entra ID for a token with the scope of this server's app registration: api://CLIENT-ID/.default.",
  },
  {
    id: 'entra_v1_audience',
    reasons: audienceReasons,
    side: 'role',
    matches: ({ iss, texts }) => isEntra(iss) && texts.some((text) => text.startsWith('api://')),
    note: 'Version 1 of Entra ID writes the application ID URI (api://…) as the audience; version 2 writes the client id alone.',
    fix: bindOtherVersion,
  },
  {
    id: 'entra_v2_audience',
    reasons: audienceReasons,
    side: 'role',
    matches: ({ iss, texts }) =>
      isEntra(iss) &&
      texts.some((text) => /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)),
    note: 'Version 2 of Entra ID writes the client id alone as the audience; version 1 writes the application ID URI (api://…).',
    fix: bindOtherVersion,
  },
]

const hostedRows: readonly Row<Seen>[] = [
  {
    id: 'auth0_slash',
    reasons: issuerReasons,
    side: 'role',
    matches: ({ iss }) => /^https:\/\/[^/]+\.auth0\.com\/?$/.test(iss),
    note: 'Issuers of Auth0 end with a slash.',
    fix: 'Have the operator write the issuer exactly as the token has it, with the slash at its end.',
  },
  {
    id: 'auth0_namespaced_claim',
    reasons: missingReasons,
    side: 'role',
    matches: ({ claim = '', claims }) => namespacedClaim(claim, claims) !== undefined,
    note: ({ claim = '', claims }) =>
      `The token has ${quote(namespacedClaim(claim, claims) ?? '')}: claims that an action of Auth0 adds have a URL before their name.`,
    fix: 'Have the operator write the name of the claim as the token has it, URL and all.',
  },
  {
    id: 'okta_org_issuer',
    reasons: issuerReasons,
    side: 'token',
    matches: ({ iss }) => isOkta(iss) && !iss.includes('/oauth2'),
    note: "This is the issuer of Okta's org authorization server; those of its custom servers have /oauth2/default or /oauth2/ID behind the host.",
    fix: askTrustedServer,
  },
  {
    id: 'okta_server_issuer',
    reasons: issuerReasons,
    side: 'token',
    matches: ({ iss }) => isOkta(iss) && iss.includes('/oauth2/'),
    note: 'This is the issuer of one custom authorization server of Okta; each server, and the org itself, has another one.',
    fix: askTrustedServer,
  },
  {
    id: 'okta_groups',
    reasons: ['groups_missing'],
    side: 'provider',
    matches: ({ iss }) => isOkta(iss),
    note: 'Okta puts groups into a token only where the authorization server has a groups claim with a filter.',
    fix: 'Add the claim groups to the authorization server, with a filter that fits.',
  },
  {
    id: 'keycloak_audience',
    reasons: [...audienceReasons, 'audience_missing'],
    side: 'provider',
    matches: ({ iss, texts }) =>
      isKeycloak(iss) && texts.every((text) => text === 'account' || text === 'realm-management'),
    note: 'Keycloak names only its own clients, like account, as audiences until the client has an audience mapper.',
    fix: 'Add a mapper of the type Audience, with the audience of this server, to a client scope of the client.',
  },
  {
    id: 'keycloak_roles',
    reasons: missingReasons,
    side: 'role',
    matches: ({ claim, claims }) =>
      (claim === 'roles' || claim === 'groups') && isJsonObject(member(claims, 'realm_access')),
    note: 'Keycloak keeps the roles of a realm in realm_access.roles.',
    fix: 'Have the operator name the claim /realm_access/roles, or add a mapper that writes a claim of that name.',
  },
  {
    id: 'google_issuer_scheme',
    reasons: issuerReasons,
    side: 'role',
    matches: ({ iss }) => /^(?:https:\/\/)?accounts\.google\.com$/.test(iss),
    note: 'Google writes its issuer with https:// in most tokens and without in some.',
    fix: 'Have the operator trust the issuer as this token has it: one issuer of the mount for each way of writing it.',
  },
  {
    id: 'google_client_audience',
    reasons: audienceReasons,
    side: 'token',
    matches: ({ texts }) => texts.some((text) => text.endsWith('.apps.googleusercontent.com')),
    note: 'This audience is the OAuth client with which the token was asked for.',
    fix: 'Ask with the audience of this server: gcloud auth print-identity-token --audiences=AUDIENCE.',
  },
]

const workloadRows: readonly Row<Seen>[] = [
  {
    id: 'kubernetes_default_audience',
    reasons: audienceReasons,
    side: 'token',
    matches: ({ claims, texts }) =>
      isKubernetes(claims) &&
      texts.some((text) => /^(?:https:\/\/)?kubernetes\.default\b|^k3s$|^api$/.test(text)),
    note: "This token is for the cluster's own API server; a projected token has an audience of its own.",
    fix: 'Mount a projected volume with serviceAccountToken: {audience: AUDIENCE, expirationSeconds: 600, path: token}.',
  },
  {
    id: 'kubernetes_legacy_token',
    reasons: ['audience_missing', 'time_missing', ...issuerReasons],
    side: 'token',
    matches: ({ iss }) => iss === 'kubernetes/serviceaccount',
    note: 'This is a token from a Secret: it has no audience and no end.',
    fix: 'Use a projected token, or kubectl create token NAME --audience=AUDIENCE.',
  },
  {
    id: 'gitlab_text_booleans',
    reasons: ['claim_mismatch'],
    side: 'role',
    matches: ({ claims, got }) => isGitlab(claims) && (got === 'true' || got === 'false'),
    note: 'GitLab writes this claim as text, "true" or "false", not as a boolean.',
    fix: 'Have the operator bind the text "true" in quotes.',
  },
  {
    id: 'gitlab_old_token',
    reasons: issuerReasons,
    side: 'token',
    matches: ({ iss, claims }) => isGitlab(claims) && !iss.includes('://'),
    note: 'This is a token of the first version of GitLab (CI_JOB_JWT), whose issuer is the bare name of the host.',
    fix: 'Use id_tokens: in the job, with aud: and the audience of this server.',
  },
]

const shapeRows: readonly Row<Seen>[] = [
  {
    id: 'list_for_text',
    reasons: ['user_claim_type', 'metadata_type'],
    side: 'role',
    matches: ({ got }) => isJsonArray(got),
    note: ({ got }) =>
      isJsonArray(got) && got.length === 1
        ? 'The claim is a list of one; a text is needed.'
        : 'The claim is a list; a text is needed.',
    fix: 'Have the operator name one element of it, like /claim/0, or a claim that is a text.',
  },
  {
    id: 'null_claim',
    reasons: [...missingReasons, 'claims_malformed'],
    side: 'provider',
    matches: ({ got, claim = '', claims }) => got === null || member(claims, claim) === null,
    note: 'The claim is there and is null, which counts as absent.',
    fix: 'Have the issuer give the claim a value.',
  },
  {
    id: 'empty_list',
    reasons: ['claim_mismatch'],
    side: 'provider',
    matches: ({ got }) => isJsonArray(got) && got.length === 0,
    note: 'The claim is an empty list, which matches nothing.',
    fix: 'Have the issuer fill the list: whoever it is about has none of these.',
  },
  {
    id: 'number_for_text',
    reasons: ['user_claim_type', 'metadata_type'],
    side: 'provider',
    matches: ({ got }) => got !== undefined && parseDecimal(got) !== undefined,
    note: 'The claim is a number; a text is needed.',
    fix: 'Use a claim that is a text, or have the issuer write the number in quotes.',
  },
  {
    id: 'similar_claim',
    reasons: missingReasons,
    side: 'role',
    matches: ({ claim = '', claims }) => similarClaim(claim, claims) !== undefined,
    note: ({ claim = '', claims }) =>
      `The token has ${quote(similarClaim(claim, claims) ?? '')}; names of claims are compared exactly.`,
    fix: 'Have the operator write the name of the claim as the token has it.',
  },
]

const ownRows: readonly Row<Seen>[] = [
  ...githubRows,
  ...entraRows,
  ...hostedRows,
  ...workloadRows,
  ...shapeRows,
]

interface Closeness {
  readonly id: string
  readonly what: string
  /** Takes away what two texts may differ in. */
  readonly level: (text: string) => string
}

const closenesses: readonly Closeness[] = [
  { id: 'near_space', what: 'white space', level: (text) => text.replaceAll(/\s/g, '') },
  { id: 'near_slash', what: 'a slash at the end', level: (text) => text.replace(/\/{1,8}$/, '') },
  {
    id: 'near_scheme',
    what: 'the scheme before the host',
    level: (text) => text.replace(/^[a-z][a-z\d+.-]{0,15}:\/\//i, ''),
  },
  {
    id: 'near_port',
    what: 'the port',
    level: (text) =>
      text.replace(/^((?:[a-z][a-z\d+.-]{0,15}:\/\/)?[^/:]{1,255}):\d{1,5}(?=\/|$)/i, '$1'),
  },
  { id: 'near_case', what: 'upper and lower case', level: (text) => text.toLowerCase() },
]

/** One value of the token and one of the role are the same but for this. */
const nearRows: readonly Row<SeenWithExpectation>[] = closenesses.map(({ id, what, level }) => ({
  id,
  reasons: comparedReasons,
  side: 'role',
  matches: (seen) => pairs(seen).some(([got, want]) => level(got) === level(want)),
  note: (seen) => {
    const [got = '', want = ''] =
      pairs(seen).find(([one, other]) => level(one) === level(other)) ?? []
    return `${quote(got)} and the expected ${quote(want)} differ only in ${what}.`
  },
  fix: writeAsIs,
}))

const fullRows: readonly Row<SeenWithExpectation>[] = [
  ...nearRows,
  {
    id: 'near_several',
    reasons: comparedReasons,
    side: 'role',
    matches: (seen) =>
      pairs(seen).some(
        ([got, want]) =>
          levelAll(got) === levelAll(want) &&
          !closenesses.some(({ level }) => level(got) === level(want)),
      ),
    note: (seen) => {
      const [got = '', want = ''] =
        pairs(seen).find(([one, other]) => levelAll(one) === levelAll(other)) ?? []
      const what = closenesses.filter(({ level }) => differsIn(level, got, want))
      return `${quote(got)} and the expected ${quote(want)} differ only in ${what.map((one) => one.what).join(' and ')}.`
    },
    fix: writeAsIs,
  },
  {
    id: 'other_type',
    reasons: ['claim_mismatch'],
    side: 'role',
    matches: ({ got, wanted }) =>
      scalars(got).some((one) => wanted.some((want) => isSameOtherwise(one, want))),
    note: ({ got, wanted }) => {
      const isText = scalars(got).some(
        (one) => typeof one === 'string' && wanted.some((want) => isSameOtherwise(one, want)),
      )
      return isText
        ? 'The token has this value as a text, the role expects it as a boolean or a number.'
        : 'The token has this value as a boolean or a number, the role expects it as a text.'
    },
    fix: 'Have the operator bind the value in the type that the token has: "true" in quotes is a text.',
  },
  {
    id: 'github_ids_expected',
    reasons: subjectReasons,
    side: 'role',
    matches: ({ iss, claims, texts, wanted }) =>
      isGithub(iss, claims) &&
      texts.some((text) => /^repo:[^@]+$/.test(text)) &&
      wanted.some((want) => typeof want === 'string' && isImmutableSubject(want)),
    note: "The role expects GitHub's immutable subject with the numbers of owner and repository; this token has the one with names alone.",
    fix: 'Bind repository_id and ref in place of the subject: they are in both formats.',
  },
  {
    id: 'glob_not_on',
    reasons: ['claim_mismatch', 'subject_mismatch'],
    side: 'role',
    matches: ({ texts, wanted }) =>
      wanted.some(
        (want) =>
          typeof want === 'string' &&
          want.endsWith('*') &&
          texts.some((text) => text.startsWith(want.slice(0, -1))),
      ),
    note: 'The expected value ends with a star, which is a character like others here: patterns work in bound_claims, with bound_claims_type=glob.',
    fix: 'Have the operator write the pattern in bound_claims and set bound_claims_type=glob.',
  },
  {
    id: 'keycloak_old_path',
    reasons: ['issuer_mismatch'],
    side: 'role',
    matches: (seen) =>
      pairs(seen).some(
        ([got, want]) =>
          got.replace('/auth/realms/', '/realms/') === want.replace('/auth/realms/', '/realms/'),
      ),
    note: 'The two differ in /auth before /realms: newer releases of Keycloak have left it out.',
    fix: 'Have the operator write the issuer as the discovery document of the realm gives it now.',
  },
  {
    id: 'same_host',
    reasons: ['issuer_mismatch'],
    side: 'role',
    matches: (seen) =>
      pairs(seen).some(([got, want]) => {
        const host = hostOf(got)
        return host !== undefined && host === hostOf(want) && levelAll(got) !== levelAll(want)
      }),
    note: 'The two are on one host and differ in their path: another realm, tenant or authorization server.',
    fix: 'Ask the issuer that this mount trusts, or have the operator trust this one.',
  },
]

/** Every row, for the test that wants a case of each. */
export const mistakeIds: readonly string[] = [...ownRows, ...fullRows].map(({ id }) => id)

/** What the caller's own token gives away about the failure, and nothing of the role. */
export function ownMistakes(failure: OwnFailure, claims: JsonObject): readonly Mistake[] {
  return matching(ownRows, seenIn(failure, claims))
}

/** The same, and what shows beside the expectation: for those who may read it. */
export function allMistakes(
  failure: OwnFailure & { readonly expected?: JsonValue },
  claims: JsonObject,
): readonly Mistake[] {
  const seen = seenIn(failure, claims)
  const { expected } = failure
  if (expected === undefined) return matching(ownRows, seen)
  const wanted = wantedIn(expected).slice(0, comparedMax)
  return [...matching(fullRows, { ...seen, wanted }), ...matching(ownRows, seen)]
}

function matching<S extends Seen>(rows: readonly Row<S>[], seen: S): readonly Mistake[] {
  return rows
    .filter(({ reasons, matches }) => reasons.includes(seen.reason) && matches(seen))
    .map(({ id, note, fix, side }) => ({
      id,
      note: typeof note === 'string' ? note : note(seen),
      fix,
      side,
    }))
}

function seenIn(failure: OwnFailure, claims: JsonObject): Seen {
  const iss = member(claims, 'iss')
  const texts = scalars(failure.got).filter((value) => typeof value === 'string')
  return { ...failure, claims, iss: typeof iss === 'string' ? iss : '', texts }
}

/** The alternatives of an expectation: any of a list, a pattern, a condition's plain values. */
export function wantedIn(expected: JsonValue): readonly JsonValue[] {
  if (isJsonArray(expected)) return expected
  if (!isJsonObject(expected)) return [expected]
  const any = member(expected, 'any_of') ?? member(expected, 'glob')
  return any === undefined ? [] : isJsonArray(any) ? any : [any]
}

function scalars(got: JsonValue | undefined): readonly JsonValue[] {
  if (got === undefined) return []
  return (listOfValues(got) ?? []).slice(0, comparedMax)
}

/** Texts of the token beside texts of the role that are not the same. */
function pairs({ texts, wanted }: SeenWithExpectation): readonly (readonly [string, string])[] {
  return texts.flatMap((got) =>
    wanted.flatMap((want) => {
      const isComparable =
        typeof want === 'string' &&
        want !== got &&
        want.length <= comparedLengthMax &&
        got.length <= comparedLengthMax
      return isComparable ? [[got, want] as const] : []
    }),
  )
}

function levelAll(text: string): string {
  return closenesses.reduce((levelled, { level }) => level(levelled), text)
}

/** Whether levelling everything else leaves a difference. */
function differsIn(own: Closeness['level'], got: string, want: string): boolean {
  const level = (text: string): string =>
    closenesses.reduce(
      (levelled, one) => (one.level === own ? levelled : one.level(levelled)),
      text,
    )
  return level(got) !== level(want)
}

/** One value in two types, such as 42 and "42". */
function isSameOtherwise(one: JsonValue, other: JsonValue): boolean {
  if (!isScalar(one) || !isScalar(other) || matchKey(one) === matchKey(other)) return false
  return plainText(one) === plainText(other)
}

function plainText(value: JsonValue): string {
  return typeof value === 'string' ? value : encodeJson(value)
}

function namespacedClaim(claim: string, claims: JsonObject): string | undefined {
  if (claim === '' || claim.includes('/')) return undefined
  return names(claims).find((name) => /^https?:\/\//.test(name) && name.endsWith(`/${claim}`))
}

/** A claim whose name is the same but for case, "_", "-" and an "s" at its end. */
function similarClaim(claim: string, claims: JsonObject): string | undefined {
  const level = (name: string): string =>
    name.toLowerCase().replaceAll(/[_-]/g, '').replace(/s$/, '')
  return names(claims).find((name) => name !== claim && level(name) === level(claim))
}

function names(claims: JsonObject): readonly string[] {
  return Object.keys(claims)
    .slice(0, namesMax)
    .filter((name) => name.length <= comparedLengthMax)
}

function hostOf(text: string): string | undefined {
  return URL.canParse(text) ? new URL(text).host : undefined
}

function isImmutableSubject(text: string): boolean {
  return /^repo:[^@/:]+@\d+\/[^@/:]+@\d+(?::|$)/.test(text)
}

/** Also a server of one's own, whose address says nothing: by the form of the subject. */
function isGithub(iss: string, claims: JsonObject): boolean {
  const sub = member(claims, 'sub')
  return (
    iss.startsWith('https://token.actions.') ||
    iss.endsWith('/_services/token') ||
    (typeof sub === 'string' && /^repo:[^/:]+\/[^/:]+:/.test(sub))
  )
}

function isEntra(iss: string): boolean {
  return (
    iss.startsWith('https://sts.windows.net/') || iss.startsWith('https://login.microsoftonline.')
  )
}

function isOkta(iss: string): boolean {
  return /^https:\/\/[^/]+\.(?:okta|oktapreview|okta-emea)\.com(?:\/|$)/.test(iss)
}

function isKeycloak(iss: string): boolean {
  return iss.includes('/realms/')
}

function isKubernetes(claims: JsonObject): boolean {
  const sub = member(claims, 'sub')
  return typeof sub === 'string' && sub.startsWith('system:serviceaccount:')
}

function isGitlab(claims: JsonObject): boolean {
  return member(claims, 'project_path') !== undefined && member(claims, 'pipeline_id') !== undefined
}
