/** The guide to sign-ins without a browser: each of its ways is gone, with a person who does what the terminal says. */

import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { DirectBrowser } from '../harness/direct-browser.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { readText } from '../harness/checkout.ts'
import { blocksOf, ReaderFolder, sectionsOf, type Ran } from './guide.ts'

const guide = readText('docs/how-to/headless-sign-in.md')
/** Where the guide's reader has the server. */
const example = 'https://tokens.example.com'
const device = { device_code: 'd', user_code: 'WDJB-MJHT', verification_uri: 'https://idp.test/d' }

suite('the guide to signing in without a browser', () => {
  const reader = new ReaderFolder()
  let server: TestServer
  let idp: ScriptedProvider

  before(async () => {
    idp = await new ScriptedProvider().start()
    server = await startTestServer()
    await server.root.must('sys/policies/acl/people', {
      policy: 'path "auth/token/create" { capabilities = ["update"] }',
    })
    await server.root.must('sys/auth/oidc', { type: 'oidc' })
    await configure({ device_authorization_endpoint: `${idp.issuer}/device` })
    await server.root.must('auth/oidc/role/people', {
      user_claim: 'sub',
      token_policies: 'people',
      allowed_redirect_uris: ['http://localhost:8250/oidc/callback'],
    })
    for (const block of blocksOf(guide, 'sh test')) {
      await reader.must(block.replaceAll(example, server.url), {
        VAULT_ADDR: server.url,
        VAULT_TOKEN: server.rootToken,
      })
    }
    reader.program('ssh', 'test "$1" = -L && test "$2" = 8250:localhost:8250')
  })
  after(async () => {
    await server.stop()
    await idp.stop()
    reader.remove()
  })

  async function configure(metadata: Readonly<Record<string, string>>): Promise<void> {
    idp.metadata = metadata
    await server.root.must('auth/oidc/config', {
      oidc_discovery_url: idp.issuer,
      oidc_client_id: idp.clientId,
      oidc_client_secret: idp.clientSecret,
      jwt_supported_algs: 'ES256',
      default_role: 'people',
    })
  }

  /** Runs the one block of that kind; the person comes when the terminal waits. */
  async function follow(
    info: string,
    person: (printed: string) => Promise<unknown> = () => Promise.resolve(),
    prefix = '',
  ): Promise<Ran> {
    const [block = ''] = blocksOf(guide, info)
    let visited: Promise<unknown> | undefined
    const ran = await reader.run(`${prefix}${block}`, { VAULT_ADDR: server.url }, (printed) => {
      if (printed.includes('Waiting for OIDC')) visited ??= person(printed)
    })
    await visited
    assert.equal(ran.code, 0, ran.output)
    return ran
  }

  const linkIn = (printed: string): string => /\n {4}(http\S+)\n/.exec(printed)?.[1] ?? ''

  test('device: the address and the code are printed, and the sign-in ends by itself', async () => {
    idp.onDevice = () => ({ body: device })
    idp.onToken = () => ({ body: { access_token: 'access1', id_token: idp.mint(undefined) } })
    const { output } = await follow('sh device')
    idp.onToken = undefined
    assert.match(output, /https:\/\/idp\.test\/d/)
    assert.match(output, /WDJB-MJHT/)
    assert.match(output, /people/)
  })

  test('direct: the page and the terminal show one code, and the yes signs in', async () => {
    let shown = ''
    const { output } = await follow('sh direct', async (printed) => {
      const browser = new DirectBrowser(server.client(), 'oidc')
      const { code, state } = idp.authorize(linkIn(printed))
      const page = await browser.arrive({ code, state })
      shown = /\b[B-Z]{4}-[B-Z]{4}\b/.exec(page.text)?.[0] ?? ''
      await browser.press(page, 'yes')
    })
    assert.match(shown, /./)
    assert.ok(output.includes(shown), output)
  })

  test('a forwarded port: the browser elsewhere comes back to this machine', async () => {
    const { output } = await follow('sh forwarded', async (printed) => {
      const { code, state } = idp.authorize(linkIn(printed))
      await fetch(`http://localhost:8250/oidc/callback?code=${code}&state=${state}`)
    })
    assert.match(output, /You are now authenticated/)
  })

  test('a token from elsewhere: a child of it is read from standard input', async () => {
    const { output } = await follow('sh child')
    const { output: after } = await follow('sh stdin', undefined, `printf %s ${output.trim()} | `)
    assert.match(after, /^token_duration +(?:1h|59m\d+s)$/m)
  })

  test('what it says is seen when it does not work is what is printed', async () => {
    const help = sectionsOf(guide).get('When it does not work') ?? ''
    const attempts = [
      'role=people-device skip_browser=true',
      'role=people callbackmode=device',
      'role=people-device callbackmode=device',
    ]
    const outputs: string[] = []
    for (const words of attempts) {
      // Only the last of them is about a provider without the device flow.
      if (outputs.length === 2) await configure({})
      const login = `vault login -method=oidc ${words}`
      const { code, output } = await reader.run(login, { VAULT_ADDR: server.url })
      assert.notEqual(code, 0)
      outputs.push(output)
    }
    const texts = [...help.matchAll(/^\| `([^`]+)` \|/gm)].map(([, text = '']) => text)
    for (const text of texts.filter((one) => !one.includes('for ten minutes'))) {
      assert.ok(
        texts.length >= 3 && outputs.some((one) => one.includes(text)),
        `${text}\n${outputs.join('\n')}`,
      )
    }
  })
})
