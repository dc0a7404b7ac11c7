/**
 * Providers of workloads as their documents describe them: the address, the claims of one job, how that job comes by its token, and what goes wrong with each.
 * Ids are those that the guides bind.
 */

import { apiAudience, type Account, type Cluster } from '../kubernetes/cluster.ts'
import type { ApiClient } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import type { ProviderOptions, ProviderStandIn } from '../harness/provider-stand-in.ts'
import type { ReaderFolder } from './guide.ts'

export const audience = 'https://tokens.example.com'

/** What a job sends instead of its right token; `jwt` replaces the token. */
export interface WrongToken {
  readonly role?: string
  readonly mount?: string
  readonly jwt?: string
  readonly claims?: Readonly<Record<string, unknown>>
  readonly kid?: string
  /** The provider does not answer, and its keys have not been read yet. */
  readonly isAway?: true
}

export interface Job {
  readonly provider: ProviderStandIn
  readonly folder: ReaderFolder
  /** A token of the job that is made out to somebody. */
  tokenFor(audience: unknown): string
}

export interface WorkloadProvider {
  /** Page below docs/how-to/. */
  readonly page: string
  readonly options: ProviderOptions
  readonly claims: Readonly<Record<string, unknown>>
  readonly mount: string
  readonly role: string
  /** Environment of the job whose description is `yaml`; programs go into the folder. */
  environment(job: Job, yaml: string): Readonly<Record<string, string>>
  /** What the provider does to the text of a job before a shell sees it. */
  readonly expand?: (script: string) => string
  /** Texts of the guide that are elsewhere on this machine. */
  readonly moved?: (folder: ReaderFolder) => readonly (readonly [string, string])[]
  /** Programs and files that the guide's own commands need. */
  readonly prepare?: (folder: ReaderFolder, provider: ProviderStandIn) => void
  /** What the wrong tokens need beside the guide. */
  readonly variants?: (root: ApiClient) => Promise<unknown>
  /** By the reason that each is refused with. */
  readonly wrong: Readonly<Record<string, WrongToken>>
}

const hourAgo = () => Math.floor(Date.now() / 1000) - 3600
const expired = { iat: hourAgo() - 300, nbf: hourAgo() - 300, exp: hourAgo() }
const otherAudience = { claims: { aud: 'https://other.example.com' } }

/** The audience that a job's description asks for. */
function audienceIn(text: string, pattern: RegExp): string {
  return pattern.exec(text)?.[1] ?? 'the default of the provider'
}

/** A line of a shell script that prints a token for the audience behind an option. */
function printToken(job: Job, pattern: string, before = '', after = ''): string {
  const [right, other] = [job.tokenFor(audience), job.tokenFor('https://other.example.com')]
  return [
    `case "$*" in`,
    `  ${pattern}) printf '%s' '${before}${right}${after}' ;;`,
    `  *) printf '%s' '${before}${other}${after}' ;;`,
    'esac',
  ].join('\n')
}

const github: WorkloadProvider = {
  page: 'github-actions',
  options: {
    issuer: 'https://token.actions.githubusercontent.com',
    keysAt: 'https://token.actions.githubusercontent.com/.well-known/jwks',
  },
  mount: 'github',
  role: 'deploy',
  claims: {
    jti: 'ba3b7a6c-8b8e-4a6d-8f5c-4f1b6d2c9e11',
    sub: 'repo:acme/deploy:environment:production',
    ref: 'refs/heads/main',
    sha: '9f3182061f1e2cca4702c368cbc039b7dc9d4485',
    repository: 'acme/deploy',
    repository_owner: 'acme',
    repository_owner_id: '12345',
    repository_id: '67890',
    repository_visibility: 'private',
    run_id: '9001',
    run_number: '10',
    run_attempt: '1',
    actor: 'octocat',
    actor_id: '55',
    workflow: 'deploy',
    workflow_ref: 'acme/deploy/.github/workflows/deploy.yml@refs/heads/main',
    job_workflow_ref: 'acme/deploy/.github/workflows/deploy.yml@refs/heads/main',
    event_name: 'push',
    head_ref: '',
    base_ref: '',
    ref_type: 'branch',
    ref_protected: 'true',
    environment: 'production',
    runner_environment: 'github-hosted',
  },
  environment: ({ provider, tokenFor }) => {
    const url = provider.addressOf(`${github.options.issuer}/idtoken?api-version=2.0`)
    provider.more = ({ url: asked, authorization }) => {
      if (asked.pathname !== '/idtoken') return undefined
      if (authorization !== 'bearer runner-token') return { status: 401, body: {} }
      return { body: { count: 1, value: tokenFor(asked.searchParams.get('audience')) } }
    }
    return { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'runner-token' }
  },
  wrong: {
    audience_mismatch: { claims: { aud: 'https://github.com/acme' } },
    claim_missing: { claims: { environment: undefined } },
    claim_mismatch: { claims: { repository_id: '67891' } },
    jwt_missing: { jwt: '' },
    expired: { claims: expired },
    keys_unreachable: { isAway: true },
  },
}

