/** The pages as a server answers them: routes, cookies, forms, and what they keep from others. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { ApiResult } from '../harness/api-client.ts'
import { manualClock, startTestServer } from '../harness/test-server.ts'
import { makeCertificate } from '../http/self-signed.ts'
import { tcpListener, tlsOptions } from '../../src/http/listener-options.ts'
import { reasons } from '../../src/trust/reasons.ts'
import { setUpUi, type UiSetup } from './fixture.ts'
import { formTokenOf, sessionCookie, textOf, Visitor } from './visitor.ts'

let ui: UiSetup

before(async () => {
  ui = await setUpUi()
})
after(() => ui.stop())

function visitor(): Visitor {
  return new Visitor(ui.url)
}

/** Where a 303 leads. */
function placeOf(answer: ApiResult): string {
  assert.equal(answer.status, 303, answer.text)
  return answer.headers['location'] ?? ''
}

/** Starts at the pages and comes back from the provider; the answer of the callback. */
async function signIn(who: Visitor, query = ''): Promise<ApiResult> {
  return who.get(await comeBack(who, query))
}

/** What a callback that led to no session has to say, at an address without code, state or ticket. */
async function outcomeOf(who: Visitor, answer: ApiResult): Promise<ApiResult> {
  assert.equal(placeOf(answer), '/ui/sign-in')
  return who.get('/ui/sign-in')
}

/** The path of the callback, as the provider sends a browser there. */
async function comeBack(who: Visitor, query = ''): Promise<string> {
  const { code, state } = ui.idp.authorize(placeOf(await who.get(`/ui/login/oidc/start${query}`)))
  return `/ui/vault/auth/oidc/oidc/callback?${new URLSearchParams({ code, state }).toString()}`
}

suite('routes', () => {
  test('the root and /ui lead to /ui/, and /ui/ to the sign-in of whoever is not signed in', async () => {
    assert.equal(placeOf(await visitor().get('/')), '/ui/')
    assert.equal(placeOf(await visitor().get('/ui')), '/ui/')
    assert.equal(placeOf(await visitor().get('/ui/')), '/ui/login')
  })

  test('a page that is not there says so', async () => {
    const answer = await visitor().get('/ui/nix')
    assert.equal(answer.status, 404)
    assert.match(answer.headers['content-type'] ?? '', /^text\/html/)
    assert.match(textOf(answer), /no such page/)
  })

  test('other methods are refused with the ones there are', async () => {
    const put = await visitor().call('PUT', '/ui/login')
    assert.deepEqual([put.status, put.headers['allow']], [405, 'GET, HEAD'])
    const get = await visitor().get('/ui/sign-out')
    assert.deepEqual([get.status, get.headers['allow']], [405, 'POST'])
  })

  test('HEAD answers as GET without the body, and takes no step', async () => {
    const head = await visitor().call('HEAD', '/ui/login')
    assert.deepEqual([head.status, head.text], [200, ''])
    assert.ok(Number(head.headers['content-length']) > 5000)
    const who = visitor()
    const back = await comeBack(who)
    assert.equal((await who.call('HEAD', back)).status, 405)
    assert.equal((await who.call('HEAD', '/ui/login/oidc/start')).status, 405)
    assert.equal((await who.get(back)).status, 303)
  })

  test('SEC-WEB-12: there are no files to reach', async () => {
    for (const path of [
      '/ui/../package.json',
      '/ui/../../etc/passwd',
      '/ui/%2e%2e/package.json',
      '/ui/..%2fpackage.json',
      '/ui/%2e%2e%2fpackage.json',
      '/ui/..%5cpackage.json',
      '/ui//etc/passwd',
      '/ui/%2fetc%2fpasswd',
      '/ui/file%00.css',
      '/ui/assets/..;/package.json',
      '/ui/node_modules/lmdb/package.json',
      '/ui/.git/config',
      '/ui/login/../../v1/sys/health',
    ]) {
      const answer = await visitor().get(path)
      assert.equal(answer.status, 404, path)
      assert.ok(!answer.text.includes('root:') && !answer.text.includes('"name"'), path)
    }
  })

  test('a parameter that is there twice is refused, and nothing is done', async () => {
    const who = visitor()
    const back = await comeBack(who)
    for (const name of ['state', 'code', 'iss', 'error']) {
      const answer = await outcomeOf(who, await who.get(`${back}&${name}=a&${name}=b`))
      assert.equal(answer.status, 400, name)
    }
    assert.equal((await who.get(back)).status, 303)
    assert.equal((await visitor().get('/ui/login?role=a&role=b')).status, 400)
  })

  test('without `ui` there are no pages', async () => {
    const bare = await startTestServer()
    assert.equal((await new Visitor(bare.url).get('/ui/login')).status, 404)
    await bare.stop()
  })

  test('while sealed every page says so', async () => {
    const sealed = await startTestServer({ ui: true, raw: true })
    for (const path of ['/ui/', '/ui/login', '/ui/login/oidc/start']) {
      const answer = await new Visitor(sealed.url).get(path)
      assert.equal(answer.status, 503)
      assert.match(textOf(answer), /This server is sealed/)
    }
    await sealed.stop()
  })
})

