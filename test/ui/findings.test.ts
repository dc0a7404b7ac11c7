/** What was found when every page was looked at with a designer's eye, and by its first users. */

import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { reasonRows } from '../../src/lib/reason-rows.ts'
import { pickerPage } from '../../src/practice-idp/sign-in-pages.ts'
import { errorPage } from '../../src/ui/flow-pages.ts'
import { startTestServer } from '../harness/test-server.ts'
import { setUpUi, type UiSetup } from './fixture.ts'
import { textOf, Visitor } from './visitor.ts'

let ui: UiSetup
before(async () => {
  ui = await setUpUi()
  await ui.root.must('sys/auth/gitlab', {
    type: 'oidc',
    description: 'GitLab',
    config: { listing_visibility: 'unauth' },
  })
  await ui.root.must('sys/auth/jwt', { type: 'jwt', config: { listing_visibility: 'unauth' } })
  await ui.root.must('auth/jwt/config', { jwt_validation_pubkeys: [ui.idp.key.pem] })
  await ui.root.must('auth/jwt/role/ci', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['https://server.example', 'https://other.example'],
  })
})
after(() => ui.stop())

/** Through the provider; the page at the end of it. */
async function signIn(who: Visitor, query = '') {
  const started = await who.get(`/ui/login/oidc/start${query}`)
  const { code, state } = ui.idp.authorize(started.headers['location'] ?? '')
  const back = new URLSearchParams({ code, state }).toString()
  const come = await who.get(`/ui/vault/auth/oidc/oidc/callback?${back}`)
  return who.get(come.headers['location'] ?? '')
}

async function pasteJwt(claims: object) {
  const at = Math.floor(Date.now() / 1000)
  const jwt = ui.idp.key.sign({ sub: 'runner', iat: at, exp: at + 60, ...claims })
  return new Visitor(ui.url).submit('/ui/login', '/ui/login/jwt', { jwt, mount: 'jwt', role: 'ci' })
}

