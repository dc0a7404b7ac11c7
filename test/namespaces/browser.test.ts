/** People of a namespace sign in with a real browser: by the query of the pages, and by the state at the provider (jwt-oidc.md §4.6). */

import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Browser } from 'playwright-core'
import type { ApiClient } from '../harness/api-client.ts'
import { openBrowser } from '../harness/browser.ts'
import { setUpUi, type UiSetup } from '../ui/fixture.ts'
import { openPage } from '../ui/page-browser.ts'

suite('a sign-in inside a namespace, in a browser', () => {
  let browser: Browser
  let ui: UiSetup
  let inside: ApiClient

  before(async () => {
    browser = await openBrowser()
    ui = await setUpUi()
    await ui.root.must('sys/namespaces/team')
    await ui.root.must('sys/namespaces/team/a')
    inside = ui.root.in('team/a')
    await inside.must('sys/policies/acl/of-the-team', {
      policy: 'path "secret/data/team" { capabilities = ["read"] }',
    })
    await inside.must('sys/auth/oidc', {
      type: 'oidc',
      description: 'People of the team',
      config: { listing_visibility: 'unauth' },
    })
  })
  after(async () => {
    await browser.close()
    await ui.stop()
  })

  async function configure(isInState: boolean): Promise<void> {
    await inside.must('auth/oidc/config', {
      oidc_discovery_url: ui.idp.issuer,
      oidc_client_id: ui.idp.clientId,
      oidc_client_secret: ui.idp.clientSecret,
      jwt_supported_algs: ['ES256'],
      default_role: 'people',
      namespace_in_state: isInState,
    })
    await inside.must('auth/oidc/role/people', {
      role_type: 'oidc',
      user_claim: 'email',
      allowed_redirect_uris: [isInState ? ui.callback : `${ui.callback}?namespace=team/a`],
      token_policies: ['of-the-team'],
      token_ttl: '1h',
    })
  }

  for (const isInState of [true, false]) {
    for (const javaScript of [true, false]) {
      const where = isInState ? 'in the state' : 'in the redirect URI'
      const how = javaScript ? 'with script' : 'without script'
      test(`NSP-20: with the namespace ${where}, ${how}`, async (t) => {
        await configure(isInState)
        const { page, context, troubles } = await openPage(browser, { javaScript })
        t.after(() => context.close())
        const addresses: string[] = []
        page.on('request', (request) => addresses.push(request.url()))
        await page.goto(`${ui.url}/ui/login?namespace=team%2Fa`)
        assert.match(await page.innerText('main'), /Namespace\s+team\/a/)
        await page.getByRole('link', { name: 'Continue with People of the team' }).click()
        await page.getByText('Signed in as').waitFor()
        assert.equal(page.url(), `${ui.url}/ui/`)
        const shown = await page.innerText('main')
        assert.match(shown, /bob@example\.com/)
        assert.match(shown, /of-the-team/)
        const asked = addresses.find((one) => one.includes('/authorize?'))
        const { searchParams } = new URL(asked ?? '')
        assert.equal(searchParams.get('state')?.endsWith(',ns=team/a'), isInState)
        assert.equal(searchParams.get('redirect_uri')?.includes('namespace='), !isInState)
        await page.getByRole('button', { name: 'Sign out' }).click()
        await page.getByText('You are signed out').waitFor()
        assert.deepEqual(troubles, [])
      })
    }
  }

  test('the ways of a namespace are not offered outside it, and a refusal leads back into it', async (t) => {
    await configure(true)
    const { page, context } = await openPage(browser)
    t.after(() => context.close())
    await page.goto(`${ui.url}/ui/login`)
    assert.doesNotMatch(await page.innerText('main'), /People of the team/)
    ui.reply = { error: { error: 'access_denied' } }
    try {
      await page.goto(`${ui.url}/ui/login?namespace=team%2Fa`)
      await page.getByRole('link', { name: 'Continue with People of the team' }).click()
      await page.getByText('Sign-in failed').waitFor()
    } finally {
      ui.reply = {}
    }
    await page.getByRole('link', { name: 'Start again' }).click()
    await page.getByText('Signed in as').waitFor()
    assert.match(await page.innerText('main'), /of-the-team/)
  })
})
