/**
 * The guides for providers of workloads, word by word: what they say to set up here is set up, the job that they describe logs in from a stand-in that
 * answers as that provider's documents say, and each reason that they explain is met.
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ProviderStandIn } from '../harness/provider-stand-in.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { Cluster } from '../kubernetes/cluster.ts'
import { readText, root } from '../harness/checkout.ts'
import { blocksIn, ReaderFolder, reasonsIn, scriptsIn, sectionsOf } from './guide.ts'
import { peopleProviders } from './people-providers.ts'
import {
  audience,
  kubernetesProvider,
  workloadProviders,
  type Job,
  type WorkloadProvider,
  type WrongToken,
} from './workload-providers.ts'

const secret = 'swordfish'
const headings = [
  'What you get',
  'Set up at the provider',
  'Set up here',
  'Log in from there',
  'When it is refused',
]
const missingCurl = spawnSync('curl', ['--version']).error !== undefined

test('every page about a provider has the same five headings', () => {
  const pages = readdirSync(join(root, 'docs/how-to')).map((name) => name.replace(/\.md$/, ''))
  const workloads = [...workloadProviders.map(({ page }) => page), 'kubernetes']
  for (const page of [...workloads, ...peopleProviders.map(({ page }) => page)]) {
    assert.ok(pages.includes(page), page)
    const text = readText(`docs/how-to/${page}.md`)
    assert.deepEqual([...sectionsOf(text).keys()], headings, page)
    const notRun = blocksIn(text).filter(({ info }) => info === 'sh' || info === 'console')
    assert.deepEqual(notRun, [], page)
  }
})

/** Text of a section whose blocks run as they stand, with what is elsewhere on this machine. */
class Walk {
  readonly provider: ProviderStandIn
  readonly folder = new ReaderFolder()
  readonly #guide: WorkloadProvider
  readonly #text: string
  #server: TestServer | undefined

  constructor(guide: WorkloadProvider) {
    this.#guide = guide
    this.#text = readText(`docs/how-to/${guide.page}.md`)
    this.provider = new ProviderStandIn(guide.options)
  }