suite('an error is one card', () => {
  test('got and expected stand side by side, once, and the fix comes before the why (FIX-G3, FIX-G9)', async () => {
    await ui.root.must('sys/auth/jwt/tune', { explain_to_caller: 'full' })
    const answer = await pasteJwt({ aud: ['https://wrong.example'] })
    await ui.root.must('sys/auth/jwt/tune', { explain_to_caller: 'own_claims' })
    const text = textOf(answer)
    assert.match(
      text,
      /Got aud https:\/\/wrong\.example Expected https:\/\/server\.example https:\/\/other\.example/,
    )
    assert.equal(text.split('https://wrong.example').length, 2, text)
    assert.doesNotMatch(text, /any_of/)
    assert.ok(text.indexOf('What to do') < text.indexOf('Why, and details'))
    assert.ok(text.indexOf(reasonRows.audience_mismatch.fix) < text.indexOf('Try again'))
    assert.equal(answer.text.match(/class="button main"/g)?.length, 1)
  })

  test('what the role expects is told only where the mount says so', async () => {
    const text = textOf(await pasteJwt({ aud: 'https://wrong.example' }))
    assert.match(text, /Got aud https:\/\/wrong\.example/)
    assert.doesNotMatch(text, /Expected|server\.example/)
  })

  test('reason and request id are one line to copy, and lead to the help (FIX-G10)', async () => {
    const answer = await pasteJwt({ aud: 'x' })
    assert.match(
      answer.text,
      /<code class="block"\s*><bdi>audience_mismatch · [0-9a-f-]{36}<\/bdi><\/code\s*>/,
    )
    assert.match(answer.text, /href="\/ui\/help\/audience_mismatch"/)
  })

  test('an expired ID token is not the fault of whoever signed in (FIX-G19)', () => {
    const card = (isSignIn: boolean) =>
      textOf({
        text: errorPage({
          nonce: 'QUJDREVGR0hJSktMTU5P',
          status: 400,
          summary: 'Sign-in failed',
          detail: '',
          reason: 'expired',
          fix: 'x',
          isSignIn,
        }).body,
      })
    assert.match(card(true), /The identity provider has to change something\./)
    assert.doesNotMatch(card(false), /has to change something/)
  })

  test('a browser that goes to an address of the API or of nothing is shown a page (FIX-U8)', async () => {
    const going = { 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html' }
    for (const [path, status] of [
      ['/v1/secret/data/x', 403],
      ['/v1/auth/oidc/oidc/callback?state=st_nothing', 303],
      ['/v1/nothing/at/all', 403],
      ['/nothing', 404],
    ] as const) {
      const answer = await new Visitor(ui.url).get(path, going)
      assert.equal(answer.status, status, path)
      assert.doesNotMatch(answer.text, /^\{/, path)
      if (status !== 303) assert.match(answer.headers['content-type'] ?? '', /^text\/html/, path)
    }
    const program = await new Visitor(ui.url).get('/v1/secret/data/x')
    assert.match(program.headers['content-type'] ?? '', /^application\/json/)
    const sealed = await startTestServer({ ui: true, raw: true })
    const answer = await new Visitor(sealed.url).get('/v1/auth/oidc/oidc/callback?state=x', going)
    assert.equal(answer.status, 503)
    assert.match(textOf(answer), /This server is sealed/)
    await sealed.stop()
  })
})

suite('signed in', () => {
  test('the name of the person heads the page, then how, and what next (FIX-G4)', async () => {
    ui.idp.claims = { ...ui.idp.claims, name: 'Bob Example' }
    await ui.role('named', { claim_mappings: { name: 'name' } })
    const who = new Visitor(ui.url)
    const { text } = await signIn(who, '?role=named')
    assert.match(text, /<h1><bdi>Bob Example<\/bdi><\/h1>/)
    const shown = textOf({ text })
    assert.match(shown, /Signed in as Bob Example via Acme Okta \( oidc \/ \), role named/)
    assert.ok(shown.includes(`tokenstile login -address=${ui.url} -method=oidc role=named`))
    const details = text.slice(text.indexOf('Technical details'))
    assert.match(details, /oidc-bob@example\.com/)
    assert.match(details, /auth\/oidc\/oidc\/callback/)
  })

  test('each right says which policy it is from, and each policy why it is there (FIX-G15)', async () => {
    const who = new Visitor(ui.url)
    const { text } = await signIn(who)
    assert.match(text, /<li><bdi>create<\/bdi><\/li><li><bdi>update<\/bdi><\/li>/)
    const shown = textOf({ text })
    assert.match(shown, /secret\/data\/demo read by reader/)
    assert.match(shown, /reader role people/)
    assert.match(shown, /default every token has it/)
  })

  test('every path that the default policy grants is served (FIX-U17)', async () => {
    const client = await ui.root.tokenFor('plain', 'path "x" { capabilities = ["read"] }', {
      no_default_policy: false,
    })
    const text = String((await ui.root.read('sys/policies/acl/default')).body.data.policy)
    // Rules with a plus sign are not among those that the page shows.
    const paths = [...text.matchAll(/^path "([^"*{+]+)"/gm)].map(([, path = '']) => path)
    assert.ok(paths.length > 10, text)
    for (const path of paths.filter((one) => !one.includes('revoke-self'))) {
      const answers = [await client.read(path), await client.write(path, {})]
      assert.ok(
        answers.some(({ text: body }) => !/unsupported path|no handler/.test(body)),
        `${path}: ${answers.map(({ text: body }) => body).join()}`,
      )
    }
  })

  test('a root token is called one (FIX-G17)', async () => {
    const who = new Visitor(ui.url)
    await who.signInWithToken(ui.server.rootToken)
    assert.match((await who.get('/ui/')).text, /<h1>Root token<\/h1>/)
  })
})

suite('the sign-in page', () => {
  test('says what one signs in to and where the button leads (FIX-G6)', async () => {
    const page = textOf(await new Visitor(ui.url).get('/ui/login'))
    assert.ok(page.includes(`Server ${new URL(ui.url).host}`), page)
    assert.ok(page.includes(`goes to ${new URL(ui.idp.issuer).host}`), page)
    const named = await startTestServer({ ui: true, environment: 'acme production' })
    const text = textOf(await new Visitor(named.url).get('/ui/login'))
    assert.match(text, /Sign in to acme production/)
    await named.stop()
  })

  test('all methods look alike, and a path does not read as a name (FIX-G8)', async () => {
    const { text } = await new Visitor(ui.url).get('/ui/login/nope')
    assert.match(text, /Continue with <code><bdi>nope<\/bdi>\/<\/code>/)
    assert.equal(text.match(/class="button(?: main)? wide"/g)?.length, 3)
    assert.equal(text.match(/<span class="end">/g)?.length, 3)
  })

  test('nothing but the methods is open: the rest is one fold (FIX-G14)', async () => {
    const { text } = await new Visitor(ui.url).get('/ui/login')
    assert.equal(text.match(/<details class="more">/g)?.length, 1)
    assert.doesNotMatch(text, /<details[^>]* open/)
    assert.doesNotMatch(text, /autofocus/)
  })

  test('each page ends with version, help and colours (FIX-G13)', async () => {
    const who = new Visitor(ui.url)
    for (const path of ['/ui/login', '/ui/nix', '/ui/help/', '/ui/help/expired']) {
      assert.match(
        textOf(await who.get(path)),
        /Version \d+\.\d+\.\d+ Help Colours Auto Light Dark$/,
        path,
      )
    }
  })

  test('the help has a page for each reason, also while the server is sealed', async () => {
    const sealed = await startTestServer({ ui: true, raw: true })
    const who = new Visitor(sealed.url)
    const all = await who.get('/ui/help/')
    assert.equal(all.status, 200)
    for (const [reason, { title, fix }] of Object.entries(reasonRows)) {
      assert.ok(all.text.includes(`href="/ui/help/${reason}"`), reason)
      const text = textOf(await who.get(`/ui/help/${reason}`))
      assert.ok(text.includes(title) && text.includes(fix), reason)
    }
    assert.equal((await who.get('/ui/help/nonsense')).status, 404)
    assert.equal((await who.get('/ui/help/reasons')).status, 200)
    await sealed.stop()
  })
})

test('at the practice provider a no is no fourth person (FIX-G12)', () => {
  const { body } = pickerPage(
    { nonce: 'QUJDREVGR0hJSktMTU5P', coop: false },
    {
      client: 'tokenstile',
      host: '127.0.0.1:8200',
      scopes: ['openid', 'groups'],
      choose: (name) => `/as/${name}`,
      deny: '/as/nobody',
    },
  )
  assert.match(body, /<a class="quiet" href="\/as\/nobody">Deny access<\/a>/)
  assert.equal(body.match(/class="button wide"/g)?.length, 3)
  assert.match(textOf({ text: body }), /tokenstile at 127\.0\.0\.1:8200 asks for openid, groups/)
})