const gitlab: WorkloadProvider = {
  page: 'gitlab',
  options: { issuer: 'https://gitlab.com', keysAt: 'https://gitlab.com/oauth/discovery/keys' },
  mount: 'gitlab',
  role: 'deploy',
  claims: {
    jti: 'c82eeb0c-5c6f-4a33-abf5-4c474b92b558',
    sub: 'project_path:acme/deploy:ref_type:branch:ref:main',
    namespace_id: '72',
    namespace_path: 'acme',
    project_id: '4242',
    project_path: 'acme/deploy',
    user_id: '1',
    user_login: 'dora',
    user_email: 'dora@example.com',
    user_access_level: 'maintainer',
    pipeline_id: '574',
    pipeline_source: 'push',
    job_id: '302',
    ref: 'main',
    ref_type: 'branch',
    ref_path: 'refs/heads/main',
    ref_protected: 'true',
    runner_id: 1,
    runner_environment: 'gitlab-hosted',
    sha: '714a629c0b401fdce83e847fc9589983fc6f46bc',
    project_visibility: 'private',
    ci_config_ref_uri: 'gitlab.com/acme/deploy//.gitlab-ci.yml@refs/heads/main',
  },
  environment: ({ tokenFor }, yaml) => ({
    TOKENS_JWT: tokenFor(audienceIn(yaml, /TOKENS_JWT:\n +aud: (\S+)/)),
  }),
  variants: (root) =>
    root.must('auth/gitlab/role/environment', {
      role_type: 'jwt',
      user_claim: 'project_id',
      bound_audiences: audience,
      bound_claims: {
        project_id: '4242',
        environment: 'production',
        environment_protected: 'true',
      },
      token_ttl: '15m',
    }),
  wrong: {
    jwt_missing: { jwt: '' },
    audience_mismatch: otherAudience,
    claim_mismatch: { claims: { ref_protected: 'false' } },
    claim_missing: { role: 'environment' },
    issuer_mismatch: { claims: { iss: 'https://gitlab.example.com' } },
    expired: { claims: expired },
    keys_unreachable: { isAway: true },
  },
}

const bitbucketIssuer =
  'https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc'
const bitbucketIds = {
  workspaceUuid: '{1f0b6d1e-52f3-4f5b-9c06-1a6f1c1f2d11}',
  repositoryUuid: '{8d1c5f7e-3b0a-4c58-8f5d-0c2d9b7c6a22}',
  deploymentEnvironmentUuid: '{c9a4d2b0-7e61-4d0f-8a3e-5b9f1e2d3c33}',
  stepUuid: '{e1f2a3b4-0c9d-4e8f-a7b6-5c4d3e2f1a44}',
}
const bitbucket: WorkloadProvider = {
  page: 'bitbucket',
  options: { issuer: bitbucketIssuer, keysAt: `${bitbucketIssuer}/keys.json` },
  mount: 'bitbucket',
  role: 'deploy',
  claims: {
    ...bitbucketIds,
    sub: `${bitbucketIds.repositoryUuid}:${bitbucketIds.deploymentEnvironmentUuid}:${bitbucketIds.stepUuid}`,
    accountUuid: bitbucketIds.workspaceUuid,
    pipelineUuid: '{0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c55}',
    branchName: 'main',
  },
  environment: ({ tokenFor }, yaml) => ({
    // One audience is a list too.
    BITBUCKET_STEP_OIDC_TOKEN: tokenFor([audienceIn(yaml, /audiences:\n +- (\S+)/)]),
  }),
  wrong: {
    jwt_missing: { jwt: '' },
    audience_mismatch: {
      claims: { aud: 'ari:cloud:bitbucket::workspace/1f0b6d1e-52f3-4f5b-9c06-1a6f1c1f2d11' },
    },
    claim_missing: { claims: { deploymentEnvironmentUuid: undefined } },
    claim_mismatch: { claims: { repositoryUuid: '{ffffffff-3b0a-4c58-8f5d-0c2d9b7c6a22}' } },
    issuer_mismatch: { claims: { iss: bitbucketIssuer.replace('acme', 'other') } },
    expired: { claims: expired },
  },
}

