/** What tokens of well-known issuers look like: claims for the minter, without issuer and times. */

export type Claims = Readonly<Record<string, unknown>>

const github = {
  repository: 'acme/deploy',
  repository_id: '67890',
  repository_owner: 'acme',
  repository_owner_id: '12345',
  repository_visibility: 'private',
  ref: 'refs/heads/main',
  ref_type: 'branch',
  event_name: 'push',
  workflow: 'release',
  job_workflow_ref: 'acme/deploy/.github/workflows/release.yml@refs/heads/main',
  runner_environment: 'github-hosted',
  run_id: '4242',
  run_attempt: '1',
  actor: 'mona',
  environment: 'production',
} as const

export const workloads = {
  person: {
    help: 'A person of the directory, with groups.',
    claims: {
      sub: 'user-alice',
      aud: 'tokenstile',
      email: 'alice@example.com',
      email_verified: true,
      name: 'Alice Example',
      groups: ['engineering', 'oncall'],
    },
  },
  github_old: {
    help: 'GitHub Actions, subject made of names alone.',
    claims: { ...github, aud: 'tokenstile', sub: 'repo:acme/deploy:environment:production' },
  },
  github_immutable: {
    help: 'GitHub Actions, subject with the numbers of owner and repository.',
    claims: {
      ...github,
      aud: 'tokenstile',
      sub: 'repo:acme@12345/deploy@67890:environment:production',
    },
  },
  gitlab: {
    help: 'GitLab CI/CD.',
    claims: {
      aud: 'tokenstile',
      sub: 'project_path:acme/deploy:ref_type:branch:ref:main',
      namespace_id: '72',
      namespace_path: 'acme',
      project_id: '20',
      project_path: 'acme/deploy',
      user_login: 'alice',
      pipeline_source: 'push',
      ref: 'main',
      ref_type: 'branch',
      ref_protected: 'true',
      environment: 'production',
    },
  },
  kubernetes: {
    help: 'A service account of a Kubernetes cluster.',
    claims: {
      aud: ['tokenstile'],
      sub: 'system:serviceaccount:payments:api',
      'kubernetes.io': {
        namespace: 'payments',
        pod: { name: 'api-7c9d', uid: '5e1f2d3c-0000-4000-8000-000000000001' },
        serviceaccount: { name: 'api', uid: '5e1f2d3c-0000-4000-8000-000000000002' },
      },
    },
  },
  spiffe: {
    help: 'A SPIFFE JWT-SVID.',
    claims: { aud: ['tokenstile'], sub: 'spiffe://example.org/ns/payments/sa/api' },
  },
  entra: {
    help: 'Entra ID with more groups than fit: their place is named instead.',
    claims: {
      aud: 'api://tokenstile',
      sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ',
      oid: '00000000-0000-4000-8000-000000000003',
      tid: '00000000-0000-4000-8000-000000000004',
      ver: '2.0',
      preferred_username: 'alice@example.com',
      _claim_names: { groups: 'src1' },
      _claim_sources: {
        src1: {
          endpoint:
            'https://graph.microsoft.com/v1.0/users/00000000-0000-4000-8000-000000000003/getMemberObjects',
        },
      },
    },
  },
} as const satisfies Readonly<Record<string, { help: string; claims: Claims }>>

export type Workload = keyof typeof workloads

export const workloadNames = Object.keys(workloads) as readonly Workload[]

export function isWorkload(name: string): name is Workload {
  return Object.hasOwn(workloads, name)
}