suite('SEC-WEB-03: headers of answers', () => {
  test('every answer is not to be kept, framed or sniffed, and has a nonce of its own', async () => {
    const who = visitor()
    const seen = new Set<string>()
    for (const path of ['/ui/login', '/ui/nix', '/ui/login', '/ui/login/oidc']) {
      const { headers, text } = await who.get(path)
      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(headers['x-frame-options'], 'DENY')
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['referrer-policy'], 'no-referrer')
      const policy = headers['content-security-policy'] ?? ''
      assert.match(policy, /frame-ancestors 'none'/)
      const nonce = /style-src 'nonce-([^']+)'/.exec(policy)?.[1] ?? ''
      assert.ok(text.includes(`<style nonce="${nonce}">`))
      seen.add(nonce)
    }
    assert.equal(seen.size, 4)
    const back = await who.get('/ui/vault/auth/oidc/oidc/callback')
    assert.equal(back.headers['cache-control'], 'no-store')
    const redirect = await who.get('/ui/')
    assert.equal(redirect.headers['cache-control'], 'no-store')
    assert.equal(redirect.headers['referrer-policy'], 'no-referrer')
    assert.match(redirect.headers['content-security-policy'] ?? '', /default-src 'none'/)
  })
})

suite('the sign-in page', () => {
  test('shows the mounts that everybody may see, the first one as the proposal', async () => {
    await ui.root.must('sys/auth/gitlab', {
      type: 'oidc',
      description: 'GitLab',
      config: { listing_visibility: 'unauth' },
    })
    await ui.root.must('sys/auth/hidden', { type: 'oidc', description: 'Hidden' })
    const { text } = await visitor().get('/ui/login?role=dev&return_to=/ui/%3Fa=b')
    assert.match(text, /href="\/ui\/login\/oidc\/start\?role=dev&#38;return_to=%2Fui%2F%3Fa%3Db"/)
    assert.ok(text.indexOf('Acme Okta') < text.indexOf('GitLab'))
    assert.ok(!text.includes('Hidden'))
  })

  test('`with` proposes a mount or opens a form', async () => {
    const { text } = await visitor().get('/ui/login?with=gitlab/')
    assert.ok(text.indexOf('Continue with <bdi>GitLab') > 0)
    for (const [way, field] of [
      ['token', 'name="token"'],
      ['jwt', 'name="jwt"'],
      ['corp', 'value="corp"'],
    ]) {
      const page = await visitor().get(`/ui/login?with=${way}`)
      const open = page.text.slice(page.text.indexOf('<details name="way" open>'))
      assert.ok(open.slice(0, open.indexOf('</details>')).includes(field ?? ''), way)
    }
  })

  test('a mount of any path has a page, also with slashes and when it is hidden', async () => {
    const { text } = await visitor().get('/ui/login/corp/sso?role=dev')
    assert.match(text, /href="\/ui\/login\/corp\/sso\/start\?role=dev"/)
    const form = await visitor().get('/ui/login?mount=corp%2Fsso%2F&role=dev&return_to=')
    assert.equal(placeOf(form), '/ui/login/corp/sso?role=dev')
  })

  test('without a visible mount it is a form for a token, and says what an operator can do', async () => {
    const bare = await startTestServer({ ui: true })
    const page = await new Visitor(bare.url).get('/ui/login')
    assert.match(textOf(page), /listing-visibility=unauth/)
    await bare.stop()
  })

  test('colours are kept in a cookie and drawn by the server', async () => {
    const who = visitor()
    assert.match((await who.get('/ui/login')).text, /<html lang="en" class="auto">/)
    const chosen = await who.get('/ui/theme/dark?return_to=%2Fui%2Flogin%3Frole%3Da')
    assert.equal(placeOf(chosen), '/ui/login?role=a')
    assert.match((await who.get('/ui/login')).text, /<html lang="en" class="dark">/)
    assert.equal(placeOf(await who.get('/ui/theme/auto?return_to=//evil.test')), '/ui/')
    assert.equal((await who.get('/ui/theme/pink')).status, 404)
    const again = await who.get('/ui/theme/light?return_to=/ui/login/oidc/start')
    assert.equal(placeOf(again), '/ui/')
  })

  test('plain HTTP to another machine is warned of: its browser keeps no cookie', async () => {
    const bare = await startTestServer({ ui: true, publicAddress: 'http://stile.example:8200' })
    assert.match(textOf(await new Visitor(bare.url).get('/ui/login')), /not encrypted/)
    await bare.stop()
    assert.ok(!textOf(await visitor().get('/ui/login')).includes('not encrypted'))
  })
})

