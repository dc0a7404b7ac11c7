/**
 * The guides for providers of people, word by word: what they say to set up here is set up, a person signs in with the command line at a stand-in that
 * answers as that provider's documents say, and each reason that they explain is met.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstError } from '../harness/api-client.ts'
import { freePort } from '../harness/free-port.ts'
import { ProviderStandIn } from '../harness/provider-stand-in.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { readText } from '../harness/checkout.ts'
import { blocksOf, ReaderFolder, reasonsIn, sectionsOf, type Ran } from './guide.ts'
import { peopleProviders, type PeopleProvider, type WrongSignIn } from './people-providers.ts'

const address = 'https://tokens.example.com'
const callback = 'http://localhost:8250/oidc/callback'

class Walk {
  readonly provider: ProviderStandIn
  readonly folder = new ReaderFolder()
  readonly text: string
  readonly #guide: PeopleProvider
  #server: TestServer | undefined
  /** The configuration as the guide writes it, with what a read does not show. */
  #config: object = {}

  constructor(guide: PeopleProvider) {
    this.#guide = guide
    this.text = readText(`docs/how-to/${guide.page}.md`)
    this.provider = new ProviderStandIn(guide.options)
    const [, clientId = ''] = /oidc_client_id(?:=|": ")([^\s",]+)/.exec(this.text) ?? []
    this.provider.clientId = clientId
    this.#asGuided()
  }

  get server(): TestServer {
    assert.ok(this.#server !== undefined)
    return this.#server
  }

  async start(): Promise<void> {
    await this.provider.start()
    this.#server = await startTestServer({ outbound: (real) => this.provider.rerouted(real) })
    this.folder.write('client-secret', this.provider.clientSecret)
    this.#guide.prepare?.(this.folder, this.provider)
  }

  async stop(): Promise<void> {
    await this.#server?.stop()
    await this.provider.stop()
    this.folder.remove()
  }

  #asGuided(): void {
    const { person, userInfo = {}, more = () => undefined } = this.#guide
    Object.assign(this.provider, { person, userInfo, more, header: {} })
  }

  #script(heading: string): string {
    const blocks = blocksOf(sectionsOf(this.text).get(heading) ?? '', 'sh test')
    assert.ok(blocks.length > 0, heading)
    const moves = this.#guide.moved?.(this.folder) ?? []
    const pairs = [...moves, [`VAULT_ADDR=${address}`, `VAULT_ADDR=${this.server.url}`] as const]
    return pairs.reduce((moved, [from, to]) => moved.replaceAll(from, to), blocks.join('\n'))
  }

  async setUp(): Promise<void> {
    const { url, rootToken } = this.server
    const env = { VAULT_ADDR: url, VAULT_TOKEN: rootToken }
    await this.folder.must(this.#script('Set up here'), env)
    const { lints } = (await this.server.root.read('auth/oidc/lint')).body.data
    assert.deepEqual(lints, [])
    const { provider_config, ...shown } = (await this.server.root.read('auth/oidc/config')).body
      .data
    this.#config = {
      ...shown,
      oidc_client_secret: this.provider.clientSecret,
      provider_config: { ...provider_config, ...this.#guide.hidden?.(this.folder) },
    }
  }

  /** The person types what the guide says, and says yes at the provider. */
  async signInAtTerminal(): Promise<Ran> {
    const port = await freePort()
    // No browser here; and another test may listen at 8250.
    const script = this.#script('Log in from there').replace(
      'login -method=oidc',
      `login -method=oidc port=${port} skip_browser=true`,
    )
    let visited: Promise<unknown> | undefined
    const ran = await this.folder.run(`set -e\n${script}`, {}, (output) => {
      const authUrl = /\n {4}(https:\S+)\n/.exec(output)?.[1]
      if (authUrl === undefined || !output.includes('Waiting for OIDC')) return
      if (visited !== undefined) return
      const answer = this.provider.approve(authUrl).toString()
      visited = fetch(`http://localhost:${port}/oidc/callback?${answer}`)
    })
    await visited
    return ran
  }

  /** The reason that a sign-in ends with when something is wrong. */
  async reasonOf(wrong: WrongSignIn): Promise<string> {
    const { root } = this.server
    const { person, userInfo, header, clientSecret, more, config } = wrong
    const secret = clientSecret === undefined ? {} : { oidc_client_secret: clientSecret }
    await root.must('auth/oidc/config', { ...this.#config, ...secret, ...config })
    Object.assign(this.provider, {
      person: { ...this.provider.person, ...person },
      ...(userInfo === undefined ? {} : { userInfo }),
      ...(header === undefined ? {} : { header }),
      ...(more === undefined ? {} : { more }),
    })
    const ask = { role: 'people', redirect_uri: callback, client_nonce: 'n'.repeat(20) }
    const { auth_url } = (await root.must('auth/oidc/oidc/auth_url', ask)).body.data
    const query = this.provider.approve(auth_url)
    query.set('client_nonce', ask.client_nonce)
    const ended = await root.read(`auth/oidc/oidc/callback?${query.toString()}`)
    this.#asGuided()
    assert.equal(ended.status, 400, ended.text)
    return ended.headers['x-login-reason'] ?? firstError(ended)
  }
}

async function follow(guide: PeopleProvider): Promise<void> {
  const walk = new Walk(guide)
  try {
    await walk.start()
    await walk.setUp()
    const signedIn = await walk.signInAtTerminal()
    assert.equal(signedIn.code, 0, signedIn.output)
    assert.match(signedIn.output, /^policies +\[default people\]$/m, signedIn.output)
    const [id] = /"user_claim": "(\w+)"/.exec(walk.text)?.slice(1) ?? []
    const entities = await walk.server.root.list('identity/entity/id')
    const [entity] = Object.values<{ aliases: { name: string }[] }>(entities.body.data.key_info)
    assert.equal(entity?.aliases[0]?.name, guide.person[id ?? ''])
    for (const [reason, wrong] of Object.entries(guide.wrong)) {
      assert.equal(await walk.reasonOf(wrong), reason)
    }
    assert.deepEqual([...new Set(reasonsIn(walk.text))].sort(), Object.keys(guide.wrong).sort())
  } finally {
    await walk.stop()
  }
}

for (const guide of peopleProviders) {
  test(`the guide to ${guide.page} does what it says, and its reasons are met`, () => follow(guide))
}
