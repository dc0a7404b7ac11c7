/** Kinds of refused logins that people meet, in our words: what was set up, and what was sent (docs/explanation/refusals-in-the-wild.md). */

type Body = Readonly<Record<string, unknown>>

export interface WildRefusal {
  readonly title: string
  readonly reason: string
  readonly config?: Body
  readonly role?: Body
  /** Over the claims of a login that works. */
  readonly claims?: Body
  readonly header?: Body
  /** What is sent, made from a good token. */
  readonly sent?: (jwt: string) => string
  readonly asRole?: string
  /** The mount has no configuration. */
  readonly isBare?: true
  /** Signed by somebody else. */
  readonly isForged?: true
}

export interface WildKind {
  readonly kind: string
  readonly cases: readonly WildRefusal[]
}

const tenant = '0b1f3a52-1111-4222-8333-444455556666'
const github = 'https://token.actions.githubusercontent.com'
const entra1 = `https://sts.windows.net/${tenant}/`
const entra2 = `https://login.microsoftonline.com/${tenant}/v2.0`
const pod = { sub: 'system:serviceaccount:build:runner' }
const gitlab = { project_path: 'acme/app', pipeline_id: '7' }
const from = (iss: string): { readonly config: Body } => ({ config: { bound_issuer: iss } })
const bound = (
  claim: string,
  want: unknown,
  got: unknown,
  more: Body = {},
): Partial<WildRefusal> => ({
  role: { bound_claims: { [claim]: want } },
  claims: { [claim]: got, ...more },
})