suite('with the identity provider', () => {
  test('SEC-WEB-06, SEC-OID-26: the way back ends at a place of our own, without code and state', async () => {
    const who = visitor()
    const answer = await signIn(who, '?return_to=%2Fui%2F%3Fa%3Db')
    assert.equal(placeOf(answer), '/ui/?a=b')
    const home = await who.get('/ui/?a=b')
    assert.equal(home.status, 200)
    assert.match(textOf(home), /Signed in as bob@example\.com via Acme Okta/)
    assert.match(textOf(home), /expires in (?:1 h|59 min)/)
    assert.match(textOf(home), /secret\/data\/deploy\/\* create update by reader/)
  })

  test('SEC-WEB-11: a return_to of somebody else is not followed', async () => {
    for (const place of [
      '//evil.test',
      'https://evil.test',
      '/v1/sys/health',
      '/ui/login?auto=1',
    ]) {
      const answer = await signIn(visitor(), `?return_to=${encodeURIComponent(place)}`)
      assert.equal(placeOf(answer), '/ui/')
    }
  })

  test('SEC-WEB-09: cookies are __Host-, Secure, HttpOnly, Lax; sealed, no token, and new at each sign-in', async () => {
    const who = visitor()
    const sessions = new Set<string>()
    const visits = new Set<string>()
    for (let i = 0; i < 2; i++) {
      await signIn(who)
      assert.ok(who.lastCookies.length >= 3)
      for (const line of who.lastCookies) {
        assert.match(
          line,
          /^__Host-tokenstile-\w+=[\w.-]*; Path=\/; Secure; HttpOnly; SameSite=Lax/,
        )
        assert.ok(!/Domain/i.test(line))
      }
      sessions.add(who.cookies.get(sessionCookie) ?? '')
      visits.add(who.cookies.get('__Host-tokenstile-visit') ?? '')
    }
    assert.equal(sessions.size, 2)
    assert.equal(visits.size, 2)
    for (const value of sessions) {
      const decoded = Buffer.from(value, 'base64url').toString('latin1')
      assert.ok(!decoded.includes('hvs.') && !value.includes('hvs.'))
      for (const token of [value, `hvb.${value}`, `hvs.${value}`]) {
        assert.equal((await ui.server.client(token).read('auth/token/lookup-self')).status, 403)
      }
    }
  })

  test('a new sign-in ends the token of the one before', async () => {
    const who = visitor()
    await signIn(who)
    const old = who.cookies.get(sessionCookie) ?? ''
    assert.equal((await who.get('/ui/')).status, 200)
    await signIn(who)
    const other = visitor()
    other.cookies.set(sessionCookie, old)
    assert.equal(placeOf(await other.get('/ui/')), '/ui/login')
  })

  test('an answer that another browser began is not used up, and the API is not asked', async () => {
    const who = visitor()
    const back = await comeBack(who)
    const exchanged = ui.idp.tokenRequests.length
    const other = visitor()
    const stranger = await outcomeOf(other, await other.get(back))
    assert.equal(stranger.status, 400)
    assert.match(textOf(stranger), /Started in another browser, or too long ago/)
    assert.match(stranger.text, /href="\/ui\/login\/oidc\/start"/)
    assert.equal(ui.idp.tokenRequests.length, exchanged)
    assert.equal(placeOf(await who.get(back)), '/ui/')
    // And not twice.
    assert.match(textOf(await outcomeOf(who, await who.get(back))), /Started in another browser/)
  })

  test('SEC-OID-07: an answer that comes to the callback of another mount is none', async () => {
    const who = visitor()
    const back = await comeBack(who)
    const answer = await outcomeOf(who, await who.get(back.replace('/auth/oidc/', '/auth/gitlab/')))
    assert.match(textOf(answer), /Started in another browser/)
    assert.equal((await who.get(back)).status, 303)
  })

  test('SEC-OID-20: no picture, frame or prefetch signs anybody in', async () => {
    const who = visitor()
    const back = await comeBack(who)
    const refused: readonly Readonly<Record<string, string>>[] = [
      { 'Sec-Fetch-Dest': 'image' },
      { 'Sec-Fetch-Dest': 'iframe' },
      { 'Sec-Purpose': 'prefetch;prerender' },
      { Purpose: 'prefetch' },
    ]
    for (const headers of refused) {
      const answer = await who.get(back, headers)
      assert.equal(answer.status, 400)
      assert.deepEqual(who.lastCookies, [])
      assert.equal((await who.get('/ui/login/oidc/start', headers)).status, 400)
    }
    assert.equal((await who.get(back, { 'Sec-Fetch-Dest': 'document' })).status, 303)
  })

  test('a posted answer comes back with its ticket, which only this browser and this sign-in can spend (SEC-OID-28)', async () => {
    await ui.configure({ oidc_response_mode: 'form_post' })
    await ui.role('posted', {
      allowed_redirect_uris: [ui.callback],
    })
    const who = visitor()
    const url = placeOf(await who.get('/ui/login/oidc/start?role=posted'))
    const redirectUri = new URL(url).searchParams.get('redirect_uri') ?? ''
    assert.equal(new URL(redirectUri).pathname, '/v1/auth/oidc/oidc/callback')
    // The cookie does not come along with a post from another site.
    const posted = await visitor().post('/v1/auth/oidc/oidc/callback', ui.idp.authorize(url))
    const back = new URL(placeOf(posted), ui.url)
    assert.equal(back.pathname, '/ui/vault/auth/oidc/oidc/callback')
    const state = back.searchParams.get('state') ?? ''
    // Who began it and who has the address are not the same here: neither gets in without the other.
    const stranger = visitor()
    const told = await outcomeOf(stranger, await stranger.get(back.pathname + back.search))
    assert.match(textOf(told), /Started in another browser/)
    const callback = back.pathname
    for (const query of ['code=no_code', `code=no_code&state=${state}`, `state=${state}`]) {
      // A starter's browser as it was before it tried.
      const starter = who.at(ui.url)
      const refused = await outcomeOf(starter, await starter.get(`${callback}?${query}`))
      assert.equal(refused.status, 400)
      assert.ok(!starter.cookies.has(sessionCookie))
    }
    assert.equal(placeOf(await who.get(back.pathname + back.search)), '/ui/')
    assert.match(textOf(await who.get('/ui/')), /bob@example\.com/)
    await ui.configure()
  })

  test('two tabs of one person finish each its own sign-in, in either order (SEC-OID-30)', async () => {
    await ui.configure({ oidc_response_mode: 'form_post' })
    await ui.role('first', { claim_mappings: { tab: 'tab' } })
    await ui.role('second', { claim_mappings: { tab: 'tab' } })
    for (const order of [
      ['first', 'second'],
      ['second', 'first'],
    ] as const) {
      const who = visitor()
      const backs = new Map<string, string>()
      for (const role of ['first', 'second']) {
        ui.idp.claims = { ...ui.idp.claims, tab: role }
        const url = placeOf(await who.get(`/ui/login/oidc/start?role=${role}`))
        const posted = await visitor().post('/v1/auth/oidc/oidc/callback', ui.idp.authorize(url))
        backs.set(role, placeOf(posted))
      }
      for (const role of order) {
        ui.idp.claims = { ...ui.idp.claims, tab: role }
        assert.equal(placeOf(await who.get(backs.get(role) ?? '')), '/ui/')
        assert.match(textOf(await who.get('/ui/')), new RegExp(`role ${role}`))
      }
    }
    const { tab: _, ...claims } = ui.idp.claims
    ui.idp.claims = claims
    await ui.configure()
  })

  test('a site that sends a browser to the start ends no session; the person is asked first', async () => {
    const who = visitor()
    await signIn(who)
    const elsewhere = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'document' }
    const start = '/ui/login/oidc/start?role=people'
    assert.equal(placeOf(await who.get(start, elsewhere)), '/ui/login/oidc?role=people')
    assert.equal((await who.get('/ui/')).status, 200)
    assert.match(placeOf(await visitor().get(start, elsewhere)), /\/authorize\?/)
  })

  test('an error of the provider is told word for word, as text, with a way on that keeps role and place', async () => {
    const who = visitor()
    const start = '/ui/login/oidc/start?role=people&return_to=%2Fui%2F%3Fa'
    const state = new URL(placeOf(await who.get(start))).searchParams.get('state') ?? ''
    const description = '<b>User</b> is not assigned'
    const denied = { error: 'access_denied', error_description: description, state }
    const query = new URLSearchParams(denied).toString()
    const first = await who.get(`/ui/vault/auth/oidc/oidc/callback?${query}`)
    const answer = await outcomeOf(who, first)
    assert.equal(answer.status, 400)
    assert.equal(answer.headers['x-login-reason'], 'idp_denied')
    assert.ok(!answer.text.includes('<b>User'))
    const text = textOf(answer)
    assert.ok(text.includes('access_denied: <b>User</b> is not assigned'))
    assert.match(text, /The identity provider has to change something\./)
    assert.match(text, /idp_denied · [0-9a-f-]{36}/)
    assert.match(
      answer.text,
      /href="\/ui\/login\/oidc\/start\?role=people&#38;return_to=%2Fui%2F%3Fa"/,
    )
  })

  test('without a sign-in of ours the words of the address are not shown', async () => {
    const who = visitor()
    const answer = await outcomeOf(
      who,
      await who.get(
        '/ui/vault/auth/oidc/oidc/callback?error=call+0800&error_description=your+bank&state=x',
      ),
    )
    assert.ok(!textOf(answer).includes('your bank') && !textOf(answer).includes('0800'))
  })

  test('a refused claim names the reason; the state is over', async () => {
    await ui.role('strict', { bound_claims: { email: 'alice@example.com' } })
    const who = visitor()
    const answer = await outcomeOf(who, await signIn(who, '?role=strict'))
    assert.equal(answer.status, 400)
    assert.match(textOf(answer), /A bound claim has another value/)
    assert.match(textOf(answer), /claim_mismatch/)
    assert.ok(!who.cookies.has(sessionCookie))
  })

  test('a redirect URI that the role does not allow is named, to be copied', async () => {
    await ui.role('elsewhere', { allowed_redirect_uris: ['https://example.com/cb'] })
    const answer = await visitor().get('/ui/login/oidc/start?role=elsewhere')
    assert.equal(answer.status, 400)
    assert.ok(textOf(answer).includes(`Redirect URI ${ui.callback}`))
    assert.ok(textOf(answer).includes('allowed_redirect_uris'))
  })

  test('an unknown role or mount is explained, not shown raw', async () => {
    const role = await visitor().get('/ui/login/oidc/start?role=nix')
    assert.equal(role.headers['x-login-reason'], 'role_unknown')
    assert.match(textOf(role), /There is no such role/)
    const mount = await visitor().get('/ui/login/nix/start')
    assert.match(mount.headers['content-type'] ?? '', /^text\/html/)
    assert.match(textOf(mount), /Nothing at auth\/nix\/ takes this kind of sign-in/)
    assert.match(textOf(mount), /Other ways to sign in/)
    const fields = { jwt: 'x', mount: 'nix' }
    const form = await visitor().submit('/ui/login', '/ui/login/jwt', fields)
    assert.match(textOf(form), /Nothing at auth\/nix\//)
  })

  test('a role of direct mode is for terminals', async () => {
    await ui.role('direct', { callback_mode: 'direct' })
    const answer = await visitor().get('/ui/login/oidc/start?role=direct')
    assert.match(textOf(answer), /This role is for terminals/)
  })

  test('several sign-ins may be under way; the sixth drops the oldest', async () => {
    const who = visitor()
    const backs: string[] = []
    for (let i = 0; i < 6; i++) {
      backs.push(await comeBack(who, `?return_to=${encodeURIComponent(`/ui/?${'a'.repeat(250)}`)}`))
      const flows = who.lastCookies.find((line) => line.includes('-flows=')) ?? ''
      assert.ok(flows.length < 4096)
    }
    const dropped = await outcomeOf(who, await who.get(backs[0] ?? ''))
    assert.match(textOf(dropped), /Started in another browser/)
    assert.equal((await who.get(backs[4] ?? '')).status, 303)
    assert.equal((await who.get(backs[5] ?? '')).status, 303)
  })

  test('`auto` starts at once, but not again after two tries, a failure or a sign-out', async () => {
    const auto = '/ui/login/oidc?auto=1&role=people'
    const who = visitor()
    for (let i = 0; i < 2; i++) {
      assert.equal(placeOf(await who.get(auto)), '/ui/login/oidc/start?role=people')
    }
    assert.match(textOf(await who.get(auto)), /does not start by itself/)
    const leaver = visitor()
    await signIn(leaver)
    await leaver.submit('/ui/', '/ui/sign-out', {})
    assert.equal((await leaver.get(auto)).status, 200)
    const failed = visitor()
    await failed.get('/ui/login/oidc/start?role=nix')
    assert.equal((await failed.get(auto)).status, 200)
    assert.equal((await visitor().get(`${auto}&with=token`)).status, 200)
    // Signed in again, it starts again.
    await signIn(failed)
    await failed.submit('/ui/', '/ui/sign-out', {})
    assert.ok(failed.cookies.has('__Host-tokenstile-auto'))
  })

  test('one that took too long says since when', async () => {
    const clock = manualClock()
    const slow = await setUpUi({ clock })
    const who = new Visitor(slow.url)
    const url = placeOf(await who.get('/ui/login/oidc/start'))
    const parameters = new URLSearchParams(slow.idp.authorize(url)).toString()
    clock.advance(12 * 60_000)
    const answer = await outcomeOf(
      who,
      await who.get(`/ui/vault/auth/oidc/oidc/callback?${parameters}`),
    )
    assert.match(textOf(answer), /This sign-in was started 12 min ago/)
    assert.match(answer.text, /Start again/)
    await slow.stop()
  })
})

