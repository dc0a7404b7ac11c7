/** The log of logins: a line for each end of one, and nothing in it that could be used again. */

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { LineLogger } from '../../src/platform/logger.ts'
import { DirectBrowser } from '../harness/direct-browser.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { sendText, startServer } from '../oidc/fixture.ts'
import { changeEntity } from '../platform/fixture.ts'
import {
  assertStatus,
  configS,
  keyK,
  login,
  makeMount,
  plainClaims,
  plainRole,
  writeFrom,
} from './fixture.ts'
import { setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

type Line = Record<string, unknown>

/** Keeps the lines of a server, and tells those who wait for one. */
class Lines {
  readonly texts: string[] = []
  readonly #waiting: ((line: Line) => void)[] = []
  readonly logger = new LineLogger({
    level: 'info',
    format: 'json',
    nowMs: () => 0,
    write: (text) => {
      this.texts.push(text)
      for (const tell of this.#waiting) tell(JSON.parse(text) as Line)
    },
  })

  get logins(): readonly Line[] {
    return this.texts
      .map((text) => JSON.parse(text) as Line)
      .filter((one) => one['event'] === 'login')
  }

  /** The only line since the last look. */
  only(): Line {
    const { logins } = this
    assert.equal(logins.length, 1, this.texts.join(''))
    return logins[0] ?? {}
  }

  next(decision: string): Promise<Line> {
    return new Promise((resolve) => {
      this.#waiting.push((line) => {
        if (line['decision'] === decision) resolve(line)
      })
    })
  }

  clear(): void {
    this.texts.length = 0
  }
}

const lines = new Lines()
const clock = manualClock()
let server: TestServer
let mount: string

before(async () => {
  server = await startTestServer({ logger: lines.logger, clock })
  mount = await makeMount(server.root, configS)
})
after(() => server.stop())
beforeEach(() => {
  // A new second has the whole room for lines.
  clock.advance(1000)
  lines.clear()
})

let roles = 0
async function makeRole(more: object = {}, at = mount): Promise<string> {
  const name = `r${++roles}`
  await server.root.must(`auth/${at}/role/${name}`, { ...plainRole, ...more })
  return name
}

/** No part of a token of any kind stands in the log. */
function assertNoSecrets(...secrets: readonly string[]): void {
  const text = lines.texts.join('')
  for (const secret of secrets) {
    for (const piece of secret.split('.')) {
      if (piece.length > 3) assert.ok(!text.includes(piece), `${piece} in ${text}`)
    }
  }
  assert.doesNotMatch(text, /eyJ[\w-]{8}|hvs\.|hvb\./)
}

