/** What clients of OpenBao send that bring their login along with each request: the secrets manager of GitLab, and the operator of Kubernetes (platform.md §1.6.1). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiResult } from '../harness/api-client.ts'
import { inlineParameter } from '../harness/inline-auth.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { fresh } from '../jwt/fixture.ts'
import { Cluster } from '../kubernetes/cluster.ts'

const gitlab = 'https://gitlab.example.com'
const bao = 'https://bao.example.com'
const keys = makeJwtMaker('gitlab')

let server: TestServer

before(async () => {
  server = await startTestServer()
  const { root } = server
  await root.must('sys/policies/acl/rails', {
    policy: 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }',
  })
  await root.must('sys/auth/gitlab_rails_jwt', { type: 'jwt' })
  await root.must('auth/gitlab_rails_jwt/config', {
    bound_issuer: gitlab,
    jwt_validation_pubkeys: keys.pem,
  })
  await root.must('auth/gitlab_rails_jwt/role/app', {
    role_type: 'jwt',
    bound_audiences: bao,
    user_claim: 'sub',
    token_policies: 'rails',
  })
})

after(() => server.stop())

interface Rails {
  readonly authMount?: string
  readonly authNamespace?: string
  readonly namespace?: string
  readonly role?: string
  readonly isCel?: boolean
  readonly claims?: object
}

/** One request as GitLab makes it: the namespace stands in the path. */
function rails(
  { authMount = 'gitlab_rails_jwt', authNamespace, namespace, role = 'app', ...more }: Rails,
  method: string,
  url: string,
  body?: object,
): Promise<ApiResult> {
  const jwt = keys.sign(fresh({ iss: gitlab, aud: bao, sub: 'rails', ...more.claims }))
  const start = authNamespace === undefined ? '' : `${authNamespace}/`
  const headers = {
    'Content-Type': 'application/json',
    'X-Vault-Inline-Auth-Path': `${start}auth/${authMount}/${more.isCel === true ? 'cel/login' : 'login'}`,
    'X-Vault-Inline-Auth-Parameter-token': inlineParameter('jwt', jwt),
    'X-Vault-Inline-Auth-Parameter-role': inlineParameter('role', role),
  }
  const path = namespace === undefined ? url : `${namespace}/${url}`
  return server.client().call(method, path, body, { headers })
}

/** As the client tells the two kinds of refusals. */
function kindOf(answer: ApiResult): 'answered' | 'not authenticated' | 'refused' {
  if (answer.headers['x-vault-inline-auth-failed'] === 'true') return 'not authenticated'
  return answer.status >= 400 ? 'refused' : 'answered'
}