  get server(): TestServer {
    assert.ok(this.#server !== undefined)
    return this.#server
  }

  async start(): Promise<void> {
    await this.provider.start()
    this.#server = await startTestServer({ outbound: (real) => this.provider.rerouted(real) })
    this.#guide.prepare?.(this.folder, this.provider)
  }

  async stop(): Promise<void> {
    await this.#server?.stop()
    await this.provider.stop()
    this.folder.remove()
  }

  token(claims: Readonly<Record<string, unknown>> = {}, kid?: string): string {
    const all = { aud: audience, ...this.#guide.claims, ...claims }
    return this.provider.mint(all, kid === undefined ? {} : { kid })
  }

  #blocks(heading: string, language: string): readonly string[] {
    const section = sectionsOf(this.#text).get(heading) ?? ''
    return blocksIn(section)
      .filter(({ info }) => info === `${language} test`)
      .map(({ body }) => this.#moved(body))
  }

  #moved(text: string): string {
    const moves = this.#guide.moved?.(this.folder) ?? []
    const pairs = [...moves, [`VAULT_ADDR=${audience}`, `VAULT_ADDR=${this.server.url}`] as const]
    return pairs.reduce((moved, [from, to]) => moved.replaceAll(from, to), text)
  }

  async setUp(): Promise<void> {
    const here = this.#blocks('Set up here', 'sh')
    assert.ok(here.length > 0)
    const script = [...this.#blocks('Set up at the provider', 'sh'), ...here].join('\n')
    const { url, rootToken, root: operator } = this.server
    await this.folder.must(script, { VAULT_ADDR: url, VAULT_TOKEN: rootToken })
    await operator.must('secret/data/deploy/app', { data: { password: secret } })
    if (this.#guide.variants !== undefined) await this.#guide.variants(operator)
  }

  async lints(): Promise<unknown> {
    return (await this.server.root.read(`auth/${this.#guide.mount}/lint`)).body.data.lints
  }

  /** Runs every job of the guide as the provider would. */
  async jobs(): Promise<number> {
    const yamls = this.#blocks('Log in from there', 'yaml')
    const jobs = yamls.flatMap((yaml) => scriptsIn(yaml).map((script) => ({ yaml, script })))
    const shells = this.#blocks('Log in from there', 'sh').map((script) => ({ yaml: '', script }))
    for (const { yaml, script } of [...jobs, ...shells]) {
      const environment = this.#guide.environment(this.#job(), yaml)
      const expand = this.#guide.expand ?? ((text: string) => text)
      const output = await this.folder.must(expand(script), environment)
      assert.match(output, new RegExp(`^${secret}`, 'm'), output)
      assert.doesNotMatch(output, /hvs\.|eyJ/)
    }
    return jobs.length + shells.length
  }

  #job(): Job {
    const tokenFor = (aud: unknown) => this.token({ aud })
    return { provider: this.provider, folder: this.folder, tokenFor }
  }

  /** The reason that a wrong token is refused with. */
  async reasonOf(wrong: WrongToken): Promise<string> {
    const { mount, role } = this.#guide
    const body = {
      role: wrong.role ?? role,
      jwt: wrong.jwt ?? this.token(wrong.claims, wrong.kid),
    }
    const at = wrong.isAway === true ? await this.#mountWithoutKeys() : (wrong.mount ?? mount)
    const result = await this.server.root.write(`auth/${at}/login`, body)
    this.provider.isAway = false
    assert.ok(result.status >= 400, result.text)
    return result.headers['x-login-reason'] ?? result.text
  }

  /** The same mount again, which has read no keys yet when the provider goes away. */
  async #mountWithoutKeys(): Promise<string> {
    const { root: operator } = this.server
    const { mount, role } = this.#guide
    const config = (await operator.read(`auth/${mount}/config`)).body.data
    const rules = (await operator.read(`auth/${mount}/role/${role}`)).body.data
    await operator.must('sys/auth/away', { type: 'jwt' })
    await operator.must('auth/away/config', config)
    await operator.must(`auth/away/role/${role}`, rules)
    this.provider.isAway = true
    return 'away'
  }
}

async function follow(guide: WorkloadProvider): Promise<void> {
  const walk = new Walk(guide)
  try {
    await walk.start()
    await walk.setUp()
    assert.deepEqual(await walk.lints(), [])
    assert.ok((await walk.jobs()) > 0)
    for (const [reason, wrong] of Object.entries(guide.wrong)) {
      assert.equal(await walk.reasonOf(wrong), reason)
    }
    const explained = reasonsIn(readText(`docs/how-to/${guide.page}.md`))
    assert.deepEqual([...new Set(explained)].sort(), Object.keys(guide.wrong).sort())
  } finally {
    await walk.stop()
  }
}

for (const guide of workloadProviders) {
  const needsCurl = ['github-actions', 'gitlab'].includes(guide.page) && missingCurl
  test(
    `the guide to ${guide.page} does what it says, and its reasons are met`,
    { skip: needsCurl ? 'curl is not installed' : false },
    () => follow(guide),
  )
}

test('the guide to kubernetes does what it says, and its reasons are met', async () => {
  const cluster = await new Cluster().start()
  try {
    await follow(kubernetesProvider(cluster))
  } finally {
    await cluster.stop()
  }
})

test('the variables of Terraform Cloud name the mount, the roles and the audience of its guide', () => {
  const text = readText('docs/how-to/terraform-cloud.md')
  const [variables] = blocksIn(text).filter(({ info }) => info === 'text')
  const said = Object.fromEntries(
    (variables?.body ?? '')
      .trim()
      .split('\n')
      .map((line) => line.split('=')),
  )
  assert.equal(said.TFC_VAULT_WORKLOAD_IDENTITY_AUDIENCE, audience)
  for (const role of [said.TFC_VAULT_PLAN_ROLE, said.TFC_VAULT_APPLY_ROLE]) {
    assert.ok(text.includes(`auth/${said.TFC_VAULT_AUTH_PATH}/role/${role} `), role)
  }
})