suite('with a token', () => {
  test('shows who one is; signing out ends the token unless it is to be kept (SEC-WEB-14)', async () => {
    const client = await ui.root.tokenFor('walker', 'path "secret/*" { capabilities = ["read"] }', {
      display_name: 'walker',
      no_default_policy: false,
    })
    const who = visitor()
    await who.signInWithToken(String(client.token))
    const home = await who.get('/ui/')
    assert.match(textOf(home), /Signed in as token-walker/)
    assert.ok(!home.text.includes(String(client.token)))
    const session = who.cookies.get(sessionCookie) ?? ''
    const kept = await who.submit('/ui/', '/ui/sign-out', { token: 'keep' })
    assert.equal(placeOf(kept), '/ui/login?signed_out=1')
    assert.ok(!who.cookies.has(sessionCookie))
    assert.match(textOf(await who.get('/ui/login?signed_out=1')), /You are signed out/)
    assert.equal((await client.read('auth/token/lookup-self')).status, 200)
    // A copy of the cookie is worth nothing, although the token lives on (SEC-WEB-14).
    const copy = visitor()
    copy.cookies.set(sessionCookie, session)
    assert.equal(placeOf(await copy.get('/ui/')), '/ui/login')
    await who.signInWithToken(String(client.token))
    await who.submit('/ui/', '/ui/sign-out', {})
    assert.equal((await client.read('auth/token/lookup-self')).status, 403)
  })

  test('a root token is told as such', async () => {
    const who = visitor()
    await who.signInWithToken(ui.server.rootToken)
    assert.match(textOf(await who.get('/ui/')), /Everything\. This is a root token/)
  })

  test('one that cannot sign in is not echoed; a JWT is recognised', async () => {
    const wrong = await visitor().submit('/ui/login', '/ui/login/token', { token: 'hvs.wrong' })
    assert.equal(wrong.status, 403)
    assert.ok(!wrong.text.includes('hvs.wrong'))
    const jwt = await visitor().submit('/ui/login', '/ui/login/token', {
      token: 'eyJhbGciOiJ9.eyJ9.x',
    })
    assert.match(textOf(jwt), /looks like a JWT/)
    assert.equal(
      (await visitor().submit('/ui/login', '/ui/login/token', { token: '' })).status,
      403,
    )
  })

  test('SEC-WEB-07: a session whose token has ended is over', async () => {
    const client = await ui.root.tokenFor('short', 'path "secret/*" { capabilities = ["read"] }')
    const who = visitor()
    await who.signInWithToken(String(client.token))
    await ui.root.must('auth/token/revoke', { token: client.token })
    assert.equal(placeOf(await who.get('/ui/')), '/ui/login?ended=1')
    assert.ok(!who.cookies.has(sessionCookie))
    assert.match(textOf(await who.get('/ui/login?ended=1')), /expired or was revoked/)
  })

  test('signing out works when the token is gone already, and without a session', async () => {
    const client = await ui.root.tokenFor('gone', 'path "secret/*" { capabilities = ["read"] }')
    const who = visitor()
    await who.signInWithToken(String(client.token))
    const form_token = formTokenOf(await who.get('/ui/'))
    await ui.root.must('auth/token/revoke', { token: client.token })
    assert.equal(placeOf(await who.post('/ui/sign-out', { form_token })), '/ui/login?signed_out=1')
    const nobody = visitor()
    const answer = await nobody.submit('/ui/login', '/ui/sign-out', {})
    assert.equal(placeOf(answer), '/ui/login?signed_out=1')
  })

  test('a token that may not look at itself or revoke itself is told so', async () => {
    const client = await ui.root.tokenFor('blind', 'path "secret/x" { capabilities = ["read"] }')
    const who = visitor()
    await who.signInWithToken(String(client.token))
    assert.match(textOf(await who.get('/ui/')), /auth\/token\/lookup-self/)
    const out = placeOf(await who.submit('/ui/', '/ui/sign-out', {}))
    assert.match(textOf(await who.get(out)), /The token lives on/)
    assert.ok(!who.cookies.has(sessionCookie))
  })

  test('nobody is held by a token that has no end before its time', async () => {
    const made = await ui.root.must('auth/token/create', { policies: ['reader'], type: 'batch' })
    const who = visitor()
    await who.signInWithToken(String(made.body.auth.client_token))
    const out = placeOf(await who.submit('/ui/', '/ui/sign-out', {}))
    assert.match(textOf(await who.get(out)), /lives on until it expires/)
    assert.ok(!who.cookies.has(sessionCookie))
  })

  test('SEC-WEB-08: metadata is text', async () => {
    const made = await ui.root.must('auth/token/create', {
      policies: ['reader'],
      display_name: '<b>x</b>',
      meta: { '<i>a</i>': '<script>alert(1)</script>' },
    })
    const who = visitor()
    await who.signInWithToken(String(made.body.auth.client_token))
    const home = await who.get('/ui/')
    assert.ok(!/<script|<i>|<b>/.test(home.text))
    assert.ok(textOf(home).includes('<script>alert(1)</script>'))
  })

  test('a batch token too long for a cookie is said to be so', async () => {
    const made = await ui.root.must('auth/token/create', {
      policies: ['reader'],
      type: 'batch',
      meta: {
        long: 'x'.repeat(400),
        longer: 'y'.repeat(400),
        more: 'z'.repeat(400),
        most: 'a'.repeat(400),
        all: 'b'.repeat(400),
      },
    })
    const token = String(made.body.auth.client_token)
    assert.ok(token.length > 2800)
    const who = visitor()
    const answer = await who.submit('/ui/login', '/ui/login/token', { token })
    assert.match(textOf(answer), /too long for a browser/)
    assert.ok(!who.cookies.has(sessionCookie))
  })
})