const circleOrganization = '5c8f2c1e-0f5d-4a57-9d0b-3a1b2c3d4e01'
const circleProject = '7a1e9b34-6c2d-4f80-a5b1-9e8d7c6b5a02'
const circleIssuer = `https://oidc.circleci.com/org/${circleOrganization}`
const circleci: WorkloadProvider = {
  page: 'circleci',
  options: { issuer: circleIssuer, keysAt: `${circleIssuer}/.well-known/jwks-pub.json` },
  mount: 'circleci',
  role: 'deploy',
  claims: {
    sub: `org/${circleOrganization}/project/${circleProject}/user/4b3a2918-0f1e-4d2c-8b3a-4958676d7c05`,
    'oidc.circleci.com/org-id': circleOrganization,
    'oidc.circleci.com/project-id': circleProject,
    'oidc.circleci.com/context-ids': ['3d2c1b0a-9f8e-4d7c-b6a5-0f1e2d3c4b03'],
    'oidc.circleci.com/vcs-origin': 'github.com/acme/deploy',
    'oidc.circleci.com/vcs-ref': 'refs/heads/main',
    'oidc.circleci.com/job-id': '1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c06',
    'oidc.circleci.com/ssh-rerun': false,
  },
  environment: (job) => {
    const asked = `'run oidc get --claims {"aud": "${audience}"}'`
    job.folder.program('circleci', printToken(job, asked))
    return { CIRCLE_OIDC_TOKEN: job.tokenFor(circleOrganization) }
  },
  wrong: {
    audience_mismatch: { claims: { aud: circleOrganization } },
    issuer_mismatch: { claims: { iss: 'https://oidc.circleci.com' } },
    claim_mismatch: { claims: { 'oidc.circleci.com/ssh-rerun': true } },
    jwt_missing: { jwt: '' },
    expired: { claims: expired },
  },
}

const buildkite: WorkloadProvider = {
  page: 'buildkite',
  options: {
    issuer: 'https://agent.buildkite.com',
    keysAt: 'https://agent.buildkite.com/.well-known/jwks',
  },
  mount: 'buildkite',
  role: 'deploy',
  claims: {
    sub: 'organization:acme:pipeline:deploy:ref:refs/heads/main:commit:9f3182061f1e2cca4702c368cbc039b7dc9d4485:step:deploy',
    organization_slug: 'acme',
    pipeline_slug: 'deploy',
    organization_id: '0185f0a1-6b7c-4d8e-9f00-1a2b3c4d5e01',
    pipeline_id: '0185f0a2-1c2d-4e3f-8a4b-5c6d7e8f9a02',
    build_number: 17,
    build_branch: 'main',
    build_commit: '9f3182061f1e2cca4702c368cbc039b7dc9d4485',
    build_source: 'webhook',
    step_key: 'deploy',
    job_id: '0184990a-477b-4fa8-9968-496074483cee',
    agent_id: '0184990a-4782-42b5-afc1-16715b10b8ff',
    runner_environment: 'self-hosted',
  },
  environment: (job) => {
    const asked = `'oidc request-token --audience ${audience} --claim organization_id --claim pipeline_id'`
    job.folder.program('buildkite-agent', printToken(job, asked))
    return {}
  },
  // Interpolation at the upload of a pipeline.
  expand: (script) => script.replaceAll('$$', '$'),
  wrong: {
    user_claim_missing: { claims: { pipeline_id: undefined } },
    claim_missing: { claims: { organization_id: undefined } },
    audience_mismatch: { claims: { aud: 'https://buildkite.com/acme' } },
    claim_mismatch: { claims: { build_branch: 'try' } },
    expired: { claims: expired },
    jwt_missing: { jwt: '' },
  },
}