describe('logins with a JWT', () => {
  test('an accepted login leaves a line with all that an operator asks for', async () => {
    const role = await makeRole({ bound_claims: { env: 'prod' } })
    const jwt = keyK.sign({ ...plainClaims, env: 'prod', hobby: 'not for the log', exp: farAway })
    const made = await login(server, mount, role, jwt)
    assertStatus(made, 200)
    const { '@level': level, duration_ms, claims, ...line } = lines.only()
    assert.equal(level, 'info')
    assert.ok(String(line['key_id']).length > 0)
    assert.equal(typeof duration_ms, 'number')
    assert.deepEqual(JSON.parse(String(claims)), {
      iss: 'https://iss/',
      sub: 'u',
      aud: 'a',
      exp: String(farAway),
      env: 'prod',
      ...iatOf(jwt),
    })
    assert.deepEqual(line, {
      '@timestamp': line['@timestamp'],
      '@message': 'login accepted',
      event: 'login',
      decision: 'accepted',
      request_id: made.body.request_id,
      path: `auth/${mount}/login`,
      mount: `${mount}/`,
      role,
      issuer: 'https://iss/',
      key_id: line['key_id'],
      address: '127.0.0.1',
      accessor: made.body.auth.accessor,
      entity: made.body.auth.entity_id,
    })
    assertNoSecrets(jwt, made.body.auth.client_token)
  })

  test('a refused login leaves a line under the request id that the caller has (FIX-U1)', async () => {
    const role = await makeRole({ bound_claims: { env: 'prod' } })
    const jwt = keyK.sign({ ...plainClaims, env: 'dev' })
    const refused = await login(server, mount, role, jwt)
    assertStatus(refused, 400)
    const line = lines.only()
    assert.equal(line['@level'], 'warn')
    assert.equal(line['decision'], 'refused')
    assert.equal(line['request_id'], refused.headers['x-request-id'])
    assert.equal(line['reason'], 'claim_mismatch')
    assert.equal(line['check'], 'bound_claims')
    assert.equal(line['claim'], 'env')
    assert.equal(line['role'], role)
    assert.equal(line['mount'], `${mount}/`)
    assertNoSecrets(jwt)
  })

  test('before a signature is proven no value of the token is told', async () => {
    const role = await makeRole()
    const stranger = makeJwtMaker('k1')
    const jwt = stranger.sign({ ...plainClaims, sub: 'SOMEBODY', iss: 'https://ELSEWHERE' })
    for (const text of [jwt, `${jwt}x`, jwt.slice(0, -9), 'eyJhbGciOiJub25lIn0.e30.', 'hvs.CAES']) {
      assertStatus(await login(server, mount, role, text), 400)
    }
    assert.equal(lines.logins.length, 5)
    assert.doesNotMatch(lines.texts.join(''), /SOMEBODY|ELSEWHERE/)
    assertNoSecrets(jwt)
  })

  test('the log has the reason also where the caller does not hear it', async () => {
    const quiet = await makeMount(server.root, configS)
    await server.root.must(`sys/auth/${quiet}/tune`, { compat: 'vault' })
    const role = await makeRole({ token_bound_cidrs: ['127.0.0.1/32'] }, quiet)
    lines.clear()
    const wrong = await login(server, quiet, role, keyK.sign({ ...plainClaims, aud: 'else' }))
    assert.equal(wrong.headers['x-login-reason'], undefined)
    assert.equal(lines.only()['reason'], 'audience_mismatch')
    lines.clear()
    const body = { role, jwt: keyK.sign(plainClaims) }
    assertStatus(await writeFrom(server, '127.0.0.9', `auth/${quiet}/login`, body), 403)
    const { reason, address } = lines.only()
    assert.deepEqual([reason, address], ['source_address_refused', '127.0.0.9'])
    lines.clear()
    const made = await login(server, quiet, role, keyK.sign(plainClaims))
    await changeEntity(server, made.body.auth.entity_id, { disabled: true })
    lines.clear()
    assertStatus(await login(server, quiet, role, keyK.sign(plainClaims)), 403)
    assert.equal(lines.only()['reason'], 'entity_disabled')
    assert.equal(lines.only()['role'], role)
  })

  test('values of claims are cut, kept on one line, and never hold a token of somebody', async () => {
    const inner = keyK.sign({ sub: 'inner' })
    const role = await makeRole({
      bound_claims: { note: '*', bearer: '*', long: '*' },
      bound_claims_type: 'glob',
    })
    const note = 'a\nb\u001b[2K\u202e{"event":"login"}'
    const hostile = { ...plainClaims, note, bearer: inner, long: 'y'.repeat(100_000) }
    assertStatus(await login(server, mount, role, keyK.sign(hostile)), 200)
    assert.equal(lines.texts.length, 1)
    const [text = ''] = lines.texts
    assert.ok(text.length < 4000, String(text.length))
    assert.equal(text.trimEnd().split('\n').length, 1)
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(text.trimEnd(), /[\u0000-\u001f\u202e]/)
    assertNoSecrets(inner)
  })

  test('a login whose caller has gone leaves a line that it was broken off', async () => {
    let isHeld = false
    let answer = (): void => {}
    let tellAsked = (): void => {}
    const asked = new Promise<void>((resolve) => {
      tellAsked = resolve
    })
    // The key is published only after the mount was written, and that fetch is held until the end.
    const keys = await startServer((_request, response) => {
      if (!isHeld) return sendText(response, JSON.stringify({ keys: [makeJwtMaker('k0').jwk] }))
      answer = () => sendText(response, JSON.stringify({ keys: [keyK.jwk] }))
      tellAsked()
    })
    const slow = await makeMount(server.root, { jwks_url: keys.url })
    const role = await makeRole({}, slow)
    isHeld = true
    const body = JSON.stringify({ role, jwt: keyK.sign(plainClaims) })
    const socket = connect(server.port, '127.0.0.1')
    socket.write(
      `POST /v1/auth/${slow}/login HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    await asked
    const brokenOff = lines.next('broken_off')
    socket.destroy()
    // The server notices within these turns of the event loop that nobody is there any more.
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    answer()
    const line = await brokenOff
    assert.equal(line['@level'], 'warn')
    assert.equal(line['role'], role)
    await keys.close()
  })

  test('a flood of refusals writes 200 lines a second and counts the rest', async () => {
    const role = await makeRole()
    lines.clear()
    const jwt = keyK.sign({ ...plainClaims, aud: 'else' })
    for (let i = 0; i < 10; i++) {
      await Promise.all(Array.from({ length: 50 }, () => login(server, mount, role, jwt)))
    }
    assert.equal(lines.logins.length, 199)
    assertStatus(await login(server, mount, role, keyK.sign(plainClaims)), 200)
    assert.equal(lines.logins.at(-1)?.['decision'], 'accepted', 'an honest login keeps its line')
    clock.advance(1000)
    const told = lines.logins.at(-1)
    assert.equal(told?.['@message'], 'refused logins were left out of this log')
    assert.equal(told?.['count'], 301)
    lines.clear()
    await login(server, mount, role, jwt)
    assert.equal(lines.only()['decision'], 'refused')
  })
})

describe('sign-ins', () => {
  const told = new Lines()
  let setup: SignInSetup
  before(async () => {
    setup = await setUpSignIn({ logger: told.logger })
  })
  after(() => setup.stop())

  test('what strangers make a sign-in say besides has the same bound: junk starts and posted errors fill no disk', async () => {
    const said = new Lines()
    const ownClock = manualClock()
    const flooded = await setUpSignIn({ logger: said.logger, clock: ownClock })
    const own = 'https://server.test/ui/vault/auth/oidc/oidc/callback'
    const role = await flooded.role({ allowed_redirect_uris: [own] })
    await flooded.configure({ oidc_response_mode: 'form_post' })
    const { state } = await flooded.begin(role, { redirect_uri: own })
    ownClock.advance(1000)
    said.clear()
    const junk = { redirect_uri: `https://elsewhere.test/${'\u202e'.repeat(2000)}` }
    const error = { state, error: 'x'.repeat(200), error_description: '\u0001'.repeat(4096) }
    for (let i = 0; i < 10; i++) {
      await Promise.all(Array.from({ length: 30 }, () => flooded.authUrl(role, junk)))
      await Promise.all(Array.from({ length: 30 }, () => flooded.post(error)))
    }
    // Refused logins have their own two hundred.
    const others = said.texts.length - said.logins.length
    assert.ok(others <= 200, `${others} lines`)
    const longest = Math.max(...said.texts.map((text) => text.length))
    assert.ok(longest <= 8192, `${longest} characters`)
    ownClock.advance(1000)
    assert.match(said.texts.join(''), /lines were left out of this log/)
    await flooded.stop()
  })

  test('a direct sign-in that ends in a page leaves one line, and none more at the poll', async () => {
    const own = 'https://server.test/v1/auth/oidc/oidc/callback'
    const direct = { callback_mode: 'direct', allowed_redirect_uris: [own] }
    const role = await setup.role({ bound_claims: { email: 'nobody' }, ...direct })
    const browser = new DirectBrowser(setup.server.client(), setup.mount)
    for (const [answer, reason] of [
      ['yes', 'claim_mismatch'],
      ['no', 'idp_denied'],
    ] as const) {
      const begun = await setup.begin(role, { client_nonce: 'n1', redirect_uri: own })
      const page = await browser.arrive(begun)
      told.clear()
      await browser.press(page, answer)
      const line = told.only()
      assert.deepEqual([line['decision'], line['reason'], line['role']], ['refused', reason, role])
      assert.match(String(line['request_id']), /^[0-9a-f-]{36}$/)
      assert.equal((await setup.poll({ state: begun.state, client_nonce: 'n1' })).status, 400)
      told.only()
      const text = told.texts.join('')
      assert.ok(!text.includes(begun.code) && !text.includes(begun.state))
    }
  })

  test('accepted and refused ones leave a line each, and a start leaves none', async () => {
    const base = { claim_mappings: {}, groups_claim: '', bound_claims: {} }
    const role = await setup.role(base)
    const { code, state } = await setup.begin(role)
    told.clear()
    const made = await setup.callback({ state, code })
    assertStatus(made, 200)
    const accepted = told.only()
    assert.equal(accepted['decision'], 'accepted')
    assert.equal(accepted['mount'], 'oidc/')
    assert.equal(accepted['role'], role)
    assert.equal(accepted['issuer'], setup.idp.issuer)
    assert.equal(accepted['accessor'], made.body.auth.accessor)

    await setup.root.must(`auth/oidc/role/${role}`, { bound_subject: 'somebody else' })
    const again = await setup.begin(role)
    told.clear()
    const refused = await setup.callback({ state: again.state, code: again.code })
    assertStatus(refused, 400)
    const line = told.only()
    assert.deepEqual(
      [line['reason'], line['check'], line['claim']],
      ['subject_mismatch', 'subject', 'sub'],
    )
    assert.equal(line['request_id'], refused.headers['x-request-id'])

    told.clear()
    assertStatus(await setup.callback({ state: 'st_unknown', code: 'CODE-CANARY' }), 400)
    assert.equal(told.only()['reason'], 'state_unknown')
    const text = told.texts.join('')
    for (const secret of [
      code,
      'CODE-CANARY',
      setup.idp.clientSecret,
      made.body.auth.client_token,
    ]) {
      assert.ok(!text.includes(secret), secret)
    }
  })
})

const farAway = 4_000_000_000

function iatOf(jwt: string): { iat?: string } {
  const claims = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as {
    iat?: number
  }
  return claims.iat === undefined ? {} : { iat: String(claims.iat) }
}