suite('with a JWT', () => {
  before(async () => {
    await ui.root.must('sys/auth/jwt', { type: 'jwt', config: { listing_visibility: 'unauth' } })
    await ui.root.must('auth/jwt/config', { jwt_validation_pubkeys: [ui.idp.key.pem] })
    await ui.root.must('auth/jwt/role/ci', {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: ['us'],
      token_policies: ['reader'],
    })
  })

  function jwt(more: object = {}): string {
    const at = Math.floor(Date.now() / 1000)
    return ui.idp.key.sign({ sub: 'runner', aud: 'us', iat: at, exp: at + 60, ...more })
  }

  test('signs in through the mount and role of the form', async () => {
    const who = visitor()
    const fields = { jwt: jwt(), mount: 'auth/jwt/', role: 'ci', return_to: '/ui/?b' }
    assert.equal(placeOf(await who.submit('/ui/login', '/ui/login/jwt', fields)), '/ui/?b')
    assert.match(textOf(await who.get('/ui/')), /jwt-runner/)
  })

  test('a refusal names reason, fix and request, and never the JWT', async () => {
    const text = jwt({ aud: 'them' })
    const answer = await visitor().submit('/ui/login', '/ui/login/jwt', {
      jwt: text,
      mount: 'jwt',
      role: 'ci',
    })
    assert.equal(answer.status, 400)
    assert.equal(answer.headers['x-login-reason'], 'audience_mismatch')
    assert.ok(!answer.text.includes(text.split('.')[1] ?? '?'))
    const page = textOf(answer)
    assert.match(page, /Got aud them/)
    assert.doesNotMatch(page, /Expected/)
    const { text: meaning, fix } = reasons.audience_mismatch
    for (const once of [meaning, fix]) {
      assert.equal(page.split(once).length, 2, `${once} is said once on: ${page}`)
    }
    assert.match(answer.text, /href="\/ui\/login\?with=jwt&#38;role=ci"/)
  })

  test('a mount that is no path is refused before the API sees it', async () => {
    for (const mount of ['../sys/seal', '', 'a//b', 'jwt/login?x=']) {
      const answer = await visitor().submit('/ui/login', '/ui/login/jwt', { jwt: 'x', mount })
      assert.equal(answer.status, 400)
      assert.match(textOf(answer), /below auth\//)
    }
  })
})

suite('with a name and a password', () => {
  const at = '/ui/login/password'
  const form = (username: string, password: string, mount = 'people') => ({
    username,
    password,
    mount,
  })

  before(async () => {
    await ui.root.must('sys/auth/people', { type: 'userpass' })
    await ui.root.must('auth/people/users/alice', { password: 'right', token_policies: 'reader' })
  })
  after(() => ui.root.remove('sys/auth/people'))

  test('the form is there when a mount of it is shown to everybody', async () => {
    const hidden = await visitor().get('/ui/login')
    assert.ok(!hidden.text.includes(at))
    await ui.root.must('sys/auth/people/tune', { listing_visibility: 'unauth' })
    const shown = await visitor().get('/ui/login')
    assert.ok(shown.text.includes(`action="${at}"`))
    assert.match(shown.text, /<input type="hidden" name="mount" value="people"/)
    assert.match(shown.text, /autocomplete="username"/)
    const named = await visitor().get('/ui/login/people')
    assert.match(named.text, /<summary>With a password|class="button main">Sign in with the pass/)
    assert.ok(!named.text.includes('/ui/login/people/start'))
  })

  test('signs in, whatever the case of the name and the blanks around it', async () => {
    const who = visitor()
    const fields = { ...form(' Alice ', 'right'), return_to: '/ui/?b' }
    assert.equal(placeOf(await who.submit('/ui/login', at, fields)), '/ui/?b')
    assert.match(textOf(await who.get('/ui/')), /people-alice/)
  })

  test('a wrong password and an unknown name are told alike, and never repeated', async () => {
    const pages = []
    for (const name of ['alice', 'nobody']) {
      const answer = await visitor().submit('/ui/login', at, form(name, 'a wrong password'))
      assert.equal(answer.status, 400)
      assert.equal(answer.headers['x-login-reason'], 'credentials_refused')
      assert.ok(!answer.text.includes('a wrong password'))
      pages.push(textOf(answer).replaceAll(/[0-9a-f-]{36}/g, 'ID'))
    }
    assert.equal(pages[0], pages[1])
  })

  test('a name that is no part of a path is refused before the API sees it', async () => {
    for (const name of ['', '../sys/seal', 'a/b', 'a?b', '-a', 'x'.repeat(129), 'a\u0000']) {
      const answer = await visitor().submit('/ui/login', at, form(name, 'right'))
      assert.equal(answer.status, 400, name)
      assert.match(textOf(answer), /A name is made of/)
    }
    const nowhere = await visitor().submit('/ui/login', at, form('alice', 'right', 'nowhere'))
    assert.equal(nowhere.status, 404)
  })
})

suite('forms count in the browser that got them (cross-site request forgery)', () => {
  const paths = ['/ui/login/token', '/ui/login/jwt', '/ui/login/password', '/ui/sign-out']
  const fields = { token: 'x', jwt: 'x', mount: 'jwt' }

  for (const path of paths) {
    test(path, async () => {
      const who = visitor()
      const form_token = formTokenOf(await who.get('/ui/login'))
      const other = visitor()
      const foreign = formTokenOf(await other.get('/ui/login'))
      const session = who.cookies.get(sessionCookie) ?? ''
      const visit = who.cookies.get('__Host-tokenstile-visit') ?? ''
      const tries: readonly (readonly [string, object, object?])[] = [
        ['no form token', {}],
        ['the one of another browser', { form_token: foreign }],
        ['the bare cookie', { form_token: visit }],
        ['a sealed text of another purpose', { form_token: session }],
        ['another site', { form_token }, { 'Sec-Fetch-Site': 'cross-site', Origin: 'null' }],
        ['a sibling of this site', { form_token }, { 'Sec-Fetch-Site': 'same-site' }],
        ['another origin', { form_token }, { Origin: 'https://evil.test' }],
        ['another port', { form_token }, { Origin: 'http://127.0.0.1:1' }],
      ]
      for (const [label, form, headers] of tries) {
        const answer = await who.post(path, { ...fields, ...form }, { ...headers })
        assert.equal(answer.status, 403, label)
        assert.match(textOf(answer), /This form is not from here/)
      }
      const text = await who.call(
        'POST',
        path,
        { 'Content-Type': 'text/plain' },
        `form_token=${form_token}`,
      )
      assert.equal(text.status, 403)
      const nobody = await visitor().post(path, { ...fields, form_token })
      assert.equal(nobody.status, 403, 'without the cookie')
      const twice = await who.post(path, `form_token=${form_token}&form_token=${form_token}`)
      assert.equal(twice.status, 400)
    })
  }

  test('a form of ours is taken, whatever a browser says of where it is from', async () => {
    const client = await ui.root.tokenFor('formed', 'path "secret/*" { capabilities = ["read"] }')
    const taken: readonly Readonly<Record<string, string>>[] = [
      {},
      { Origin: 'null', 'Sec-Fetch-Site': 'same-origin' },
      { Origin: ui.url, 'Sec-Fetch-Site': 'same-origin' },
    ]
    for (const headers of taken) {
      const fields = { token: String(client.token) }
      const answer = await visitor().submit('/ui/login', '/ui/login/token', fields, headers)
      assert.equal(answer.status, 303, answer.text)
    }
  })

  test('after eight hours a form is too old', async () => {
    const clock = manualClock()
    const old = await startTestServer({ ui: true, clock })
    const who = new Visitor(old.url)
    const form_token = formTokenOf(await who.get('/ui/login'))
    clock.advance(8 * 3_600_000 + 1)
    const answer = await who.post('/ui/login/token', { form_token, token: old.rootToken })
    assert.equal(answer.status, 403)
    await old.stop()
  })
})

suite('SEC-WEB-10: the API knows no cookies', () => {
  test('a signed-in browser has no right there without the header', async () => {
    const who = visitor()
    await who.signInWithToken(ui.server.rootToken)
    assert.equal((await who.get('/ui/')).status, 200)
    for (const [method, path, body] of [
      ['GET', '/v1/auth/token/lookup-self', undefined],
      ['GET', '/v1/sys/mounts', undefined],
      ['POST', '/v1/auth/token/create', '{}'],
      ['POST', '/v1/sys/seal', '{}'],
    ] as const) {
      const headers = { 'Content-Type': 'application/json', Origin: 'https://evil.test' }
      const answer = await who.call(method, path, headers, body)
      assert.equal(answer.status, 403, path)
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
    }
    // What an open path tells to whoever shows a token, it does not tell to a cookie.
    assert.equal((await who.get('/v1/sys/internal/ui/resultant-acl')).status, 204)
    assert.equal((await who.get('/v1/sys/health')).status, 200)
  })

  test('the API sets none either', async () => {
    const answer = await ui.root.read('sys/health')
    assert.equal(answer.headers['set-cookie'], undefined)
  })
})

suite('names and nodes', () => {
  test('api_addr is the name that providers are told, and is an origin of its own forms', async () => {
    const named = await setUpUi({ publicAddress: 'https://stile.example:8443/ignored' })
    await named.role('people', {
      allowed_redirect_uris: ['https://stile.example:8443/ui/vault/auth/oidc/oidc/callback'],
    })
    const who = new Visitor(named.url)
    const url = new URL(placeOf(await who.get('/ui/login/oidc/start')))
    assert.equal(
      url.searchParams.get('redirect_uri'),
      'https://stile.example:8443/ui/vault/auth/oidc/oidc/callback',
    )
    const headers = { Origin: 'https://stile.example:8443' }
    const fields = { token: named.server.rootToken }
    assert.equal((await who.submit('/ui/login', '/ui/login/token', fields, headers)).status, 303)
    await named.stop()
  })

  test('without it the request says the name; one that is none is refused', async () => {
    await ui.role('by-name', {
      allowed_redirect_uris: ['http://stile.test:99/ui/vault/auth/oidc/oidc/callback'],
    })
    const named = await visitor().get('/ui/login/oidc/start?role=by-name', {
      Host: 'stile.test:99',
    })
    assert.equal(
      new URL(placeOf(named)).searchParams.get('redirect_uri'),
      'http://stile.test:99/ui/vault/auth/oidc/oidc/callback',
    )
    for (const host of ['evil.test/x', 'a b', 'u@evil.test', 'evil.test:99999']) {
      const answer = await visitor().get('/ui/login/oidc/start', { Host: host })
      assert.equal(answer.status, 400, host)
    }
  })

  test('over TLS the name is https', async () => {
    const { certificate, key } = makeCertificate({ commonName: 'x', altNames: ['127.0.0.1'] })
    const tls = tlsOptions({ pem: { kind: 'text', certificate, key } })
    const port = await freePort()
    const plain = tcpListener({ host: '127.0.0.1', port: 0 })
    const secure = await setUpUi({
      listeners: [plain, tcpListener({ host: '127.0.0.1', port, tls })],
    })
    const redirectUri = `https://127.0.0.1:${port}/ui/vault/auth/oidc/oidc/callback`
    await secure.role('people', { allowed_redirect_uris: [redirectUri] })
    const location = await new Promise<string>((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path: '/ui/login/oidc/start', ca: certificate }
      const request = httpsRequest({ ...options, agent: false }, (response) => {
        response.resume()
        resolve(response.headers.location ?? '')
      })
      request.on('error', reject)
      request.end()
    })
    assert.equal(new URL(location).searchParams.get('redirect_uri'), redirectUri)
    await secure.stop()
  })

  test('a session, and a sign-in under way, survive a restart', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'tokenstile-ui-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const before = await setUpUi({ storage: 'lmdb', folder })
    t.after(() => before.stop())
    const signedIn = new Visitor(before.url)
    await signedIn.signInWithToken(before.server.rootToken)
    const under = new Visitor(before.url)
    const url = placeOf(await under.get('/ui/login/oidc/start'))
    const parameters = new URLSearchParams(before.idp.authorize(url)).toString()
    const { unsealKey } = before.server
    await before.server.stop()
    const again = await startTestServer({ ui: true, storage: 'lmdb', folder, raw: true })
    t.after(() => again.stop())
    assert.equal((await signedIn.at(again.url).get('/ui/')).status, 503)
    await again.client().must('sys/unseal', { key: unsealKey })
    assert.match(textOf(await signedIn.at(again.url).get('/ui/')), /root token/)
    const back = `/ui/vault/auth/oidc/oidc/callback?${parameters}`
    assert.equal(placeOf(await under.at(again.url).get(back)), '/ui/')
  })
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