const terraform: WorkloadProvider = {
  page: 'terraform-cloud',
  options: {
    issuer: 'https://app.terraform.io',
    keysAt: 'https://app.terraform.io/.well-known/jwks',
  },
  mount: 'terraform',
  role: 'apply',
  claims: {
    jti: '1192426d-b525-4fde-9d61-f238be437bbd',
    sub: 'organization:acme:project:Platform:workspace:shop:run_phase:apply',
    terraform_organization_id: 'org-Ab12Cd34Ef56Gh78',
    terraform_organization_name: 'acme',
    terraform_project_id: 'prj-vegSA59s1XPwMr2t',
    terraform_project_name: 'Platform',
    terraform_workspace_id: 'ws-Zy98Xw76Vu54Ts32',
    terraform_workspace_name: 'shop',
    terraform_full_workspace: 'organization:acme:project:Platform:workspace:shop',
    terraform_run_id: 'run-X3n1AUXNGWbfECsJ',
    terraform_run_phase: 'apply',
  },
  environment: ({ tokenFor }) => ({ TFC_WORKLOAD_IDENTITY_TOKEN: tokenFor(audience) }),
  wrong: {
    audience_mismatch: { claims: { aud: 'vault.workload.identity' } },
    claim_mismatch: { claims: { terraform_run_phase: 'plan' } },
    role_unknown: { role: 'run' },
    issuer_mismatch: { claims: { iss: 'https://terraform.example.com' } },
    jwt_missing: { jwt: '' },
    expired: { claims: expired },
  },
}

/** SPIRE signs with P-256 unless told otherwise; its bundle has the authority for certificates too. */
const spireKey = makeJwtMaker('zQ7pXkH2m4T9')
const bundleUrl = 'https://bundle.example.org/'
const spiffe: WorkloadProvider = {
  page: 'spiffe',
  options: {
    issuer: 'https://bundle.example.org',
    keysAt: bundleUrl,
    key: spireKey,
    keyMembers: { use: 'jwt-svid' },
    otherKeys: [{ ...makeJwtMaker('x').jwk, kid: undefined, use: 'x509-svid', x5c: ['MIIB'] }],
  },
  mount: 'spiffe',
  role: 'api',
  // A JWT-SVID has sub, aud and exp, and iat from SPIRE; no iss unless `jwt_issuer` is set.
  claims: { iss: undefined, nbf: undefined, sub: 'spiffe://example.org/ns/shop/sa/api' },
  environment: (job) => {
    const asked = `'api fetch jwt -audience ${audience} -socketPath /run/spire/agent.sock'`
    const before = 'token(spiffe://example.org/ns/shop/sa/api):\n\t'
    const after = `\nbundle(spiffe://example.org):\n\t{"keys": []}\n`
    job.folder.program('spire-agent', printToken(job, asked, before, after))
    return {}
  },
  prepare: (folder, provider) => {
    folder.write('bundle', JSON.stringify({ ...provider.keySet(), spiffe_sequence: 1 }))
    folder.program('spire-server', `cat '${folder.at('bundle')}'`)
  },
  variants: async (root) => {
    await root.must('sys/auth/spiffe-bound', { type: 'jwt' })
    const bound_issuer = 'https://spire.example.org'
    await root.must('auth/spiffe-bound/config', { jwks_url: bundleUrl, bound_issuer })
    await root.must('auth/spiffe-bound/role/api', {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: audience,
    })
  },
  wrong: {
    audience_mismatch: otherAudience,
    subject_mismatch: { claims: { sub: 'spiffe://example.org/ns/shop/sa/web' } },
    key_unknown: { kid: 'of another month' },
    signature_invalid: { mount: 'spiffe-pasted', jwt: makeJwtMaker().sign({ aud: audience }) },
    keys_unreachable: { isAway: true },
    issuer_missing: { mount: 'spiffe-bound' },
    expired: { claims: expired },
    jwt_missing: { jwt: '' },
  },
}