export const wildKinds: readonly WildKind[] = [
  {
    kind: 'What was sent is no JWT',
    cases: [
      {
        title: 'The token of another server was pasted',
        reason: 'not_a_jwt',
        sent: () => 'hvs.CAESIJexample',
      },
      {
        title: 'A personal access token of GitHub',
        reason: 'not_a_jwt',
        sent: () => 'ghp_0123456789abcdefghij',
      },
      {
        title: 'GITHUB_TOKEN in place of the ID token of the workflow',
        reason: 'not_a_jwt',
        sent: () => 'ghs_0123456789abcdefghij',
      },
      {
        title: 'The job token of GitLab in place of an ID token',
        reason: 'not_a_jwt',
        sent: () => 'glcbt-64_0123456789',
      },
      {
        title: 'An access key of a cloud',
        reason: 'not_a_jwt',
        sent: () => 'AKIAIOSFODNN7EXAMPLE',
      },
      {
        title: 'The header was pasted, with its word Bearer',
        reason: 'not_a_jwt',
        sent: (jwt) => `Bearer ${jwt}`,
      },
      {
        title: 'The token still has its quotation marks from a JSON answer',
        reason: 'jwt_malformed',
        sent: (jwt) => `"${jwt}"`,
      },
      {
        title: 'The whole JSON answer of the token endpoint',
        reason: 'not_a_jwt',
        sent: (jwt) => `{"id_token":"${jwt}"}`,
      },
      {
        title: 'A terminal has broken the token into lines',
        reason: 'jwt_malformed',
        sent: (jwt) => `${jwt.slice(0, 12)}\n${jwt.slice(12)}`,
      },
      {
        title: 'The token was URL-encoded on its way',
        reason: 'jwt_malformed',
        sent: (jwt) => jwt.replaceAll('.', '%2E'),
      },
      {
        title: 'The name of the file in place of what it holds',
        reason: 'jwt_malformed',
        sent: () => '/var/run/secrets/kubernetes.io/serviceaccount/token',
      },
      {
        title: 'A variable that the CI did not fill in',
        reason: 'jwt_malformed',
        sent: () => '$CI_JOB_JWT',
      },
      {
        title: 'A script wrote null',
        reason: 'jwt_malformed',
        sent: () => 'null',
      },
      { title: 'The variable was empty', reason: 'jwt_missing', sent: () => '' },
      {
        title: 'An opaque access token in place of the ID token',
        reason: 'jwt_malformed',
        sent: () => 'mF9B5f41JqMmF9B5f41JqM0123',
      },
      {
        title: 'An encrypted token',
        reason: 'jwt_encrypted',
        sent: () => 'eyJhbGciOiJkaXIifQ.a.b.c.d',
      },
      {
        title: 'A certificate in place of a token',
        reason: 'not_a_jwt',
        sent: () => '-----BEGIN CERTIFICATE-----\nMIIB',
      },
      {
        title: 'The value of a Kubernetes secret, still in base64',
        reason: 'jwt_malformed',
        sent: (jwt) => Buffer.from(jwt).toString('base64'),
      },
      {
        title: 'The end of the token is missing',
        reason: 'jwt_malformed',
        sent: (jwt) => jwt.slice(0, jwt.lastIndexOf('.')),
      },
    ],
  },
  {
    kind: 'Mount, role and network',
    cases: [
      { title: 'Nobody has configured the mount', reason: 'config_missing', isBare: true },
      { title: 'The role is misspelt', reason: 'role_unknown', asRole: 'deplyo' },
      { title: 'No role is named, and there is no default', reason: 'role_missing', asRole: '' },
      {
        title: 'The role is for browser sign-ins',
        reason: 'role_type_mismatch',
        role: { role_type: 'oidc', allowed_redirect_uris: 'http://localhost:8250/oidc/callback' },
      },
      {
        title: 'The runner is outside the networks of the role',
        reason: 'source_address_refused',
        role: { token_bound_cidrs: '10.0.0.0/8' },
      },
    ],
  },
  {
    kind: 'Keys and signatures',
    cases: [
      {
        title: 'The token comes from another cluster or another environment',
        reason: 'signature_invalid',
        isForged: true,
      },
      {
        title: 'The server cannot reach the keys',
        reason: 'keys_unreachable',
        config: {
          jwt_validation_pubkeys: [],
          jwks_url: 'http://127.0.0.1:1/jwks',
          skip_jwks_validation: true,
        },
      },
      {
        title: 'The mount takes another algorithm than the issuer signs with',
        reason: 'algorithm_refused',
        config: { jwt_supported_algs: ['RS256'] },
      },
      { title: 'The token is not signed', reason: 'algorithm_refused', header: { alg: 'none' } },
    ],
  },
  {
    kind: 'Issuers',
    cases: [
      {
        title: 'A slash at the end of the issuer',
        reason: 'issuer_mismatch',
        ...from('https://iss.test/'),
      },
      {
        title: 'http in one place and https in the other',
        reason: 'issuer_mismatch',
        ...from('http://iss.test'),
      },
      {
        title: 'Auth0: its issuer ends with a slash',
        reason: 'issuer_mismatch',
        ...from('https://acme.eu.auth0.com'),
        claims: { iss: 'https://acme.eu.auth0.com/' },
      },
      {
        title: 'Entra ID: a token of version 1',
        reason: 'issuer_mismatch',
        ...from(entra2),
        claims: { iss: entra1, ver: '1.0' },
      },
      {
        title: 'Entra ID: the mount was given the address with common in it',
        reason: 'issuer_mismatch',
        ...from('https://login.microsoftonline.com/common/v2.0'),
        claims: { iss: entra2 },
      },
      {
        title: 'Okta: the org in place of the authorization server',
        reason: 'issuer_mismatch',
        ...from('https://acme.okta.com/oauth2/default'),
        claims: { iss: 'https://acme.okta.com' },
      },
      {
        title: 'Keycloak: /auth before /realms',
        reason: 'issuer_mismatch',
        ...from('https://sso.acme.test/auth/realms/main'),
        claims: { iss: 'https://sso.acme.test/realms/main' },
      },
      {
        title: 'Google: the issuer without https',
        reason: 'issuer_mismatch',
        ...from('https://accounts.google.com'),
        claims: { iss: 'accounts.google.com' },
      },
      {
        title: 'GitLab: a token of the first version',
        reason: 'issuer_mismatch',
        ...from('https://gitlab.acme.test'),
        claims: { iss: 'gitlab.acme.test', ...gitlab },
      },
      {
        title: 'Kubernetes: a token from a Secret',
        reason: 'issuer_mismatch',
        ...from('https://kubernetes.default.svc.cluster.local'),
        claims: { iss: 'kubernetes/serviceaccount', ...pod },
      },
      { title: 'The token names no issuer', reason: 'issuer_missing', claims: { iss: undefined } },
    ],
  },
  {
    kind: 'Audiences',
    cases: [
      {
        title: 'GitHub: the workflow did not ask for an audience',
        reason: 'audience_mismatch',
        ...from(github),
        claims: { iss: github, aud: 'https://github.com/acme' },
      },
      {
        title: 'Entra ID: api:// before the client id',
        reason: 'audience_mismatch',
        ...from(entra1),
        claims: { iss: entra1, aud: `api://${tenant}` },
      },
      {
        title: 'Entra ID: a token for Microsoft Graph',
        reason: 'audience_mismatch',
        ...from(entra1),
        claims: { iss: entra1, aud: 'https://graph.microsoft.com' },
      },
      {
        title: 'Keycloak: the audience is account',
        reason: 'audience_mismatch',
        ...from('https://sso.acme.test/realms/main'),
        claims: { iss: 'https://sso.acme.test/realms/main', aud: 'account' },
      },
      {
        title: 'Google: the audience is the OAuth client of gcloud',
        reason: 'audience_mismatch',
        ...from('https://accounts.google.com'),
        claims: { iss: 'https://accounts.google.com', aud: '1.apps.googleusercontent.com' },
      },
      {
        title: 'Kubernetes: the token of the pod is for the API server',
        reason: 'audience_mismatch',
        ...from('https://kubernetes.default.svc'),
        claims: {
          iss: 'https://kubernetes.default.svc',
          aud: ['https://kubernetes.default.svc'],
          ...pod,
        },
      },
      {
        title: 'Upper and lower case',
        reason: 'audience_mismatch',
        claims: { aud: 'https://Vault.acme.test' },
      },
      {
        title: 'A port',
        reason: 'audience_mismatch',
        claims: { aud: 'https://vault.acme.test:443' },
      },
      {
        title: 'The token has no audience',
        reason: 'audience_missing',
        claims: { aud: undefined },
      },
      {
        title: 'The role names no audience',
        reason: 'audience_unbound',
        role: { bound_audiences: [], bound_subject: 'repo:acme/app:ref:refs/heads/main' },
      },
    ],
  },
  {
    kind: 'Times',
    cases: [
      {
        title: 'A long job used its token late',
        reason: 'expired',
        claims: { iat: -4000, exp: -3000 },
      },
      {
        title: 'The clock of the issuer is ahead',
        reason: 'issued_in_future',
        claims: { iat: 900, nbf: -5 },
      },
      { title: 'The token begins later', reason: 'not_yet_valid', claims: { nbf: 900 } },
      {
        title: 'The token has no time at all',
        reason: 'time_missing',
        claims: { iat: undefined, nbf: undefined, exp: undefined },
      },
      { title: 'The time is a text', reason: 'time_malformed', claims: { exp: 'tomorrow' } },
    ],
  },
  {
    kind: 'Subjects and bound claims',
    cases: [
      {
        title: 'GitHub: the subject has numbers since the repository is new',
        reason: 'subject_mismatch',
        ...from(github),
        role: { bound_subject: 'repo:acme/app:ref:refs/heads/main' },
        claims: { iss: github, sub: 'repo:acme@1042/app@77:ref:refs/heads/main' },
      },
      {
        title: 'GitHub: the role has the numbers and the repository is older',
        reason: 'subject_mismatch',
        ...from(github),
        role: { bound_subject: 'repo:acme@1042/app@77:ref:refs/heads/main' },
        claims: { iss: github },
      },
      {
        title: 'A star in bound_subject',
        reason: 'subject_mismatch',
        role: { bound_subject: 'repo:acme/app:*' },
      },
      {
        title: 'GitLab: booleans are texts',
        reason: 'claim_mismatch',
        ...bound('ref_protected', true, 'true', gitlab),
      },
      { title: 'A number in quotes', reason: 'claim_mismatch', ...bound('project_id', 42, '42') },
      {
        title: 'Upper and lower case of a name',
        reason: 'claim_mismatch',
        ...bound('repository', 'acme/app', 'Acme/App'),
      },
      {
        title: 'A blank at the end',
        reason: 'claim_mismatch',
        ...bound('environment', 'production ', 'production'),
      },
      { title: 'An empty list', reason: 'claim_mismatch', ...bound('teams', 'red', []) },
      { title: 'A claim that is null', reason: 'claim_missing', ...bound('team', 'red', null) },
      {
        title: 'Another spelling of the name of the claim',
        reason: 'claim_missing',
        role: { bound_claims: { repository_owner: 'acme' } },
        claims: { repositoryOwner: 'acme' },
      },
      {
        title: 'A pattern without bound_claims_type=glob',
        reason: 'claim_mismatch',
        ...bound('ref', 'refs/heads/*', 'refs/heads/main'),
      },
    ],
  },
  {
    kind: 'Who it is, and groups',
    cases: [
      {
        title: 'The token has no email',
        reason: 'user_claim_missing',
        role: { user_claim: 'email' },
      },
      {
        title: 'The user claim is a list',
        reason: 'user_claim_type',
        role: { user_claim: 'emails' },
        claims: { emails: ['ann@acme.test'] },
      },
      {
        title: 'Keycloak: roles are below realm_access',
        reason: 'groups_missing',
        role: { groups_claim: 'roles' },
        claims: { realm_access: { roles: ['dev'] } },
      },
      {
        title: 'Auth0: groups have a URL before their name',
        reason: 'groups_missing',
        role: { groups_claim: 'groups' },
        claims: { 'https://acme.test/groups': ['dev'] },
      },
      {
        title: 'Okta: the authorization server has no groups claim',
        reason: 'groups_missing',
        ...from('https://acme.okta.com/oauth2/default'),
        role: { groups_claim: 'groups' },
        claims: { iss: 'https://acme.okta.com/oauth2/default' },
      },
      {
        title: 'Entra ID: too many groups for a token',
        reason: 'groups_truncated',
        role: { groups_claim: 'groups' },
        claims: { hasgroups: true },
      },
      {
        title: 'A mapped claim is absent',
        reason: 'metadata_missing',
        role: { claim_mappings: { actor: 'actor' } },
      },
      {
        title: 'A mapped claim is a number',
        reason: 'metadata_type',
        role: { claim_mappings: { run_id: 'run' } },
        claims: { run_id: 7 },
      },
    ],
  },
]
