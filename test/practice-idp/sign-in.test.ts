/** The practice provider as an OpenID provider, seen by an independent client (openid-client) and by a browser. */

import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import axe from 'axe-core'
import * as openid from 'openid-client'
import type { Browser } from 'playwright-core'
import { SystemClock } from '../../src/platform/clock.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { createPracticeIdp, type PracticeIdp } from '../../src/practice-idp/practice-idp.ts'
import type { Trouble } from '../../src/practice-idp/trouble.ts'
import { openBrowser } from '../harness/browser.ts'

let idp: PracticeIdp
let browser: Browser
let config: openid.Configuration
let redirectUri = ''
let receiver: Server

before(async () => {
  receiver = createServer((_, response) => response.end('arrived'))
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  redirectUri = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/callback`
  idp = createPracticeIdp({
    address: '127.0.0.1',
    port: 0,
    clock: new SystemClock(),
    random: new SystemRandom(),
    clients: [
      { client_id: 'tokenstile', client_secret: 'practice+secret %' },
      { client_id: 'public', redirect_uris: ['https://app.test/callback'] },
    ],
  })
  await idp.start()
  config = await discover('tokenstile', openid.ClientSecretBasic('practice+secret %'))
  browser = await openBrowser()
})

after(async () => {
  await browser.close()
  await idp.stop()
  receiver.closeAllConnections()
  await new Promise((resolve) => receiver.close(resolve))
})

function discover(client: string, authentication: openid.ClientAuth) {
  return openid.discovery(new URL(idp.issuer), client, undefined, authentication, {
    execute: [openid.allowInsecureRequests],
  })
}

async function start(more: Readonly<Record<string, string>> = {}, by = config) {
  const verifier = openid.randomPKCECodeVerifier()
  const state = openid.randomState()
  const nonce = openid.randomNonce()
  const url = openid.buildAuthorizationUrl(by, {
    redirect_uri: redirectUri,
    scope: 'openid email',
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...more,
  })
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }
  return { url: url.href, checks }
}

function arrived(url: string, person: 'alice' | 'bob' | 'mallory' | 'nobody' = 'alice'): URL {
  const { redirectUri: target, parameters } = idp.authorize(url, person)
  return new URL(`${target}?${new URLSearchParams(parameters).toString()}`)
}

test('a code becomes tokens and user info about the person who was picked', async () => {
  const { url, checks } = await start()
  const tokens = await openid.authorizationCodeGrant(config, arrived(url), checks)
  assert.equal(tokens.claims()?.sub, 'user-alice')
  const info = await openid.fetchUserInfo(config, tokens.access_token, 'user-alice')
  assert.deepEqual(info['groups'], ['platform', 'developers'])
  assert.equal(info.email, 'alice@example.com')
})

test('secret in the body, and a public client with PKCE', async () => {
  const posting = await discover('tokenstile', openid.ClientSecretPost('practice+secret %'))
  const first = await start({}, posting)
  await openid.authorizationCodeGrant(posting, arrived(first.url), first.checks)
  const open = await discover('public', openid.None())
  const second = await start({ redirect_uri: 'https://app.test/callback' }, open)
  await openid.authorizationCodeGrant(open, arrived(second.url), second.checks)
})

test('a wrong secret, a used code, another verifier and another address get nothing', async () => {
  const wrong = await discover('tokenstile', openid.ClientSecretBasic('other'))
  const { url, checks } = await start()
  const back = arrived(url)
  await refuses(openid.authorizationCodeGrant(wrong, back, checks), /invalid_client/)
  await openid.authorizationCodeGrant(config, back, checks)
  await assert.rejects(openid.authorizationCodeGrant(config, back, checks), /./)
  const other = await start()
  const mine = { ...other.checks, pkceCodeVerifier: openid.randomPKCECodeVerifier() }
  await assert.rejects(openid.authorizationCodeGrant(config, arrived(other.url), mine), /./)
  const foreign = await start({ redirect_uri: 'https://evil.test/cb' })
  assert.throws(() => idp.authorize(foreign.url, 'alice'), /redirect_uri/)
})

test('who denies, asks without a person or for what is not there comes back with an error', async () => {
  const rows = [
    [{}, 'nobody', 'access_denied'],
    [{ prompt: 'none' }, 'alice', 'login_required'],
    [{ scope: 'email' }, 'alice', 'invalid_scope'],
    [{ response_type: 'token' }, 'alice', 'unsupported_response_type'],
    [{ code_challenge_method: 'plain' }, 'alice', 'invalid_request'],
    [{ response_type: 'id_token' }, 'alice', 'invalid_request'],
  ] as const
  for (const [more, person, error] of rows) {
    const { url } = await start(more)
    assert.equal(arrived(url, person).searchParams.get('error'), error)
  }
})

test('the implicit flow posts an ID token with the claims of the person', async () => {
  const { url } = await start({ response_type: 'id_token', response_mode: 'form_post' })
  const { responseMode, parameters } = idp.authorize(url, 'bob')
  assert.equal(responseMode, 'form_post')
  const [, payload = ''] = (parameters['id_token'] ?? '').split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  assert.deepEqual([claims.sub, claims.groups], ['user-bob', ['developers']])
})

test('a device waits for a yes, hears slow_down when it asks too often, and a no', async () => {
  const asked = await openid.initiateDeviceAuthorization(config, { scope: 'openid' })
  const poll = (code: string) =>
    fetch(`${idp.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        device_code: code,
        client_id: 'tokenstile',
        client_secret: 'practice+secret %',
      }),
    }).then(async (answer) => ((await answer.json()) as Record<string, string>)['error'])
  assert.equal(await poll(asked.device_code), 'authorization_pending')
  assert.equal(await poll(asked.device_code), 'slow_down')
  assert.equal(idp.answerDevice(asked.user_code, 'alice'), true)
  const tokens = await openid.pollDeviceAuthorizationGrant(config, asked)
  assert.equal(tokens.claims()?.sub, 'user-alice')
  assert.equal(await poll(asked.device_code), 'expired_token')
  const denied = await openid.initiateDeviceAuthorization(config, { scope: 'openid' })
  idp.answerDevice(denied.user_code, 'nobody')
  assert.equal(await poll(denied.device_code), 'access_denied')
})