/** A cluster whose API server answers reviews, and whose issuer's documents can be read. */
export function kubernetesProvider(cluster: Cluster): WorkloadProvider {
  const issuer = 'https://issuer.cluster-a.example.com'
  const account: Account = {
    namespace: 'shop',
    name: 'api',
    uid: '6d0f2c1e-8b7a-4e5f-9c3d-2a1b0c9d8e04',
  }
  const tokenFile = '/var/run/secrets/tokens/tokens.jwt'
  const review = (who: Account, aud: string) => ({
    mount: 'kubernetes',
    jwt: cluster.tokenOf(who, [aud], { iss: issuer }),
  })
  return {
    page: 'kubernetes',
    options: { issuer, key: cluster.key, keysAt: `${issuer}/openid/v1/jwks` },
    mount: 'cluster-a',
    role: 'shop-api',
    claims: {
      sub: 'system:serviceaccount:shop:api',
      'kubernetes.io': {
        namespace: account.namespace,
        pod: { name: 'api-5d8f7', uid: '0f9e8d7c-6b5a-4c3d-8e2f-1a0b9c8d7e07' },
        serviceaccount: { name: account.name, uid: account.uid },
      },
    },
    moved: (folder) => [
      ['https://10.0.0.1:6443', cluster.url],
      [tokenFile, folder.at('tokens.jwt')],
    ],
    prepare: (folder, provider) => {
      folder.write('ca.crt', cluster.caPem)
      folder.write('reviewer.jwt', cluster.reviewer)
      folder.write('keys', JSON.stringify(provider.keySet()))
      const script = [
        'case "$*" in',
        `  'get --raw /openid/v1/jwks') cat '${folder.at('keys')}' ;;`,
        `  'get serviceaccount api -n shop -o '*) printf '%s' '${account.uid}' ;;`,
        '  *) exit 1 ;;',
        'esac',
      ]
      folder.program('kubectl', script.join('\n'))
    },
    environment: ({ folder }) => {
      folder.write('tokens.jwt', cluster.tokenOf(account, [audience], { iss: issuer }))
      return {}
    },
    variants: async (root) => {
      await root.must('auth/cluster-b/role/shop-api', {
        role_type: 'jwt',
        user_claim: 'sub',
        bound_audiences: audience,
      })
      await root.must('sys/auth/kubernetes-away', { type: 'kubernetes' })
      const config = { ...cluster.config, kubernetes_host: 'https://127.0.0.1:1' }
      await root.must('auth/kubernetes-away/config', config)
      await root.must('auth/kubernetes-away/role/shop-api', {
        bound_service_account_names: 'api',
        bound_service_account_namespaces: 'shop',
        audience,
      })
    },
    wrong: {
      audience_mismatch: { claims: { aud: apiAudience } },
      issuer_mismatch: { claims: { iss: 'https://10.0.0.1:6443' } },
      subject_mismatch: { claims: { sub: 'system:serviceaccount:shop:web' } },
      claim_mismatch: {
        claims: {
          'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'api', uid: 'x' } },
        },
      },
      key_unknown: { kid: 'of another cluster' },
      signature_invalid: { mount: 'cluster-b', jwt: makeJwtMaker().sign({ aud: audience }) },
      keys_unreachable: { isAway: true },
      service_account_refused: review({ ...account, name: 'web' }, audience),
      namespace_refused: review({ ...account, namespace: 'other' }, audience),
      token_review_refused: { mount: 'kubernetes', claims: { jti: 'of a pod that is gone' } },
      token_review_failed: { mount: 'kubernetes-away' },
      metadata_missing: {
        claims: { 'kubernetes.io': { serviceaccount: { name: 'api', uid: account.uid } } },
      },
      jwt_missing: { jwt: '' },
    },
  }
}

export const workloadProviders: readonly WorkloadProvider[] = [
  github,
  gitlab,
  bitbucket,
  circleci,
  buildkite,
  terraform,
  spiffe,
]