test('GitLab makes a project, keeps its secrets and takes it away again', async () => {
  const namespace = 'group_7'
  const inProject = { namespace }
  const steps: readonly (readonly [Rails, string, string, object?])[] = [
    [{}, 'POST', `sys/namespaces/${namespace}`, { custom_metadata: null }],
    [inProject, 'POST', 'sys/mounts/secrets/kv', { type: 'kv-v2' }],
    [inProject, 'POST', 'sys/auth/pipeline_jwt', { type: 'jwt' }],
    [
      inProject,
      'POST',
      'auth/pipeline_jwt/config',
      { bound_issuer: gitlab, jwt_validation_pubkeys: keys.pem },
    ],
    [
      inProject,
      'POST',
      'sys/policies/acl/project_1/pipelines/global',
      { policy: '{"path":{"secrets/kv/data/explicit/*":{"capabilities":["read"]}}}' },
    ],
    [inProject, 'GET', 'sys/policies/acl/project_1/pipelines/global'],
    [inProject, 'GET', 'sys/policies/acl?list=true'],
    [
      inProject,
      'POST',
      'auth/pipeline_jwt/cel/role/all',
      {
        name: 'all',
        expiration_leeway: 150,
        not_before_leeway: 150,
        clock_skew_leeway: 60,
        bound_audiences: bao,
        cel_program: {
          expression:
            'claims.project_id == "1" ? pb.Auth{policies: ["project_1/pipelines/global"], alias: logical.Alias{name: claims.sub}} : false',
        },
      },
    ],
    [
      inProject,
      'POST',
      'secrets/kv/data/explicit/TOKEN',
      { data: { value: 's3cret' }, options: { cas: 0 } },
    ],
    [
      inProject,
      'POST',
      'secrets/kv/metadata/explicit/TOKEN',
      { custom_metadata: { description: 'd' } },
    ],
    [inProject, 'GET', 'secrets/kv/metadata/explicit/TOKEN'],
  ]
  for (const [who, method, url, body] of steps) {
    const answer = await rails(who, method, url, body)
    assert.equal(kindOf(answer), 'answered', `${method} ${url}: ${answer.status} ${answer.text}`)
  }

  const job = {
    namespace,
    authNamespace: namespace,
    authMount: 'pipeline_jwt',
    role: 'all',
    isCel: true,
    claims: { sub: 'job', project_id: '1' },
  }
  const read = await rails(job, 'GET', 'secrets/kv/data/explicit/TOKEN')
  assert.equal(read.body.data.data.value, 's3cret', read.text)
  const denied = await rails(job, 'GET', 'secrets/kv/data/other/TOKEN')
  assert.deepEqual([denied.status, kindOf(denied)], [403, 'refused'])
  const stranger = { ...job, claims: { sub: 'job', project_id: '2' } }
  const refused = await rails(stranger, 'GET', 'secrets/kv/data/explicit/TOKEN')
  assert.equal(kindOf(refused), 'not authenticated')
  assert.ok(refused.body.errors.length > 0)
  assert.equal(kindOf(await rails({ ...job, role: 'none' }, 'GET', 'kv/x')), 'not authenticated')
  const { namespace: _, ...foreign } = job
  assert.equal(kindOf(await rails(foreign, 'GET', 'sys/mounts')), 'not authenticated')

  const gone = await rails(inProject, 'GET', 'secrets/kv/metadata/explicit/NONE')
  assert.deepEqual([gone.status, kindOf(gone)], [404, 'refused'])
  for (const [who, url] of [
    [inProject, 'secrets/kv/metadata/explicit/TOKEN'],
    [inProject, 'sys/policies/acl/project_1/pipelines/global'],
    [inProject, 'auth/pipeline_jwt/cel/role/all'],
    [inProject, 'sys/mounts/secrets/kv'],
    [inProject, 'sys/auth/pipeline_jwt'],
    [{}, `sys/namespaces/${namespace}`],
  ] as const) {
    const answer = await rails(who, 'DELETE', url)
    assert.equal(kindOf(answer), 'answered', `${url} ${answer.text}`)
  }
})

test('the operator of OpenBao names its login without auth/, with an operation and a role', async () => {
  const cluster = await new Cluster().start()
  try {
    const { root } = server
    await root.must('sys/auth/kubernetes', { type: 'kubernetes' })
    await root.must('auth/kubernetes/config', cluster.config)
    await root.must('auth/kubernetes/role/operator', {
      bound_service_account_names: 'operator',
      bound_service_account_namespaces: 'openbao',
      token_policies: 'rails',
    })
    await root.must('sys/auth/jwt-operator', { type: 'jwt' })
    await root.must('auth/jwt-operator/config', {
      bound_issuer: gitlab,
      jwt_validation_pubkeys: keys.pem,
    })
    await root.must('auth/jwt-operator/role/operator', {
      role_type: 'jwt',
      bound_audiences: bao,
      user_claim: 'sub',
      token_policies: 'rails',
    })
    const account = {
      namespace: 'openbao',
      name: 'operator',
      uid: '7d1c2b60-0000-4000-8000-000000000003',
    }
    const tokens = {
      'jwt-operator/login': keys.sign(fresh({ iss: gitlab, aud: bao, sub: 'operator' })),
      'auth/kubernetes/login': cluster.tokenOf(account),
      'kubernetes/login': cluster.tokenOf(account),
    }
    for (const [path, jwt] of Object.entries(tokens)) {
      const headers = {
        'X-Vault-Inline-Auth-Path': path,
        'X-Vault-Inline-Auth-Operation': 'update',
        'X-Vault-Inline-Auth-Parameter-role': inlineParameter('role', 'operator'),
        'X-Vault-Inline-Auth-Parameter-jwt': inlineParameter('jwt', jwt),
      }
      const answer = await server.client().call('GET', 'sys/mounts', undefined, { headers })
      assert.equal(kindOf(answer), 'answered', `${path} ${answer.text}`)
    }
  } finally {
    await cluster.stop()
  }
})
