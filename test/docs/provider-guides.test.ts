/**
 * The guides to identity providers: the same five headings, each "sh test" block run against a
 * stand-in at the provider's own address, and what is bound is an id: a token that says the same
 * names with other ids is refused, and one with other names and the same ids is not.
 */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { isReason } from '../../src/lib/reason-rows.ts'
import { IssuerStandIn, type Claims } from '../harness/issuer-stand-in.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { blocksOf, Reader, readText } from './guide.ts'

interface Guide {
  readonly file: string
  readonly mount: string
  readonly role: string
  /** Other names for the same thing: still let in. */
  readonly renamed: Claims
  /** The same names for another thing, each alone: refused. */
  readonly others: readonly Claims[]
}

const workloads: readonly Guide[] = [
  {
    file: 'github-actions',
    mount: 'github',
    role: 'deploy',
    renamed: { sub: 'repo:new/name:environment:production', repository: 'new/name' },
    others: [{ repository_id: '1' }, { repository_owner_id: '1' }, { environment: 'test' }],
  },
  {
    file: 'gitlab',
    mount: 'gitlab',
    role: 'deploy',
    renamed: { sub: 'project_path:new/name', project_path: 'new/name', namespace_path: 'new' },
    others: [{ project_id: '1' }, { ref_protected: 'false' }, { ref_protected: true }],
  },
  {
    file: 'bitbucket',
    mount: 'bitbucket',
    role: 'deploy',
    renamed: { branchName: 'release' },
    others: [
      { repositoryUuid: '{6c3e1a52-0000-4000-8000-00000000000f}' },
      { workspaceUuid: '6c3e1a52-0000-4000-8000-000000000001' },
      { deploymentEnvironmentUuid: undefined },
    ],
  },
  {
    file: 'circleci',
    mount: 'circleci',
    role: 'deploy',
    renamed: { 'oidc.circleci.com/vcs-origin': 'github.com/new/name' },
    others: [
      { 'oidc.circleci.com/project-id': '0e1f2a3b-0000-4000-8000-00000000000f' },
      { 'oidc.circleci.com/context-ids': ['0e1f2a3b-0000-4000-8000-00000000000f'] },
    ],
  },
  {
    file: 'buildkite',
    mount: 'buildkite',
    role: 'deploy',
    renamed: { organization_slug: 'new', pipeline_slug: 'new' },
    others: [{ pipeline_id: 'x' }, { organization_id: 'x' }, { build_branch: 'other' }],
  },
  {
    file: 'terraform-cloud',
    mount: 'terraform',
    role: 'deploy',
    renamed: { terraform_workspace_name: 'new', terraform_organization_name: 'new' },
    others: [{ terraform_workspace_id: 'ws-x' }, { terraform_organization_id: 'org-x' }],
  },
  {
    file: 'kubernetes',
    mount: 'cluster-a',
    role: 'shop-api',
    renamed: {},
    others: [
      { sub: 'system:serviceaccount:shop:other' },
      { 'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'api', uid: 'new' } } },
    ],
  },
  {
    file: 'spiffe',
    mount: 'spiffe',
    role: 'deploy',
    renamed: {},
    others: [{ sub: 'spiffe://example.org/ns/shop/sa/api/x' }, { aud: ['https://other.example'] }],
  },
]

const people: readonly Guide[] = [
  {
    file: 'entra',
    mount: 'oidc',
    role: 'people',
    renamed: { name: 'New Name', preferred_username: 'new@example.com' },
    others: [{ tid: 'x' }, { groups: ['vault-users'] }],
  },
  {
    file: 'google-workspace',
    mount: 'oidc',
    role: 'people',
    renamed: { name: 'New Name', email: 'new@example.com' },
    others: [{ hd: 'other.example' }, { hd: undefined }],
  },
  {
    file: 'auth0',
    mount: 'oidc',
    role: 'people',
    renamed: { name: 'New Name', email: 'new@example.com' },
    others: [{ 'https://tokens.example.com/roles': ['developers'] }],
  },
  {
    file: 'okta',
    mount: 'oidc',
    role: 'people',
    renamed: { name: 'New Name', email: 'new@example.com' },
    others: [{ groups: ['vault-admins'] }],
  },
  {
    file: 'keycloak',
    mount: 'oidc',
    role: 'people',
    renamed: { name: 'New Name', preferred_username: 'new' },
    others: [{ roles: ['developers'] }],
  },
]

const headings = ['At the provider', 'Here', 'Check', 'When it is refused', 'Take it back']

test('the guides to providers have the same five headings, and name reasons that there are', () => {
  for (const { file } of [...workloads, ...people]) {
    const text = guideText(file)
    const found = [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)
    assert.deepEqual(found, headings, file)
    const [, refused = ''] = /^## When it is refused$(.*?)^## /ms.exec(text) ?? []
    const cells = [...refused.matchAll(/^\| (.*?) \|/gm)].map(([, cell = '']) => cell)
    const codes = cells.flatMap((cell) => cell.match(/(?<=`)[a-z]+(?:_[a-z]+)+(?=`)/g) ?? [])
    assert.ok(codes.length > 0, file)
    assert.deepEqual(
      codes.filter((code) => !isReason(code)),
      [],
      file,
    )
    assert.match(readText('README.md'), new RegExp(`docs/how-to/${file}\\.md`), file)
  }
})

suite('guides to workloads', () => {
  for (const guide of workloads) {
    test(`${guide.file}: its blocks run, and ids decide`, async () => {
      await follow(guide, async ({ server, issuer, claims }) => {
        const login = (changes: Claims) =>
          server.client().write(`auth/${guide.mount}/login`, {
            role: guide.role,
            jwt: issuer.sign({ ...claims, ...changes }),
          })
        const first = await login({})
        assert.equal(first.status, 200, first.text)
        const renamed = await login(guide.renamed)
        assert.equal(renamed.status, 200, renamed.text)
        for (const other of guide.others) {
          const answer = await login(other)
          assert.equal(answer.status, 400, JSON.stringify(other))
        }
      })
    })
  }
})

suite('guides to people', () => {
  for (const guide of people) {
    test(`${guide.file}: its blocks run, and ids decide`, async () => {
      await follow(guide, async ({ server, issuer, claims }) => {
        const signIn = async (changes: Claims) => {
          issuer.claims = { ...claims, ...changes }
          const started = await server.client().must('auth/oidc/oidc/auth_url', {
            redirect_uri: 'http://localhost:8250/oidc/callback',
          })
          const back = issuer.authorize(started.body.data.auth_url)
          return server
            .client()
            .read(`auth/oidc/oidc/callback?${new URLSearchParams(back).toString()}`)
        }
        const first = await signIn({})
        assert.equal(first.status, 200, first.text)
        assert.deepEqual(first.body.auth.policies, ['default', 'people'])
        const renamed = await signIn(guide.renamed)
        assert.equal(renamed.body.auth?.entity_id, first.body.auth.entity_id, renamed.text)
        for (const other of guide.others) {
          assert.equal((await signIn(other)).status, 400, JSON.stringify(other))
        }
      })
    })
  }
})

function guideText(file: string): string {
  return readText(`docs/how-to/${file}.md`)
}

interface Setting {
  readonly server: TestServer
  readonly issuer: IssuerStandIn
  /** Those that the guide shows. */
  readonly claims: Claims
}

/** Runs the blocks up to the last one, then `between`, then the last one, which takes all back. */
async function follow(
  { file, mount }: Guide,
  between: (setting: Setting) => Promise<void>,
): Promise<void> {
  const text = guideText(file)
  const [, address = ''] = /oidc_discovery_url=(https:\S+)/.exec(text) ?? []
  const issuer = await new IssuerStandIn(address).start()
  const server = await startTestServer({ outbound: (real) => issuer.rerouted(real) })
  const reader = new Reader()
  try {
    const [sample = '{}'] = blocksOf(text, 'json')
    const claims = JSON.parse(sample) as Claims
    reader.put('token.jwt', issuer.sign(claims))
    reader.put('client-secret', 'the-secret-of-the-client')
    const env = { VAULT_ADDR: server.url, VAULT_TOKEN: server.rootToken }
    const blocks = blocksOf(text, 'sh test')
    assert.ok(blocks.length >= 2, file)
    const done = await reader.follow(blocks.slice(0, -1), env)
    assert.equal(done.code, 0, done.output)
    assert.doesNotMatch(done.output, /WARNING/, file)
    await between({ server, issuer, claims })
    const undone = await reader.follow(blocks.slice(-1), env)
    assert.equal(undone.code, 0, undone.output)
    const mounts = (await server.root.read('sys/auth')).body.data
    assert.equal(`${mount}/` in mounts, false)
  } finally {
    reader.remove()
    await server.stop()
    await issuer.stop()
  }
}