const troubles: readonly (readonly [Trouble, RegExp])[] = [
  ['access_denied', /access_denied/],
  ['wrong_nonce', /nonce/],
  ['wrong_audience', /aud/],
  ['expired', /timestamp|exp/],
  ['clock_ahead', /timestamp|nbf|iat|future/],
  ['iss_missing', /iss/],
  ['iss_other', /iss/],
]

for (const [trouble, text] of troubles) {
  test(`with ${trouble} an independent client refuses`, async () => {
    idp.setTrouble(trouble, true)
    try {
      const { url, checks } = await start()
      if (trouble === 'access_denied') {
        const page = await fetch(url, { redirect: 'manual' })
        assert.match(page.headers.get('location') ?? '', text)
        return
      }
      await refuses(openid.authorizationCodeGrant(config, arrived(url), checks), text)
    } finally {
      idp.setTrouble(trouble, false)
    }
  })
}

/** What the client says of it, with its causes. */
async function refuses(work: Promise<unknown>, text: RegExp): Promise<void> {
  await assert.rejects(work, (cause) => text.test(JSON.stringify(describe(cause))))
}

function describe(cause: unknown): unknown {
  return cause instanceof Error
    ? {
        message: cause.message,
        code: (cause as { code?: string }).code,
        cause: describe(cause.cause),
      }
    : cause
}

test('user information about somebody else is noticed', async () => {
  idp.setTrouble('userinfo_other', true)
  const { url, checks } = await start()
  const tokens = await openid.authorizationCodeGrant(config, arrived(url), checks)
  await refuses(openid.fetchUserInfo(config, tokens.access_token, 'user-alice'), /sub/)
  idp.setTrouble('userinfo_other', false)
})

// ---------------------------------------------------------------- in a browser

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with script' : 'without script'
  test(`${how}: a person is picked, and a posted answer arrives`, async () => {
    const context = await browser.newContext({ javaScriptEnabled })
    context.setDefaultTimeout(20_000)
    const page = await context.newPage()
    const { url } = await start()
    await page.goto(url)
    await page.click('text=Alice Example')
    await page.waitForURL(`${redirectUri}?code=*`)
    const posted = await start({ response_mode: 'form_post' })
    await page.goto(posted.url)
    await page.click('text=Bob Example')
    if (!javaScriptEnabled) await page.click('text=Continue')
    await page.waitForURL(redirectUri)
    assert.equal(await page.innerText('body'), 'arrived')
    await context.close()
  })
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`in ${colorScheme} the pages have nothing that axe finds`, async () => {
    const context = await browser.newContext({ colorScheme, bypassCSP: true })
    const page = await context.newPage()
    const device = await openid.initiateDeviceAuthorization(config, { scope: 'openid' })
    const picker = (await start()).url
    for (const address of [
      picker,
      `${idp.issuer}/device`,
      `${idp.issuer}/device?user_code=wrong`,
      `${idp.issuer}/device?user_code=${device.user_code}`,
      `${idp.issuer}/authorize?client_id=unknown`,
      `${idp.issuer}/end_session`,
    ]) {
      await page.goto(address)
      await page.evaluate(axe.source)
      const found = await page.evaluate(async () => {
        const { axe: tool } = globalThis as unknown as {
          axe: { run(): Promise<{ violations: { id: string }[] }> }
        }
        return (await tool.run()).violations.map(({ id }) => id)
      })
      assert.deepEqual(found, [], address)
    }
    await context.close()
  })
}

test('the buttons of the first page work in a browser', async () => {
  const page = await browser.newPage()
  await page.goto(`${idp.issuer}/`)
  await page.click('button:has-text("rotate")')
  await page.waitForLoadState()
  assert.match(await page.innerText('body'), /generation 2/)
  await page.close()
})
